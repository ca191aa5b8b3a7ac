"""Checks of both services together: from page to database, through the chat, and while developing."""

from dataclasses import replace

from automation.contract.contract import Contract
from automation.verify.check import (
    LIVE,
    Finding,
    at_most,
    check,
    judge,
    no_problem,
)
from automation.verify.facts import Pair, Reloading

_SLOW = "invoke logs   and the container's processor limit show what takes the time"
_BACKEND_LOGS = "docker compose logs backend"


@check(LIVE, per_service=False, remedy="read the address when the server starts, not when it is built")
def api_address(pair: Pair) -> Finding:
    """The frontend reaches the backend at an address that is set only when it starts."""
    return no_problem([pair.address_reached])


@check(LIVE, per_service=False, remedy=_SLOW)
def service_to_service_time(contract: Contract, pair: Pair) -> Finding:
    """The backend answers the frontend's container in time."""
    limit, seen = contract.rules.times.service_to_service_max_ms, pair.service_to_service_ms
    remedy = "put both on one network" if seen is None else ""
    return at_most(limit, seen, "ms", missing="no answer", remedy=remedy)


@check(LIVE, per_service=False, remedy=_SLOW)
def database_connection_time(contract: Contract, pair: Pair) -> Finding:
    """The backend's database answers in time, as its health reports."""
    limit, seen = contract.rules.times.database_connection_max_ms, pair.database_connection_ms
    remedy = "report database.latency_ms in its health" if seen is None else ""
    return at_most(limit, seen, "ms", missing="its health does not report it", remedy=remedy)


@check(LIVE, per_service=False, remedy=_SLOW)
def first_page_time(contract: Contract, pair: Pair) -> Finding:
    """The first page and everything that it loads arrive in time."""
    finding = at_most(contract.rules.times.first_page_max_ms, pair.first_page_ms, "ms")
    if not pair.first_page_files:
        remedy = "check that it is the application's page"
        return judge(finding.required, "the page loads no file", holds=False, remedy=remedy)
    return finding


@check(LIVE, per_service=False, remedy=_SLOW)
def end_to_end(contract: Contract, pair: Pair) -> Finding:
    """Through the frontend, a person signs up, adds a task and sees it in the list in time."""
    finding = at_most(contract.rules.times.end_to_end_max_ms, pair.end_to_end_ms, "ms")
    if pair.end_to_end:
        return judge(finding.required, pair.end_to_end, holds=False, remedy=_BACKEND_LOGS)
    return finding


@check(LIVE, per_service=False, remedy=_BACKEND_LOGS)
def chat(pair: Pair) -> Finding:
    """In the chat, the agent adds a task with a tool of the MCP server and reports which tool it called."""
    return no_problem([pair.chat])


@check(LIVE, remedy=_SLOW)
def hot_reload_time(contract: Contract, reloading: Reloading) -> Finding:
    """The development image serves a changed line in time."""
    finding = at_most(contract.rules.times.hot_reload_max_ms, reloading.milliseconds, "ms")
    return replace(finding, observed=f"{finding.observed} in {reloading.image}")
