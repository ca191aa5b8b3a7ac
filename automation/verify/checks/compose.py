"""Checks of the Compose project: what `docker compose up` starts, and what the overlay for development."""

import ipaddress
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath

from automation.contract.contract import Contract
from automation.contract.models import SERVICES
from automation.docker.compose_project import DATABASE, MIGRATION
from automation.verify.check import STATIC, Finding, check, failed, judged, listed, not_applicable
from automation.verify.facts import ComposeService, Composition, Developing, Production
from automation.verify.gather.leaks import SECRET_NAME

_NO_CONTRACT = "the contract has no Compose project"
_OURS = (*SERVICES, MIGRATION)
_WAITS = (
    ("backend", MIGRATION, "service_completed_successfully"),
    ("frontend", "backend", "service_healthy"),
)
_RELOADING = re.compile(r"--reload|--watch|app\.reloading|(?<![\w/.-])dev(?![\w/.-])")
_ROOT = re.compile(r"(?:root|0+)(?::.*)?|.*:(?:root|0+)")
_WEAKENED = re.compile(r"unconfined|[:=](?:disable|false)$")
_TRUSTS_ALL = re.compile(r"\*|/0+(?:\s|,|$)")
"""An address that stands for all: whoever has one may say for whom it asks."""


@check("compose-services", STATIC, per_service=False)
def compose_services(production: Production) -> Finding:
    """Compose has the services that it should, each waits for the one it needs, and tells its own health."""
    services = production.services
    wrong = [f"no {name}" for name in _OURS if name not in services]
    wrong += [f"{name} is unknown" for name in services if name not in {*_OURS, DATABASE}]
    wrong += [
        f"the {name} does not wait for {other}: {services[name].depends_on.get(other, 'never')}"
        for name, other, condition in _WAITS
        if name in services and services[name].depends_on.get(other) != condition
    ]
    # What the image asks is held against the contract; what would be asked instead is not.
    wrong += [
        f"the {name}'s health: {' '.join(test) or 'other times'}"
        for name in _present(production)
        if (test := services[name].health_check) is not None
    ]
    return judged(
        "migrate, then backend, then frontend; the images' own health checks",
        listed(wrong) or "as required",
        holds=not wrong,
        remedy="depends_on: {backend: {condition: service_healthy}}, {migrate: {condition: "
        "service_completed_successfully}}, no healthcheck, and nothing else in services",
    )


@check("compose-network", STATIC, per_service=False)
def compose_network(asked: Contract, production: Production) -> Finding:
    """Both services are on the network of the contract, where they find each other by name."""
    compose = asked.profile.compose
    if compose is None:
        return not_applicable("–", _NO_CONTRACT)
    required = f"{compose.network} ({compose.network_driver})"
    driver = production.networks.get(compose.network, "")
    outside = [
        name for name in _present(production) if compose.network not in production.services[name].networks
    ]
    observed = f"{compose.network} ({driver})" if driver else f"no {compose.network}"
    return judged(
        required,
        f"{', '.join(outside)} is not on it" if driver and outside else observed,
        holds=driver == compose.network_driver and not outside,
        remedy=f"networks: {{{compose.network}: {{driver: {compose.network_driver}}}}}",
    )


@check("compose-ports", STATIC, per_service=False)
def compose_ports(asked: Contract, production: Production) -> Finding:
    """The ports of this machine that the contract names lead to the services; the backend's for it alone."""
    compose = asked.profile.compose
    backend = production.services.get("backend")
    addresses = backend.addresses if backend is not None else ()
    open_to = [each or "every address" for each in addresses if not _is_loopback(each)]
    if open_to:
        return failed(
            "the backend for this machine alone",
            f"for {', '.join(open_to)}",
            "ports: 127.0.0.1:… of the service backend",
        )
    if compose is None:
        return not_applicable("–", _NO_CONTRACT)
    wanted = {
        "backend": (compose.backend_port, asked.profile.backend.port),
        "frontend": (compose.frontend_port, asked.profile.frontend.port),
    }
    observed = {name: each.ports for name, each in production.services.items() if each.ports}
    return judged(
        " ".join(f"{host}:{container}" for host, container in wanted.values()),
        " ".join(f"{host}:{container}" for ports in observed.values() for host, container in ports) or "none",
        holds=observed == {name: (ports,) for name, ports in wanted.items()},
        remedy="ports: " + ", ".join(f"127.0.0.1:{host}:{container}" for host, container in wanted.values()),
    )


