"""Finds and removes outdated images of this project that nothing uses (`clean --images`).

An image is in use if a container has it, if it is the current build of a profile, or if it has a name besides
those made from its content, such as `latest`. Images of other projects are never considered.
"""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from automation.console.events import Emit, Notice, Result
from automation.console.runner import confirm
from automation.contract import profiles
from automation.contract.models import SERVICES
from automation.docker.cli import Docker
from automation.images import plan
from automation.images.plan import Options
from automation.images.size import MB
from automation.settings import Settings

_CONTENT_TAG = re.compile(r"[0-9a-f]{12}")
_UNITS = {"B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9}


@dataclass(frozen=True)
class Unused:
    id: str
    names: tuple[str, ...]
    """Empty for an image whose names have moved to newer ones."""
    size: int
    """Bytes as `docker image ls` counts them: layers that images share count in each."""


async def clean(settings: Settings, emit: Emit, *, yes: bool, dry_run: bool) -> None:
    """Show the unused images, and remove them after a confirmation."""
    docker = Docker.find(settings)
    found = await _find(settings, docker)
    total = sum(image.size for image in found)
    for image in found:
        emit(Notice((f"{' '.join(image.names) or image.id[7:19]}   {image.size / MB:.0f} MB",)))
    if not found:
        emit(Notice(("Every image of this project is in use.",)))
    elif dry_run:
        emit(Notice((f"{len(found)} images would be removed, at most {total / MB:.0f} MB.",)))
    else:
        if not yes:
            await confirm(f"Remove these {len(found)} images, at most {total / MB:.0f} MB?")
        await docker.run("image", "rm", *(name for image in found for name in image.names or (image.id,)))
        emit(Notice((f"Removed {len(found)} images, at most {total / MB:.0f} MB.",)))
    names = [list(image.names) or [image.id] for image in found]
    emit(Result({"images": names, "bytes": total, "removed": bool(found) and not dry_run}))


async def _find(settings: Settings, docker: Docker) -> Sequence[Unused]:
    chosen = profiles.select(settings.root, "", every=True)
    plans = [
        planned
        for development in (False, True)
        for planned in await plan.plan_all(settings, chosen, SERVICES, Options(development=development))
    ]
    rows = await docker.json("image", "ls", "--no-trunc", "--format", "json")
    label = f"label=org.opencontainers.image.source={plans[0].revision.source}"
    without = ("--filter", "dangling=true", "--filter", label)
    unnamed = await docker.run("image", "ls", "--no-trunc", "--quiet", *without)
    containers = (await docker.run("container", "ls", "--all", "--no-trunc", "--quiet")).split()
    inspected = await docker.json("container", "inspect", *containers) if containers else []
    return unused(
        rows,
        repositories={planned.image for planned in plans},
        current={planned.reference for planned in plans},
        unnamed={*unnamed.split()},
        used={str(container["Image"]) for container in inspected},
    )


def unused(
    rows: Iterable[Mapping[str, Any]],
    *,
    repositories: Collection[str],
    current: Collection[str],
    unnamed: Collection[str],
    used: Collection[str],
) -> Sequence[Unused]:
    """Return the images that nothing uses.

    Args:
        rows: The output of `docker image ls`.
        repositories: The repositories of this project.
        current: The names of the current builds.
        unnamed: The ids of this project's images without a name.
        used: The ids of the images that containers have.
    """
    names: dict[str, list[str]] = defaultdict(list)
    kept = {*used}
    sizes: dict[str, int] = {}
    for row in rows:
        identity, repository, tag = row["ID"], row["Repository"], row["Tag"]
        name = f"{repository}:{tag}"
        sizes[identity] = _bytes(row["Size"])
        if repository in repositories and _CONTENT_TAG.fullmatch(tag) and name not in current:
            names[identity].append(name)
        elif identity not in unnamed or tag != "<none>":
            kept.add(identity)
    candidates = dict.fromkeys((*names, *(image for image in unnamed if image in sizes)))
    return [
        Unused(identity, tuple(names.get(identity, ())), sizes[identity])
        for identity in candidates
        if identity not in kept
    ]


def _bytes(text: str) -> int:
    found = re.fullmatch(r"([\d.]+)\s*([kMG]?B)", text)
    return round(float(found[1]) * _UNITS[found[2]]) if found else 0
