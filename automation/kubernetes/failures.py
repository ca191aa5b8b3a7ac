"""Explain why a pod does not run, from its state, its events and the last lines of its output."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from automation.console import causes
from automation.console.causes import Cause
from automation.kubernetes.commands import ClusterError, Kubectl, flags
from automation.kubernetes.pods import Pod

Event = Mapping[str, Any]
"""The document of an event of the cluster."""

_LAST_LINES = 12
_LAST_EVENTS = 4
_ERROR = re.compile(r"\b\w*(?:Error|Exception)\b( \[\w+\])?:|\b(?:error|fatal|panic):", re.IGNORECASE)


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
    """Return the likely cause and its fix."""
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
