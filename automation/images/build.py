"""Converging on the images of a plan: what is there stays, what is missing is built, names fit."""

import asyncio
import json
import time
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

from automation.console.errors import AutomationError
from automation.console.events import Emit, Line, Step, step
from automation.docker.cli import Docker
from automation.images import build_failure
from automation.images.plan import Plan
from automation.images.progress import Lint, Progress, StageDone
from automation.process import files, processes
from automation.settings import Settings

_REDRAW_S = 0.1


@dataclass(frozen=True)
class Outcome:
    """What has become of one plan."""

    plan: Plan
    id: str
    """What Docker calls the image."""
    built: bool
    """Whether it was built now; it was there already otherwise."""
    seconds: float = 0.0
    """The time of the build."""
    steps: int = 0
    cached: int = 0
    """How many of the steps were taken from the cache."""
    stages: Mapping[str, float] = field(default_factory=dict)
    """The seconds of each stage that had something to do."""
    tagged: tuple[str, ...] = ()
    """The names that it has got now."""
    lints: tuple[Lint, ...] = ()

    @classmethod
    def of(cls, plan: Plan, image: str, progress: Progress, seconds: float) -> Self:
        """Return what has become of a plan that was built now, and has every name of its own."""
        return cls(
            plan,
            image,
            built=True,
            seconds=seconds,
            steps=len(progress.steps),
            cached=progress.cached,
            stages=progress.stages(),
            tagged=plan.references,
            lints=tuple(progress.lints),
        )

    @property
    def rebuilt(self) -> bool:
        """Whether this was a build after a small change: most of its steps came from the cache."""
        return self.built and self.cached * 2 > self.steps

    def to_mapping(self) -> dict[str, Any]:
        """Return what a program wants to know."""
        return {
            "profile": self.plan.profile,
            "service": self.plan.service,
            "reference": self.plan.reference,
            "references": self.plan.references,
            "id": self.id,
            "built": self.built,
            "seconds": round(self.seconds, 2),
            "rebuilt": self.rebuilt,
            "steps": self.steps,
            "cached": self.cached,
            "stages": {name: round(seconds, 2) for name, seconds in self.stages.items()},
            "tagged": self.tagged,
            "bases": dict(self.plan.bases),
            "labels": dict(self.plan.labels),
            "lints": [asdict(each) for each in self.lints],
        }


@dataclass(frozen=True)
class State:
    """What there is of a plan."""

    id: str = ""
    """What Docker calls the image; empty when there is none."""
    missing: tuple[str, ...] = ()
    """The names that belong to something else, or to nothing."""

    @property
    def missing_work(self) -> str:
        """What is to be done, in words; empty for nothing."""
        if not self.id:
            return "build it"
        return f"name it {', '.join(self.missing)}" if self.missing else ""


async def look(docker: Docker, plans: Sequence[Plan]) -> tuple[State, ...]:
    """Return what is there of each plan."""
    there = await docker.images(*dict.fromkeys(name for plan in plans for name in plan.references))
    return tuple(_state(plan, there) for plan in plans)


def _state(plan: Plan, there: Mapping[str, Mapping[str, Any]]) -> State:
    image = there.get(plan.reference)
    if image is None:
        return State()
    found = str(image["Id"])
    missing = tuple(name for name in plan.references if there.get(name, {}).get("Id") != found)
    return State(found, missing)


async def converge(
    docker: Docker, plans: Sequence[Plan], emit: Emit, *, no_cache: bool = False, pull: bool = False
) -> tuple[Outcome, ...]:
    """Build what is missing of the plans, all at once, and give every image its names.

    With `no_cache` or `pull` it builds whatever is there. Raises the first error when all have ended.
    """
    states = await look(docker, plans)
    return await all_of(
        _converge(docker, plan, state, emit, no_cache=no_cache, pull=pull)
        for plan, state in zip(plans, states, strict=True)
    )


