"""What an image weighs. This is the definition, and every figure about sizes comes from here.

The size of an image is the sum of the bytes of the regular files in its layers, as the archive of
`docker image save` has them. A file that a later layer replaces counts twice, because it is stored twice;
links and folders count nothing. It does not depend on how Docker stores images, as `docker image ls` does:
with the containerd store that shows compressed and unpacked bytes added up, otherwise unpacked ones.

The compressed size is that of the layers with gzip: what a registry holds and a machine downloads. Where
Docker stores layers unpacked, it is what gzip would make of them: nearly what Docker will push.

1 MB is 10^6 bytes.
"""

import re
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from automation.console.errors import AutomationError
from automation.console.events import Step
from automation.contract.models import Service
from automation.docker import archive
from automation.docker.archive import Archive, Layer
from automation.docker.cli import Docker
from automation.process import files
from automation.settings import Settings

MB = 10**6
RUNTIME, PACKAGES, APPLICATION = "interpreter and libraries", "packages", "application"
GROUPS = (RUNTIME, PACKAGES, APPLICATION)
"""The parts of an image: what the base brings, what the locks bring, what this repository brings."""

_LARGEST = 5
_REDRAW_S = 0.1
_PACKAGE = re.compile(
    r"/(?:site-packages|dist-packages)/(?P<python>[^/]+)|/node_modules/(?P<node>@[^/]+/[^/]+|[^@/][^/]*)"
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
    """What an image weighs, in bytes."""

    reference: str
    id: str
    """What Docker calls the image: it changes with the content."""
    size: int
    compressed: int
    layers: tuple[Weighed, ...]
    """By the instruction that made them."""
    groups: tuple[Weighed, ...]
    """In the order of GROUPS."""
    packages: tuple[Weighed, ...]
    """The largest Python or npm packages."""
    files: tuple[Weighed, ...]
    """The largest files."""

    @classmethod
    def of(cls, reference: str, identity: str, read: Archive[None]) -> Self:
        """Weigh what an archive holds."""
        workdir = str((read.config.get("config") or {}).get("WorkingDir") or "").rstrip("/")
        groups: Counter[str] = Counter()
        packages: Counter[str] = Counter()
        largest: Counter[str] = Counter()
        for layer in read.layers:
            for file in layer.files:
                if file.size:
                    groups[_group(file.path, workdir)] += file.size
                    largest[file.path] += file.size
                    if package := _package(file.path):
                        packages[package] += file.size
        return cls(
            reference=reference,
            id=identity,
            size=read.size,
            compressed=sum(layer.compressed for layer in read.layers),
            layers=tuple(Weighed(_instruction(layer), layer.size) for layer in read.layers),
            groups=tuple(Weighed(name, groups[name]) for name in GROUPS),
            packages=_top(packages),
            files=_top(largest),
        )


def _top(weights: Counter[str]) -> tuple[Weighed, ...]:
    return tuple(Weighed(name, size) for name, size in weights.most_common(_LARGEST))


def _group(path: str, workdir: str) -> str:
    if _PACKAGE.search(path):
        return PACKAGES
    return APPLICATION if workdir and path.startswith(f"{workdir}/") else RUNTIME


def _package(path: str) -> str:
    """Return the name of the package that a file belongs to, as its registry writes it."""
    found = None
    for found in _PACKAGE.finditer(path):  # noqa: B007 - a package may lie inside another: the last counts
        pass
    if found is None:
        return ""
    if found["node"]:
        return found["node"]
    return _PYTHON_EXTRA.sub("", found["python"]).lower().replace("_", "-")


def _instruction(layer: Layer[None]) -> str:
    text = layer.command.replace("/bin/sh -c ", "", 1).removeprefix("#(nop) ")
    return " ".join(text.removesuffix("# buildkit").split()) or "a layer"


async def measure(docker: Docker, reference: str, step: Step | None = None) -> Measurement:
    """Weigh an image by its name. Raises AutomationError when Docker has none of that name."""
    image = (await docker.images(reference)).get(reference)
    if image is None:
        raise AutomationError(f"there is no image {reference}", remedies=[f"docker pull {reference}"])
    told = 0.0

    def progress(count: int) -> None:
        nonlocal told
        if step is not None and time.monotonic() - told > _REDRAW_S:
            told = time.monotonic()
            step.progress(f"weighing {reference}: {count / MB:.0f} MB read")

    read: Archive[None] = await docker.save(
        reference, lambda stream: archive.read(stream, compressed=True, progress=progress)
    )
    return Measurement.of(reference, str(image["Id"]), read)


@dataclass(frozen=True)
class Verdict:
    """A measurement held against what a contract allows, in bytes."""

    measurement: Measurement
    allowed: int | None
    """Without one, nothing is required."""
    aim: int | None
    before: int | None
    """What the build before weighed."""

    @property
    def passed(self) -> bool:
        """Whether it is within the budget: one byte more is over it."""
        return self.allowed is None or self.measurement.size <= self.allowed

    @property
    def aim_met(self) -> bool:
        """Whether it is within the aim."""
        return self.aim is None or self.measurement.size <= self.aim

    @property
    def change(self) -> int | None:
        """The bytes that came since the build before, if there was one."""
        return None if self.before is None else self.measurement.size - self.before

    def to_mapping(self) -> dict[str, Any]:
        """Return what a program wants to know."""
        measured = self.measurement

        def listed(parts: Sequence[Weighed]) -> list[dict[str, Any]]:
            return [{"name": part.name, "size": part.size} for part in parts]

        return {
            "reference": measured.reference,
            "id": measured.id,
            "size": measured.size,
            "compressed": measured.compressed,
            "allowed": self.allowed,
            "aim": self.aim,
            "passed": self.passed,
            "aim_met": self.aim_met,
            "change": self.change,
            "groups": {part.name: part.size for part in measured.groups},
            "layers": listed(measured.layers),
            "packages": listed(measured.packages),
            "files": listed(measured.files),
        }


def judge(measurement: Measurement, service: Service | None, before: int | None) -> Verdict:
    """Hold the measurement against a contract, where there is one for it."""
    if service is None:
        return Verdict(measurement, None, None, before)
    return Verdict(measurement, service.size_max_mb * MB, service.size_aim_mb * MB, before)


class History:
    """What the builds weighed that were measured here, for the change since the last one."""

    def __init__(self, settings: Settings) -> None:
        """Read what is kept in the state directory."""
        self._file = settings.state_dir / "images" / "sizes.json"
        self._kept: dict[str, Any] = files.read_json(self._file) or {}

    def before(self, kind: str, measurement: Measurement) -> int | None:
        """Return what the build of this kind before this one weighed."""
        kept = self._kept.get(kind)
        if not isinstance(kept, Mapping):
            return None
        size = kept.get("before") if kept.get("id") == measurement.id else kept.get("size")
        return size if isinstance(size, int) else None

    def keep(self, kind: str, measurement: Measurement) -> None:
        """Remember the measurement."""
        before = self.before(kind, measurement)
        # Another run may have written meanwhile.
        kept = files.read_json(self._file) or {}
        kept[kind] = {"id": measurement.id, "size": measurement.size, "before": before}
        files.make_directory(self._file.parent)
        files.write_json(self._file, kept)
