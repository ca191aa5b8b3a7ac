"""Runs a review: obtain the candidate, judge it part by part, and compare it with the present file."""

import contextlib
import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from automation.console.errors import AutomationError
from automation.console.events import Emit, Step, step
from automation.contract import profiles
from automation.contract.models import SERVICES, Profile
from automation.docker.cli import Docker
from automation.docker.dockerfile import DockerfileError, expand, parse
from automation.images import plan, revision
from automation.process import files
from automation.review import adoption, agent, candidate, dangers, lint, request, trial
from automation.review.candidate import Candidate, Remark, visible
from automation.settings import Settings
from automation.verify.check import Outcome
from automation.verify.examine import examine

PROFILE = "gordon"
"""The profile with the contract for candidates."""

_SEPARATE_CACHES = {"BUILDKIT_CACHE_MOUNT_NS": "review"}


@dataclass(frozen=True)
class Review:
    """The result of a review."""

    service: str
    candidate: Candidate
    present: str
    """The text of the project's own file when the review began; empty without one."""
    file: Path
    findings: tuple[Remark, ...]
    difference: tuple[str, ...]
    """A unified diff; empty if both are identical, or if the candidate is not a Dockerfile."""

    @property
    def blocking(self) -> tuple[Remark, ...]:
        """The findings that prevent adoption."""
        return tuple(finding for finding in self.findings if finding.blocking)

    def to_mapping(self) -> dict[str, Any]:
        """Return the review for JSON."""
        return {
            "profile": PROFILE,
            "service": self.service,
            "source": self.candidate.source,
            "fit": not self.blocking,
            "findings": [asdict(finding) for finding in self.findings],
            "diff": "\n".join(self.difference),
        }


