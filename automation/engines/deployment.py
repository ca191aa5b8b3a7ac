"""Deploy the application to a Kubernetes cluster and remove it."""

import re
from dataclasses import asdict, replace
from functools import partial

from automation.console.errors import UsageError
from automation.console.events import Emit, Notice, Result, step
from automation.console.runner import confirm
from automation.contract import profiles
from automation.engines.cluster import ClusterEngine
from automation.engines.engine import UpOptions
from automation.images.plan import choose, read_version
from automation.images.registry import check_registry
from automation.kubernetes import commands, delivery
from automation.kubernetes.commands import Helm
from automation.kubernetes.target import PROFILE, RELEASE, Place, Request, chart, kubernetes
from automation.settings import Settings

__all__ = ["Request", "install", "load", "package", "uninstall"]

_NAMES = {
    "namespace": (63, "[a-z0-9]([-a-z0-9]*[a-z0-9])?"),
    "release": (53, "[a-z]([-a-z0-9]*[a-z0-9])?"),
}
"""The maximum length of a Kubernetes name and its pattern, by flag."""
_ask = partial(confirm, otherwise="nothing was changed")


async def load(settings: Settings, emit: Emit, request: Request, *, service: str, dry_run: bool) -> None:
    """Load the images into the nodes of the cluster."""
    choose(service)
    request = _completed(settings, request)
    profile = profiles.load(request.profile, settings.root)
    read_version(settings, profile)
    target = (await Place.find(settings, request)).target
    if dry_run:
        emit(Notice((f"The images of {profile.name} would be built and loaded into {target}.",)))
        emit(Result({"context": target.context, "profile": profile.name}))
        return
    loaded = await delivery.load(settings, request, target, emit, service)
    emit(Result({"images": [asdict(image) for image in loaded.values()]}))


async def install(settings: Settings, emit: Emit, request: Request, *, yes: bool, dry_run: bool) -> None:
    """Install the release, or upgrade it."""
    named = {"namespace": request.namespace, "release": request.release, "context": request.context}
    request = _completed(settings, request)
    read_version(settings, profiles.load(request.profile, settings.root))
    engine = ClusterEngine(settings, request)
    if dry_run:
        plan = await engine.plan(UpOptions())
        emit(Notice(plan))
        emit(Result({"plan": plan}))
        return
    installed = await engine.install(emit, None if yes else _ask)
    own = "".join(f" --{flag} {name}" for flag, name in named.items() if name)
    verb = "is" if request.wait else "will be"
    at = (f"The to-do chatbot {verb} at {installed.address}",) if installed.address else ()
    emit(Notice((*at, f"invoke status · invoke logs --follow · invoke helm-uninstall{own}")))
    emit(Result(asdict(installed)))


async def uninstall(
    settings: Settings, emit: Emit, request: Request, *, data: bool, yes: bool, dry_run: bool
) -> None:
    """Remove the release, with `data` its namespace too."""
    request = _completed(settings, request)
    engine = ClusterEngine(settings, request)
    if dry_run:
        kept = "its data, its Secret and the namespace with it" if data else "and keep its data"
        emit(Notice((f"helm-uninstall would remove {request.release} in {request.namespace}, {kept}.",)))
        return
    if data and not yes:
        await confirm(
            f"Delete {request.release} in {request.namespace} with every account, task and conversation, "
            "and the namespace if helm-install created it? This cannot be undone."
        )
    await engine.uninstall(emit, None if yes else _ask, data=data)
    emit(Result((await engine.status()).to_mapping()))


async def package(settings: Settings, emit: Emit, *, destination: str) -> None:
    """Lint the chart and make its archive."""
    source = chart(settings, kubernetes(profiles.load(PROFILE, settings.root)))
    with step(emit, "chart") as running:
        directory = settings.root / (destination or ".artifacts/charts")
        running.detail = await Helm(commands.find("helm", settings)).package(source, directory)
    emit(Result({"archive": running.detail}))


def _completed(settings: Settings, request: Request) -> Request:
    """Return the request with the defaults. Raises UsageError for a wrong flag, before anything is built."""
    profile = profiles.load(request.profile or PROFILE, settings.root)
    default = kubernetes(profile).namespace
    if request.registry:
        check_registry(request.registry)
    for flag, (longest, shape) in _NAMES.items():
        name: str = getattr(request, flag)
        if name and (len(name) > longest or not re.fullmatch(shape, name)):
            raise UsageError(
                f"--{flag} {name[:80]!r} is not a valid Kubernetes name",
                why=f"it may have up to {longest} lowercase letters, digits and hyphens, as in todo-2",
            )
    if "-" in request.values_files:
        raise UsageError("--values - cannot read the standard input", remedies=["--values FILE"])
    return replace(
        request,
        namespace=request.namespace or default,
        release=request.release or RELEASE,
        profile=profile.name,
    )
