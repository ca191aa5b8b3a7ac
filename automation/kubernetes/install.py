"""Install or upgrade a release, and roll it back."""

import asyncio
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from automation.console.events import Emit, Notice, Step, step
from automation.contract import environment, profiles
from automation.contract.environment import Environment
from automation.contract.models import Kubernetes, Profile
from automation.kubernetes import address, commands, drift, load, pods, release
from automation.kubernetes.commands import ClusterError, Revision
from automation.kubernetes.drift import Drift
from automation.kubernetes.load import Loaded
from automation.kubernetes.release import DATABASE_PASSWORD, Rendered
from automation.kubernetes.target import DOCKER_DESKTOP, MINIKUBE, Place, Request, Target, chart, kubernetes
from automation.kubernetes.watch import Watcher
from automation.process import addresses, files
from automation.settings import Settings

_DESCRIPTION = "Installed from chart, images and settings with fingerprint "
_TIMES = "installs.json"
_THIS_MACHINE = {MINIKUBE: "host.minikube.internal", DOCKER_DESKTOP: "host.docker.internal"}


@dataclass(frozen=True)
class Installed:
    revision: int
    address: str
    """Address from this machine, empty if it does not answer; without waiting, the expected one."""
    changed: bool
    seconds: float


@dataclass(frozen=True)
class _Before:
    """Revision that a failed installation is rolled back to."""

    revisions: tuple[Revision, ...]
    serving: Revision | None
    """The revision whose pods are ready; None if there is none."""
    secret: Mapping[str, str] | None
    namespace: bool
    """Whether the namespace existed."""


