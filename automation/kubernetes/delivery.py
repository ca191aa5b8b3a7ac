"""From sources to a healthy release: build the images, load them, install the chart."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import replace

from automation.console.events import Emit, Notice
from automation.contract import environment, profiles
from automation.contract.environment import Environment
from automation.contract.models import Kubernetes, Profile
from automation.docker.cli import Docker
from automation.images import build
from automation.images.plan import Options, choose, plan_all
from automation.kubernetes import load as loading
from automation.kubernetes import release, target
from automation.kubernetes.install import Installed, Installer
from automation.kubernetes.load import Loaded
from automation.kubernetes.release import DATABASE_PASSWORD
from automation.kubernetes.target import DOCKER_DESKTOP, MINIKUBE, Place, Request, Target
from automation.process import addresses, files
from automation.settings import Settings

_TIMES = "installs.json"
_THIS_MACHINE = {MINIKUBE: "host.minikube.internal", DOCKER_DESKTOP: "host.docker.internal"}


async def deliver(settings: Settings, request: Request, place: Place, emit: Emit) -> Installed:
    """Bring a release up to date with the sources and the settings. Raises AutomationError."""
    began = time.monotonic()
    profile = profiles.load(request.profile, settings.root)
    rules = target.kubernetes(profile)
    installer = Installer(place, target.chart(settings, rules), rules, request, emit)
    rendered = await installer.check_values()
    old = release.decoded(await release.read_secret(place.kubectl, rules.secret) or {})
    given = _prepare(settings, profile, emit, old.get(DATABASE_PASSWORD, ""))
    values = _reachable(given.values, place.target, emit)
    if (name := "BETTER_AUTH_SECRET") in old and old[name] != values.get(name):
        emit(Notice((f"note: {name} has changed: everybody has to sign in again",)))
    with_database = not values.get("DATABASE_URL") and not request.registry
    loaded, _ = await asyncio.gather(
        load(settings, request, place.target, emit),
        load_database(settings, place.target, rules, rendered.database_image, emit)
        if with_database
        else asyncio.sleep(0),
    )
    installed = await installer.install(replace(given, values=values), loaded, rendered)
    if installed.changed and request.wait:
        kind = "cold_s" if installed.revision == 1 else "warm_s"
        times = {**recorded(settings), kind: round(time.monotonic() - began, 1)}
        files.make_directory(settings.state_dir)
        files.write_json(settings.state_dir / _TIMES, times)
    return installed


def recorded(settings: Settings) -> dict[str, float]:
    """Return the seconds of the last deliveries: `cold_s` of a first revision, `warm_s` of a later one."""
    found = files.read_json(settings.state_dir / _TIMES) or {}
    return {name: float(found[name]) for name in ("cold_s", "warm_s") if name in found}


async def load(
    settings: Settings, request: Request, cluster: Target, emit: Emit, service: str = ""
) -> Mapping[str, Loaded]:
    """Build the images that are missing and load them. Raises AutomationError."""
    profile = profiles.load(request.profile, settings.root)
    docker = Docker.find(settings)
    loader = loading.choose(cluster, settings, docker, request.registry)
    plans = await plan_all(settings, [profile], choose(service), Options(bases=request.bases))
    for outcome in await build.converge(docker, plans, emit):
        build.record(settings, outcome)
    limit = target.kubernetes(profile).image_load_max_s
    loaded = await asyncio.gather(
        *(loading.converge(loader, plan.service, plan.reference, emit, limit_seconds=limit) for plan in plans)
    )
    return {image.service: image for image in loaded}


async def load_database(
    settings: Settings, target: Target, rules: Kubernetes, image: str, emit: Emit
) -> None:
    """Load the database's image into a local cluster if Docker has it; otherwise the nodes pull it."""
    docker = Docker.find(settings)
    if target.kind and await docker.images(image):
        loader = loading.choose(target, settings, docker)
        await loading.converge(loader, "database", image, emit, limit_seconds=rules.image_load_max_s)


def _prepare(settings: Settings, profile: Profile, emit: Emit, password: str) -> Environment:
    """Return the settings of a release and generate the secrets that are missing.

    An existing database in the cluster accepts only the `password` that it was created with, whatever the
    settings say.
    """
    known = environment.read(settings, profile).values if settings.env_file.exists() else {}
    missing = [] if known.get("DATABASE_URL") or password else [DATABASE_PASSWORD]
    given = environment.prepare(settings, profile, emit, also=["JWT_SECRET", *missing])
    return replace(given, values={**given.values, DATABASE_PASSWORD: password}) if password else given


def _reachable(given: Mapping[str, str], target: Target, emit: Emit) -> Mapping[str, str]:
    """Replace localhost in the settings with the name that pods have for this machine."""
    values, host = dict(given), _THIS_MACHINE.get(target.kind, "")
    for name in ("DATABASE_URL", "OPENAI_BASE_URL"):
        inside = addresses.seen_from_inside(values.get(name, ""), host or "elsewhere")
        if inside == values.get(name, ""):
            continue
        if host:
            values[name] = inside
        way = f"pods reach it as {host}"
        known = way if host else f"the pods of {target.context} have no name for it: use an IP address"
        emit(Notice((f"note: {name} points to this machine; {known}",)))
    return values
