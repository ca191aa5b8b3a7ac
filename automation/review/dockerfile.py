"""A candidate's Dockerfile as it stands: what comes before its stages, its stages, and what names mean there.

Nothing in it is refused here: what is wrong with it is for the review to find.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from automation.docker.dockerfile import Instruction, instructions

_QUOTES = re.compile(r"[\"'\\]")
_VARIABLE = re.compile(r"\$(?:\{(\w+)(?:(:?[-+])([^{}]*))?\}|(\w+))")


@dataclass(frozen=True)
class Stage:
    """A FROM and what follows it."""

    base: str
    """The image or the stage, as written."""
    name: str
    """In small letters; empty when it has none."""
    instructions: tuple[Instruction, ...]
    """The FROM first."""


@dataclass(frozen=True)
class Dockerfile:
    """A file that has been read."""

    arguments: tuple[Instruction, ...]
    """What stands before the first FROM."""
    stages: tuple[Stage, ...]

    def instructions(self) -> Iterator[Instruction]:
        """Yield every instruction in order."""
        yield from self.arguments
        for stage in self.stages:
            yield from stage.instructions

    def values(self, given: Mapping[str, str]) -> dict[str, str]:
        """Return the arguments that a FROM may use, with the values that are given or else their own."""
        values: dict[str, str] = {}
        for each in self.arguments:
            for word in each.text.split() if each.keyword == "ARG" else ():
                name, assigned, default = word.partition("=")
                value = given.get(name, expand(_QUOTES.sub("", default), values) if assigned else None)
                if value is not None:
                    values[name] = value
        return values

    def stage(self, name: str, before: int) -> int | None:
        """Return the index of the stage that a name or a number means, among those before an index."""
        if name.isdecimal() and int(name) < before:
            return int(name)
        named = [at for at in range(before) if self.stages[at].name == name.lower() != ""]
        return named[-1] if named else None


def read(text: str) -> Dockerfile:
    """Read a Dockerfile."""
    arguments: list[Instruction] = []
    stages: list[list[Instruction]] = []
    for instruction in instructions(text):
        if instruction.keyword == "FROM":
            stages.append([instruction])
        elif stages:
            stages[-1].append(instruction)
        else:
            arguments.append(instruction)
    return Dockerfile(tuple(arguments), tuple(_stage(each) for each in stages))


def expand(text: str, values: Mapping[str, str]) -> str | None:
    """Return the text with its variables replaced; None when one has no value or asks for more than that."""
    unknown = False

    def value(found: re.Match[str]) -> str:
        nonlocal unknown
        name, operator, word = found[1] or found[4], found[2] or "", found[3] or ""
        known = values.get(name)
        if operator.endswith("+"):
            return word if known else ""
        if operator.endswith("-"):
            return known or word
        unknown = unknown or known is None
        return known or ""

    expanded = _VARIABLE.sub(value, text)
    return None if unknown or "$" in expanded else expanded


def _stage(instructions: Sequence[Instruction]) -> Stage:
    words = instructions[0].text.split()
    named = len(words) == 3 and words[1].upper() == "AS"
    return Stage(words[0] if words else "", words[2].lower() if named else "", tuple(instructions))
