"""Gathering what files and images say, without running anything."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from automation import paths
from automation.console import errors
from automation.console.errors import AutomationError
from automation.contract import environment
from automation.contract.models import Profile
from automation.docker import context
from automation.docker.cli import Docker
from automation.docker.dockerfile import parse
from automation.images.build import recorded
from automation.images.plan import Plan
from automation.project import git
from automation.settings import Settings
from automation.verify.facts import Builds, Config, Context, Development, HealthCheck, Locks, Source, Template
from automation.verify.gather import archive, defaults
from automation.verify.gather.archive import Content, Layer
from automation.verify.gather.leaks import SECRET_NAME, Search

_NANOSECONDS = 10**9
_PYTHON_LOCKS = ("dev", "lint", "test")
_BUILT = ("backend/Dockerfile", "frontend/Dockerfile")
_DEPLOYED = ("docker-compose*.yml", "deploy/compose/*", "deploy/helm/**/*")
DEFAULT, is_default = defaults.DEFAULT, defaults.is_default
_LOCKED = re.compile(r"^([A-Za-z0-9][\w.-]*)==", re.MULTILINE)


class Inspector:
    """Looks at images; a layer that several of them have is read once."""

    def __init__(self, docker: Docker, search: Search) -> None:
        """Look for these secrets."""
        self._docker = docker
        self._search = search
        self._layers: dict[str, Layer] = {}

    async def config(self, reference: str) -> Config:
        """Return what the image says of itself. Raises AutomationError when there is none."""
        found = await self._docker.images(reference)
        if reference not in found:
            raise AutomationError(f"there is no image {reference}", remedies=["invoke build"])
        return read_config(reference, found[reference])

    async def content(self, reference: str) -> Content:
        """Return what the image holds. Raises AutomationError."""

        def read(stream: IO[bytes]) -> Content:
            return archive.read(stream, self._search, self._layers)

        return await self._docker.save(reference, read)


def read_config(reference: str, document: Mapping[str, Any]) -> Config:
    """Return what `docker image inspect` says of an image."""
    config = document.get("Config") or {}
    health = config.get("Healthcheck") or {}
    return Config(
        reference=reference,
        tags=tuple(document.get("RepoTags") or ()),
        user=config.get("User") or "",
        ports=tuple(sorted(config.get("ExposedPorts") or ())),
        environment=dict(each.split("=", 1) for each in config.get("Env") or () if "=" in each),
        entrypoint=tuple(config.get("Entrypoint") or ()),
        command=tuple(config.get("Cmd") or ()),
        workdir=config.get("WorkingDir") or "",
        labels=config.get("Labels") or {},
        health=_health_check(health) if health.get("Test") else None,
        volumes=tuple(sorted(config.get("Volumes") or ())),
        on_build=tuple(config.get("OnBuild") or ()),
    )


def read_source(
    text: str,
    *,
    target: str = "",
    arguments: Mapping[str, str] | None = None,
    replaced: Mapping[str, str] | None = None,
) -> Source:
    """Return a Dockerfile as it is built with these arguments. Raises AutomationError."""
    return Source(parse(text).resolve(target=target, arguments=arguments), replaced or {})


def source(root: Path, plan: Plan) -> Source:
    """Return the Dockerfile of a plan. Raises AutomationError."""
    text = _text(root, plan.dockerfile)
    return read_source(text, target=plan.target, arguments=plan.arguments, replaced=plan.bases)


def development(root: Path, plan: Plan) -> Development:
    """Return the Dockerfile.dev of a plan. Raises AutomationError."""
    text = _text(root, plan.dockerfile)
    return Development(parse(text).resolve(target=plan.target, arguments=plan.arguments))


def seen_by_build(root: Path, dockerfile: str, search: Search) -> Context:
    """Return the files that a build with this Dockerfile sees, and one with its Dockerfile.dev."""
    seen = tuple(sorted(context.load(root, dockerfile).files()))
    development = f"{dockerfile}.dev"
    also = context.load(root, development).files() if (root / development).is_file() else ()
    leaks = []
    for name in seen:
        if archive.SETTINGS.search(name):
            data = (root / name).read_bytes()
            leaks += [f"{kind} in {name}" for kind in search.in_text(data.decode("utf-8", "replace"))]
    return Context(tuple(sorted({*seen, *also})), tuple(dict.fromkeys(leaks)))


def locks(root: Path) -> Locks:
    """Return the packages that only development needs, by the locks. Raises AutomationError."""
    shipped = _python_packages(root, ["backend/requirements.txt"])
    python = _python_packages(root, [f"requirements/{name}.txt" for name in _PYTHON_LOCKS])
    try:
        lock = json.loads(_text(root, paths.readable(paths.frontend(root) / "package-lock.json", root)))
        installed: Mapping[str, Mapping[str, Any]] = lock["packages"]
    except (ValueError, KeyError) as error:
        raise AutomationError("frontend/package-lock.json is no lock of npm", why=str(error)) from error
    names = {key: key.rpartition("node_modules/")[2] for key in installed if key}
    kept = {names[key] for key, each in installed.items() if key and not each.get("dev")}
    return Locks(python - shipped, frozenset(names.values()) - kept)


def search(settings: Settings, profile: Profile) -> Search:
    """Return what is looked for: the secrets of this machine's settings, beside what looks like one."""
    values = environment.read(settings, profile).values
    return Search({name: value for name, value in values.items() if SECRET_NAME.search(name)})


