"""Checks of the Compose project: what `docker compose up` starts, alone and with the development overlay."""

import ipaddress
import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

from automation.contract.contract import Contract
from automation.contract.models import SERVICES
from automation.docker.compose_project import DATABASE, MIGRATION
from automation.verify.check import STATIC, Finding, check, equal, judge, listed, no_problem, not_applicable
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
"""An address that stands for all: a proxy of every address may then name the client's address."""


@check("compose-services", STATIC, per_service=False)
def compose_services(production: Production) -> Finding:
    """Compose has exactly the expected services, in their start order, with their images' health checks."""
    services = production.services
    return no_problem(
        [
            *(f"no {name}" for name in _OURS if name not in services),
            *(f"{name} is unknown" for name in services if name not in {*_OURS, DATABASE}),
            *(
                f"the {name} does not wait for {other}: {services[name].depends_on.get(other, 'never')}"
                for name, other, condition in _WAITS
                if name in services and services[name].depends_on.get(other) != condition
            ),
            # The image's health check is checked elsewhere; one that replaces it would not be.
            *(
                f"the {name}'s health: {' '.join(service.health_check) or 'other times'}"
                for name, service in _present(production).items()
                if service.health_check is not None
            ),
        ],
        remedy="depends_on: {backend: {condition: service_healthy}}, {migrate: {condition: "
        "service_completed_successfully}}, no healthcheck, and nothing else in services",
    )


@check("compose-network", STATIC, per_service=False)
def compose_network(contract: Contract, production: Production) -> Finding:
    """Both services are on the contract's network, where they find each other by name."""
    compose = contract.profile.compose
    if compose is None:
        return not_applicable("–", _NO_CONTRACT)
    driver = production.networks.get(compose.network, "")
    services = _present(production).items()
    outside = [name for name, service in services if compose.network not in service.networks]
    observed = f"{compose.network} ({driver})" if driver else f"no {compose.network}"
    return equal(
        f"{compose.network} ({compose.network_driver})",
        f"without {', '.join(outside)}" if driver and outside else observed,
        remedy=f"networks: {{{compose.network}: {{driver: {compose.network_driver}}}}}",
    )


@check("compose-ports", STATIC, per_service=False)
def compose_ports(contract: Contract, production: Production) -> Finding:
    """The contract's ports of this machine lead to the services, the backend's from this machine only."""
    compose, backend = contract.profile.compose, production.services.get("backend")
    addresses = backend.addresses if backend is not None else ()
    if public := [address or "every address" for address in addresses if not _is_loopback(address)]:
        required, remedy = "the backend only from this machine", "ports: 127.0.0.1:… of the service backend"
        return judge(required, f"from {', '.join(public)}", holds=False, remedy=remedy)
    if compose is None:
        return not_applicable("–", _NO_CONTRACT)
    wanted = {
        "backend": (compose.backend_port, contract.profile.backend.port),
        "frontend": (compose.frontend_port, contract.profile.frontend.port),
    }
    observed = {name: service.ports for name, service in production.services.items() if service.ports}
    return judge(
        " ".join(f"{host}:{container}" for host, container in wanted.values()),
        " ".join(f"{host}:{container}" for ports in observed.values() for host, container in ports) or "none",
        holds=observed == {name: (ports,) for name, ports in wanted.items()},
        remedy="ports: " + ", ".join(f"127.0.0.1:{host}:{container}" for host, container in wanted.values()),
    )


@check("compose-environment", STATIC, per_service=False)
def compose_environment(contract: Contract, production: Production) -> Finding:
    """The backend gets what .env sets, the frontend no other secret, and no proxy is trusted blindly."""
    services, given = production.services, production.given
    backend, frontend = (services[name].environment if name in services else {} for name in SERVICES)
    accepted = contract.profile.frontend.environment.accepted
    return no_problem(
        [
            *(f"{name} does not reach the backend" for name in given if backend.get(name) != given[name]),
            *(f"the frontend has {name}" for name in _secrets(frontend, given) if name not in accepted),
            *(
                f"the {name} trusts every proxy"
                for name, service in services.items()
                if _TRUSTS_ALL.search(service.environment.get("FORWARDED_ALLOW_IPS", ""))
            ),
        ],
        required=f"{', '.join(given)} for the backend",
        remedy="environment: of the service backend, names only; FORWARDED_ALLOW_IPS with specific addresses",
    )


