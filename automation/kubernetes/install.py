"""Install or upgrade a release, and roll it back."""

import asyncio
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from automation.console.events import Emit, Notice, Step, step
from automation.contract.environment import Environment
from automation.contract.models import Kubernetes
from automation.kubernetes import kubectl as kubectl_output
from automation.kubernetes import ownership, secret, values
from automation.kubernetes.address import Address
from automation.kubernetes.commands import ClusterError
from automation.kubernetes.helm import Revision
from automation.kubernetes.load import Loaded
from automation.kubernetes.request import Request
from automation.kubernetes.target import Place
from automation.kubernetes.values import Rendered
from automation.kubernetes.watch import Watcher

_DESCRIPTION = "inputs "


@dataclass(frozen=True)
class Installed:
    """An installed release."""

    revision: int
    address: str
    """Where it answers from this machine, empty if it does not; without waiting, where it will answer."""
    changed: bool
    seconds: float


@dataclass(frozen=True)
class _Before:
    """What a failed installation is rolled back to."""

    revisions: tuple[Revision, ...]
    healthy: int
    """The last revision that was seen healthy, 0 if none was."""
    secret: Mapping[str, str] | None


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
            rendered = await values.render(self.place.helm, self.chart, self.request)
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
        address = Address(self.place, self.rules.frontend)
        with step(self.emit, "namespace") as running:
            version, before, leaving, origin = await self._prepare(environment, rendered, address, running)
        given = values.of_release(environment, images, origin, version, leaving=leaving)
        changed, revision = await self._deploy(given, before)
        if not self.request.wait:
            return Installed(revision, await address.current(), changed, time.monotonic() - began)
        await self._wait(revision, before, updating=changed and bool(before.revisions))
        actual = await address.current()
        # Known only now: the port that the cluster chose, and that the pods use another database.
        final = values.of_release(environment, images, actual, version)
        if final != given:
            _, revision = await self._deploy(final, before)
            await self._wait(revision, before, updating=True)
        if before.healthy != revision:
            await self._remember(revision)
        reached = await address.reach(actual, self.emit)
        return Installed(revision, reached, changed, time.monotonic() - began)

    async def _prepare(
        self, environment: Environment, rendered: Rendered, address: Address, running: Step
    ) -> tuple[str, _Before, bool, str]:
        """Apply the namespace and the Secret.

        Returns:
            The Secret's version, what to roll back to, whether the release leaves its database for another
            one, and the address that it will have.
        """
        kubectl, name = self.place.kubectl, self.request.namespace
        namespace, old_secret, _ = await asyncio.gather(
            kubectl.json("get", "namespace", name, "--ignore-not-found"),
            secret.read(kubectl, self.rules.secret),
            ownership.check_chart(self.place.helm, self.rules.chart),
        )
        password = environment.values.get(secret.DATABASE_PASSWORD, "")
        content = secret.content(environment.values, rendered.database_url(password))
        documents = [secret.document(self.rules.secret, name, secret.encoded(content))]
        if not namespace or ownership.created_here(namespace, self.rules.chart):
            documents.insert(0, ownership.namespace(name, self.rules.chart))
        applied, revisions, origin, leaving = await asyncio.gather(
            kubectl.apply(*documents),
            self._recover(running),
            address.planned(rendered.node_port),
            self._leaves_database(environment, rendered.database),
        )
        running.detail = f"{name}, with its Secret"
        healthy = namespace.get("metadata", {}).get("annotations", {}).get(self._healthy, "0")
        before = _Before(revisions, int(healthy), old_secret)
        return str(applied[-1]["metadata"]["resourceVersion"]), before, leaving, origin

    async def _leaves_database(self, environment: Environment, database: str) -> bool:
        """Return whether the pods are about to move from the database in the cluster to another one.

        It keeps running until the old pods are gone: they would fail while the new ones start.
        """
        if not environment.values.get("DATABASE_URL"):
            return False
        found = await self.place.kubectl.json("get", "statefulset", database, "--ignore-not-found")
        if found:
            volume = f"data-{database}-0"
            self.emit(
                Notice(
                    (f"note: the data in the volume {volume} is not copied to the database of DATABASE_URL",)
                )
            )
        return bool(found)

    async def _recover(self, running: Step) -> tuple[Revision, ...]:
        """Return the revisions; end an operation that a killed run has left pending."""
        helm = self.place.helm
        revisions = await helm.history()
        if not revisions or not revisions[-1].status.startswith("pending"):
            return revisions
        running.progress("cleaning up an interrupted run")
        if good := _last_deployed(revisions):
            await helm.rollback(good.number)
        else:
            await helm.uninstall()
        return await helm.history()

    async def _deploy(self, given: Mapping[str, Any], before: _Before) -> tuple[bool, int]:
        """Upgrade the release; with `atomic`, undo an upgrade that fails halfway."""
        try:
            with step(self.emit, "deploying") as running:
                return await self._upgrade(given, before.revisions, running)
        except ClusterError:
            # Without a new revision Helm has changed nothing.
            if self.request.atomic and (await self.place.helm.history())[-1:] != before.revisions[-1:]:
                await self._roll_back(before)
            raise

    async def _upgrade(
        self, given: Mapping[str, Any], revisions: Sequence[Revision], running: Step
    ) -> tuple[bool, int]:
        """Upgrade the release unless it is up to date; return whether it changed, and its revision."""
        helm, request = self.place.helm, self.request
        digest = values.fingerprint(given, request, self.chart, helm.program.root)
        inputs = f"{_DESCRIPTION}{digest}"
        last = revisions[-1] if revisions else None
        drift = ""
        if last and last.status == "deployed" and last.description == inputs:
            drift = await self._drift()
            if not drift:
                running.detail = f"revision {last.number} is up to date"
                return False, last.number
        running.progress(f"helm upgrade {request.release}")
        flags = (*request.flags, "--description", inputs)
        number = await helm.upgrade(self.chart, flags, stdin=json.dumps(given))
        running.detail = f"revision {number} of {request.release} in {request.namespace}"
        running.detail += f": {drift} had drifted" if drift else ""
        return True, number

    async def _drift(self) -> str:
        """Return the first object that was deleted or scaled since the installation, empty if none was."""
        manifest = await self.place.helm.run("get", "manifest", self.request.release)
        read = ("--filename=-", "--output=json")
        wanted, live = await asyncio.gather(
            self.place.kubectl.run("create", "--dry-run=client", *read, stdin=manifest),
            self.place.kubectl.run("get", "--ignore-not-found", *read, stdin=manifest),
        )

        def named(document: Mapping[str, Any]) -> str:
            return f"{document['kind']} {document['metadata']['name']}"

        found = {named(document): document for document in kubectl_output.objects(live)}
        for document in kubectl_output.objects(wanted):
            name, replicas = named(document), document.get("spec", {}).get("replicas")
            if name not in found or (
                replicas is not None and found[name]["spec"].get("replicas") != replicas
            ):
                return name
        return ""

    async def _wait(self, revision: int, before: _Before, *, updating: bool) -> None:
        """Wait until a revision is healthy; with `atomic`, roll back if it does not become so."""
        request = self.request
        try:
            with step(self.emit, "updating" if updating else "starting") as running:
                await self._watcher(revision).wait(running, request.timeout_seconds)
                running.detail = f"Healthy: revision {revision}"
        except asyncio.CancelledError:
            lines = [f"The rollout of revision {revision} continues:   invoke status"]
            if before.revisions:
                number = before.revisions[-1].number
                undo = f"helm rollback {request.release} {number} --namespace {request.namespace}"
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
            good = next((item for item in before.revisions if item.number == before.healthy), None)
            target = good or _last_deployed(before.revisions)
            if target is None:
                await helm.uninstall()
                running.detail = "the release was not installed before, and is removed"
                return
            if before.secret is not None:
                running.progress("restoring the Secret")
                document = secret.document(self.rules.secret, self.request.namespace, before.secret)
                await self.place.kubectl.apply(document)
            await helm.rollback(target.number)
            if good is None:
                running.detail = f"revision {target.number} is back; it was never healthy"
                return
            await self._watcher(target.number).wait(running, self.request.timeout_seconds)
            await self._remember((await helm.history())[-1].number)
            running.detail = f"revision {target.number} serves again"

    def _watcher(self, revision: int) -> Watcher:
        return Watcher(self.place.kubectl, self.request.release, revision, self.emit)

    async def _remember(self, revision: int) -> None:
        """Record in the cluster that a revision is healthy. Helm does not know, because it does not wait."""
        note = f"{self._healthy}={revision}"
        await self.place.kubectl.run("annotate", "namespace", self.request.namespace, note, "--overwrite")

    @property
    def _healthy(self) -> str:
        """The annotation of the namespace with the last healthy revision."""
        return f"{self.rules.chart}/healthy-{self.request.release}"


def _last_deployed(revisions: Sequence[Revision]) -> Revision | None:
    deployed = [item for item in revisions if item.status in {"deployed", "superseded"}]
    return deployed[-1] if deployed else None
