"""A review from beginning to end: whose candidate, what is wrong with it, and how it differs."""

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from automation import contract, files
from automation.contract import Frontend, Profile
from automation.docker import Docker
from automation.errors import AutomationError
from automation.events import Emit, Notice, step
from automation.images import plan, revision
from automation.review import adoption, agent, candidate, dangers, dockerfile, lint, request, trial
from automation.review.candidate import Candidate, visible
from automation.review.findings import Finding
from automation.settings import Settings

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
    findings: tuple[Finding, ...]
    difference: tuple[str, ...]
    """A unified diff; nothing when the two are the same."""

    @property
    def blocking(self) -> tuple[Finding, ...]:
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


async def find(
    settings: Settings, docker: Docker, service: str, file: Path | None, emit: Emit, *, ask: bool | None
) -> Candidate:
    """Return the candidate: the file, or the agent's, or where there is no agent the project's own.

    `ask` says whether the agent is asked: when it is there, without an opinion. Raises AutomationError.
    """
    if file is not None:
        return candidate.from_file(file, settings.root)
    own = settings.root / service / "Dockerfile"
    if ask is not False:
        try:
            version = await agent.version(docker)
        except agent.AgentUnavailableError as error:
            if ask:
                raise
            emit(Notice((f"{error.what}, so the project's own Dockerfile is reviewed.",)))
        else:
            return await _ask(settings, docker, service, version, emit)
    return candidate.from_file(own, settings.root)


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
    profile, rules = contract.load(PROFILE, settings.root), contract.load_rules(settings.root)
    file = settings.root / service / "Dockerfile"
    present = adoption.present(file, settings.root)
    given = plan.image_arguments(profile, service, plan.read_version(settings, profile))
    found: list[Finding] = []
    with step(emit, "text") as running:
        found += dangers.look(proposed.text, present, _repositories(settings.root), given)
        running.detail = _count(found, "nothing that must not be built")
    with step(emit, "lint") as running:
        pragmas = not dangers.silencers(proposed.text, present)
        linted = await lint.hadolint(proposed.text, settings.root, settings.environ, pragmas=pragmas)
        found += linted
        running.detail = _count(linted, "hadolint finds nothing")
    if not any(each.source == "candidate" for each in found):
        ingredients = await _ingredients(settings, profile, service, proposed.text, present, given)
        limit = float(rules.times.build_max_s) if seconds is None else seconds
        with trial.folder(proposed.text, ingredients, settings.root) as arguments:
            found += await _try(docker, arguments, limit, emit)
    return Review(
        service=service,
        candidate=proposed,
        present=present,
        file=file,
        findings=tuple(sorted(found, key=lambda each: (not each.blocking, each.line or 10**6))),
        difference=tuple(_difference(present, proposed, f"{service}/Dockerfile")),
    )


def describe(found: Sequence[Finding]) -> Iterator[str]:
    """Yield the findings as lines for a person."""
    for each in found:
        where = f"line {each.line}" if each.line else ""
        mark = "blocks" if each.blocking else "remark"
        yield f"{mark}  {where:<9} {each.source} {each.rule}: {each.message}"
        yield from (f"{'':18} {line}" for line in each.details)
        if each.remedy:
            yield f"{'':18} try   {each.remedy}"


async def _try(docker: Docker, arguments: Sequence[str], limit: float, emit: Emit) -> list[Finding]:
    with step(emit, "checks") as running:
        found = await lint.builder_checks(docker, arguments)
        running.detail = _count(found, "the builder's checks find nothing")
    with step(emit, "build") as running:
        async with trial.image(docker, arguments, running, limit) as built:
            if isinstance(built, Finding):
                running.detail = "it does not build"
                return [*found, built]
            running.detail = f"builds within the {limit:.0f} s that it may take"
    return found


async def _ask(settings: Settings, docker: Docker, service: str, version: str, emit: Emit) -> Candidate:
    profile, rules = contract.load(PROFILE, settings.root), contract.load_rules(settings.root)
    present = adoption.present(settings.root / service / "Dockerfile", settings.root)
    with step(emit, "agent") as running:
        prompt = await request.compose(settings, profile, rules, service, present)
        answer = await agent.ask(docker, prompt, running)
        # What was answered is not lost when it is not what was asked for.
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


async def _ingredients(
    settings: Settings, profile: Profile, service: str, text: str, present: str, given: Mapping[str, str]
) -> trial.Ingredients:
    file = dockerfile.read(text)
    declared = {
        word.partition("=")[0]
        for each in file.instructions()
        if each.keyword == "ARG"
        for word in each.text.split()
    }
    each = profile.service(service)
    arguments = {name: value for name, value in given.items() if name in declared}
    made = await revision.find(settings, ["."], [], "candidate")
    labels = {
        "version": given["VERSION"], "created": made.created, "revision": made.name, "source": made.source
    }  # fmt: skip
    return trial.Ingredients(
        service=service,
        target=profile.name if any(stage.name == profile.name for stage in file.stages) else "",
        arguments={
            **arguments,
            **each.environment.build_arguments,
            **({} if text == present else _SEPARATE_CACHES),
        },
        labels={f"org.opencontainers.image.{name}": value for name, value in labels.items()},
        bases=dict(_bases(settings.bases)),
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
    for name in contract.names(root):
        profile = contract.load(name, root)
        for each in (profile.backend, profile.frontend):
            bases = [each.base, *([each.build_base] if isinstance(each, Frontend) else [])]
            found |= {base.partition(":")[0] for base in bases}
    return found


def _difference(present: str, proposed: Candidate, name: str) -> Iterator[str]:
    lines = difflib.unified_diff(
        present.splitlines(), proposed.text.splitlines(), name, f"{name} ({proposed.source})", lineterm=""
    )
    return (visible(line) for line in lines)


def _count(found: Sequence[Finding], none: str) -> str:
    blocking = sum(1 for each in found if each.blocking)
    if not found:
        return none
    return f"{blocking} findings that block, {len(found) - blocking} remarks"
