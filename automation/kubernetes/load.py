"""Bringing images to the nodes of a cluster, under names that change with their content.

A node keeps what it has under an unchanged name, whatever is loaded again: so an image is asked for by the
tag of its content, what is there is skipped, and what the node has is read back afterwards.
"""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from automation.console.events import Emit, step
from automation.docker.cli import Docker
from automation.images.registry import check_registry
from automation.kubernetes.kubectl import ClusterError, ClusterUnavailableError
from automation.kubernetes.target import DOCKER_DESKTOP, KIND, MINIKUBE, Target
from automation.process import programs
from automation.process.programs import Program
from automation.settings import Settings

PATIENCE_S = 300.0


@dataclass(frozen=True)
class Loaded:
    """An image as the cluster has it."""

    service: str
    name: str
    """The name that pods ask for."""
    pull_policy: str
    seconds: float
    """0 for one that was there."""


class Loader(Protocol):
    """A way of bringing an image to the nodes."""

    @property
    def pull_policy(self) -> str:
        """What pods are to do where their node lacks the image."""

    def name(self, reference: str) -> str:
        """Return the name by which pods are to ask for the image."""

    async def has(self, reference: str) -> bool:
        """Return whether the nodes have the image already."""

    async def load(self, reference: str) -> None:
        """Bring it there. Raises ClusterError."""


@dataclass(frozen=True)
class MinikubeLoader:
    """Through `minikube image load`, which ends with 0 even where it has loaded nothing."""

    program: Program
    profile: str
    pull_policy: str = "Never"

    def name(self, reference: str) -> str:
        """Return the same name."""
        return reference

    async def has(self, reference: str) -> bool:
        """Ask what the node has."""
        listed = await _run(self.program, "--profile", self.profile, "image", "ls")
        return any(
            line.strip().endswith(f"/{reference}") or line.strip() == reference
            for line in listed.splitlines()
        )

    async def load(self, reference: str) -> None:
        """Hand the image over from the Docker daemon."""
        await _run(self.program, "--profile", self.profile, "image", "load", reference)


@dataclass(frozen=True)
class KindLoader:
    """Through an archive: kind's own way fails on images of several platforms in Docker's new image store."""

    program: Program
    docker: Docker
    cluster: str
    pull_policy: str = "Never"

    def name(self, reference: str) -> str:
        """Return the same name."""
        return reference

    async def has(self, reference: str) -> bool:
        """Ask what every node has."""
        nodes = (await _run(self.program, "get", "nodes", "--name", self.cluster)).split()
        for node in nodes:
            text = await self.docker.run("exec", node, "crictl", "images", "--output=json")
            tags = {tag for each in json.loads(text)["images"] for tag in each.get("repoTags") or ()}
            if f"docker.io/library/{reference}" not in tags:
                return False
        return bool(nodes)

    async def load(self, reference: str) -> None:
        """Save the image into a file that kind takes and that is removed at once."""
        directory = self.docker.settings.state_dir / "images"
        directory.mkdir(parents=True, exist_ok=True)
        archive = directory / f"{reference.replace(':', '-').replace('/', '-')}.tar"
        try:
            await self.docker.run("image", "save", reference, "--output", str(archive), seconds=PATIENCE_S)
            await _run(self.program, "load", "image-archive", str(archive), "--name", self.cluster)
        finally:
            archive.unlink(missing_ok=True)


@dataclass(frozen=True)
class SharedLoader:
    """Nothing to do: the cluster runs on the very images of the Docker daemon."""

    docker: Docker
    pull_policy: str = "IfNotPresent"

    def name(self, reference: str) -> str:
        """Return the same name."""
        return reference

    async def has(self, reference: str) -> bool:
        """Ask the daemon."""
        return reference in await self.docker.images(reference)

    async def load(self, reference: str) -> None:
        """Find nothing to do."""


