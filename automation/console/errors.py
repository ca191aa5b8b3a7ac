"""Errors in three parts: what happened, why, and what to try; and the checks of what a person types.

Every expected failure of the library is an `AutomationError`; `runner` turns it into one message and an exit
code. Any other exception is a bug of this project.
"""

import difflib
import errno
import signal
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

FAILED = 1
MISUSED = 2
INTERRUPTED = 130


class AutomationError(Exception):
    """A failure that the user can fix."""

    exit_code = FAILED

    def __init__(
        self, what: str, *, why: str = "", details: Sequence[str] = (), remedies: Sequence[str] = ()
    ) -> None:
        super().__init__(what)
        self.what = what
        self.why = why
        self.details = tuple(details)
        """Further lines, such as the end of a program's output."""
        self.remedies = tuple(remedies)
        """Suggestions: commands or sentences."""
        self.shown = False
        """Whether a failed step has already shown the error."""

    @property
    def parts(self) -> tuple[str, str, tuple[str, ...], tuple[str, ...]]:
        """All of it as text: the event, its cause, the details and the suggestions."""
        return self.what, self.why, self.details, self.remedies


class UsageError(AutomationError):
    """A flag or a value is wrong."""

    exit_code = MISUSED


class InterruptedBySignalError(AutomationError):
    """A signal ended the work: exit code 128 plus its number, as a shell counts."""

    def __init__(self, signal_number: int) -> None:
        super().__init__("interrupted")
        name = signal.Signals(signal_number).name
        self.signal_name = "Ctrl-C" if name == "SIGINT" else name
        self.exit_code = 128 + signal_number


def explain(error: Exception) -> AutomationError:
    """Return the error that a person reads for any exception."""
    if isinstance(error, AutomationError):
        return error
    if isinstance(error, OSError):
        return AutomationError(f"{error.filename or 'the output'}: {reason(error)}", remedies=remedies(error))
    return AutomationError(
        "unexpected error; please report this bug",
        why=f"{type(error).__name__}: {error}",
        remedies=["the same command with --debug, which prints the traceback"],
    )


@contextmanager
def refused(what: str, *more: str) -> Iterator[None]:
    """Turn what the file system refuses in the block into an AutomationError with `more` remedies."""
    try:
        yield
    except OSError as error:
        raise AutomationError(what, why=reason(error), remedies=[*remedies(error), *more]) from error


def reason(error: Exception) -> str:
    """Return why the file system refused, in words and without a class name."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror[0].lower() + error.strerror[1:]
    return str(error)


def remedies(error: OSError) -> tuple[str, ...]:
    """Return what to try when the file system refuses."""
    if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
        return ("free some space: invoke clean removes builds, caches and packages",)
    if error.errno in {errno.EACCES, errno.EPERM, errno.EROFS}:
        return ("check the permissions there",)
    return ()


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
