"""The Compose project that the contract requires, in the form that the gatherer gives the observed one."""

import re
from typing import Any

from automation.contract.comparison import Maybe
from automation.contract.contract import Contract
from automation.contract.models import SERVICES
from automation.docker.compose_project import DATABASE, MIGRATION
from automation.images.plan import image_arguments
from automation.verify.facts import Composition, Document
from automation.verify.gather.composition import PROJECT, SETTINGS

_PASSWORD = "-"  # noqa: S105 - a placeholder that stands for the secret in rendered files
_SECRETS = ("aptconf", "ca", "npmrc", "pipconf")
_HARDENED = {"cap_drop": ["ALL"], "security_opt": ["no-new-privileges:true"], "read_only": True}
_DATABASE = {
    "image": "postgres:17",
    "environment": {"POSTGRES_USER": "todo", "POSTGRES_PASSWORD": _PASSWORD, "POSTGRES_DB": "todo"},
    "user": "postgres",
    "tmpfs": {"/tmp": "", "/var/run/postgresql": "mode=1777"},  # noqa: S108 - in the container
    "shm_size": "134217728",
    "ports": {},
    "volumes": {"/var/lib/postgresql/data": {"type": "volume", "source": DATABASE}},
    "healthcheck": {
        "test": ["CMD", "pg_isready", "--quiet", "--host=127.0.0.1", "--username=todo", "--dbname=todo"],
        "interval": "10s",
        "timeout": "5s",
        "retries": 5,
        "start_period": "1m0s",
        "start_interval": "500ms",
    },
    "stop_grace_period": "1m0s",
    "restart": "unless-stopped",
    **_HARDENED,
}


def required(contract: Contract, composition: Composition) -> Document:
    """Return the project that the contract requires of a combination of files."""
    compose, prefix = contract.profile.compose, _prefix(composition)
    services = {name: _service(contract, composition, name) for name in SERVICES}
    backend = services["backend"]
    services[MIGRATION] = {
        **{key: backend[key] for key in backend.keys() - {"build", "stop_grace_period", "hostname"}},
        "command": ["python", "-m", "app.database.migrate"],
        "ports": {},
        "depends_on": {},
        "pull_policy": "never",
        "restart": "no",
        "healthcheck": {"disable": True},
    }
    content = f"-{_set(composition, 'FRONTEND_CONTENT', 'dev')}"
    volumes = {"data": ""} | (dict.fromkeys(("packages", "next"), content) if composition.development else {})
    if composition.database == DATABASE:
        services[DATABASE] = {**_DATABASE, "networks": {compose.network: {}}}
        for name in ("backend", MIGRATION):
            services[name]["depends_on"] |= {DATABASE: {"condition": "service_healthy"}}
        volumes[DATABASE] = ""
    return {
        "name": PROJECT,
        "services": {
            name: {key: value for key, value in service.items() if key != "depends_on" or value}
            for name, service in services.items()
        },
        "networks": {
            compose.network: {
                "name": f"{PROJECT}_{compose.network}",
                "driver": compose.network_driver,
                "ipam": {"config": [{"subnet": f"{prefix}.0/24", "ip_range": f"{prefix}.128/25"}]},
            }
        },
        "volumes": {name: {"name": f"{PROJECT}_{name}{end}"} for name, end in volumes.items()},
        "secrets": {
            name: {
                "name": f"{PROJECT}_{name}",
                "file": _set(composition, f"BUILD_{name.upper()}_FILE", "/dev/null"),
            }
            for name in _SECRETS
        },
    }


def _set(composition: Composition, name: str, otherwise: Any) -> Any:
    return composition.given.get(name) or otherwise


def _prefix(composition: Composition) -> str:
    return str(_set(composition, "NETWORK_PREFIX", "198.19.0"))


