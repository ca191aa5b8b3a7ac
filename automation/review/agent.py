"""Docker's AI agent, asked for a Dockerfile: everything that is known of it is in this module.

It is the plugin `docker ai` of Docker Desktop. `docker ai version` answers where the plugin is; whether it
may be used shows only when it is asked. `docker ai PROMPT` prints the answer as Markdown when its output is
not a terminal, after a heading with the agent's name; a tool that it would use then counts as refused. It
reads files of its working directory without asking, so it is started in an empty one and sees what the
prompt says, nothing more.
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
LONGEST_S = 180.0
"""Seconds that an answer may take."""
LARGEST = 256 * 1024
"""Bytes that an answer may have."""

_VERSION_S = 15.0
_HEADING = re.compile(r"^--- Agent: .* ---$")
_ENABLE = "Docker Desktop: Settings, AI, Enable Gordon"
_LAST_LINES = 6
_WITHOUT = "invoke dockerfile-review FILE   reviews any Dockerfile without it"


class AgentUnavailableError(AutomationError):
    """There is no agent here, or it may not be used."""


async def version(docker: Docker) -> str:
    """Return the version of the agent. Raises AgentUnavailableError when there is none."""
    try:
        done = await docker.complete("ai", "version", seconds=_VERSION_S)
    except AutomationError as error:
        raise AgentUnavailableError(
            f"{NAME} does not answer", why=error.what, remedies=["restart Docker Desktop", _WITHOUT]
        ) from error
    if done.code:
        text = f"{done.output}\n{done.errors}"
        if re.search(r"unknown command|not a docker command", text):
            raise AgentUnavailableError(
                f"{NAME} is not installed",
                why="it is the plugin `docker ai`, which comes with Docker Desktop",
                remedies=[f"install Docker Desktop, then {_ENABLE}", _WITHOUT],
            )
        raise _refused(text)
    return logs.clean(done.output.strip().partition("\n")[0])[:80]


async def ask(docker: Docker, prompt: str, running: Step, *, seconds: float = LONGEST_S) -> str:
    """Return the agent's answer, Markdown without its heading.

    Raises AgentUnavailableError when it may not be used, and AutomationError when it fails, answers at too
    great length, or not in time.
    """
    with tempfile.TemporaryDirectory(prefix="review-") as empty:
        async with replace(docker.program, root=Path(empty)).running("ai", prompt) as process:
            lines: deque[str] = deque()
            try:
                async with asyncio.timeout(seconds):
                    size = 0
                    running.progress("thinking")
                    async for line in processes.lines(process):
                        lines.append(logs.clean(line))
                        size += len(line.encode("utf-8", "replace")) + 1
                        if size > LARGEST:
                            raise AutomationError(
                                f"{NAME} answers without end",
                                why=f"more than {LARGEST // 1024} kB, where a Dockerfile was asked for",
                                remedies=[_WITHOUT],
                            )
                        running.progress(f"answering, {len(lines)} lines")
                    code = await process.wait()
            except TimeoutError:
                raise AutomationError(
                    f"{NAME} did not answer within {seconds:.0f} s",
                    why="its last words:" if lines else "it said nothing",
                    details=list(lines)[-_LAST_LINES:],
                    remedies=["the same command again", _WITHOUT],
                ) from None
    text = "\n".join(line for line in lines if not _HEADING.match(line)).strip()
    if code:
        raise _refused(text, code)
    # Without a Dockerfile in it, an answer may be a refusal that came with exit code 0.
    if not re.search(r"(?im)^\s*FROM\s+\S", text) and causes.find(causes.AGENT, text, enable=_ENABLE):
        raise _refused(text)
    return text


def _refused(text: str, code: int = 0) -> AutomationError:
    said = [line.strip()[:200] for line in logs.clean(text).splitlines() if line.strip()][-_LAST_LINES:]
    if cause := causes.find(causes.AGENT, text, enable=_ENABLE):
        return AgentUnavailableError(
            f"{NAME} cannot be used: {cause.why}",
            why="it says:",
            details=said,
            remedies=[*cause.remedies, _WITHOUT],
        )
    what = f"{NAME} failed with exit code {code}" if code else f"{NAME} failed"
    return AutomationError(
        what, why="it says:" if said else "", details=said, remedies=["the same command again", _WITHOUT]
    )
