"""Asks Docker's AI agent for a Dockerfile.

The agent is the plugin `docker ai` of Docker Desktop. `docker ai version` tells whether it is installed, but
only a prompt shows whether it may be used. `docker ai PROMPT` prints a heading with the agent's name and its
answer as Markdown when its output is not a terminal; it then refuses every tool call. It reads files of its
working directory without asking, so it runs in an empty one and sees only the prompt.
"""

import asyncio
import re
import tempfile
from collections import deque
from dataclasses import replace
from pathlib import Path

from automation.console import causes
from automation.console.errors import AutomationError
from automation.console.events import Step
from automation.docker.cli import Docker
from automation.process import logs, processes

NAME = "Docker's AI agent"

_ANSWER_SECONDS = 180.0
_VERSION_SECONDS = 15.0
_MAX_BYTES = 256 * 1024
_HEADING = re.compile(r"^--- Agent: .* ---$")
_ENABLE = "Docker Desktop: Settings, AI, Enable Gordon"
_LAST_LINES = 6
_RETRY = "the same command again"
_WITHOUT = "invoke dockerfile-review FILE   reviews any Dockerfile without it"


async def version(docker: Docker) -> str:
    """Return the version of the agent. Raises AutomationError if it is not installed."""
    try:
        done = await docker.complete("ai", "version", seconds=_VERSION_SECONDS)
    except AutomationError as error:
        raise AutomationError(
            f"{NAME} does not answer", why=error.what, remedies=["restart Docker Desktop", _WITHOUT]
        ) from error
    if not done.code:
        return logs.clean(done.output.strip().partition("\n")[0])[:80]
    text = f"{done.output}\n{done.errors}"
    if re.search(r"unknown command|not a docker command", text):
        raise AutomationError(
            f"{NAME} is not installed",
            why="it is the plugin `docker ai`, which comes with Docker Desktop",
            remedies=[f"install Docker Desktop, then {_ENABLE}", _WITHOUT],
        )
    raise _failure(text)


async def ask(docker: Docker, prompt: str, running: Step, *, seconds: float = _ANSWER_SECONDS) -> str:
    """Return the agent's answer, Markdown without its heading.

    Raises AutomationError if the agent may not be used, fails, answers at too great length, or not in time.
    """
    lines: deque[str] = deque()
    size = 0
    with tempfile.TemporaryDirectory(prefix="review-") as empty:
        async with replace(docker.program, root=Path(empty)).running("ai", prompt) as process:
            try:
                async with asyncio.timeout(seconds):
                    running.progress("thinking")
                    async for line in processes.lines(process):
                        lines.append(logs.clean(line))
                        size += len(line.encode("utf-8", "replace")) + 1
                        if size > _MAX_BYTES:
                            raise AutomationError(
                                f"{NAME} answers without end",
                                why=f"a Dockerfile never has more than {_MAX_BYTES // 1024} kB",
                                remedies=[_WITHOUT],
                            )
                        running.progress(f"answering, {len(lines)} lines")
                    code = await process.wait()
            except TimeoutError:
                raise AutomationError(
                    f"{NAME} did not answer within {seconds:.0f} s",
                    why="the end of its output:" if lines else "it printed nothing",
                    details=list(lines)[-_LAST_LINES:],
                    remedies=[_RETRY, _WITHOUT],
                ) from None
    text = "\n".join(line for line in lines if not _HEADING.match(line)).strip()
    # An answer without a Dockerfile may be a refusal that came with exit code 0.
    refused = not re.search(r"(?im)^\s*FROM\s+\S", text) and causes.find(causes.AGENT, text, enable=_ENABLE)
    if code or refused:
        raise _failure(text, code)
    return text


def _failure(text: str, code: int = 0) -> AutomationError:
    output = [line.strip()[:200] for line in logs.clean(text).splitlines() if line.strip()][-_LAST_LINES:]
    cause = causes.find(causes.AGENT, text, enable=_ENABLE)
    what = f"{NAME} cannot be used: {cause.why}" if cause else f"{NAME} failed"
    return AutomationError(
        f"{what} with exit code {code}" if code and not cause else what,
        why="the end of its output:" if output else "",
        details=output,
        remedies=[*(cause.remedies if cause else (_RETRY,)), _WITHOUT],
    )