@check("restart-policy", STATIC, per_service=False)
def restart_policy(contract: Contract, production: Production) -> Finding:
    """In production the services restart after a crash and after a reboot of the machine."""
    return _restarts(contract.rules.production_restart, production)


@check("development-restart-policy", STATIC, per_service=False)
def development_restart_policy(contract: Contract, developing: Developing) -> Finding:
    """In development a failed service stays down, so that its error can be read."""
    return _restarts(contract.rules.development_restart, developing)


@check("production-mode", STATIC, per_service=False)
def production_mode(contract: Contract, production: Production) -> Finding:
    """In production no sources are mounted, nothing reloads and no development image runs."""
    return no_problem(
        (
            f"{name} {problem}"
            for name, service in production.services.items()
            for problem in _development_modes(contract, production, name, service)
        ),
        remedy="keep mounts, reloading and Dockerfile.dev in the development overlay",
    )


@check("compose-hardening", STATIC, per_service=False)
def compose_hardening(contract: Contract, production: Production, developing: Developing) -> Finding:
    """Root file systems are read-only in production, and no service has more rights than it needs."""
    wrong = [
        *(f"no {name}" for name in SERVICES if name not in production.services),
        *(f"{name}: writable root" for name, own in production.services.items() if not own.read_only),
    ]
    for place, composition in (("", production), ("development ", developing)):
        for name, service in composition.services.items():
            wrong += [f"{place}{name}: {right}" for right in _rights(contract, name, service)]
    return no_problem(
        wrong,
        remedy='read_only: true, cap_drop: [ALL], security_opt: ["no-new-privileges:true"], no more',
    )


@check("compose-data", STATIC, per_service=False)
def compose_data(contract: Contract, production: Production) -> Finding:
    """User data is in a named volume, which survives the containers."""
    folder = contract.rules.data_folder
    writers = [production.services[name] for name in ("backend", MIGRATION) if name in production.services]
    names = {service.named.get(folder, "") for service in writers}
    places = [place for name in sorted(names) if (place := _host_place(production, name))]
    if len(names) > 1:
        problem = "not the migration's volume"
    elif names <= {""}:
        problem = "no named volume"
    else:
        problem = f"it is {places[0]} of this machine" if places else ""
    return judge(
        f"a named volume at {folder}",
        problem or "present",
        holds=not problem,
        remedy=f"volumes: [data:{folder}]",
    )


@check("development-mounts", STATIC, per_service=False)
def development_mounts(contract: Contract, developing: Developing) -> Finding:
    """In development the sources are mounted, and packages and builds stay in volumes."""
    compose = contract.profile.compose
    if compose is None:
        return not_applicable("–", _NO_CONTRACT)
    missing = []
    for source, target in compose.development_mounts.items():
        service = developing.services.get(source.removeprefix("./"))
        if service is None or service.mounts.get(target) != source.removeprefix("./"):
            missing.append(f"no {source}:{target}")
    frontend = developing.services.get("frontend")
    workdir = compose.development_mounts.get("./frontend", "/app")
    kept = [f"{workdir}/{folder}" for folder in ("node_modules", ".next")]
    missing += [f"no {place}" for place in kept if frontend is None or place not in frontend.volumes]
    return no_problem(
        missing,
        required=" ".join([*(f"{s}:{t}" for s, t in compose.development_mounts.items()), *kept]),
        remedy="volumes: of the development overlay",
    )


