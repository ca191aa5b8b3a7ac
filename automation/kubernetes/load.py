"""Load images into the nodes of a cluster.

A node keeps the image that it has under a name, whatever is loaded under that name later. So the name of an
image changes with its content, an image that the node has is skipped, and each load is verified.
"""

import asyncio
import json
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from automation.console.events import Emit, step
from automation.contract import profiles
from automation.contract.models import Kubernetes
from automation.docker.cli import Docker
from automation.images import build
from automation.images.plan import Options, choose, plan_all
from automation.images.registry import check_registry
from automation.kubernetes import commands
from automation.kubernetes.commands import Client, ClusterError, ClusterUnavailableError
from automation.kubernetes.target import DOCKER_DESKTOP, KIND, MINIKUBE, Request, Target, kubernetes
from automation.process import files
from automation.settings import Settings

_TIMEOUT_SECONDS = 300.0


@dataclass(frozen=True)
class Loaded:
    service: str
    name: str
    pull_policy: str
    seconds: float
    """Duration of loading it, 0 if the cluster had it already."""

    @property
    def values(self) -> dict[str, str]:
        repository, _, tag = self.name.rpartition(":")
        return {"repository": repository, "tag": tag, "pullPolicy": self.pull_policy}


class Loader(ABC):
    """A way to bring an image to the nodes."""

    pull_policy: ClassVar[str] = "Never"

    def name(self, reference: str) -> str:
        """Return the name of the image in the cluster."""
        return reference

    @abstractmethod
    async def has(self, reference: str) -> bool:
        """Return whether the nodes have the image already."""

    @abstractmethod
    async def load(self, reference: str) -> None:
        """Bring the image to the nodes. Raises ClusterError."""


@dataclass(frozen=True)
class MinikubeLoader(Loader):
    """Loads with `minikube image load`, which exits with 0 even if it has loaded nothing."""

    program: Client
    profile: str

    async def has(self, reference: str) -> bool:
        listed = (await self._run("ls")).splitlines()
        return reference in {line.strip().removeprefix("docker.io/library/") for line in listed}

    async def load(self, reference: str) -> None:
        await self._run("load", reference)

    async def _run(self, *arguments: str) -> str:
        words = (f"--profile={self.profile}", "image", *arguments)
        return await self.program.run(*words, seconds=_TIMEOUT_SECONDS)


@dataclass(frozen=True)
class KindLoader(Loader):
    """Loads an archive: `kind load docker-image` fails with multi-platform images of the containerd store."""

    program: Client
    docker: Docker
    cluster: str

    async def has(self, reference: str) -> bool:
        nodes = (await self.program.run("get", "nodes", "--name", self.cluster)).split()
        for node in nodes:
            text = await self.docker.run("exec", node, "crictl", "images", "--output=json")
            tags = {tag for image in json.loads(text)["images"] for tag in image.get("repoTags") or ()}
            if f"docker.io/library/{reference}" not in tags:
                return False
        return bool(nodes)

    async def load(self, reference: str) -> None:
        directory = self.docker.settings.state_dir / "images"
        files.make_directory(directory)
        archive = directory / f"{reference.replace(':', '-').replace('/', '-')}.tar"
        save = ("image", "save", reference, "--output", str(archive))
        words = ("load", "image-archive", str(archive), "--name", self.cluster)
        try:
            await self.docker.run(*save, seconds=_TIMEOUT_SECONDS)
            await self.program.run(*words, seconds=_TIMEOUT_SECONDS)
        finally:
            archive.unlink(missing_ok=True)


@dataclass(frozen=True)
class SharedLoader(Loader):
    """Loads nothing: the cluster uses the images of the Docker daemon."""

    docker: Docker
    pull_policy = "IfNotPresent"

    async def has(self, reference: str) -> bool:
        return reference in await self.docker.images(reference)

    async def load(self, reference: str) -> None:
        """Do nothing."""


