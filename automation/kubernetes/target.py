"""Which cluster is meant, and how images get to its nodes."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from automation.kubernetes.kubectl import ClusterUnavailableError, Kubectl

MINIKUBE, KIND, DOCKER_DESKTOP, OTHER = "minikube", "kind", "docker-desktop", ""
_THIS_MACHINE = {"localhost", "127.0.0.1", "::1"}


@dataclass(frozen=True)
class Target:
    """A cluster, as kubectl's configuration names it."""

    context: str
    server: str
    """The address of its API server."""
    kind: str
    """`minikube`, `kind`, `docker-desktop`, or empty for any other."""
    cluster: str
    """The name that minikube or kind gives it."""

    @property
    def local(self) -> bool:
        """Whether it is a cluster of this machine, which a person may change without being asked."""
        return bool(self.kind) or urlsplit(self.server).hostname in _THIS_MACHINE

    def __str__(self) -> str:
        """Return it as a person is told of it."""
        return f"{self.context} ({self.kind or self.server})"


async def find(kubectl: Kubectl) -> Target:
    """Return the cluster that the context means. Raises ClusterUnavailableError when there is none."""
    return read(await kubectl.json("config", "view", "--minify"))


def read(configuration: dict[str, Any]) -> Target:
    """Return the cluster of a configuration that was cut down to one context."""
    context = configuration.get("current-context") or ""
    clusters = configuration.get("clusters") or []
    if not context or not clusters:
        raise ClusterUnavailableError(
            "no cluster is configured",
            why="kubectl has no current context",
            remedies=["minikube start", "kubectl config get-contexts"],
        )
    name, cluster = clusters[0]["name"], clusters[0]["cluster"]
    extensions = [each.get("extension", {}) for each in cluster.get("extensions") or ()]
    if any(each.get("provider") == "minikube.sigs.k8s.io" for each in extensions) or context == MINIKUBE:
        return Target(context, cluster["server"], MINIKUBE, name)
    if name.startswith("kind-"):
        return Target(context, cluster["server"], KIND, name.removeprefix("kind-"))
    if name == DOCKER_DESKTOP:
        return Target(context, cluster["server"], DOCKER_DESKTOP, name)
    return Target(context, cluster["server"], OTHER, name)
