"""A Docker network for containers under test; everything in it is removed at the end, whatever happens.

Containers run as in production: no capabilities, no new privileges. Everything carries a label that names
the process that created it, so that a later run removes what a killed one left behind.
"""

import asyncio
import json
import os
import platform
import re
import secrets
import time
from collections.abc import AsyncIterator, Coroutine, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import httpx2

from automation.console.errors import AutomationError
from automation.docker.cli import Docker, DockerError
from automation.process import logs, processes

LABEL = "todo-chatbot.verification"
READ_ONLY = "--read-only"

_HARDENED = ("--cap-drop=ALL", "--security-opt=no-new-privileges")
_PROBE = Path(__file__).with_name("probe.py")
_ENDING_SECONDS = 10.0
_REMOVAL_SECONDS = 10.0
_RETRY_SECONDS = 0.2
_POLL_SECONDS = 0.02
_LAST_LINES = 3
_LIST_AND_REMOVE: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "container": (("ls", "--all"), ("rm", "--force", "--volumes")),
    "volume": (("ls",), ("rm", "--force")),
    "network": (("ls",), ("rm",)),
}
_T = TypeVar("_T")


@dataclass
class Sandbox:
    """The network, and how containers are started in it."""

    docker: Docker
    name: str
    label: str
    helper: str  # the image that the probe runs in; it has Python
    _unfinished: set[asyncio.Future[Any]] = field(default_factory=set, init=False)

    async def create(
        self, image: str, *command: str, options: Sequence[str] = (), environ: Mapping[str, str] | None = None
    ) -> str:
        """Create a container and return its name. No value of a variable is on a command line."""
        name = f"{self.name}-{secrets.token_hex(4)}"
        network = () if "--network" in options else ("--network", self.name)
        variables = [word for variable in environ or {} for word in ("--env", variable)]
        await self._shielded(self.docker.run(
            "container", "create", "--name", name, "--label", self.label, *network,
            "--restart=no", *_HARDENED, *options, *variables, image, *command, environ=environ,
        ))  # fmt: skip
        return name

    async def start(self, container: str) -> None:
        """Start a container."""
        await self._shielded(self.docker.run("container", "start", container))

    @asynccontextmanager
    async def running(
        self, image: str, *command: str, options: Sequence[str] = (), environ: Mapping[str, str] | None = None
    ) -> AsyncIterator[str]:
        """Run a container for as long as the block lasts."""
        container = await self.create(image, *command, options=options, environ=environ)
        try:
            await self.start(container)
            yield container
        finally:
            await self.remove(container)

    async def remove(self, container: str) -> None:
        """Remove a container, running or not, and its anonymous volumes."""
        await self.docker.complete("container", *_LIST_AND_REMOVE["container"][1], container)

    async def inspect(self, container: str) -> Mapping[str, Any]:
        """Return the container's document from `docker container inspect`."""
        [found] = await self.docker.json("container", "inspect", container)
        return dict(found)

    async def host_port(self, container: str, port: int) -> int:
        """Return the port of this machine that a port of the container is published at."""
        published = await self.docker.run("container", "port", container, f"{port}/tcp")
        return int(published.splitlines()[0].rpartition(":")[2])

    async def exit_code(self, container: str, seconds: float) -> int | None:
        """Wait for the end of a container; return None if it is still running after so many seconds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                return int(await self.docker.run("container", "wait", container, seconds=600))
        return None

    async def first_answer(self, container: str, address: str, seconds: float) -> None:
        """Wait for the first 200. Raises AutomationError if the container ends or is too slow."""
        looked = time.monotonic()
        deadline = looked + seconds
        async with httpx2.AsyncClient(trust_env=False, timeout=10.0) as client:
            while time.monotonic() < deadline:
                with suppress(httpx2.HTTPError):
                    if (await client.get(address)).status_code == httpx2.codes.OK:
                        return
                if time.monotonic() - looked > 1:
                    await self._require_running(container)
                    looked = time.monotonic()
                await asyncio.sleep(_POLL_SECONDS)
        await self._require_running(container)
        raise AutomationError(f"did not answer 200 within {seconds:.0f} s")

    async def _require_running(self, container: str) -> None:
        state = (await self.inspect(container))["State"]
        if state["Status"] not in {"running", "created"}:
            why = "out of memory" if state.get("OOMKilled") else await self.last_words(container)
            raise AutomationError(f"ended with exit code {state['ExitCode']}{f': {why}' if why else ''}")

    async def last_words(self, container: str) -> str:
        """Return the last line of a container's log that reads like an error, or else its last lines."""
        done = await self.docker.complete("container", "logs", "--tail", "50", container)
        lines = [logs.clean(line).strip() for line in (done.output + done.errors).splitlines()]
        errors = [line for line in lines if re.search(r"error|denied|cannot", line, re.IGNORECASE)]
        return " · ".join(errors[-1:] or [line for line in lines if line][-_LAST_LINES:])[:300]

    async def look_inside(self, container: str, user: str, **request: Any) -> dict[str, Any]:
        """Return the report of the probe, run as this user in the container's processes and network."""
        report = await self._shielded(self.docker.run(
            "run", "--rm", "--label", self.label,
            "--pid", f"container:{container}", "--network", f"container:{container}", "--user", user,
            READ_ONLY, *_HARDENED, "--entrypoint", "python", "--no-healthcheck", "--env", "PYTHONPATH=",
            self.helper, "-I", "-c", _PROBE.read_text(encoding="utf-8"), json.dumps(request),
        ))  # fmt: skip
        return dict(json.loads(report))

    async def _shielded(self, command: Coroutine[Any, Any, _T]) -> _T:
        """Await a command that creates something; it runs to its end even if the caller is cancelled.

        Docker creates a container for a client that has gone, too, and nobody would know about it.
        """
        task = asyncio.ensure_future(command)
        self._unfinished.add(task)
        task.add_done_callback(self._unfinished.discard)
        return await asyncio.shield(task)

    async def close(self) -> None:
        """Remove everything, including what is still being created. Raises DockerError."""
        if unfinished := {*self._unfinished}:
            # A probe ends with its container.
            await _remove_all(self.docker, self.label, ["container"])
            _, late = await asyncio.wait(unfinished, timeout=_ENDING_SECONDS)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        await _remove_all(self.docker, self.label)


