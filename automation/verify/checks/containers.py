"""Checks of running containers: root file system read-only, all capabilities dropped, no new privileges."""

from dataclasses import replace

from automation.contract.contract import Contract
from automation.verify.check import IMAGE, LIVE, Finding, check, failed, judged, listed, not_applicable
from automation.verify.facts import (
    Builds,
    Configured,
    Container,
    Endurance,
    Misconfigured,
    Pair,
    Reloading,
    Unconfigured,
)

_ENDED_IN_ORDER = (0, 143)
"""Exit codes of a process that ended by itself: 143 says that it did because of SIGTERM."""
_SLOW = "invoke logs   and the container's processor limit: what takes the time?"


@check("start-time", LIVE)
def start_time(asked: Contract, container: Container) -> Finding:
    """The container answers soon after it is started."""
    most = asked.rules.times.start_max_s
    return judged(
        f"first answer within {most} s",
        f"{container.first_answer_s:.2f} s",
        holds=container.first_answer_s <= most,
        remedy="import and connect less at the start",
    )


@check("healthy", LIVE)
def healthy(asked: Contract, container: Container) -> Finding:
    """Docker calls the container healthy: the image's own health check works, with what is in the image."""
    most = asked.rules.times.start_max_s
    seconds = container.healthy_s
    return judged(
        f"within {most} s",
        "never" if seconds is None else f"{seconds:.2f} s",
        holds=seconds is not None and seconds <= most,
        remedy="docker inspect --format '{{json .State.Health}}'   shows what the health check said",
    )


@check("health-answer", LIVE)
def health_answer(asked: Contract, container: Container) -> Finding:
    """The health check's path answers 200, each time."""
    wanted = [answer for answer in container.health if answer.status != 200]
    return judged(
        f"GET {asked.service.health.path} 200",
        f"{wanted[0].status or 'no answer'}" if wanted else f"200, {len(container.health)} times",
        holds=bool(container.health) and not wanted,
        remedy="serve it without asking anything that may be slow or absent",
    )


@check("health-time", LIVE)
def health_time(asked: Contract, container: Container) -> Finding:
    """Health is answered in time, each time."""
    most = asked.rules.times.health_max_ms
    slowest = max((answer.milliseconds for answer in container.health), default=0.0)
    return judged(
        f"at most {most} ms",
        f"{slowest:.0f} ms",
        holds=slowest <= most,
        remedy="ask nothing there that may be slow, or give up on it earlier",
    )


@check("health-json", LIVE)
def health_json(asked: Contract, container: Container) -> Finding:
    """Each service tells its health as JSON under /health and /api/health."""
    pages = asked.rules.health_pages
    wrong = [
        f"{path}: {answer.status or 'no answer'} {answer.content_type}".rstrip()
        for path, answer in container.health_pages.items()
        if answer.status != 200 or not answer.is_json
    ]
    return judged(
        " ".join(f"{path} JSON" for path in pages),
        ", ".join(wrong) or "both",
        holds=not wrong and set(container.health_pages) == {*pages},
        remedy="answer with application/json",
    )


@check("process-user", LIVE)
def process_user(asked: Contract, container: Container) -> Finding:
    """Every process of the container runs as the account of the contract."""
    wanted = asked.service.user
    seen = {(process.uid, process.gid) for process in container.processes}
    return judged(
        f"{wanted.uid}:{wanted.gid}",
        ", ".join(f"{uid}:{gid}" for uid, gid in sorted(seen)) or "no process seen",
        holds=seen == {(wanted.uid, wanted.gid)},
        remedy=f"USER {wanted.uid}:{wanted.gid}",
    )


@check("read-only-root", LIVE)
def read_only_root(asked: Contract, container: Container) -> Finding:
    """The service works with a read-only root file system, writing only to the folders of the contract."""
    places = asked.writable
    required = f"writes only to {', '.join(places)}" if places else "writes nowhere"
    if container.read_only:
        return failed(
            required,
            f"started only with a writable root: {container.read_only}",
            "write to the folders of the contract alone, or name the folder under writable",
        )
    extra = [place for place in container.writable if place not in places]
    missing = [place for place in places if place not in container.writable]
    wrong = [*extra, *(f"not {place}" for place in missing)]
    return judged(
        required,
        listed(wrong) or "as required",
        holds=not wrong,
        remedy="give the user these folders in the image, and no other",
    )


@check("reaps-zombies", LIVE)
def reaps_zombies(container: Container) -> Finding:
    """The first process collects orphans that have ended."""
    return judged(
        "no zombie left",
        "none" if not container.zombies else f"{container.zombies} left",
        holds=not container.zombies,
        remedy='ENTRYPOINT ["/usr/bin/tini", "--"]',
    )


