"""Runs a review: obtain the candidate, judge it part by part, and compare it with the present file.

A trial build is apart from the project's own builds: in limited time, and without a trace. The project's own
ignore file limits the context, and steps that are not the project's own have separate caches. So a candidate
can neither see more than the project's build nor change the caches that it uses.
"""

import asyncio
import contextlib
import difflib
import re
import tempfile
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from automation import paths
from automation.console.errors import AutomationError
from automation.console.events import Emit, Step, step
from automation.contract import profiles
from automation.contract.models import SERVICES, Profile
from automation.docker.cli import Docker
from automation.docker.dockerfile import DockerfileError, expand, parse
from automation.images import build, build_failure, plan, revision
from automation.images.plan import Plan
from automation.images.progress import Progress
from automation.process import files, processes
from automation.review import agent, candidate, dangers, lint
from automation.review.candidate import Candidate, Remark, visible
from automation.settings import Settings
from automation.verify.check import Outcome
from automation.verify.examine import examine

PROFILE = "gordon"
"""The profile with the contract for candidates."""
REPOSITORY = "todo-review"
"""The repository of trial images; each is removed at the end of its review."""

_SEPARATE_CACHES = {"BUILDKIT_CACHE_MOUNT_NS": "review"}
_MAX_OUTPUT_BYTES = 20 * 10**6
_LAST_LINES = 12
_LOCATION = re.compile(r"^Dockerfile:(\d+)$")


@dataclass(frozen=True)
class Review:
    present: str
    """The text of the project's own file when the review began; empty without one."""
    file: Path
    findings: tuple[Remark, ...]
    difference: tuple[str, ...]
    """A unified diff; empty if both are identical, or if the candidate is not a Dockerfile."""

    @property
    def blocking(self) -> tuple[Remark, ...]:
        return tuple(finding for finding in self.findings if finding.blocking)


def present(file: Path, root: Path) -> str:
    """Return the text of the project's own file, empty if there is none. Raises AutomationError."""
    shown = paths.readable(file, root)
    if file.is_symlink():
        raise AutomationError(
            f"{shown} is a link",
            why="a review compares with the project's own file",
            remedies=[f"ls -l {shown}"],
        )
    return files.read_text(root, shown) if file.exists() else ""


async def ask(settings: Settings, docker: Docker, service: str, emit: Emit) -> Candidate:
    """Return the candidate of Docker's AI agent. Raises AutomationError if there is none.

    The answer is kept in the state directory, where a person can fix it.
    """
    profile, rules = profiles.load(PROFILE, settings.root), profiles.load_rules(settings.root)
    own = present(settings.root / service / "Dockerfile", settings.root)
    with step(emit, "agent") as running:
        version = await agent.version(docker)
        answer = await agent.ask(docker, await agent.prompt(settings, profile, rules, service, own), running)
        kept = settings.state_dir / "review" / f"{service}.Dockerfile"
        files.make_directory(kept.parent)
        files.write_text(kept, answer)
        try:
            proposed = candidate.from_answer(answer, agent.NAME)
        except AutomationError as error:
            remedies = ["the same command again", f"edit the answer in {kept}, then review that file"]
            raise AutomationError(
                error.what, why=error.why, details=error.details, remedies=remedies
            ) from error
        files.write_text(kept, proposed.text)
        running.detail = f"{version}: {proposed.text.count(chr(10))} lines, in {kept}"
        return replace(proposed, source=f"{agent.NAME} ({version})")


