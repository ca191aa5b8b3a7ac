"""Checks of how images are built: Dockerfiles, their stages and base images, and how long a build takes."""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath

from automation.contract.contract import Contract
from automation.docker.dockerfile import Dockerfile, Instruction, Stage
from automation.verify.check import (
    IMAGE,
    STATIC,
    Comparison,
    Finding,
    at_most,
    check,
    judge,
    listed,
    no_problem,
    not_applicable,
)
from automation.verify.facts import Building, Builds, Development, Source
from automation.verify.gather.inspection import declared_config

_INSTALLS = re.compile(
    r"\b(?:(?:npm|pnpm)@ (?:ci|install|i)|yarn(?: install)?$|pip3?@ install|uv@ (?:pip install|sync)"
    r"|poetry@ install|apk@ add|apt(?:-get)?@ install)\b|\S*install\S*\.(?:sh|py)\b".replace(
        "@", r"(?: +-\S+(?: +[^\s;&|-][^\s;&|]*)?)*"
    )
)
_MANIFEST = re.compile(
    r"(?:package(?:-lock)?|npm-shrinkwrap)\.json|(?:requirements|constraints|bootstrap)[\w.-]*\.(?:txt|in)|.*\.lock"
    r"|bun\.lockb|pyproject\.toml|setup\.cfg|Pipfile|pnpm-(?:lock|workspace)\.yaml|\.npmrc|\.yarnrc.*|uv\.toml|.*\.sh"
)
_WILDCARDS = re.compile(r"[*?\[\]]")
_VERSION = "name the version: python:3.13-slim, not python or python:latest"
_LAYERS = "order the layers by how often they change, and keep caches with RUN --mount=type=cache"
_MOUNTS = ("bind", "cache", "secret", "tmpfs")
_REMOTE = re.compile(r"[a-z]+://|git@", re.IGNORECASE)
_DEVELOPMENT: Mapping[str, Mapping[str, str]] = {
    "backend": {
        "PATH": "/opt/venv/bin:/usr/local/bin:/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "PYTHONPATH": "/app/src",
        "PYTHONPYCACHEPREFIX": "/var/cache/python",
        "PYTHONUNBUFFERED": "1",
        "UVICORN_HOST": "0.0.0.0",  # noqa: S104 - Docker reaches no loopback address of a container
        "UVICORN_TIMEOUT_GRACEFUL_SHUTDOWN": "1",
        "LOG_FORMAT": "console",
        "DATA_DIR": "/data",
    },
    "frontend": {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "NODE_ENV": "development",
        "NODE_OPTIONS": "--import=/usr/local/lib/foreign-sources.mjs",
        "NEXT_TELEMETRY_DISABLED": "1",
        "npm_config_logs_max": "0",
        "npm_config_cache": "/tmp/npm",  # noqa: S108 - only its user writes in the container
        "HOSTNAME": "0.0.0.0",  # noqa: S104 - Docker reaches no loopback address of a container
    },
}
"""The variables of the development images, besides the port and the health check's path."""
_HEALTH_PROGRAMS = {
    "backend": ("CMD", "python", "-m", "app.healthcheck"),
    "frontend": ("CMD", "node", "healthcheck.mjs"),
}
_DEVELOPMENT_HEALTH = (30.0, 10.0, 40.0, 0.5, 3)
"""Interval, timeout, start period and start interval in seconds; retries."""


@check(STATIC, remedy="build in separate stages, and COPY --from= only the result into the last one")
def multi_stage(contract: Contract, source: Source) -> Finding:
    """The image is built in several stages, and the last one copies the result of the others."""
    wanted, dockerfile = contract.service.stages, source.dockerfile
    count, names = len(dockerfile.stages), dockerfile.names
    copies = any(copy.flag("from") for copy in _inherited(dockerfile, "COPY"))
    observed = f"{count}: {', '.join(names)}" if names else f"{count}, unnamed"
    return judge(
        f"at least {len(wanted)} stages ({', '.join(wanted)})",
        observed if copies or count == 1 else f"{observed}; the last copies nothing from another",
        holds=count >= len(wanted) and copies,
    )


@check(STATIC, per_service=False, remedy="another id for the cache mount, or sharing=shared")
def builds_together(contract: Contract, backend: Source, frontend: Source) -> Finding:
    """Both images can be built in parallel: they share no locked cache and neither is the other's base."""
    shared = sorted(_locked_caches(backend.dockerfile) & _locked_caches(frontend.dockerfile))
    shared += [
        f"the {name} is built from {image}"
        for name, source, other in (
            ("backend", backend, contract.profile.frontend.image),
            ("frontend", frontend, contract.profile.backend.image),
        )
        for image in source.dockerfile.external
        if image.partition(":")[0] == other
    ]
    return no_problem(shared)


@check(STATIC, remedy="FROM {service.base}, or change base in the contract")
def base(contract: Contract, source: Source) -> Finding | Comparison:
    """The runtime comes from the contract's base image."""
    return _requires_base(contract.service.base, source)


