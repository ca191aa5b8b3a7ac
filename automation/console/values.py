"""Validates user input: numbers against their range, names against their choices."""

import difflib
from collections.abc import Iterable

from automation.console.errors import UsageError

_MOST_CHOICES = 12


def whole_number(text: str, flag: str, unit: str, lowest: int, highest: int) -> int:
    """Return the number that the text is. Raises UsageError unless it is from `lowest` to `highest`."""
    if not (text.isascii() and text.isdecimal() and lowest <= int(text[:12]) <= highest):
        raise UsageError(
            f"{flag} {text!r} is not {unit}", why=f"it must be a whole number from {lowest} to {highest}"
        )
    return int(text)


def nearest(name: str, choices: Iterable[str]) -> str:
    """Return the choice that the name is most like; empty when it is like none."""
    return next(iter(difflib.get_close_matches(name, list(choices), n=1)), "")


def unknown(kind: str, name: str, choices: Iterable[str], flag: str = "", listing: str = "") -> UsageError:
    """Return the error for a `name` that is none of the choices: it lists them and suggests a near one.

    The name was given with `flag`, a flag or a variable; `--kind` when empty. `listing` is the command that
    lists the choices, for when there are too many to name.
    """
    known = list(choices)
    near = nearest(name, known)
    origin = flag or f"--{kind}"
    remedies = [f"{origin} {near}" if origin.startswith("-") else f"{origin}={near}"] if near else []
    if len(known) > _MOST_CHOICES:
        why = f"did you mean {near}?" if near else f"there are {len(known)} {kind}s"
    else:
        why = f"the {kind}s are {', '.join(known)}"
    return UsageError(
        f"there is no {kind} {name!r}", why=why, remedies=[*remedies, *([listing] if listing else [])]
    )
