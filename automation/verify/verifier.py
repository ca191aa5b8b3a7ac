"""From names of profiles and checks to findings: what is missing is built, facts are gathered, checks judge.

Only the facts that the chosen checks look at are gathered. What waits is done at once; what measures time is
done alone.
"""

import asyncio
import re
import time
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from automation.console.errors import AutomationError, UsageError
from automation.console.events import Emit, Step, step
from automation.contract import profiles
from automation.contract.contract import Contract
from automation.contract.models import SERVICES, Profile
from automation.docker.cli import Docker
from automation.images import build, plan
from automation.images.plan import Options, Plan
from automation.settings import Settings
from automation.verify.check import Check, Finding, Outcome
from automation.verify.facts import (
    Builds,
    Config,
    Configured,
    Container,
    Contents,
    Context,
    Developing,
    Development,
    Endurance,
    Locks,
    Misconfigured,
    Names,
    Pair,
    Production,
    Reloading,
    Source,
    Sources,
    Template,
    Unconfigured,
)
from automation.verify.gather import composition, inspection, laboratory, reloading
from automation.verify.gather.archive import Content
from automation.verify.gather.inspection import Inspector
from automation.verify.gather.laboratory import Laboratory
from automation.verify.gather.leaks import Search
from automation.verify.gather.live import Observed, Stage
from automation.verify.gather.released import Released
from automation.verify.gather.released import read as read_release

_OF_IMAGES: set[type[Any]] = {Config, Content, Contents, Names, Builds}
_RUNNING: set[type[Any]] = {Container, Pair, Endurance}
_STARTED: set[type[Any]] = {Configured, Unconfigured, Misconfigured, Reloading}
_BUILT = _OF_IMAGES | _RUNNING | _STARTED
_COMPONENT = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_REFERENCE = re.compile(
    rf"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::\d+)?/)?{_COMPONENT}(?:/{_COMPONENT})*"
    r"(?::\w[\w.-]{0,127})?(?:@sha256:[0-9a-f]{64})?",
    re.ASCII,
)
"""An image's name as Docker takes it; its id is one, too."""
Facts = dict[type[Any], Any]


@dataclass(frozen=True)
class Verification:
    """What was found of a profile."""

    profile: str
    findings: tuple[Finding, ...]
    replaced: Mapping[str, str]
    """Base images that stood in for others."""
    seconds: float

    def of(self, outcome: Outcome) -> tuple[Finding, ...]:
        """Return the findings with this outcome."""
        return tuple(each for each in self.findings if each.outcome is outcome)

    def to_mapping(self) -> dict[str, Any]:
        """Return the findings as plain data."""
        return {
            "profile": self.profile,
            "passed": len(self.of(Outcome.PASSED)),
            "failed": len(self.of(Outcome.FAILED)),
            "not_applicable": len(self.of(Outcome.NOT_APPLICABLE)),
            "bases": dict(self.replaced),
            "seconds": round(self.seconds, 1),
            "findings": [asdict(each) for each in self.findings],
        }


