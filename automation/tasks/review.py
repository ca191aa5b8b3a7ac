"""The task that reviews a Dockerfile."""

import sys
from pathlib import Path

from automation import paths
from automation.console.errors import AutomationError, UsageError
from automation.console.events import Difference, Emit, Notice, Result
from automation.console.runner import confirm, run
from automation.contract.models import SERVICES
from automation.docker.cli import Docker
from automation.review import adoption, candidate, review
from automation.review.review import Review
from automation.settings import Settings

AGENT = "agent"
"""What stands in the place of a file to ask Docker's AI agent; a file of that name is ./agent."""


def dockerfile_review(
    *,
    file: str,
    service: str,
    adopt: bool,
    yes: bool,
    json_lines: bool,
    debug: bool,
) -> int:
    """Review a candidate, and adopt it if that is asked for and nothing stands against it."""
    given = None if file == AGENT else Path(file).expanduser().absolute()

    async def work(current: Settings, emit: Emit) -> None:
        if file.startswith("-"):
            # Invoke takes every word after a task that wants one for that word.
            raise UsageError(
                f"{file} is not a Dockerfile",
                why="the file comes first, and flags after it",
                remedies=["invoke dockerfile-review FILE", "invoke --help dockerfile-review"],
            )
        chosen = service or _owner(given, current)
        if chosen not in SERVICES:
            raise UsageError(
                f"there is no service {service!r}", why=f"the services are {', '.join(SERVICES)}"
            )
        if yes and not adopt:
            raise UsageError("--yes answers the question that --adopt asks", remedies=["--adopt --yes"])
        if adopt and not yes and (json_lines or not sys.stdin.isatty()):
            raise UsageError("--adopt asks, and nobody is here to answer", remedies=["--adopt --yes"])
        docker = Docker.find(current)
        await docker.engine()
        proposed = (
            candidate.from_file(given, current.root)
            if given
            else await review.ask(current, docker, chosen, emit)
        )
        done = await review.review(current, docker, chosen, proposed, emit)
        _show(done, emit)
        adopted = False
        try:
            if done.blocking:
                count = "a finding" if len(done.blocking) == 1 else f"{len(done.blocking)} findings"
                raise AutomationError(
                    f"the candidate must not be adopted: {count} against it",
                    remedies=[f"mend it, then   invoke dockerfile-review {file}"],
                )
            if adopt and done.difference:
                await _adopt(done, current, yes=yes)
                adopted = True
        finally:
            emit(Result({**done.to_mapping(), "adopted": adopted}))
        emit(Notice((_verdict(done, current, adopted=adopted),)))

    return run(work, json_lines=json_lines, debug=debug)


def _owner(given: Path | None, current: Settings) -> str:
    """Return the service whose folder the file is in; the backend where that says nothing."""
    for name in SERVICES:
        if given is not None and current.root / name in given.parents:
            return name
    return "backend"


def _show(done: Review, emit: Emit) -> None:
    if done.difference:
        emit(Notice(("",)))
        emit(Difference(done.difference))
    if done.findings:
        emit(Notice(("", *review.describe(done.findings))))
    emit(Notice(("",)))


async def _adopt(done: Review, current: Settings, *, yes: bool) -> None:
    shown = paths.readable(done.file, current.root)
    if not yes:
        if await adoption.uncommitted(done.file, current):
            raise AutomationError(
                f"{shown} has changes that are not committed",
                why="they would be lost",
                remedies=[f"git commit {shown}", "--adopt --yes"],
            )
        await confirm(f"Replace {shown} with this candidate?", otherwise="nothing was adopted")
    adoption.adopt(done.candidate.text, done.file, done.present, current.root)


def _verdict(done: Review, current: Settings, *, adopted: bool) -> str:
    shown = paths.readable(done.file, current.root)
    if adopted:
        return f"{shown} is now this candidate. Build it with   invoke build --profile {review.PROFILE}"
    if not done.difference:
        return f"{shown} is as it should be: nothing to adopt."
    return "Nothing stands against the candidate. Adopt it with   --adopt"