async def all_of(builds: Iterable[Coroutine[Any, Any, Outcome]]) -> tuple[Outcome, ...]:
    """Run the builds at once and return what has become of them.

    One that fails leaves the others to their end: what they have done is kept. Raises the first error then.
    """
    results = await asyncio.gather(*builds, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return tuple(result for result in results if isinstance(result, Outcome))


async def _converge(
    docker: Docker, plan: Plan, state: State, emit: Emit, *, no_cache: bool, pull: bool
) -> Outcome:
    with step(emit, plan.service) as running:
        if state.id and not (no_cache or pull):
            await asyncio.gather(
                *(docker.run("image", "tag", plan.reference, name) for name in state.missing)
            )
            running.detail = f"{plan.reference} is there"
            if state.missing:
                running.detail += (
                    f", now also called {' '.join(name.split(':')[1] for name in state.missing)}"
                )
            return Outcome(plan, state.id, built=False, tagged=state.missing)
        outcome = await _build(docker, plan, emit, running, no_cache=no_cache, pull=pull)
        running.detail = f"{plan.reference} built, {outcome.cached} of {outcome.steps} steps from the cache"
        return outcome


def command(plan: Plan, output: Sequence[str], *, no_cache: bool, pull: bool = False) -> tuple[str, ...]:
    """Return the arguments with which Docker builds the image of the plan."""
    words = [
        "buildx", "build", "--progress=rawjson", "--provenance=false", "--sbom=false",
        "--file", plan.dockerfile, *output,
    ]  # fmt: skip
    if plan.target:
        words += ["--target", plan.target]
    if plan.platform:
        words += ["--platform", plan.platform]
    words += [word for name, value in plan.arguments.items() for word in ("--build-arg", f"{name}={value}")]
    words += [word for name, value in plan.labels.items() for word in ("--label", f"{name}={value}")]
    words += [word for name, file in plan.secrets.items() for word in ("--secret", secret(name, file))]
    words += ["--no-cache"] if no_cache else []
    words += ["--pull"] if pull else []
    return (*words, ".")


def secret(name: str, file: Path) -> str:
    """Return the value of the flag --secret; it is read as a line of CSV, where a path may need quotes."""
    source = f"src={file}".replace('"', '""')
    return f'id={name},"{source}"'


async def _build(
    docker: Docker, plan: Plan, emit: Emit, running: Step, *, no_cache: bool, pull: bool
) -> Outcome:
    output = ["--load", *(word for name in plan.references for word in ("--tag", name))]
    began = time.monotonic()
    progress = await run(docker, plan, command(plan, output, no_cache=no_cache, pull=pull), emit, running)
    seconds = time.monotonic() - began
    image = (await docker.images(plan.reference)).get(plan.reference)
    if image is None:
        raise AutomationError(
            f"{plan.reference} was built and is not among Docker's images",
            why="the builder keeps its results to itself",
            remedies=["docker buildx use default"],
        )
    return Outcome.of(plan, str(image["Id"]), progress, seconds)


async def run(
    docker: Docker,
    plan: Plan,
    arguments: Sequence[str],
    emit: Emit,
    running: Step,
    environ: Mapping[str, str] | None = None,
) -> Progress:
    """Run one build to its end and tell how far it is. Raises AutomationError when it fails."""

    def stage_done(stage: StageDone) -> None:
        if stage.cached < stage.steps:
            cached = f", {stage.cached} from the cache" if stage.cached else ""
            steps = f"{stage.steps} step{'s' if stage.steps > 1 else ''}{cached}"
            emit(Line(plan.service, f"{stage.name:<14} {steps:<28} {stage.seconds:6.1f} s"))

    progress = Progress(stage_done)
    told = 0.0
    async with docker.running(*arguments, environ=environ) as build:
        async for line in processes.lines(build):
            progress.feed(line)
            for lint in progress.lints:
                # Docker only warns, and the image would hold programs of the wrong kind under its names.
                if lint.text.startswith("InvalidBaseImagePlatform"):
                    raise build_failure.wrong_platform(plan, lint)
            if time.monotonic() - told > _REDRAW_S:
                told = time.monotonic()
                running.progress(progress.describe(), progress.done, len(progress.steps) or None)
        if await build.wait() != 0:
            raise build_failure.explain(plan, progress, docker.settings)
    return progress


def record(settings: Settings, outcome: Outcome) -> None:
    """Keep what is known of a build, for those who judge its times later."""
    if outcome.built:
        target = record_file(settings, outcome.plan)
        files.make_directory(target.parent)
        kind = "rebuild_s" if outcome.rebuilt else "cold_s"
        times = {**recorded(settings, outcome.plan), kind: round(outcome.seconds, 2)}
        files.write_json(target, {**outcome.to_mapping(), "times": times, "at": time.time()})


def recorded(settings: Settings, plan: Plan) -> dict[str, float]:
    """Return the seconds of the last builds: `cold_s` from nothing, `rebuild_s` after a change."""
    try:
        times = json.loads(record_file(settings, plan).read_text(encoding="utf-8"))["times"]
        return {name: float(times[name]) for name in ("cold_s", "rebuild_s") if name in times}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def record_file(settings: Settings, plan: Plan) -> Path:
    """Return the file that holds the record of the last build of this kind."""
    kind = "-development" if plan.dockerfile.endswith(".dev") else ""
    return settings.state_dir / "images" / f"{plan.profile}-{plan.service}{kind}.json"
