"""The model of a Dockerfile: directives, instructions, stages, and the images that a build uses.

`parse` takes any text, also one that is no Dockerfile, because a review must judge it before Docker does. It
follows the builder's rules: the escape directive, continued lines with comments between them, heredocs,
keywords in any case. `Dockerfile.resolve` then chooses a target, fills in the build arguments and is strict.
"""

import json
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

from automation.console.errors import AutomationError
from automation.process import files

KEYWORDS = frozenset({
    "ADD", "ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "FROM", "HEALTHCHECK", "LABEL", "MAINTAINER",
    "ONBUILD", "RUN", "SHELL", "STOPSIGNAL", "USER", "VOLUME", "WORKDIR",
})  # fmt: skip

_DIRECTIVE = re.compile(r"^\s*#\s*([A-Za-z][A-Za-z0-9]*)\s*=\s*(.*?)\s*$")
_WORD = r"""(?:[^\s"'\\]|\\.|"(?:\\.|[^"\\])*"|'[^']*')+"""
_HEREDOC = re.compile(r"\d*<<(-?)([^<]+)")
_FLAG = re.compile(rf"--({_WORD})(?:\s+|$)")
_QUOTES = re.compile(r"[\"'\\]")
_WITH_HEREDOCS = {"RUN", "COPY", "ADD", "ONBUILD"}
_NAME = r"[A-Za-z_][A-Za-z0-9_]*"
_VARIABLE = re.compile(
    rf"\\(?P<escaped>\$)|\$(?:(?P<plain>{_NAME})|\{{(?P<braced>{_NAME})(?::?(?P<how>[-+])(?P<word>[^}}]*))?\}})"
)


class DockerfileError(AutomationError):
    """The text is not a Dockerfile, or has no such target."""


@dataclass(frozen=True)
class Instruction:
    """One instruction, continued lines joined."""

    keyword: str
    """In capitals."""
    line: int
    """Line of its start, counted from one."""
    flags: tuple[tuple[str, str], ...]
    """Names and values of the flags before the arguments, in order."""
    text: str
    """The arguments on one line, with variables as written; heredocs follow on their own lines."""

    def flag(self, name: str) -> tuple[str, ...]:
        return tuple(value for flag, value in self.flags if flag == name)

    @property
    def mounts(self) -> tuple[Mapping[str, str], ...]:
        """The fields of each --mount; `type` is always among them."""
        mounts = []
        for value in self.flag("mount"):
            pairs = (part.partition("=")[::2] for part in value.split(","))
            fields = {"type": "bind"} | {name.strip().lower(): text.strip() for name, text in pairs}
            mounts.append({**fields, "type": fields["type"].lower()})
        return tuple(mounts)

    @property
    def sources(self) -> tuple[str, ...]:
        """The stages and images that its flags take files from."""
        mounted = (mount.get("from", "") for mount in self.mounts)
        return tuple(name for name in (*self.flag("from"), *mounted) if name)

    @property
    def exec_form(self) -> tuple[str, ...] | None:
        """The items of the JSON array, or None for the shell form."""
        try:
            items = json.loads(self.text)
        except ValueError:
            return None
        return tuple(map(str, items)) if isinstance(items, list) else None

    @property
    def words(self) -> tuple[str, ...]:
        """The arguments: the items of the exec form, or words as a shell splits them."""
        if (items := self.exec_form) is not None:
            return items
        head = self.text.split("\n", 1)[0]
        try:
            return tuple(shlex.split(head))
        except ValueError:  # an unclosed quotation mark, as in don't
            return tuple(head.split())

    @property
    def pairs(self) -> dict[str, str]:
        """The names and values of an ENV, LABEL or ARG; an ARG without a default has an empty one."""
        words = self.words
        if self.keyword in {"ENV", "LABEL"} and words and "=" not in words[0]:
            return {words[0]: self.text.partition(words[0])[2].strip()}
        return {name: value for name, _, value in (word.partition("=") for word in words)}


@dataclass(frozen=True)
class Stage:
    """A FROM and the instructions up to the next one."""

    number: int
    name: str
    """Empty without AS."""
    base: str
    """An image, `scratch`, or the name of an earlier stage."""
    head: Instruction
    instructions: tuple[Instruction, ...]
    arguments: Mapping[str, str] = field(default_factory=dict)
    """Once resolved: the build arguments at its end, those of the stages below included."""
    environment: Mapping[str, str] = field(default_factory=dict)

    def all(self, *keywords: str) -> tuple[Instruction, ...]:
        return tuple(instruction for instruction in self.instructions if instruction.keyword in keywords)

    def expand(self, text: str) -> str:
        """Return the text with the variables of this stage filled in; ENV wins over ARG."""
        return expand(text, {**self.arguments, **self.environment})

    @property
    def references(self) -> tuple[str, ...]:
        """The stages and images that it is made from, its base first."""
        return (self.base, *(name for instruction in self.instructions for name in instruction.sources))


