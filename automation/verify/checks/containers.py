"""Checks of running containers: read-only root, no capabilities, no new privileges."""

from automation.contract.contract import Contract
from automation.verify.check import (
    LIVE,
    Comparison,
    Finding,
    at_most,
    check,
    judge,
    listed,
    no_problem,
    not_applicable,
)
from automation.verify.facts import Configured, Container, Endurance, Misconfigured, Unconfigured

_ORDERLY = (0, 143)
"""Exit codes of a process that ended by itself: 143 says that it did because of SIGTERM."""
_WRITES = "write only to the contract's folders, or add the folder to writable in the contract"


@check(LIVE, remedy="import and connect to less at startup")
def start_time(contract: Contract, container: Container) -> Finding:
    """The container answers in time after it starts."""
    return at_most(contract.rules.times.start_max_s, container.first_answer_s, "s", digits=2)


@check(LIVE, remedy="USER {service.user.uid}:{service.user.gid}")
def process_user(contract: Contract, container: Container) -> Comparison:
    """Every process of the container runs as the contract's account and is in no other group."""
    seen = sorted({(process.uid, process.gid, *process.groups) for process in container.processes})
    user = contract.service.user
    return f"{user.uid}:{user.gid}", listed(":".join(map(str, ids)) for ids in seen)


@check(LIVE, remedy="give the user these folders in the image, and no other")
def read_only_root(contract: Contract, container: Container) -> Finding:
    """The service runs with a read-only root file system and can write only to the contract's folders."""
    places = contract.writable
    required = f"writes only to {', '.join(places)}" if places else "writes nowhere"
    if container.read_only:
        observed = f"starts only with a writable root: {container.read_only}"
        return judge(required, observed, holds=False, remedy=_WRITES)
    extra = [place for place in container.writable if place not in places]
    missing = [f"not {place}" for place in places if place not in container.writable]
    return no_problem([*extra, *missing], required=required)


@check(LIVE, remedy='ENTRYPOINT ["/usr/bin/tini", "--"]')
def reaps_zombies(container: Container) -> Finding:
    """The first process reaps orphans that have ended."""
    observed = f"{container.zombies} left" if container.zombies else "none"
    return judge("no zombie left", observed, holds=not container.zombies)


@check(LIVE, remedy="forward SIGTERM (exec form, tini) and shut down in order when it arrives")
def graceful_stop(contract: Contract, endurance: Endurance) -> Finding:
    """After SIGTERM the service answers the request in flight and exits before Docker kills it."""
    stop, limit = endurance.stop, contract.rules.times.stop_max_s
    required = f"answers, and exits within {limit} s"
    if stop is None:
        return judge(required, "was not running any more", holds=False)
    late = stop.seconds >= limit
    problems = [
        "" if stop.answered else "the request in flight got no answer",
        f"still running after {limit} s" if late else "",
        "" if late or stop.exit_code in _ORDERLY else f"exit code {stop.exit_code}",
    ]
    return no_problem(problems, required=required, passing=f"answered, exited after {stop.seconds:.1f} s")


@check(
    LIVE,
    remedy="restart: {rules.production_restart}; exit with the process, and ignore"
    " files that the last one left",
)
def restart(contract: Contract, endurance: Endurance) -> Finding:
    """When its process dies, the container restarts and answers again in time."""
    limit = contract.rules.times.start_max_s
    return at_most(limit, endurance.restarted_s, "s", digits=2, missing="stayed down")


@check(LIVE, remedy="import modules only when they are used")
def idle_memory(contract: Contract, endurance: Endurance) -> Finding:
    """The idle container stays within the memory budget of the rules."""
    memory = contract.rules.memory
    limit = memory.frontend_max_mb if contract.name == "frontend" else memory.backend_max_mb
    return at_most(limit, endurance.memory_mb, "MB", digits=1)


@check(LIVE, remedy="wait for events instead of polling")
def idle_processor(contract: Contract, endurance: Endurance) -> Finding:
    """The idle container stays within the processor budget of the rules."""
    memory = contract.rules.memory
    limit = memory.frontend_cpus if contract.name == "frontend" else memory.backend_cpus
    return at_most(limit, endurance.cpus, "processors", digits=3)


@check(LIVE, remedy="start the process without clearing its environment")
def environment(contract: Contract, configured: Configured) -> Finding:
    """Every variable that the contract accepts reaches the process."""
    missing = (f"{name} does not reach it" for name in configured.missing)
    return no_problem(missing, required=", ".join(contract.accepted))


@check(LIVE, remedy="read PORT when the process starts")
def port_setting(configured: Configured) -> Finding:
    """The service listens on PORT where the contract accepts that variable."""
    if not configured.port:
        return not_applicable("listens on PORT", "the contract does not accept PORT")
    observed = f"{'answers' if configured.answers else 'no answer'} on {configured.port}"
    return judge("listens on PORT", observed, holds=configured.answers)


@check(LIVE, only="backend", remedy="read {profile.backend.environment.model_key} and AGENT_PROVIDER")
def model_key(contract: Contract, configured: Configured) -> Finding:
    """With the contract's model key, the provider's model answers instead of the offline agent."""
    wanted = contract.profile.backend.environment
    observed = configured.agent or ("its health names no agent" if configured.answers else "no answer")
    holds = configured.agent == wanted.provider
    return judge(f"{wanted.model_key}: {wanted.provider}", observed, holds=holds)


@check(LIVE, only="backend", remedy="check the environment before serving, and have no default for a secret")
def required_environment(contract: Contract, unconfigured: Unconfigured) -> Finding:
    """Without its required variables the backend exits and names them."""
    wanted, named = contract.profile.backend.environment.required, unconfigured.named
    observed = _exit(contract, unconfigured.exit_code, f"names {listed(named) if named else 'none of them'}")
    holds = bool(unconfigured.exit_code) and bool(named)
    return judge(f"exits without {', '.join(wanted)}", observed, holds=holds)


@check(
    LIVE, only="backend", remedy="validate the form and length of every variable when the settings are read"
)
def refused_environment(contract: Contract, misconfigured: Misconfigured) -> Finding:
    """With invalid values the backend exits and names each of their variables."""
    silent = [name for name in misconfigured.given if name not in misconfigured.named]
    named = f"does not name {listed(silent)}" if silent else "names all of them"
    observed = _exit(contract, misconfigured.exit_code, named)
    holds = bool(misconfigured.exit_code) and not silent
    return judge(f"exits with an invalid {', '.join(misconfigured.given)}", observed, holds=holds)


def _exit(contract: Contract, code: int | None, named: str) -> str:
    if code is None:
        return f"still running after {contract.rules.times.start_max_s} s"
    return f"exit code {code}, {named}"
