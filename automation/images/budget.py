"""Check the images' sizes against their budgets: what `size-check` does."""

import asyncio
from collections.abc import Sequence
from typing import Any

from automation.console.errors import AutomationError, UsageError
from automation.console.events import Emit, Notice, Result, step
from automation.contract import profiles
from automation.contract.models import Profile
from automation.docker.cli import Docker
from automation.images import build, plan, size, size_report
from automation.images.build_report import replaced
from automation.images.plan import Options, Plan
from automation.images.size import Verdict
from automation.settings import Settings


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
        await _measure_any(docker, image, emit)
        return
    chosen = profiles.select(settings.root, profile, every=all_profiles)
    plans = await plan.plan_all(settings, chosen, plan.choose(service), Options(bases=tuple(bases)))
    await _require_built(docker, plans)
    history = size.History(settings)
    together = profiles.load_rules(settings.root).memory.images_together_max_mb * size.MB
    failures: list[str] = []
    results: list[dict[str, Any]] = []
    for contract in chosen:
        own = [planned for planned in plans if planned.profile == contract.name]
        if len(chosen) > 1:
            emit(Notice((contract.name,)))
        verdicts = await asyncio.gather(
            *(_measure(docker, contract, planned, history, emit) for planned in own)
        )
        emit(Notice(("", *_report(own, verdicts, together), "")))
        failures += _exceeded(contract, own, verdicts, together)
        results += [
            {"profile": contract.name, "service": planned.service, **verdict.to_mapping()}
            for planned, verdict in zip(own, verdicts, strict=True)
        ]
    emit(Result({"images": results, "passed": not failures}))
    if failures:
        raise AutomationError(
            failures[0] if len(failures) == 1 else f"{len(failures)} budgets are exceeded",
            why="the lines above show what takes the bytes",
            details=failures if len(failures) > 1 else [],
            remedies=["remove something from the image", "change the budget in deploy/profiles"],
        )


async def _measure_any(docker: Docker, image: str, emit: Emit) -> None:
    with step(emit, "image") as running:
        measured = await size.measure(docker, image, running)
        running.detail = f"{image} measured"
    verdict = size.judge(measured, None, None)
    emit(Notice(("", *size_report.image(image, verdict), "")))
    emit(Result({"images": [verdict.to_mapping()], "passed": True}))


async def _require_built(docker: Docker, plans: Sequence[Plan]) -> None:
    for planned, state in zip(plans, await build.look(docker, plans), strict=True):
        if not state.id:
            raise AutomationError(
                f"the {planned.service} of {planned.profile} is not built as it is now",
                why=f"there is no image {planned.reference}",
                remedies=[f"invoke build --profile {planned.profile}"],
            )


async def _measure(
    docker: Docker, profile: Profile, planned: Plan, history: size.History, emit: Emit
) -> Verdict:
    with step(emit, planned.service) as running:
        measured = await size.measure(docker, planned.reference, running)
        kind = f"{planned.profile}-{planned.service}"
        verdict = size.judge(measured, profile.service(planned.service), history.before(kind, measured))
        history.keep(kind, measured)
        running.detail = f"{planned.reference} measured"
        return verdict


def _report(plans: Sequence[Plan], verdicts: Sequence[Verdict], together: int) -> list[str]:
    lines: list[str] = []
    for planned, verdict in zip(plans, verdicts, strict=True):
        lines += size_report.image(planned.service, verdict)
    if len(verdicts) > 1:
        lines.append(size_report.together([verdict.measurement.size for verdict in verdicts], together))
    return lines + replaced(plans)


def _exceeded(
    profile: Profile, plans: Sequence[Plan], verdicts: Sequence[Verdict], together: int
) -> list[str]:
    over = [
        f"the {planned.service} of {profile.name} is "
        f"{size_report.exact(verdict.measurement.size - verdict.allowed)} "
        f"over its budget of {verdict.allowed // size.MB} MB"
        for planned, verdict in zip(plans, verdicts, strict=True)
        if verdict.allowed is not None and not verdict.passed
    ]
    total = sum(verdict.measurement.size for verdict in verdicts)
    if total > together:
        budget = f"{together // size.MB} MB"
        over.append(
            f"the images of {profile.name} are together {size_report.exact(total - together)} over {budget}"
        )
    return over
