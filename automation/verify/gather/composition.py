"""Reads what Compose would start with each combination of files, without starting anything."""

import asyncio
import json
import re
import secrets
from collections import ChainMap
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from automation.console.errors import AutomationError
from automation.contract.contract import Contract
from automation.docker import compose_project, dockerfile
from automation.docker.cli import Docker
from automation.verify.facts import Composition, Compositions, Document

PROJECT = "verification"
COMBINATIONS = ((False, "sqlite", True), (False, "sqlite", False), (True, "sqlite", True),
                (False, "postgres", True), (True, "postgres", False))  # fmt: skip
"""Whether with the development overlay, on which database, and whether all settings have a value."""
SETTINGS = (
    *("BETTER_AUTH_SECRET", "JWT_SECRET", "DATABASE_URL", "OPENAI_API_KEY", "GEMINI_API_KEY"),
    *("OPENROUTER_API_KEY", "AGENT_PROVIDER", "AGENT_MODEL", "OPENAI_BASE_URL", "FRONTEND_URL"),
    *("BETTER_AUTH_URL", "TRUSTED_ORIGINS", "SMTP_URL", "MAIL_FROM"),
    *("VERSION", "LOG_LEVEL", "LOG_FORMAT"),
)
"""The settings that Compose passes to the backend."""
PLACES = {
    **{f"{name}_IMAGE": f"registry.example/{name.lower()}:v1" for name in ("BACKEND", "FRONTEND")},
    **{
        f"{name}_IMAGE": f"registry.example/{name.lower()}:1-slim"
        for name in ("PYTHON", "NODE", "NGINX", "TOOLS")
    },
    **{f"BUILD_{name}_FILE": f"/dev/{name.lower()}" for name in ("CA", "PIPCONF", "NPMRC", "APTCONF")},
    "BACKEND_PORT": "8001",
    "FRONTEND_PORT": "3001",
    "FRONTEND_HOST": "192.0.2.1",
    "NETWORK_PREFIX": "198.18.7",
    "FORWARDED_ALLOW_IPS": "203.0.113.7",
    "DEV_ALLOWED_HOSTS": "todo.example",
    "FRONTEND_CONTENT": "0123456789ab",
}
"""The settings of a machine, with values that no default has."""
_KEYS = {"services", "networks", "volumes", "secrets"}
"""What the files declare. A name of the project would be shared by two checkouts."""
_KEY = re.compile(r"^(?!x-)([\w-]+):", re.MULTILINE)
_ENV_FILE = re.compile(r"^ +(env_file):", re.MULTILINE)
"""Compose shows nothing of one that is not there yet."""
_VARIABLE = re.compile(r"\$\{(?!COMPOSE_)(\w+)")
_DEFAULTS = {
    "mode": "ingress",
    "protocol": "tcp",
    "required": True,
    "create_host_path": True,
}
"""Values that some versions of Compose write and others omit."""
_KEYED: Mapping[str, Callable[[Any], tuple[str, Any]]] = {
    "ports": lambda port: (str(port.pop("target", "")), port),
    "volumes": lambda mount: (mount.pop("target", ""), mount),
    "secrets": lambda secret: (secret.pop("source", ""), secret or "mounted"),
    "tmpfs": lambda mount: (mount.partition(":")[0], mount.partition(":")[2]),
    "extra_hosts": lambda host: (re.split("[=:]", host)[0], re.split("[=:]", host, maxsplit=1)[-1]),
}
"""Lists whose order means nothing, by their key: how an item becomes a key and a value."""


async def read(docker: Docker, backend: Contract) -> Compositions:
    """Return the project in each combination of its files."""
    try:
        every = await asyncio.gather(*(_read(docker, backend, *chosen) for chosen in COMBINATIONS))
    except AutomationError as error:
        return Compositions(failure=" · ".join(filter(None, (error.what, *error.details[:2]))))
    return Compositions(every=tuple(every), problems=tuple(await _problems(docker, backend)))


async def _problems(docker: Docker, contract: Contract) -> list[str]:
    """Return what the rendered documents do not show: missing settings, unknown ones, a project's name."""
    project = _project(docker, contract, development=False, database=compose_project.DATABASE, is_set=True)
    known, found = {*_KEYS, *SETTINGS, *PLACES, *_required(contract)}, []
    for name in _required(contract):
        words = (*project.command, "config", "--quiet")
        done = await docker.complete(*words, environ={**project.environ, name: ""})
        if not done.code or f"{name} is missing a value: is not set" not in done.errors:
            found.append(f"starts without {name}")
    for development in (False, True):
        own = _project(docker, contract, development, compose_project.DATABASE, is_set=True)
        for file in own.files:
            text = (docker.settings.root / file).read_text(encoding="utf-8")
            names = (*_KEY.findall(text), *_VARIABLE.findall(text), *_ENV_FILE.findall(text))
            found += [f"{name} in {file}" for name in names if name not in known]
    return found