@check("graceful-stop", LIVE)
def graceful_stop(asked: Contract, endurance: Endurance) -> Finding:
    """Asked to end, the service answers the request in flight and ends by itself within Docker's patience."""
    stop, most = endurance.stop, asked.rules.times.stop_max_s
    required = f"answered, and ended within {most} s"
    remedy = "pass SIGTERM on (exec form, tini) and stop serving in order when it comes"
    if stop is None:
        return failed(required, "had not come back to be asked", remedy)
    problems = [
        *([] if stop.answered else ["the request in flight got no answer"]),
        *([] if stop.seconds < most else [f"still there after {most} s"]),
        *(
            []
            if stop.exit_code in _ENDED_IN_ORDER or stop.seconds >= most
            else [f"exit code {stop.exit_code}"]
        ),
    ]
    return judged(
        required,
        ", ".join(problems) or f"answered, ended after {stop.seconds:.1f} s",
        holds=not problems,
        remedy=remedy,
    )


@check("restart", LIVE)
def restart(asked: Contract, endurance: Endurance) -> Finding:
    """When its process dies, the container is started again as in production, and answers again in time."""
    most = asked.rules.times.start_max_s
    seconds = endurance.restarted_s
    return judged(
        f"{asked.rules.production_restart}: answers again within {most} s",
        "stayed down" if seconds is None else f"{seconds:.2f} s",
        holds=seconds is not None and seconds <= most,
        remedy="let the container end when its process does, and start without what the last one left",
    )


@check("idle-memory", LIVE)
def idle_memory(asked: Contract, endurance: Endurance) -> Finding:
    """The container uses at most the memory of the rules while nobody uses it."""
    memory = asked.rules.memory
    most = memory.frontend_max_mb if asked.name == "frontend" else memory.backend_max_mb
    return judged(
        f"at most {most} MB",
        f"{endurance.memory_mb:.1f} MB",
        holds=endurance.memory_mb <= most,
        remedy="import what is used, when it is used",
    )


@check("idle-processor", LIVE)
def idle_processor(asked: Contract, endurance: Endurance) -> Finding:
    """The container keeps at most so many processors busy while nobody uses it."""
    memory = asked.rules.memory
    most = memory.frontend_cpus if asked.name == "frontend" else memory.backend_cpus
    return judged(
        f"at most {most} processors",
        f"{endurance.cpus:.3f}",
        holds=endurance.cpus <= most,
        remedy="wait for events instead of asking again and again",
    )


@check("environment", LIVE)
def environment(asked: Contract, configured: Configured) -> Finding:
    """Each variable that the contract accepts reaches the process when a container is started with it."""
    names = asked.accepted
    return judged(
        ", ".join(names),
        f"{', '.join(configured.missing)} did not" if configured.missing else "all did",
        holds=not configured.missing,
        remedy="start the process without clearing its environment",
    )


@check("port-setting", LIVE)
def port_setting(configured: Configured) -> Finding:
    """Where the contract accepts PORT, the service listens at the port that a container is started with."""
    required = "listens at PORT"
    if not configured.port:
        return not_applicable(required, "the contract does not accept PORT")
    return judged(
        required,
        f"answers at {configured.port}" if configured.answers else f"no answer at {configured.port}",
        holds=configured.answers,
        remedy="read PORT when the process starts",
    )


@check("gzip", LIVE, only="frontend")
def gzip(asked: Contract, container: Container) -> Finding:
    """A static frontend is sent compressed to browsers that take it."""
    if asked.profile.frontend.output != "static":
        return not_applicable("gzip", "the frontend is a Node server")
    return judged(
        "gzip",
        container.page_encoding or "as it is",
        holds=container.page_encoding == "gzip",
        remedy="gzip on;",
    )


@check("api-address", LIVE, per_service=False)
def api_address(pair: Pair) -> Finding:
    """The frontend reaches the backend at the address that it was started with, which no build could know."""
    return judged(
        "reached at the address given",
        pair.address_reached or "reached",
        holds=not pair.address_reached,
        remedy="read the address when the server starts, not when it is built",
    )


@check("service-to-service-time", LIVE, per_service=False)
def service_to_service_time(asked: Contract, pair: Pair) -> Finding:
    """From the frontend's container the backend answers in time."""
    most = asked.rules.times.service_to_service_max_ms
    if pair.service_to_service_ms is None:
        return failed(f"at most {most} ms", "no answer", "put both on one network")
    return _in_time(most, pair.service_to_service_ms)


@check("database-connection-time", LIVE, per_service=False)
def database_connection_time(asked: Contract, pair: Pair) -> Finding:
    """The backend's first answer about its database comes in time."""
    most = asked.rules.times.database_connection_max_ms
    if pair.database_connection_ms is None:
        return failed(f"at most {most} ms", "its health does not tell", "answer with database.latency_ms")
    return _in_time(most, pair.database_connection_ms)