@dataclass(frozen=True)
class RegistryLoader:
    """Through a registry that the nodes pull from."""

    docker: Docker
    registry: str
    pull_policy: str = "IfNotPresent"

    def name(self, reference: str) -> str:
        """Return the image's name in the registry."""
        return f"{self.registry}/{reference}"

    async def has(self, reference: str) -> bool:
        """Ask the registry."""
        done = await self.docker.complete(
            "buildx", "imagetools", "inspect", self.name(reference), seconds=PATIENCE_S
        )
        return done.code == 0

    async def load(self, reference: str) -> None:
        """Push it."""
        name = self.name(reference)
        await self.docker.run("image", "tag", reference, name)
        await self.docker.run("image", "push", "--quiet", name, seconds=PATIENCE_S)


def choose(target: Target, settings: Settings, docker: Docker, registry: str = "") -> Loader:
    """Return the way to this cluster's nodes. Raises ClusterUnavailableError when there is none."""
    if registry:
        return RegistryLoader(docker, check_registry(registry))
    if target.kind == MINIKUBE:
        return MinikubeLoader(_find(MINIKUBE, settings), target.cluster)
    if target.kind == KIND:
        return KindLoader(_find(KIND, settings), docker, target.cluster)
    if target.kind == DOCKER_DESKTOP:
        return SharedLoader(docker)
    raise ClusterUnavailableError(
        f"how images get to the nodes of {target.context} is not known",
        why="it is not minikube, kind or Docker Desktop, so its nodes pull from a registry",
        remedies=["--registry HOST/USER", "kubectl config use-context minikube"],
    )


async def converge(loader: Loader, service: str, reference: str, emit: Emit, *, allowed_s: int) -> Loaded:
    """Bring the image there unless it is, and read back that it is. Raises ClusterError."""
    with step(emit, f"load {service}") as running:
        name = loader.name(reference)
        running.progress("asking what the cluster has")
        if await loader.has(reference):
            running.detail = f"{name} is there"
            return Loaded(service, name, loader.pull_policy, 0.0)
        running.progress(f"{reference} on its way")
        began = time.monotonic()
        await loader.load(reference)
        seconds = time.monotonic() - began
        running.progress("reading back what the cluster has")
        if not await loader.has(reference):
            raise ClusterError(
                f"{reference} was loaded and is not there",
                why="the program that loads it ended without an error",
                remedies=["minikube status", "minikube image ls", "invoke minikube-load"],
            )
        verdict = "" if seconds <= allowed_s else f": the limit is {allowed_s} s"
        running.detail = f"{name} loaded in {seconds:.1f} s{verdict}"
        return Loaded(service, name, loader.pull_policy, seconds)


def values(loaded: Mapping[str, Loaded]) -> dict[str, Any]:
    """Return the chart's values that name the images."""
    made = {}
    for service, each in loaded.items():
        repository, _, tag = each.name.rpartition(":")
        made[service] = {"image": {"repository": repository, "tag": tag, "pullPolicy": each.pull_policy}}
    return made


def _find(name: str, settings: Settings) -> Program:
    program = programs.find(name, settings.environ, settings.root)
    if program is None:
        raise ClusterUnavailableError(
            f"{name} is not installed",
            why=f"the cluster is one of {name}, and there is no program of that name on PATH",
            remedies=["--registry HOST/USER, where the nodes can pull from one"],
        )
    return program


async def _run(program: Program, *arguments: str) -> str:
    name = program.path.rpartition("/")[2]
    try:
        done = await program.complete(*arguments, seconds=PATIENCE_S)
    except TimeoutError:
        raise ClusterUnavailableError(
            f"{name} took more than {PATIENCE_S:.0f} s", remedies=[f"{name} status"]
        ) from None
    if done.code:
        said = [line.strip() for line in (done.errors or done.output).splitlines() if line.strip()]
        raise ClusterError(
            f"{name} {' '.join(each for each in arguments if not each.startswith('-'))} failed",
            why="it says:",
            details=said[-8:],
            remedies=["minikube start"] if name == MINIKUBE else [],
        )
    return done.output
