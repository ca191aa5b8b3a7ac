"""The tasks that build, weigh and publish the images."""

from collections.abc import Sequence

from automation import contract
from automation.commands.edge import run
from automation.contract import Profile, Times
from automation.docker import Docker
from automation.errors import UsageError
from automation.events import Emit, Notice, Result
from automation.images import building, plan
from automation.images.building import Outcome
from automation.images.plan import Options, Plan
from automation.settings import Settings


def build(
    *, profile: str, all_profiles: bool, service: str, dev: bool, tags: Sequence[str], version: str,
    platform: str, bases: Sequence[str], no_cache: bool, pull: bool, reproducible: bool, dry_run: bool,
    json_lines: bool, debug: bool,
) -> int:  # fmt: skip
    """Build the images of one profile, or of all of them."""

    async def work(current: Settings, emit: Emit) -> None:
        options = Options(
            development=dev, tags=tuple(tags), version=version, platform=platform, bases=tuple(bases)
        )
        profiles = _choose(profile, current, all_profiles=all_profiles)
        plans = await plan.plan_all(current, profiles, plan.choose(service), options)
        docker = Docker.find(current)
        if dry_run:
            await _show_plan(docker, plans, emit)
            return
        times = contract.load_rules(current.root).times
        outcomes: list[Outcome] = []
        for each in profiles:
            own = [one for one in plans if one.profile == each.name]
            if len(profiles) > 1:
                emit(Notice((each.name,)))
            made = await building.converge(docker, own, emit, no_cache=no_cache, pull=pull)
            for outcome in made:
                building.record(current, outcome)
            emit(Notice((*_told(made, times), "")))
            outcomes += made
        emit(Result({"images": [outcome.to_mapping() for outcome in outcomes]}))

    return run(work, json_lines=json_lines, debug=debug)


def _choose(profile: str, current: Settings, *, all_profiles: bool) -> tuple[Profile, ...]:
    if profile and all_profiles:
        raise UsageError("--profile and --all exclude each other")
    names = contract.names(current.root) if all_profiles else (profile,)
    return tuple(contract.load(name, current.root) for name in names)


async def _show_plan(docker: Docker, plans: Sequence[Plan], emit: Emit) -> None:
    states = await building.look(docker, plans)
    lines = []
    for each, state in zip(plans, states, strict=True):
        lines += [
            f"{each.profile} {each.service}: {each.reference}   {state.missing_work or 'nothing to do'}",
            f"  names      {' '.join(each.tags) or 'only the one of its content'}",
            f"  from       {each.dockerfile}, target {each.target or 'the last stage'}",
            f"  revision   {each.revision.name}, {each.revision.created}",
            *(f"  argument   {name}={value}" for name, value in each.arguments.items()),
            *(f"  base       {old} is replaced by {new}" for old, new in each.bases.items()),
            *(f"  secret     {name}" for name in each.secrets),
        ]
    emit(Notice(tuple(lines)))
    result = [
        {
            "profile": each.profile, "service": each.service, "reference": each.reference,
            "references": each.references, "dockerfile": each.dockerfile, "target": each.target,
            "arguments": dict(each.arguments), "bases": dict(each.bases), "labels": dict(each.labels),
            "secrets": sorted(each.secrets), "work": state.missing_work,
        }
        for each, state in zip(plans, states, strict=True)
    ]  # fmt: skip
    emit(Result({"plan": result}))


def _told(outcomes: Sequence[Outcome], times: Times) -> list[str]:
    """Return the names, the times against the rules, and what a person has to know besides."""
    lines = [""]
    for each in outcomes:
        names = " ".join(each.plan.tags)
        lines.append(f"{each.plan.service:<10} {each.plan.reference}   {names}")
    built = [each for each in outcomes if each.built]
    lines += [
        _time(f"the {each.plan.service}'s build", each.seconds, times.build_max_s)
        for each in built
        if not each.rebuilt
    ]
    cached = [each for each in built if each.rebuilt]
    if cached:
        # Both are built at the same time.
        longest = max(each.seconds for each in cached)
        lines.append(_time("rebuilding what changed", longest, times.cached_rebuild_max_s))
    for old, new in {pair: None for each in outcomes for pair in each.plan.bases.items()}:
        lines.append(f"base       {old} is replaced by {new}")
    lines += [
        f"note       {each.plan.dockerfile}{f':{lint.line}' if lint.line else ''}: {lint.text}"
        for each in outcomes
        for lint in each.lints
    ]
    if any(each.plan.revision.dirty for each in built):
        lines.append("note       built from files that are not committed: the label revision says so")
    return lines


def _time(what: str, seconds: float, allowed: int) -> str:
    verdict = "" if seconds <= allowed else "   over the limit"
    return f"time       {what}: {seconds:.1f} s of {allowed} s{verdict}"