@check("first-page-time", LIVE, per_service=False)
def first_page_time(asked: Contract, pair: Pair) -> Finding:
    """The first page has arrived in time, with everything that it loads."""
    finding = _in_time(asked.rules.times.first_page_max_ms, pair.first_page_ms)
    if not pair.first_page_files:
        return failed(finding.required, "the page loads nothing", "is it the application's page?")
    return finding


@check("end-to-end", LIVE, per_service=False)
def end_to_end(asked: Contract, pair: Pair) -> Finding:
    """Through the frontend, a person signs up, adds a task and sees it in the list, in time."""
    finding = _in_time(asked.rules.times.end_to_end_max_ms, pair.end_to_end_ms)
    if pair.end_to_end:
        return failed(finding.required, pair.end_to_end, "docker compose logs backend")
    return finding


@check("chat", LIVE, per_service=False)
def chat(pair: Pair) -> Finding:
    """In the chat, the agent adds a task with a tool of the MCP server, and says which it called."""
    return judged(
        "add_task is called, the task is in the list",
        pair.chat or "both",
        holds=not pair.chat,
        remedy="docker compose logs backend",
    )


@check("model-key", LIVE, only="backend")
def model_key(asked: Contract, configured: Configured) -> Finding:
    """With the model's key of the contract, the provider's model answers instead of the offline agent."""
    wanted = asked.profile.backend.environment
    return judged(
        f"{wanted.model_key}: {wanted.provider}",
        configured.agent or ("its health names no agent" if configured.answers else "no answer"),
        holds=configured.agent == wanted.provider,
        remedy=f"read {wanted.model_key} and AGENT_PROVIDER",
    )


@check("required-environment", LIVE, only="backend")
def required_environment(asked: Contract, unconfigured: Unconfigured) -> Finding:
    """Without the variables that it requires the backend ends, and names them."""
    wanted = asked.profile.backend.environment.required
    if unconfigured.exit_code is None:
        observed = f"did not end within {asked.rules.times.start_max_s} s"
    else:
        observed = f"exit code {unconfigured.exit_code}, names {listed(unconfigured.named) or 'none of them'}"
    return judged(
        f"ends without {', '.join(wanted)}",
        observed,
        holds=bool(unconfigured.exit_code) and bool(unconfigured.named),
        remedy="check the environment before serving, and have no default for a secret",
    )


@check("refused-environment", LIVE, only="backend")
def refused_environment(asked: Contract, misconfigured: Misconfigured) -> Finding:
    """With values that cannot be right the backend ends, and names each of them."""
    silent = [name for name in misconfigured.given if name not in misconfigured.named]
    if misconfigured.exit_code is None:
        observed = f"did not end within {asked.rules.times.start_max_s} s"
    else:
        unnamed = f"does not name {listed(silent)}" if silent else "names all of them"
        observed = f"exit code {misconfigured.exit_code}, {unnamed}"
    return judged(
        f"ends with a wrong {', '.join(misconfigured.given)}",
        observed,
        holds=bool(misconfigured.exit_code) and not silent,
        remedy="check every variable when the settings are read: its form, its length",
    )


@check("hot-reload-time", LIVE)
def hot_reload_time(asked: Contract, reloading: Reloading) -> Finding:
    """In the development image a changed line is served in time."""
    most = asked.rules.times.hot_reload_max_ms
    finding = _in_time(most, reloading.milliseconds)
    return replace(finding, observed=f"{finding.observed} in {reloading.image}")


@check("build-time", IMAGE)
def build_time(asked: Contract, builds: Builds) -> Finding:
    """The image is built from nothing in time."""
    return _recorded(asked.rules.times.build_max_s, builds.cold_s, "invoke build --no-cache   measures it")


@check("rebuild-time", IMAGE)
def rebuild_time(asked: Contract, builds: Builds) -> Finding:
    """After a change of the sources the image is built again in time."""
    return _recorded(
        asked.rules.times.cached_rebuild_max_s,
        builds.rebuild_s,
        "it comes with the next change of the sources",
    )


def _in_time(most: int, milliseconds: float) -> Finding:
    return judged(f"at most {most} ms", f"{milliseconds:.0f} ms", holds=milliseconds <= most, remedy=_SLOW)


def _recorded(most: int, seconds: float | None, how: str) -> Finding:
    required = f"at most {most} s"
    if seconds is None:
        return not_applicable(required, f"no build is on record: {how}")
    remedy = "order the layers by how often they change, and keep caches with RUN --mount=type=cache"
    return judged(required, f"{seconds:.1f} s", holds=seconds <= most, remedy=remedy)
