"""Proving that the same inputs give the same image: two builds without a cache, compared byte for byte.

Only an OCI archive can have its times rewritten (`rewrite-timestamp` is refused where the image is unpacked
at once), so each build writes one; of two that are alike the first is loaded.
"""

import asyncio
import hashlib
import json
import tarfile
import tempfile
import time
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import IO

from automation.console.errors import AutomationError
from automation.console.events import Emit, Step, step
from automation.docker import archive
from automation.docker import cli as docker_errors
from automation.docker.archive import Archive, File, Layer
from automation.docker.cli import Docker
from automation.images import build
from automation.images.build import Outcome
from automation.images.plan import Plan
from automation.process import files, processes

_SHOWN = 12
_HASH_LENGTH = 16
_BLOCK_BYTES = 2**20


async def reproduce(docker: Docker, plans: Sequence[Plan], emit: Emit) -> tuple[Outcome, ...]:
    """Build each of the plans twice, all plans at once, and load what came out if both are alike.

    Raises AutomationError, with what differs where two builds do.
    """
    return await build.all_of(_reproduce(docker, plan, emit) for plan in plans)


async def _reproduce(docker: Docker, plan: Plan, emit: Emit) -> Outcome:
    folder = docker.settings.state_dir / "images"
    files.make_directory(folder)
    with step(emit, plan.service) as running, tempfile.TemporaryDirectory(dir=folder) as kept:
        first, second = Path(kept, "first.tar"), Path(kept, "second.tar")
        # Only here: it is part of what each step is cached by, and would change with every commit.
        times = {"SOURCE_DATE_EPOCH": str(plan.revision.epoch)}
        began = time.monotonic()
        # One after the other: the builder would do the work of two alike only once.
        progress = await build.run(docker, plan, _command(plan, first), emit, running, times)
        seconds = time.monotonic() - began
        await build.run(docker, plan, _command(plan, second), emit, running, times)
        digests = [await asyncio.to_thread(_digest, each) for each in (first, second)]
        if digests[0] != digests[1]:
            running.progress("comparing what differs")
            raise await asyncio.to_thread(_difference, plan, first, second)
        running.progress("loading it")
        await _load(docker, plan, first, running)
        there = (await docker.images(plan.reference)).get(plan.reference)
        if there is None:
            raise AutomationError(f"Docker has loaded the archive, and has no image {plan.reference}")
        others = plan.references[1:]
        await asyncio.gather(*(docker.run("image", "tag", plan.reference, name) for name in others))
        running.detail = f"{plan.reference} built twice, both times {digests[0][:19]}"
        return Outcome.of(plan, str(there["Id"]), progress, seconds)


def _command(plan: Plan, target: Path) -> tuple[str, ...]:
    output = f'type=oci,"dest={target}",rewrite-timestamp=true'
    return build.command(plan, ["--output", output, "--tag", plan.reference], no_cache=True)


async def _load(docker: Docker, plan: Plan, file: Path, running: Step) -> None:
    said: list[str] = []
    async with docker.running("image", "load", "--input", str(file)) as loading:
        async for line in processes.lines(loading):
            said.append(line)
            running.progress(f"loading it: {line.strip()}")
        if await loading.wait() != 0:
            raise docker_errors.explain("\n".join(said), f"loading {plan.reference}", docker.environ)


def _digest(file: Path) -> str:
    with tarfile.open(file) as opened:
        index = opened.extractfile("index.json")
        if index is None:
            raise archive.ArchiveError("what the builder wrote is not an OCI archive")
        return str(json.load(index)["manifests"][0]["digest"])


def _difference(plan: Plan, first: Path, second: Path) -> AutomationError:
    read = []
    for file in (first, second):
        with file.open("rb") as opened:
            read.append(archive.read(opened, _hash))
    found = list(differences(*read))
    more = [f"and {len(found) - _SHOWN} more"] if len(found) > _SHOWN else []
    return AutomationError(
        f"two builds of the {plan.service} from the same inputs differ",
        why="what the first and the second have:",
        details=[*found[:_SHOWN], *more],
        remedies=[f"find in {plan.dockerfile} what writes these: a time, an order, a random name"],
    )


def differences(first: Archive[str], second: Archive[str]) -> Iterator[str]:
    """Yield what differs between two images, a line each: files by their layer, then the configuration."""
    for number, (one, other) in enumerate(zip_longest(first.layers, second.layers), 1):
        if one is None or other is None:
            yield f"layer {number}: only the {'second' if one is None else 'first'} has it"
            continue
        yield from _between(number, one, other)
    for key in sorted({*first.config, *second.config}):
        mine, theirs = first.config.get(key), second.config.get(key)
        if mine != theirs and key != "rootfs":  # the hashes of the layers
            yield f"configuration, {key}: {json.dumps(mine)} and {json.dumps(theirs)}"


def _between(number: int, one: Layer[str], other: Layer[str]) -> Iterator[str]:
    mine, theirs = _descriptions(one), _descriptions(other)
    for path in sorted({*mine, *theirs}):
        if path not in theirs or path not in mine:
            yield f"layer {number}: {path} is only in the {'first' if path in mine else 'second'}"
        elif mine[path] != theirs[path]:
            yield f"layer {number}: {path}   {_unlike(mine[path], theirs[path])}"
    if mine == theirs and list(mine) != list(theirs):
        yield f"layer {number}: the same files in another order"


def _descriptions(layer: Layer[str]) -> dict[str, str]:
    """Return what the digest of a layer depends on, in words, by path."""
    return {
        file.path: " ".join((
            file.kind, f"{file.mode:o}", f"{file.uid}:{file.gid}", f"time {file.modified}",
            *((f"to {file.target}",) if file.target else ()),
            *(f"{name}={value!r}" for name, value in file.attributes),
            *((f"content {layer.found[file.path]}",) if file.path in layer.found else ()),
        ))
        for file in layer.files
    }  # fmt: skip


def _hash(_file: File, content: IO[bytes]) -> str:
    digest = hashlib.sha256()
    while block := content.read(_BLOCK_BYTES):
        digest.update(block)
    return digest.hexdigest()[:_HASH_LENGTH]


def _unlike(one: str, other: str) -> str:
    """Return the words in which two descriptions differ."""
    pairs = [pair for pair in zip(one.split(), other.split(), strict=False) if pair[0] != pair[1]]
    return ", ".join(f"{mine} and {theirs}" for mine, theirs in pairs) or f"{one} and {other}"
