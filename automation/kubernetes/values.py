"""The values of a release, and what the chart makes of them."""

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
from automation.kubernetes.commands import Helm
from automation.kubernetes.load import Loaded
from automation.kubernetes.ownership import DATABASE_PASSWORD
from automation.kubernetes.target import Request

_CONFIGURATION = ("AGENT_PROVIDER", "AGENT_MODEL", "OPENAI_BASE_URL", "LOG_LEVEL", "FRONTEND_URL")


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


def of_release(
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
    files = sorted(path for path in chart.rglob("*") if path.is_file())
    for file in (*files, *(root / name for name in request.values_files)):
        with suppress(OSError):  # Helm reports the file that it cannot read.
            digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()[:16]
