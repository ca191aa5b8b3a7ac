"""Reviews a Dockerfile for `dockerfile-review`, shows the result and adopts the candidate on request."""

from pathlib import Path

from automation import paths
from automation.console.errors import AutomationError, UsageError
from automation.console.events import Difference, Emit, Notice, Result
from automation.console.runner import can_prompt, confirm
from automation.console.values import unknown
from automation.contract.models import SERVICES
from automation.docker.cli import Docker
from automation.review import adoption, candidate, review
from automation.review.review import Review
from automation.settings import Settings

AGENT = "agent"
"""The argument that selects Docker's AI agent instead of a file; a file of that name is ./agent."""


async def review_file(
    settings: Settings, emit: Emit, file: str, *, service: str, adopt: bool, yes: bool
) -> None:
    """Review a candidate, and adopt it if that is requested and no finding blocks it."""
    if file.startswith("-"):
        # Invoke passes any word that follows the task as its argument.
        raise UsageError(
            f"{file} is not a Dockerfile",
            why="the file comes first, and flags after it",
            remedies=["invoke dockerfile-review FILE", "invoke --help dockerfile-review"],
        )
    given = _path(file)
    chosen = service or _owner(given, settings)
    if chosen not in SERVICES:
        raise unknown("service", service, SERVICES)
    if yes and not adopt:
        raise UsageError("--yes answers the question that --adopt asks", remedies=["--adopt --yes"])
    if adopt and not yes and not can_prompt(emit):
        raise UsageError(
            "--adopt cannot prompt without a terminal or with --json", remedies=["--adopt --yes"]
        )
    docker = Docker.find(settings)
    await docker.engine()
    proposed = (
        candidate.from_file(given, settings.root)
        if given
        else await review.ask(settings, docker, chosen, emit)
    )
    done = await review.review(settings, docker, chosen, proposed, emit)
    if done.difference:
        emit(Notice(("",)))
        emit(Difference(done.difference))
    if done.findings:
        emit(Notice(("", *review.describe(done.findings))))
    emit(Notice(("",)))
    adopted = False
    try:
        if done.blocking:
            count = len(done.blocking)
            raise AutomationError(
                f"the candidate cannot be adopted: {count} blocking finding{'s' if count > 1 else ''}",
                remedies=[f"fix it, then   invoke dockerfile-review {file}"],
            )
        if adopt and done.difference:
            await _adopt(done, settings, yes=yes)
            adopted = True
    finally:
        emit(Result({**done.to_mapping(), "adopted": adopted}))
    emit(Notice((_verdict(done, settings, adopted=adopted),)))


def _path(file: str) -> Path | None:
    return None if file == AGENT else Path(file).expanduser().absolute()


def _owner(given: Path | None, settings: Settings) -> str:
    """Return the service whose folder the file is in, else the backend."""
    for name in SERVICES:
        if given is not None and settings.root / name in given.parents:
            return name
    return "backend"


async def _adopt(done: Review, settings: Settings, *, yes: bool) -> None:
    shown = paths.readable(done.file, settings.root)
    if not yes:
        if await adoption.uncommitted(done.file, settings):
            raise AutomationError(
                f"{shown} has changes that are not committed",
                why="they would be lost",
                remedies=[f"git commit {shown}", "--adopt --yes"],
            )
        await confirm(f"Replace {shown} with this candidate?", otherwise="nothing was adopted")
    adoption.adopt(done.candidate.text, done.file, done.present, settings.root)


def _verdict(done: Review, settings: Settings, *, adopted: bool) -> str:
    shown = paths.readable(done.file, settings.root)
    if adopted:
        return f"{shown} is now this candidate. Build it with   invoke build --profile {review.PROFILE}"
    if not done.difference:
        return f"{shown} is identical to the candidate: nothing to adopt."
    return "No finding blocks the candidate. Adopt it with   --adopt"
