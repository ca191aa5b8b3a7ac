"""The tasks that build, weigh and publish the images."""

import asyncio
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from automation.console.errors import AutomationError, UsageError
from automation.console.events import Emit, Notice, Result, step
from automation.console.runner import run
from automation.contract import environment, profiles
from automation.contract.models import Profile, Times
from automation.contract.profiles import load_rules
from automation.docker.cli import Docker
from automation.images import build as building
from automation.images import plan, registry, reproduce, size, size_report
from automation.images.build import Outcome
from automation.images.plan import Options, Plan
from automation.images.size import Verdict
from automation.settings import Settings

REGISTRY = "DOCKER_REGISTRY"
"""The variable that names the registry to publish in, where no flag does."""


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
        times = load_rules(current.root).times
        outcomes: list[Outcome] = []
        for each in profiles:
            own = [one for one in plans if one.profile == each.name]
            if len(profiles) > 1:
                emit(Notice((each.name,)))
            if reproducible:
                made = await reproduce.reproduce(docker, own, emit)
            else:
                made = await building.converge(docker, own, emit, no_cache=no_cache, pull=pull)
            for outcome in made:
                building.record(current, outcome)
            emit(Notice((*_told(made, times), "")))
            outcomes += made
        emit(Result({"images": [outcome.to_mapping() for outcome in outcomes]}))

    return run(work, json_lines=json_lines, debug=debug)


def size_check(
    *, profile: str, all_profiles: bool, service: str, image: str, bases: Sequence[str],
    json_lines: bool, debug: bool,
) -> int:  # fmt: skip
    """Weigh the images of one profile or of all of them, or any image by its name."""

    async def work(current: Settings, emit: Emit) -> None:
        docker = Docker.find(current)
        if image:
            if profile or all_profiles or service or bases:
                raise UsageError("--image weighs an image by its name, and goes with no other choice")
            with step(emit, "image") as running:
                measured = await size.measure(docker, image, running)
                running.detail = f"{image} weighed"
            verdict = size.judge(measured, None, None)
            emit(Notice(("", *size_report.image(image, verdict), "")))
            emit(Result({"images": [verdict.to_mapping()], "passed": True}))
            return
        profiles = _choose(profile, current, all_profiles=all_profiles)
        services = plan.choose(service)
        plans = await plan.plan_all(current, profiles, services, Options(bases=tuple(bases)))
        for one, state in zip(plans, await building.look(docker, plans), strict=True):
            if not state.id:
                raise AutomationError(
                    f"the {one.service} of {one.profile} is not built as it is now",
                    why=f"there is no image {one.reference}",
                    remedies=[f"invoke build --profile {one.profile}"],
                )
        history = size.History(current)
        together = load_rules(current.root).memory.images_together_max_mb * size.MB
        failures: list[str] = []
        results: list[dict[str, Any]] = []
        for each in profiles:
            own = [one for one in plans if one.profile == each.name]
            if len(profiles) > 1:
                emit(Notice((each.name,)))
            verdicts = await asyncio.gather(*(_weigh(docker, each, one, history, emit) for one in own))
            emit(Notice(("", *_weights(own, verdicts, together), "")))
            failures += _over(each, own, verdicts, together)
            results += [
                {"profile": each.name, "service": one.service, **verdict.to_mapping()}
                for one, verdict in zip(own, verdicts, strict=True)
            ]
        emit(Result({"images": results, "passed": not failures}))
        if failures:
            raise AutomationError(
                failures[0] if len(failures) == 1 else f"{len(failures)} budgets are exceeded",
                why="the lines above show what takes the bytes",
                details=failures if len(failures) > 1 else [],
                remedies=["take something out", "change the budget in deploy/profiles, and say why"],
            )

    return run(work, json_lines=json_lines, debug=debug)


def push(
    *, registry_name: str, version: str, profile: str, service: str, bases: Sequence[str], force: bool,
    dry_run: bool, json_lines: bool, debug: bool,
) -> int:  # fmt: skip
    """Publish the images of a profile."""

    async def work(current: Settings, emit: Emit) -> None:
        chosen = profiles.load(profile, current.root)
        values = environment.read(current, chosen).values
        named = registry_name or current.environ.get(REGISTRY, "") or values.get(REGISTRY, "")
        place = registry.check_registry(named, "--registry" if registry_name else REGISTRY)
        if not version:
            raise UsageError("no version is named", remedies=["--version v1.2.3"])
        services = plan.choose(service)
        options = Options(version=version, bases=tuple(bases))
        plans = await plan.plan_all(current, [chosen], services, options)
        if not force:
            registry.check_committed(plans)
        docker = Docker.find(current)
        if dry_run:
            names = [
                f"{place}/{each.image}:{tag}" for each in plans for tag in (each.version, registry.LATEST)
            ]
            emit(Notice(tuple(f"would be pushed: {name}" for name in names)))
            emit(Result({"push": names}))
            return
        outcomes = await building.converge(docker, plans, emit)
        for outcome in outcomes:
            building.record(current, outcome)
        pushed = await registry.push_all(docker, plans, place, emit, force=force)
        emit(Notice(("", *(f"{each.reference}   {each.digest}" for each in pushed), "")))
        emit(Result({"images": [asdict(each) for each in pushed]}))

    return run(work, json_lines=json_lines, debug=debug)


async def _weigh(docker: Docker, profile: Profile, one: Plan, history: size.History, emit: Emit) -> Verdict:
    with step(emit, one.service) as running:
        measured = await size.measure(docker, one.reference, running)
        kind = f"{one.profile}-{one.service}"
        verdict = size.judge(measured, profile.service(one.service), history.before(kind, measured))
        history.keep(kind, measured)
        running.detail = f"{one.reference} weighed"
        return verdict


def _weights(plans: Sequence[Plan], verdicts: Sequence[Verdict], together: int) -> list[str]:
    lines: list[str] = []
    for each, verdict in zip(plans, verdicts, strict=True):
        lines += size_report.image(each.service, verdict)
    if len(verdicts) > 1:
        lines.append(size_report.together([verdict.measurement.size for verdict in verdicts], together))
    for old, new in {pair: None for each in plans for pair in each.bases.items()}:
        lines.append(f"base       {old} is replaced by {new}")
    return lines


def _over(profile: Profile, plans: Sequence[Plan], verdicts: Sequence[Verdict], together: int) -> list[str]:
    over = [
        f"the {each.service} of {profile.name} is "
        f"{size_report.exact(verdict.measurement.size - verdict.allowed)} "
        f"over its budget of {verdict.allowed // size.MB} MB"
        for each, verdict in zip(plans, verdicts, strict=True)
        if verdict.allowed is not None and not verdict.passed
    ]
    total = sum(verdict.measurement.size for verdict in verdicts)
    if total > together:
        budget = f"{together // size.MB} MB"
        over.append(
            f"the images of {profile.name} are together {size_report.exact(total - together)} over {budget}"
        )
    return over


def _choose(profile: str, current: Settings, *, all_profiles: bool) -> tuple[Profile, ...]:
    if profile and all_profiles:
        raise UsageError("--profile and --all exclude each other")
    names = profiles.names(current.root) if all_profiles else (profile,)
    return tuple(profiles.load(name, current.root) for name in names)


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
        names = " ".join((f"{each.plan.reference}  ", *each.plan.tags)).rstrip()
        lines.append(f"{each.plan.service:<10} {names}")
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
