"""Reads what Compose would start, without starting anything."""

import json
import secrets
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from automation.console.errors import AutomationError
from automation.contract.contract import Contract
from automation.docker import compose_project
from automation.docker.cli import Docker
from automation.verify.facts import ComposeService, Composition, Developing, Production

_INSIDE = {"HOST", "PORT", "PYTHONPATH", "NODE_ENV"}  # variables of a container that .env does not set
_T = TypeVar("_T", bound=Composition)
_NAMESPACES = ("pid", "ipc", "network_mode", "uts", "userns_mode", "cgroup")


async def production(docker: Docker, backend: Contract) -> Production:
    """Return the project that `docker compose up` starts for the profile."""
    given = {name: f"value-{secrets.token_hex(8)}" for name in backend.accepted if name not in _INSIDE}
    return await _read(Production(given=given), docker, backend, given, development=False)


async def developing(docker: Docker, backend: Contract) -> Developing:
    """Return the project with the development overlay."""
    return await _read(Developing(), docker, backend, {}, development=True)


async def _read(
    fact: _T, docker: Docker, contract: Contract, given: Mapping[str, str], *, development: bool
) -> _T:
    files = compose_project.files(contract.profile, development=development, database="sqlite")
    project = compose_project.Project("verification", docker, files, given)
    words = (*project.command, "config", "--format", "json")
    try:
        document = json.loads(await docker.run(*words, environ=project.environ))
    except AutomationError as error:
        return replace(fact, failure=" · ".join(filter(None, (error.what, *error.details[:2]))))
    except ValueError:
        return replace(fact, failure="docker compose config returned invalid JSON")
    root = docker.settings.root
    return replace(
        fact,
        services={name: read_service(service, root) for name, service in _named(document, "services")},
        # Compose omits the engine's default driver, which is a bridge.
        networks={name: network.get("driver", "bridge") for name, network in _named(document, "networks")},
        volumes={name: volume.get("driver_opts") or {} for name, volume in _named(document, "volumes")},
    )


def read_service(document: Mapping[str, Any], root: Path) -> ComposeService:
    """Return a service as `docker compose config` describes it."""

    def several(name: str) -> tuple[Any, ...]:
        return tuple(document.get(name) or ())

    mounts = several("volumes")
    binds = {mount["target"]: Path(mount["source"]) for mount in mounts if mount.get("type") == "bind"}
    volumes = {mount["target"]: mount.get("source") for mount in mounts if mount.get("type") == "volume"}
    ports, build = several("ports"), document.get("build") or {}
    devices = (*several("devices"), *several("device_cgroup_rules"), *several("gpus"))
    return ComposeService(
        image=document.get("image", ""),
        restart=document.get("restart", "no"),
        ports=tuple((_port(port.get("published")), int(port["target"])) for port in ports),
        networks=several("networks"),
        depends_on={
            name: str(service.get("condition", "")) for name, service in _named(document, "depends_on")
        },
        mounts={
            target: str(source.relative_to(root) if source.is_relative_to(root) else source)
            for target, source in binds.items()
        },
        volumes=tuple(volumes),
        command=several("command"),
        environment={name: value or "" for name, value in (document.get("environment") or {}).items()},
        read_only=bool(document.get("read_only")),
        cap_drop=several("cap_drop"),
        security_options=several("security_opt"),
        addresses=tuple(port.get("host_ip") or "" for port in ports),
        named={target: source for target, source in volumes.items() if source},
        entrypoint=several("entrypoint"),
        health_check=_health_check(document.get("healthcheck")),
        dockerfile="inline" if build.get("dockerfile_inline") else build.get("dockerfile", ""),
        target=build.get("target", ""),
        user=str(document.get("user") or ""),
        privileged=bool(document.get("privileged")),
        cap_add=several("cap_add"),
        devices=tuple(
            str(device.get("source", device)) if isinstance(device, dict) else str(device)
            for device in devices
        ),
        namespaces={name: document[name] for name in _NAMESPACES if document.get(name)},
    )


def _named(document: Mapping[str, Any], key: str) -> list[tuple[str, Mapping[str, Any]]]:
    return [(name, value or {}) for name, value in (document.get(key) or {}).items()]


def _port(published: Any) -> int:
    """Return the host's port; 0 if there is none or a choice of several."""
    return int(published) if str(published or "").isdecimal() else 0


def _health_check(document: Mapping[str, Any] | None) -> tuple[str, ...] | None:
    if not document:
        return None
    test = document.get("test") or ()
    return ("NONE",) if document.get("disable") else tuple([test] if isinstance(test, str) else test)
