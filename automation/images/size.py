"""Measures images. This defines the size of an image, and every figure about sizes comes from here.

The size of an image is the sum of the bytes of the regular files in its layers, as the archive of
`docker image save` has them. A file that a later layer replaces counts twice, because it is stored twice;
links and folders do not count. It does not depend on how Docker stores images, as `docker image ls` does:
with the containerd store that shows compressed and unpacked bytes added up, otherwise unpacked ones.

The compressed size is that of the layers with gzip: what a registry holds and a machine downloads. Where
Docker stores layers unpacked, it is what gzip would make of them: nearly what Docker will push.

1 MB is 10^6 bytes.
"""

import re
import time
from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any

from automation.console.errors import AutomationError
from automation.console.events import Step
from automation.docker import archive
from automation.docker.archive import Archive
from automation.docker.cli import Docker
from automation.process import files
from automation.settings import Settings

MB = 10**6
RUNTIME, PACKAGES, APPLICATION = "interpreter and libraries", "packages", "application"

_LARGEST = 5
_REDRAW_SECONDS = 0.1
_PACKAGE = re.compile(
    r".*/(?:(?:site-packages|dist-packages)/(?P<python>[^/]+)|node_modules/(?P<node>@[^/]+/[^/]+|[^@/][^/]*))"
)
# Beside the package itself: its metadata, and the libraries that its wheel bundles.
_PYTHON_EXTRA = re.compile(
    r"(-[^-]+)?\.(dist-info|egg-info|libs|data)$|\.(py|pyc|so|pth)$|\.(cpython|abi3).*$"
)


@dataclass(frozen=True)
class Weighed:
    """A named part of an image and its bytes."""

    name: str
    size: int


@dataclass(frozen=True)
class Measurement:
    """The size of an image and of its parts, in bytes, with its budget."""

    reference: str
    id: str
    """Changes with the content."""
    size: int
    compressed: int
    layers: tuple[Weighed, ...]
    groups: dict[str, int]
    """Size by origin: the base, the locks, and this repository."""
    packages: tuple[Weighed, ...]
    """The largest Python or npm packages."""
    files: tuple[Weighed, ...]
    allowed: int | None = None
    aim: int | None = None
    change: int | None = None
    """The difference from the previous build, if there was one."""

    @property
    def over(self) -> int:
        """The bytes over the budget; none if there is no budget."""
        return 0 if self.allowed is None else max(self.size - self.allowed, 0)

    @property
    def aim_met(self) -> bool:
        return self.aim is None or self.size <= self.aim

    def to_mapping(self) -> dict[str, Any]:
        return {**asdict(self), "passed": not self.over, "aim_met": self.aim_met}


async def measure(docker: Docker, reference: str, step: Step) -> Measurement:
    """Measure an image by its name. Raises AutomationError if Docker does not have it."""
    image = (await docker.images(reference)).get(reference)
    if image is None:
        raise AutomationError(f"there is no image {reference}", remedies=[f"docker pull {reference}"])
    drawn = 0.0

    def progress(count: int) -> None:
        nonlocal drawn
        if time.monotonic() - drawn > _REDRAW_SECONDS:
            drawn = time.monotonic()
            step.progress(f"measuring {reference}: {count / MB:.0f} MB read")

    content: Archive[None] = await docker.save(
        reference, lambda stream: archive.read(stream, compressed=True, progress=progress)
    )
    step.detail = f"{reference} measured"
    return _measured(reference, str(image["Id"]), content)


def _measured(reference: str, identity: str, image: Archive[None]) -> Measurement:
    workdir = str((image.config.get("config") or {}).get("WorkingDir") or "").rstrip("/")
    groups = Counter(dict.fromkeys((RUNTIME, PACKAGES, APPLICATION), 0))
    packages: Counter[str] = Counter()
    largest: Counter[str] = Counter()
    for file in (file for layer in image.layers for file in layer.files):
        package = _package(file.path)
        own = workdir and file.path.startswith(f"{workdir}/")
        groups[PACKAGES if package else APPLICATION if own else RUNTIME] += file.size
        largest[file.path] += file.size
        packages[package] += file.size
    del packages[""]
    return Measurement(
        reference=reference,
        id=identity,
        size=image.size,
        compressed=sum(layer.compressed for layer in image.layers),
        layers=tuple(Weighed(_instruction(layer.command), layer.size) for layer in image.layers),
        groups=dict(groups),
        packages=_top(packages),
        files=_top(largest),
    )


def _top(sizes: Counter[str]) -> tuple[Weighed, ...]:
    return tuple(Weighed(name, size) for name, size in sizes.most_common(_LARGEST) if size)


def _package(path: str) -> str:
    """Return the name of the package that a file belongs to, as its registry writes it; empty for none.

    A package may contain another, and the innermost counts.
    """
    found = _PACKAGE.match(path)
    if found is None:
        return ""
    return found["node"] or _PYTHON_EXTRA.sub("", found["python"]).lower().replace("_", "-")


def _instruction(command: str) -> str:
    text = command.replace("/bin/sh -c ", "", 1).removeprefix("#(nop) ")
    return " ".join(text.removesuffix("# buildkit").split()) or "a layer"


def change(settings: Settings, kind: str, measured: Measurement) -> int | None:
    """Record the size of a build of this kind; return the difference from the build before, if any."""
    file = settings.state_dir / "images" / "sizes.json"
    known = files.read_json(file) or {}
    kept = known.get(kind)
    before = None
    if isinstance(kept, dict):
        before = kept.get("before" if kept.get("id") == measured.id else "size")
    files.make_directory(file.parent)
    entry = {"id": measured.id, "size": measured.size, "before": before}
    files.write_json(file, {**known, kind: entry})
    return measured.size - before if isinstance(before, int) else None
