"""What the API server says, and when: watched beside the tasks, to measure how soon they say it too."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import aclosing, contextmanager, suppress
from typing import Any, Self

from automation.kubernetes.kubectl import Kubectl

_AGAIN_S = 0.5


class Witness:
    """Remembers each state of the pods and events of a namespace with the moment at which it was told."""

    def __init__(self, kubectl: Kubectl) -> None:
        """Take where to look; the namespace may come to be later."""
        self._kubectl = kubectl
        self._seen: list[tuple[float, Mapping[str, Any]]] = []
        self._ended = 0.0

    @contextmanager
    def watching(self) -> Iterator[Self]:
        """Watch for as long as the block lasts."""
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
        """Return the seconds from when the API server first told of such an object to the block's end."""
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
    """Return whether a pod's container is `waiting` or has `terminated` so, now or before a restart."""
    states = (
        state[phase]
        for each in pod.get("status", {}).get("containerStatuses", ())
        for state in (each.get("state", {}), each.get("lastState", {}))
        if phase in state
    )
    return any(each.get("reason") == reason if reason else each.get("exitCode") != 0 for each in states)


def has_failed(pod: Mapping[str, Any], component: str) -> bool:
    """Return whether a program of a component has ended with an error."""
    labels = pod["metadata"].get("labels", {})
    return labels.get("app.kubernetes.io/component") == component and container_is(pod, "terminated")


def unschedulable(pod: Mapping[str, Any]) -> bool:
    """Return whether the scheduler has said that there is no room for a pod."""
    conditions = pod.get("status", {}).get("conditions", ())
    return any(each["type"] == "PodScheduled" and each["status"] == "False" for each in conditions)


def refused_readiness(event: Mapping[str, Any], times: int) -> bool:
    """Return whether an event tells that a readiness probe has failed so often."""
    told = event.get("reason") == "Unhealthy" and "Readiness" in event["message"]
    return told and event.get("count", 1) >= times


def _to_the_end(loop: asyncio.AbstractEventLoop, work: asyncio.Task[None]) -> None:
    with suppress(asyncio.CancelledError):
        loop.run_until_complete(work)
    loop.close()