@check(
    STATIC, only="frontend", remedy="FROM {profile.frontend.build_base}, or change build_base in the contract"
)
def build_base(contract: Contract, source: Source) -> Finding | Comparison:
    """The frontend is built in the contract's build image."""
    return _requires_base(contract.profile.frontend.build_base, source)


@check(STATIC, remedy=_VERSION)
def base_tags(source: Source) -> Finding:
    """Every base image has a specific tag, also by default, and every download of ADD has a checksum."""
    return _pinned(source.dockerfile)


@check(STATIC, remedy="COPY only the lock files before installing, and the sources afterwards")
def layer_order(source: Source) -> Finding:
    """Dependencies are installed before the sources are copied, so a changed line reinstalls nothing."""
    return no_problem(_late_installs(source.dockerfile))


@check(STATIC, remedy="RUN without --security and --network, and with mounts of these types only")
def build_rights(source: Source) -> Finding:
    """No build step has more rights than the engine's default, or uses this machine's SSH agent."""
    runs = [run for stage in source.dockerfile.stages for run in stage.all("RUN")]
    found = [
        f"--{name}={value} in line {run.line}" for run in runs for name, value in run.flags if name != "mount"
    ]
    found += [
        f"--mount=type={mount['type']} in line {run.line}"
        for run in runs
        for mount in run.mounts
        if mount["type"] not in _MOUNTS
    ]
    return no_problem(found, required=f"mounts of type {', '.join(_MOUNTS)}")


@check(STATIC)
def build_arguments(contract: Contract, source: Source) -> Finding:
    """The Dockerfile declares the contract's build arguments with their default values."""
    wanted, defaults = contract.service.environment.build_arguments, source.dockerfile.arguments
    if not wanted:
        return not_applicable("–", "the contract has no build arguments")
    required = " ".join(f"{name}={value}" for name, value in wanted.items())
    observed = " ".join(f"{name}={defaults[name]}" if name in defaults else f"no {name}" for name in wanted)
    return judge(required, observed, holds=observed == required, remedy=f"ARG {required}")


@check(STATIC, remedy="correct the Dockerfile, or if it is right, build_steps in deploy/rules.toml")
def build_steps(contract: Contract, building: Building) -> Finding:
    """The build's commands, variables and base images are those that the rules list."""
    rules, service = contract.rules, contract.service
    images = {rules.tools_image, service.base, contract.profile.frontend.build_base}
    required = rules.build_steps.get(contract.name, ())
    problems = [f"unknown: {step}" for step in building.steps if step not in required]
    problems += [f"missing: {step}" for step in required if step not in building.written]
    problems += [f"built from {image}" for image in building.images if image not in images]
    return no_problem(problems, most=3)


@check(
    STATIC, remedy="the contract's values as defaults of the ARG instructions, and no other Dockerfile syntax"
)
def plain_build(building: Building) -> Finding:
    """`docker build` without arguments builds the images of the default profile."""
    return no_problem(building.deviations, most=3)


@check(STATIC, remedy="correct Dockerfile.dev, or if it is right, checks/builds.py")
def development_image(contract: Contract, development: Development) -> Comparison:
    """Dockerfile.dev declares the contract's account, port and server, a health check, and nothing else."""
    profile, service, config = contract.profile, contract.service, declared_config(development.dockerfile)
    build_base = profile.frontend.build_base if contract.name == "frontend" else service.base
    health = config.health
    required = {
        "base": development.replaced.get(build_base, build_base),
        "user": f"{service.user.uid}:{service.user.gid}",
        "ports": [f"{service.port}/tcp"],
        "workdir": profile.compose.development_mounts.get(f"./{contract.name}"),
        "environment": {
            **_DEVELOPMENT[contract.name],
            **{
                name: str(service.port)
                for name in ("PORT", "UVICORN_PORT")[: 2 - (contract.name != "backend")]
            },
            "HEALTH_PATH": service.health.path,
        },
        "entrypoint": ["/usr/bin/tini", "--"],
        "command": list(service.development_command),
        "health": [*_HEALTH_PROGRAMS[contract.name], *_DEVELOPMENT_HEALTH],
        "labels": ["org.opencontainers.image.source", "org.opencontainers.image.version"],
        "volumes": [],
        "other": {},
    }
    times = () if health is None else (health.interval_s, health.timeout_s, health.start_period_s)
    rest = () if health is None else (health.start_interval_s, health.retries)
    observed = {
        "base": development.dockerfile.target.base,
        "user": config.user,
        "ports": list(config.ports),
        "workdir": config.workdir,
        "environment": dict(config.environment),
        "entrypoint": list(config.entrypoint),
        "command": list(config.command),
        "health": [*(health.test if health else ()), *times, *rest],
        "labels": sorted(config.labels),
        "volumes": [*config.volumes, *config.on_build],
        "other": config.other,
    }
    return required, observed


