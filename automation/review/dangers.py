"""Searches a candidate for what must not be built on somebody's machine.

A build runs the commands of its file, with access to the network and the project's sources. So the text is
judged first: the origins of its images and files, the privileges it requests, hidden characters, and the
secrets it requests.

A build secret goes only to steps that the project's own build runs with the same inputs: the same command,
after the same commands, on the same base. Such a step cannot leak more than it can today.
"""

import hashlib
import re
from collections.abc import Collection, Iterator, Mapping

from automation.docker.dockerfile import KEYWORDS, Dockerfile, Instruction, expand, parse
from automation.review.candidate import Remark, hidden, visible

NOT_A_DOCKERFILE = "not-a-dockerfile"

_SYNTAX = re.compile(r"^\s*(?:#|//)\s*syntax\s*=|^\s*\{.*\"syntax\"\s*:", re.IGNORECASE)
_REMOTE = re.compile(r"[a-z][a-z0-9+.-]*://|\bgit@|\$", re.IGNORECASE)
_SILENCER = re.compile(r"#\s*(hadolint\s+.*ignore\b.*|check\s*=.*|shellcheck\s+disable.*)", re.IGNORECASE)
_MOUNTS = ("bind", "cache", "secret", "tmpfs")


def search(text: str, present: str, repositories: Collection[str], given: Mapping[str, str]) -> list[Remark]:
    """Return what forbids building the text; all of it blocks.

    Args:
        present: The project's own file.
        repositories: The images that the contracts build on.
        given: The arguments of the build.
    """
    file = parse(text)
    instructions = [*file.instructions()]
    unknown = [instruction for instruction in instructions if instruction.keyword not in KEYWORDS]
    if 2 * len(unknown) > len(instructions):
        first = unknown[0]
        return [
            _remark(
                NOT_A_DOCKERFILE,
                f"is not a Dockerfile: line {first.line} begins with {visible(first.keyword[:40])!r}",
                first.line,
                "invoke dockerfile-review FILE   with the path of a Dockerfile",
            )
        ]
    remarks = [
        *_hidden_characters(text),
        *_directives(file, present),
        *(remark for instruction in instructions for remark in _requests(instruction)),
        *_images(file, repositories, given),
        *_secrets(file, parse(present)),
    ]
    return sorted(remarks, key=lambda remark: remark.line or 0)


def silencers(text: str, present: str) -> list[tuple[int, str]]:
    """Return line and text of the comments that switch off checks and are not in the project's own file."""
    accepted = {match[0].strip() for match in _SILENCER.finditer(present)}
    return [
        (number, match[0].strip())
        for number, line in enumerate(text.split("\n"), 1)
        if (match := _SILENCER.search(line)) and match[0].strip() not in accepted
    ]


def secrets(text: str) -> set[str]:
    """Return the names of the build secrets that the text requests."""
    return {name for instruction in parse(text).instructions() for name in _secret_names(instruction)}


def own_caches(text: str, present: str) -> bool:
    """Return whether each step that mounts a cache is a step of the project's own build, with its inputs.

    Such steps add nothing new to the caches.
    """
    own = {inputs for _, inputs in _steps(parse(present))}
    return all(
        inputs in own
        for instruction, inputs in _steps(parse(text))
        if any(mount["type"] == "cache" for mount in instruction.mounts)
    )


def _hidden_characters(text: str) -> Iterator[Remark]:
    for number, line in enumerate(text.split("\n"), 1):
        if codes := sorted({f"U+{ord(character):04X}" for character in line if hidden(character)}):
            message = f"has the invisible {', '.join(codes)}, which can make a line look like another"
            yield _remark("hidden-character", message, number, "write the line without it")


def _directives(file: Dockerfile, present: str) -> Iterator[Remark]:
    # The builder also accepts a syntax line in a comment of C, or in JSON.
    if "syntax" in file.directives or _SYNTAX.match(file.text.partition("\n")[0]):
        line = file.directives.get("syntax", (1, ""))[0]
        remedy = "remove the line: the builder's own syntax is enough"
        yield _remark("syntax", "lets a program from a registry read the file", line, remedy)
    for number, silencer in silencers(file.text, present):
        remedy = "fix what the check finds, or accept it in the project's own file first"
        yield _remark("silenced-check", f"switches off a check: {silencer[:80]}", number, remedy)


