"""Runs Docker's command line, which knows people's contexts, credentials and proxies.

`DockerUnavailableError` means that no daemon can be used at all. `explain` makes the error for output that
was gathered in another way.
"""

import asyncio
import json
import re
import subprocess
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import IO, Any, Self, TypeVar

from automation.console import causes
from automation.console.errors import AutomationError
from automation.process import logs, processes
from automation.process.processes import Completed, Program
from automation.settings import Settings

TIMEOUT_SECONDS = 60.0
"""The default timeout of a short command: a stuck daemon accepts a connection and never answers."""

_ENGINE_TIMEOUT_SECONDS = 15.0
_LAST_LINES = 8
_T = TypeVar("_T")


class DockerError(AutomationError):
    """A command of Docker failed."""


class DockerUnavailableError(DockerError):
    """There is no Docker program, or no daemon that responds."""


@dataclass(frozen=True)
class Engine:
    version: str
    operating_system: str


@dataclass(frozen=True, kw_only=True)
class Docker(Program):
    """The program, and the settings that choose its daemon.

    A caller of `running` reads `processes.lines`, awaits `wait()` and raises what `explain` returns.
    """

    settings: Settings

    @classmethod
    def find(cls, settings: Settings) -> Self:
        """Return the program on PATH. Raises DockerUnavailableError if there is none."""
        found = processes.find("docker", settings.environ, settings.root)
        if found is None:
            raise DockerUnavailableError(
                "Docker is not installed",
                why="there is no program docker on PATH",
                remedies=["install it as https://docs.docker.com/get-docker/ says"],
            )
        # Docker's hints would end up in error messages.
        environ = {**settings.environ, "DOCKER_CLI_HINTS": "false"}
        return cls(path=found.path, environ=environ, root=settings.root, settings=settings)

    async def engine(self) -> Engine:
        """Return the daemon. Raises DockerUnavailableError if it does not respond."""
        words = ("version", "--format", "{{json .Server}}")
        [version] = await self.json(*words, seconds=_ENGINE_TIMEOUT_SECONDS)
        return Engine(version["Version"], version["Os"])

    async def complete(
        self,
        *arguments: str,
        seconds: float = TIMEOUT_SECONDS,
        stdin: str | IO[bytes] = "",
        output: IO[bytes] | int = subprocess.PIPE,
        environ: Mapping[str, str] | None = None,
    ) -> Completed:
        """Run a short command, whatever its exit code. Raises DockerUnavailableError if it takes too long."""
        try:
            return await super().complete(
                *arguments, seconds=seconds, stdin=stdin, output=output, environ=environ
            )
        except TimeoutError:
            raise DockerUnavailableError(
                f"Docker does not respond: docker {' '.join(arguments[:2])} took more than {seconds:.0f} s",
                why=f"DOCKER_HOST is {self.environ['DOCKER_HOST']}" if "DOCKER_HOST" in self.environ else "",
                remedies=["restart Docker, then run the same command again"],
            ) from None

    async def run(
        self, *arguments: str, seconds: float = TIMEOUT_SECONDS, environ: Mapping[str, str] | None = None
    ) -> str:
        """Return the output of a short command. Raises DockerError if it fails."""
        done = await self.complete(*arguments, seconds=seconds, environ=environ)
        if done.code:
            raise explain(done.errors or done.output, f"docker {' '.join(arguments[:2])}", self.environ)
        return done.output

    async def json(self, *arguments: str, seconds: float = TIMEOUT_SECONDS) -> list[Any]:
        """Return the JSON output of a short command: the items of an array, or one document a line."""
        text = (await self.run(*arguments, seconds=seconds)).strip()
        try:
            if text.startswith("["):
                return list(json.loads(text))
            return [json.loads(line) for line in text.splitlines() if line]
        except ValueError as error:
            raise DockerError(
                f"docker {' '.join(arguments[:2])} returned invalid JSON",
                details=text.splitlines()[:_LAST_LINES],
                remedies=["docker version"],
            ) from error

    async def images(self, *references: str) -> dict[str, dict[str, Any]]:
        """Return the output of `docker image inspect` for the images that exist."""
        if not references:
            return {}
        done = await self.complete("image", "inspect", *references)
        if done.code == 0:
            return dict(zip(references, json.loads(done.output), strict=True))
        if not re.search("(?i)no such image", done.errors):
            raise explain(done.errors, "docker image inspect", self.environ)
        # Docker may name a missing image in another way than the caller.
        alone = references if len(references) > 1 else ()
        found = await asyncio.gather(*(self.images(name) for name in alone))
        return {name: image for images in found for name, image in images.items()}

    async def save(self, reference: str, read: Callable[[IO[bytes]], _T]) -> _T:
        """Call `read` in a thread with the archive of an image, which is streamed and not stored.

        Raises DockerError, and whatever `read` raises.
        """
        # It needs no guard: it ends when the reader of its pipe is gone.
        process = subprocess.Popen(  # noqa: ASYNC220 - starting it takes no time
            [self.path, "image", "save", reference],
            cwd=self.root,
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
    assert process.stdout is not None  # noqa: S101 - opened as a pipe
    assert process.stderr is not None  # noqa: S101 - opened as a pipe
    result: _T | Exception
    with process.stdout, process.stderr:
        try:
            result = read(process.stdout)
            # The program ends only when its output is read to the end.
            while process.stdout.read(2**20):
                pass
        except Exception as error:  # noqa: BLE001 - the program's own error explains a broken archive
            process.kill()
            result = error
        errors = process.stderr.read().decode("utf-8", "replace")
        code = process.wait()
    # A program that was killed here has no error of its own.
    return result, 0 if isinstance(result, Exception) and code < 0 else code, errors


def explain(output: str, command: str, environ: Mapping[str, str]) -> DockerError:
    """Return the error for a failed command's output, with cause and remedy where they are known."""
    cause = causes.find(causes.DOCKER, output, host=environ.get("DOCKER_HOST", ""))
    if cause is not None:
        error = DockerUnavailableError if cause.kind == "unavailable" else DockerError
        return error(cause.what, why=cause.why, remedies=cause.remedies)
    lines = [logs.clean(line) for line in output.splitlines() if line.strip()]
    details = [
        re.sub(r"^(ERROR|Error response from daemon|Error): ", "", line) for line in lines[-_LAST_LINES:]
    ]
    return DockerError(f"{command} failed", why="Docker reports:" if details else "", details=details)
