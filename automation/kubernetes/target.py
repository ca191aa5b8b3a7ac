"""Which cluster a command works on, and the programs that talk to it."""

from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import urlsplit

from automation.console.events import Emit, step
from automation.kubernetes.commands import ClusterUnavailableError
from automation.kubernetes.helm import Helm
from automation.kubernetes.kubectl import Kubectl
from automation.kubernetes.request import Request
from automation.settings import Settings

MINIKUBE, KIND, DOCKER_DESKTOP, OTHER = "minikube", "kind", "docker-desktop", ""
_THIS_MACHINE = {"localhost", "127.0.0.1", "::1"}

Confirm = Callable[[str], Coroutine[Any, Any, None]]
"""Asks a person; raises AutomationError unless the answer is yes."""


@dataclass(frozen=True)
class Target:
    """A cluster in kubectl's configuration."""

    context: str
    server: str
    """The address of the API server."""
    kind: str
    """`minikube`, `kind`, `docker-desktop`, or empty for any other."""
    cluster: str
    """The name of the cluster in minikube or kind."""

    @property
    def local(self) -> bool:
        """Whether the cluster runs on this machine, so that changing it needs no confirmation."""
        return bool(self.kind) or urlsplit(self.server).hostname in _THIS_MACHINE

    def __str__(self) -> str:
        return f"{self.context} ({self.kind or self.server})"


def read(configuration: Mapping[str, Any]) -> Target:
    """Return the cluster of the output of `kubectl config view --minify`."""
    context = configuration.get("current-context") or ""
    clusters = configuration.get("clusters") or []
    if not context or not clusters:
        raise ClusterUnavailableError(
            "no cluster is configured",
            why="kubectl has no current context",
            remedies=["minikube start", "kubectl config get-contexts"],
        )
    name, cluster = clusters[0]["name"], clusters[0]["cluster"]
    extensions = [item.get("extension", {}) for item in cluster.get("extensions") or ()]
    if any(item.get("provider") == "minikube.sigs.k8s.io" for item in extensions) or context == MINIKUBE:
        return Target(context, cluster["server"], MINIKUBE, name)
    if name.startswith("kind-"):
        return Target(context, cluster["server"], KIND, name.removeprefix("kind-"))
    return Target(context, cluster["server"], DOCKER_DESKTOP if name == DOCKER_DESKTOP else OTHER, name)


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
        kubectl = Kubectl(kubectl.program, target.context, request.namespace)
        helm = Helm.find(
            settings, context=target.context, namespace=request.namespace, release=request.release
        )
        return cls(kubectl, helm, target)

    async def check(self, emit: Emit) -> None:
        """Check that the cluster answers. Raises ClusterError."""
        with step(emit, "cluster") as running:
            running.progress(f"asking {self.target}")
            version = (await self.kubectl.json("version"))["serverVersion"]["gitVersion"]
            running.detail = f"{self.target}, Kubernetes {version}"

    async def confirm(self, ask: Confirm | None) -> None:
        """Ask before changing a cluster that does not run on this machine."""
        if ask is not None and not self.target.local:
            await ask(f"{self.target} is not a cluster on this machine. Change it?")
