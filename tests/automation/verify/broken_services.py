"""A broken example for each check of running services, alone and together."""

from dataclasses import replace
from typing import Any

from automation.verify.facts import (
    Configured,
    Container,
    Endurance,
    HealthTrial,
    Misconfigured,
    Pair,
    Process,
    Reloading,
    Stop,
    Unconfigured,
)
from tests.automation.verify.verified import OK, Break, Example, Scene

TEXT = replace(OK, is_json=False)


def container(**changes: Any) -> Break:
    return lambda broken: broken.change("backend", Container, **changes)


def trial(case: str, code: int | None) -> Break:
    def change(broken: Scene) -> None:
        now: HealthTrial = broken.facts["backend"][HealthTrial]
        broken.change("backend", HealthTrial, codes={**now.codes, case: code})

    return change


def endurance(**changes: Any) -> Break:
    return lambda broken: broken.change("backend", Endurance, **changes)


def pair(**changes: Any) -> Break:
    return lambda broken: broken.change("", Pair, **changes)


SERVICES_AT_WORK: list[Example] = [
    ("start-time", "slow", container(first_answer_s=30.1)),
    ("healthy", "never", container(healthy_s=None)),
    ("health-answer", "500 once", container(health=(OK, replace(OK, status=500)))),
    ("health-time", "over a second", container(health=(OK, replace(OK, milliseconds=1000.5)))),
    ("health-json", "text", container(health_pages={"/health": OK, "/api/health": TEXT})),
    *(
        ("health-check-trial", f"{case}: {code}", trial(case, code))
        for case, code in (
            ("a right answer", 1), ("an error", 0), ("no answer", None), ("no answer", 0), ("no server", 0)
        )
    ),
    ("process-user", "root", container(processes=(Process(1, 0, 0, "uvicorn"),))),
    ("process-user", "one more group", container(processes=(Process(1, 1001, 1001, "uvicorn", (0,)),))),
    ("read-only-root", "writes", container(read_only="Read-only file system: /app/state")),
    ("read-only-root", "may write", container(writable=("/data", "/app"))),
    ("reaps-zombies", "left", container(zombies=1)),
    ("graceful-stop", "gone before", endurance(stop=None)),
    ("graceful-stop", "killed", endurance(stop=Stop(10.0, -1, answered=True))),
    ("graceful-stop", "dropped", endurance(stop=Stop(0.5, 143, answered=False))),
    ("graceful-stop", "crashed", endurance(stop=Stop(0.5, 1, answered=True))),
    ("restart", "stayed down", endurance(restarted_s=None)),
    ("restart", "slow", endurance(restarted_s=30.1)),
    ("idle-memory", "over", endurance(memory_mb=200.1)),
    ("idle-processor", "busy", endurance(cpus=0.21)),
    ("environment", "lost", lambda b: b.change("backend", Configured, missing=("DATABASE_URL",))),
    ("port-setting", "deaf", lambda b: b.change("frontend", Configured, answers=False)),
    ("api-address", "baked", pair(address_reached="GET /api/tasks: 502")),
    ("service-to-service-time", "slow", pair(service_to_service_ms=500.5)),
    ("service-to-service-time", "unreached", pair(service_to_service_ms=None)),
    ("database-connection-time", "slow", pair(database_connection_ms=2000.5)),
    ("database-connection-time", "untold", pair(database_connection_ms=None)),
    ("first-page-time", "slow", pair(first_page_ms=3000.5)),
    ("first-page-time", "empty", pair(first_page_files=0)),
    ("end-to-end", "slow", pair(end_to_end_ms=5000.5)),
    ("end-to-end", "broken", pair(end_to_end="POST /api/tasks: 500")),
    ("chat", "no tool", pair(chat="the reply names no call of add_task")),
    ("refused-environment", "started", lambda b: b.change("backend", Misconfigured, exit_code=None)),
    ("refused-environment", "silent", lambda b: b.change("backend", Misconfigured, named=("VERSION",))),
    ("model-key", "not read", lambda b: b.change("backend", Configured, agent="offline")),
    ("required-environment", "started", lambda b: b.change("backend", Unconfigured, exit_code=None)),
    ("required-environment", "silent", lambda b: b.change("backend", Unconfigured, named=())),
    ("hot-reload-time", "slow", lambda b: b.change("backend", Reloading, milliseconds=3000.5)),
]  # fmt: skip
