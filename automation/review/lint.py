"""Lints a candidate with hadolint and with the builder's own checks."""

import json
import shutil
import sys
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from automation.console.errors import AutomationError
from automation.docker.cli import Docker
from automation.docker.dockerfile import parse
from automation.process.programs import Program
from automation.review.candidate import Remark, visible

UNREADABLE = "unreadable"

_TIMEOUT_SECONDS = 30.0
_BLOCKING = {"error", "warning"}
_WIKI = "https://github.com/hadolint/hadolint/wiki"
_SHELLCHECK = "https://www.shellcheck.net/wiki"
_HEALTH_CHECK_REMEDY = (
    "run the project's own program in exec form, without a shell, curl or || exit 1:"
    ' HEALTHCHECK CMD ["python", "-m", "app.healthcheck"] or ["node", "healthcheck.mjs"]'
)


async def hadolint(text: str, root: Path, environ: Mapping[str, str], *, pragmas: bool) -> list[Remark]:
    """Return the warnings of hadolint under the project's configuration. Errors and warnings block.

    With `pragmas`, comments in the text may switch rules off. Raises AutomationError if hadolint is missing
    or fails.
    """
    program = _find(environ)
    options = ["--format", "json", "--no-fail", *(() if pragmas else ("--disable-ignore-pragma",))]
    # The settings are the project's, not those of the user.
    kept = {name: value for name, value in environ.items() if not name.startswith(("HADOLINT_", "XDG_"))}
    try:
        done = await Program(program, kept, root).complete(
            *options, "-", seconds=_TIMEOUT_SECONDS, stdin=text
        )
    except TimeoutError:
        message = f"hadolint did not finish within {_TIMEOUT_SECONDS:.0f} s"
        return [Remark("hadolint", "timeout", message, remedy="simplify the Dockerfile")]
    try:
        found = json.loads(done.output)
    except ValueError as error:
        raise AutomationError(
            "hadolint failed",
            why="its output:",
            details=done.errors.splitlines()[:5],
            remedies=[f"{program} --version"],
        ) from error
    health_checks = {
        instruction.line for instruction in parse(text).instructions() if instruction.keyword == "HEALTHCHECK"
    }
    return [_from_hadolint(warning, health_checks) for warning in found]


async def builder_checks(docker: Docker, arguments: Sequence[str]) -> list[Remark]:
    """Return the warnings of the builder's own checks, which run nothing of the file. All of them block.

    The rule UNREADABLE means that it cannot be built at all.
    """
    done = await docker.complete("buildx", "build", "--call=check,format=json", *arguments)
    try:
        report = json.loads(done.output)
    except ValueError:
        # The daemon has stopped, or the file cannot be parsed.
        return [
            Remark("buildx", UNREADABLE, visible(_last(done.errors)), remedy="correct the line that it names")
        ]
    found = [
        Remark(
            "buildx",
            warning["ruleName"],
            visible(warning["detail"]),
            _line(warning),
            remedy=warning.get("url", ""),
        )
        for warning in report.get("warnings") or []
    ]
    if error := report.get("buildError"):
        message = visible(error["message"])
        remedy = "check the name, its tag and the network, or replace the image with TODO_BASES"
        found.append(
            Remark(
                "buildx",
                UNREADABLE,
                message,
                _line(error),
                remedy=remedy if "source metadata" in message else "correct the line",
            )
        )
    return found


def _find(environ: Mapping[str, str]) -> str:
    beside = str(Path(sys.executable).parent)
    program = shutil.which("hadolint", path=beside) or shutil.which("hadolint", path=environ.get("PATH"))
    if program is None:
        raise AutomationError(
            "hadolint is not installed",
            why="it is neither in .venv, where ./dev installs it except on Windows, nor on PATH",
            remedies=["./dev", "install it: https://github.com/hadolint/hadolint#install"],
        )
    return program


def _from_hadolint(warning: Mapping[str, Any], health_checks: Collection[int]) -> Remark:
    code, line = warning["code"], warning["line"]
    remedy = f"{_SHELLCHECK if code.startswith('SC') else _WIKI}/{code}"
    if code == "DL1000":
        remedy = "correct the syntax"
    elif code == "DL3025" and line in health_checks:
        remedy = _HEALTH_CHECK_REMEDY
    return Remark(
        "hadolint",
        code,
        visible(" ".join(warning["message"].split())),
        line,
        blocking=warning["level"] in _BLOCKING,
        remedy=remedy,
    )


def _line(found: Mapping[str, Any]) -> int | None:
    ranges = (found.get("location") or {}).get("ranges") or []
    return int(ranges[0]["start"]["line"]) if ranges else None


def _last(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1].removeprefix("ERROR: ") if lines else "the builder's checks printed nothing"