async def ask(settings: Settings, docker: Docker, service: str, emit: Emit) -> Candidate:
    """Return the candidate of Docker's AI agent. Raises AutomationError if there is none.

    The answer is kept in the state directory, where a person can fix it.
    """
    profile, rules = profiles.load(PROFILE, settings.root), profiles.load_rules(settings.root)
    present = adoption.present(settings.root / service / "Dockerfile", settings.root)
    with step(emit, "agent") as running:
        version = await agent.version(docker)
        prompt = await request.compose(settings, profile, rules, service, present)
        answer = await agent.ask(docker, prompt, running)
        kept = settings.state_dir / "review" / f"{service}.Dockerfile"
        files.make_directory(kept.parent)
        files.write_text(kept, answer)
        try:
            proposed = candidate.from_answer(answer, agent.NAME)
        except AutomationError as error:
            raise AutomationError(
                error.what,
                why=error.why,
                details=error.details,
                remedies=["the same command again", f"edit the answer in {kept}, then review that file"],
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
    present = adoption.present(file, settings.root)
    limit = seconds or float(profiles.load_rules(settings.root).times.build_max_s)
    given = plan.image_arguments(profile, service, plan.read_version(settings, profile))
    ingredients = await _ingredients(settings, profile, service, proposed.text, present, given)
    reviewer = _Reviewer(settings, docker, profile, proposed.text, ingredients, emit)
    await reviewer.work(present, given, limit)
    return Review(
        service=service,
        candidate=proposed,
        present=present,
        file=file,
        findings=tuple(
            sorted(reviewer.findings, key=lambda finding: (not finding.blocking, finding.line or 10**6))
        ),
        difference=()
        if reviewer.has(dangers.NOT_A_DOCKERFILE)
        else tuple(_difference(present, proposed, f"{service}/Dockerfile")),
    )


def describe(findings: Sequence[Remark]) -> Iterator[str]:
    """Yield the findings as lines for a person."""
    for finding in findings:
        where = f"line {finding.line}" if finding.line else ""
        mark = "blocks" if finding.blocking else "remark"
        yield f"{mark}  {where:<9} {finding.source} {finding.rule}: {finding.message}"
        yield from (f"{'':18} {line}" for line in finding.details)
        if finding.remedy:
            yield f"{'':18} try   {finding.remedy}"


class _BlockedError(AutomationError):
    """A part found something that blocks the candidate; the review continues."""


@dataclass
class _Reviewer:
    """Judges a candidate in parts; each part is a step, and fails if one of its findings blocks."""

    settings: Settings
    docker: Docker
    profile: Profile
    text: str
    ingredients: trial.Ingredients
    emit: Emit
    findings: list[Remark] = field(default_factory=list)

    def has(self, rule: str) -> bool:
        """Return whether there is a finding of this rule."""
        return any(finding.rule == rule for finding in self.findings)

    async def work(self, present: str, given: Mapping[str, str], limit: float) -> None:
        """Run each part that the findings so far allow."""
        with self._part("text", "safe to build") as (found, _):
            found += dangers.search(self.text, present, _repositories(self.settings.root), given)
        if self.has(dangers.NOT_A_DOCKERFILE):
            return
        dangerous = bool(self.findings)
        with self._part("lint", "no warning of hadolint") as (found, _):
            pragmas = not dangers.silencers(self.text, present)
            found += await lint.hadolint(
                self.text, self.settings.root, self.settings.environ, pragmas=pragmas
            )
        if dangerous:
            await self._examine("")
        else:
            with trial.folder(self.text, self.ingredients, self.settings.root) as arguments:
                await self._build(arguments, limit)

    async def _build(self, arguments: Sequence[str], limit: float) -> None:
        with self._part("checks", "no warning of the builder") as (found, _):
            found += await lint.builder_checks(self.docker, arguments)
        if self.has(lint.UNREADABLE):
            await self._examine("")
            return
        replaced = [f"{replacement} for {base}" for base, replacement in self.ingredients.bases.items()]
        passing = f"built, with {', '.join(replaced)}" if replaced else "built"
        async with contextlib.AsyncExitStack() as images:
            with self._part("build", passing) as (found, running):
                built = await images.enter_async_context(trial.image(self.docker, arguments, running, limit))
                if isinstance(built, Remark):
                    found.append(built)
            await self._examine("" if isinstance(built, Remark) else built)

    async def _examine(self, image: str) -> None:
        """Check the text, and the image if there is one, against the contract."""
        passing = f"meets the profile {self.profile.name}" if image else "the text passes; there is no image"
        with self._part("contract", passing) as (found, running):
            running.progress("reading the image" if image else "reading the text")
            try:
                findings = await examine(
                    self.settings,
                    self.profile,
                    self.ingredients.service,
                    self.text,
                    docker=self.docker,
                    image=image,
                    target=self.ingredients.target,
                    arguments=self.ingredients.arguments,
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


async def _ingredients(
    settings: Settings, profile: Profile, service: str, text: str, present: str, given: Mapping[str, str]
) -> trial.Ingredients:
    file = parse(text)
    arguments = {name: value for name, value in given.items() if name in file.arguments}
    used = {expand(stage.base, file.preset(arguments)) for stage in file.stages}
    made = await revision.find(settings, ["."], [], "candidate")
    labels = {
        "version": given["VERSION"], "created": made.created, "revision": made.name, "source": made.source
    }  # fmt: skip
    replacements = (wish.partition("=")[::2] for wish in settings.bases)
    requested = dangers.secrets(text)
    return trial.Ingredients(
        service=service,
        target=profile.name if profile.name in map(str.lower, file.names) else "",
        arguments={
            **arguments,
            **profile.service(service).environment.build_arguments,
            **({} if dangers.own_caches(text, present) else _SEPARATE_CACHES),
        },
        labels={f"org.opencontainers.image.{name}": value for name, value in labels.items()},
        bases={
            base: replacement
            for base, replacement in replacements
            if replacement and base in used - {*SERVICES}
        },
        secrets={name: file for name, file in settings.build_secrets.items() if name in requested},
    )


def _repositories(root: Path) -> set[str]:
    """Return the images that the contracts build on, without their tags."""
    loaded = [profiles.load(name, root) for name in profiles.names(root)]
    bases = {base for profile in loaded for base in (profile.backend.base, profile.frontend.base)}
    bases |= {profile.frontend.build_base for profile in loaded}
    return {base.partition(":")[0] for base in bases}


def _difference(present: str, proposed: Candidate, name: str) -> Iterator[str]:
    lines = difflib.unified_diff(
        present.splitlines(), proposed.text.splitlines(), name, f"{name} ({proposed.source})", lineterm=""
    )
    return map(visible, lines)
