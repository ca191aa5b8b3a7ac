"""Installing and upgrading the release, watching its pods until it is healthy, and explaining why not."""

import asyncio
import base64
import hashlib
import json
import re
import time
from collections.abc import Mapping, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx2

from automation import files
from automation.cluster import diagnosis, pods
from automation.cluster.helm import Helm, Revision
from automation.cluster.kubectl import ClusterError, Kubectl
from automation.cluster.loading import Loaded, values
from automation.cluster.pods import Judge, Pod, Snapshot, Verdict
from automation.cluster.target import MINIKUBE, Target
from automation.contract import Kubernetes
from automation.environment import Environment
from automation.errors import AutomationError
from automation.events import Emit, Line, Notice, Step, step

RELEASE = "todo"
KINDS = "deployments,statefulsets,replicasets,jobs,pods"
DATABASE_PASSWORD = "POSTGRES_PASSWORD"  # noqa: S105 - the name of the variable

_SETTINGS = ("OPENAI_API_KEY", "GEMINI_API_KEY", "OPENROUTER_API_KEY")
_CONFIGURATION = ("AGENT_PROVIDER", "AGENT_MODEL", "OPENAI_BASE_URL", "LOG_LEVEL")
_LOOK_S = 1.0
_REACHED_S = 15.0
_LOG_LINES = 60
_DESCRIPTION = "inputs "
_SERVICE = "templates/frontend-service.yaml"


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
    """Where it was reached from this machine; empty where it was not."""
    changed: bool
    seconds: float


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

    async def install(self, environment: Environment, images: Mapping[str, Loaded]) -> Installed:
        """Bring the release to what is asked for, and wait until it is healthy. Raises AutomationError."""
        began = time.monotonic()
        with step(self.emit, "deploying") as running:
            running.progress("the namespace and the Secret")
            secret_version, before, origin = await asyncio.gather(
                self._prepare(environment), self._recover(running), self._planned_origin()
            )
            given = release_values(environment, images, origin, secret_version=secret_version)
            made, revision = await self._upgrade(given, before, running)
        if not self.options.wait:
            return Installed(revision, "", made, time.monotonic() - began)
        await self._until_healthy(revision, before, updating=made and bool(before))
        actual = await self._origin()
        if actual != origin and not environment.values.get("FRONTEND_URL"):
            # The cluster has chosen the port: the backend is to trust what people really open.
            with step(self.emit, "address") as running:
                given = release_values(environment, images, actual, secret_version=secret_version)
                _, revision = await self._upgrade(given, before, running)
                running.detail = f"the backend trusts {actual}"
            await self._until_healthy(revision, before, updating=True)
        return Installed(revision, await self._reach(actual), made, time.monotonic() - began)

    async def _prepare(self, environment: Environment) -> str:
        """Make the namespace and the Secret what they should be; return the Secret's version."""
        labels = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "warn")}
        name = self.options.namespace
        _, applied = await self.kubectl.apply(
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}},
            secret(self.contract.secret, name, secret_values(environment.values, self._database_host)),
        )
        return str(applied["metadata"]["resourceVersion"])

    async def _recover(self, running: Step) -> tuple[Revision, ...]:
        """Return the revisions; one that a killed run has left in the middle is ended first."""
        before = await self.helm.history()
        if not before or not before[-1].status.startswith("pending"):
            return before
        good = _last_good(before)
        running.progress("clearing away what an interrupted run has left")
        if good is None:
            await self.helm.uninstall()
        else:
            await self.helm.rollback(good.number)
        return await self.helm.history()

    async def _upgrade(
        self, given: Mapping[str, Any], before: Sequence[Revision], running: Step
    ) -> tuple[bool, int]:
        """Hand the release to Helm unless the last was made from the same; return whether, and its number."""
        inputs = f"{_DESCRIPTION}{self._fingerprint(given)}"
        if before and before[-1].status == "deployed" and before[-1].description == inputs:
            running.detail = f"revision {before[-1].number} is made from the same"
            return False, before[-1].number
        running.progress(f"helm upgrade {self.options.release}")
        number = await self.helm.upgrade(
            self.chart, (*self.options.flags, "--description", inputs), stdin=json.dumps(given)
        )
        running.detail = f"revision {number} of {self.options.release} in {self.options.namespace}"
        return True, number

    def _fingerprint(self, given: Mapping[str, Any]) -> str:
        """Return a hash of everything that the release is made from."""
        digest = hashlib.sha256(json.dumps([given, self.options.settings], sort_keys=True).encode())
        of_chart = sorted(each for each in self.chart.rglob("*") if each.is_file())
        for file in (*of_chart, *(Path(self.helm.program.root, each) for each in self.options.values_files)):
            with suppress(OSError):  # Helm says itself which file it cannot read
                digest.update(hashlib.sha256(file.read_bytes()).digest())
        return digest.hexdigest()[:16]

    async def _until_healthy(self, revision: int, before: Sequence[Revision], *, updating: bool) -> None:
        watcher = Watcher(self.kubectl, self.options.release, revision, self.emit)
        try:
            with step(self.emit, "updating" if updating else "starting") as running:
                await watcher.until_healthy(running, self.options.timeout_s)
                running.detail = f"Healthy: revision {revision}"
        except ClusterError as error:
            if self.options.atomic:
                await self._go_back(before, error)
            raise

    async def _go_back(self, before: Sequence[Revision], error: ClusterError) -> None:
        """Take a failed revision back. What was wrong with it is told by the error."""
        good = _last_good(before)
        with step(self.emit, "taking it back") as running:
            if good is None:
                await self.helm.uninstall()
                running.detail = "the release was not there before, and is not there now"
                return
            await self.helm.rollback(good.number)
            watcher = Watcher(self.kubectl, self.options.release, good.number, self.emit)
            await watcher.until_healthy(running, self.options.timeout_s)
            running.detail = f"revision {good.number} serves again"
        error.shown = True

    async def _origin(self) -> str:
        """Return the address that the release has at a node of the cluster; empty while it has none."""
        service = self.contract.frontend.service
        found, node = await asyncio.gather(
            self.kubectl.complete("get", "service", service, "--output=json"), self._node()
        )
        port = json.loads(found.output)["spec"]["ports"][0].get("nodePort") if found.code == 0 else 0
        return f"http://{node}:{port}" if port else ""

    async def _planned_origin(self) -> str:
        """Return the address that it will have; the one that it has where the cluster chooses the port."""
        port = self.contract.frontend.node_port
        if self.options.flags:
            shown = ("--show-only", _SERVICE)
            with suppress(ClusterError):  # values that the chart refuses are told when it is installed
                text = await self.helm.run(
                    "template", self.options.release, str(self.chart), *shown, *self.options.flags
                )
                found = re.search(r"^ +nodePort: (\d+)$", text, re.MULTILINE)
                port = int(found[1]) if found else 0
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
                            answer = await client.get(f"{address}/api/health")
                            if answer.status_code == httpx2.codes.OK:
                                running.detail = f"{address} answers"
                                return address
                    await asyncio.sleep(_LOOK_S / 4)
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
    def _database_host(self) -> str:
        return f"{self.options.release}-{self.contract.chart}-postgresql"


