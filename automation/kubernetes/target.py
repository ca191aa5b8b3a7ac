"""The release that a command works on, its cluster, and the releases that this clone has installed."""

import time
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from automation.console.errors import UsageError
from automation.console.events import Emit, step
from automation.contract.models import Kubernetes, Profile
from automation.kubernetes import commands
from automation.kubernetes.commands import ClusterUnavailableError, Helm, Kubectl
from automation.process import addresses
from automation.settings import Settings

PROFILE = "cluster"
RELEASE = "todo"
MINIKUBE, KIND, DOCKER_DESKTOP, OTHER = "minikube", "kind", "docker-desktop", ""
_THIS_MACHINE = {"localhost", "127.0.0.1", "::1"}

Confirm = Callable[[str], Coroutine[Any, Any, None]]
"""Asks a person; raises AutomationError unless the answer is yes."""


@dataclass(frozen=True)
class Request:
    """Request of a person: which release, where, from which profile, and how to install it."""

    namespace: str
    release: str = RELEASE
    profile: str = PROFILE
    context: str = ""
    """kubectl's context; defaults to the current one."""
    registry: str = ""
    """A registry that the nodes pull from; by default images are loaded into the nodes."""
    bases: tuple[str, ...] = ()
    values_files: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()
    """Values in the form of `--set`."""
    wait: bool = True
    atomic: bool = False
    """Roll back if this revision does not become healthy."""
    timeout_seconds: float = 0
    """Time limit for the release; 0 for one that fits its replicas."""

    @property
    def flags(self) -> tuple[str, ...]:
        values = (word for file in self.values_files for word in ("--values", file))
        return (*values, *(word for setting in self.settings for word in ("--set", setting)))


def kubernetes(profile: Profile) -> Kubernetes:
    """Return the Kubernetes part of a profile. Raises UsageError if it has none."""
    if profile.kubernetes is None:
        raise UsageError(
            f"the profile {profile.name} does not describe a Kubernetes release",
            remedies=[f"--profile {PROFILE}"],
        )
    return profile.kubernetes


def chart(settings: Settings, rules: Kubernetes) -> Path:
    return settings.root / "deploy" / "helm" / rules.chart


@dataclass(frozen=True)
class Target:
    """A cluster in kubectl's configuration."""

    context: str
    server: str
    kind: str
    """`minikube`, `kind`, `docker-desktop`, or empty for any other."""
    cluster: str
    """The name of the cluster in minikube or kind."""

    @property
    def local(self) -> bool:
        """Whether the cluster runs on this machine, so that changing it needs no confirmation."""
        host = urlsplit(self.server).hostname or ""
        if host in _THIS_MACHINE or (self.kind == DOCKER_DESKTOP and host == "kubernetes.docker.internal"):
            return True
        # Minikube's node has an address of a network of this machine, whatever the context is called.
        return self.kind == MINIKUBE and addresses.private(host)

    def __str__(self) -> str:
        return f"{self.context} ({self.kind or self.server})"


def read(configuration: Mapping[str, Any]) -> Target:
    """Return the cluster of the output of `kubectl config view --minify`."""
    context, clusters = configuration.get("current-context") or "", configuration.get("clusters") or []
    if not context or not clusters:
        raise ClusterUnavailableError(
            "no cluster is configured",
            why="kubectl has no current context",
            remedies=["minikube start", "kubectl config get-contexts"],
        )
    name, cluster = clusters[0]["name"], clusters[0]["cluster"]
    providers = [item.get("extension", {}).get("provider") for item in cluster.get("extensions") or ()]
    kind = DOCKER_DESKTOP if name == DOCKER_DESKTOP else OTHER
    if "minikube.sigs.k8s.io" in providers or context == MINIKUBE:
        kind = MINIKUBE
    elif name.startswith("kind-"):
        kind, name = KIND, name.removeprefix("kind-")
    return Target(context, cluster["server"], kind, name)


@dataclass(frozen=True)
class Place:
    """A cluster with kubectl and Helm pointed at it."""

    kubectl: Kubectl
    helm: Helm
    target: Target

    @classmethod
    async def find(cls, settings: Settings, request: Request) -> Self:
        """Return the cluster of the request's context. Raises ClusterError."""
        kubectl = Kubectl.find(settings, context=request.context)
        target = read(await kubectl.json("config", "view", "--minify"))
        place = (target.context, request.namespace, request.release)
        helm = Helm(commands.find("helm", settings), *place)
        return cls(Kubectl(kubectl.program, *place[:2]), helm, target)

    async def check(self, emit: Emit) -> None:
        """Check that the cluster answers. Raises ClusterError."""
        with step(emit, "cluster") as running:
            running.progress(f"querying {self.target}")
            version = (await self.kubectl.json("version"))["serverVersion"]["gitVersion"]
            running.detail = f"{self.target}, Kubernetes {version}"

    async def confirm(self, ask: Confirm | None) -> None:
        """Ask before changing a cluster that does not run on this machine."""
        if ask is not None and not self.target.local:
            await ask(f"{self.target} is not a cluster on this machine. Change it?")


@dataclass(frozen=True)
class KnownRelease:
    """A release, and where it is reached; equal if it has the same name in the same cluster."""

    context: str
    namespace: str
    release: str
    profile: str = field(default=PROFILE, compare=False)
    address: str = field(default="", compare=False)
    since: float = field(default=0, compare=False)
    """Seconds since the epoch."""


@dataclass(frozen=True)
class KnownReleases:
    """The releases that were installed and not yet uninstalled, the newest last."""

    installed: tuple[KnownRelease, ...] = ()
    stopped: bool = False
    """Whether `down` was the last command: then no release is the current one."""

    @property
    def current(self) -> KnownRelease | None:
        """The release that commands without a name work on; None if there is none."""
        return self.installed[-1] if self.installed and not self.stopped else None

    def find(self, release: KnownRelease) -> KnownRelease | None:
        return next((known for known in self.installed if known == release), None)

    def add(self, release: KnownRelease) -> Self:
        """Return these with a release added or replaced; it becomes the newest."""
        others = (known for known in self.installed if known != release)
        return type(self)((*others, replace(release, since=time.time())))

    def remove(self, release: KnownRelease, *, stopped: bool = False) -> Self:
        return type(self)(tuple(known for known in self.installed if known != release), stopped)
