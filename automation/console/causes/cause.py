"""A cause in the table from a program's output to cause and remedies.

Each program has a sequence of causes, the most specific first. `find` returns the first one that matches:

    cause = causes.find(causes.REGISTRY, output, login="docker login")

`why`, `what` and `remedies` are format strings: `{0}` is the pattern's first group, `{match}` its match,
and a name such as `{login}` is a value that the caller passes.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

_LONGEST = 300


@dataclass(frozen=True)
class Cause:
    """Why a program failed."""

    pattern: str
    """A regular expression; case does not matter."""
    why: str
    remedies: tuple[str, ...] = ()
    what: str = ""
    """The message, where this says more than "PROGRAM failed"."""
    kind: str = ""
    """What the caller chooses by: `unavailable` where nothing can be done with the program at all."""
    requires: str = ""
    """A value without which this is not the cause, such as the host that DOCKER_HOST names."""
    groups: tuple[str, ...] = ()
    """What the pattern's groups matched; set by `find`."""


def find(table: Sequence[Cause], output: str, **values: str) -> Cause | None:
    """Return the first cause whose pattern the output matches, its placeholders filled in."""
    for cause in table:
        if cause.requires and not values.get(cause.requires):
            continue
        if found := re.search(cause.pattern, output, re.IGNORECASE):
            groups = [_short(group or "") for group in found.groups()]
            named = {**values, "match": _short(found[0])}
            return replace(
                cause,
                why=cause.why.format(*groups, **named),
                what=cause.what.format(*groups, **named),
                remedies=tuple(remedy.format(*groups, **named) for remedy in cause.remedies),
                groups=tuple(groups),
            )
    return None


def _short(text: str) -> str:
    return " ".join(text.split())[:_LONGEST]