@asynccontextmanager
async def opened(docker: Docker, helper: str) -> AsyncIterator[Sandbox]:
    """Open an empty sandbox; remove what killed runs left behind, and at the end everything in this one."""
    await _remove_abandoned(docker)
    own = processes.identify(os.getpid())
    owner = f"{platform.node()}/{own.pid}/{own.started:.0f}"
    sandbox = Sandbox(docker, f"todo-verify-{secrets.token_hex(4)}", f"{LABEL}={owner}", helper)
    try:
        await docker.run("network", "create", "--label", sandbox.label, sandbox.name)
        yield sandbox
    finally:
        await sandbox.close()


async def _remove_abandoned(docker: Docker) -> None:
    owners = set()
    for kind, (listing, _) in _LIST_AND_REMOVE.items():
        words = ("--filter", f"label={LABEL}", "--format", f'{{{{.Label "{LABEL}"}}}}')
        owners |= {*(await docker.complete(kind, *listing, *words)).output.split()}
    for owner in owners:
        node, _, identity = owner.partition("/")
        pid, _, started = identity.partition("/")
        known = node == platform.node() and pid.isdecimal() and started.isdecimal()
        if known and not processes.Identity(int(pid), float(started)).alive:
            await _remove_all(docker, f"{LABEL}={owner}")


async def _remove_all(docker: Docker, label: str, kinds: Iterable[str] = _LIST_AND_REMOVE) -> None:
    """Remove everything with the label; again while more appears or somebody else still removes it."""
    deadline = time.monotonic() + _REMOVAL_SECONDS
    while failures := [failure for kind in kinds if (failure := await _remove(docker, kind, label))]:
        if time.monotonic() > deadline:
            raise failures[0]
        await asyncio.sleep(_RETRY_SECONDS)


async def _remove(docker: Docker, kind: str, label: str) -> DockerError | None:
    """Remove what there is of a kind; return why something of it is still there."""
    listing, removal = _LIST_AND_REMOVE[kind]
    look = (kind, *listing, "--quiet", "--filter", f"label={label}")
    names = (await docker.complete(*look)).output.split()
    done = await docker.complete(kind, *removal, *names) if names else None
    if done is None or done.code == 0 or not (await docker.complete(*look)).output.split():
        return None
    return DockerError(
        f"a {kind} of this verification could not be removed",
        details=done.errors.splitlines()[-_LAST_LINES:],
        remedies=[f"docker {kind} rm {' '.join(names)}"],
    )