def _last_good(revisions: Sequence[Revision]) -> Revision | None:
    for each in reversed(revisions):
        if each.status in {"deployed", "superseded"}:
            return each
    return None


def secret(name: str, namespace: str, given: Mapping[str, str]) -> dict[str, Any]:
    """Return the Secret's document."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": namespace},
        "type": "Opaque",
        "data": {key: base64.b64encode(value.encode()).decode() for key, value in sorted(given.items())},
    }


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
    environment: Environment, images: Mapping[str, Loaded], origin: str, *, secret_version: str
) -> dict[str, Any]:
    """Return the chart's values that follow from the settings and the images; none of them is a secret."""
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
        "postgresql": {"enabled": not given.get("DATABASE_URL")},
    }


class Watcher:
    """Shows the pods of a release as they change, until the release is healthy or has failed."""

    def __init__(self, kubectl: Kubectl, release: str, revision: int, emit: Emit) -> None:
        """Take what is to be watched."""
        self._kubectl = kubectl
        self._selector = f"--selector=app.kubernetes.io/instance={release}"
        self._judge = Judge(revision)
        self._emit = emit
        self._shown: dict[str, str] = {}
        self._changed = asyncio.Event()

    async def until_healthy(self, running: Step, seconds: float) -> None:
        """Wait until the release is healthy. Raises ClusterError that explains why it does not become so."""
        deadline = time.monotonic() + seconds
        watching = asyncio.create_task(self._watch())
        try:
            while True:
                snapshot = await self._look()
                verdict = self._judge.judge(snapshot, time.monotonic())
                if verdict.outcome == pods.HEALTHY:
                    return
                if verdict.outcome == pods.FAILED:
                    raise await self.explain(verdict)
                if time.monotonic() > deadline:
                    late = await self.explain(verdict)
                    raise ClusterError(
                        f"the release is not healthy after {seconds:.0f} s: {', '.join(verdict.waiting_for)}",
                        why=late.why,
                        details=[late.what, *late.details],
                        remedies=late.remedies,
                    )
                running.progress(" · ".join(verdict.waiting_for))
                self._changed.clear()
                with suppress(TimeoutError):
                    async with asyncio.timeout(_LOOK_S):
                        await self._changed.wait()
        finally:
            watching.cancel()
            with suppress(asyncio.CancelledError, AutomationError):
                await watching

    async def explain(self, verdict: Verdict) -> ClusterError:
        """Return the error for what keeps the release from being healthy."""
        pod = verdict.pod
        if pod is None:
            return ClusterError(
                "the release does not become healthy",
                why=verdict.reason or "no pod says why",
                remedies=[
                    f"kubectl --namespace {self._kubectl.namespace} get events --sort-by=.lastTimestamp"
                ],
            )
        events, lines = await asyncio.gather(self._events(pod), self._lines(pod))
        return diagnosis.explain(
            pod, events, lines, namespace=self._kubectl.namespace, context=self._kubectl.context
        )

    async def _look(self) -> Snapshot:
        snapshot = pods.read_snapshot(await self._kubectl.items(KINDS, self._selector))
        for pod in snapshot.pods:
            self._show(pod)
        if any(pod.state == "Running" and pod.readiness_s for pod in snapshot.pods):
            told = await self._kubectl.items("events", "--field-selector=reason=Unhealthy")
            snapshot = pods.with_refusals(snapshot, told)
        return snapshot

    async def _watch(self) -> None:
        """Show every change of a pod at once. The API server ends a watch now and then: it begins anew."""
        while True:
            async with aclosing(self._kubectl.watch("pods", self._selector)) as changes:
                async for kind, document in changes:
                    pod = pods.read_pod(document)
                    self._show(replace(pod, state="Gone") if kind == "DELETED" else pod)
                    self._changed.set()
            await asyncio.sleep(_LOOK_S)

    def _show(self, pod: Pod) -> None:
        before = self._shown.get(pod.name)
        if before in {pod.state, "Gone"} or (before is None and pod.state in {"Ready", "Completed", "Gone"}):
            # One of an earlier revision that goes on is no news.
            self._shown.setdefault(pod.name, pod.state)
            return
        self._shown[pod.name] = pod.state
        self._emit(Line(pod.name, f"{before} → {pod.state}" if before else pod.state))

    async def _events(self, pod: Pod) -> tuple[diagnosis.Happening, ...]:
        documents = await self._kubectl.items("events", f"--field-selector=involvedObject.name={pod.name}")
        return diagnosis.read_events(documents)

    async def _lines(self, pod: Pod) -> tuple[str, ...]:
        done = await self._kubectl.complete("logs", pod.name, "--all-containers", f"--tail={_LOG_LINES}")
        if (done.code or not done.output.strip()) and pod.restarts:
            done = await self._kubectl.complete("logs", pod.name, "--previous", f"--tail={_LOG_LINES}")
        return tuple(done.output.splitlines()) if done.code == 0 else ()


async def package(helm: Helm, chart: Path, destination: Path) -> str:
    """Make the chart's archive and return its path. Raises ClusterError."""
    files.make_directory(destination)
    said = await helm.run("package", str(chart), "--destination", str(destination))
    return said.rpartition(":")[2].strip()
