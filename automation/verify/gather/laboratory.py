"""A network of its own for containers under test, and everything in it removed whatever happens.

Containers run as in production: root file system read-only, all capabilities dropped, no new privileges. All
of it carries a label with the process that made it, so that what a killed run left is found by a later one.
"""

import asyncio
import json
import os
import platform
import re
import secrets
from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from automation.console.errors import AutomationError
from automation.docker.cli import Docker, DockerError, DockerUnavailableError
from automation.process import logs, processes

LABEL = "todo-chatbot.verification"
"""The label of all that is made here; its value is the process that made it."""

HARDENED = ("--cap-drop=ALL", "--security-opt=no-new-privileges")
READ_ONLY = "--read-only"

_ENDING_S = 10.0
"""How long what is being made may take to come to its end, once nobody waits for it."""
_LAST_LINES = 3
_PAUSES_S = (0.2, 0.5, 1.0)
_KINDS = ("container", "volume", "network")
_T = TypeVar("_T")
_PROBE = Path(__file__).with_name("probe.py")
_REMOVE: Mapping[str, Sequence[str]] = {
    "container": ("container", "rm", "--force", "--volumes"),
    "volume": ("volume", "rm", "--force"),
    "network": ("network", "rm"),
}


class EndedError(AutomationError):
    """A container ended that was to go on."""


@dataclass
class Laboratory:
    """The network, and how containers are started in it."""

    docker: Docker
    name: str
    mark: str
    helper: str
    """The image that the probe runs in; it has Python."""
    _count: int = field(default=0, init=False)
    _making: set[asyncio.Future[Any]] = field(default_factory=set, init=False)

    async def create(
        self,
        image: str,
        *command: str,
        options: Sequence[str] = (),
        environ: Mapping[str, str] | None = None,
        name: str = "",
    ) -> str:
        """Create a container in the network and return its name. Its variables are on no command line."""
        self._count += 1
        name = f"{self.name}-{name or self._count}"
        given = dict(environ or {})
        variables = [word for each in given for word in ("--env", each)]
        await self._whole(self.docker.run(
            "container", "create", "--name", name, "--label", f"{LABEL}={self.mark}",
            "--network", self.name, "--restart=no", *HARDENED, *options, *variables, image, *command,
            environ=given,
        ))  # fmt: skip
        return name

    async def start(self, container: str) -> None:
        """Start a container. Raises DockerError."""
        await self._whole(self.docker.run("container", "start", container))

    async def inspect(self, container: str) -> Mapping[str, Any]:
        """Return what Docker knows of a container."""
        [found] = await self.docker.json("container", "inspect", container)
        return dict(found)

    async def host_port(self, container: str, port: int) -> int:
        """Return the port of this machine that leads to a port of the container."""
        said = await self.docker.run("container", "port", container, f"{port}/tcp")
        return int(said.splitlines()[0].rpartition(":")[2])

    async def require_running(self, container: str) -> None:
        """Raise EndedError with its last words when the container has ended."""
        found = await self.inspect(container)
        state = found["State"]
        if state["Status"] not in {"running", "created"}:
            last = await self.last_words(container)
            why = "it used too much memory" if state.get("OOMKilled") else last
            raise EndedError(f"ended with exit code {state['ExitCode']}{f': {why}' if why else ''}")

    async def last_words(self, container: str) -> str:
        """Return the line in which a container told its error, or else the last that it wrote."""
        done = await self.docker.complete("container", "logs", "--tail", "50", container)
        lines = [logs.clean(line).strip() for line in (done.output + done.errors).splitlines()]
        told = [line for line in lines if re.search(r"error|denied|cannot", line, re.IGNORECASE)]
        return " · ".join(told[-1:] or [line for line in lines if line][-_LAST_LINES:])[:300]

    async def look_inside(self, container: str, user: str, **asked: Any) -> dict[str, Any]:
        """Return what the probe sees of a container: as this user, among its processes, on its network."""
        seen: dict[str, Any] = json.loads(
            await self._whole(self.docker.run(*self._probe(container, user, asked)))
        )
        return seen

    async def kill_inside(self, container: str, user: str) -> bool:
        """Kill what the container's first process has started; return whether the container ended with it."""
        done = await self._whole(self.docker.complete(*self._probe(container, user, {"kill": True})))
        return done.code != 0

    async def _whole(self, making: Coroutine[Any, Any, _T]) -> _T:
        """Await what makes or starts a container; it goes on when nobody awaits it any more.

        Docker makes a container also for those who have gone meanwhile, and nobody would know of it.
        """
        task = asyncio.ensure_future(making)
        self._making.add(task)
        task.add_done_callback(self._making.discard)
        return await asyncio.shield(task)

    async def close(self) -> None:
        """Remove everything, also what was being made while its maker was cancelled. Raises DockerError."""
        label = f"{LABEL}={self.mark}"
        if making := {*self._making}:
            # What is still asked of a container ends with it.
            await _remove(self.docker, "container", label)
            _, late = await asyncio.wait(making, timeout=_ENDING_S)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        await _remove_all(self.docker, label)

    def _probe(self, container: str, user: str, asked: Mapping[str, Any]) -> tuple[str, ...]:
        self._count += 1
        return (
            "run", "--rm", "--name", f"{self.name}-probe-{self._count}", "--label", f"{LABEL}={self.mark}",
            "--pid", f"container:{container}", "--network", f"container:{container}", "--user", user,
            READ_ONLY, *HARDENED, "--entrypoint", "python", "--no-healthcheck", "--env", "PYTHONPATH=",
            self.helper, "-I", "-c", _PROBE.read_text(encoding="utf-8"), json.dumps(asked),
        )  # fmt: skip

    async def remove(self, *containers: str) -> None:
        """Remove containers, running or not, and their anonymous volumes."""
        if containers:
            await self.docker.complete(*_REMOVE["container"], *containers)


