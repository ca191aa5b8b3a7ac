"""The release's Secret: its content, and how it is read and written."""

import base64
from collections.abc import Mapping
from typing import Any

from automation.kubernetes.commands import ClusterError
from automation.kubernetes.kubectl import FIELD_MANAGER, Kubectl

DATABASE_PASSWORD = "POSTGRES_PASSWORD"  # noqa: S105 - the name of the variable

_ALWAYS = ("BETTER_AUTH_SECRET", "JWT_SECRET", "GEMINI_API_KEY")
_IF_SET = ("OPENAI_API_KEY", "OPENROUTER_API_KEY", DATABASE_PASSWORD)


def content(settings: Mapping[str, str], database_url: str) -> dict[str, str]:
    """Return the Secret's values, from the settings.

    Args:
        settings: the application's settings.
        database_url: the address of the database in the cluster, for settings without a DATABASE_URL.
    """
    values = {name: settings.get(name, "") for name in _ALWAYS}
    values |= {name: settings[name] for name in _IF_SET if settings.get(name)}
    return {**values, "DATABASE_URL": settings.get("DATABASE_URL") or database_url}


def document(name: str, namespace: str, data: Mapping[str, str]) -> dict[str, Any]:
    """Return the Secret's document, from encoded values."""
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": "Opaque", "data": {**data}}


def encoded(values: Mapping[str, str]) -> dict[str, str]:
    """Return the values as the API server stores them."""
    return {name: base64.b64encode(value.encode()).decode() for name, value in sorted(values.items())}


def decoded(data: Mapping[str, str]) -> dict[str, str]:
    """Return the values in clear."""
    return {name: base64.b64decode(value).decode(errors="replace") for name, value in data.items()}


async def read(kubectl: Kubectl, name: str) -> Mapping[str, str] | None:
    """Return the encoded values of the Secret, None if there is none.

    Raises ClusterError for a Secret that `helm-install` has not created: it would be overwritten.
    """
    found = await kubectl.json("get", "secret", name, "--ignore-not-found", "--show-managed-fields")
    if not found:
        return None
    if FIELD_MANAGER not in {field["manager"] for field in found["metadata"].get("managedFields", ())}:
        raise ClusterError(
            f"the Secret {name} in {kubectl.namespace} was not created by helm-install",
            why="it would be overwritten",
            remedies=[
                "--namespace NAME",
                f"kubectl --namespace {kubectl.namespace} delete secret {name}",
            ],
        )
    return dict(found.get("data", {}))
