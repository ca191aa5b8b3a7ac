"""The input of a release: the chart's values, the Secret and the namespace. Never touches those of others."""

import base64
import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from automation.contract.environment import Environment
from automation.contract.models import SERVICES
from automation.kubernetes.commands import FIELD_MANAGER, ClusterError, Helm, Kubectl, Revision
from automation.kubernetes.load import Loaded
from automation.kubernetes.target import Request

DATABASE_PASSWORD = "POSTGRES_PASSWORD"  # noqa: S105 - the name of the variable

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""Seven times as fast, where PyYAML was built with libyaml."""
ANY_PORT = ":*"
"""The end of an origin that stands for every port of its host."""
_PATIENCE_SECONDS, _TURN_SECONDS = 150.0, 15.0
_ALWAYS = ("BETTER_AUTH_SECRET", "JWT_SECRET", "GEMINI_API_KEY")
OPTIONAL_SECRETS = ("OPENAI_API_KEY", "OPENROUTER_API_KEY", "SMTP_URL", DATABASE_PASSWORD)
"""What the Secret may have besides the contract's keys. A pod reads all of it, and after the ConfigMap."""
_CONFIGURATION = (
    *("AGENT_PROVIDER", "AGENT_MODEL", "OPENAI_BASE_URL", "LOG_LEVEL", "FRONTEND_URL", "MAIL_FROM"),
)
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


def check_chart(helm: Helm, revisions: Sequence[Revision], chart: str) -> None:
    """Raise ClusterError if the release is installed from another chart."""
    for last in revisions[-1:]:
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
    values |= {name: settings[name] for name in OPTIONAL_SECRETS if settings.get(name)}
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
    """Objects that the chart renders from the values of a request."""

    objects: tuple[dict[str, Any], ...]

    @property
    def node_port(self) -> int:
        """The node's port of the frontend, 0 if the cluster chooses one or it has none."""
        return next((port.get("nodePort", 0) for port in self._service("frontend").get("ports", ())), 0)

    @property
    def on_node(self) -> bool:
        """Whether the frontend has a port on every node."""
        return self._service("frontend").get("type", "") in {"NodePort", "LoadBalancer"}

    @property
    def complete(self) -> bool:
        """Whether the release has a frontend and a backend."""
        return all(map(self._service, SERVICES))

    @property
    def rollout_seconds(self) -> float:
        """Time limit of an update, which replaces as many pods at once as the surge allows."""
        most = {
            found["spec"]["scaleTargetRef"]["name"]: found["spec"]["maxReplicas"]
            for found in self.objects
            if found["kind"] == "HorizontalPodAutoscaler"
        }
        turns = (
            _turns(most.get(found["metadata"]["name"], found["spec"]["replicas"]), found["spec"]["strategy"])
            for found in self.objects
            if found["kind"] == "Deployment"
        )
        return _PATIENCE_SECONDS + _TURN_SECONDS * max(turns, default=1)

    @property
    def database_image(self) -> str:
        return next((container["image"] for container in self._containers("postgresql")), "")

    @property
    def database(self) -> str:
        """The name of the database in the cluster, also of its StatefulSet."""
        return urlsplit(self.database_url("")).hostname or ""

    def database_url(self, password: str) -> str:
        """Return the address of the database in the cluster."""
        found = (
            variable["value"]
            for container in self._containers("backend")
            for variable in container.get("env", ())
            if variable["name"] == "DATABASE_URL"
        )
        return str(next(found, "")).replace(f"$({DATABASE_PASSWORD})", password)

    def _service(self, component: str) -> dict[str, Any]:
        return self._spec("Service", component)

    def _containers(self, component: str) -> list[dict[str, Any]]:
        spec = self._spec("Deployment", component) or self._spec("StatefulSet", component)
        return list(spec["template"]["spec"]["containers"]) if spec else []

    def _spec(self, kind: str, component: str) -> dict[str, Any]:
        found = (
            document["spec"]
            for document in self.objects
            if document["kind"] == kind
            and document["metadata"]["labels"]["app.kubernetes.io/component"] == component
        )
        return next(found, {})


def _turns(replicas: int, strategy: Mapping[str, Any]) -> int:
    """Return how often a rollout has to wait for new pods."""
    surge = str(strategy.get("rollingUpdate", {}).get("maxSurge", replicas))
    count = math.ceil(replicas * int(surge[:-1]) / 100) if surge.endswith("%") else int(surge)
    return math.ceil(replicas / max(count, 1))


async def render(helm: Helm, chart: Path, request: Request) -> Rendered:
    """Render the chart. Raises ClusterError that names the value that the chart rejects."""
    database = "postgresql.enabled=true,postgresql.used=true"
    text = await helm.run("template", request.release, str(chart), *request.flags, "--set", database)
    return Rendered(documents(text))


def documents(text: str) -> tuple[dict[str, Any], ...]:
    """Return the objects of a manifest."""
    return tuple(document for document in yaml.load_all(text, Loader=_LOADER) if document)


def values(
    environment: Environment, images: Mapping[str, Loaded], origin: str, secret_version: str, *, leaving: bool
) -> dict[str, Any]:
    """Return the chart's values that follow from the settings and the images. None of them is secret.

    Args:
        origin: the address at a node, empty if there is none; its port may be *.
        secret_version: changes with the Secret.
        leaving: whether the pods are about to move from the database in the cluster to another one.
    """
    settings = environment.values
    configuration = {name: settings[name] for name in _CONFIGURATION if settings.get(name)}
    origins = ["http://localhost:3000"]
    if "FRONTEND_URL" not in configuration and origin.endswith(ANY_PORT):
        origins += [origin, f"http://localhost{ANY_PORT}"]
    elif "FRONTEND_URL" not in configuration:
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
