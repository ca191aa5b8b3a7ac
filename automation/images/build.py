"""Builds the images of a plan: what exists is kept, what is missing is built, names are set."""

import asyncio
import json
import time
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from automation.console.errors import AutomationError
from automation.console.events import Emit, Line, Step, step
from automation.docker.cli import Docker
from automation.images import build_failure
from automation.images.plan import Plan
from automation.images.progress import Lint, Progress, StageDone
from automation.process import files, processes
from automation.settings import Settings

_REDRAW_SECONDS = 0.1
_T = TypeVar("_T")


@dataclass(frozen=True)
class Outcome:
    """The image of a plan, built now or existing."""

    plan: Plan
    id: str
    built: bool
    seconds: float = 0.0
    steps: int = 0
    cached: int = 0
    """The steps that came from the cache."""
    stages: Mapping[str, float] = field(default_factory=dict)
    """The seconds of each stage that was not cached."""
    tagged: tuple[str, ...] = ()
    lints: tuple[Lint, ...] = ()

    @property
    def rebuilt(self) -> bool:
        """Whether this was a build after a small change: most of its steps came from the cache."""
        return self.built and self.cached * 2 > self.steps

    def to_mapping(self) -> dict[str, Any]:
        planned = ("profile", "service", "reference", "references", "bases", "labels")
        own = ("id", "built", "rebuilt", "steps", "cached", "tagged")
        return {
            **{name: getattr(self.plan, name) for name in planned},
            **{name: getattr(self, name) for name in own},
            "seconds": round(self.seconds, 2),
            "stages": {name: round(seconds, 2) for name, seconds in self.stages.items()},
            "lints": [asdict(lint) for lint in self.lints],
        }


@dataclass(frozen=True)
class State:
    """Images of a plan that exist."""

    id: str = ""
    """The id of the image; empty if there is none."""
    missing: tuple[str, ...] = ()
    """The names that belong to another image, or to none."""

    @property
    def missing_work(self) -> str:
        """Remaining work; empty for none."""
        if not self.id:
            return "build it"
        return f"tag it {', '.join(self.missing)}" if self.missing else ""


async def look(docker: Docker, plans: Sequence[Plan]) -> tuple[State, ...]:
    """Return what exists of each plan."""
    images = await docker.images(*dict.fromkeys(name for plan in plans for name in plan.names))
    ids = {name: str(image["Id"]) for name, image in images.items()}
    return tuple(
        State(image, tuple(name for name in plan.names if ids.get(name) != image))
        if (image := ids.get(plan.reference))
        else State()
        for plan in plans
    )


async def converge(
    docker: Docker, plans: Sequence[Plan], emit: Emit, *, no_cache: bool = False, pull: bool = False
) -> tuple[Outcome, ...]:
    """Build what is missing of the plans, all at once, and give every image its names.

    `no_cache` and `pull` build even what exists. Raises the first error when all builds have ended.
    """

    async def one(plan: Plan, state: State) -> Outcome:
        with step(emit, plan.service) as running:
            if state.id and not (no_cache or pull):
                await tag(docker, plan.reference, state.missing)
                names = " ".join(name.partition(":")[2] for name in state.missing)
                running.detail = f"{plan.reference} exists{f', now also tagged {names}' if names else ''}"
                return Outcome(plan, state.id, built=False, tagged=state.missing)
            output = ["--load", *(word for name in plan.names for word in ("--tag", name))]
            began = time.monotonic()
            arguments = command(plan, output, no_cache=no_cache, pull=pull)
            progress = await run(docker, plan, arguments, emit, running)
            outcome = await built(docker, plan, progress, time.monotonic() - began)
            cached = f"{outcome.cached} of {outcome.steps} steps from the cache"
            running.detail = f"{plan.reference} built, {cached}"
            return outcome

    states = await look(docker, plans)
    return await all_of(one(plan, state) for plan, state in zip(plans, states, strict=True))


async def all_of(works: Iterable[Coroutine[Any, Any, _T]]) -> tuple[_T, ...]:
    """Do the works at once and return their results. Raises the first error when all have ended."""
    tasks = [asyncio.ensure_future(work) for work in works]
    await asyncio.gather(*tasks, return_exceptions=True)
    return tuple(task.result() for task in tasks)


