"""From sources to a healthy release: built, loaded, installed, watched, reached."""

import asyncio
import base64
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from automation.console.errors import UsageError
from automation.console.events import Emit, Notice, step
from automation.contract import environment, profiles
from automation.contract.environment import Environment
from automation.contract.models import Kubernetes, Profile
from automation.docker.cli import Docker
from automation.images import build
from automation.images.plan import Options as BuildOptions
from automation.images.plan import choose, plan_all
from automation.kubernetes import load as loading
from automation.kubernetes import target as targets
from automation.kubernetes.helm import Helm
from automation.kubernetes.install import DATABASE_PASSWORD, Installed, Installer, Options
from automation.kubernetes.kubectl import Kubectl
from automation.kubernetes.load import Loaded
from automation.kubernetes.target import DOCKER_DESKTOP, MINIKUBE, Target
from automation.process import addresses
from automation.settings import Settings

PROFILE = "cluster"
CHARTS = Path("deploy/helm")
_THIS_MACHINE = {MINIKUBE: "host.minikube.internal", DOCKER_DESKTOP: "host.docker.internal"}
DATABASE_IMAGE = "postgres:17"
"""What the chart runs as PostgreSQL where no other is given."""

Confirm = Callable[[str], Coroutine[Any, Any, None]]
"""Asks a person; raises AutomationError unless the answer is yes."""


@dataclass(frozen=True)
class Place:
    """The cluster that is meant, and the programs that talk to it."""

    kubectl: Kubectl
    helm: Helm
    target: Target


@dataclass(frozen=True)
class Request:
    """What is to be delivered, and where to."""

    options: Options
    profile: str = PROFILE
    context: str = ""
    """kubectl's context; the current one when empty."""
    registry: str = ""
    """A registry that the nodes pull from, instead of loading images into them."""
    bases: tuple[str, ...] = ()


def kubernetes(profile: Profile) -> Kubernetes:
    """Return what a profile says about Kubernetes. Raises UsageError when that is nothing."""
    if profile.kubernetes is None:
        raise UsageError(
            f"the profile {profile.name} is not one for Kubernetes", remedies=[f"--profile {PROFILE}"]
        )
    return profile.kubernetes


async def find_place(settings: Settings, options: Options, context: str = "") -> Place:
    """Return the cluster that a context means. Raises ClusterError."""
    kubectl = Kubectl.find(settings, context=context)
    target = targets.read(await kubectl.json("config", "view", "--minify"))
    kubectl = Kubectl(kubectl.program, target.context, options.namespace)
    helm = Helm.find(settings, context=target.context, namespace=options.namespace, release=options.release)
    return Place(kubectl, helm, target)


async def check(place: Place, emit: Emit, confirm: Confirm | None) -> None:
    """See that the cluster answers; ask before one is touched that is not of this machine."""
    with step(emit, "cluster") as running:
        running.progress(f"asking {place.target}")
        version = (await place.kubectl.json("version"))["serverVersion"]["gitVersion"]
        running.detail = f"{place.target}, Kubernetes {version}"
    if confirm is not None and not place.target.local:
        await confirm(f"{place.target} is not a cluster of this machine. Change it?")


async def deliver(
    settings: Settings, request: Request, place: Place, emit: Emit, confirm: Confirm | None
) -> Installed:
    """Bring the release to what the sources and the settings say. Raises AutomationError."""
    profile = profiles.load(request.profile, settings.root)
    rules = kubernetes(profile)
    await check(place, emit, confirm)
    installer = installer_of(settings, rules, request.options, place, emit)
    port = await installer.preflight()
    kept = await _kept(place, rules)
    values = reachable(prepare(settings, profile, emit, kept.get(DATABASE_PASSWORD, "")), place.target, emit)
    if (name := "BETTER_AUTH_SECRET") in kept and kept[name] != values.values.get(name):
        emit(Notice((f"note: {name} is not the one that the release had: everybody has to sign in again",)))
    with_database = not values.values.get("DATABASE_URL") and not request.registry
    loaded, _ = await asyncio.gather(
        load(settings, profile, place.target, emit, registry=request.registry, bases=request.bases),
        spare_a_download(settings, place.target, rules, emit) if with_database else asyncio.sleep(0),
    )
    return await installer.install(values, loaded, port)


