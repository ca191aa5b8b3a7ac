"""Lints a candidate with hadolint and with the builder's own checks."""

import json
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from automation.console.errors import AutomationError
from automation.docker.cli import Docker
from automation.docker.dockerfile import parse
from automation.process.processes import Program
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
    beside = str(Path(sys.executable).parent)
    program = shutil.which("hadolint", path=beside) or shutil.which("hadolint", path=environ.get("PATH"))
    if program is None:
        raise AutomationError(
            "hadolint is not installed",
            why="it is neither in .venv, where ./dev installs it except on Windows, nor on PATH",
            remedies=["./dev", "install it: https://github.com/hadolint/hadolint#install"],
        )
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
    keywords = {instruction.line: instruction.keyword for instruction in parse(text).instructions()}
    return [_from_hadolint(warning, keywords.get(warning["line"], "")) for warning in found]


def _from_hadolint(warning: Mapping[str, Any], keyword: str) -> Remark:
    code = warning["code"]
    remedy = f"{_SHELLCHECK if code.startswith('SC') else _WIKI}/{code}"
    if code == "DL1000":
        remedy = "correct the syntax"
    elif (code, keyword) == ("DL3025", "HEALTHCHECK"):
        remedy = _HEALTH_CHECK_REMEDY
    message = visible(" ".join(warning["message"].split()))
    blocking = warning["level"] in _BLOCKING
    return Remark("hadolint", code, message, warning["line"], blocking=blocking, remedy=remedy)


async def builder_checks(docker: Docker, inputs: Sequence[str]) -> list[Remark]:
    """Return the warnings of the builder's own checks, which run nothing of the file. All of them block.

    The rule UNREADABLE means that it cannot be built at all.
    """
    done = await docker.complete("buildx", "build", "--call=check,format=json", *inputs)
    try:
        report = json.loads(done.output)
    except ValueError:
        # The daemon has stopped, or the file cannot be parsed.
        lines = [line for line in done.errors.splitlines() if line.strip()]
        last = lines[-1].removeprefix("ERROR: ") if lines else "the builder's checks printed nothing"
        return [Remark("buildx", UNREADABLE, visible(last), remedy="correct the line that it names")]
    found = [
        _from_builder(warning, warning["ruleName"], warning["detail"], warning.get("url", ""))
        for warning in report.get("warnings") or []
    ]
    if error := report.get("buildError"):
        missing = "source metadata" in error["message"]
        remedy = "check the name, its tag and the network, or replace the image with TODO_BASES"
        remedy = remedy if missing else "correct the line"
        found.append(_from_builder(error, UNREADABLE, error["message"], remedy))
    return found


def _from_builder(document: Mapping[str, Any], rule: str, message: str, remedy: str) -> Remark:
    ranges = (document.get("location") or {}).get("ranges") or []
    line = int(ranges[0]["start"]["line"]) if ranges else None
    return Remark("buildx", rule, visible(message), line, remedy=remedy)
