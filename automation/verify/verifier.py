"""Verifies profiles: builds missing images, gathers the facts that the chosen checks need, and judges them.

Facts flow one way: each step returns what it observed, and the checks get all of it. Work that only waits
runs at the same time; work that measures time runs alone.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from automation.console.errors import AutomationError, UsageError
from automation.console.events import Emit, step
from automation.contract import formats, profiles
from automation.contract.contract import Contract
from automation.contract.models import SERVICES, Profile
from automation.docker import dockerfile
from automation.docker.cli import Docker
from automation.images import build, plan
from automation.images.plan import Options, Plan
from automation.kubernetes import install
from automation.project import git
from automation.settings import Settings
from automation.verify import facts
from automation.verify.check import Check, Finding, Outcome
from automation.verify.facts import Fact
from automation.verify.gather import (
    charts,
    composition,
    endurance,
    health,
    origins,
    pair,
    released,
    reloading,
    renderings,
    sandbox,
    sources,
)
from automation.verify.gather.content import Content
from automation.verify.gather.inspection import Inspector
from automation.verify.gather.sandbox import Sandbox
from automation.verify.gather.stack import Stack
from automation.verify.gather.variables import try_variables

_IMAGES: set[type[Any]] = {facts.Config, Content, facts.ImageLeaks, facts.Names, facts.Builds}
_PAIR: set[type[Any]] = {facts.Container, facts.Pair, facts.Endurance}
_CONTAINERS = _PAIR | {
    facts.HealthTrial,
    facts.Configured,
    facts.Unconfigured,
    facts.Misconfigured,
    facts.Reloading,
}


@dataclass(frozen=True)
class Verification:
    """The findings about a profile."""

    profile: str
    findings: tuple[Finding, ...]
    replaced: Mapping[str, str]  # base image -> its replacement
    seconds: float

    def of(self, outcome: Outcome) -> tuple[Finding, ...]:
        """Return the findings with this outcome."""
        return tuple(finding for finding in self.findings if finding.outcome is outcome)

    def to_mapping(self) -> dict[str, Any]:
        """Return the findings as plain data."""
        return {
            "profile": self.profile,
            "passed": len(self.of(Outcome.PASSED)),
            "failed": len(self.of(Outcome.FAILED)),
            "not_applicable": len(self.of(Outcome.NOT_APPLICABLE)),
            "bases": dict(self.replaced),
            "seconds": round(self.seconds, 1),
            "findings": [asdict(finding) for finding in self.findings],
        }


class Verifier:
    """Verifies profiles one after another; what they share is observed once."""

    def __init__(
        self,
        settings: Settings,
        checks: Sequence[Check],
        emit: Emit,
        *,
        images: Mapping[str, str] | None = None,
    ) -> None:
        """Take the checks, and the images to verify instead of the project's own.

        Raises UsageError for what cannot be the name of an image.
        """
        self._settings = settings
        self._checks = checks
        self._emit = emit
        self._given = {service: reference for service, reference in (images or {}).items() if reference}
        for service, reference in self._given.items():
            if formats.image(reference):
                raise UsageError(
                    f"--image-{service} is {reference!r}, which is not the name of an image",
                    why="a name looks like todo-backend:latest; an image's id works, too",
                    remedies=["docker image ls"],
                )
        self._rules = profiles.load_rules(settings.root)
        self._needs = {kind for check in checks for kind in check.needs}
        self._inspector: Inspector | None = None
        self._leaks: Mapping[str, facts.Leaks] = {}
        self._development: dict[tuple[str, str], Plan] = {}
        self._unplanned: AutomationError | None = None
        self._reloaded: dict[tuple[str, ...], facts.Reloading] = {}

    async def plans(self, profiles: Sequence[Profile], bases: Sequence[str]) -> tuple[Plan, ...]:
        """Return the plans of the profiles' images. Raises AutomationError."""
        if self._needs & {facts.Development, facts.Building, facts.Reloading}:
            options = Options(development=True, bases=tuple(bases))
            try:
                made = await plan.plan_all(self._settings, profiles, SERVICES, options)
                self._development = {(own.profile, own.service): own for own in made}
            except AutomationError as error:
                self._unplanned = error
        return await plan.plan_all(self._settings, profiles, SERVICES, Options(bases=tuple(bases)))

    async def verify(self, profile: Profile, plans: Sequence[Plan]) -> Verification:
        """Check a profile against its contract. Raises AutomationError if facts cannot be gathered."""
        began = time.monotonic()
        own = {made.service: made for made in plans if made.profile == profile.name}
        images = self._needs & (_IMAGES | _CONTAINERS)
        if images:
            await self._require_given()
        gathered = await self._read_files(profile, own)
        if images:
            gathered += await self._look_at_images(profile, own)
        if facts.Released in self._needs:
            release = await released.read(self._settings, profile)
            gathered += [(service, release) for service in ("", *SERVICES)]
        if facts.Installs in self._needs:
            absent = "" if profile.kubernetes else "the profile is not for Kubernetes"
            gathered.append(("", facts.Installs(absent, **install.recorded(self._settings))))
        replaced = {old: new for made in own.values() for old, new in made.bases.items()}
        findings = tuple(self._judge(profile, gathered))
        return Verification(profile.name, findings, replaced, time.monotonic() - began)

    def _judge(self, profile: Profile, gathered: Sequence[Fact]) -> Iterator[Finding]:
        for check in self._checks:
            for service in SERVICES if check.per_service else ("",):
                if check.only in {"", service}:
                    own = {
                        type(fact) if name == service else (name, type(fact)): fact for name, fact in gathered
                    }
                    yield check.evaluate(Contract(profile, self._rules, service), own)

    async def _require_given(self) -> None:
        """Raise UsageError if a given image does not exist, before anything is started."""
        if not self._given:
            return
        existing = await Docker.find(self._settings).images(*self._given.values())
        for service, reference in self._given.items():
            if reference not in existing:
                raise UsageError(
                    f"--image-{service}: there is no image {reference} here",
                    remedies=[f"docker pull {reference}", "docker image ls"],
                )

    async def _read_files(self, profile: Profile, plans: Mapping[str, Plan]) -> list[Fact]:
        root = self._settings.root
        with step(self._emit, "files") as running:
            tracked = await sources.tracked(self._settings)
            gatherers: Mapping[type[Any], Callable[[str], Any]] = {
                facts.Locks: lambda _: origins.locks(root),
                facts.Packages: lambda _: origins.packages(root),
                facts.Source: lambda service: sources.source(root, plans[service]),
                facts.Context: lambda service: sources.build_context(
                    root, plans[service].dockerfile, tracked
                ),
                facts.Development: lambda service: self._read_development(profile, service),
                facts.Building: lambda service: self._read_building(profile, plans[service]),
            }
            gathered: list[Fact] = [
                (service, gather(service))
                for kind, gather in gatherers.items()
                for service in plans
                if kind in self._needs
            ]
            if facts.Template in self._needs:
                gathered.append(("", await sources.template(self._settings)))
            if facts.Leaks in self._needs:
                if not self._leaks:
                    self._leaks = await sources.leaks(self._settings, profile)
                gathered += self._leaks.items()
            if facts.Compositions in self._needs:
                docker, backend = Docker.find(self._settings), Contract(profile, self._rules, "backend")
                gathered.append(("", await composition.read(docker, backend)))
            if facts.Charts in self._needs:
                gathered.append(("", await charts.read(self._settings, profile)))
            if facts.Renderings in self._needs:
                gathered.append(("", await renderings.read(self._settings, profile)))
            if facts.Refusals in self._needs:
                gathered.append(("", await renderings.read_refusals(self._settings, profile)))
            running.detail = "Dockerfiles, contexts, Compose, the chart"
        return gathered

    def _read_development(self, profile: Profile, service: str) -> facts.Development:
        try:
            source = sources.source(self._settings.root, self._development_plan(profile, service))
            return facts.Development(source.dockerfile, source.replaced)
        except AutomationError as error:
            return facts.Development(failure=error.what, remedy=" or ".join(error.remedies))

    def _read_building(self, profile: Profile, own: Plan) -> facts.Building:
        try:
            plans, root = (own, self._development_plan(profile, own.service)), self._settings.root
            return sources.building((plan, dockerfile.load(root, plan.dockerfile)) for plan in plans)
        except AutomationError as error:
            return facts.Building(failure=error.what, remedy=" or ".join(error.remedies))

    def _development_plan(self, profile: Profile, service: str) -> Plan:
        if self._unplanned is not None:
            raise self._unplanned
        return self._development[profile.name, service]

    async def _look_at_images(self, profile: Profile, plans: Mapping[str, Plan]) -> list[Fact]:
        docker = Docker.find(self._settings)
        await self._build(docker, [own for service, own in plans.items() if service not in self._given])
        images = {service: own.reference for service, own in plans.items()} | self._given
        if not self._needs & _CONTAINERS:
            return await self._inspect(docker, profile, images, plans)
        async with sandbox.opened(docker, images["backend"]) as opened:
            gathered = await self._run(Stack(opened, profile, self._rules, images), plans)
            if facts.Reloading in self._needs:
                gathered += await self._reload(opened, profile)
        return gathered

    async def _build(self, docker: Docker, plans: Sequence[Plan]) -> None:
        if plans:
            for outcome in await build.converge(docker, plans, self._emit):
                build.record(self._settings, outcome)

    async def _run(self, stack: Stack, plans: Mapping[str, Plan]) -> list[Fact]:
        """Observe containers; read the images while these only wait."""
        gathered: list[Fact] = []
        with step(self._emit, "containers") as running:
            works: list[Coroutine[Any, Any, list[Fact]]] = []
            if self._needs & _PAIR:
                services, both = await pair.observe(stack, running.progress)
                gathered = [("", both), *((name, service.fact) for name, service in services.items())]
                if facts.Endurance in self._needs:
                    works.append(endurance.endure(stack, services, running.progress))
            works.append(try_variables(stack, self._needs))
            if facts.HealthTrial in self._needs:
                works.append(health.try_programs(stack))
            if self._needs & _IMAGES:
                works.append(self._inspect(stack.sandbox.docker, stack.profile, stack.images, plans))
            gathered += await _all_of(works)
            running.detail = "started, sent requests, left idle, killed, stopped"
        return gathered

    async def _reload(self, opened: Sandbox, profile: Profile) -> list[Fact]:
        """Measure what no profile has measured yet with the same base images and the same command."""
        keys: dict[str, tuple[str, ...]] = {}
        try:
            plans = [self._development_plan(profile, service) for service in SERVICES]
            keys = {own.service: _reloading_key(profile, own) for own in plans}
            missing = [own for own in plans if keys[own.service] not in self._reloaded]
            await self._build(opened.docker, missing)
        except AutomationError as error:
            failure = facts.Reloading(failure=error.what, remedy=" or ".join(error.remedies))
            return [(service, self._reloaded.get(keys.get(service, ()), failure)) for service in SERVICES]
        if missing:
            with step(self._emit, "development") as running:
                for own in missing:
                    running.progress(f"changing a line of the {own.service}")
                    contract = Contract(profile, self._rules, own.service)
                    self._reloaded[keys[own.service]] = await reloading.measure(opened, contract, own)
                running.detail = " · ".join(own.reference for own in missing)
        return [(service, self._reloaded[keys[service]]) for service in SERVICES]

    async def _inspect(
        self, docker: Docker, profile: Profile, images: Mapping[str, str], plans: Mapping[str, Plan]
    ) -> list[Fact]:
        with step(self._emit, "images") as running:
            if self._inspector is None:
                self._inspector = Inspector(docker)
            gathered: list[Fact] = []
            for service, own in plans.items():
                is_given = service in self._given
                times = {} if is_given else build.recorded(self._settings, own)
                config = await self._inspector.config(images[service])
                revision = config.labels.get("org.opencontainers.image.revision", "").removesuffix("-dirty")
                known = await git.ask(self._settings, "cat-file", "-t", f"{revision}^{{commit}}")
                names = facts.Names(own.references, own.version, own.revision.source, bool(known))
                if is_given:  # what it is counts, and not what would be built here
                    version = config.labels.get("org.opencontainers.image.version", "")
                    names = replace(names, planned=(), version=version)
                gathered += [
                    (service, config),
                    (service, names),
                    (service, facts.Builds(times.get("cold_s"), times.get("rebuild_s"))),
                ]
            for service in SERVICES if self._needs & {Content, facts.ImageLeaks} else ():
                running.progress(f"reading the layers of {images[service]}")
                if facts.ImageLeaks in self._needs:
                    secrets = sources.known(self._settings, profile)
                    found = await self._inspector.searched(images[service], secrets)
                    gathered += [(service, fact) for fact in found]
                else:
                    gathered.append((service, await self._inspector.content(images[service])))
            running.detail = " · ".join(images[service] for service in SERVICES)
        return gathered


def _reloading_key(profile: Profile, own: Plan) -> tuple[str, ...]:
    bases = (f"{name}={value}" for name, value in own.arguments.items() if name.endswith("_IMAGE"))
    return (own.service, *profile.service(own.service).development_command, *sorted(bases))


async def _all_of(works: Sequence[Coroutine[Any, Any, list[Fact]]]) -> list[Fact]:
    """Do all work at once; the first failure cancels the rest and is raised."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(work) for work in works]
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None
    return [fact for task in tasks for fact in task.result()]