async def review(
    settings: Settings,
    docker: Docker,
    service: str,
    proposed: Candidate,
    emit: Emit,
    *,
    seconds: float | None = None,
) -> Review:
    """Lint, build and examine the candidate. Only its text stays on this machine.

    A build takes at most `seconds`, by default the contract's limit. Raises AutomationError if the candidate
    cannot be reviewed; its faults are in the review.
    """
    profile = profiles.load(PROFILE, settings.root)
    file = settings.root / service / "Dockerfile"
    own = present(file, settings.root)
    limit = seconds or float(profiles.load_rules(settings.root).times.build_max_s)
    given = plan.image_arguments(profile, service, plan.read_version(settings, profile))
    trial = await _plan(settings, profile, service, proposed.text, own, given)
    reviewer = _Reviewer(settings, docker, profile, proposed.text, trial, emit)
    await reviewer.work(own, given, limit)
    name = f"{service}/Dockerfile"
    difference = difflib.unified_diff(
        own.splitlines(), proposed.text.splitlines(), name, f"{name} ({proposed.source})", lineterm=""
    )
    ranked = sorted(reviewer.findings, key=lambda finding: (not finding.blocking, finding.line or 10**6))
    compared = () if reviewer.has(dangers.NOT_A_DOCKERFILE) else tuple(map(visible, difference))
    return Review(own, file, tuple(ranked), compared)


async def _plan(
    settings: Settings, profile: Profile, service: str, text: str, own: str, given: Mapping[str, str]
) -> Plan:
    file = parse(text)
    arguments = {name: value for name, value in given.items() if name in file.arguments}
    used = {expand(stage.base, file.preset(arguments)) for stage in file.stages}
    replacements = (wish.partition("=")[::2] for wish in settings.bases)
    requested = dangers.secrets(text)
    return Plan(
        profile=profile.name,
        service=service,
        image=REPOSITORY,
        dockerfile=f"{service}/Dockerfile",
        target=profile.name if profile.name in map(str.lower, file.names) else "",
        arguments={
            **arguments,
            **profile.service(service).environment.build_arguments,
            **({} if dangers.own_caches(text, own) else _SEPARATE_CACHES),
        },
        platform="",
        content=uuid.uuid4().hex[:12],
        revision=await revision.find(settings, ["."], [], "candidate"),
        version=given["VERSION"],
        own_tag="",
        tags=(),
        bases={base: new for base, new in replacements if new and base in used - {*SERVICES}},
        secrets={name: path for name, path in settings.build_secrets.items() if name in requested},
    )


class _BlockedError(AutomationError):
    """A part found something that blocks the candidate; the review continues."""


@dataclass
class _Reviewer:
    """Judges a candidate in parts; each part is a step, and fails if one of its findings blocks."""

    settings: Settings
    docker: Docker
    profile: Profile
    text: str
    plan: Plan
    emit: Emit
    findings: list[Remark] = field(default_factory=list)

    def has(self, rule: str) -> bool:
        return any(finding.rule == rule for finding in self.findings)

    async def work(self, own: str, given: Mapping[str, str], limit: float) -> None:
        """Run each part that the findings so far allow."""
        root = self.settings.root
        with self._part("text", "safe to build") as (found, _):
            found += dangers.search(self.text, own, _repositories(root), given)
        if self.has(dangers.NOT_A_DOCKERFILE):
            return
        dangerous = bool(self.findings)
        with self._part("lint", "no warning of hadolint") as (found, _):
            pragmas = not dangers.silencers(self.text, own)
            found += await lint.hadolint(self.text, root, self.settings.environ, pragmas=pragmas)
        if dangerous:
            await self._examine("")
            return
        ignore = f"{self.plan.service}/.dockerignore"
        if not (root / ignore).is_file():
            raise AutomationError(
                f"{ignore} is missing",
                why=f"without it, a build would see everything in {self.plan.service}",
                remedies=[f"git checkout -- {ignore}"],
            )
        with tempfile.TemporaryDirectory(prefix="review-") as directory:
            file = Path(directory, "Dockerfile")
            files.write_text(file, self.text)
            await self._build(replace(self.plan, dockerfile=str(file)), limit)

    async def _build(self, trial: Plan, limit: float) -> None:
        contexts = [
            word
            for base, new in trial.bases.items()
            for word in ("--build-context", f"{base}=docker-image://{new}")
        ]
        with self._part("checks", "no warning of the builder") as (found, _):
            found += await lint.builder_checks(self.docker, [*contexts, *build.inputs(trial)])
        if self.has(lint.UNREADABLE):
            await self._examine("")
            return
        replaced = ", ".join(f"{new} for {base}" for base, new in trial.bases.items())
        try:
            with self._part("build", f"built, with {replaced}" if replaced else "built") as (found, running):
                command = build.command(trial, ["--load", "--tag", trial.reference, *contexts])
                found += await _build(self.docker, trial, command, running, limit)
            await self._examine("" if found else trial.reference)
        finally:
            # By name: an image that is identical to one of the project's keeps that one's names.
            await asyncio.shield(self.docker.complete("image", "rm", "--force", trial.reference))

    async def _examine(self, image: str) -> None:
        """Check the text, and the image if there is one, against the contract."""
        passing = f"meets the profile {self.profile.name}" if image else "the text passes; there is no image"
        with self._part("contract", passing) as (found, running):
            running.progress("reading the image" if image else "reading the text")
            try:
                findings = await examine(
                    self.settings,
                    self.profile,
                    self.plan.service,
                    self.text,
                    docker=self.docker,
                    image=image,
                    target=self.plan.target,
                    arguments=self.plan.arguments,
                )
            except DockerfileError as error:
                message = visible(f"{error.what}. {error.why}".strip())
                found.append(Remark("contract", "dockerfile", message, remedy="correct the line"))
                return
            for finding in findings:
                if finding.outcome is Outcome.FAILED:
                    message = f"requires {finding.required.rstrip('.')}; observed {finding.observed}"
                    remedy = visible(finding.remedy)
                    found.append(Remark("contract", finding.rule, visible(message), remedy=remedy))

    @contextlib.contextmanager
    def _part(self, name: str, passing: str) -> Iterator[tuple[list[Remark], Step]]:
        found: list[Remark] = []
        with contextlib.suppress(_BlockedError), step(self.emit, name) as running:
            yield found, running
            if blocking := sum(finding.blocking for finding in found):
                raise _BlockedError(f"{blocking} blocking finding{'s' if blocking > 1 else ''}")
            running.detail = f"{passing}, {len(found)} remarks" if found else passing
        self.findings += found


