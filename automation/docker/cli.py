"""Talking to Docker through its command line, which knows people's contexts, credentials and proxies.

How the parts of this library use it:

    docker = Docker.find(settings)                      the program; raises DockerUnavailableError
    engine = await docker.engine()                      what answers: version, architecture
    text = await docker.run("image", "ls", "--quiet")   what a short command printed; raises DockerError
    [info] = await docker.json("inspect", name)         the same as JSON: an array, or a document a line
    async with docker.running("compose", "up", …) as process:      a long command under its guard
        async for line in processes.lines(process): …              output and errors, as they come
    found = await docker.images("todo-backend:dev", …)  `docker image inspect` of those that are there
    await docker.save("todo-backend:dev", read)         the archive of an image, read in a thread

Every error says what to do. `DockerUnavailableError` means that no daemon can be used at all: who has another
engine takes that one. `explain` makes the error for output that was gathered in another way.
"""

import asyncio
import json
import re
import subprocess
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass, replace
from typing import IO, Any, Self, TypeVar

from automation.console import causes
from automation.console.errors import AutomationError
from automation.process import logs, processes, programs
from automation.process.programs import Completed, Program
from automation.settings import Settings

PATIENCE_S = 60.0
"""Seconds that a short command may take: a daemon that is stuck accepts a connection and never answers."""

_ANSWER_S = 15.0
_LAST_LINES = 8
_T = TypeVar("_T")


class DockerError(AutomationError):
    """Docker refused or failed."""


class DockerUnavailableError(DockerError):
    """There is no Docker program, or no daemon that answers it."""


@dataclass(frozen=True)
class Engine:
    """The daemon that answers."""

    version: str
    operating_system: str
    architecture: str
    host: str
    """The value of DOCKER_HOST; empty where Docker's own context decides."""

    @property
    def platform(self) -> str:
        """What it builds for unless told otherwise, as in linux/amd64."""
        return f"{self.operating_system}/{self.architecture}"


