"""A review from beginning to end: whose candidate, what is wrong with it, and how it differs."""

import contextlib
import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from automation.console.errors import AutomationError
from automation.console.events import Emit, Step, step
from automation.contract import profiles
from automation.contract.models import Frontend, Profile
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
"""The profile whose contract a candidate is held against."""

_SEPARATE_CACHES = {"BUILDKIT_CACHE_MOUNT_NS": "review"}


@dataclass(frozen=True)
class Review:
    """What came of a review."""

    service: str
    candidate: Candidate
    present: str
    """The project's own text when the review began; empty without one."""
    file: Path
    """The project's own file."""
    findings: tuple[Remark, ...]
    difference: tuple[str, ...]
    """A unified diff; nothing when the two are the same."""

    @property
    def blocking(self) -> tuple[Remark, ...]:
        """The findings that keep the candidate from being adopted."""
        return tuple(each for each in self.findings if each.blocking)

    def to_mapping(self) -> dict[str, Any]:
        """Return the review as plain data."""
        return {
            "profile": PROFILE,
            "service": self.service,
            "source": self.candidate.source,
            "fit": not self.blocking,
            "findings": [asdict(each) for each in self.findings],
            "diff": "\n".join(self.difference),
        }


async def ask(settings: Settings, docker: Docker, service: str, emit: Emit) -> Candidate:
    """Return the candidate of Docker's AI agent. Raises AutomationError when it cannot be had.

    What was answered is kept in the folder of the state, where a person can fix it.
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
                remedies=["the same command again", f"make a Dockerfile of the answer, which is in {kept}"],
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
    """Lint, build and examine the candidate; nothing of it is left on this machine but its text.

    A build takes at most what the contract allows, or so many `seconds`. Raises AutomationError when that
    cannot be done; what is wrong with the candidate is in the review.
    """
    profile = profiles.load(PROFILE, settings.root)
    file = settings.root / service / "Dockerfile"
    present = adoption.present(file, settings.root)
    limit = seconds or float(profiles.load_rules(settings.root).times.build_max_s)
    given = plan.image_arguments(profile, service, plan.read_version(settings, profile))
    ingredients = await _ingredients(settings, profile, service, proposed.text, present, given)
    reviewer = _Reviewer(settings, docker, profile, proposed.text, ingredients, emit)
    await reviewer.work(present, given, limit)
    foreign = any(remark.rule == dangers.NOT_A_DOCKERFILE for remark in reviewer.findings)
    return Review(
        service=service,
        candidate=proposed,
        present=present,
        file=file,
        findings=tuple(sorted(reviewer.findings, key=lambda each: (not each.blocking, each.line or 10**6))),
        difference=() if foreign else tuple(_difference(present, proposed, f"{service}/Dockerfile")),
    )


def describe(found: Sequence[Remark]) -> Iterator[str]:
    """Yield the findings as lines for a person."""
    for each in found:
        where = f"line {each.line}" if each.line else ""
        mark = "blocks" if each.blocking else "remark"
        yield f"{mark}  {where:<9} {each.source} {each.rule}: {each.message}"
        yield from (f"{'':18} {line}" for line in each.details)
        if each.remedy:
            yield f"{'':18} try   {each.remedy}"


class _BlockedError(AutomationError):
    """Something stands against the candidate, and the review goes on."""


@dataclass
class _Reviewer:
    """Looks at one candidate, part by part; each part is a step, and fails when something it finds blocks."""

    settings: Settings
    docker: Docker
    profile: Profile
    text: str
    ingredients: trial.Ingredients
    emit: Emit
    findings: list[Remark] = field(default_factory=list)

    async def work(self, present: str, given: Mapping[str, str], limit: float) -> None:
        """Do every part that what was found before allows."""
        with self._part("text", "nothing in it that must not be built") as (found, _):
            found += dangers.search(self.text, present, _repositories(self.settings.root), given)
        if any(remark.rule == dangers.NOT_A_DOCKERFILE for remark in self.findings):
            return
        dangerous = bool(self.findings)
        with self._part("lint", "hadolint has nothing against it") as (found, _):
            pragmas = not dangers.silencers(self.text, present)
            found += await lint.hadolint(
                self.text, self.settings.root, self.settings.environ, pragmas=pragmas
            )
        if dangerous:
            await self._hold("")
        else:
            with trial.folder(self.text, self.ingredients, self.settings.root) as arguments:
                await self._try(arguments, limit)

    async def _try(self, arguments: Sequence[str], limit: float) -> None:
        with self._part("checks", "the builder's own checks have nothing against it") as (found, _):
            found += await lint.builder_checks(self.docker, arguments)
        if any(each.rule == lint.UNREADABLE for each in self.findings):
            await self._hold("")
            return
        others = [f"{new} for {old}" for old, new in self.ingredients.bases.items()]
        async with contextlib.AsyncExitStack() as images:
            with self._part("build", f"built, with {', '.join(others)}" if others else "built") as (
                found,
                running,
            ):
                built = await images.enter_async_context(trial.image(self.docker, arguments, running, limit))
                if isinstance(built, Remark):
                    found.append(built)
            await self._hold("" if isinstance(built, Remark) else built)

    async def _hold(self, image: str) -> None:
        """Hold the text, and the image where there is one, against the contract."""
        kept = (
            f"as the profile {self.profile.name} requires" if image else "the text is right; no image to see"
        )
        with self._part("contract", kept) as (found, running):
            running.progress("reading the image" if image else "reading the text")
            try:
                held = await examine(
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
                message = f"{error.what}. {error.why}".strip()
                found.append(Remark("contract", "dockerfile", visible(message), remedy="see the line"))
                return
            found += [
                Remark(
                    "contract",
                    each.rule,
                    visible(f"requires {each.required.rstrip('.')}; observed {each.observed}"),
                    remedy=visible(each.remedy),
                )
                for each in held
                if each.outcome is Outcome.FAILED
            ]

    @contextlib.contextmanager
    def _part(self, name: str, nothing: str) -> Iterator[tuple[list[Remark], Step]]:
        found: list[Remark] = []
        with contextlib.suppress(_BlockedError), step(self.emit, name) as running:
            yield found, running
            blocking = sum(1 for each in found if each.blocking)
            if blocking:
                raise _BlockedError(f"{blocking} finding{'s' if blocking > 1 else ''} against it")
            running.detail = f"{nothing}, {len(found)} remarks" if found else nothing
        self.findings += found


async def _ingredients(
    settings: Settings, profile: Profile, service: str, text: str, present: str, given: Mapping[str, str]
) -> trial.Ingredients:
    file = parse(text)
    each = profile.service(service)
    arguments = {name: value for name, value in given.items() if name in file.arguments}
    used = {expand(stage.base, file.preset(arguments)) for stage in file.stages}
    made = await revision.find(settings, ["."], [], "candidate")
    labels = {
        "version": given["VERSION"], "created": made.created, "revision": made.name, "source": made.source
    }  # fmt: skip
    return trial.Ingredients(
        service=service,
        target=profile.name if profile.name in map(str.lower, file.names) else "",
        arguments={
            **arguments,
            **each.environment.build_arguments,
            **({} if dangers.own_caches(text, present) else _SEPARATE_CACHES),
        },
        labels={f"org.opencontainers.image.{name}": value for name, value in labels.items()},
        bases={old: new for old, new in _bases(settings.bases) if old in used},
        secrets={
            name: secret for name, secret in settings.build_secrets.items() if name in dangers.secrets(text)
        },
    )


def _bases(wishes: Sequence[str]) -> Iterator[tuple[str, str]]:
    for wish in wishes:
        old, _, new = wish.partition("=")
        if new and old not in {"backend", "frontend"}:
            yield old, new


def _repositories(root: Path) -> set[str]:
    """Return the images that the contracts build on, without their tags."""
    found = set()
    for name in profiles.names(root):
        profile = profiles.load(name, root)
        for each in (profile.backend, profile.frontend):
            bases = [each.base, *([each.build_base] if isinstance(each, Frontend) else [])]
            found |= {base.partition(":")[0] for base in bases}
    return found


def _difference(present: str, proposed: Candidate, name: str) -> Iterator[str]:
    lines = difflib.unified_diff(
        present.splitlines(), proposed.text.splitlines(), name, f"{name} ({proposed.source})", lineterm=""
    )
    return (visible(line) for line in lines)