@dataclass(frozen=True)
class Installer:
    """Installs one release of the chart into one cluster."""

    place: Place
    chart: Path
    rules: Kubernetes
    request: Request
    emit: Emit

    async def check_values(self) -> Rendered:
        """Check that the chart accepts the values, before anything is changed. Raises ClusterError."""
        with step(self.emit, "values") as running:
            rendered = await release.render(self.place.helm, self.chart, self.request)
            running.detail = "the chart accepts them"
        return rendered

    async def install(
        self, environment: Environment, images: Mapping[str, Loaded], rendered: Rendered | None = None
    ) -> Installed:
        """Install or upgrade the release and wait until it is healthy. Raises AutomationError.

        `rendered` is the result of `check_values`, if it was called before.
        """
        began = time.monotonic()
        rendered = rendered or await self.check_values()
        if not self.request.timeout_seconds:
            fitting = replace(self.request, timeout_seconds=rendered.rollout_seconds)
            return await replace(self, request=fitting).install(environment, images, rendered)
        frontend = (self.place, self.rules.frontend)
        with step(self.emit, "namespace") as running:
            version, before = await self._prepare(environment, rendered, running)
        origin, leaving = await asyncio.gather(
            # With * for a port that the cluster chooses.
            address.current(*frontend, rendered.node_port or "*")
            if rendered.on_node
            else asyncio.sleep(0, ""),
            self._leaves_database(environment, rendered.database),
        )
        given = release.values(environment, images, origin, version, leaving=leaving)
        changed, revision = await self._deploy(given, before)
        if not self.request.wait:
            return Installed(revision, await address.current(*frontend), changed, time.monotonic() - began)
        await self._wait(revision, before, updating=changed and bool(before.revisions))
        actual = await address.current(*frontend)
        # Only now is it known that the pods use another database.
        final = release.values(environment, images, origin, version, leaving=False)
        if final != given:
            _, revision = await self._deploy(final, before)
            await self._wait(revision, before, updating=True)
        reached = await address.reach(*frontend, actual, self.emit, through=rendered.complete)
        return Installed(revision, reached, changed, time.monotonic() - began)

    async def _prepare(
        self, environment: Environment, rendered: Rendered, running: Step
    ) -> tuple[str, _Before]:
        """Apply the namespace and the Secret; return the Secret's version, and what to roll back to."""
        kubectl, name, own = self.place.kubectl, self.request.namespace, self.rules.chart
        namespace, old_secret, revisions = await asyncio.gather(
            kubectl.json("get", "namespace", name, "--ignore-not-found"),
            release.read_secret(kubectl, self.rules.secret),
            self.place.helm.history(),
        )
        release.check_chart(self.place.helm, revisions, own)
        if namespace.get("status", {}).get("phase") == "Terminating":
            raise commands.explain("because it is being terminated", "helm-install", {}, {"namespace": name})
        password = environment.values.get(DATABASE_PASSWORD, "")
        data = release.secret_data(environment.values, rendered.database_url(password))
        documents = [release.secret(self.rules.secret, name, data)]
        if not namespace or release.created_here(namespace, own):
            documents.insert(0, release.namespace(name, own))
        applied = await kubectl.apply(*documents)
        revisions = await self._recover(revisions, running)
        running.detail = f"{name}, with its Secret"
        before = _Before(revisions, await self._serving(revisions), old_secret, bool(namespace))
        return str(applied[-1]["metadata"]["resourceVersion"]), before

    async def _leaves_database(self, environment: Environment, database: str) -> bool:
        """Return whether the pods are about to move from the database in the cluster to another one.

        It keeps running until the old pods are gone: they would fail while the new ones start.
        """
        if not environment.values.get("DATABASE_URL"):
            return False
        found = await self.place.kubectl.json("get", "statefulset", database, "--ignore-not-found")
        if found:
            kept = f"the data in the volume data-{database}-0"
            self.emit(Notice((f"note: {kept} is not copied to the database of DATABASE_URL",)))
        return bool(found)

    async def _recover(self, revisions: tuple[Revision, ...], running: Step) -> tuple[Revision, ...]:
        """Return the revisions; end an operation that a killed run has left pending."""
        helm = self.place.helm
        if not revisions or not revisions[-1].status.startswith("pending"):
            return revisions
        running.progress("cleaning up an interrupted run")
        if good := await self._serving(revisions) or _last_deployed(revisions):
            await helm.rollback(good.number)
        else:
            await helm.uninstall()
        return await helm.history()

    async def _deploy(self, given: Mapping[str, Any], before: _Before) -> tuple[bool, int]:
        """Upgrade the release unless it is up to date, and repair what was changed in it.

        Returns: whether anything changed, and the revision.
        """
        helm, request = self.place.helm, self.request
        digest = release.fingerprint(given, request, self.chart, helm.program.root)
        inputs = f"{_DESCRIPTION}{digest}"
        found, number = Drift(), 0
        with step(self.emit, "deploying") as running:
            for last in before.revisions[-1:]:
                if last.status == "deployed":
                    # Before the upgrade, which would leave most of it.
                    running.progress("comparing what runs with what was rendered")
                    found = await drift.find(self.place)
                    await found.repair(self.place)
                    number = last.number if last.description == inputs else 0
            repaired = f", repaired: {found}" if found.differences else ""
            if number:
                running.detail = f"revision {number} is up to date{repaired}"
                return bool(repaired), number
            running.progress(f"helm upgrade {request.release}")
            flags = (*request.flags, "--description", inputs)
            try:
                number = await helm.upgrade(self.chart, flags, stdin=json.dumps(given))
            except ClusterError:
                await self._undo(before)
                raise
            running.detail = f"revision {number} of {request.release} in {request.namespace}{repaired}"
            return True, number

    async def _undo(self, before: _Before) -> None:
        """Undo an upgrade that was refused: a first installation entirely, another one with `atomic`."""
        if not before.revisions:
            await self._remove(before)
        # Without a new revision Helm has changed nothing.
        elif self.request.atomic and (await self.place.helm.history())[-1:] != before.revisions[-1:]:
            await self._roll_back(before)

    async def _wait(self, revision: int, before: _Before, *, updating: bool) -> None:
        """Wait until a revision is healthy; with `atomic`, roll back if it does not become so."""
        request = self.request
        try:
            with step(self.emit, "updating" if updating else "starting") as running:
                await self._watch(revision, running)
                running.detail = f"Healthy: revision {revision}"
        except asyncio.CancelledError:
            lines = [f"The rollout of revision {revision} continues:   invoke status"]
            for last in before.revisions[-1:]:
                undo = f"helm rollback {request.release} {last.number} --namespace {request.namespace}"
                lines.append(f"To roll back:   {undo}")
            self.emit(Notice(tuple(lines)))
            raise
        except ClusterError as error:
            if request.atomic:
                await self._roll_back(before)
                error.shown = True
            raise

    async def _roll_back(self, before: _Before) -> None:
        """Roll a failed revision back, with its Secret."""
        helm = self.place.helm
        with step(self.emit, "roll back") as running:
            target = before.serving or _last_deployed(before.revisions)
            if target is None:
                await self._remove(before)
                running.detail = "removed: the release was not installed before"
                return
            if before.secret is not None:
                running.progress("restoring the Secret")
                document = release.secret(self.rules.secret, self.request.namespace, before.secret)
                await self.place.kubectl.apply(document)
            await helm.rollback(target.number)
            running.detail = f"revision {target.number} is restored; its pods were not ready before either"
            if before.serving:
                await self._watch(target.number, running)
                running.detail = f"revision {target.number} serves again"

    async def _remove(self, before: _Before) -> None:
        """Remove a first installation, and what was made for it."""
        await self.place.helm.uninstall()
        made = ["secret", self.rules.secret] if before.namespace else ["namespace", self.request.namespace]
        if before.secret is None:
            await self.place.kubectl.run("delete", *made, "--ignore-not-found", "--wait=false")

    async def _watch(self, revision: int, running: Step) -> None:
        # A cluster on this machine has the nodes that it has.
        grows = not self.place.target.local
        watcher = Watcher(self.place.kubectl, self.request.release, revision, self.emit, may_grow=grows)
        await watcher.wait(running, self.request.timeout_seconds)

    async def _serving(self, revisions: Sequence[Revision]) -> Revision | None:
        """Return the newest revision with the content that serves, None if nothing serves.

        Helm does not know it: a revision is deployed before its pods are ready, if they ever are.
        """
        own = f"--selector=app.kubernetes.io/instance={self.request.release}"
        number = pods.serving(await self.place.kubectl.items("replicasets", own)) if revisions else 0
        # `helm rollback` makes a new revision with the content, and so the number, of an old one.
        return next(
            (
                revision
                for revision in reversed(revisions)
                if revision.number == number or revision.description == f"Rollback to {number}"
            ),
            None,
        )


def _last_deployed(revisions: Sequence[Revision]) -> Revision | None:
    deployed = [revision for revision in revisions if revision.status in {"deployed", "superseded"}]
    return deployed[-1] if deployed else None


async def deliver(settings: Settings, request: Request, place: Place, emit: Emit) -> Installed:
    """Bring a release up to date with the sources and the settings. Raises AutomationError."""
    began = time.monotonic()
    profile = profiles.load(request.profile, settings.root)
    rules = kubernetes(profile)
    installer = Installer(place, chart(settings, rules), rules, request, emit)
    rendered = await installer.check_values()
    old = release.decoded(await release.read_secret(place.kubectl, rules.secret) or {})
    given = _prepare(settings, profile, emit, old.get(DATABASE_PASSWORD, ""))
    values = _reachable(given.values, place.target, emit)
    if (name := "BETTER_AUTH_SECRET") in old and old[name] != values.get(name):
        emit(Notice((f"note: {name} has changed: everybody has to sign in again",)))
    with_database = not values.get("DATABASE_URL") and not request.registry
    loaded, _ = await asyncio.gather(
        load.load_images(settings, request, place.target, emit),
        load.load_database(settings, place.target, rules, rendered.database_image, emit)
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
