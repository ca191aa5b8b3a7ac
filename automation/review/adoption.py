"""Reviews a Dockerfile and adopts it on request, without losing anybody's work: `dockerfile-review`."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from automation import paths
from automation.console.errors import AutomationError, UsageError, unknown
from automation.console.events import Difference, Emit, Notice, Result
from automation.console.runner import can_prompt, confirm
from automation.contract.models import SERVICES
from automation.docker.cli import Docker
from automation.process import files
from automation.project import git
from automation.review import candidate, review
from automation.review.candidate import Remark
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
            why="the file must precede the flags",
            remedies=["invoke dockerfile-review FILE", "invoke --help dockerfile-review"],
        )
    given = _path(file)
    owners = [name for name in SERVICES if given and settings.root / name in given.parents]
    chosen = service or next(iter(owners), "backend")
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
    if given:
        proposed = candidate.from_file(given, settings.root)
    else:
        proposed = await review.ask(settings, docker, chosen, emit)
    done = await review.review(settings, docker, chosen, proposed, emit)
    if done.difference:
        emit(Notice(("",)))
        emit(Difference(done.difference))
    if done.findings:
        emit(Notice(("", *_described(done.findings))))
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
            await _adopt(proposed.text, done, settings, yes=yes)
            adopted = True
    finally:
        result = {
            "profile": review.PROFILE,
            "service": chosen,
            "source": proposed.source,
            "fit": not done.blocking,
            "findings": [asdict(finding) for finding in done.findings],
            "diff": "\n".join(done.difference),
            "adopted": adopted,
        }
        emit(Result(result))
    emit(Notice((_verdict(done, settings.root, adopted=adopted),)))


def _path(file: str) -> Path | None:
    return None if file == AGENT else Path(file).expanduser().absolute()


def adopt(text: str, file: Path, seen: str, root: Path) -> None:
    """Replace the file atomically; it keeps its permissions.

    Raises AutomationError if it no longer has the text that was `seen`.
    """
    if review.present(file, root) != seen:
        raise AutomationError(
            f"{paths.readable(file, root)} has changed since the review began",
            why="the review applies to an earlier version",
            remedies=["the same command again"],
        )
    with suppress(FileExistsError):
        file.parent.mkdir(parents=True)
    files.write_text(file, text)


async def uncommitted(file: Path, settings: Settings) -> bool:
    """Return whether the file has changes that are not committed; False without git."""
    return bool(await git.ask(settings, "status", "--porcelain", "--", str(file)))


async def _adopt(text: str, done: Review, settings: Settings, *, yes: bool) -> None:
    shown = paths.readable(done.file, settings.root)
    if not yes:
        if await uncommitted(done.file, settings):
            raise AutomationError(
                f"{shown} has changes that are not committed",
                why="they would be lost",
                remedies=[f"git commit {shown}", "--adopt --yes"],
            )
        await confirm(f"Replace {shown} with this candidate?", otherwise="nothing was adopted")
    adopt(text, done.file, done.present, settings.root)


def _described(findings: Sequence[Remark]) -> Iterator[str]:
    for finding in findings:
        where = f"line {finding.line}" if finding.line else ""
        mark = "blocks" if finding.blocking else "remark"
        yield f"{mark}  {where:<9} {finding.source} {finding.rule}: {finding.message}"
        yield from (f"{'':18} {line}" for line in finding.details)
        if finding.remedy:
            yield f"{'':18} try   {finding.remedy}"


def _verdict(done: Review, root: Path, *, adopted: bool) -> str:
    shown = paths.readable(done.file, root)
    if adopted:
        return f"{shown} is now this candidate. Build it with   invoke build --profile {review.PROFILE}"
    if not done.difference:
        return f"{shown} is identical to the candidate: nothing to adopt."
    return "No finding blocks the candidate. Adopt it with   --adopt"
