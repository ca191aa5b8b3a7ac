"""Watch the rollout of a release until it is healthy, and explain why it does not become so."""

import asyncio
import time
from contextlib import aclosing, suppress
from dataclasses import dataclass, field, replace

from automation.console.errors import AutomationError
from automation.console.events import Emit, Line, Step
from automation.kubernetes import failures, pods
from automation.kubernetes.commands import ClusterError, Kubectl
from automation.kubernetes.pods import Judge, Pod, Rollout, Verdict

KINDS = "deployments,statefulsets,replicasets,jobs,pods"

_POLL_SECONDS = 1.0
_LOG_LINES = 60
_GONE = "Gone"
_FIRST_STATES = ("Pending", "Unschedulable", "ContainerCreating")


@dataclass
class States:
    """The states that were shown of each pod."""

    _shown: dict[str, str] = field(default_factory=dict)

    def change(self, pod: Pod) -> str:
        """Return the change to show, as in `Running → Ready`, empty if there is none."""
        before = self._shown.get(pod.name)
        if before == _GONE and pod.state in _FIRST_STATES:
            # A StatefulSet gives a new pod the name of the old one.
            before = None
        # Not shown: a pod of the previous revision that continues, and a deleted pod in an older list.
        known = before in {pod.state, _GONE}
        if known or (before is None and pod.state in {"Ready", "Completed", _GONE}):
            self._shown.setdefault(pod.name, pod.state)
            return ""
        self._shown[pod.name] = pod.state
        return f"{before} → {pod.state}" if before else pod.state


class Watcher:
    """Shows the pods of a release as they change, until the release is healthy or has failed."""

    def __init__(self, kubectl: Kubectl, release: str, revision: int, emit: Emit) -> None:
        self._kubectl = kubectl
        self._release = release
        # Pods of Helm's tests remain after a test; they are not part of the release.
        own = f"app.kubernetes.io/instance={release},app.kubernetes.io/component!=test"
        self._selector = f"--selector={own}"
        self._judge = Judge(revision)
        self._emit = emit
        self._states = States()
        self._changed = asyncio.Event()

    async def wait(self, running: Step, seconds: float) -> None:
        """Wait until the release is healthy. Raises ClusterError with the cause if it does not become so."""
        deadline = time.monotonic() + seconds
        watching = asyncio.create_task(self._watch())
        try:
            while True:
                verdict = self._judge.judge(await self._read(), time.monotonic())
                if verdict.outcome == pods.HEALTHY:
                    return
                if verdict.outcome == pods.FAILED:
                    raise await self._explain(verdict)
                waiting = " · ".join(verdict.waiting_for)
                if time.monotonic() > deadline:
                    late = await self._explain(verdict)
                    raise ClusterError(
                        f"the release is not healthy after {seconds:.0f} s: {waiting}",
                        why=late.why,
                        details=[late.what, *late.details],
                        remedies=late.remedies,
                    )
                running.progress(waiting)
                self._changed.clear()
                with suppress(TimeoutError):
                    async with asyncio.timeout(_POLL_SECONDS):
                        await self._changed.wait()
        finally:
            watching.cancel()
            with suppress(asyncio.CancelledError, AutomationError):
                await watching

    async def _explain(self, verdict: Verdict) -> ClusterError:
        pod, kubectl = verdict.pod, self._kubectl
        if pod is None:
            return ClusterError(
                "the release does not become healthy",
                why=verdict.reason or "no pod reports a reason",
                remedies=[f"{kubectl} get events --sort-by=.lastTimestamp"],
            )
        documents, lines = await asyncio.gather(
            kubectl.items("events", f"--field-selector=involvedObject.name={pod.name}"), self._lines(pod)
        )
        events = failures.read_events(documents)
        return failures.explain(pod, events, lines, kubectl=kubectl, release=self._release)

    async def _lines(self, pod: Pod) -> list[str]:
        words = ("logs", pod.name, f"--tail={_LOG_LINES}")
        done = await self._kubectl.complete(*words, "--all-containers")
        if (done.code or not done.output.strip()) and pod.restarts:
            done = await self._kubectl.complete(*words, "--previous")
        return done.output.splitlines() if done.code == 0 else []

    async def _read(self) -> Rollout:
        rollout = pods.read_rollout(await self._kubectl.items(KINDS, self._selector))
        for pod in rollout.pods:
            self._show(pod)
        if any(pod.state == "Running" and pod.readiness_seconds for pod in rollout.pods):
            events = await self._kubectl.items("events", "--field-selector=reason=Unhealthy")
            rollout = pods.with_probe_failures(rollout, events)
        return rollout

    async def _watch(self) -> None:
        """Show every change of a pod at once. The API server ends a watch now and then."""
        while True:
            async with aclosing(self._kubectl.watch("pods", self._selector)) as changes:
                async for kind, document in changes:
                    pod = pods.read_pod(document)
                    self._show(replace(pod, state=_GONE) if kind == "DELETED" else pod)
                    self._changed.set()
            await asyncio.sleep(_POLL_SECONDS)

    def _show(self, pod: Pod) -> None:
        if change := self._states.change(pod):
            self._emit(Line(pod.name, change))
