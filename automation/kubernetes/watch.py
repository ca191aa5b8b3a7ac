"""Watch the rollout of a release until it is healthy, and explain why it does not become so."""

import asyncio
import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, field, replace
from typing import Any

from automation.console import causes
from automation.console.causes import Cause
from automation.console.errors import AutomationError
from automation.console.events import Emit, Line, Step
from automation.kubernetes import commands, pods
from automation.kubernetes.commands import ClusterError, Kubectl, flags
from automation.kubernetes.pods import Judge, Pod, Rollout, Verdict

KINDS = "deployments,statefulsets,replicasets,jobs,pods"

_POLL_SECONDS = 1.0
_LOG_LINES = 60
_GONE = "Gone"
_FIRST_STATES = ("Pending", "Unschedulable", "WithoutVolume", "ContainerCreating")
_LAST_LINES = 12
_LAST_EVENTS = 4
_ERROR = re.compile(r"\b\w*(?:Error|Exception)\b( \[\w+\])?:|\b(?:error|fatal|panic):", re.IGNORECASE)

Event = Mapping[str, Any]
"""The document of an event of the cluster."""


@dataclass
class States:
    """The states that were shown of each pod."""

    _shown: dict[str, str] = field(default_factory=dict)
    _versions: dict[str, int] = field(default_factory=dict)

    def change(self, pod: Pod) -> str:
        """Return the change to show, as in `Running → Ready`, empty if there is none."""
        if pod.version < self._versions.get(pod.name, 0):
            return ""  # a list that is older than what the watch has shown
        self._versions[pod.name] = pod.version
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

    def __init__(
        self, kubectl: Kubectl, release: str, revision: int, emit: Emit, *, may_grow: bool = False
    ) -> None:
        self._kubectl = kubectl
        self._release = release
        # Pods of Helm's tests remain after a test; they are not part of the release.
        own = f"app.kubernetes.io/instance={release},app.kubernetes.io/component!=test"
        self._selector = f"--selector={own}"
        self._judge = Judge(revision, may_grow)
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
            place = {"release": self._release, "namespace": kubectl.namespace}
            if "exceeded quota" in verdict.reason:
                return commands.explain(verdict.reason, str(kubectl), {}, place)
            return ClusterError(
                "the release does not become healthy",
                why=verdict.reason or "no pod reports a reason",
                remedies=[f"{kubectl} get events --sort-by=.lastTimestamp"],
            )
        documents, lines = await asyncio.gather(
            kubectl.items("events", f"--field-selector=involvedObject.name={pod.name}"), self._lines(pod)
        )
        events = read_events(documents)
        return explain(pod, events, lines, kubectl=kubectl, release=self._release)

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


def read_events(documents: Iterable[Event]) -> list[Event]:
    """Return the events, the oldest first."""
    return sorted(documents, key=lambda event: event.get("lastTimestamp") or event.get("eventTime") or "")


def explain(
    pod: Pod, events: Sequence[Event], lines: Sequence[str], *, kubectl: Kubectl, release: str
) -> ClusterError:
    """Return the error with the pod, its state, events and last lines, the cause and the fix."""
    cause = find_cause(pod, events, lines, kubectl=kubectl, release=release)
    shown = _warnings(events) or events
    state = pod.state if not pod.message else f"{pod.state}: {pod.message}"
    last = lines[-_LAST_LINES:]
    if not any(map(_ERROR.search, last)):
        last = [*[line for line in lines[:-_LAST_LINES] if _ERROR.search(line)][-1:], *last]
    details = [f"state    {state}{_ending(pod)}"]
    details += [
        f"event    {event.get('reason', '')}: {_short(event.get('message', ''))}"
        for event in shown[-_LAST_EVENTS:]
    ]
    details += [f"output   {line}" for line in last]
    return ClusterError(
        f"{_complaint(pod)}: pod {pod.name} is {pod.state}",
        why=cause.why,
        details=details,
        remedies=[*cause.remedies, f"{kubectl} describe pod {pod.name}"],
    )


def find_cause(
    pod: Pod, events: Sequence[Event], lines: Sequence[str], *, kubectl: Kubectl, release: str
) -> Cause:
    errors = [line.strip() for line in lines if _ERROR.search(line)]
    cause = causes.find(
        causes.POD,
        "\n".join(_facts(pod, events, lines)),
        kubectl=str(kubectl),
        where=flags({"namespace": kubectl.namespace, "release": release}),
        image=pod.image,
        memory=pod.memory_limit or "the node",
        error=f": {_short(errors[-1])}" if errors else "",
    )
    return cause or Cause("", "it has not become ready in time", ("increase --timeout", "invoke logs"))


def _facts(pod: Pod, events: Sequence[Event], lines: Sequence[str]) -> Iterator[str]:
    """Yield what is known about a pod, each line with the name that the patterns of `causes.POD` look for."""
    yield f"state {pod.state}"
    yield f"last {pod.last_reason}"
    yield f"component {pod.component}"
    for message in (pod.message, *(event.get("message", "") for event in _warnings(events))):
        yield f"cluster {' '.join(message.split())}"
    yield from (f"output {line}" for line in lines)
    if pod.exit_code is not None and pod.state not in {"Running", "Ready"}:
        yield f"exit {pod.exit_code}"
    yield from (f"killed {event['message']}" for event in events if event.get("reason") == "Killing")
    for event in [event for event in events if event.get("reason") == "Unhealthy"][-1:]:
        yield f"probe {_short(event.get('message', ''))}"


def _warnings(events: Sequence[Event]) -> list[Event]:
    return [event for event in events if event.get("type") == "Warning"]


def _complaint(pod: Pod) -> str:
    if pod.component == "migrations":
        return "the migrations failed" if pod.exit_code else "the migrations do not start"
    return f"the {pod.component} {'does not become ready' if pod.state == 'Running' else 'does not start'}"


def _ending(pod: Pod) -> str:
    if pod.exit_code is None:
        return ""
    times = f", restarted {pod.restarts} times" if pod.restarts > 1 else ""
    reason = f" ({pod.last_reason})" if pod.last_reason and pod.last_reason != pod.state else ""
    return f", last exit code {pod.exit_code}{reason}{times}"


def _short(message: str) -> str:
    text = " ".join(message.split())
    return text if len(text) <= 200 else f"{text[:199]}…"
