"""Record what the API server reports and when, to measure how soon the tasks report it."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import aclosing, contextmanager, suppress
from typing import Any, Self

from automation.kubernetes.commands import Kubectl

_AGAIN_S = 0.5


class Witness:
    """Records every state of a namespace's pods and events, with the time of its report."""

    def __init__(self, kubectl: Kubectl) -> None:
        """Create a witness for a namespace, which need not exist yet."""
        self._kubectl = kubectl
        self._seen: list[tuple[float, Mapping[str, Any]]] = []
        self._ended = 0.0

    @contextmanager
    def watching(self) -> Iterator[Self]:
        """Watch while the block runs."""
        loop = asyncio.new_event_loop()
        work = loop.create_task(self._watch_all())
        thread = threading.Thread(target=lambda: _to_the_end(loop, work))
        thread.start()
        try:
            yield self
        finally:
            self._ended = time.monotonic()
            loop.call_soon_threadsafe(work.cancel)
            thread.join()

    def seconds_since(self, holds: Callable[[Mapping[str, Any]], bool]) -> float:
        """Return the seconds from the first report of a matching object to the end of the block."""
        moments = [moment for moment, document in self._seen if holds(document)]
        assert moments, "the API server has told of no such object"
        return self._ended - min(moments)

    async def _watch_all(self) -> None:
        async with asyncio.TaskGroup() as group:
            for kind in ("pods", "events"):
                group.create_task(self._watch(kind))

    async def _watch(self, kind: str) -> None:
        while True:
            async with aclosing(self._kubectl.watch(kind)) as changes:
                async for _, document in changes:
                    self._seen.append((time.monotonic(), document))
            await asyncio.sleep(_AGAIN_S)


def container_is(pod: Mapping[str, Any], phase: str, reason: str = "") -> bool:
    """Return whether a container has a `waiting` or `terminated` reason, now or before a restart."""
    states = (
        state[phase]
        for container in pod.get("status", {}).get("containerStatuses", ())
        for state in (container.get("state", {}), container.get("lastState", {}))
        if phase in state
    )
    return any(state.get("reason") == reason if reason else state.get("exitCode") != 0 for state in states)


def has_failed(pod: Mapping[str, Any], component: str) -> bool:
    """Return whether a component's container has exited with an error."""
    labels = pod["metadata"].get("labels", {})
    return labels.get("app.kubernetes.io/component") == component and container_is(pod, "terminated")


def unschedulable(pod: Mapping[str, Any]) -> bool:
    """Return whether the scheduler has reported insufficient resources for a pod."""
    conditions = pod.get("status", {}).get("conditions", ())
    return any(
        condition["type"] == "PodScheduled" and condition["status"] == "False" for condition in conditions
    )


def refused_readiness(event: Mapping[str, Any], times: int) -> bool:
    """Return whether an event reports this number of failed readiness probes."""
    told = event.get("reason") == "Unhealthy" and "Readiness" in event["message"]
    return told and event.get("count", 1) >= times


def _to_the_end(loop: asyncio.AbstractEventLoop, work: asyncio.Task[None]) -> None:
    with suppress(asyncio.CancelledError):
        loop.run_until_complete(work)
    loop.close()