@check("compose-environment", STATIC, per_service=False)
def compose_environment(asked: Contract, production: Production) -> Finding:
    """The backend gets what .env says, the frontend no secret of others, and nobody trusts everybody."""
    given = production.given
    backend, frontend = (production.services.get(name) for name in SERVICES)
    wrong = [
        f"{name} does not reach the backend"
        for name, value in given.items()
        if backend is None or backend.environment.get(name) != value
    ]
    if frontend is not None:
        own = asked.profile.frontend.environment.accepted
        wrong += [f"the frontend has {name}" for name in _secrets(frontend, given) if name not in own]
    wrong += [
        f"the {name} lets everybody say for whom they ask"
        for name, each in production.services.items()
        if _TRUSTS_ALL.search(each.environment.get("FORWARDED_ALLOW_IPS", ""))
    ]
    return judged(
        f"{', '.join(given)} for the backend",
        listed(wrong) or "all do",
        holds=not wrong,
        remedy="environment: of the service backend, by their names alone; FORWARDED_ALLOW_IPS with some",
    )


@check("restart-policy", STATIC, per_service=False)
def restart_policy(asked: Contract, production: Production) -> Finding:
    """In production the services are started again after a crash and after a restart of the machine."""
    return _restarts(asked.rules.production_restart, production)


@check("development-restart-policy", STATIC, per_service=False)
def development_restart_policy(asked: Contract, developing: Developing) -> Finding:
    """In development a service that fails stays down, for its error to be read."""
    return _restarts(asked.rules.development_restart, developing)


@check("production-mode", STATIC, per_service=False)
def production_mode(asked: Contract, production: Production) -> Finding:
    """In production no sources are mounted, nothing reloads, and the images are those of production."""
    wrong = _mounted(asked, production) + _reloading(production) + _of_development(asked, production)
    return judged(
        "no sources mounted, no reloading, the images' own entry points",
        listed(wrong) or "neither",
        holds=not wrong,
        remedy="keep mounts, reloading and Dockerfile.dev in the overlay for development",
    )


@check("compose-hardening", STATIC, per_service=False)
def compose_hardening(asked: Contract, production: Production, developing: Developing) -> Finding:
    """Root file systems are read-only in production, and nothing has more rights than it needs anywhere."""
    wrong = [f"{name}: writable root" for name, each in production.services.items() if not each.read_only]
    for where, composition in (("", production), ("development ", developing)):
        for name, each in composition.services.items():
            wrong += [f"{where}{name}: {what}" for what in _rights(asked, name, each)]
    return judged(
        "read_only, cap_drop ALL, no-new-privileges, the image's account",
        listed(wrong) or "all",
        holds=not wrong and len(_present(production)) == len(SERVICES),
        remedy='read_only: true, cap_drop: [ALL], security_opt: ["no-new-privileges:true"], no more',
    )


@check("compose-data", STATIC, per_service=False)
def compose_data(asked: Contract, production: Production) -> Finding:
    """What people write is in a volume with a name, which survives the containers."""
    data = asked.rules.data_folder
    writers = [name for name in ("backend", MIGRATION) if name in production.services]
    names = {production.services[name].named.get(data, "") for name in writers}
    places = [place for name in sorted(names) if (place := _place(production, name))]
    observed = f"it is {places[0]} of this machine" if places else "there"
    if len(names) != 1:
        observed = "none" if not names else "not the one of the migration"
    elif "" in names:
        observed = "none with a name"
    return judged(
        f"a volume with a name at {data}",
        observed,
        holds=len(names) == 1 and "" not in names and not places,
        remedy=f"volumes: [data:{data}]",
    )


@check("development-mounts", STATIC, per_service=False)
def development_mounts(asked: Contract, developing: Developing) -> Finding:
    """In development the sources are mounted, and packages and builds stay in volumes."""
    compose = asked.profile.compose
    if compose is None:
        return not_applicable("–", _NO_CONTRACT)
    missing = []
    for source, target in compose.development_mounts.items():
        service = developing.services.get(source.removeprefix("./"))
        if service is None or service.mounts.get(target) != source.removeprefix("./"):
            missing.append(f"{source}:{target}")
    frontend = developing.services.get("frontend")
    workdir = compose.development_mounts.get("./frontend", "/app")
    kept = [f"{workdir}/{folder}" for folder in ("node_modules", ".next")]
    missing += [place for place in kept if frontend is None or place not in frontend.volumes]
    return judged(
        " ".join([*(f"{s}:{t}" for s, t in compose.development_mounts.items()), *kept]),
        f"no {', '.join(missing)}" if missing else "as required",
        holds=not missing,
        remedy="volumes: of the overlay for development",
    )


