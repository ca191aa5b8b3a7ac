"""Watching the pods of a release until it is healthy, and explaining why it does not become so."""

import asyncio
import time
from contextlib import aclosing, suppress
from dataclasses import dataclass, field, replace

from automation.console.errors import AutomationError
from automation.console.events import Emit, Line, Step
from automation.kubernetes import failures, pods
from automation.kubernetes.kubectl import ClusterError, Kubectl
from automation.kubernetes.pods import Judge, Pod, Snapshot, Verdict

KINDS = "deployments,statefulsets,replicasets,jobs,pods"
LOOK_S = 1.0
"""Seconds between two looks at everything; pods are told of at once."""

_LOG_LINES = 60
_GONE = "Gone"
_BEGINNINGS = ("Pending", "Unschedulable", "ContainerCreating")


@dataclass
class States:
    """The states that were shown of each pod."""

    _shown: dict[str, str] = field(default_factory=dict)

    def change(self, pod: Pod) -> str:
        """Return what is to be shown of a pod, as in `Running → Ready`; empty where that is no news."""
        before = self._shown.get(pod.name)
        if before == _GONE and pod.state in _BEGINNINGS:
            # A StatefulSet gives a new pod the name of the one before.
            before = None
        # One of before that goes on is no news, nor is one that has gone and that an older list still has.
        known = before in {pod.state, _GONE}
        if known or (before is None and pod.state in {"Ready", "Completed", _GONE}):
            self._shown.setdefault(pod.name, pod.state)
            return ""
        self._shown[pod.name] = pod.state
        return f"{before} → {pod.state}" if before else pod.state


class Watcher:
    """Shows the pods of a release as they change, until the release is healthy or has failed."""

    def __init__(self, kubectl: Kubectl, release: str, revision: int, emit: Emit) -> None:
        """Take what is to be watched."""
        self._kubectl = kubectl
        # The pods of Helm's tests stay, and are none of the release's own.
        own = f"app.kubernetes.io/instance={release},app.kubernetes.io/component!=test"
        self._selector = f"--selector={own}"
        self._judge = Judge(revision)
        self._emit = emit
        self._states = States()
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
                    async with asyncio.timeout(LOOK_S):
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
        return failures.explain(
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
                    self._show(replace(pod, state=_GONE) if kind == "DELETED" else pod)
                    self._changed.set()
            await asyncio.sleep(LOOK_S)

    def _show(self, pod: Pod) -> None:
        change = self._states.change(pod)
        if change:
            self._emit(Line(pod.name, change))

    async def _events(self, pod: Pod) -> tuple[failures.Happening, ...]:
        documents = await self._kubectl.items("events", f"--field-selector=involvedObject.name={pod.name}")
        return failures.read_events(documents)

    async def _lines(self, pod: Pod) -> tuple[str, ...]:
        done = await self._kubectl.complete("logs", pod.name, "--all-containers", f"--tail={_LOG_LINES}")
        if (done.code or not done.output.strip()) and pod.restarts:
            done = await self._kubectl.complete("logs", pod.name, "--previous", f"--tail={_LOG_LINES}")
        return tuple(done.output.splitlines()) if done.code == 0 else ()
