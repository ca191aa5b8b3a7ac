"""What `helm-install` may change: never a namespace or a release of somebody else."""

from collections.abc import Mapping
from typing import Any

from automation.kubernetes.commands import ClusterError
from automation.kubernetes.helm import Helm

_CREATED = "made-by-helm-install"
"""The chart's annotation of a namespace that did not exist before."""


def namespace(name: str, chart: str) -> dict[str, Any]:
    """Return the document of a namespace that may later be deleted with everything in it."""
    labels = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "warn")}
    metadata = {"name": name, "labels": labels, "annotations": {f"{chart}/{_CREATED}": "true"}}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}


def created_here(document: Mapping[str, Any], chart: str) -> bool:
    """Return whether `helm-install` has created a namespace."""
    return f"{chart}/{_CREATED}" in document["metadata"].get("annotations", {})


async def check_chart(helm: Helm, chart: str) -> None:
    """Raise ClusterError if the release is installed from another chart."""
    for last in (await helm.history())[-1:]:
        if last.chart and not last.chart.startswith(f"{chart}-"):
            raise ClusterError(
                f"the release {helm.release} in {helm.namespace} belongs to another chart, {last.chart}",
                why="it would be replaced",
                remedies=["--release NAME", "--namespace NAME"],
            )