@dataclass(frozen=True)
class Dockerfile:
    """A file as written, or resolved for a target."""

    text: str
    directives: Mapping[str, tuple[int, str]]
    """Line and value of each parser directive, by its name in small letters."""
    preamble: tuple[Instruction, ...]
    """Instructions before the first FROM."""
    stages: tuple[Stage, ...]
    """All in the order of the file; once resolved, those that the target needs."""
    arguments: Mapping[str, str | None]
    """Every ARG of the whole file with its first default; None without one."""
    default_images: tuple[str, ...] = ()
    """Once resolved with arguments: the external images of a build without any."""

    def instructions(self) -> Iterator[Instruction]:
        yield from self.preamble
        for stage in self.stages:
            yield stage.head
            yield from stage.instructions

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(stage.name for stage in self.stages if stage.name)

    @property
    def target(self) -> Stage:
        return self.stages[-1]

    @property
    def external(self) -> tuple[str, ...]:
        """The images that a build takes from elsewhere, in the order of the file, without `scratch`."""
        found = [(name, stage.number) for stage in self.stages for name in stage.references]
        own = (name for name, before in found if name != "scratch" and not self.stage(name, before))
        return tuple(dict.fromkeys(own))

    def stage(self, name: str, before: int) -> Stage | None:
        """Return the stage that a name or number means to the stage numbered `before`; None for an image."""
        for stage in reversed(self.stages):
            if stage.number < before and name.lower() in {stage.name.lower() or None, str(stage.number)}:
                return stage
        return None

    def lineage(self, stage: Stage) -> tuple[Stage, ...]:
        """Return the stage preceded by the stages that it is built on."""
        below = self.stage(stage.base, stage.number)
        return (*(self.lineage(below) if below is not None else ()), stage)

    def needed(self, target: str = "") -> tuple[Stage, ...]:
        """Return the stages that a target, by default the last stage, is made from, and itself, in order.

        Raises DockerfileError when there is no such target, or no stage at all.
        """
        if not self.stages:
            raise DockerfileError("the Dockerfile has no FROM", why="an image is built from a base image")
        stage = self.stage(target, len(self.stages)) if target else self.target
        if stage is None:
            known = ", ".join(self.names) or "without names"
            raise DockerfileError(f"the Dockerfile has no target {target!r}", why=f"its stages are {known}")
        needed = {stage.number}
        for later in reversed(self.stages):
            if later.number in needed:
                found = (self.stage(name, later.number) for name in later.references)
                needed |= {earlier.number for earlier in found if earlier is not None}
        return tuple(stage for stage in self.stages if stage.number in needed)

    def preset(self, given: Mapping[str, str]) -> dict[str, str]:
        """Return the arguments that a FROM may use: as given, or else their defaults."""
        values: dict[str, str] = {}
        for instruction in self.preamble:
            if instruction.keyword == "ARG":
                values |= _declared(instruction, given, {}, values)
        return values

    def resolve(self, *, target: str = "", arguments: Mapping[str, str] | None = None) -> Self:
        """Return the stages that the target needs, with variables in bases and flags filled in.

        Raises DockerfileError when the text is not a Dockerfile, or has no such target.
        """
        self._check()
        given = arguments or {}
        preset = self.preset(given)
        resolved = replace(self, stages=())
        for stage in self.stages:
            stages = (*resolved.stages, _resolve_stage(stage, resolved, given, preset))
            resolved = replace(resolved, stages=stages)
        default_images = self.resolve(target=target).external if given else ()
        return replace(resolved, stages=resolved.needed(target), default_images=default_images)

    def _check(self) -> None:
        for instruction in self.instructions():
            if instruction.keyword not in KEYWORDS:
                raise DockerfileError(
                    f"line {instruction.line} begins with {instruction.keyword[:40]!r}",
                    why="a Dockerfile has no such instruction",
                )
        for instruction in self.preamble:
            if instruction.keyword != "ARG":
                what = f"line {instruction.line} is {instruction.keyword} before any FROM"
                raise DockerfileError(what, remedies=["begin with FROM"])
        for stage in self.stages:
            if len(stage.head.text.split()) != 1 and not stage.name:
                what = f"line {stage.head.line} is not FROM image [AS name]"
                raise DockerfileError(what, details=[f"FROM {stage.head.text}"])


def parse(text: str) -> Dockerfile:
    """Return the Dockerfile as written, whatever the text is."""
    directives = _directives(text)
    groups: list[list[Instruction]] = [[]]
    arguments: dict[str, str | None] = {}
    for instruction in _instructions(text, directives.get("escape", (0, ""))[1]):
        if instruction.keyword == "FROM":
            groups.append([])
        groups[-1].append(instruction)
        for word in instruction.words if instruction.keyword == "ARG" else ():
            name, assigned, default = word.partition("=")
            if arguments.get(name) is None:
                arguments[name] = default if assigned else None
    preamble, *bodies = groups
    stages = []
    for number, (head, *body) in enumerate(bodies):
        words = head.text.split()
        name = words[2] if len(words) == 3 and words[1].upper() == "AS" else ""
        stages.append(Stage(number, name, "".join(words[:1]), head, tuple(body)))
    return Dockerfile(text, directives, tuple(preamble), tuple(stages), arguments)