def _requests(instruction: Instruction) -> Iterator[Remark]:
    keyword, line = instruction.keyword, instruction.line
    if keyword == "ONBUILD":
        yield _remark("onbuild", "leaves commands for later builds", line, "write the command where it runs")
    elif keyword not in KEYWORDS:
        remedy = "correct the instruction, or remove the line"
        yield _remark("unknown-instruction", f"is not an instruction: {keyword[:40]}", line, remedy)
    if keyword == "ADD" and _REMOTE.search(instruction.text):
        message = "adds a file from an address, or from one that only the build knows"
        remedy = "put the file into the repository and COPY it, or install it from a lock with hashes"
        yield _remark("remote-file", message, line, remedy)
    for name, value in instruction.flags:
        if name == "device" or (name, value.lower()) in {("security", "insecure"), ("network", "host")}:
            remedy = "remove it: a build needs no privilege"
            yield _remark("privilege", f"requests --{name}={value}", line, remedy)
    for kind in (mount["type"] for mount in instruction.mounts):
        if kind == "ssh":
            message = "requests the keys of this machine's SSH agent"
            yield _remark("ssh", message, line, "install from a registry instead")
        elif kind not in _MOUNTS:
            remedy = f"use one of the mounts {', '.join(_MOUNTS)}"
            yield _remark("mount", f"mounts a {kind[:40]}", line, remedy)


def _images(file: Dockerfile, repositories: Collection[str], given: Mapping[str, str]) -> Iterator[Remark]:
    values = file.preset(given)
    if not file.stages:
        yield _remark("no-from", "has no FROM: it builds nothing", 1, "begin with FROM")
    references = (
        (stage, name, instruction.line)
        for stage in file.stages
        for instruction in (stage.head, *stage.instructions)
        for name in (instruction.sources if instruction is not stage.head else (stage.base,))
    )
    for stage, name, line in references:
        image = expand(name, values, missing="$")
        if "$" in image:
            message = f"{name} is an image that only the build knows"
            yield _remark("image", message, line, "write the name of the image")
        elif file.stage(image, stage.number) is None and _repository(image) not in {*repositories, "scratch"}:
            remedy = f"use one of {', '.join(sorted(repositories))}"
            yield _remark("image", f"{image} is not a base image of any contract", line, remedy)


def _repository(image: str) -> str:
    path, slash, last = image.partition("@")[0].rpartition("/")
    name = f"{path}{slash}{last.partition(':')[0]}"
    return name.removeprefix("docker.io/").removeprefix("index.docker.io/").removeprefix("library/")


def _secrets(file: Dockerfile, own: Dockerfile) -> Iterator[Remark]:
    trusted = {inputs for instruction, inputs in _steps(own) if _secret_names(instruction)}
    for instruction, inputs in _steps(file):
        if (names := _secret_names(instruction)) and inputs not in trusted:
            wanted = ", ".join(names)
            message = f"requests the build secrets {wanted} for a step that the project does not have"
            remedy = "keep such a step, and those before it in its stage, as in the project's own file"
            yield _remark("secret", message, instruction.line, remedy)


def _secret_names(instruction: Instruction) -> list[str]:
    names = []
    for mount in instruction.mounts:
        target = mount.get("target") or mount.get("dst") or mount.get("destination") or ""
        if mount["type"] == "secret":
            names.append(mount.get("id") or target.rpartition("/")[2])
    return names


def _steps(file: Dockerfile) -> Iterator[tuple[Instruction, str]]:
    """Yield each step with a hash of its inputs: itself, the steps before it, and what they copy."""
    ends: list[str] = []
    for stage in file.stages:
        preamble = [(instruction.keyword, instruction.text) for instruction in file.preamble]
        inputs = hashlib.sha256(repr(preamble).encode())
        for instruction in (stage.head, *stage.instructions):
            names = [*instruction.sources, *([stage.base] if instruction.keyword == "FROM" else [])]
            found = (file.stage(name, stage.number) for name in names)
            sources = [ends[source.number] for source in found if source is not None]
            step = (instruction.keyword, instruction.flags, instruction.text, sources)
            inputs.update(repr(step).encode("utf-8", "surrogatepass"))
            yield instruction, inputs.hexdigest()
        ends.append(inputs.hexdigest())


def _remark(rule: str, message: str, line: int, remedy: str) -> Remark:
    return Remark("candidate", rule, message, line, remedy=remedy)
