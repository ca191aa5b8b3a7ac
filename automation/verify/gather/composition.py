"""Asking Compose what it would start, without starting anything."""

import json
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from automation.console.errors import AutomationError
from automation.contract.contract import Contract
from automation.contract.models import Profile
from automation.docker import compose_project
from automation.docker.cli import Docker, DockerError
from automation.verify.facts import ComposeService, Developing, Production

_NOT_FOR_ENV = {"HOST", "PORT", "PYTHONPATH", "NODE_ENV"}
"""Variables about the inside of a container, which .env has no say in."""

_NAMESPACES = ("pid", "ipc", "network_mode", "uts", "userns_mode", "cgroup")


async def production(docker: Docker, asked: Contract) -> Production:
    """Return the project that `docker compose up` starts for the profile."""
    backend = Contract(asked.profile, asked.rules, "backend")
    given = {name: f"value-{secrets.token_hex(8)}" for name in backend.accepted if name not in _NOT_FOR_ENV}
    try:
        document = await _config(docker, asked.profile, given, development=False)
    except AutomationError as error:
        return Production(failure=_told(error))
    root = docker.settings.root
    return Production(
        services=_services(document, root),
        networks=_networks(document),
        volumes=_volumes(document),
        given=given,
    )


async def developing(docker: Docker, asked: Contract) -> Developing:
    """Return the project with the overlay for development."""
    try:
        document = await _config(docker, asked.profile, {}, development=True)
    except AutomationError as error:
        return Developing(failure=_told(error))
    return Developing(
        services=_services(document, docker.settings.root),
        networks=_networks(document),
        volumes=_volumes(document),
    )


async def _config(
    docker: Docker, profile: Profile, given: Mapping[str, str], *, development: bool
) -> Mapping[str, Any]:
    project = compose_project.Project(
        "verification",
        docker,
        compose_project.files(profile, development=development, database="sqlite"),
        given,
    )
    said = await docker.run(*project.command, "config", "--format", "json", environ=project.environ)
    try:
        document: Mapping[str, Any] = json.loads(said)
    except ValueError as error:
        raise DockerError("docker compose config answered with something else than JSON") from error
    return document


def _services(document: Mapping[str, Any], root: Path) -> dict[str, ComposeService]:
    return {name: read_service(each, root) for name, each in (document.get("services") or {}).items()}


def read_service(document: Mapping[str, Any], root: Path) -> ComposeService:
    """Return a service of what `docker compose config` says."""
    volumes = document.get("volumes") or []
    mounts = {each["target"]: Path(each["source"]) for each in volumes if each.get("type") == "bind"}
    ports = document.get("ports") or ()
    build = document.get("build") or {}
    return ComposeService(
        image=document.get("image", ""),
        restart=document.get("restart", "no"),
        ports=tuple((_port(each.get("published")), int(each["target"])) for each in ports),
        networks=tuple(document.get("networks") or ()),
        depends_on={
            name: str((each or {}).get("condition", ""))
            for name, each in (document.get("depends_on") or {}).items()
        },
        mounts={
            target: str(source.relative_to(root) if source.is_relative_to(root) else source)
            for target, source in mounts.items()
        },
        volumes=tuple(each["target"] for each in volumes if each.get("type") == "volume"),
        command=tuple(document.get("command") or ()),
        environment={name: value or "" for name, value in (document.get("environment") or {}).items()},
        read_only=bool(document.get("read_only")),
        cap_drop=tuple(document.get("cap_drop") or ()),
        security_options=tuple(document.get("security_opt") or ()),
        addresses=tuple(each.get("host_ip") or "" for each in ports),
        named={
            each["target"]: each["source"]
            for each in volumes
            if each.get("type") == "volume" and each.get("source")
        },
        entrypoint=tuple(document.get("entrypoint") or ()),
        health_check=_health_check(document.get("healthcheck")),
        dockerfile="inline" if build.get("dockerfile_inline") else build.get("dockerfile", ""),
        target=build.get("target", ""),
        user=str(document.get("user") or ""),
        privileged=bool(document.get("privileged")),
        cap_add=tuple(document.get("cap_add") or ()),
        devices=tuple(
            _device(each)
            for kind in ("devices", "device_cgroup_rules", "gpus")
            for each in document.get(kind) or ()
        ),
        namespaces={name: document[name] for name in _NAMESPACES if document.get(name)},
    )


def _port(published: Any) -> int:
    """Return the host's port; 0 where there is none, or a choice of several."""
    return int(published) if str(published or "").isdecimal() else 0


def _health_check(document: Mapping[str, Any] | None) -> tuple[str, ...] | None:
    if not document:
        return None
    test = document.get("test") or ()
    return ("NONE",) if document.get("disable") else tuple([test] if isinstance(test, str) else test)


def _device(document: Any) -> str:
    return str(document.get("source", document)) if isinstance(document, dict) else str(document)


def _volumes(document: Mapping[str, Any]) -> dict[str, Mapping[str, str]]:
    return {
        name: dict((each or {}).get("driver_opts") or {})
        for name, each in (document.get("volumes") or {}).items()
    }


def _networks(document: Mapping[str, Any]) -> dict[str, str]:
    # Compose leaves out the driver where it is the engine's own, which is a bridge.
    return {
        name: (each or {}).get("driver", "bridge") for name, each in (document.get("networks") or {}).items()
    }


def _told(error: AutomationError) -> str:
    return " · ".join(filter(None, (error.what, *error.details[:2])))
