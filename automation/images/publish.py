"""Publish the images of a profile in a registry: what `push` does."""

from collections.abc import Sequence
from dataclasses import asdict

from automation.console.errors import UsageError
from automation.console.events import Emit, Notice, Result
from automation.contract import environment, formats, profiles
from automation.docker.cli import Docker
from automation.images import build, plan, registry
from automation.images.plan import Options
from automation.settings import Settings


async def push(
    settings: Settings, emit: Emit, *, registry_name: str, version: str, profile: str, service: str,
    bases: Sequence[str], force: bool, dry_run: bool,
) -> None:  # fmt: skip
    """Build what is missing, push it as the version and as latest, and compare the digests."""
    chosen = profiles.load(profile, settings.root)
    place = registry_name and registry.check_registry(registry_name)
    if not place:
        values = environment.read(settings, chosen)
        values.require_valid(settings.env_file_name, environment.REGISTRY)
        place = values.values.get(environment.REGISTRY, "")
    if not place:
        setting = f"{environment.REGISTRY}=HOST/USER in {settings.env_file_name}"
        raise UsageError("no registry is named", remedies=["--registry HOST/USER", setting])
    if not version:
        raise UsageError("no version is named", remedies=["--version v1.2.3"])
    options = Options(version=version, bases=tuple(bases))
    plans = await plan.plan_all(settings, [chosen], plan.choose(service), options)
    if not force:
        registry.check_committed(plans)
    docker = Docker.find(settings)
    if dry_run:
        names = [
            f"{place}/{planned.image}:{tag}"
            for planned in plans
            for tag in (formats.version_tag(planned.version), registry.LATEST)
        ]
        emit(Notice(tuple(f"would be pushed: {name}" for name in names)))
        emit(Result({"push": names}))
        return
    for outcome in await build.converge(docker, plans, emit):
        build.record(settings, outcome)
    pushed = await registry.push_all(docker, plans, place, emit, force=force)
    emit(Notice(("", *(f"{image.reference}   {image.digest}" for image in pushed), "")))
    emit(Result({"images": [asdict(image) for image in pushed]}))