@dataclass(frozen=True)
class RegistryLoader(Loader):
    """Pushes to a registry that the nodes pull from."""

    docker: Docker
    registry: str
    pull_policy = "IfNotPresent"

    def name(self, reference: str) -> str:
        return f"{self.registry}/{reference}"

    async def has(self, reference: str) -> bool:
        words = ("buildx", "imagetools", "inspect", self.name(reference))
        return (await self.docker.complete(*words, seconds=_TIMEOUT_SECONDS)).code == 0

    async def load(self, reference: str) -> None:
        name = self.name(reference)
        await self.docker.run("image", "tag", reference, name)
        await self.docker.run("image", "push", "--quiet", name, seconds=_TIMEOUT_SECONDS)


def loader_of(target: Target, settings: Settings, docker: Docker, registry: str = "") -> Loader:
    """Return the loader for a cluster. Raises ClusterUnavailableError if there is none."""
    if registry:
        return RegistryLoader(docker, check_registry(registry))
    if target.kind == DOCKER_DESKTOP:
        return SharedLoader(docker)
    if target.kind in {MINIKUBE, KIND}:
        alternative = "--registry HOST/USER, if the nodes can pull from a registry"
        program = Client(commands.find(target.kind, settings, alternative))
        if target.kind == MINIKUBE:
            return MinikubeLoader(program, target.cluster)
        return KindLoader(program, docker, target.cluster)
    raise ClusterUnavailableError(
        f"images cannot be loaded into the nodes of {target.context}",
        why="it is not minikube, kind or Docker Desktop, so its nodes pull from a registry",
        remedies=["--registry HOST/USER", "kubectl config use-context minikube"],
    )


async def converge(
    loader: Loader, service: str, reference: str, emit: Emit, *, limit_seconds: float
) -> Loaded:
    """Load an image unless the cluster has it, and verify that it arrived. Raises ClusterError."""
    with step(emit, f"load {service}") as running:
        name = loader.name(reference)
        running.progress("listing the images in the cluster")
        if await loader.has(reference):
            running.detail = f"{name} is already in the cluster"
            return Loaded(service, name, loader.pull_policy, 0.0)
        running.progress(f"loading {reference}")
        began = time.monotonic()
        await loader.load(reference)
        seconds = time.monotonic() - began
        running.progress("verifying")
        if not await loader.has(reference):
            raise ClusterError(
                f"{reference} is not in the cluster after loading it",
                why="the program that loads it reported no error",
                remedies=["minikube status", "minikube image ls", "invoke minikube-load"],
            )
        verdict = "" if seconds <= limit_seconds else f": the limit is {limit_seconds} s"
        running.detail = f"{name} loaded in {seconds:.1f} s{verdict}"
        return Loaded(service, name, loader.pull_policy, seconds)


async def load_images(
    settings: Settings,
    request: Request,
    target: Target,
    emit: Emit,
    service: str = "",
    *,
    with_tags: bool = False,
) -> Mapping[str, Loaded]:
    """Build the images that are missing and load them. Raises AutomationError.

    Args:
        with_tags: Load them under the tags of the profile too, which the chart's own values name.
    """
    profile = profiles.load(request.profile, settings.root)
    docker = Docker.find(settings)
    loader = loader_of(target, settings, docker, request.registry)
    plans = await plan_all(
        settings, [profile], choose(service), Options(bases=request.bases, explicit=with_tags)
    )
    for outcome in await build.converge(docker, plans, emit):
        build.record(settings, outcome)
    limit = kubernetes(profile).image_load_max_s
    loaded = await asyncio.gather(
        *(converge(loader, plan.service, plan.reference, emit, limit_seconds=limit) for plan in plans)
    )
    if with_tags and not request.registry:
        with step(emit, "tags") as running:
            names = [f"{plan.image}:{tag}" for plan in plans for tag in plan.tags]
            for name in names:
                running.progress(f"loading {name}")
                await loader.load(name)
            running.detail = f"{' and '.join(names)}, for Helm without these tasks"
    return {image.service: image for image in loaded}


async def load_database(
    settings: Settings, target: Target, rules: Kubernetes, image: str, emit: Emit
) -> None:
    """Load the database's image into a local cluster if Docker has it; otherwise the nodes pull it."""
    docker = Docker.find(settings)
    if target.kind and await docker.images(image):
        loader = loader_of(target, settings, docker)
        await converge(loader, "database", image, emit, limit_seconds=rules.image_load_max_s)
