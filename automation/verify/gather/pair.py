"""Asks both services for what they should answer, first each of them, then both together."""

import asyncio
import json
import re
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any
from urllib.parse import urljoin

import httpx2

from automation.console.errors import AutomationError
from automation.verify.facts import Answer, Container, Document, Pair, Process
from automation.verify.gather import serving
from automation.verify.gather.stack import Running, Stack

ORIGIN = "http://localhost:3000"  # the backend's default for the address of the page
_SAMPLES = 10
_ASSET = re.compile(r"""(?:src|href)="([^"#]+\.(?:js|css|svg|png|ico|woff2?)(?:\?[^"]*)?)\"""")


async def observe(stack: Stack, progress: Callable[[str], None]) -> tuple[dict[str, Running], Pair]:
    """Start both services and measure them. Nothing else should run meanwhile."""
    progress("starting")
    services = await stack.start()
    broken = [
        f"the {name} {service.fact.failure}" for name, service in services.items() if service.fact.failure
    ]
    progress("sending requests")
    answering = {name: service for name, service in services.items() if not service.fact.failure}
    seen = await asyncio.gather(*(_look(stack, service) for service in answering.values()))
    for (name, service), fact in zip(answering.items(), seen, strict=True):
        services[name] = replace(service, fact=fact)
    pair = Pair(failure="; ".join(broken)) if broken else await _together(stack, services)
    return services, pair


async def _look(stack: Stack, running: Running) -> Container:
    inside = asyncio.ensure_future(stack.sandbox.look_inside(running.container, running.user, behavior=True))
    answers: Mapping[str, Document] = {}
    unfinished: Mapping[str, float | None] = {}
    async with _client(running.address) as client:
        health = [await _ask(client, running.contract.service.health.path) for _ in range(_SAMPLES)]
        pages = {path: await _ask(client, path) for path in stack.rules.health_pages}
    if running.contract.name == "frontend" and stack.profile.frontend.output == "static":
        with suppress(httpx2.HTTPError, OSError):
            answers = await serving.answers(running.address)
        with suppress(OSError):
            unfinished = await serving.unfinished(running.address)
    seen = await inside
    return replace(
        running.fact,
        health=tuple(health),
        health_pages=pages,
        answers=answers,
        unfinished=unfinished,
        # A process without a parent in the container was started by Docker, such as a health check.
        processes=tuple(
            Process(
                process["pid"],
                process["uid"],
                process["gid"],
                process["command"],
                tuple(group for group in process["groups"] if group != process["gid"]),
            )
            for process in seen["processes"]
            if process["pid"] == 1 or process["parent"]
        ),
        writable=tuple(seen["writable"]),
        zombies=0 if seen["reaped"] else 1,
    )


async def _together(stack: Stack, services: dict[str, Running]) -> Pair:
    frontend, contract = services["frontend"], stack.profile.backend
    direct = f"http://{stack.host}:{contract.port}{contract.health.path}"
    seen = await stack.sandbox.look_inside(frontend.container, frontend.user, address=direct, times=5)
    answers = seen["answers"]
    latency = within(answers[0]["body"], "database", "latency_ms")
    async with _client(frontend.address) as client:
        # The backend refuses a client that is not signed in.
        reached = await _problem(_send(client, "GET", "/api/tasks", expected=401))
        first_page_ms, files = await _load_page(client)
        began = time.monotonic()
        problem = await _problem(_add_task(client))
        end_to_end_ms = (time.monotonic() - began) * 1000
        chat = problem or await _problem(_chat(client))
    return Pair(
        address_reached=reached,
        service_to_service_ms=max(answer["milliseconds"] for answer in answers)
        if all(answer["status"] == 200 for answer in answers)
        else None,
        database_connection_ms=float(latency) if isinstance(latency, int | float) else None,
        first_page_ms=first_page_ms,
        first_page_files=files,
        end_to_end_ms=end_to_end_ms,
        end_to_end=problem,
        chat=chat,
    )


async def _load_page(client: httpx2.AsyncClient) -> tuple[float, int]:
    """Return the milliseconds of the first page with its scripts and styles, and the number of these."""
    began = time.monotonic()
    loaded = 0
    with suppress(httpx2.HTTPError):
        page = await client.get("/", follow_redirects=True)
        assets = {urljoin(str(page.url), asset) for asset in _ASSET.findall(page.text)}
        own = [asset for asset in assets if asset.startswith(str(client.base_url))]
        answers = await asyncio.gather(*(client.get(asset) for asset in own))
        loaded = sum(answer.status_code == httpx2.codes.OK for answer in answers)
    return (time.monotonic() - began) * 1000, loaded


async def _add_task(client: httpx2.AsyncClient) -> None:
    """Sign up, add a task and find it in the list."""
    person = {
        "name": "Verification",
        "email": f"{secrets.token_hex(6)}@example.com",
        "password": secrets.token_urlsafe(16),
    }
    title = f"verify {secrets.token_hex(4)}"
    await _send(client, "POST", "/api/auth/sign-up/email", person)
    await _send(client, "POST", "/api/tasks", {"title": title}, expected=201)
    if title not in await _titles(client):
        raise AutomationError("the new task is not in the list")


async def _chat(client: httpx2.AsyncClient) -> None:
    """Have the agent add a task for the person who has signed up."""
    title = f"water {secrets.token_hex(4)}"
    reply = await _send(client, "POST", "/api/chat", {"message": f"add {title}"})
    if "add_task" not in reply.text:
        raise AutomationError("the reply names no call of add_task")
    if title not in await _titles(client):
        raise AutomationError("the requested task is not in the list")


async def _titles(client: httpx2.AsyncClient) -> list[str]:
    answer = await _send(client, "GET", "/api/tasks")
    try:
        return [str(task["title"]).lower() for task in answer.json()["items"]]
    except (ValueError, KeyError, TypeError) as error:
        raise AutomationError(f"GET /api/tasks: {type(error).__name__}") from error


async def _send(
    client: httpx2.AsyncClient, method: str, path: str, body: Any = None, *, expected: int = 200
) -> httpx2.Response:
    try:
        answer = await client.request(method, path, json=body)
    except httpx2.HTTPError as error:
        raise AutomationError(f"{method} {path}: {type(error).__name__}") from error
    if answer.status_code != expected:
        raise AutomationError(f"{method} {path}: {answer.status_code}")
    return answer


async def _problem(requests: Awaitable[object]) -> str:
    """Return what went wrong with the requests; empty if nothing did."""
    try:
        await requests
    except AutomationError as error:
        return error.what
    return ""


async def _ask(client: httpx2.AsyncClient, path: str) -> Answer:
    began = time.perf_counter()
    try:
        answer = await client.get(path)
    except httpx2.HTTPError:
        return Answer(0, "", is_json=False, milliseconds=(time.perf_counter() - began) * 1000)
    milliseconds = (time.perf_counter() - began) * 1000
    kind = answer.headers.get("content-type", "").partition(";")[0]
    is_json = kind == "application/json" and within(answer.text) is not None
    return Answer(answer.status_code, kind, is_json, milliseconds)


def _client(address: str) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(base_url=address, headers={"origin": ORIGIN}, trust_env=False, timeout=10.0)


def within(text: str, *keys: str) -> Any:
    """Return the value under the keys of a JSON document; None if there is none."""
    try:
        found = json.loads(text)
        for key in keys:
            found = found[key]
    except (ValueError, KeyError, TypeError):
        return None
    return found
