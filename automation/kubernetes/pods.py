"""What the API server says about a release, read into plain facts; and what they mean, as a pure function."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

HEALTHY, FAILED, WAITING = "healthy", "failed", "waiting"

# States that a pod does not leave by itself, and the seconds that a passing cause of each is given.
_LASTING_S: Mapping[str, float] = {
    "ErrImageNeverPull": 2,
    "InvalidImageName": 0,
    "ImagePullBackOff": 0,
    "ErrImagePull": 5,
    "CreateContainerConfigError": 5,
    "CreateContainerError": 5,
    "CrashLoopBackOff": 0,
    "RunContainerError": 5,
    "Unschedulable": 5,
}


@dataclass(frozen=True)
class Pod:
    """A pod, as people speak of it."""

    name: str
    component: str
    """`frontend`, `backend`, `migrations`, `postgresql` or `test`."""
    state: str
    """Pending, Unschedulable, ContainerCreating, Running, Ready, CrashLoopBackOff, OOMKilled, Completed, …"""
    message: str = ""
    """What the cluster says about that state."""
    ready: bool = False
    restarts: int = 0
    image: str = ""
    owner: str = ""
    """The object that made it: a ReplicaSet, a Job or a StatefulSet."""
    exit_code: int | None = None
    """How its container ended last; None when it never did."""
    last_reason: str = ""
    """Why its container ended last, as in OOMKilled or Error."""
    started: str = ""
    """When its container was started last, as the API server writes times."""
    memory_limit: str = ""
    readiness_s: float = 0
    """Seconds that a container which has started has to become ready; 0 while it has not."""
    attempts: int = 0
    """How often in a row its readiness probe fails before that counts."""
    refused: int = 0
    """How often it has failed, where the events were asked for."""


def read_pod(document: Mapping[str, Any]) -> Pod:
    """Return the facts about a pod, from its document."""
    metadata, status = document["metadata"], document.get("status", {})
    labels = metadata.get("labels", {})
    containers = status.get("containerStatuses") or [{}]
    container, spec = containers[0], document["spec"]["containers"][0]
    state, message = _state(metadata, status, container)
    last = (
        container.get("state", {}).get("terminated") or container.get("lastState", {}).get("terminated")
    ) or {}
    owners = metadata.get("ownerReferences") or [{}]
    return Pod(
        name=metadata["name"],
        component=labels.get("app.kubernetes.io/component") or labels.get("tier", ""),
        state=state,
        message=message,
        ready=state == "Ready",
        restarts=container.get("restartCount", 0),
        image=spec["image"],
        owner=owners[0].get("name", ""),
        exit_code=last.get("exitCode"),
        last_reason=last.get("reason", ""),
        started=(container.get("state", {}).get("running") or {}).get("startedAt", ""),
        memory_limit=spec.get("resources", {}).get("limits", {}).get("memory", ""),
        readiness_s=_readiness(spec) if container.get("started") else 0,
        attempts=_attempts(spec.get("readinessProbe", {})),
    )


def _readiness(spec: Mapping[str, Any]) -> float:
    """Return the seconds after which a readiness probe has failed as often as counts; 0 without a probe."""
    probe = spec.get("readinessProbe")
    if not probe:
        return 0
    # What the API server leaves out has its default.
    attempts = _attempts(probe) * probe.get("periodSeconds", 10)
    return float(probe.get("initialDelaySeconds", 0) + attempts + probe.get("timeoutSeconds", 1))


def _attempts(probe: Mapping[str, Any]) -> int:
    return int(probe.get("failureThreshold", 3))


def _state(
    metadata: Mapping[str, Any], status: Mapping[str, Any], container: Mapping[str, Any]
) -> tuple[str, str]:
    """Return the one word for where a pod stands, and what the cluster says about it."""
    if metadata.get("deletionTimestamp"):
        return "Terminating", ""
    current = container.get("state", {})
    if (waiting := current.get("waiting")) is not None:
        return waiting.get("reason") or "ContainerCreating", waiting.get("message", "")
    if ended := current.get("terminated"):
        return ended.get("reason") or "Error", ended.get("message", "")
    conditions = {each["type"]: each for each in status.get("conditions", ())}
    scheduled = conditions.get("PodScheduled", {})
    if scheduled.get("status") == "False":
        return scheduled.get("reason") or "Pending", scheduled.get("message", "")
    if "running" in current:
        return ("Ready", "") if container.get("ready") else ("Running", "")
    return status.get("reason") or status.get("phase", "Pending"), status.get("message", "")


@dataclass(frozen=True)
class Snapshot:
    """Everything of a release at one moment."""

    workloads: tuple[Mapping[str, Any], ...] = ()
    """Deployments and StatefulSets."""
    replica_sets: tuple[Mapping[str, Any], ...] = ()
    jobs: tuple[Mapping[str, Any], ...] = ()
    pods: tuple[Pod, ...] = ()


def read_snapshot(documents: Iterable[Mapping[str, Any]]) -> Snapshot:
    """Return the snapshot from what `get deployments,statefulsets,replicasets,jobs,pods` printed."""
    kinds: dict[str, list[Mapping[str, Any]]] = {}
    for each in documents:
        kinds.setdefault(each["kind"], []).append(each)
    # What comes is told before what goes; the pods of Helm's tests are none of the release's own.
    of_release = (each for each in map(read_pod, kinds.get("Pod", ())) if each.component != "test")
    return Snapshot(
        workloads=(*kinds.get("Deployment", ()), *kinds.get("StatefulSet", ())),
        replica_sets=tuple(kinds.get("ReplicaSet", ())),
        jobs=tuple(kinds.get("Job", ())),
        pods=tuple(sorted(of_release, key=lambda pod: pod.state == "Terminating")),
    )


def with_refusals(snapshot: Snapshot, events: Iterable[Mapping[str, Any]]) -> Snapshot:
    """Return the snapshot in which pods know from events how often their readiness probe has failed."""
    refused: Counter[str] = Counter()
    for each in events:
        if each.get("reason") == "Unhealthy" and each.get("message", "").startswith("Readiness"):
            refused[each["involvedObject"]["name"]] += each.get("count") or 1
    return replace(snapshot, pods=tuple(replace(pod, refused=refused[pod.name]) for pod in snapshot.pods))


@dataclass(frozen=True)
class Standing:
    """How a service stands for those who use it, whatever is on its way."""

    state: str
    """`healthy`, or the state of the pod that keeps it from being so."""
    detail: str
    """How many of its pods serve, and the state of a newer one that does not yet."""


def standing(snapshot: Snapshot, component: str) -> Standing | None:
    """Return how a component stands; None when the release has none of that name."""
    for workload in snapshot.workloads:
        if workload["metadata"].get("labels", {}).get("app.kubernetes.io/component") == component:
            break
    else:
        return None
    wanted = workload["spec"].get("replicas", 1)
    serving = min(workload.get("status", {}).get("availableReplicas", 0), wanted)
    told = f"{serving}/{wanted} pods"
    if not wanted:
        return Standing("scaled to 0", told)
    late = _worst(
        [
            pod
            for pod in snapshot.pods
            if pod.component == component and not pod.ready and pod.state != "Terminating"
        ]
    )
    if serving < wanted:
        return Standing(late.state if late else "Pending", told)
    return Standing(HEALTHY, f"{told}; new pod {late.state}" if late else told)


@dataclass(frozen=True)
class Verdict:
    """What a snapshot means for the revision that was asked for."""

    outcome: str
    """`healthy`, `failed` or `waiting`."""
    waiting_for: tuple[str, ...] = ()
    """The workloads that are not there yet, with how far they are."""
    pod: Pod | None = None
    """The pod that keeps it from being healthy, where one is known."""
    reason: str = ""
    """What failed, where it is not a pod: a quota that keeps pods from being made, for example."""


@dataclass
class Judge:
    """Holds snapshots against a revision; remembers since when a pod has been in a state."""

    revision: int
    _since: dict[tuple[str, str, float], float] = field(default_factory=dict)

    def judge(self, snapshot: Snapshot, now: float) -> Verdict:
        """Return what the snapshot means. `now` are seconds of a clock that never goes back."""
        current = self._current(snapshot)
        self._since = {_stand(pod): self._since.get(_stand(pod), now) for pod in current}
        if not snapshot.workloads:
            return Verdict(FAILED, reason="nothing of it is there: it was uninstalled meanwhile")
        if failed := self._failed_migration(snapshot):
            return failed
        for pod in current:
            if _lasts(pod, now - self._since[_stand(pod)]):
                return Verdict(FAILED, pod=pod)
        for each in snapshot.workloads:
            for condition in each.get("status", {}).get("conditions", ()):
                if condition["type"] == "ReplicaFailure" and condition["status"] == "True":
                    return Verdict(FAILED, reason=condition.get("message", "its pods cannot be made"))
        waiting = tuple(f"{_name(each)} {told}" for each in snapshot.workloads if (told := _missing(each)))
        # The job itself says so seconds after its pod.
        done = {pod.owner for pod in current if pod.state == "Completed"}
        waiting += tuple(
            f"{_name(each)} 0/1"
            for each in self._jobs(snapshot)
            if _name(each) not in done and not _condition(each, "Complete")
        )
        if not waiting:
            return Verdict(HEALTHY)
        unready = [pod for pod in current if not pod.ready and pod.state not in {"Completed", "Terminating"}]
        return Verdict(WAITING, waiting, pod=_worst(unready))

    def _jobs(self, snapshot: Snapshot) -> list[Mapping[str, Any]]:
        """Return the jobs of this revision; those of others are history."""
        return [each for each in snapshot.jobs if _name(each).endswith(f"-{self.revision}")]

    def _current(self, snapshot: Snapshot) -> list[Pod]:
        """Return the pods of this revision."""
        owners = {_name(each) for each in self._jobs(snapshot)}
        for each in snapshot.workloads:
            if each["kind"] == "StatefulSet":
                owners.add(_name(each))
                continue
            revision = each["metadata"].get("annotations", {}).get("deployment.kubernetes.io/revision")
            owners |= {
                _name(one)
                for one in snapshot.replica_sets
                if one["metadata"].get("annotations", {}).get("deployment.kubernetes.io/revision") == revision
                and one["metadata"]["ownerReferences"][0]["name"] == _name(each)
            }
        return [pod for pod in snapshot.pods if pod.owner in owners]

    def _failed_migration(self, snapshot: Snapshot) -> Verdict | None:
        for job in self._jobs(snapshot):
            if failure := _condition(job, "Failed"):
                own = [pod for pod in snapshot.pods if pod.owner == _name(job)]
                return Verdict(
                    FAILED, pod=own[-1] if own else None, reason=failure.get("message", "the job failed")
                )
        return None


def _lasts(pod: Pod, seconds: float) -> bool:
    """Return whether a pod that has been so for some seconds will not leave its state by itself."""
    if pod.state != "Running":
        return seconds >= _LASTING_S.get(pod.state, math.inf)
    return pod.readiness_s > 0 and (pod.refused >= pod.attempts or seconds >= pod.readiness_s)


def _stand(pod: Pod) -> tuple[str, str, float]:
    return pod.name, pod.state, pod.readiness_s


def _name(document: Mapping[str, Any]) -> str:
    return str(document["metadata"]["name"])


def _condition(document: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
    for each in document.get("status", {}).get("conditions") or ():
        if each["type"] == kind and each["status"] == "True":
            return dict(each)
    return {}


def _missing(workload: Mapping[str, Any]) -> str:
    """Return how far a Deployment or StatefulSet is, as in 1/2; empty when it is where it should be."""
    spec, status = workload["spec"], workload.get("status", {})
    wanted = spec.get("replicas", 1)
    seen = status.get("observedGeneration", 0) >= workload["metadata"].get("generation", 0)
    updated = status.get("updatedReplicas", 0) if seen else 0
    old = status.get("replicas", 0) - updated
    # The old ones are available until they go, and are not what is waited for.
    available = max(min(status.get("availableReplicas", 0) - old, updated), 0)
    return "" if updated == wanted and available == wanted and not old else f"{available}/{wanted}"


def _worst(pods: Sequence[Pod]) -> Pod | None:
    """Return the pod whose state tells most: one that has ended before, else one that is far behind."""
    ranked = sorted(pods, key=lambda pod: (pod.exit_code in {None, 0}, pod.state == "Running", pod.name))
    return ranked[0] if ranked else None