@dataclass(frozen=True)
class Docker:
    """The program, and what says who answers it."""

    program: Program
    settings: Settings

    @classmethod
    def find(cls, settings: Settings) -> Self:
        """Return Docker as PATH has it. Raises DockerUnavailableError when it has none."""
        program = programs.find("docker", settings.environ, settings.root)
        if program is None:
            raise DockerUnavailableError(
                "Docker is not installed",
                why="there is no program docker on PATH",
                remedies=["install it as https://docs.docker.com/get-docker/ says"],
            )
        # Advertisements among the errors would end up in messages of ours.
        return cls(replace(program, environ={**settings.environ, "DOCKER_CLI_HINTS": "false"}), settings)

    @property
    def environ(self) -> Mapping[str, str]:
        """The environment that the program is run in."""
        return self.program.environ

    async def engine(self) -> Engine:
        """Ask the daemon. Raises DockerUnavailableError when it does not answer."""
        [version] = await self.json("version", "--format", "{{json .Server}}", seconds=_ANSWER_S)
        return Engine(version["Version"], version["Os"], version["Arch"], self.environ.get("DOCKER_HOST", ""))

    async def complete(
        self, *arguments: str, seconds: float = PATIENCE_S, environ: Mapping[str, str] | None = None
    ) -> Completed:
        """Run a short command to its end, whatever its exit code. Raises DockerError if it takes too long."""
        try:
            return await self.program.complete(*arguments, seconds=seconds, environ=environ)
        except TimeoutError:
            raise DockerUnavailableError(
                f"Docker does not answer: docker {' '.join(arguments[:2])} took more than {seconds:.0f} s",
                why=f"it was asked at {self.environ['DOCKER_HOST']}" if "DOCKER_HOST" in self.environ else "",
                remedies=["restart Docker, then the same command again"],
            ) from None

    async def run(
        self, *arguments: str, seconds: float = PATIENCE_S, environ: Mapping[str, str] | None = None
    ) -> str:
        """Return what a short command printed. Raises DockerError when it fails."""
        done = await self.complete(*arguments, seconds=seconds, environ=environ)
        if done.code:
            raise explain(done.errors or done.output, f"docker {' '.join(arguments[:2])}", self.environ)
        return done.output

    async def json(
        self, *arguments: str, seconds: float = PATIENCE_S, environ: Mapping[str, str] | None = None
    ) -> list[Any]:
        """Return the documents that a short command printed: the items of an array, or one a line."""
        text = (await self.run(*arguments, seconds=seconds, environ=environ)).strip()
        try:
            if text.startswith("["):
                return list(json.loads(text))
            return [json.loads(line) for line in text.splitlines() if line]
        except ValueError as error:
            raise DockerError(
                f"docker {' '.join(arguments[:2])} answered with something else than JSON",
                details=text.splitlines()[:_LAST_LINES],
                remedies=["docker version"],
            ) from error

    def running(
        self, *arguments: str, environ: Mapping[str, str] | None = None, grace: float = 5.0
    ) -> AbstractAsyncContextManager[processes.Guarded]:
        """Run a long command for as long as the block lasts; its errors go where its output goes.

        The caller reads `processes.lines`, awaits `wait()` and makes an error of it with `explain`.
        """
        return self.program.running(*arguments, environ=environ, grace=grace)

    async def images(self, *references: str) -> dict[str, dict[str, Any]]:
        """Return what `docker image inspect` says of those of the images that are there."""
        if not references:
            return {}
        done = await self.complete("image", "inspect", *references)
        if done.code == 0:
            return dict(zip(references, json.loads(done.output), strict=True))
        missing = set(re.findall(r"(?i)no such image: (\S+)", done.errors))
        found = [each for each in references if each not in missing]
        documents = json.loads(done.output or "[]")
        if missing and len(found) == len(documents):
            return dict(zip(found, documents, strict=True))
        if len(references) > 1 and missing:
            # It names a missing image in another way than we did: ask one by one.
            each = await asyncio.gather(*(self.images(reference) for reference in references))
            return {name: info for one in each for name, info in one.items()}
        if missing:
            return {}
        raise explain(done.errors, "docker image inspect", self.environ)

    async def save(self, reference: str, read: Callable[[IO[bytes]], _T]) -> _T:
        """Call `read` in a thread with the archive of an image, as `docker image save` streams it.

        Nothing is stored on the way. Raises DockerError, and whatever `read` raises.
        """
        # A pipe whose reader has gone ends this process: it needs no guard.
        process = subprocess.Popen(  # noqa: ASYNC220 - starting it takes no time
            [self.program.path, "image", "save", reference],
            cwd=self.settings.root,
            env=dict(self.environ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        reading = asyncio.ensure_future(asyncio.to_thread(_read_archive, process, read))
        try:
            result, code, errors = await asyncio.shield(reading)
        except asyncio.CancelledError:
            process.kill()
            with suppress(Exception):
                await reading
            raise
        if code:
            raise explain(errors, f"docker image save {reference}", self.environ)
        if isinstance(result, Exception):
            raise result
        return result


def _read_archive(
    process: subprocess.Popen[bytes], read: Callable[[IO[bytes]], _T]
) -> tuple[_T | Exception, int, str]:
    assert process.stdout is not None  # noqa: S101 - asked for as pipes
    assert process.stderr is not None  # noqa: S101
    result: _T | Exception
    with process.stdout, process.stderr:
        try:
            result = read(process.stdout)
            # The program may still write the end of the archive, which nobody needs.
            while process.stdout.read(2**20):
                pass
        except Exception as error:  # noqa: BLE001 - a broken archive is explained by what the program said
            process.kill()
            result = error
        errors = process.stderr.read().decode("utf-8", "replace")
        code = process.wait()
    # Killed by us, it has said nothing, and the reader's own error tells more.
    return result, 0 if isinstance(result, Exception) and code < 0 else code, errors


def explain(output: str, command: str, environ: Mapping[str, str]) -> DockerError:
    """Return the error for a failed command's output, with cause and remedy where they are known."""
    cause = causes.find(causes.DOCKER, output, host=environ.get("DOCKER_HOST", ""))
    if cause is not None:
        error = DockerUnavailableError if cause.kind == "unavailable" else DockerError
        return error(cause.what, why=cause.why, remedies=cause.remedies)
    lines = [logs.clean(line) for line in output.splitlines() if line.strip()]
    said = [re.sub(r"^(ERROR|Error response from daemon|Error): ", "", line) for line in lines[-_LAST_LINES:]]
    return DockerError(f"{command} failed", why="Docker reports:" if said else "", details=said)
