"""Bring the application to a Kubernetes cluster and remove it: what the cluster's tasks do."""

import re
from collections.abc import Sequence
from dataclasses import asdict

from automation.console.errors import UsageError
from automation.console.events import Emit, Notice, Result, step
from automation.console.runner import confirm
from automation.contract import profiles
from automation.contract.models import Kubernetes
from automation.engines.cluster import ClusterEngine
from automation.engines.engine import UpOptions
from automation.images.plan import choose
from automation.images.registry import check_registry
from automation.kubernetes import delivery
from automation.kubernetes import request as requests
from automation.kubernetes.helm import Helm
from automation.kubernetes.request import Request
from automation.kubernetes.target import Place
from automation.settings import Settings


async def load(
    settings: Settings, emit: Emit, *, profile: str, service: str, context: str, registry: str,
    bases: Sequence[str], dry_run: bool,
) -> None:  # fmt: skip
    """Bring the images to the nodes of the cluster."""
    chosen = profiles.load(profile or requests.PROFILE, settings.root)
    rules = requests.kubernetes(chosen)
    _check(service, registry)
    place = await Place.find(settings, Request(rules.namespace, context=context))
    if dry_run:
        emit(Notice((f"The images of {chosen.name} would be built and loaded into {place.target}.",)))
        emit(Result({"context": place.target.context, "profile": chosen.name}))
        return
    loaded = await delivery.load(
        settings, chosen, place.target, emit, service=service, registry=registry, bases=bases
    )
    emit(Result({"images": [asdict(image) for image in loaded.values()]}))


async def install(
    settings: Settings, emit: Emit, *, profile: str, namespace: str, release: str, context: str,
    values: Sequence[str], chart_settings: Sequence[str], registry: str, bases: Sequence[str], wait: bool,
    atomic: bool, timeout_seconds: float, yes: bool, dry_run: bool,
) -> None:  # fmt: skip
    """Install the release, or upgrade it."""
    rules = _rules(settings, profile)
    _check("", registry)
    _check_names(namespace, release)
    if "-" in values:
        raise UsageError("--values - cannot read the standard input", remedies=["--values FILE"])
    request = Request(
        namespace=namespace or rules.namespace,
        release=release or requests.RELEASE,
        profile=profile or requests.PROFILE,
        context=context,
        registry=registry,
        bases=tuple(bases),
        values_files=tuple(values),
        settings=tuple(chart_settings),
        wait=wait,
        atomic=atomic,
        timeout_seconds=timeout_seconds,
    )
    engine = ClusterEngine(settings, request)
    if dry_run:
        plan = await engine.plan(UpOptions())
        emit(Notice(plan))
        emit(Result({"plan": plan}))
        return
    installed = await engine.install(emit, None if yes else _ask)
    where = (("namespace", namespace), ("release", release), ("context", context))
    own = "".join(f" --{name} {value}" for name, value in where if value)
    verb = "is" if wait else "will be"
    at = (f"The to-do chatbot {verb} at {installed.address}",) if installed.address else ()
    emit(Notice((*at, f"invoke status · invoke logs --follow · invoke helm-uninstall{own}")))
    emit(Result(asdict(installed)))


async def uninstall(
    settings: Settings, emit: Emit, *, namespace: str, release: str, context: str, data: bool, yes: bool,
    dry_run: bool,
) -> None:  # fmt: skip
    """Remove the release, with `data` its namespace too."""
    rules = _rules(settings)
    _check_names(namespace, release)
    request = Request(namespace or rules.namespace, release or requests.RELEASE, context=context)
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
    chart = requests.chart(settings, _rules(settings))
    with step(emit, "chart") as running:
        directory = settings.root / (destination or ".artifacts/charts")
        made = await Helm.find(settings).package(chart, directory)
        running.detail = made
    emit(Result({"archive": made}))


async def _ask(question: str) -> None:
    await confirm(question, otherwise="nothing was changed")


def _check_names(namespace: str, release: str) -> None:
    """Refuse names that Kubernetes would refuse, before anything is built; an empty name is the default."""
    of_a_namespace, of_a_service = "[a-z0-9]([-a-z0-9]*[a-z0-9])?", "[a-z]([-a-z0-9]*[a-z0-9])?"
    for flag, name, longest, shape in (
        ("--namespace", namespace, 63, of_a_namespace),
        ("--release", release, 53, of_a_service),
    ):
        if name and (len(name) > longest or not re.fullmatch(shape, name)):
            raise UsageError(
                f"{flag} {name[:80]!r} is no name in Kubernetes",
                why=f"it has up to {longest} lower-case letters, digits and hyphens, as in todo-2",
            )


def _rules(settings: Settings, profile: str = "") -> Kubernetes:
    return requests.kubernetes(profiles.load(profile or requests.PROFILE, settings.root))


def _check(service: str, registry: str) -> None:
    """Raise UsageError for flags that are wrong, before the cluster is contacted."""
    choose(service)
    if registry:
        check_registry(registry)
