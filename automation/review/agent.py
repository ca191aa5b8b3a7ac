"""Asks Docker's AI agent for a Dockerfile.

The agent is the plugin `docker ai` of Docker Desktop. `docker ai version` tells whether it is installed, but
only a prompt shows whether it may be used. `docker ai PROMPT` prints a heading with the agent's name and its
answer as Markdown when its output is not a terminal; it then refuses every tool call. It reads files of its
working directory without asking, so it runs in an empty one and sees only the prompt.

The prompt has the names of committed files, the contract and the present Dockerfile; it has no setting, no
secret and no other content of a file.
"""

import asyncio
import re
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from automation.console import causes
from automation.console.errors import AutomationError
from automation.console.events import Step
from automation.contract.models import Frontend, Profile, Rules
from automation.docker.cli import Docker
from automation.images import revision
from automation.process import files, logs, processes
from automation.project import git
from automation.settings import Settings

NAME = "Docker's AI agent"

_ANSWER_SECONDS = 180.0
_VERSION_SECONDS = 15.0
_MAX_BYTES = 256 * 1024
_MAX_PROMPT_CHARACTERS = 24_000  # Windows accepts 32 767 on a command line
_FORM = (
    "Answer with the complete Dockerfile in one Markdown code block and with nothing else: no other code"
    " block, no tool, no question. Everything you need is below."
)
_DEPTH = 4
_DIRECTORIES = 60
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
    lines: list[str] = []
    size = 0
    with tempfile.TemporaryDirectory(prefix="review-") as empty:
        async with replace(docker, root=Path(empty)).running("ai", prompt) as process:
            try:
                async with asyncio.timeout(seconds):
                    running.progress("thinking")
                    async for line in processes.lines(process):
                        lines.append(logs.clean(line))
                        size += len(line.encode("utf-8", "replace")) + 1
                        if size > _MAX_BYTES:
                            raise AutomationError(
                                f"the answer of {NAME} is too long",
                                why=f"it has more than {_MAX_BYTES // 1024} kB",
                                remedies=[_WITHOUT],
                            )
                        running.progress(f"answering, {len(lines)} lines")
                    code = await process.wait()
            except TimeoutError:
                raise AutomationError(
                    f"{NAME} did not answer within {seconds:.0f} s",
                    why="the end of its output:" if lines else "it printed nothing",
                    details=lines[-_LAST_LINES:],
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


async def prompt(settings: Settings, profile: Profile, rules: Rules, service: str, present: str) -> str:
    requirements = "\n".join(f"- {requirement}" for requirement in _requirements(profile, rules, service))
    parts = [
        f"Write the production Dockerfile of this project's {service}. The folder {service} is the context.",
        _FORM,
        f"Requirements for the image:\n{requirements}",
        "Dependencies:\n" + "\n".join(_dependencies(settings.root, service)),
        f"Folders, with their number of files:\n{await _structure(settings, service)}",
        *([f"The current Dockerfile:\n{present}"] if present else []),
    ]
    text = "\n\n".join(parts)
    return text if len(text) <= _MAX_PROMPT_CHARACTERS else text[:_MAX_PROMPT_CHARACTERS] + "\n…"


def _requirements(profile: Profile, rules: Rules, service: str) -> Iterator[str]:
    image = profile.service(service)
    user, health = image.user, image.health
    builds = f", built in {image.build_base}" if isinstance(image, Frontend) else ""
    yield f"based on {image.base}{builds}, as the default of an ARG; no other image, no latest"
    yield f"several stages, at least {', '.join(image.stages)}; install the locks before you copy sources"
    yield f"the last stage is called {profile.name}; working directory {image.workdir}; port {image.port}"
    yield f"runs as {user.name}:{user.group} ({user.uid}:{user.gid}) on a read-only root file system"
    yield f"command {' '.join(image.command)}, in exec form"
    yield (
        f"HEALTHCHECK of {health.path} every {health.interval_s} s, timeout {health.timeout_s} s, "
        f"start period {health.start_period_s} s, {health.retries} retries, without curl or a shell"
    )
    yield f"at most {image.size_max_mb} MB unpacked"
    yield f"none of {', '.join(rules.forbidden_programs)} in the image"
    yield "no secret in ENV, ARG or a layer; nothing that differs between environments is built in"
    yield "no syntax line, no ADD from an address, no ssh mount, no pragma that switches off a linter"


def _dependencies(root: Path, service: str) -> Iterator[str]:
    if service == "frontend":
        manifest = files.read_json(root / "frontend" / "package.json") or {}
        for part in ("dependencies", "devDependencies"):
            packages = ", ".join(f"{name} {version}" for name, version in manifest.get(part, {}).items())
            yield f"- frontend/package.json, {part}: {packages}"
        return
    dependencies = revision.project(root / "backend").get("dependencies", ())
    yield f"- backend/pyproject.toml: {', '.join(dependencies)}"
    yield "- backend/requirements.txt: their lock, with hashes"


async def _structure(settings: Settings, service: str) -> str:
    """Return the folders with their number of committed files, and the service's top files by name."""
    listed = await git.ask(settings, "ls-files", "-z", "--", service)
    names = [name for name in listed.split("\0") if name]
    if not names:
        return ""
    folders = Counter("/".join(name.split("/")[:-1][:_DEPTH]) for name in names)
    top = [name for name in names if name.count("/") == 1 and not re.search(r"(^|/)\.", name)]
    shown = [f"- {folder}/: {count}" for folder, count in sorted(folders.items())[:_DIRECTORIES]]
    return "\n".join((*shown, f"- by name: {', '.join(top)}"))
