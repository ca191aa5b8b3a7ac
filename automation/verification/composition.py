"""Asking Compose what it would start, without starting anything."""

import json
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from automation import compose
from automation.contract import Profile
from automation.docker import Docker, DockerError
from automation.errors import AutomationError
from automation.verification.checks.containers import accepted
from automation.verification.facts import ComposeService, Developing, Production
from automation.verification.findings import Asked

_NOT_FOR_ENV = {"HOST", "PORT", "PYTHONPATH", "NODE_ENV"}
"""Variables about the inside of a container, which .env has no say in."""


async def production(docker: Docker, asked: Asked) -> Production:
    """Return the project that `docker compose up` starts for the profile."""
    backend = Asked(asked.profile, asked.rules, "backend")
    given = {name: f"value-{secrets.token_hex(8)}" for name in accepted(backend) if name not in _NOT_FOR_ENV}
    try:
        document = await _config(docker, asked.profile, given, development=False)
    except AutomationError as error:
        return Production(failure=_told(error))
    root = docker.settings.root
    return Production(services=_services(document, root), networks=_networks(document), given=given)


async def developing(docker: Docker, asked: Asked) -> Developing:
    """Return the project with the overlay for development."""
    try:
        document = await _config(docker, asked.profile, {}, development=True)
    except AutomationError as error:
        return Developing(failure=_told(error))
    return Developing(services=_services(document, docker.settings.root), networks=_networks(document))


async def _config(
    docker: Docker, profile: Profile, given: Mapping[str, str], *, development: bool
) -> Mapping[str, Any]:
    project = compose.Project(
        "verification", docker, compose.files(profile, development=development, database="sqlite"), given
    )
    said = await docker.run(*project.command, "config", "--format", "json", environ=project.environ)
    try:
        document: Mapping[str, Any] = json.loads(said)
    except ValueError as error:
        raise DockerError("docker compose config answered with something else than JSON") from error
    return document


def _services(document: Mapping[str, Any], root: Path) -> dict[str, ComposeService]:
    return {name: _service(each, root) for name, each in (document.get("services") or {}).items()}


def _service(document: Mapping[str, Any], root: Path) -> ComposeService:
    volumes = document.get("volumes") or []
    mounts = {each["target"]: Path(each["source"]) for each in volumes if each.get("type") == "bind"}
    return ComposeService(
        image=document.get("image", ""),
        restart=document.get("restart", "no"),
        ports=tuple(
            (int(each.get("published") or 0), int(each["target"])) for each in document.get("ports") or ()
        ),
        networks=tuple(document.get("networks") or ()),
        depends_on=tuple(document.get("depends_on") or ()),
        mounts={
            target: str(source.relative_to(root) if source.is_relative_to(root) else source)
            for target, source in mounts.items()
        },
        volumes=tuple(each["target"] for each in volumes if each.get("type") == "volume"),
        command=tuple(document.get("command") or ()),
        environment={
            name: value for name, value in (document.get("environment") or {}).items() if value is not None
        },
        read_only=bool(document.get("read_only")),
        cap_drop=tuple(document.get("cap_drop") or ()),
        security_options=tuple(document.get("security_opt") or ()),
    )


def _networks(document: Mapping[str, Any]) -> dict[str, str]:
    # Compose leaves out the driver where it is the engine's own, which is a bridge.
    return {
        name: (each or {}).get("driver", "bridge") for name, each in (document.get("networks") or {}).items()
    }


def _told(error: AutomationError) -> str:
    return " · ".join(filter(None, (error.what, *error.details[:2])))
