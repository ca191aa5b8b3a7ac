"""Builds an image twice without a cache and compares both byte for byte.

Only an OCI archive can have its times rewritten (`rewrite-timestamp` is refused where the image is unpacked
at once), so each build writes one. If both are the same, the first is loaded.
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
from automation.docker import archive, cli
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
    """Build each plan twice, all plans at once, and load the images.

    Raises AutomationError that lists the differences if two builds of a plan differ.
    """
    return await build.all_of(_reproduce(docker, plan, emit) for plan in plans)


async def _reproduce(docker: Docker, plan: Plan, emit: Emit) -> Outcome:
    folder = docker.settings.state_dir / "images"
    files.make_directory(folder)
    with step(emit, plan.service) as running, tempfile.TemporaryDirectory(dir=folder) as kept:
        first, second = Path(kept, "first.tar"), Path(kept, "second.tar")
        # Only here: every step is cached by it, and it changes with every commit.
        times = {"SOURCE_DATE_EPOCH": str(plan.revision.epoch)}
        began = time.monotonic()
        # One after the other: the builder does the work of two equal builds only once.
        progress = await build.run(docker, plan, _command(plan, first), emit, running, times)
        seconds = time.monotonic() - began
        await build.run(docker, plan, _command(plan, second), emit, running, times)
        digests = [await asyncio.to_thread(_digest, file) for file in (first, second)]
        if digests[0] != digests[1]:
            running.progress("comparing the archives")
            raise await asyncio.to_thread(_difference, plan, first, second)
        await _load(docker, plan, first, running)
        await build.tag(docker, plan.reference, plan.references[1:])
        running.detail = f"{plan.reference} built twice, both times {digests[0][:19]}"
        return await Outcome.of(docker, plan, progress, seconds)


def _command(plan: Plan, target: Path) -> list[str]:
    output = f'type=oci,"dest={target}",rewrite-timestamp=true'
    return build.command(plan, ["--output", output, "--tag", plan.reference], no_cache=True)


async def _load(docker: Docker, plan: Plan, file: Path, running: Step) -> None:
    output: list[str] = []
    running.progress("loading the image")
    async with docker.running("image", "load", "--input", str(file)) as loading:
        async for line in processes.lines(loading):
            output.append(line)
            running.progress(f"loading the image: {line.strip()}")
        if await loading.wait() != 0:
            raise cli.explain("\n".join(output), f"loading {plan.reference}", docker.environ)


def _digest(file: Path) -> str:
    with tarfile.open(file) as opened:
        index = opened.extractfile("index.json")
        if index is None:
            raise archive.ArchiveError("the builder did not write an OCI archive")
        return str(json.load(index)["manifests"][0]["digest"])


def _difference(plan: Plan, first: Path, second: Path) -> AutomationError:
    images = []
    for file in (first, second):
        with file.open("rb") as opened:
            images.append(archive.read(opened, _hash))
    found = list(differences(*images))
    more = [f"and {len(found) - _SHOWN} more"] if len(found) > _SHOWN else []
    return AutomationError(
        f"two builds of the {plan.service} from the same inputs differ",
        why="the differences between the first and the second:",
        details=[*found[:_SHOWN], *more],
        remedies=[f"find in {plan.dockerfile} what writes them: a time, an order, a random name"],
    )


def differences(first: Archive[str], second: Archive[str]) -> Iterator[str]:
    """Yield the differences between two images: files by layer, then the configuration."""
    for number, (one, other) in enumerate(zip_longest(first.layers, second.layers), 1):
        if one is None or other is None:
            yield f"layer {number}: only in the {'second' if one is None else 'first'}"
        else:
            yield from (f"layer {number}: {difference}" for difference in _between(one, other))
    for key in sorted({*first.config, *second.config} - {"rootfs"}):  # rootfs is the hashes of the layers
        mine, theirs = first.config.get(key), second.config.get(key)
        if mine != theirs:
            yield f"configuration, {key}: {json.dumps(mine)} and {json.dumps(theirs)}"


def _between(one: Layer[str], other: Layer[str]) -> Iterator[str]:
    mine, theirs = _descriptions(one), _descriptions(other)
    for path in sorted({*mine, *theirs}):
        if path not in theirs or path not in mine:
            yield f"{path} is only in the {'first' if path in mine else 'second'}"
        elif mine[path] != theirs[path]:
            pairs = zip_longest(mine[path], theirs[path], fillvalue="nothing")
            yield f"{path}   {', '.join(f'{a} and {b}' for a, b in pairs if a != b)}"
    if mine == theirs and list(mine) != list(theirs):
        yield "the same files in another order"


def _descriptions(layer: Layer[str]) -> dict[str, tuple[str, ...]]:
    """Return what the digest of a layer depends on, by path."""
    return {
        file.path: (
            file.kind,
            f"{file.mode:o}",
            f"{file.uid}:{file.gid}",
            f"time {file.modified}",
            f"target {file.target or 'none'}",
            f"content {layer.found.get(file.path, 'none')}",
            *(f"{name}={value!r}" for name, value in file.attributes),
        )
        for file in layer.files
    }


def _hash(_file: File, content: IO[bytes]) -> str:
    digest = hashlib.sha256()
    while block := content.read(_BLOCK_BYTES):
        digest.update(block)
    return digest.hexdigest()[:_HASH_LENGTH]
