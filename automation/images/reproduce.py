"""Builds an image twice without a cache and compares both byte for byte.

Only an OCI archive can have its times rewritten (`rewrite-timestamp` is refused where the image is unpacked
at once), so each build writes one. If both are the same, the first is loaded.
"""

import asyncio
import hashlib
import json
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from itertools import zip_longest
from pathlib import Path
from typing import IO, Any

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


async def reproduce(docker: Docker, plans: Sequence[Plan], emit: Emit) -> tuple[Outcome, ...]:
    """Build each plan twice, all plans at once, and load the images.

    Raises AutomationError that lists the differences if two builds of a plan differ.
    """
    return await build.all_of(_reproduce(docker, plan, emit) for plan in plans)


async def _reproduce(docker: Docker, plan: Plan, emit: Emit) -> Outcome:
    folder = docker.settings.state_dir / "images"
    files.make_directory(folder)
    with step(emit, plan.service) as running, tempfile.TemporaryDirectory(dir=folder) as kept:
        # Only here: every step is cached by it, and it changes with every commit.
        times = {"SOURCE_DATE_EPOCH": str(plan.revision.epoch)}
        archives = [Path(kept, f"{name}.tar") for name in ("first", "second")]
        builds = []
        for file in archives:
            # One after the other: the builder does the work of two equal builds only once.
            output = ["--output", f'type=oci,"dest={file}",rewrite-timestamp=true', "--tag", plan.reference]
            began = time.monotonic()
            progress = await build.run(
                docker, plan, build.command(plan, output, no_cache=True), emit, running, times
            )
            builds.append((progress, time.monotonic() - began))
        running.progress("comparing the archives")
        first, second = [await asyncio.to_thread(_read, file) for file in archives]
        if first.digest != second.digest:
            raise _difference(plan, [*differences(first, second)])
        await _load(docker, plan, archives[0], running)
        await build.tag(docker, plan.reference, plan.names[1:])
        running.detail = f"{plan.reference} built twice, both times {first.digest[:19]}"
        return await build.built(docker, plan, *builds[0])


async def _load(docker: Docker, plan: Plan, file: Path, running: Step) -> None:
    output: list[str] = []
    running.progress("loading the image")
    async with docker.running("image", "load", "--input", str(file)) as loading:
        async for line in processes.lines(loading):
            output.append(line)
            running.progress(f"loading the image: {line.strip()}")
        if await loading.wait() != 0:
            raise cli.explain("\n".join(output), f"loading {plan.reference}", docker.environ)


def _read(file: Path) -> Archive[str]:
    with file.open("rb") as opened:
        return archive.read(opened, _hash)


def _hash(_file: File, content: IO[bytes]) -> str:
    return hashlib.sha256(content.read()).hexdigest()[:_HASH_LENGTH]


def _difference(plan: Plan, found: Sequence[str]) -> AutomationError:
    more = [f"and {len(found) - _SHOWN} more"] if len(found) > _SHOWN else []
    return AutomationError(
        f"two builds of the {plan.service} from the same inputs differ",
        why="the differences between the first and the second:",
        details=[*found[:_SHOWN], *more],
        remedies=[f"find in {plan.dockerfile} what writes them: a time, an order, a random name"],
    )


def differences(first: Archive[str], second: Archive[str]) -> Iterator[str]:
    """Yield the differences between two images: files by layer, then the configuration."""
    for number, layers in enumerate(zip_longest(first.layers, second.layers), 1):
        mine, theirs = map(_descriptions, layers)
        for path in sorted({*mine, *theirs}):
            if path not in theirs or path not in mine:
                yield f"layer {number}: {path} is only in the {'first' if path in mine else 'second'}"
            elif differing := dict(mine[path].items() ^ theirs[path].items()):
                pairs = (f"{key} {mine[path][key]} and {theirs[path][key]}" for key in sorted(differing))
                yield f"layer {number}: {path}   {', '.join(pairs)}"
        if mine == theirs and list(mine) != list(theirs):
            yield f"layer {number}: the same files in another order"
    for key in sorted({*first.config, *second.config} - {"rootfs"}):  # rootfs is the hashes of the layers
        one, other = first.config.get(key), second.config.get(key)
        if one != other:
            yield f"configuration, {key}: {json.dumps(one)} and {json.dumps(other)}"


def _descriptions(layer: Layer[str] | None) -> dict[str, dict[str, Any]]:
    """Return what the digest of a layer depends on, by path."""
    return (
        {
            file.path: {**asdict(file), "mode": f"{file.mode:o}", "content": layer.found.get(file.path)}
            for file in layer.files
        }
        if layer
        else {}
    )
