"""Checks of the Compose project: what `docker compose up` starts, and what the overlay for development."""

from collections.abc import Sequence

from automation.verification.checks.images import DATA
from automation.verification.facts import Composition, Developing, Production
from automation.verification.findings import STATIC, Asked, Finding, check, judged, not_applicable

SERVICES = ("backend", "frontend")

_NO_CONTRACT = "the contract has no Compose project"
_RELOADING = {"--reload", "dev", "app.reloading", "--watch"}


@check("compose-services", STATIC, per_service=False)
def compose_services(production: Production) -> Finding:
    """Compose has the services frontend and backend, and the frontend waits for the backend."""
    missing = [name for name in SERVICES if name not in production.services]
    waits = not missing and "backend" in production.services["frontend"].depends_on
    observed = f"no {', '.join(missing)}" if missing else "both" if waits else "the frontend does not wait"
    return judged(
        "backend, and frontend after it",
        observed,
        holds=waits,
        remedy="depends_on: {backend: {condition: service_healthy}}",
    )


@check("compose-network", STATIC, per_service=False)
def compose_network(asked: Asked, production: Production) -> Finding:
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
def compose_ports(asked: Asked, production: Production) -> Finding:
    """The ports of this machine that the contract names lead to the services."""
    compose = asked.profile.compose
    if compose is None:
        return not_applicable("–", _NO_CONTRACT)
    wanted = {
        "backend": (compose.backend_port, asked.profile.backend.port),
        "frontend": (compose.frontend_port, asked.profile.frontend.port),
    }
    observed = {name: production.services[name].ports for name in _present(production)}
    return judged(
        " ".join(f"{host}:{container}" for host, container in wanted.values()),
        " ".join(f"{host}:{container}" for ports in observed.values() for host, container in ports) or "none",
        holds=observed == {name: (ports,) for name, ports in wanted.items()},
        remedy="ports: " + ", ".join(f"{host}:{container}" for host, container in wanted.values()),
    )


@check("compose-environment", STATIC, per_service=False)
def compose_environment(production: Production) -> Finding:
    """What .env says reaches the backend: each variable that its contract accepts."""
    given = production.given
    backend = production.services.get("backend")
    missing = [
        name for name, value in given.items() if backend is None or backend.environment.get(name) != value
    ]
    return judged(
        ", ".join(given),
        f"{', '.join(missing)} did not" if missing else "all do",
        holds=not missing,
        remedy="environment: of the service backend, by their names alone",
    )


@check("restart-policy", STATIC, per_service=False)
def restart_policy(asked: Asked, production: Production) -> Finding:
    """In production the services are started again after a crash and after a restart of the machine."""
    return _restarts(asked.rules.production_restart, production)


@check("development-restart-policy", STATIC, per_service=False)
def development_restart_policy(asked: Asked, developing: Developing) -> Finding:
    """In development a service that fails stays down, for its error to be read."""
    return _restarts(asked.rules.development_restart, developing)


@check("production-mode", STATIC, per_service=False)
def production_mode(production: Production) -> Finding:
    """In production no sources are mounted, and nothing reloads."""
    wrong = _mounted(production) + _reloading(production)
    return judged(
        "no sources mounted, no reloading",
        ", ".join(wrong) or "neither",
        holds=not wrong,
        remedy="keep mounts and reloading in the overlay for development",
    )


@check("compose-hardening", STATIC, per_service=False)
def compose_hardening(production: Production) -> Finding:
    """In production root file systems are read-only, without capabilities or new privileges."""
    wrong = [
        f"{name}: {what}"
        for name in _present(production)
        for what, holds in (
            ("writable root", production.services[name].read_only),
            ("capabilities", "ALL" in production.services[name].cap_drop),
            ("new privileges", "no-new-privileges:true" in production.services[name].security_options),
        )
        if not holds
    ]
    return judged(
        "read_only, cap_drop ALL, no-new-privileges",
        ", ".join(wrong) or "both",
        holds=not wrong and len(_present(production)) == len(SERVICES),
        remedy='read_only: true, cap_drop: [ALL], security_opt: ["no-new-privileges:true"]',
    )


@check("compose-data", STATIC, per_service=False)
def compose_data(production: Production) -> Finding:
    """What people write is in a volume with a name, which survives the containers."""
    backend = production.services.get("backend")
    kept = backend is not None and DATA in backend.volumes
    return judged(
        f"a volume at {DATA}",
        "there" if kept else "none",
        holds=kept,
        remedy=f"volumes: [data:{DATA}]",
    )


@check("development-mounts", STATIC, per_service=False)
def development_mounts(asked: Asked, developing: Developing) -> Finding:
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
def development_tag(asked: Asked, developing: Developing) -> Finding:
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


def _mounted(composition: Composition) -> list[str]:
    return [
        f"{name} mounts {source}"
        for name in _present(composition)
        for source in composition.services[name].mounts.values()
    ]


def _reloading(composition: Composition) -> list[str]:
    return [
        f"{name} runs {' '.join(composition.services[name].command)}"
        for name in _present(composition)
        if _RELOADING & {*composition.services[name].command}
    ]
