"""What must not be in a candidate that is going to be built on somebody's machine.

A build runs what the file says, with the network and the project's sources at hand. So the text is judged
first: where it would take images and files from, which privileges it asks for, what it would hide from
whoever reads it, and which secrets it wants.

A secret of the build is given only to steps that the project's own build runs with the same inputs: the same
command, after the same commands, on the same base. Such a step can tell nobody what it may not tell already.
"""

import hashlib
import re
from collections.abc import Collection, Iterator, Mapping

from automation.docker.dockerfile import KEYWORDS, Dockerfile, Instruction, Stage, expand, parse
from automation.review.candidate import Remark, hidden, visible

NOT_A_DOCKERFILE = "not-a-dockerfile"

_SYNTAX = re.compile(r"^\s*(?:#|//)\s*syntax\s*=|^\s*\{.*\"syntax\"\s*:", re.IGNORECASE)
_REMOTE = re.compile(r"[a-z][a-z0-9+.-]*://|\bgit@|\$", re.IGNORECASE)
_SILENCER = re.compile(r"#\s*(hadolint\s+.*ignore\b.*|check\s*=.*|shellcheck\s+disable.*)", re.IGNORECASE)
_MOUNTS = ("bind", "cache", "secret", "tmpfs")


def look(text: str, present: str, repositories: Collection[str], given: Mapping[str, str]) -> list[Remark]:
    """Return what stands against building the text; all of it blocks.

    `present` is the project's own file, `repositories` are the images that the contracts build on, `given`
    are the build's arguments.
    """
    file, own = parse(text), parse(present)
    unknown = [instruction for instruction in file.instructions() if instruction.keyword not in KEYWORDS]
    if 2 * len(unknown) > len([*file.instructions()]):
        first = unknown[0]
        return [
            _remark(
                NOT_A_DOCKERFILE,
                f"is not a Dockerfile: line {first.line} begins with {visible(first.keyword[:40])!r}",
                first.line,
                "invoke dockerfile-review FILE   with the path of a Dockerfile",
            )
        ]
    found = [*_hidden_characters(text), *_directives(file, present)]
    for instruction in file.instructions():
        found += _instruction(instruction)
    found += _images(file, repositories, given)
    found += _secrets(file, own)
    return sorted(found, key=lambda each: each.line or 0)


def silencers(text: str, present: str) -> list[tuple[int, str]]:
    """Return line and text of what switches off checks here, and does not in the project's own file."""
    accepted = {match[0].strip() for match in _SILENCER.finditer(present)}
    return [
        (number, match[0].strip())
        for number, line in enumerate(text.split("\n"), 1)
        if (match := _SILENCER.search(line)) and match[0].strip() not in accepted
    ]


def secrets(text: str) -> set[str]:
    """Return the names of the build secrets that the text asks for."""
    return {
        _secret_name(mount)
        for instruction in parse(text).instructions()
        for mount in instruction.mounts
        if mount["type"] == "secret"
    }


def own_caches(text: str, present: str) -> bool:
    """Return whether the project's own build has every step that mounts a cache, with the same inputs.

    Such steps leave nothing in the caches that is not there already.
    """
    own = {inputs for _, inputs in _steps(parse(present))}
    return all(
        inputs in own
        for instruction, inputs in _steps(parse(text))
        if any(mount["type"] == "cache" for mount in instruction.mounts)
    )


def _hidden_characters(text: str) -> Iterator[Remark]:
    for number, line in enumerate(text.split("\n"), 1):
        if codes := sorted({f"U+{ord(each):04X}" for each in line if hidden(each)}):
            yield _remark(
                "hidden-character",
                f"holds {', '.join(codes)}, which nobody sees and which can make a line look like another",
                number,
                "write the line without it",
            )


def _directives(file: Dockerfile, present: str) -> Iterator[Remark]:
    first, known = file.text.partition("\n")[0], file.directives
    # The builder also takes a syntax line that is commented as in C, or is JSON.
    if "syntax" in known or _SYNTAX.match(first):
        line = known.get("syntax", (1, ""))[0]
        yield _remark(
            "syntax",
            "has the file read by a program from a registry",
            line,
            "remove the line: the builder's own syntax will do",
        )
    for number, silencer in silencers(file.text, present):
        yield _remark(
            "silenced-check",
            f"switches off a check: {silencer[:80]}",
            number,
            "fix what the check finds, or accept it in the project's own file first",
        )