@check(IMAGE, remedy=_LAYERS)
def build_time(contract: Contract, builds: Builds) -> Finding:
    """A build without any cache finishes in time."""
    how = "invoke build --no-cache measures one"
    return _recorded(contract.rules.times.build_max_s, builds.cold_s, how)


@check(IMAGE, remedy=_LAYERS)
def rebuild_time(contract: Contract, builds: Builds) -> Finding:
    """A build after a change of the sources finishes in time."""
    how = "the next build after a change of the sources is measured"
    return _recorded(contract.rules.times.cached_rebuild_max_s, builds.rebuild_s, how)


def _recorded(limit: int, seconds: float | None, how: str) -> Finding:
    if seconds is None:
        return not_applicable(f"at most {limit} s", f"no build is recorded; {how}")
    return at_most(limit, seconds, "s", digits=1)


def _requires_base(wanted: str, source: Source) -> Finding | Comparison:
    if wanted in source.replaced:
        return not_applicable(wanted, f"built on {source.replaced[wanted]} instead of {wanted}")
    external = source.dockerfile.external
    return wanted, wanted if wanted in external else listed(external)


def _pinned(dockerfile: Dockerfile) -> Finding:
    images = (*dockerfile.external, *filter(None, dockerfile.default_images))
    vague = [image for image in images if _is_vague(image)]
    vague += [
        f"ADD {address}"
        for stage in dockerfile.stages
        for instruction in stage.all("ADD")
        for address in map(stage.expand, instruction.words[:-1])
        if _REMOTE.match(address) and not instruction.flag("checksum")
    ]
    return no_problem(vague, required="a tag other than latest", passing=listed(dockerfile.external))


def _is_vague(reference: str) -> bool:
    name, _, digest = reference.partition("@")
    return not digest and name.rpartition("/")[2].partition(":")[2] in {"", "latest"}


def _inherited(dockerfile: Dockerfile, keyword: str) -> Sequence[Instruction]:
    """Return the target's instructions of a kind, those of the stages that it is built on first."""
    return [found for stage in dockerfile.lineage(dockerfile.target) for found in stage.all(keyword)]


def _locked_caches(dockerfile: Dockerfile) -> set[str]:
    """Return the caches that only one build at a time can use."""
    return {
        f"the cache {mount.get('id') or mount.get('target') or mount.get('dst') or mount.get('destination')}"
        for stage in dockerfile.stages
        for instruction in stage.all("RUN")
        for mount in instruction.mounts
        if mount["type"] == "cache" and mount.get("sharing") == "locked"
    }


def _late_installs(dockerfile: Dockerfile) -> Iterator[str]:
    for stage in dockerfile.stages:
        copied = 0
        for instruction in (found for lower in dockerfile.lineage(stage) for found in lower.instructions):
            if instruction.keyword in {"COPY", "ADD"} and _copies_sources(dockerfile, stage, instruction):
                copied = copied or instruction.line
            elif instruction.keyword == "RUN" and _INSTALLS.search(_command(instruction)):
                if copied:
                    yield f"line {instruction.line} installs after line {copied} copies the sources"
                elif any(_mounts_sources(dockerfile, stage, mount) for mount in instruction.mounts):
                    yield f"line {instruction.line} installs with the sources mounted"


def _command(instruction: Instruction) -> str:
    return instruction.text if instruction.exec_form is None else " ".join(instruction.words)


def _copies_sources(dockerfile: Dockerfile, stage: Stage, instruction: Instruction) -> bool:
    """Whether a COPY brings sources, from the context or from a stage that has them."""
    if names := instruction.flag("from"):
        return _has_sources(dockerfile, stage, names[0])
    return any(_is_source(stage.expand(path)) for path in instruction.words[:-1])


def _mounts_sources(dockerfile: Dockerfile, stage: Stage, mount: Mapping[str, str]) -> bool:
    if mount["type"] != "bind":
        return False
    if name := mount.get("from"):
        return _has_sources(dockerfile, stage, name)
    return _is_source(mount.get("source") or mount.get("src") or ".")


def _has_sources(dockerfile: Dockerfile, before: Stage, name: str) -> bool:
    return any(
        _copies_sources(dockerfile, stage, instruction)
        for found in dockerfile.stages
        if found.number < before.number and name.lower() in {found.name.lower(), str(found.number)}
        for stage in dockerfile.lineage(found)
        for instruction in stage.all("COPY", "ADD")
    )


def _is_source(path: str) -> bool:
    """Whether a path of the context holds sources, not a list of dependencies or a build tool.

    Wildcards make a file optional, as in `yarn.lock*`, or name several, as in `package*.json`.
    """
    pure = PurePosixPath(path)
    return not (
        _MANIFEST.fullmatch(_WILDCARDS.sub("", pure.name)) or {"requirements", "image"} & {*pure.parts[:1]}
    )
