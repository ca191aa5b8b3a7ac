"""Build the images of profiles and report their names, times and notes (`build`)."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from automation.console.events import Emit, Notice, Result
from automation.contract import profiles
from automation.contract.models import Times
from automation.docker.cli import Docker
from automation.images import build as building
from automation.images import plan, reproduce
from automation.images.build import Outcome
from automation.images.plan import Options, Plan
from automation.settings import Settings


async def build(
    settings: Settings, emit: Emit, options: Options, *, profile: str, all_profiles: bool, service: str,
    no_cache: bool, pull: bool, reproducible: bool, dry_run: bool,
) -> None:  # fmt: skip
    """Build the images of one profile, or of all of them."""
    chosen = profiles.select(settings.root, profile, every=all_profiles)
    plans = await plan.plan_all(settings, chosen, plan.choose(service), replace(options, explicit=True))
    docker = Docker.find(settings)
    if dry_run:
        await _show_plan(docker, plans, emit)
        return
    times = profiles.load_rules(settings.root).times
    outcomes: list[Outcome] = []
    for contract in chosen:
        own = [planned for planned in plans if planned.profile == contract.name]
        if len(chosen) > 1:
            emit(Notice((contract.name,)))
        if reproducible:
            made = await reproduce.reproduce(docker, own, emit)
        else:
            made = await building.converge(docker, own, emit, no_cache=no_cache, pull=pull)
        for outcome in made:
            building.record(settings, outcome)
        emit(Notice((*_report(made, times), "")))
        outcomes += made
    emit(Result({"images": [outcome.to_mapping() for outcome in outcomes]}))


async def _show_plan(docker: Docker, plans: Sequence[Plan], emit: Emit) -> None:
    lines, result = [], []
    for planned, state in zip(plans, await building.look(docker, plans), strict=True):
        work = state.missing_work or "up to date"
        lines += [
            f"{planned.profile} {planned.service}: {planned.reference}   {work}",
            f"  names      {' '.join((planned.own_tag, *planned.tags))}",
            f"  from       {planned.dockerfile}, target {planned.target or 'the last stage'}",
            f"  revision   {planned.revision.name}, {planned.revision.created}",
            *(f"  argument   {name}={value}" for name, value in planned.arguments.items()),
            *(f"  {line}" for line in plan.replaced([planned])),
            *(f"  secret     {name}" for name in planned.secrets),
        ]
        names = ("profile", "service", "reference", "references", "dockerfile", "target", "arguments")
        shown = {name: getattr(planned, name) for name in (*names, "bases", "labels")}
        result.append({**shown, "secrets": sorted(planned.secrets), "work": state.missing_work})
    emit(Notice(tuple(lines)))
    emit(Result({"plan": result}))


def _report(outcomes: Sequence[Outcome], times: Times) -> Iterator[str]:
    """Yield the images' names, the times against their budgets, and the notes."""
    yield ""
    for outcome in outcomes:
        names = " ".join((f"{outcome.plan.reference}  ", outcome.plan.own_tag, *outcome.plan.tags))
        yield f"{outcome.plan.service:<10} {names}"
    built = [outcome for outcome in outcomes if outcome.built]
    for outcome in built:
        if not outcome.rebuilt:
            yield _time(f"the {outcome.plan.service}'s build", outcome.seconds, times.build_max_s)
    if cached := [outcome.seconds for outcome in built if outcome.rebuilt]:
        # Both are built at the same time.
        yield _time("rebuilding what changed", max(cached), times.cached_rebuild_max_s)
    yield from plan.replaced([outcome.plan for outcome in outcomes])
    for outcome in outcomes:
        for lint in outcome.lints:
            line = f":{lint.line}" if lint.line else ""
            yield f"note       {outcome.plan.dockerfile}{line}: {lint.text}"
    if any(outcome.plan.revision.dirty for outcome in built):
        yield "note       built from uncommitted files, as the label revision shows"


def _time(what: str, seconds: float, allowed: int) -> str:
    verdict = "" if seconds <= allowed else "   over budget"
    return f"time       {what}: {seconds:.1f} s (budget {allowed} s){verdict}"