async def template(settings: Settings, search: Search) -> Template:
    """Return what the checkout says of settings, and where it has secrets. Raises AutomationError."""
    root = settings.root
    text = _text(root, environment.TEMPLATE)
    names = tuple(re.findall(r"^([A-Z][A-Z0-9_]*)=", text, re.MULTILINE))
    if await git.ask(settings, "rev-parse", "--git-dir"):
        ignored = bool(await git.ask(settings, "check-ignore", "--no-index", ".env"))
    else:
        # A copy without a history: whoever makes a checkout of it has the same rules.
        ignored = ".env" in _text(root, ".gitignore").splitlines()
    leaks = tuple(f"{kind} in {environment.TEMPLATE}" for kind in dict.fromkeys(search.in_text(text)))
    return Template(ignored, names, leaks, tuple(_defaults(root)))


def _defaults(root: Path) -> Iterator[str]:
    seen = {root / each for name in _BUILT for each in context.load(root, name).files()}
    seen |= {
        *root.glob("docker-compose*.yml"),
        *root.glob("deploy/compose/*"),
        *root.glob("deploy/helm/**/*"),
    }
    for each in sorted(seen):
        if each.suffix in defaults.SUFFIXES:
            name = each.relative_to(root).as_posix()
            yield from (f"{name}:{number}" for number in defaults.lines(name, _text(root, name)))


def builds(settings: Settings, plan: Plan) -> Builds:
    """Return the times of the last builds, as far as they are on record."""
    times = recorded(settings, plan)
    return Builds(times.get("cold_s"), times.get("rebuild_s"))


def _health_check(document: Mapping[str, Any]) -> HealthCheck:
    def seconds(name: str, default: float) -> float:
        return float(document.get(name) or default * _NANOSECONDS) / _NANOSECONDS

    # Docker's own values where the image says nothing.
    return HealthCheck(
        tuple(document["Test"]),
        seconds("Interval", 30),
        seconds("Timeout", 30),
        seconds("StartPeriod", 0),
        int(document.get("Retries") or 3),
    )


def _python_packages(root: Path, names: Iterable[str]) -> frozenset[str]:
    found = {name for file in names for name in _LOCKED.findall(_text(root, file))}
    return frozenset(name.lower().replace("_", "-") for name in found)


def _text(root: Path, name: str) -> str:
    try:
        return (root / name).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise AutomationError(
            f"{name} cannot be read", why=errors.reason(error), remedies=[f"git checkout -- {name}"]
        ) from error