def installer_of(
    settings: Settings, rules: Kubernetes, options: Options, place: Place, emit: Emit
) -> Installer:
    """Return who puts the release into that cluster."""
    return Installer(place.kubectl, place.helm, place.target, chart(settings, rules), rules, options, emit)


def prepare(settings: Settings, profile: Profile, emit: Emit, password: str = "") -> Environment:
    """Return the settings of a release; the secrets that it lacks are generated. Raises AutomationError.

    `password` is what the database in the cluster was made with, where there is one: its data know no other,
    whatever the settings have come to say since.
    """
    known = environment.read(settings, profile).values if settings.env_file.exists() else {}
    lacking = [] if known.get("DATABASE_URL") or password else [DATABASE_PASSWORD]
    made = environment.prepare(settings, profile, emit, also=["JWT_SECRET", *lacking])
    return replace(made, values={**made.values, DATABASE_PASSWORD: password}) if password else made


def chart(settings: Settings, rules: Kubernetes) -> Path:
    """Return the chart's directory."""
    return settings.root / CHARTS / rules.chart


async def load(
    settings: Settings,
    profile: Profile,
    target: Target,
    emit: Emit,
    *,
    service: str = "",
    registry: str = "",
    bases: Sequence[str] = (),
) -> Mapping[str, Loaded]:
    """Build what is missing and bring it to the nodes. Raises AutomationError."""
    docker = Docker.find(settings)
    loader = loading.choose(target, settings, docker, registry)
    plans = await plan_all(settings, [profile], choose(service), BuildOptions(bases=tuple(bases)))
    for outcome in await build.converge(docker, plans, emit):
        build.record(settings, outcome)
    allowed = kubernetes(profile).image_load_max_s
    loaded = await asyncio.gather(
        *(loading.converge(loader, each.service, each.reference, emit, allowed_s=allowed) for each in plans)
    )
    return {each.service: each for each in loaded}


def reachable(given: Environment, target: Target, emit: Emit) -> Environment:
    """Return the settings with servers of this machine by the name that pods know it by.

    In a pod, localhost is the pod. Where there is no such name, a person is told so.
    """
    values, host = dict(given.values), _THIS_MACHINE.get(target.kind, "")
    for name in ("DATABASE_URL", "OPENAI_BASE_URL"):
        inside = addresses.seen_from_inside(values.get(name, ""), host or "elsewhere")
        if inside == values.get(name, ""):
            continue
        if host:
            values[name] = inside
            known = f"which pods reach as {host}"
        else:
            known = f"which the pods of {target.context} know by no name: give it by an address"
        emit(Notice((f"note: {name} names this machine, {known}",)))
    return replace(given, values=values)


async def _kept(place: Place, rules: Kubernetes) -> dict[str, str]:
    """Return what the Secret of an earlier release holds; nothing where there is none."""
    found = await place.kubectl.json("get", "secret", rules.secret, "--ignore-not-found")
    return {
        name: base64.b64decode(value).decode(errors="replace")
        for name, value in found.get("data", {}).items()
    }


async def spare_a_download(settings: Settings, target: Target, rules: Kubernetes, emit: Emit) -> None:
    """Bring the database's image to a local cluster where Docker has it; or else they pull it."""
    docker = Docker.find(settings)
    if target.kind and await docker.images(DATABASE_IMAGE):
        loader = loading.choose(target, settings, docker)
        await loading.converge(loader, "database", DATABASE_IMAGE, emit, allowed_s=rules.image_load_max_s)