async def render(
    docker: Docker, contract: Contract, development: bool, database: str, is_set: bool
) -> tuple[Document, dict[str, str]]:
    """Return the document of `docker compose config`, and the settings that it was given."""
    project = _project(docker, contract, development, database, is_set)
    words = (*project.command, "config", "--format", "json")
    try:
        document = json.loads(await docker.run(*words, environ=project.environ))
    except ValueError:
        raise AutomationError("docker compose config returned invalid JSON") from None
    return document, {name: project.variables.get(name, "") for name in (*SETTINGS, *PLACES)}


def _required(contract: Contract) -> tuple[str, ...]:
    return (*contract.profile.backend.environment.required, compose_project.DATABASE_PASSWORD)


def _project(
    docker: Docker, contract: Contract, development: bool, database: str, is_set: bool
) -> compose_project.Project:
    """Return the project with a value for each of its settings, or only for those that it requires."""
    files = compose_project.files(contract.profile, development=development, database=database)
    texts = ((docker.settings.root / file).read_text(encoding="utf-8") for file in files)
    used = {name for text in texts for name in _VARIABLE.findall(text)}
    values = {name: f"value-{secrets.token_hex(8)}" for name in SETTINGS} | PLACES if is_set else {}
    if database == compose_project.DATABASE:
        values |= {"FRONTEND_URL": ""}  # its default names the port
    variables = {
        **dict.fromkeys((*used, *SETTINGS), ""),  # a variable of the shell changes nothing
        **dict.fromkeys(_required(contract), "-"),
        **values,
    }
    return compose_project.Project(PROJECT, docker, files, variables)


async def _read(
    docker: Docker, contract: Contract, development: bool, database: str, is_set: bool
) -> Composition:
    document, given = await render(docker, contract, development, database, is_set)
    return Composition(development, database, given, normal(document, docker.settings.root))


def normal(document: Mapping[str, Any], root: Path) -> Document:
    """Return the document of `docker compose config` in one form, whatever version of Compose wrote it.

    The arguments of a build are those that its Dockerfile has, with its defaults.
    """
    found: Document = _normal(document)
    for network in found.get("networks", {}).values():
        network.setdefault("driver", "bridge")
    for service in found.get("services", {}).values():
        service |= {key: service.get(key) or {} for key in ("environment", "ports", "volumes", "tmpfs")}
        service["environment"] = {name: value or "" for name, value in service["environment"].items()}
        for mount in service["volumes"].values():
            if mount.get("type") == "bind":
                mount["source"] = _below(root, Path(mount.get("source", "")))
        if isinstance(build := service.get("build"), dict) and "dockerfile_inline" not in build:
            context = Path(build.get("context", "/"))
            build["dockerfile"] = _below(root, context / build.get("dockerfile", ""))
            build["context"] = _below(root, context)
            given = build.get("args", {})
            target = build.get("target", "")
            build["args"] = {
                **_arguments(root, build["dockerfile"], target, frozenset(given.items())),
                **given,
            }
    return found


def _normal(value: Any, key: str = "") -> Any:
    if isinstance(value, Mapping):
        made = {name: _normal(own, name) for name, own in value.items() if not name.startswith("x-")}
        return {
            name: own
            for name, own in made.items()
            if (own is not None or key == "environment") and own != {} and _DEFAULTS.get(name, ()) != own
        } | {name: {} for name, own in value.items() if key == "networks" and not own}
    if isinstance(value, list) and (keyed := _KEYED.get(key)):
        return dict(keyed(_normal(item)) for item in value)
    return value


def _below(root: Path, path: Path) -> str:
    return str(path.relative_to(root) if path.is_relative_to(root) else path)


@cache
def _arguments(root: Path, file: str, target: str, given: frozenset[tuple[str, str]]) -> Mapping[str, str]:
    """Return the arguments of the stages that a build needs."""
    try:
        written = dockerfile.load(root, file)
        stages = written.resolve(target=target, arguments=dict(given)).stages
    except AutomationError:
        return {}  # the name of the file or of the target differs from the contract's, too
    return dict(ChainMap(*(dict(stage.arguments) for stage in reversed(stages)), written.preset(dict(given))))
