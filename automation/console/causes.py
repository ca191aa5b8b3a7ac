"""The table from a program's output to its cause and remedies, which stands in `causes.toml`.

Each program has a sequence of causes, the most specific first. `find` returns the first one that matches:

    cause = causes.find(causes.REGISTRY, output, login="docker login")

`why`, `what` and `remedies` are format strings: `{0}` is the pattern's first group, `{match}` its match,
and a name such as `{login}` is a value that the caller passes.
"""

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

_LONGEST = 300
_DATA: dict[str, Any] = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))


@dataclass(frozen=True)
class Cause:
    """Why a program failed."""

    pattern: str
    """A regular expression; case does not matter. In the file, the name of a pattern or parts of one."""
    why: str
    remedies: Sequence[str] = ()
    what: str = ""
    """The message, where this says more than "PROGRAM failed"."""
    kind: str = ""
    """Kind for callers to choose by: `unavailable` if the program cannot be used at all."""
    requires: str = ""
    """A value without which this is not the cause, such as the host that DOCKER_HOST names."""
    groups: tuple[str, ...] = ()
    """Matches of the pattern's groups; set by `find`."""


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


def _table(*names: str) -> tuple[Cause, ...]:
    """Return the causes of these names in the file, in this order."""
    rows: list[dict[str, Any]] = [row for name in names for row in _DATA[name]]
    patterns = (_DATA["patterns"].get(str(row["pattern"]), row["pattern"]) for row in rows)
    return tuple(
        Cause(**row | {"pattern": "".join(pattern)}) for row, pattern in zip(rows, patterns, strict=True)
    )


DOCKER = _table("disk", "docker")
BUILD = _table("build", "disk", "docker")
BUILD_STEP = _table("disk", "build-step")
BASE_IMAGE = _table("base-image")
REGISTRY = _table("registry")
AGENT = _table("agent")
CLUSTER = _table("cluster")
POD = _table("pod")
