"""The tasks that bring the application to a Kubernetes cluster."""

import re
from collections.abc import Sequence
from dataclasses import asdict

from automation.console.errors import UsageError
from automation.console.events import Emit, Notice, Result, step
from automation.console.runner import confirm, run
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

_LONGEST_S = 86_400


def load(
    *, profile: str, service: str, context: str, registry: str, bases: Sequence[str], dry_run: bool,
    json_lines: bool, debug: bool,
) -> int:  # fmt: skip
    """Bring the images to the nodes of the cluster."""

    async def work(current: Settings, emit: Emit) -> None:
        chosen = profiles.load(profile or requests.PROFILE, current.root)
        rules = requests.kubernetes(chosen)
        _check(service, registry)
        place = await Place.find(current, Request(rules.namespace, context=context))
        if dry_run:
            emit(Notice((f"The images of {chosen.name} would be built and brought to {place.target}.",)))
            emit(Result({"context": place.target.context, "profile": chosen.name}))
            return
        loaded = await delivery.load(
            current, chosen, place.target, emit, service=service, registry=registry, bases=bases
        )
        emit(Result({"images": [asdict(each) for each in loaded.values()]}))

    return run(work, json_lines=json_lines, debug=debug)


def install(
    *, profile: str, namespace: str, release: str, context: str, values: Sequence[str],
    settings: Sequence[str], registry: str, bases: Sequence[str], wait: bool, atomic: bool, timeout: str,
    yes: bool, dry_run: bool, json_lines: bool, debug: bool,
) -> int:  # fmt: skip
    """Install the release, or upgrade it."""

    async def work(current: Settings, emit: Emit) -> None:
        rules = _rules(profile, current)
        _check("", registry)
        _check_names(namespace, release)
        if "-" in values:
            raise UsageError(
                "--values - would read the standard input, which is not passed on", remedies=["--values FILE"]
            )
        request = Request(
            namespace=namespace or rules.namespace,
            release=release or requests.RELEASE,
            profile=profile or requests.PROFILE,
            context=context,
            registry=registry,
            bases=tuple(bases),
            values_files=tuple(values),
            settings=tuple(settings),
            wait=wait,
            atomic=atomic,
            timeout_seconds=_seconds(timeout),
        )
        engine = ClusterEngine(current, request)
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

    return run(work, json_lines=json_lines, debug=debug)


def uninstall(
    *, namespace: str, release: str, context: str, data: bool, yes: bool, dry_run: bool, json_lines: bool,
    debug: bool,
) -> int:  # fmt: skip
    """Remove the release; the data stays unless told."""

    async def work(current: Settings, emit: Emit) -> None:
        rules = _rules("", current)
        _check_names(namespace, release)
        options = Request(namespace or rules.namespace, release or requests.RELEASE, context=context)
        engine = ClusterEngine(current, options)
        if dry_run:
            kept = "its data, its Secret and the namespace with it" if data else "and keep its data"
            emit(Notice((f"helm-uninstall would remove {options.release} in {options.namespace}, {kept}.",)))
            return
        if data and not yes:
            await confirm(
                f"Delete {options.release} in {options.namespace} with every account, task and conversation, "
                "and the namespace where helm-install has made it? Nothing can make it again."
            )
        await engine.uninstall(emit, None if yes else _ask, data=data)
        emit(Result((await engine.status()).to_mapping()))

    return run(work, json_lines=json_lines, debug=debug)


def package(*, destination: str, json_lines: bool, debug: bool) -> int:
    """Make the chart's archive."""

    async def work(current: Settings, emit: Emit) -> None:
        chart = requests.chart(current, _rules("", current))
        with step(emit, "chart") as running:
            destination_directory = current.root / (destination or ".artifacts/charts")
            made = await Helm.find(current).package(chart, destination_directory)
            running.detail = made
        emit(Result({"archive": made}))

    return run(work, json_lines=json_lines, debug=debug)


async def _ask(question: str) -> None:
    await confirm(question, otherwise="nothing was changed")


def _check_names(namespace: str, release: str) -> None:
    """Refuse names that Kubernetes would, before anything is built; an empty one stands for the usual."""
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


def _rules(profile: str, current: Settings) -> Kubernetes:
    return requests.kubernetes(profiles.load(profile or requests.PROFILE, current.root))


def _check(service: str, registry: str) -> None:
    """Raise UsageError for flags that mean nothing, before the cluster is asked for anything."""
    choose(service)
    if registry:
        check_registry(registry)


def _seconds(text: str) -> float:
    if not (text.isascii() and text.isdecimal() and 0 < int(text[:9]) <= _LONGEST_S):
        raise UsageError(
            f"--timeout {text!r} is not a number of seconds", why=f"it is from 1 to {_LONGEST_S}"
        )
    return float(text)