class Verifier:
    """Verifies profiles one after another; what they share is looked at once."""

    def __init__(
        self,
        settings: Settings,
        checks: Sequence[Check],
        emit: Emit,
        *,
        images: Mapping[str, str] | None = None,
    ) -> None:
        """Take the checks, and by service the images to look at instead of the project's own.

        Raises UsageError for what cannot be the name of an image.
        """
        self._settings = settings
        self._checks = checks
        self._emit = emit
        self._given = {name: reference for name, reference in (images or {}).items() if reference}
        for name, reference in self._given.items():
            if not _REFERENCE.fullmatch(reference):
                raise UsageError(
                    f"--image-{name} is {reference!r}, which is not the name of an image",
                    why="it is one as in todo-backend:latest, or an image's id",
                    remedies=["docker image ls"],
                )
        self._rules = profiles.load_rules(settings.root)
        self._needs = {kind for each in checks for kind in each.needs}
        self._inspector: Inspector | None = None
        self._developing: dict[tuple[str, str], Plan] = {}
        self._unplanned: AutomationError | None = None
        self._reloaded: dict[tuple[str, ...], Reloading] = {}

    async def plans(self, profiles: Sequence[Profile], bases: Sequence[str]) -> tuple[Plan, ...]:
        """Return what the images of the profiles are built from. Raises AutomationError."""
        if {Development, Reloading} & self._needs:
            options = Options(development=True, bases=tuple(bases))
            try:
                made = await plan.plan_all(self._settings, profiles, SERVICES, options)
                self._developing = {(each.profile, each.service): each for each in made}
            except AutomationError as error:
                self._unplanned = error
        return await plan.plan_all(self._settings, profiles, SERVICES, Options(bases=tuple(bases)))

    async def verify(self, profile: Profile, plans: Sequence[Plan]) -> Verification:
        """Hold a profile against its contract. Raises AutomationError when facts cannot be gathered."""
        began = time.monotonic()
        own = {each.service: each for each in plans if each.profile == profile.name}
        whole: Facts = {}
        facts: dict[str, Facts] = {name: {} for name in SERVICES}
        if self._needs & _BUILT:
            await self._require_given()
        await self._read_files(profile, own, whole, facts)
        if self._needs & _BUILT:
            docker = Docker.find(self._settings)
            images = await self._build(docker, own)
            if self._needs & (_RUNNING | _STARTED):
                await self._run(docker, profile, images, own, whole, facts)
            elif self._needs & _OF_IMAGES:
                await self._inspect(docker, profile, images, own, whole, facts)
        if Released in self._needs:
            released = await read_release(self._settings, profile)
            for each in (whole, *facts.values()):
                each[Released] = released
        replaced = {old: new for each in own.values() for old, new in each.bases.items()}
        findings = tuple(self._judge(profile, whole, facts))
        return Verification(profile.name, findings, replaced, time.monotonic() - began)

    async def _require_given(self) -> None:
        """Raise UsageError when an image is not there that was named, before anything is started."""
        if not self._given:
            return
        there = await Docker.find(self._settings).images(*self._given.values())
        for name, reference in self._given.items():
            if reference not in there:
                raise UsageError(
                    f"--image-{name}: there is no image {reference} here",
                    remedies=[f"docker pull {reference}", "docker image ls"],
                )

    async def _read_files(
        self, profile: Profile, plans: Mapping[str, Plan], whole: Facts, facts: Mapping[str, Facts]
    ) -> None:
        root = self._settings.root
        with step(self._emit, "files") as running:
            search = inspection.search(self._settings, profile)
            locks = inspection.locks(root) if Locks in self._needs else None
            for name, own in plans.items():
                facts[name] |= {Search: search, Locks: locks}
                if Source in self._needs:
                    facts[name][Source] = inspection.source(root, own)
                if Context in self._needs:
                    facts[name][Context] = inspection.seen_by_build(root, own.dockerfile, search)
            if Development in self._needs:
                for name in SERVICES:
                    facts[name][Development] = self._development(profile, name)
            if Sources in self._needs:
                whole[Sources] = Sources(
                    *(inspection.source(root, plans[name]).dockerfile for name in SERVICES)
                )
            if Template in self._needs:
                whole[Template] = await inspection.template(self._settings, search)
            asked = self._asked(profile)
            if {Production, Developing} & self._needs:
                docker = Docker.find(self._settings)
                whole[Production], whole[Developing] = await asyncio.gather(
                    composition.production(docker, asked), composition.developing(docker, asked)
                )
            running.detail = "Dockerfiles, contexts, Compose"

    def _development(self, profile: Profile, service: str) -> Development:
        try:
            return inspection.development(self._settings.root, self._development_plan(profile, service))
        except AutomationError as error:
            return Development(failure=error.what, remedy=" or ".join(error.remedies))

    def _development_plan(self, profile: Profile, service: str) -> Plan:
        if self._unplanned is not None:
            raise self._unplanned
        return self._developing[profile.name, service]

    async def _build(self, docker: Docker, plans: Mapping[str, Plan]) -> dict[str, str]:
        """Build what is missing, and return the images by service."""
        missing = [each for name, each in plans.items() if name not in self._given]
        built = {name: each.reference for name, each in plans.items()}
        if missing:
            for outcome in await build.converge(docker, missing, self._emit):
                build.record(self._settings, outcome)
        return {**built, **self._given}

    async def _run(
        self,
        docker: Docker,
        profile: Profile,
        images: Mapping[str, str],
        plans: Mapping[str, Plan],
        whole: Facts,
        facts: Mapping[str, Facts],
    ) -> None:
        """Observe containers. What waits for them leaves time for reading the images."""
        async with laboratory.opened(docker, images["backend"]) as lab:
            with step(self._emit, "containers") as running:
                stage = Stage(lab, profile, self._rules, images, running)
                works: list[Coroutine[Any, Any, None]] = []
                if self._needs & _RUNNING:
                    observed = await stage.observe()
                    whole[Pair] = observed.pair
                    for name in SERVICES:
                        facts[name][Container] = observed.containers[name]
                    if Endurance in self._needs:
                        works.append(self._finish(stage, observed, facts))
                works.append(self._try_variables(stage, facts))
                if self._needs & _OF_IMAGES:
                    works.append(self._inspect(docker, profile, images, plans, whole, facts))
                await _all_of(works)
                running.detail = "started, asked, left idle, killed, stopped"
            if Reloading in self._needs:
                await self._reload(lab, profile, facts)

    async def _finish(self, stage: Stage, observed: Observed, facts: Mapping[str, Facts]) -> None:
        for name, each in (await stage.finish(observed)).items():
            facts[name][Endurance] = each

    async def _try_variables(self, stage: Stage, facts: Mapping[str, Facts]) -> None:
        if Configured in self._needs:
            seen = await asyncio.gather(*(stage.configured(name) for name in SERVICES))
            for name, each in zip(SERVICES, seen, strict=True):
                facts[name][Configured] = each
        if Unconfigured in self._needs:
            facts["backend"][Unconfigured] = await stage.unconfigured()
        if Misconfigured in self._needs:
            facts["backend"][Misconfigured] = await stage.misconfigured()

    async def _reload(self, lab: Laboratory, profile: Profile, facts: Mapping[str, Facts]) -> None:
        """Measure what no profile has measured yet with the same base images and the same command."""
        keys = {name: self._reloading_key(profile, name) for name in SERVICES}
        missing = [name for name in SERVICES if keys[name] not in self._reloaded]
        try:
            plans = [self._development_plan(profile, name) for name in missing]
            if plans:
                for outcome in await build.converge(lab.docker, plans, self._emit):
                    build.record(self._settings, outcome)
        except AutomationError as error:
            failure = Reloading(failure=error.what, remedy=" or ".join(error.remedies))
            for name in SERVICES:
                facts[name][Reloading] = self._reloaded.get(keys[name], failure)
            return
        if plans:
            with step(self._emit, "development") as running:
                for own in plans:
                    running.progress(f"changing a line of the {own.service}")
                    asked = self._asked(profile, own.service)
                    self._reloaded[keys[own.service]] = await reloading.measure(lab, asked, own)
                running.detail = " · ".join(own.reference for own in plans)
        for name in SERVICES:
            facts[name][Reloading] = self._reloaded[keys[name]]

    def _reloading_key(self, profile: Profile, name: str) -> tuple[str, ...]:
        if self._unplanned is not None:
            return (name,)
        arguments = self._development_plan(profile, name).arguments
        kept = (f"{each}={value}" for each, value in arguments.items() if each.endswith("_IMAGE"))
        return (name, *profile.service(name).development_command, *sorted(kept))

    async def _inspect(
        self,
        docker: Docker,
        profile: Profile,
        images: Mapping[str, str],
        plans: Mapping[str, Plan],
        whole: Facts,
        facts: Mapping[str, Facts],
    ) -> None:
        with step(self._emit, "images") as running:
            if self._inspector is None:
                self._inspector = Inspector(docker, inspection.search(self._settings, profile))
            inspector = self._inspector
            for name in SERVICES:
                own = plans[name]
                facts[name][Config] = await inspector.config(images[name])
                facts[name][Names] = Names(own.references, own.version)
                facts[name][Builds] = inspection.builds(self._settings, own)
            if {Content, Contents} & self._needs:
                await self._read_layers(inspector, images, whole, facts, running)
            running.detail = " · ".join(images[name] for name in SERVICES)

    async def _read_layers(
        self,
        inspector: Inspector,
        images: Mapping[str, str],
        whole: Facts,
        facts: Mapping[str, Facts],
        running: Step,
    ) -> None:
        contents = []
        for name in SERVICES:
            running.progress(f"reading the layers of {images[name]}")
            contents.append(await inspector.content(images[name]))
        backend, frontend = contents
        facts["backend"][Content], facts["frontend"][Content] = backend, frontend
        whole[Contents] = Contents(backend, frontend)

    def _judge(self, profile: Profile, whole: Facts, facts: Mapping[str, Facts]) -> list[Finding]:
        found = []
        for each in self._checks:
            if not each.per_service:
                found.append(each.evaluate(self._asked(profile), whole))
            else:
                found += [
                    each.evaluate(self._asked(profile, name), facts[name])
                    for name in SERVICES
                    if each.only in {"", name}
                ]
        return found

    def _asked(self, profile: Profile, name: str = "") -> Contract:
        return Contract(profile, self._rules, name)


async def _all_of(works: Sequence[Coroutine[Any, Any, None]]) -> None:
    """Do all of it at once; the first failure ends the rest and is raised."""
    try:
        async with asyncio.TaskGroup() as group:
            for each in works:
                group.create_task(each)
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None
