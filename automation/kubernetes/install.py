"""Installing and upgrading the release: what it is made from, when it is changed, and how it goes back."""

import asyncio
import base64
import hashlib
import json
import re
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

from automation.console.events import Emit, Notice, Step, step
from automation.contract.environment import Environment
from automation.contract.models import Kubernetes
from automation.kubernetes.helm import Helm, Revision
from automation.kubernetes.kubectl import FIELD_MANAGER, ClusterError, Kubectl
from automation.kubernetes.load import Loaded, values
from automation.kubernetes.target import MINIKUBE, Target
from automation.kubernetes.watch import LOOK_S, Watcher
from automation.process import files

RELEASE = "todo"
DATABASE_PASSWORD = "POSTGRES_PASSWORD"  # noqa: S105 - the name of the variable

_SETTINGS = ("OPENAI_API_KEY", "GEMINI_API_KEY", "OPENROUTER_API_KEY")
_CONFIGURATION = ("AGENT_PROVIDER", "AGENT_MODEL", "OPENAI_BASE_URL", "LOG_LEVEL")
_REACHED_S = 15.0
MADE_HERE = "todo-chatbot-chart/made-by-helm-install"
"""The annotation of a namespace that was not there before."""

_DESCRIPTION = "inputs "
_THROUGH = "/api/auth/ok"
"""What the frontend asks the backend for: who is answered has reached both."""


@dataclass(frozen=True)
class Options:
    """What a person asked for with `helm-install`."""

    namespace: str
    release: str = RELEASE
    values_files: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()
    """Values as `--set` takes them."""
    wait: bool = True
    atomic: bool = False
    """Go back to the revision before when this one does not become healthy."""
    timeout_s: float = 180.0

    @property
    def flags(self) -> tuple[str, ...]:
        """The values as flags of Helm."""
        named = (word for each in self.values_files for word in ("--values", each))
        return (*named, *(word for each in self.settings for word in ("--set", each)))


@dataclass(frozen=True)
class Installed:
    """A release that is there."""

    revision: int
    address: str
    """Where it was reached from this machine, empty where it was not; unwaited for, where it will be."""
    changed: bool
    seconds: float


@dataclass(frozen=True)
class Ground:
    """What a release stands on."""

    secret_version: str
    healthy: int
    """The last revision that was seen healthy; 0 where none was."""
    secret: Mapping[str, str] | None
    """What the Secret held before, encoded; None where that is not kept, or there was none."""


