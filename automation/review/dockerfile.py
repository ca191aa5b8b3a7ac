"""Reading a Dockerfile as the builder reads it: directives, instructions with their flags, stages, images.

The builder's own rules hold: the escape directive, continued lines with comments between them, heredocs,
instructions in any case. What cannot be read becomes an instruction that nothing knows, never an exception.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

_DIRECTIVE = re.compile(r"^\s*#\s*([A-Za-z][A-Za-z0-9]*)\s*=\s*(.*?)\s*$")
_WORD = r"""(?:[^\s"'\\]|\\.|"(?:\\.|[^"\\])*"|'[^']*')+"""
_HEREDOC = re.compile(r"\d*<<(-?)([^<]+)")
_FLAG = re.compile(rf"--({_WORD})(?:\s+|$)")
_QUOTES = re.compile(r"[\"'\\]")
_VARIABLE = re.compile(r"\$(?:\{(\w+)(?:(:?[-+])([^{}]*))?\}|(\w+))")
_WITH_HEREDOCS = {"RUN", "COPY", "ADD", "ONBUILD"}


@dataclass(frozen=True)
class Instruction:
    """One instruction, continued lines joined."""

    keyword: str
    """In capitals."""
    line: int
    """Where it begins, counted from one."""
    flags: tuple[tuple[str, str], ...]
    """What stands as --name=value before the arguments, in order."""
    text: str
    """The arguments on one line, variables as they are written; heredocs follow on their own lines."""

    def flag(self, name: str) -> tuple[str, ...]:
        """Return the values of a flag, in order."""
        return tuple(value for each, value in self.flags if each == name)

    @property
    def mounts(self) -> tuple[Mapping[str, str], ...]:
        """The fields of each --mount; `type` is always among them."""
        mounts = []
        for value in self.flag("mount"):
            pairs = (part.partition("=")[::2] for part in value.split(","))
            fields = {name.strip().lower(): each.strip() for name, each in pairs}
            mounts.append({**fields, "type": fields.get("type", "bind").lower()})
        return tuple(mounts)


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
    for instruction in _instructions(text):
        if instruction.keyword == "FROM":
            stages.append([instruction])
        elif stages:
            stages[-1].append(instruction)
        else:
            arguments.append(instruction)
    return Dockerfile(tuple(arguments), tuple(_stage(each) for each in stages))


def directives(text: str) -> dict[str, tuple[int, str]]:
    """Return line and value of each parser directive, by its name in small letters."""
    found: dict[str, tuple[int, str]] = {}
    for number, line in enumerate(text.split("\n"), 1):
        if number == 1 and line.startswith("#!"):
            continue
        match = _DIRECTIVE.match(line)
        if match is None:
            break
        found.setdefault(match[1].lower(), (number, match[2]))
    return found


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


def _instructions(text: str) -> Iterator[Instruction]:
    lines = text.split("\n")
    escape = "`" if directives(text).get("escape", (0, ""))[1] == "`" else "\\"
    at = 0
    while at < len(lines):
        if not lines[at].strip() or lines[at].lstrip().startswith("#"):
            at += 1
            continue
        first, joined = at, ""
        while at < len(lines):
            line, at = lines[at].rstrip(), at + 1
            # A comment, and an empty line, between continued lines do not end them.
            if joined and (not line or line.lstrip().startswith("#")):
                continue
            joined += f"{line.removesuffix(escape)} "
            if not line.endswith(escape):
                break
        keyword, rest = (*joined.split(None, 1), "")[:2]
        flags, rest = _flags(rest.strip())
        heredocs: list[str] = []
        for dash, word in _heredocs(rest) if keyword.upper() in _WITH_HEREDOCS else ():
            while at < len(lines) and (lines[at].lstrip("\t") if dash else lines[at]) != word:
                heredocs.append(lines[at])
                at += 1
            at += 1
        yield Instruction(keyword.upper(), first + 1, flags, "\n".join((rest, *heredocs)))


def _heredocs(rest: str) -> list[tuple[str, str]]:
    """Return dash and end word of each heredoc. One that is part of a word, or quoted, is none."""
    found = (_HEREDOC.fullmatch(word) for word in re.findall(_WORD, rest))
    return [(match[1], _QUOTES.sub("", match[2])) for match in found if match]


def _flags(rest: str) -> tuple[tuple[tuple[str, str], ...], str]:
    flags: list[tuple[str, str]] = []
    while match := _FLAG.match(rest):
        # Quotes and backslashes may stand anywhere in a flag, and mean nothing there.
        name, _, value = _QUOTES.sub("", match[1]).partition("=")
        flags.append((name.lower(), value))
        rest = rest[match.end() :]
    return tuple(flags), rest


def _stage(instructions: Sequence[Instruction]) -> Stage:
    words = instructions[0].text.split()
    named = len(words) == 3 and words[1].upper() == "AS"
    return Stage(words[0] if words else "", words[2].lower() if named else "", tuple(instructions))