@asynccontextmanager
async def opened(docker: Docker, helper: str) -> AsyncIterator[Laboratory]:
    """Give a network with nothing in it; at the end nothing of it is left."""
    await remove_abandoned(docker)
    made = Laboratory(docker, f"todo-verify-{secrets.token_hex(4)}", _mark(), helper)
    try:
        await docker.run("network", "create", "--label", f"{LABEL}={made.mark}", made.name)
        yield made
    finally:
        await made.close()


async def remove_abandoned(docker: Docker) -> int:
    """Remove what runs left that were killed on this machine. Returns how many things there were."""
    marks = set()
    for kind in _KINDS:
        found = await docker.complete(
            kind, "ls", *(("--all",) if kind == "container" else ()),
            "--filter", f"label={LABEL}", "--format", f'{{{{.Label "{LABEL}"}}}}',
        )  # fmt: skip
        marks |= {*found.output.split()}
    return sum([await _remove_all(docker, f"{LABEL}={mark}") for mark in marks if _is_abandoned(mark)])


async def _remove_all(docker: Docker, label: str) -> int:
    """Remove what has the label, and once more what came while the rest was removed."""
    for pause in _PAUSES_S:
        try:
            return sum([await _remove(docker, kind, label) for kind in _KINDS])
        except DockerUnavailableError:
            raise
        except DockerError:
            await asyncio.sleep(pause)
    return sum([await _remove(docker, kind, label) for kind in _KINDS])


async def _remove(docker: Docker, kind: str, label: str) -> int:
    listed = await docker.complete(
        kind, "ls", "--quiet", *(("--all",) if kind == "container" else ()), "--filter", f"label={label}"
    )
    names = listed.output.split()
    if names:
        done = await docker.complete(*_REMOVE[kind], *names)
        if done.code and "no such" not in done.errors.lower():
            raise DockerError(
                f"a {kind} of this check could not be removed",
                details=done.errors.splitlines()[-_LAST_LINES:],
                remedies=[f"docker {kind} rm {' '.join(names)}"],
            )
    return len(names)


def _mark() -> str:
    own = processes.identify(os.getpid())
    return f"{platform.node()}/{own.pid}/{own.started:.0f}"


def _is_abandoned(mark: str) -> bool:
    """Whether the process of a mark ran on this machine and has ended."""
    node, _, rest = mark.rpartition("/")[0].rpartition("/")
    started = mark.rpartition("/")[2]
    if node != platform.node() or not rest.isdecimal() or not started.isdecimal():
        return False
    return not processes.Identity(int(rest), float(started)).alive