async def built(docker: Docker, plan: Plan, progress: Progress, seconds: float) -> Outcome:
    """Return the outcome of a build that has just ended. Raises AutomationError."""
    image = (await docker.images(plan.reference)).get(plan.reference)
    if image is None:
        raise AutomationError(
            f"{plan.reference} was built, but Docker does not list it",
            why="the builder does not load its results into Docker",
            remedies=["docker buildx use default"],
        )
    return Outcome(
        plan,
        str(image["Id"]),
        built=True,
        seconds=seconds,
        steps=len(progress.steps),
        cached=progress.cached,
        stages=progress.stages(),
        tagged=plan.names,
        lints=tuple(progress.lints),
    )


async def tag(docker: Docker, reference: str, names: Iterable[str]) -> None:
    await asyncio.gather(*(docker.run("image", "tag", reference, name) for name in names))


def command(plan: Plan, output: Sequence[str], *, no_cache: bool = False, pull: bool = False) -> list[str]:
    """Return the arguments with which Docker builds the image of the plan."""
    words = ["buildx", "build", "--progress=rawjson", "--provenance=false", "--sbom=false", *output]
    words += ["--no-cache"] if no_cache else []
    words += ["--pull"] if pull else []
    return words + inputs(plan)


def inputs(plan: Plan) -> list[str]:
    """Return the arguments that name what the image is made from."""
    flags = {"file": [plan.dockerfile], "target": [plan.target], "platform": [plan.platform]}
    flags["build-arg"] = [f"{name}={value}" for name, value in plan.arguments.items()]
    flags["label"] = [f"{name}={value}" for name, value in plan.labels.items()]
    # The value is read as a line of CSV: a path may need quotes.
    secrets = ((name, f"src={file}".replace('"', '""')) for name, file in plan.secrets.items())
    flags["secret"] = [f'id={name},"{source}"' for name, source in secrets]
    given = ((flag, value) for flag, values in flags.items() for value in values if value)
    return [*(word for flag, value in given for word in (f"--{flag}", value)), plan.service]


async def run(
    docker: Docker,
    plan: Plan,
    arguments: Sequence[str],
    emit: Emit,
    running: Step,
    environ: Mapping[str, str] | None = None,
) -> Progress:
    """Run one build to its end and report its progress. Raises AutomationError when it fails."""

    def stage_done(stage: StageDone) -> None:
        if stage.cached < stage.steps:
            cached = f", {stage.cached} from the cache" if stage.cached else ""
            steps = f"{stage.steps} step{'s' if stage.steps > 1 else ''}{cached}"
            emit(Line(plan.service, f"{stage.name:<14} {steps:<28} {stage.seconds:6.1f} s"))

    progress = Progress(stage_done)
    drawn = 0.0
    async with docker.running(*arguments, environ=environ) as build:
        async for line in processes.lines(build):
            progress.feed(line)
            for lint in progress.lints:
                # Docker only warns, and would give an image for another platform its names.
                if lint.text.startswith("InvalidBaseImagePlatform"):
                    raise build_failure.wrong_platform(plan, lint)
            if time.monotonic() - drawn > _REDRAW_SECONDS:
                drawn = time.monotonic()
                running.progress(progress.describe(), progress.done, len(progress.steps) or None)
        if await build.wait() != 0:
            raise build_failure.explain(plan, progress, docker.settings)
    return progress


def record(settings: Settings, outcome: Outcome) -> None:
    """Keep the figures of a build, whose times the verification judges later."""
    if outcome.built:
        target = _record_file(settings, outcome.plan)
        files.make_directory(target.parent)
        kind = "rebuild_s" if outcome.rebuilt else "cold_s"
        times = {**recorded(settings, outcome.plan), kind: round(outcome.seconds, 2)}
        files.write_json(target, {**outcome.to_mapping(), "times": times, "at": time.time()})


def recorded(settings: Settings, plan: Plan) -> dict[str, float]:
    """Return the seconds of the last builds: `cold_s` without a cache, `rebuild_s` after a change."""
    try:
        times = json.loads(_record_file(settings, plan).read_text(encoding="utf-8"))["times"]
        return {name: float(times[name]) for name in ("cold_s", "rebuild_s") if name in times}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _record_file(settings: Settings, plan: Plan) -> Path:
    kind = "-development" if plan.dockerfile.endswith(".dev") else ""
    return settings.state_dir / "images" / f"{plan.profile}-{plan.service}{kind}.json"