@dataclass(frozen=True)
class Installer:
    """Puts one release of the chart into one cluster."""

    kubectl: Kubectl
    helm: Helm
    target: Target
    chart: Path
    contract: Kubernetes
    options: Options
    emit: Emit

    async def preflight(self) -> int:
        """See that the chart takes the values, before anything is touched; return what `asked_port` does."""
        if not self.options.flags:
            return await self.asked_port()
        with step(self.emit, "values") as running:
            running.progress("asking the chart")
            port = await self.asked_port()
            running.detail = "the chart takes them"
        return port

    async def asked_port(self) -> int:
        """Return the port at the nodes that the values ask for; 0 lets the cluster choose.

        Raises ClusterError that names a value which the chart refuses.
        """
        if not self.options.flags:
            return self.contract.frontend.node_port
        text = await self.helm.run("template", self.options.release, str(self.chart), *self.options.flags)
        services = re.findall(r"(?ms)^# Source: \S+/frontend-service\.yaml$(.*?)^---", f"{text}\n---")
        found = re.search(r"(?m)^ +nodePort: (\d+)$", "".join(services))
        return int(found[1]) if found else 0

    async def install(
        self, environment: Environment, images: Mapping[str, Loaded], port: int | None = None
    ) -> Installed:
        """Bring the release to what is asked for, and wait until it is healthy. Raises AutomationError.

        `port` is what `preflight` has returned, where it was called before.
        """
        began = time.monotonic()
        port = await self.preflight() if port is None else port
        with step(self.emit, "namespace") as running:
            namespace, kept, _ = await asyncio.gather(
                self.kubectl.json("get", "namespace", self.options.namespace, "--ignore-not-found"),
                self._kept_secret(),
                refuse_other_chart(self.helm, self.contract.chart),
            )
            ground, revisions, origin, leaving = await asyncio.gather(
                self._prepare(environment, namespace, kept),
                self._recover(running),
                self._planned(port),
                self._leaves(environment),
            )
            running.detail = f"{self.options.namespace}, with its Secret"
        given = release_values(environment, images, origin, ground.secret_version, leaving=leaving)
        made, revision = await self._deploy(given, ground, revisions)
        if not self.options.wait:
            return Installed(revision, await self._origin(), made, time.monotonic() - began)
        await self._until_healthy(revision, ground, revisions, updating=made and bool(revisions))
        actual = await self._origin()
        # What is known only now: the port that the cluster has chosen, and that another database serves.
        final = release_values(environment, images, actual, ground.secret_version)
        if final != given:
            _, revision = await self._deploy(final, ground, revisions)
            await self._until_healthy(revision, ground, revisions, updating=True)
        if ground.healthy != revision:
            await self._remember(revision)
        return Installed(revision, await self._reach(actual), made, time.monotonic() - began)

    async def _kept_secret(self) -> Mapping[str, str] | None:
        """Return what the Secret holds, encoded; None where there is none. Refuse somebody else's."""
        name = self.contract.secret
        found = await self.kubectl.json("get", "secret", name, "--ignore-not-found", "--show-managed-fields")
        if not found:
            return None
        if FIELD_MANAGER not in {each["manager"] for each in found["metadata"].get("managedFields", ())}:
            raise ClusterError(
                f"there is a Secret {name} in {self.options.namespace} that helm-install has not made",
                why="it would be overwritten",
                remedies=[
                    "--namespace NAME",
                    f"kubectl --namespace {self.options.namespace} delete secret {name}",
                ],
            )
        return dict(found.get("data", {}))

    async def _prepare(
        self, environment: Environment, namespace: Mapping[str, Any], kept: Mapping[str, str] | None
    ) -> Ground:
        """Make the namespace and the Secret what they should be; somebody else's namespace stays as it is."""
        name = self.options.namespace
        documents = [secret(self.contract.secret, name, secret_values(environment.values, self._database))]
        if not namespace or made_here(namespace):
            labels = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "warn")}
            metadata = {"name": name, "labels": labels, "annotations": {MADE_HERE: "true"}}
            documents.insert(0, {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
        *_, applied = await self.kubectl.apply(*documents)
        healthy = namespace.get("metadata", {}).get("annotations", {}).get(self._healthy, "0")
        return Ground(
            str(applied["metadata"]["resourceVersion"]), int(healthy), kept if self.options.atomic else None
        )

    async def _leaves(self, environment: Environment) -> bool:
        """Return whether the release is about to leave its database in the cluster for another one.

        It goes on until the pods of before, which use it, have gone: else they fail while the new ones start.
        """
        if not environment.values.get("DATABASE_URL"):
            return False
        there = bool(await self.kubectl.json("get", "statefulset", self._database, "--ignore-not-found"))
        if there:
            stays = f"what people have written stays in the volume data-{self._database}-0"
            self.emit(Notice((f"note: {stays}: it is not copied to the database of DATABASE_URL",)))
        return there

    async def _recover(self, running: Step) -> tuple[Revision, ...]:
        """Return the revisions; one that a killed run has left in the middle is ended first."""
        before = await self.helm.history()
        if not before or not before[-1].status.startswith("pending"):
            return before
        good = _last_deployed(before)
        running.progress("clearing away what an interrupted run has left")
        if good is None:
            await self.helm.uninstall()
        else:
            await self.helm.rollback(good.number)
        return await self.helm.history()

    async def _deploy(
        self, given: Mapping[str, Any], ground: Ground, revisions: Sequence[Revision]
    ) -> tuple[bool, int]:
        """Do as `_upgrade`; what Helm has done by halves is taken back where that was asked for."""
        try:
            with step(self.emit, "deploying") as running:
                return await self._upgrade(given, revisions, running)
        except ClusterError:
            # Where it has made no revision it has changed nothing.
            if self.options.atomic and (await self.helm.history())[-1:] != tuple(revisions[-1:]):
                await self._go_back(ground, revisions)
            raise

    async def _upgrade(
        self, given: Mapping[str, Any], revisions: Sequence[Revision], running: Step
    ) -> tuple[bool, int]:
        """Hand the release to Helm unless the last was made from the same; return whether, and its number."""
        inputs = f"{_DESCRIPTION}{self._fingerprint(given)}"
        last = revisions[-1] if revisions else None
        same = bool(last and last.status == "deployed" and last.description == inputs)
        changed = await self._changed() if same else ""
        if last and same and not changed:
            running.detail = f"revision {last.number} is made from the same"
            return False, last.number
        running.progress(f"helm upgrade {self.options.release}")
        number = await self.helm.upgrade(
            self.chart, (*self.options.flags, "--description", inputs), stdin=json.dumps(given)
        )
        running.detail = f"revision {number} of {self.options.release} in {self.options.namespace}"
        if changed:
            running.detail += f": {changed} was not as it had been installed"
        return True, number

    async def _changed(self) -> str:
        """Return the first object that is not there, or was scaled, since it was installed; else nothing."""
        manifest = await self.helm.run("get", "manifest", self.options.release)
        documents, there = await asyncio.gather(
            self.kubectl.run("create", "--dry-run=client", "--filename=-", "--output=json", stdin=manifest),
            self.kubectl.run("get", "--ignore-not-found", "--filename=-", "--output=json", stdin=manifest),
        )
        found = {_identity(each): each for each in _items(there)}
        for wanted in _items(documents):
            live = found.get(_identity(wanted))
            replicas = wanted.get("spec", {}).get("replicas")
            if live is None or (replicas is not None and live["spec"].get("replicas") != replicas):
                return f"{wanted['kind']} {wanted['metadata']['name']}"
        return ""

    def _fingerprint(self, given: Mapping[str, Any]) -> str:
        """Return a hash of everything that the release is made from."""
        digest = hashlib.sha256(json.dumps([given, self.options.settings], sort_keys=True).encode())
        of_chart = sorted(each for each in self.chart.rglob("*") if each.is_file())
        for file in (*of_chart, *(Path(self.helm.program.root, each) for each in self.options.values_files)):
            with suppress(OSError):  # Helm says itself which file it cannot read
                digest.update(hashlib.sha256(file.read_bytes()).digest())
        return digest.hexdigest()[:16]

    async def _until_healthy(
        self, revision: int, ground: Ground, revisions: Sequence[Revision], *, updating: bool
    ) -> None:
        watcher = Watcher(self.kubectl, self.options.release, revision, self.emit)
        try:
            with step(self.emit, "updating" if updating else "starting") as running:
                await watcher.until_healthy(running, self.options.timeout_s)
                running.detail = f"Healthy: revision {revision}"
        except asyncio.CancelledError:
            self.emit(Notice(self._goes_on(revision, revisions)))
            raise
        except ClusterError as error:
            if self.options.atomic:
                await self._go_back(ground, revisions)
                error.shown = True
            raise

    def _goes_on(self, revision: int, revisions: Sequence[Revision]) -> tuple[str, ...]:
        """Return what to tell who stops watching."""
        release, namespace = self.options.release, self.options.namespace
        told = [f"The cluster goes on with revision {revision}:   invoke status"]
        if revisions:
            told += [f"To go back:   helm rollback {release} {revisions[-1].number} --namespace {namespace}"]
        return tuple(told)

    async def _go_back(self, ground: Ground, revisions: Sequence[Revision]) -> None:
        """Take a failed revision back. What was wrong with it is told by its error."""
        with step(self.emit, "go back") as running:
            good = next((each for each in revisions if each.number == ground.healthy), None)
            target = good or _last_deployed(revisions)
            if target is None:
                await self.helm.uninstall()
                running.detail = "the release was not there before, and is not there now"
                return
            if ground.secret is not None:
                running.progress("the Secret as it was")
                name = self.contract.secret
                await self.kubectl.apply(secret_document(name, self.options.namespace, ground.secret))
            await self.helm.rollback(target.number)
            if good is None:
                running.detail = f"revision {target.number} is back; it was never seen healthy"
                return
            watcher = Watcher(self.kubectl, self.options.release, target.number, self.emit)
            await watcher.until_healthy(running, self.options.timeout_s)
            await self._remember((await self.helm.history())[-1].number)
            running.detail = f"revision {target.number} serves again"

    async def _remember(self, revision: int) -> None:
        """Keep in the cluster that a revision was seen healthy: Helm, which does not wait, cannot know."""
        await self.kubectl.run(
            "annotate", "namespace", self.options.namespace, f"{self._healthy}={revision}", "--overwrite"
        )

    async def _origin(self) -> str:
        """Return the address that the release has at a node of the cluster; empty while it has none."""
        service = self.contract.frontend.service
        found, node = await asyncio.gather(
            self.kubectl.complete("get", "service", service, "--output=json"), self._node()
        )
        port = json.loads(found.output)["spec"]["ports"][0].get("nodePort") if found.code == 0 else 0
        return f"http://{node}:{port}" if port else ""

    async def _planned(self, port: int) -> str:
        """Return the address that it will have; the one that it has where the cluster chooses the port."""
        return f"http://{await self._node()}:{port}" if port else await self._origin()

    async def _node(self) -> str:
        """Return the address of a node."""
        nodes = await self.kubectl.items("nodes")
        found = [
            each["address"]
            for node in nodes
            for each in node["status"]["addresses"]
            if each["type"] == "InternalIP"
        ]
        return found[0] if found else "localhost"

    async def _reach(self, origin: str) -> str:
        """Return the address at which it answers from this machine; where none does, tell a way."""
        port = origin.rpartition(":")[2]
        candidates = [origin, f"http://localhost:{port}"] if origin else []
        with step(self.emit, "address") as running:
            deadline = time.monotonic() + _REACHED_S
            async with httpx2.AsyncClient(trust_env=False, timeout=2.0) as client:
                # A node's rules follow a new service after up to a second.
                while candidates and time.monotonic() < deadline:
                    for address in candidates:
                        with suppress(httpx2.HTTPError):
                            answer = await client.get(f"{address}{_THROUGH}")
                            if answer.status_code == httpx2.codes.OK:
                                running.detail = f"{address} answers"
                                return address
                    await asyncio.sleep(LOOK_S / 4)
            running.detail = "not reached from this machine"
        frontend, namespace = self.contract.frontend, self.options.namespace
        service = frontend.service
        way = (
            f"minikube --profile {self.target.cluster} service {service} --namespace {namespace} --url"
            if self.target.kind == MINIKUBE
            else f"kubectl --namespace {namespace} port-forward service/{service} "
            f"3000:{frontend.service_port}"
        )
        self.emit(Notice((f"The cluster's nodes are not reached from here; this makes a way:   {way}",)))
        return ""

    @property
    def _database(self) -> str:
        """The name of the database in the cluster: of its StatefulSet and of its host."""
        # As the chart's todo.fullname makes it.
        return f"{f'{self.options.release}-{self.contract.chart}'[:40].removesuffix('-')}-postgresql"

    @property
    def _healthy(self) -> str:
        """The annotation of the namespace with the last revision that was healthy."""
        return f"{self.contract.chart}/healthy-{self.options.release}"


def made_here(namespace: Mapping[str, Any]) -> bool:
    """Return whether `helm-install` has made a namespace, so that it may be deleted with everything in it."""
    return MADE_HERE in namespace["metadata"].get("annotations", {})


async def refuse_other_chart(helm: Helm, chart: str) -> None:
    """Raise ClusterError where the release is there, and of another chart."""
    for last in (await helm.history())[-1:]:
        if last.chart and not last.chart.startswith(f"{chart}-"):
            raise ClusterError(
                f"the release {helm.release} in {helm.namespace} is of another chart, {last.chart}",
                why="it would be replaced",
                remedies=["--release NAME", "--namespace NAME"],
            )


def _items(text: str) -> list[dict[str, Any]]:
    """Return the objects that kubectl printed: a list, or one document after the other."""
    decoder = json.JSONDecoder()
    found: list[dict[str, Any]] = []
    while text := text.lstrip():
        document, end = decoder.raw_decode(text)
        text = text[end:]
        found += document["items"] if document["kind"] == "List" else [document]
    return found


def _identity(document: Mapping[str, Any]) -> tuple[str, str]:
    return document["kind"], document["metadata"]["name"]


def _last_deployed(revisions: Sequence[Revision]) -> Revision | None:
    for each in reversed(revisions):
        if each.status in {"deployed", "superseded"}:
            return each
    return None


def secret(name: str, namespace: str, given: Mapping[str, str]) -> dict[str, Any]:
    """Return the Secret's document."""
    encoded = {key: base64.b64encode(value.encode()).decode() for key, value in sorted(given.items())}
    return secret_document(name, namespace, encoded)


def secret_document(name: str, namespace: str, data: Mapping[str, str]) -> dict[str, Any]:
    """Return the Secret's document, from values that are encoded as the API server has them."""
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": "Opaque", "data": {**data}}


def secret_values(given: Mapping[str, str], database_host: str) -> dict[str, str]:
    """Return what belongs into the Secret, from the settings.

    Without a DATABASE_URL it is that of the PostgreSQL in the cluster.
    """
    made = {name: given.get(name, "") for name in ("BETTER_AUTH_SECRET", "JWT_SECRET", "GEMINI_API_KEY")}
    made |= {name: given[name] for name in (*_SETTINGS, DATABASE_PASSWORD) if given.get(name)}
    if url := given.get("DATABASE_URL"):
        return {**made, "DATABASE_URL": url}
    password = given[DATABASE_PASSWORD]
    return {**made, "DATABASE_URL": f"postgresql://todo:{password}@{database_host}:5432/todo"}


def release_values(
    environment: Environment,
    images: Mapping[str, Loaded],
    origin: str,
    secret_version: str,
    *,
    leaving: bool = False,
) -> dict[str, Any]:
    """Return the chart's values that follow from the settings and the images; none of them is a secret.

    A release that is `leaving` its database in the cluster keeps it, and does not use it any more.
    """
    given = environment.values
    configuration = {name: given[name] for name in (*_CONFIGURATION, "FRONTEND_URL") if given.get(name)}
    others = ["http://localhost:3000"]
    if not given.get("FRONTEND_URL"):
        configuration["FRONTEND_URL"] = origin
        # The ways that do not lead through a node: a forwarded port, and Docker Desktop's.
        others += [f"http://localhost:{origin.rpartition(':')[2]}"] if origin else []
    configuration["TRUSTED_ORIGINS"] = ",".join([*others, *filter(None, [given.get("TRUSTED_ORIGINS", "")])])
    return {
        **values(images),
        "config": configuration,
        "secret": {"checksum": secret_version},
        "postgresql": (
            {"enabled": True, "used": False} if leaving else {"enabled": not given.get("DATABASE_URL")}
        ),
    }


async def package(helm: Helm, chart: Path, destination: Path) -> str:
    """Make the chart's archive and return its path. Raises ClusterError."""
    files.make_directory(destination)
    said = await helm.run("package", str(chart), "--destination", str(destination))
    return said.rpartition(":")[2].strip()