def load(root: Path, name: str) -> Dockerfile:
    """Return the Dockerfile at a path relative to the root. Raises AutomationError."""
    return parse(files.read_text(root, name))


def expand(text: str, values: Mapping[str, str], missing: str = "") -> str:
    """Return the text with `$NAME`, `${NAME}`, `${NAME:-word}` and `${NAME:+word}` filled in.

    A variable without a value is empty; where `missing` is given, that stands for every use of it.
    """

    def value(found: re.Match[str]) -> str:
        if found["escaped"]:
            return "$"
        name = found["plain"] or found["braced"]
        if name not in values and missing:
            return missing
        match found["how"]:
            case "-":
                return values.get(name) or expand(found["word"], values, missing)
            case "+":
                return expand(found["word"], values, missing) if values.get(name) else ""
        return values.get(name, "")

    return _VARIABLE.sub(value, text)


def _resolve_stage(
    stage: Stage, earlier: Dockerfile, given: Mapping[str, str], preset: Mapping[str, str]
) -> Stage:
    base = expand(stage.base, preset)
    below = earlier.stage(base, stage.number)
    arguments = dict(below.arguments) if below is not None else {}
    environment = dict(below.environment) if below is not None else {}
    for instruction in stage.instructions:
        known = {**arguments, **environment}
        if instruction.keyword == "ARG":
            arguments |= _declared(instruction, given, preset, known)
        elif instruction.keyword == "ENV":
            environment |= {name: expand(value, known) for name, value in instruction.pairs.items()}
    stage = replace(stage, base=base, arguments=arguments, environment=environment)
    filled = (
        replace(step, flags=tuple((name, stage.expand(value)) for name, value in step.flags))
        for step in stage.instructions
    )
    return replace(stage, instructions=tuple(filled))


def _declared(
    instruction: Instruction, given: Mapping[str, str], preset: Mapping[str, str], known: Mapping[str, str]
) -> dict[str, str]:
    """Return the values that an ARG sets: as given, its default, or one from before the first FROM."""
    values = {}
    for word in instruction.words:
        name, assigned, default = word.partition("=")
        if name in given:
            values[name] = given[name]
        elif assigned:
            values[name] = expand(default, known)
        elif name in preset:
            values[name] = preset[name]
    return values


def _instructions(text: str, escape: str) -> Iterator[Instruction]:
    lines = text.split("\n")
    escape = "`" if escape == "`" else "\\"
    at = 0
    while at < len(lines):
        if not lines[at].strip() or lines[at].lstrip().startswith("#"):
            at += 1
            continue
        first, joined = at, ""
        while at < len(lines):
            line, at = lines[at].rstrip(), at + 1
            # A comment or an empty line between continued lines does not end them.
            if joined and (not line or line.lstrip().startswith("#")):
                continue
            joined += f"{line.removesuffix(escape)} "
            if not line.endswith(escape):
                break
        if not joined.strip():
            continue
        keyword, rest = (*joined.split(None, 1), "")[:2]
        flags, rest = _flags(rest.strip())
        heredocs: list[str] = []
        for dash, word in _heredocs(rest) if keyword.upper() in _WITH_HEREDOCS else ():
            while at < len(lines) and (lines[at].lstrip("\t") if dash else lines[at]) != word:
                heredocs.append(lines[at])
                at += 1
            at += 1
        yield Instruction(keyword.upper(), first + 1, flags, "\n".join((rest, *heredocs)))


def _directives(text: str) -> dict[str, tuple[int, str]]:
    found: dict[str, tuple[int, str]] = {}
    for number, line in enumerate(text.split("\n"), 1):
        if number == 1 and line.startswith("#!"):
            continue
        match = _DIRECTIVE.match(line)
        if match is None:
            break
        found.setdefault(match[1].lower(), (number, match[2]))
    return found


def _heredocs(rest: str) -> list[tuple[str, str]]:
    """Return dash and end word of each heredoc; one that is quoted or part of a word does not count."""
    found = (_HEREDOC.fullmatch(word) for word in re.findall(_WORD, rest))
    return [(match[1], _QUOTES.sub("", match[2])) for match in found if match]


def _flags(rest: str) -> tuple[tuple[tuple[str, str], ...], str]:
    flags: list[tuple[str, str]] = []
    while match := _FLAG.match(rest):
        # Quotes and backslashes may stand anywhere in a flag and have no meaning there.
        name, _, value = _QUOTES.sub("", match[1]).partition("=")
        flags.append((name.lower(), value))
        rest = rest[match.end() :]
    return tuple(flags), rest
