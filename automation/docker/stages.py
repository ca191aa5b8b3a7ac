"""A Dockerfile as data: its stages, and what their instructions say once the arguments are filled in.

Docker itself answers only by building. A review must also judge a file that nobody wants to build yet.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from automation.console.errors import AutomationError
from automation.docker.dockerfile import KEYWORDS, Instruction, instructions

_NAME = r"[A-Za-z_][A-Za-z0-9_]*"
_VARIABLE = re.compile(
    rf"\\(?P<escaped>\$)|\$(?:(?P<plain>{_NAME})|\{{(?P<braced>{_NAME})(?::(?P<how>[-+])(?P<word>[^}}]*))?\}})"
)


class DockerfileError(AutomationError):
    """A text that is no Dockerfile."""


@dataclass(frozen=True)
class Stage:
    """What stands between one FROM and the next."""

    number: int
    name: str
    """The name after AS; the number where it has none."""
    base: str
    """What it is built from: an image, `scratch`, or the name of an earlier stage."""
    instructions: tuple[Instruction, ...]
    arguments: Mapping[str, str]
    """The build arguments that are known at its end."""
    variables: Mapping[str, str]
    """The environment at its end, that of the stages below included."""

    def all(self, *keywords: str) -> tuple[Instruction, ...]:
        """Return the instructions of these kinds."""
        return tuple(each for each in self.instructions if each.keyword in keywords)

    def expand(self, text: str) -> str:
        """Return the text with the variables that are known here filled in."""
        return expand(text, {**self.arguments, **self.variables})


@dataclass(frozen=True)
class Dockerfile:
    """The stages that the image of a target is made of, in the order of the file; the last is the target."""

    stages: tuple[Stage, ...]
    defaults: Mapping[str, str | None]
    """Every ARG of the whole file, with its first default; None where it never has one."""
    unasked: tuple[str, ...] = ()
    """The images that a build takes from elsewhere when nobody gives it arguments."""

    @property
    def target(self) -> Stage:
        """The stage that becomes the image."""
        return self.stages[-1]

    def lineage(self, stage: Stage) -> tuple[Stage, ...]:
        """Return the stage with the stages that it is built on, the lowest first."""
        below = _find(stage.base, self.stages, stage.number)
        return (*(self.lineage(below) if below is not None else ()), stage)

    @property
    def external(self) -> tuple[str, ...]:
        """The images that the build takes from elsewhere, in the order of the file; not `scratch`."""
        found = [
            name
            for stage in self.stages
            for name in (stage.base, *_sources(stage))
            if name != "scratch" and _find(name, self.stages, stage.number) is None
        ]
        return tuple(dict.fromkeys(found))


def parse(text: str, *, target: str = "", arguments: Mapping[str, str] | None = None) -> Dockerfile:
    """Return the stages that the target needs, the last stage's by default, with these build arguments.

    Raises DockerfileError when the text is no Dockerfile, or has no such target.
    """
    given = dict(arguments or {})
    before: list[Instruction] = []
    grouped: list[list[Instruction]] = []
    for instruction in instructions(text):
        if instruction.keyword not in KEYWORDS:
            what = f"line {instruction.line} begins with {instruction.keyword[:40]!r}"
            raise DockerfileError(what, why="no instruction of a Dockerfile does")
        if instruction.keyword == "FROM":
            grouped.append([instruction])
        elif grouped:
            grouped[-1].append(instruction)
        elif instruction.keyword == "ARG":
            before.append(instruction)
        else:
            what = f"line {instruction.line} is {instruction.keyword} before any FROM"
            raise DockerfileError(what, remedies=["begin with FROM"])
    if not grouped:
        raise DockerfileError("the Dockerfile has no FROM", why="an image is built from something")
    outside: dict[str, str] = {}
    for each in before:
        outside |= _declared(each, given, outside, outside)
    stages: list[Stage] = []
    for number, (head, *body) in enumerate(grouped):
        stages.append(_stage(number, head, body, given, outside, stages))
    wanted = _find(target, stages, len(stages)) if target else stages[-1]
    if wanted is None:
        known = ", ".join(stage.name for stage in stages)
        raise DockerfileError(f"the Dockerfile has no target {target!r}", why=f"its stages are {known}")
    every = [*before, *(each for one in grouped for each in one)]
    unasked = parse(text, target=target).external if given else ()
    return Dockerfile(tuple(_needed(stages, wanted)), _defaults(every), unasked)


def pairs(instruction: Instruction) -> dict[str, str]:
    """Return the names and values of an ENV, LABEL or ARG; an ARG without a default has an empty one."""
    words = instruction.words
    if instruction.keyword in {"ENV", "LABEL"} and words and "=" not in words[0]:
        return {words[0]: instruction.text.partition(words[0])[2].strip()}
    return {name: value for name, _, value in (word.partition("=") for word in words)}


def expand(text: str, values: Mapping[str, str]) -> str:
    """Return the text with `$NAME`, `${NAME}`, `${NAME:-word}` and `${NAME:+word}` filled in."""

    def value(found: re.Match[str]) -> str:
        if found["escaped"]:
            return "$"
        known = values.get(found["plain"] or found["braced"], "")
        match found["how"]:
            case "-":
                return known or expand(found["word"], values)
            case "+":
                return expand(found["word"], values) if known else ""
        return known

    return _VARIABLE.sub(value, text)


def _stage(
    number: int,
    head: Instruction,
    body: Sequence[Instruction],
    given: Mapping[str, str],
    outside: Mapping[str, str],
    earlier: Sequence[Stage],
) -> Stage:
    words = [expand(word, outside) for word in head.text.split()]
    if len(words) not in {1, 3} or (len(words) == 3 and words[1].upper() != "AS"):
        raise DockerfileError(f"line {head.line} is not FROM image [AS name]", details=[f"FROM {head.text}"])
    below = _find(words[0], earlier, number)
    variables = dict(below.variables) if below is not None else {}
    known: dict[str, str] = {}
    for each in body:
        if each.keyword == "ARG":
            known |= _declared(each, given, outside, {**known, **variables})
        elif each.keyword == "ENV":
            values = {**known, **variables}
            variables |= {name: expand(value, values) for name, value in pairs(each).items()}
    name = words[2] if len(words) == 3 else str(number)
    filled = tuple(_with_flags(each, {**known, **variables}) for each in body)
    return Stage(number, name, words[0], filled, known, variables)


def _find(name: str, stages: Sequence[Stage], before: int) -> Stage | None:
    """Return the stage that a FROM, a COPY --from or a mount means there; None for an image."""
    for stage in reversed(stages):
        if stage.number < before and (name.lower() == stage.name.lower() or name == str(stage.number)):
            return stage
    return None


def _declared(
    instruction: Instruction,
    given: Mapping[str, str],
    outside: Mapping[str, str],
    values: Mapping[str, str],
) -> dict[str, str]:
    found = {}
    for word in instruction.words:
        name, assigned, default = word.partition("=")
        if name in given:
            found[name] = given[name]
        else:
            found[name] = expand(default, values) if assigned else outside.get(name, "")
    return found


def _defaults(instructions: Sequence[Instruction]) -> dict[str, str | None]:
    defaults: dict[str, str | None] = {}
    for each in instructions:
        if each.keyword == "ARG":
            for word in each.words:
                name, given, default = word.partition("=")
                if defaults.get(name) is None:
                    defaults[name] = default if given else None
    return defaults


def _with_flags(instruction: Instruction, values: Mapping[str, str]) -> Instruction:
    """Fill in the names of stages and images that the flags may hold."""
    flags = tuple((name, expand(value, values)) for name, value in instruction.flags)
    return replace(instruction, flags=flags)


def _sources(stage: Stage) -> tuple[str, ...]:
    """Return the stages and images that a stage takes files from."""
    return tuple(name for each in stage.instructions for name in each.sources)


def _needed(stages: Sequence[Stage], target: Stage) -> list[Stage]:
    """Return the stages that the target is made of, in the order of the file."""
    needed: dict[int, Stage] = {}
    waiting = [target]
    while waiting:
        stage = waiting.pop()
        needed[stage.number] = stage
        for name in (stage.base, *_sources(stage)):
            found = _find(name, stages, stage.number)
            if found is not None and found.number not in needed:
                waiting.append(found)
    return [needed[number] for number in sorted(needed)]
