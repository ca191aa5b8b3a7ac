"""Which cluster a context of kubectl means."""

from typing import Any

import pytest

from automation.kubernetes import target
from automation.kubernetes.commands import ClusterUnavailableError


def configured(name: str, server: str, context: str = "", **extension: Any) -> dict[str, Any]:
    """Return what `kubectl config view --minify` prints."""
    cluster: dict[str, Any] = {"server": server}
    if extension:
        cluster["extensions"] = [{"name": "cluster_info", "extension": extension}]
    return {"current-context": context or name, "clusters": [{"name": name, "cluster": cluster}]}


@pytest.mark.parametrize(
    ("configuration", "kind", "cluster", "local"),
    [
        (configured("minikube", "https://192.168.49.2:8443"), "minikube", "minikube", True),
        (
            configured("second", "https://192.168.58.2:8443", provider="minikube.sigs.k8s.io"),
            "minikube",
            "second",
            True,
        ),
        (configured("kind-todo", "https://127.0.0.1:41231"), "kind", "todo", True),
        (
            configured("docker-desktop", "https://kubernetes.docker.internal:6443"),
            "docker-desktop",
            "docker-desktop",
            True,
        ),
        (configured("k3s", "https://127.0.0.1:6443", "default"), "", "k3s", True),
        (configured("prod", "https://api.prod.example:6443"), "", "prod", False),
        (configured("prod", "https://localhost.example:6443"), "", "prod", False),
        (configured("minikube", "https://api.prod.example:6443"), "minikube", "minikube", False),
        (configured("minikube", "https://8.8.4.4:6443"), "minikube", "minikube", False),
        (configured("kind-prod", "https://10.1.2.3:6443"), "kind", "prod", False),
        (configured("docker-desktop", "https://10.1.2.3:6443"), "docker-desktop", "docker-desktop", False),
    ],
)
def test_a_cluster_is_recognised(
    configuration: dict[str, Any], kind: str, cluster: str, *, local: bool
) -> None:
    found = target.read(configuration)
    assert (found.kind, found.cluster, found.local) == (kind, cluster, local)


def test_a_configuration_without_a_context_is_an_error() -> None:
    with pytest.raises(ClusterUnavailableError, match="no cluster is configured"):
        target.read({"current-context": "", "clusters": None})
