"""Checks of running containers: read-only root, no capabilities, no new privileges."""

from automation.contract.contract import Contract
from automation.verify.check import (
    LIVE,
    Finding,
    at_most,
    check,
    equal,
    judge,
    listed,
    no_problem,
    not_applicable,
)
from automation.verify.facts import Configured, Container, Endurance, Misconfigured, Unconfigured

_ORDERLY = (0, 143)
"""Exit codes of a process that ended by itself: 143 says that it did because of SIGTERM."""


@check("start-time", LIVE)
def start_time(contract: Contract, container: Container) -> Finding:
    """The container answers soon after it starts."""
    seconds, remedy = container.first_answer_s, "import and connect to less at startup"
    return at_most(contract.rules.times.start_max_s, seconds, "s", digits=2, remedy=remedy)


@check("process-user", LIVE)
def process_user(contract: Contract, container: Container) -> Finding:
    """Every process of the container runs as the contract's account."""
    wanted = contract.service.user
    seen = sorted({(process.uid, process.gid) for process in container.processes})
    return equal(
        f"{wanted.uid}:{wanted.gid}",
        listed(f"{uid}:{gid}" for uid, gid in seen),
        remedy=f"USER {wanted.uid}:{wanted.gid}",
    )


@check("read-only-root", LIVE)
def read_only_root(contract: Contract, container: Container) -> Finding:
    """The service runs with a read-only root file system and can write only to the contract's folders."""
    places = contract.writable
    required = f"writes only to {', '.join(places)}" if places else "writes nowhere"
    if container.read_only:
        observed = f"starts only with a writable root: {container.read_only}"
        remedy = "write only to the contract's folders, or add the folder to writable in the contract"
        return judge(required, observed, holds=False, remedy=remedy)
    return no_problem(
        [
            *(place for place in container.writable if place not in places),
            *(f"not {place}" for place in places if place not in container.writable),
        ],
        required=required,
        remedy="give the user these folders in the image, and no other",
    )


@check("reaps-zombies", LIVE)
def reaps_zombies(container: Container) -> Finding:
    """The first process reaps orphans that have ended."""
    observed = f"{container.zombies} left" if container.zombies else "none"
    remedy = 'ENTRYPOINT ["/usr/bin/tini", "--"]'
    return judge("no zombie left", observed, holds=not container.zombies, remedy=remedy)


@check("graceful-stop", LIVE)
def graceful_stop(contract: Contract, endurance: Endurance) -> Finding:
    """After SIGTERM the service answers the request in flight and exits before Docker kills it."""
    stop, limit = endurance.stop, contract.rules.times.stop_max_s
    required = f"answers, and exits within {limit} s"
    remedy = "forward SIGTERM (exec form, tini) and shut down in order when it arrives"
    if stop is None:
        return judge(required, "was not running any more", holds=False, remedy=remedy)
    late = stop.seconds >= limit
    return no_problem(
        [
            "" if stop.answered else "the request in flight got no answer",
            f"still running after {limit} s" if late else "",
            "" if late or stop.exit_code in _ORDERLY else f"exit code {stop.exit_code}",
        ],
        required=required,
        passing=f"answered, exited after {stop.seconds:.1f} s",
        remedy=remedy,
    )


@check("restart", LIVE)
def restart(contract: Contract, endurance: Endurance) -> Finding:
    """When its process dies, the container restarts as in production and answers again in time."""
    return at_most(
        contract.rules.times.start_max_s,
        endurance.restarted_s,
        "s",
        digits=2,
        missing="stayed down",
        remedy=f"restart: {contract.rules.production_restart}; exit when the process does, and start"
        " without what the last one left",
    )


@check("idle-memory", LIVE)
def idle_memory(contract: Contract, endurance: Endurance) -> Finding:
    """The idle container stays within the memory budget of the rules."""
    memory = contract.rules.memory
    limit = memory.frontend_max_mb if contract.name == "frontend" else memory.backend_max_mb
    return at_most(
        limit, endurance.memory_mb, "MB", digits=1, remedy="import modules only when they are used"
    )


@check("idle-processor", LIVE)
def idle_processor(contract: Contract, endurance: Endurance) -> Finding:
    """The idle container stays within the processor budget of the rules."""
    memory = contract.rules.memory
    limit = memory.frontend_cpus if contract.name == "frontend" else memory.backend_cpus
    return at_most(limit, endurance.cpus, "processors", digits=3, remedy="wait for events instead of polling")


@check("environment", LIVE)
def environment(contract: Contract, configured: Configured) -> Finding:
    """Every variable that the contract accepts reaches the process."""
    return no_problem(
        (f"{name} does not reach it" for name in configured.missing),
        required=", ".join(contract.accepted),
        remedy="start the process without clearing its environment",
    )


@check("port-setting", LIVE)
def port_setting(configured: Configured) -> Finding:
    """The service listens on PORT where the contract accepts that variable."""
    if not configured.port:
        return not_applicable("listens on PORT", "the contract does not accept PORT")
    observed = f"{'answers' if configured.answers else 'no answer'} on {configured.port}"
    remedy = "read PORT when the process starts"
    return judge("listens on PORT", observed, holds=configured.answers, remedy=remedy)


@check("model-key", LIVE, only="backend")
def model_key(contract: Contract, configured: Configured) -> Finding:
    """With the contract's model key, the provider's model answers instead of the offline agent."""
    wanted = contract.profile.backend.environment
    return judge(
        f"{wanted.model_key}: {wanted.provider}",
        configured.agent or ("its health names no agent" if configured.answers else "no answer"),
        holds=configured.agent == wanted.provider,
        remedy=f"read {wanted.model_key} and AGENT_PROVIDER",
    )


@check("required-environment", LIVE, only="backend")
def required_environment(contract: Contract, unconfigured: Unconfigured) -> Finding:
    """Without its required variables the backend exits and names them."""
    wanted, named = contract.profile.backend.environment.required, unconfigured.named
    return judge(
        f"exits without {', '.join(wanted)}",
        _exit(contract, unconfigured.exit_code, f"names {listed(named) if named else 'none of them'}"),
        holds=bool(unconfigured.exit_code) and bool(named),
        remedy="check the environment before serving, and have no default for a secret",
    )


@check("refused-environment", LIVE, only="backend")
def refused_environment(contract: Contract, misconfigured: Misconfigured) -> Finding:
    """With invalid values the backend exits and names each of their variables."""
    silent = [name for name in misconfigured.given if name not in misconfigured.named]
    told = f"does not name {listed(silent)}" if silent else "names all of them"
    return judge(
        f"exits with an invalid {', '.join(misconfigured.given)}",
        _exit(contract, misconfigured.exit_code, told),
        holds=bool(misconfigured.exit_code) and not silent,
        remedy="validate the form and length of every variable when the settings are read",
    )


def _exit(contract: Contract, code: int | None, told: str) -> str:
    if code is None:
        return f"still running after {contract.rules.times.start_max_s} s"
    return f"exit code {code}, {told}"
