"""Run in Kubernetes."""

from typing import Annotated

from automation.tasks import flags
from automation.tasks.flags import Flag, Names
from automation.tasks.task import Run, task


@task
async def minikube_load(
    run: Run,
    profile: flags.ClusterProfile = "",
    service: flags.Service = "",
    context: flags.KubeContext = "",
    registry: flags.Registry = "",
    base: flags.Bases = (),
    dry_run: flags.DryRun = False,
) -> None:
    """Load the images into minikube, kind or another cluster."""
    from automation.engines import cluster

    request = cluster.Request("", "", profile, context, registry, base)
    await cluster.load(*run, request, service=service, dry_run=dry_run)


@task
async def helm_install(
    run: Run,
    profile: flags.ClusterProfile = "",
    namespace: flags.Namespace = "",
    release: flags.Release = "",
    context: flags.KubeContext = "",
    values: Annotated[Names, Flag("Values file; repeatable, the last one wins.", "FILE", many=True)] = (),
    set_: Annotated[Names, Flag("One value; repeatable. Secrets go in .env.", "KEY=VALUE", many=True)] = (),
    registry: flags.Registry = "",
    base: flags.Bases = (),
    wait: Annotated[bool, Flag("Wait until the release is healthy and explain failures.")] = True,
    atomic: Annotated[bool, Flag("Roll back to the previous revision on failure.")] = False,
    timeout_: flags.RolloutSeconds = 0,
    yes: Annotated[bool, Flag("Skip the confirmation prompt for a cluster on another machine.")] = False,
    dry_run: flags.DryRun = False,
) -> None:
    """Install or upgrade the release and wait for its pods."""
    from automation.engines import cluster

    request = cluster.Request(
        namespace, release, profile, context, registry, base, values, set_, wait, atomic, timeout_
    )
    await cluster.install(*run, request, yes=yes, dry_run=dry_run)


@task
async def helm_uninstall(
    run: Run,
    namespace: flags.Namespace = "",
    release: flags.Release = "",
    context: flags.KubeContext = "",
    data: Annotated[bool, Flag("Delete the namespace and its data too; this cannot be undone.")] = False,
    yes: flags.Yes = False,
    dry_run: flags.DryRun = False,
) -> None:
    """Uninstall the release from the cluster; keep its data."""
    from automation.engines import cluster

    request = cluster.Request(namespace, release, context=context)
    await cluster.uninstall(*run, request, data=data, yes=yes, dry_run=dry_run)


@task
async def helm_package(
    run: Run,
    destination: Annotated[str, Flag("Folder for the archive (default: .artifacts/charts).", "FOLDER")] = "",
) -> None:
    """Package the chart as an archive."""
    from automation.engines import cluster

    await cluster.package(*run, destination=destination)