@check("development-tag", STATIC, per_service=False)
def development_tag(contract: Contract, developing: Developing) -> Finding:
    """Development runs images of its own, with the rules' development tag."""
    tag = contract.rules.development_tag
    images = [service.image or f"{name} without an image" for name, service in _present(developing).items()]
    wrong = [image for image in images if image.rpartition(":")[2] != tag]
    return judge(
        f"…:{tag}",
        listed(wrong or images),
        holds=bool(images) and not wrong,
        remedy=f"image: …:{tag} in the development overlay",
    )


def _restarts(wanted: str, composition: Composition) -> Finding:
    policies = {name: service.restart for name, service in _present(composition).items()}
    return judge(
        wanted,
        listed(f"{name} {policy}" for name, policy in policies.items()),
        holds=len(policies) == len(SERVICES) and {*policies.values()} == {wanted},
        remedy=f'restart: "{wanted}"',
    )


def _present(composition: Composition) -> Mapping[str, ComposeService]:
    return {name: composition.services[name] for name in SERVICES if name in composition.services}


def _development_modes(
    contract: Contract, composition: Composition, name: str, service: ComposeService
) -> Iterator[str]:
    """Yield what a service does as in development."""
    yield from (f"mounts {source}" for source in service.mounts.values())
    for target, volume in service.named.items():
        if target != contract.rules.data_folder and (place := _host_place(composition, volume)):
            yield f"mounts {place} as {volume}"
    if any(_RELOADING.search(word) for word in service.command):
        yield f"runs {' '.join(service.command)}"
    if name not in _OURS:
        return
    if service.entrypoint:
        yield f"has the entry point {' '.join(service.entrypoint)}"
    if service.image.rpartition(":")[2] == contract.rules.development_tag:
        yield f"runs {service.image}"
    if service.dockerfile and PurePosixPath(service.dockerfile).name != "Dockerfile":
        yield f"is built from {service.dockerfile}"
    if service.target == "development":
        yield f"is built for {service.target}"


def _rights(contract: Contract, name: str, service: ComposeService) -> Iterator[str]:
    """Yield the rights that a service does not need."""
    if "ALL" not in service.cap_drop:
        yield "capabilities"
    if "no-new-privileges:true" not in service.security_options:
        yield "new privileges"
    if service.privileged:
        yield "privileged"
    if not _is_own_account(contract, name, service.user):
        yield f"user {service.user}"
    if service.cap_add:
        yield f"cap_add {' '.join(service.cap_add)}"
    if service.devices:
        yield f"devices {' '.join(service.devices)}"
    yield from (option for option in service.security_options if _WEAKENED.search(option))
    for kind, value in service.namespaces.items():
        if value == "host" or ":" in value:
            yield f"{kind} {value}"


def _is_own_account(contract: Contract, name: str, user: str) -> bool:
    if name not in _OURS:
        return not _ROOT.fullmatch(user)
    own = contract.profile.service("frontend" if name == "frontend" else "backend").user
    return user in {"", own.name, f"{own.name}:{own.group}", f"{own.uid}", f"{own.uid}:{own.gid}"}


def _secrets(environment: Mapping[str, str], given: Mapping[str, str]) -> list[str]:
    """Return the variables that hold a secret, by their names or by their values."""
    values = [value for name, value in given.items() if _is_secret(name)]
    return [
        name
        for name, value in environment.items()
        if _is_secret(name) or any(secret in value for secret in values)
    ]


def _is_secret(name: str) -> bool:
    return name == "DATABASE_URL" or bool(SECRET_NAME.search(name))


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def _host_place(composition: Composition, volume: str) -> str:
    """Return the path or memory of this machine that a volume stands for; empty for a real volume."""
    options = composition.volumes.get(volume, {})
    device = options.get("device", "")
    if options.get("type") == "tmpfs":
        return "the memory"
    return device or "a path" if device.startswith("/") or "bind" in options.get("o", "") else ""
