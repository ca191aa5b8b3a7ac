"""Build and publish the images."""

from typing import Annotated

from automation.tasks import flags
from automation.tasks.flags import Flag, Names
from automation.tasks.task import Run, task


@task
async def build(
    run: Run,
    profile: flags.Profile = "",
    all_: flags.AllProfiles = False,
    service: flags.Service = "",
    dev: Annotated[bool, Flag("Build the development images, from Dockerfile.dev.")] = False,
    tag: Annotated[Names, Flag("Additional tag; repeatable.", "TAG", many=True)] = (),
    version: flags.Version = "",
    platform: Annotated[str, Flag("Platform to build for, as in linux/arm64.", "PLATFORM")] = "",
    base: flags.Bases = (),
    no_cache: Annotated[bool, Flag("Build without the cache.")] = False,
    pull: Annotated[bool, Flag("Pull newer base images from their registries.")] = False,
    reproducible: Annotated[bool, Flag("Build twice uncached and fail if the results differ.")] = False,
    dry_run: flags.DryRun = False,
) -> None:
    """Build the images of a profile unless they are up to date."""
    from automation.images import build_report
    from automation.images.plan import Options

    await build_report.build(
        *run,
        Options(dev, tag, version, platform, base),
        profile=profile,
        all_profiles=all_,
        service=service,
        no_cache=no_cache,
        pull=pull,
        reproducible=reproducible,
        dry_run=dry_run,
    )


@task
async def size_check(
    run: Run,
    profile: flags.Profile = "",
    all_: flags.AllProfiles = False,
    service: flags.Service = "",
    image: Annotated[str, Flag("Measure any other image by its name; it has no budget.", "IMAGE")] = "",
    base: flags.Bases = (),
) -> None:
    """Check the size of the images against their budgets."""
    from automation.images import budget

    await budget.check(*run, profile=profile, all_profiles=all_, service=service, image=image, bases=base)


@task
async def push(
    run: Run,
    registry: Annotated[str, Flag("Host and user, as in localhost:5000/me (default: DOCKER_REGISTRY).")] = "",
    version: Annotated[str, Flag("Version to publish, as in v1.2.3; required.")] = "",
    profile: flags.Profile = "",
    service: flags.Service = "",
    base: flags.Bases = (),
    force: Annotated[bool, Flag("Push uncommitted work and replace an existing version.")] = False,
    dry_run: flags.DryRun = False,
) -> None:
    """Push a version and latest, then verify their digests."""
    from automation.images import registry as publishing

    await publishing.push(
        *run,
        registry=registry,
        version=version,
        profile=profile,
        service=service,
        bases=base,
        force=force,
        dry_run=dry_run,
    )
