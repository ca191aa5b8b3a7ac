"""What `helm-install` writes beside the release, and never over somebody else's: namespace and Secret."""

import base64
from collections.abc import Mapping
from typing import Any

from automation.kubernetes.commands import FIELD_MANAGER, ClusterError, Helm, Kubectl

DATABASE_PASSWORD = "POSTGRES_PASSWORD"  # noqa: S105 - the name of the variable

_ALWAYS = ("BETTER_AUTH_SECRET", "JWT_SECRET", "GEMINI_API_KEY")
_IF_SET = ("OPENAI_API_KEY", "OPENROUTER_API_KEY", DATABASE_PASSWORD)
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


def secret_data(settings: Mapping[str, str], database_url: str) -> dict[str, str]:
    """Return the Secret's values as the API server stores them.

    `database_url` is the address of the database in the cluster, for settings without a DATABASE_URL.
    """
    values = {name: settings.get(name, "") for name in _ALWAYS}
    values |= {name: settings[name] for name in _IF_SET if settings.get(name)}
    values["DATABASE_URL"] = settings.get("DATABASE_URL") or database_url
    return {name: base64.b64encode(value.encode()).decode() for name, value in sorted(values.items())}


def secret(name: str, namespace: str, data: Mapping[str, str]) -> dict[str, Any]:
    """Return the Secret's document."""
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": "Opaque", "data": {**data}}


def decoded(data: Mapping[str, str]) -> dict[str, str]:
    """Return the values of a Secret in clear."""
    return {name: base64.b64decode(value).decode(errors="replace") for name, value in data.items()}


async def read_secret(kubectl: Kubectl, name: str) -> Mapping[str, str] | None:
    """Return the data of the Secret, None if there is none.

    Raises ClusterError for a Secret that `helm-install` has not created: it would be overwritten.
    """
    found = await kubectl.json("get", "secret", name, "--ignore-not-found", "--show-managed-fields")
    if not found:
        return None
    if FIELD_MANAGER not in {field["manager"] for field in found["metadata"].get("managedFields", ())}:
        space = kubectl.namespace
        raise ClusterError(
            f"the Secret {name} in {space} was not created by helm-install",
            why="it would be overwritten",
            remedies=["--namespace NAME", f"kubectl --namespace {space} delete secret {name}"],
        )
    return dict(found.get("data", {}))
