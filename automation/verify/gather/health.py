"""Runs the health program of an image against a server that answers well, wrongly or not at all.

A health check has to fail when its service does. The server is a small program of our own, which
stands in the container's network where the service would be.
"""

import asyncio
import json
import time

from automation.console.errors import AutomationError
from automation.contract.models import SERVICES
from automation.verify.facts import Fact, HealthTrial
from automation.verify.gather.inspection import read_config
from automation.verify.gather.stack import Stack

_START_SECONDS = 10.0
_POLL_SECONDS = 0.1
_REPLIES = {"a right answer": 200, "an error": 503, "no answer": 0}
_SERVER = """
import json, signal, socket, sys
port, path, replies = json.loads(sys.argv[1])
server = socket.create_server(("0.0.0.0", port))
print("ready", flush=True)
held = []
for status in replies:
    client = server.accept()[0]
    found = client.recv(4096).split(b" ")[1:2] == [path.encode()]
    if status:
        client.sendall(b"HTTP/1.1 %d x\\r\\nContent-Length: 2\\r\\nConnection: close\\r\\n\\r\\n{}"
                       % (status if found else 404))
        client.close()
    held.append(client)
server.close()
signal.pause()
"""
"""Answers one request after another, each with a status of its own; 0 is for none."""


async def try_programs(stack: Stack) -> list[Fact]:
    """Return how the health program of each image ends in each case."""
    trials = await asyncio.gather(*(_try(stack, service) for service in SERVICES))
    return [*zip(SERVICES, trials, strict=True)]


async def _try(stack: Stack, service: str) -> HealthTrial:
    contract, sandbox, image = stack.contract(service), stack.sandbox, stack.images[service]
    try:
        health = read_config(image, (await sandbox.docker.images(image))[image]).health
        if health is None or health.test[0] == "NONE":
            return HealthTrial(absent="there is no HEALTHCHECK")
        form, *words = health.test
        words = ["/bin/sh", "-c", *words] if form == "CMD-SHELL" else words
        request = json.dumps([contract.service.port, contract.service.health.path, [*_REPLIES.values()]])
        options = ("--entrypoint", "python", "--no-healthcheck")
        server = sandbox.running(sandbox.helper, "-I", "-c", _SERVER, request, options=options)

        async def run(beside: str) -> int | None:
            # Process 1 would ignore signals such as SIGALRM; a health program never is process 1 in use.
            places = ("--network", f"container:{beside}", "--pid", f"container:{beside}")
            where = (*places, "--entrypoint", words[0], "--no-healthcheck")
            async with sandbox.running(image, *words[1:], options=where) as program:
                return await sandbox.exit_code(program, health.timeout_s)

        async with server as container:
            await _ready(stack, container)
            return HealthTrial(codes={case: await run(container) for case in (*_REPLIES, "no server")})
    except AutomationError as error:
        return HealthTrial(failure=f"the health program could not be tried: {error.what}")


async def _ready(stack: Stack, container: str) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while "ready" not in (await stack.sandbox.docker.complete("container", "logs", container)).output:
        if time.monotonic() > deadline:
            raise AutomationError(f"the server did not start: {await stack.sandbox.last_words(container)}")
        await asyncio.sleep(_POLL_SECONDS)
