"""Running another program: to its end, or for as long as a block lasts."""

import asyncio
import shutil
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from automation import processes


@dataclass(frozen=True)
class Completed:
    """A command that has ended."""

    code: int
    output: str
    errors: str


@dataclass(frozen=True)
class Program:
    """A program of this machine, and the environment it is run in, which a command may add to."""

    path: str
    environ: Mapping[str, str]
    root: Path
    mark: str = field(default_factory=lambda: uuid.uuid4().hex)

    async def complete(
        self, *arguments: str, seconds: float, stdin: str = "", environ: Mapping[str, str] | None = None
    ) -> Completed:
        """Run it to its end, whatever its exit code. Raises TimeoutError when it takes longer."""
        process = await asyncio.create_subprocess_exec(
            self.path, *arguments,
            cwd=self.root,
            env={**self.environ, **(environ or {})},
            stdin=asyncio.subprocess.PIPE if stdin else asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,  # a terminal's Ctrl-C is for this process alone
        )  # fmt: skip
        try:
            async with asyncio.timeout(seconds):
                output, errors = await process.communicate(stdin.encode() if stdin else None)
        finally:
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        assert process.returncode is not None  # noqa: S101 - communicate() has waited
        return Completed(
            process.returncode, output.decode("utf-8", "replace"), errors.decode("utf-8", "replace")
        )

    @asynccontextmanager
    async def running(
        self, *arguments: str, environ: Mapping[str, str] | None = None, grace: float = 5.0
    ) -> AsyncIterator[processes.Guarded]:
        """Run it for as long as the block lasts; its errors go where its output goes."""
        async with processes.running(
            [self.path, *arguments],
            cwd=self.root,
            environ={**self.environ, **(environ or {})},
            mark=self.mark,
            grace=grace,
        ) as guarded:
            yield guarded


def find(name: str, environ: Mapping[str, str], root: Path) -> Program | None:
    """Return the program as PATH has it; None when it has none."""
    path = shutil.which(name, path=environ.get("PATH"))
    return Program(path, environ, root) if path else None