def _instruction(instruction: Instruction) -> Iterator[Remark]:
    keyword, line = instruction.keyword, instruction.line
    if keyword == "ONBUILD":
        yield _remark(
            "onbuild", "leaves commands for builds to come", line, "write the command where it runs"
        )
    elif keyword not in KEYWORDS:
        yield _remark("unknown-instruction", f"is no instruction: {keyword[:40]}", line, "see the line")
    if keyword == "ADD" and _REMOTE.search(instruction.text):
        yield _remark(
            "remote-file",
            "adds a file from an address, or from one that only the build would know",
            line,
            "put the file into the repository and COPY it, or install it from a lock with hashes",
        )
    for name, wrong in (("security", {"insecure"}), ("network", {"host"}), ("device", None)):
        for value in instruction.flag(name):
            if wrong is None or value.lower() in wrong:
                yield _remark(
                    "privilege", f"asks for --{name}={value}", line, "a build needs no privilege: remove it"
                )
    for mount in instruction.mounts:
        if mount["type"] == "ssh":
            yield _remark(
                "ssh",
                "asks for the keys of this machine's SSH agent",
                line,
                "install from a registry instead",
            )
        elif mount["type"] not in _MOUNTS:
            yield _remark(
                "mount", f"mounts a {mount['type'][:40]}", line, f"mount one of {', '.join(_MOUNTS)}"
            )


def _images(file: Dockerfile, repositories: Collection[str], given: Mapping[str, str]) -> Iterator[Remark]:
    values = file.preset(given)
    if not file.stages:
        yield _remark("no-from", "has no FROM: it builds nothing", 1, "begin with FROM")
    for stage in file.stages:
        for name, line in _references(stage):
            image = expand(name, values, missing="$")
            if "$" in image:
                yield _remark(
                    "image", f"{name} names an image that only the build would know", line, "write its name"
                )
            elif file.stage(image, stage.number) is None and _repository(image) not in {
                *repositories,
                "scratch",
            }:
                yield _remark(
                    "image",
                    f"{image} is none of the images that the contracts build on",
                    line,
                    f"use one of {', '.join(sorted(repositories))}",
                )


def _references(stage: Stage) -> Iterator[tuple[str, int]]:
    """Yield the images and stages that a stage takes something from, with the line."""
    yield stage.base, stage.head.line
    for instruction in stage.instructions:
        for name in instruction.sources:
            yield name, instruction.line


def _repository(image: str) -> str:
    name = image.partition("@")[0]
    path, _, last = name.rpartition("/")
    name = f"{path}/{last.partition(':')[0]}" if path else last.partition(":")[0]
    return name.removeprefix("docker.io/").removeprefix("index.docker.io/").removeprefix("library/")


def _secrets(file: Dockerfile, own: Dockerfile) -> Iterator[Remark]:
    trusted = {inputs for instruction, inputs in _steps(own) if _wanted(instruction)}
    for instruction, inputs in _steps(file):
        if (names := _wanted(instruction)) and inputs not in trusted:
            yield _remark(
                "secret",
                f"wants the build's {', '.join(names)} for a step that the project's own build does not have",
                instruction.line,
                "keep such a step, and what comes before it in its stage, as the project has it",
            )


def _wanted(instruction: Instruction) -> list[str]:
    return [_secret_name(mount) for mount in instruction.mounts if mount["type"] == "secret"]


def _secret_name(mount: Mapping[str, str]) -> str:
    target = mount.get("target") or mount.get("dst") or mount.get("destination") or ""
    return mount.get("id") or target.rpartition("/")[2]


def _steps(file: Dockerfile) -> Iterator[tuple[Instruction, str]]:
    """Yield each step with a hash of all that decides what it does: those before it, and what they take."""
    ends: list[str] = []
    for stage in file.stages:
        inputs = hashlib.sha256(repr([(each.keyword, each.text) for each in file.preamble]).encode())
        for instruction in (stage.head, *stage.instructions):
            names = [*instruction.sources]
            if instruction.keyword == "FROM":
                names.append(stage.base)
            found = (file.stage(name, stage.number) for name in names)
            sources = [ends[source.number] for source in found if source is not None]
            step = (instruction.keyword, instruction.flags, instruction.text, sources)
            inputs.update(repr(step).encode("utf-8", "surrogatepass"))
            yield instruction, inputs.hexdigest()
        ends.append(inputs.hexdigest())


def _remark(rule: str, message: str, line: int, remedy: str) -> Remark:
    return Remark("candidate", rule, message, line, blocking=True, remedy=remedy)
