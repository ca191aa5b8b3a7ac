"""Leaves both services idle, kills their processes, and stops them while they are busy."""

import asyncio
import json
import re
import secrets
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace

from automation.console.errors import AutomationError
from automation.docker.cli import DockerError
from automation.verify.facts import Endurance, Fact, Stop
from automation.verify.gather.pair import ORIGIN
from automation.verify.gather.stack import Running, Stack

_POLL_SECONDS = 0.2


async def endure(
    stack: Stack, services: Mapping[str, Running], progress: Callable[[str], None]
) -> list[Fact]:
    """Return how the services endure; one that did not start has nothing but its failure."""
    found = {
        name: Endurance(failure=service.fact.failure, remedy=service.fact.remedy)
        for name, service in services.items()
    }
    alive = {name: service for name, service in services.items() if not service.fact.failure}
    progress("idle")
    found |= await _idle(stack, alive)
    progress("restarting")
    restarted = await asyncio.gather(*(_restart(stack, service) for service in alive.values()))
    for name, seconds in zip(alive, restarted, strict=True):
        found[name] = replace(found[name], restarted_s=seconds)
    progress("stopping")
    for name in reversed(alive):  # the frontend first: it forwards its last request to the backend
        if found[name].restarted_s is not None:
            found[name] = replace(found[name], stop=await _stop(stack, alive[name]))
    return [*found.items()]


async def _idle(stack: Stack, alive: Mapping[str, Running]) -> dict[str, Endurance]:
    if not alive:
        return {}
    words = ("stats", "--no-stream", "--format", "{{json .}}")
    figures = await stack.sandbox.docker.json(*words, *(service.container for service in alive.values()))
    cpus = {figure["Name"]: float(figure["CPUPerc"].rstrip("%")) / 100 for figure in figures}
    seen = await asyncio.gather(
        *(stack.sandbox.look_inside(service.container, service.user) for service in alive.values())
    )
    memory = [sum(process["memory_bytes"] for process in report["processes"]) for report in seen]
    return {
        name: Endurance(memory_mb=kept / 10**6, cpus=cpus[service.container])
        for (name, service), kept in zip(alive.items(), memory, strict=True)
    }


async def _restart(stack: Stack, running: Running) -> float | None:
    """Kill the service's process; return the seconds until its container answers again."""
    sandbox, most = stack.sandbox, stack.rules.times.start_max_s
    policy = f"--restart={stack.rules.production_restart}"
    await sandbox.docker.run("container", "update", policy, running.container)
    began = time.monotonic()
    with suppress(DockerError):  # the probe ends with the container
        await sandbox.look_inside(running.container, running.user, kill=True)
        return None
    with suppress(AutomationError):
        while (await sandbox.inspect(running.container))["RestartCount"] == 0:
            if time.monotonic() - began > most:
                return None
            await asyncio.sleep(_POLL_SECONDS)
        again = await _published(stack, running)
        await sandbox.first_answer(running.container, again.health, most * 1.5)
        return time.monotonic() - began
    return None


async def _published(stack: Stack, running: Running) -> Running:
    """Return the service at its present port: Docker may publish another one after a restart."""
    port = await stack.sandbox.host_port(running.container, running.contract.service.port)
    return replace(running, port=port)


async def _stop(stack: Stack, running: Running) -> Stop:
    """Stop the container when half a request is sent, then send the rest."""
    sandbox, most = stack.sandbox, stack.rules.times.stop_max_s
    signal = (await sandbox.inspect(running.container))["Config"].get("StopSignal") or "SIGTERM"
    body = json.dumps({"email": "nobody@example.com", "password": secrets.token_urlsafe(12)}).encode()
    head = (
        "POST /api/auth/sign-in/email HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        f"Origin: {ORIGIN}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode()
    port = (await _published(stack, running)).port
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    answered = False
    try:
        writer.write(head + body[:8])
        await writer.drain()
        await asyncio.sleep(0.2)  # for the server to read it: nothing reports that
        began = time.monotonic()
        ending = asyncio.ensure_future(sandbox.exit_code(running.container, most))
        await sandbox.docker.run("container", "kill", "--signal", signal, running.container)
        await asyncio.sleep(0.3)  # for the server to stop listening
        with suppress(OSError, TimeoutError):
            writer.write(body[8:])
            await writer.drain()
            status = await asyncio.wait_for(reader.readline(), most)
            answered = re.match(rb"HTTP/1\.\d [1-4]\d\d ", status) is not None
    finally:
        writer.close()
    code = await ending
    return Stop(time.monotonic() - began, -1 if code is None else code, answered)