async def _build(
    docker: Docker, trial: Plan, command: Sequence[str], running: Step, seconds: float
) -> list[Remark]:
    """Build, and return what prevents the image: nothing, or one remark."""
    progress, size = Progress(), 0
    try:
        async with asyncio.timeout(seconds), docker.running(*command) as process:
            async for line in processes.lines(process):
                size += len(line)
                if size > _MAX_OUTPUT_BYTES:
                    return [Remark("build", "output", "the output is too long", details=_tail(progress))]
                progress.feed(line)
                running.progress(visible(progress.describe())[:200])
            if await process.wait() == 0:
                return []
        error = progress.failed.error if progress.failed else " ".join(progress.rest)[-400:]
        rule, message, remedy = "failed", visible(error or "the build failed"), "correct the line"
        explained = build_failure.explain(trial, progress, docker.settings)
        if progress.failed and explained.remedies:
            message, remedy = visible(explained.why), visible("   or   ".join(explained.remedies))
    except TimeoutError:
        rule, message = "time", f"does not finish within {seconds:.0f} s, the limit of a build"
        remedy = "shorten the step at which it stopped"
    locations = (_LOCATION.match(line.strip()) for line in progress.rest)
    number = next((int(location[1]) for location in locations if location), None)
    return [Remark("build", rule, message, number, details=_tail(progress), remedy=remedy)]


def _tail(progress: Progress) -> tuple[str, ...]:
    """Return the last lines of the step that failed, or else of the steps that were running."""
    steps = [progress.failed] if progress.failed else [step for step in progress.steps if step.running]
    lines = [line for step in steps for line in (step.text, *step.lines)]
    return tuple(visible(line)[:200] for line in lines[-_LAST_LINES:])


def _repositories(root: Path) -> set[str]:
    """Return the images that the contracts build on, without their tags."""
    loaded = [profiles.load(name, root) for name in profiles.names(root)]
    bases = [(own.backend.base, own.frontend.base, own.frontend.build_base) for own in loaded]
    return {base.partition(":")[0] for group in bases for base in group}
