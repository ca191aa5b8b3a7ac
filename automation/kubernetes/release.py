"""What a release is made from: the chart's values, the Secret and the namespace, none of somebody else."""

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from automation.contract.environment import Environment
from automation.kubernetes.commands import FIELD_MANAGER, ClusterError, Helm, Kubectl
from automation.kubernetes.load import Loaded
from automation.kubernetes.target import Request

DATABASE_PASSWORD = "POSTGRES_PASSWORD"  # noqa: S105 - the name of the variable

_ALWAYS = ("BETTER_AUTH_SECRET", "JWT_SECRET", "GEMINI_API_KEY")
_IF_SET = ("OPENAI_API_KEY", "OPENROUTER_API_KEY", DATABASE_PASSWORD)
_CONFIGURATION = ("AGENT_PROVIDER", "AGENT_MODEL", "OPENAI_BASE_URL", "LOG_LEVEL", "FRONTEND_URL")
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


@dataclass(frozen=True)
class Rendered:
    """What the chart makes of the values of a request."""

    node_port: int
    """0 if the cluster chooses the port."""
    database_image: str
    _database_url: str

    @property
    def database(self) -> str:
        """The name of the database in the cluster, also of its StatefulSet."""
        return urlsplit(self._database_url).hostname or ""

    def database_url(self, password: str) -> str:
        """Return the address of the database in the cluster."""
        return self._database_url.replace(f"$({DATABASE_PASSWORD})", password)


async def render(helm: Helm, chart: Path, request: Request) -> Rendered:
    """Render the chart. Raises ClusterError that names the value that the chart rejects."""
    database = "postgresql.enabled=true,postgresql.used=true"
    text = await helm.run("template", request.release, str(chart), *request.flags, "--set", database)

    def first(template: str, pattern: str) -> str:
        found = re.search(rf"(?s)# Source: \S+/{template}\.yaml\n(?:(?!\n---).)*?{pattern}", text)
        return found[1] if found else ""

    return Rendered(
        node_port=int(first("frontend-service", r"\bnodePort: (\d+)") or 0),
        database_image=first("postgresql", r'\bimage: "?([^"\s]+)'),
        _database_url=first("backend-deployment", r"\bvalue: (postgresql://\S+)"),
    )


def values(
    environment: Environment, images: Mapping[str, Loaded], origin: str, secret_version: str, *, leaving: bool
) -> dict[str, Any]:
    """Return the chart's values that follow from the settings and the images. None of them is secret.

    Args:
        origin: the address at a node, empty if there is none.
        secret_version: changes with the Secret.
        leaving: whether the pods are about to move from the database in the cluster to another one.
    """
    settings = environment.values
    configuration = {name: settings[name] for name in _CONFIGURATION if settings.get(name)}
    origins = ["http://localhost:3000"]
    if "FRONTEND_URL" not in configuration:
        configuration["FRONTEND_URL"] = origin
        # The ways around a node: a forwarded port, and Docker Desktop.
        origins += [f"http://localhost:{origin.rpartition(':')[2]}"] if origin else []
    configuration["TRUSTED_ORIGINS"] = ",".join([*origins, *filter(None, [settings.get("TRUSTED_ORIGINS")])])
    database = {"enabled": not settings.get("DATABASE_URL")}
    return {
        **{service: {"image": image.values} for service, image in images.items()},
        "config": configuration,
        "secret": {"checksum": secret_version},
        "postgresql": {"enabled": True, "used": False} if leaving else database,
    }


def fingerprint(values: Mapping[str, Any], request: Request, chart: Path, root: Path) -> str:
    """Return a hash of everything that a release is made from."""
    digest = hashlib.sha256(json.dumps([values, request.settings], sort_keys=True).encode())
    # Helm gives the names of a chart's files a meaning, as in _helpers.tpl.
    files = {path.relative_to(chart).as_posix(): path for path in sorted(chart.rglob("*")) if path.is_file()}
    digest.update(json.dumps([*files]).encode())
    for file in (*files.values(), *(root / name for name in request.values_files)):
        with suppress(OSError):  # Helm reports the file that it cannot read.
            digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()[:16]
