"""Check the images' sizes against their budgets (`size-check`)."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from automation.console.errors import AutomationError, UsageError
from automation.console.events import Emit, Notice, Result, step
from automation.contract import profiles
from automation.contract.models import Profile
from automation.docker.cli import Docker
from automation.images import build, plan, size
from automation.images.plan import Options, Plan
from automation.images.size import MB, Measurement
from automation.settings import Settings

_BAR_WIDTH = 20
_NAMED = 3
_INSTRUCTION_WIDTH = 60
_PATH_WIDTH = 40


async def check(
    settings: Settings, emit: Emit, *, profile: str, all_profiles: bool, service: str, image: str,
    bases: Sequence[str],
) -> None:  # fmt: skip
    """Measure the images of one profile, of all of them, or any image by its name.

    Raises AutomationError when a budget is exceeded.
    """
    docker = Docker.find(settings)
    if image:
        if profile or all_profiles or service or bases:
            raise UsageError("--image measures an image by its name and excludes every other choice")
        with step(emit, "image") as running:
            measured = await size.measure(docker, image, running)
        emit(Notice(("", *_described(image, measured), "")))
        emit(Result({"images": [measured.to_mapping()], "passed": True}))
        return
    chosen = profiles.select(settings.root, profile, every=all_profiles)
    plans = await plan.plan_all(settings, chosen, plan.choose(service), Options(bases=tuple(bases)))
    await _require_built(docker, plans)
    together = profiles.load_rules(settings.root).memory.images_together_max_mb * MB
    failures: list[str] = []
    results: list[dict[str, Any]] = []
    for contract in chosen:
        own = [planned for planned in plans if planned.profile == contract.name]
        if len(chosen) > 1:
            emit(Notice((contract.name,)))
        sizes = await asyncio.gather(
            *(_measure(settings, docker, contract, planned, emit) for planned in own)
        )
        total = sum(measured.size for measured in sizes)
        named = list(zip((planned.service for planned in own), sizes, strict=True))
        lines = [line for name, measured in named for line in _described(name, measured)]
        lines += [f"{'together':<10} {_budget(total, together)}"] if len(own) > 1 else []
        emit(Notice(("", *lines, *plan.replaced(own), "")))
        failures += [
            f"the {name} of {contract.name} is {_exact(measured.over)} "
            f"over its budget of {(measured.allowed or 0) // MB} MB"
            for name, measured in named
            if measured.over
        ]
        if total > together:
            over = f"{_exact(total - together)} over {together // MB} MB"
            failures.append(f"the images of {contract.name} are together {over}")
        results += [
            {"profile": contract.name, "service": name, **measured.to_mapping()} for name, measured in named
        ]
    emit(Result({"images": results, "passed": not failures}))
    if failures:
        raise AutomationError(
            failures[0] if len(failures) == 1 else f"{len(failures)} budgets are exceeded",
            why="the lines above show the largest parts and files",
            details=failures if len(failures) > 1 else [],
            remedies=["remove something from the image", "change the budget in deploy/profiles"],
        )


async def _require_built(docker: Docker, plans: Sequence[Plan]) -> None:
    for planned, state in zip(plans, await build.look(docker, plans), strict=True):
        if not state.id:
            raise AutomationError(
                f"the {planned.service} of {planned.profile} is not built in its current state",
                why=f"there is no image {planned.reference}",
                remedies=[f"invoke build --profile {planned.profile}"],
            )


async def _measure(
    settings: Settings, docker: Docker, profile: Profile, planned: Plan, emit: Emit
) -> Measurement:
    with step(emit, planned.service) as running:
        measured = await size.measure(docker, planned.reference, running)
        change = size.change(settings, f"{planned.profile}-{planned.service}", measured)
        own = profile.service(planned.service)
        return replace(measured, allowed=own.size_max_mb * MB, aim=own.size_aim_mb * MB, change=change)


def _described(name: str, measured: Measurement) -> Iterator[str]:
    """Yield the size of an image, and of its parts."""
    size = f"{name}   {_mb(measured.size)} MB"
    if measured.allowed is not None:
        size = f"{name:<10} {_budget(measured.size, measured.allowed)}"
    change = ""
    if measured.change is not None:
        sign = "+" if measured.change > 0 else "−" if measured.change < 0 else "±"
        change = f"   {sign}{_mb(abs(measured.change))} since the build before"
    yield f"{size}   {_mb(measured.compressed)} MB to download{change}"
    both = _mb(measured.size + measured.compressed)
    yield f"    docker images shows {both} MB with the containerd image store, which adds both sizes"
    if measured.aim is not None:
        missed = f"missed by {_exact(measured.size - measured.aim)}"
        yield f"    aim {measured.aim // MB} MB: {'met' if measured.aim_met else missed}"
    groups = (
        f"{part} {_mb(size)} {_bar(size, measured.size)}" for part, size in measured.groups.items() if size
    )
    yield "    " + "     ".join(groups)
    for layer in measured.layers:
        if layer.size * 1000 > measured.size:
            bar = _bar(layer.size, measured.size)
            text = layer.name
            if len(text) > _INSTRUCTION_WIDTH:
                text = f"{text[: _INSTRUCTION_WIDTH - 1]}…"
            yield f"    {_mb(layer.size):>6} {bar:<{_BAR_WIDTH}} {text}"
    for what, largest in (("packages", measured.packages), ("files", measured.files)):
        if largest:
            named = " · ".join(f"{_end(part.name)} {_mb(part.size)}" for part in largest[:_NAMED])
            yield f"    largest {what}: {named}"


def _exact(size: int) -> str:
    """Return a difference in MB, or to the byte if it is small."""
    return f"{_mb(size)} MB" if size >= MB // 10 else f"{size:,} byte{'s' if size != 1 else ''}"


def _budget(size: int, allowed: int) -> str:
    filled = min(_BAR_WIDTH, size * _BAR_WIDTH // allowed) if allowed else _BAR_WIDTH
    bar = "█" * filled + "░" * (_BAR_WIDTH - filled)
    share = f"{size * 100 / allowed:.0f} %" if allowed else ""
    # A budget is exceeded by the byte, which a rounded figure would hide.
    over = f"   over by {_exact(size - allowed)}" if size > allowed else ""
    return f"{_mb(size):>6} MB (budget {allowed / MB:.0f} MB)  {bar}  {share}{over}"


def _mb(size: int) -> str:
    return f"{size / MB:.1f}"


def _bar(size: int, whole: int) -> str:
    return "█" * max(1, round(size * _BAR_WIDTH / whole)) if size else ""


def _end(path: str) -> str:
    return path if len(path) <= _PATH_WIDTH else f"…{path[-_PATH_WIDTH:]}"