def _service(contract: Contract, composition: Composition, name: str) -> Document:
    profile, rules, compose = contract.profile, contract.rules, contract.profile.compose
    service, development = profile.service(name), composition.development
    ports = {"backend": compose.backend_port, "frontend": compose.frontend_port}
    port = _set(composition, f"{name.upper()}_PORT", str(ports[name]))
    host = _set(composition, "FRONTEND_HOST", "127.0.0.1") if name == "frontend" else "127.0.0.1"
    image = f"todo-{name}:{rules.development_tag}" if development else f"{service.image}:{profile.name}"
    owner = f"uid={service.user.uid},gid={service.user.gid},mode=755"
    places = {} if development else dict.fromkeys(service.writable, owner)
    waits = (
        {MIGRATION: "service_completed_successfully"} if name == "backend" else {"backend": "service_healthy"}
    )
    made: Document = {
        **_HARDENED,
        "image": _set(composition, f"{name.upper()}_IMAGE", image),
        "build": _build(contract, composition, name),
        "depends_on": {other: {"condition": condition} for other, condition in waits.items()},
        "environment": _environment(contract, composition, name),
        "ports": {str(service.port): {"host_ip": host, "published": port}},
        "networks": {
            compose.network: {} if name == "backend" else {"ipv4_address": f"{_prefix(composition)}.10"}
        },
        "volumes": _mounts(contract, composition, name),
        "tmpfs": places,
        "hostname": name,
        "stop_grace_period": f"{rules.times.stop_max_s}s",
        "restart": rules.development_restart if development else rules.production_restart,
    }
    if name == "backend":
        made["extra_hosts"] = {"host.docker.internal": "host-gateway"}
    if development:
        del made["read_only"]
        made["pull_policy"] = "build"
    return made


def _build(contract: Contract, composition: Composition, name: str) -> Document:
    """Return the build of a service; its arguments are those that its Dockerfile has."""
    images = {**image_arguments(contract.profile, name, ""), "TOOLS_IMAGE": contract.rules.tools_image}
    arguments: dict[str, Any] = {
        "NGINX_IMAGE": re.compile(".+"),  # of a stage that only one profile needs
        **{argument: _set(composition, argument, value) for argument, value in images.items()},
        "VERSION": _version(composition),
        "PYTHONUNBUFFERED": "1",
        **contract.profile.service(name).environment.build_arguments,
    }
    return {
        "context": name,
        "dockerfile": f"{name}/Dockerfile{'.dev' * composition.development}",
        "target": "development" if composition.development else contract.profile.name,
        "args": {argument: Maybe(value) for argument, value in arguments.items()},
        "secrets": dict.fromkeys(_SECRETS, "mounted"),
    }


def _version(composition: Composition) -> str | re.Pattern[str]:
    return composition.given["VERSION"] or re.compile(r"v\d+\.\d+\.\d+")


def _environment(contract: Contract, composition: Composition, name: str) -> dict[str, Any]:
    profile, given = contract.profile, composition.given
    both = {"PORT": str(profile.service(name).port), "VERSION": _version(composition)}
    if name == "frontend":
        accepted = profile.frontend.environment.accepted
        address = "API_URL" if "API_URL" in accepted else "NEXT_PUBLIC_API_URL"
        made = {address: f"http://backend:{profile.backend.port}", **both}
        return made | (
            {"DEV_ALLOWED_HOSTS": _set(composition, "DEV_ALLOWED_HOSTS", "")}
            if composition.development
            else {}
        )
    trusted = (f"{_prefix(composition)}.10", given.get("FORWARDED_ALLOW_IPS"))
    port = _set(composition, "FRONTEND_PORT", profile.compose.frontend_port)
    made = {
        **{setting: given[setting] for setting in SETTINGS},
        **both,
        "AGENT_PROVIDER": given["AGENT_PROVIDER"] or profile.backend.environment.provider,
        "FRONTEND_URL": given["FRONTEND_URL"] or f"http://localhost:{port}",
        "FORWARDED_ALLOW_IPS": ",".join(filter(None, trusted)),
    }
    if composition.database == DATABASE:
        made["DATABASE_URL"] = f"postgresql://todo:{_PASSWORD}@{DATABASE}:5432/todo"
    return made


def _mounts(contract: Contract, composition: Composition, name: str) -> Document:
    """Return what is mounted, by its place: the data, and in development the sources."""
    made: dict[str, Any] = {}
    if name == "backend":
        made[contract.rules.data_folder] = {"type": "volume", "source": "data"}
    for source, target in (
        contract.profile.compose.development_mounts.items() if composition.development else ()
    ):
        if source.removeprefix("./") == name:
            made[target] = {"type": "bind", "source": name}
            if name == "backend":
                made[target]["read_only"] = True
            else:
                made |= {
                    f"{target}/node_modules": {"type": "volume", "source": "packages"},
                    f"{target}/.next": {"type": "volume", "source": "next"},
                }
    return made