@check("development-tag", STATIC, per_service=False)
def development_tag(asked: Contract, developing: Developing) -> Finding:
    """Development runs images of its own, with the tag of the rules."""
    tag = asked.rules.development_tag
    images = {name: developing.services[name].image for name in _present(developing)}
    wrong = [image or f"{name} has none" for name, image in images.items() if image.rpartition(":")[2] != tag]
    return judged(
        f"…:{tag}",
        ", ".join(wrong or images.values()) or "no services",
        holds=bool(images) and not wrong,
        remedy=f"image: …:{tag} in the overlay for development",
    )


def _restarts(wanted: str, composition: Composition) -> Finding:
    policies = {name: composition.services[name].restart for name in _present(composition)}
    return judged(
        wanted,
        ", ".join(f"{name} {policy}" for name, policy in policies.items()) or "no services",
        holds=len(policies) == len(SERVICES) and set(policies.values()) == {wanted},
        remedy=f'restart: "{wanted}"',
    )


def _present(composition: Composition) -> Sequence[str]:
    return [name for name in SERVICES if name in composition.services]


def _mounted(asked: Contract, composition: Composition) -> list[str]:
    mounted = [
        f"{name} mounts {source}"
        for name in composition.services
        for source in composition.services[name].mounts.values()
    ]
    return mounted + [
        f"{name} mounts {place} as {volume}"
        for name, each in composition.services.items()
        for target, volume in each.named.items()
        if target != asked.rules.data_folder and (place := _place(composition, volume))
    ]


def _reloading(composition: Composition) -> list[str]:
    return [
        f"{name} runs {' '.join(each.command)}"
        for name, each in composition.services.items()
        if any(_RELOADING.search(word) for word in each.command)
    ]


def _of_development(asked: Contract, composition: Composition) -> list[str]:
    wrong = []
    for name in _OURS:
        each = composition.services.get(name)
        if each is None:
            continue
        if each.entrypoint:
            wrong.append(f"{name} enters at {' '.join(each.entrypoint)}")
        if each.image.rpartition(":")[2] == asked.rules.development_tag:
            wrong.append(f"{name} runs {each.image}")
        if each.dockerfile and PurePosixPath(each.dockerfile).name != "Dockerfile":
            wrong.append(f"{name} is built from {each.dockerfile}")
        if each.target == "development":
            wrong.append(f"{name} is built for {each.target}")
    return wrong


def _rights(asked: Contract, name: str, service: ComposeService) -> Iterator[str]:
    """Yield what a service may that it need not."""
    if "ALL" not in service.cap_drop:
        yield "capabilities"
    if "no-new-privileges:true" not in service.security_options:
        yield "new privileges"
    if service.privileged:
        yield "privileged"
    if not _is_own_account(asked, name, service.user):
        yield f"user {service.user}"
    for what, values in (("cap_add", service.cap_add), ("devices", service.devices)):
        if values:
            yield f"{what} {' '.join(values)}"
    for option in service.security_options:
        if _WEAKENED.search(option):
            yield option
    for kind, value in service.namespaces.items():
        if value == "host" or ":" in value:
            yield f"{kind} {value}"


def _is_own_account(asked: Contract, name: str, user: str) -> bool:
    if name in _OURS:
        own = asked.profile.service("frontend" if name == "frontend" else "backend").user
        return user in {"", own.name, f"{own.name}:{own.group}", f"{own.uid}", f"{own.uid}:{own.gid}"}
    return not _ROOT.fullmatch(user)


def _secrets(service: ComposeService, given: Mapping[str, str]) -> list[str]:
    """Return the variables that hold a secret, by their names or by what they were given."""
    values = [value for name, value in given.items() if _is_secret(name)]
    return [
        name
        for name, value in service.environment.items()
        if _is_secret(name) or any(secret in value for secret in values)
    ]


def _is_secret(name: str) -> bool:
    return name == "DATABASE_URL" or bool(SECRET_NAME.search(name))


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def _place(composition: Composition, volume: str) -> str:
    """Return what of this machine a volume is in truth: a path, or its memory; empty where it is neither."""
    options = composition.volumes.get(volume, {})
    device = options.get("device", "")
    if options.get("type") == "tmpfs":
        return "the memory"
    return device or "a path" if device.startswith("/") or "bind" in options.get("o", "") else ""
