"""The pods of a release, read from the API server's documents, and whether its rollout succeeds."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

_REVISION = "todo-chatbot/revision"
"""The chart's annotation of Deployments with the number of the release's revision."""
HEALTHY, FAILED, WAITING = "healthy", "failed", "waiting"

_UNSCHEDULABLE, _WITHOUT_VOLUME = "Unschedulable", "WithoutVolume"

# States that a pod does not leave by itself, and how long a temporary cause of each may last.
_LASTING_SECONDS: Mapping[str, float] = {
    "ErrImageNeverPull": 2,
    "InvalidImageName": 0,
    "ImagePullBackOff": 0,
    "ErrImagePull": 5,
    "CreateContainerConfigError": 5,
    "CreateContainerError": 5,
    "CrashLoopBackOff": 0,
    "RunContainerError": 5,
    _UNSCHEDULABLE: 5,
    _WITHOUT_VOLUME: 90,  # a provider takes its time to create a disk
}


@dataclass(frozen=True)
class Pod:
    name: str
    component: str
    """`frontend`, `backend`, `migrations`, `postgresql` or `test`."""
    state: str
    """As kubectl names it: Pending, Running, CrashLoopBackOff, …

    Besides these there are Ready, Unschedulable and WithoutVolume.
    """
    message: str = ""
    restarts: int = 0
    image: str = ""
    owner: str = ""
    """The ReplicaSet, Job or StatefulSet that created it."""
    exit_code: int | None = None
    """Of the last container that ended; None if none has."""
    last_reason: str = ""
    """Why the last container ended, as in OOMKilled or Error."""
    memory_limit: str = ""
    readiness_seconds: float = 0
    """Time limit for a started container to become ready; 0 until it has started."""
    failure_threshold: int = 0
    """Failures in a row that the readiness probe allows."""
    probe_failures: int = 0
    version: int = 0
    """Grows with each change of the pod."""

    @property
    def pending(self) -> bool:
        return self.state not in {"Ready", "Completed", "Terminating"}


def read_pod(document: Mapping[str, Any]) -> Pod:
    metadata, status = document["metadata"], document.get("status", {})
    labels = metadata.get("labels", {})
    container, spec = (status.get("containerStatuses") or [{}])[0], document["spec"]["containers"][0]
    state, message = _state(metadata, status, container)
    ended = (container.get(name, {}).get("terminated") for name in ("state", "lastState"))
    last: Mapping[str, Any] = next(filter(None, ended), {})
    # A field that the API server leaves out has its default.
    probe = {"initialDelaySeconds": 0, "failureThreshold": 3, "periodSeconds": 10, "timeoutSeconds": 1}
    probe |= spec.get("readinessProbe", {})
    seconds = probe["initialDelaySeconds"] + probe["failureThreshold"] * probe["periodSeconds"]
    started = container.get("started") and "readinessProbe" in spec
    return Pod(
        name=metadata["name"],
        component=labels.get("app.kubernetes.io/component") or labels.get("tier", ""),
        state=state,
        message=message,
        restarts=container.get("restartCount", 0),
        image=spec["image"],
        owner=(metadata.get("ownerReferences") or [{}])[0].get("name", ""),
        exit_code=last.get("exitCode"),
        last_reason=last.get("reason", ""),
        memory_limit=spec.get("resources", {}).get("limits", {}).get("memory", ""),
        readiness_seconds=float(seconds + probe["timeoutSeconds"]) if started else 0,
        failure_threshold=probe["failureThreshold"],
        version=int(metadata.get("resourceVersion", 0)),
    )


def _state(
    metadata: Mapping[str, Any], status: Mapping[str, Any], container: Mapping[str, Any]
) -> tuple[str, str]:
    """Return the state of a pod and the cluster's message about it."""
    current = container.get("state", {})
    scheduled = [
        condition for condition in status.get("conditions", ()) if condition["type"] == "PodScheduled"
    ]
    default, source = status.get("phase", "Pending"), status
    if metadata.get("deletionTimestamp"):
        return "Terminating", ""
    if (waiting := current.get("waiting")) is not None:
        default, source = "ContainerCreating", waiting
    elif ended := current.get("terminated"):
        default, source = "Error", ended
    elif scheduled and scheduled[0].get("status") == "False":
        default, source = "Pending", scheduled[0]
        if "PersistentVolumeClaim" in source.get("message", ""):
            return _WITHOUT_VOLUME, source["message"]
    elif "running" in current:
        return ("Ready" if container.get("ready") else "Running"), ""
    return source.get("reason") or default, source.get("message", "")


@dataclass(frozen=True)
class Rollout:
    """The objects of a release at one moment."""

    workloads: tuple[Mapping[str, Any], ...] = ()
    """Deployments and StatefulSets."""
    replica_sets: tuple[Mapping[str, Any], ...] = ()
    jobs: tuple[Mapping[str, Any], ...] = ()
    pods: tuple[Pod, ...] = ()


def read_rollout(documents: Iterable[Mapping[str, Any]]) -> Rollout:
    """Read the objects of `kubectl get deployments,statefulsets,replicasets,jobs,pods`."""
    kinds: dict[str, list[Mapping[str, Any]]] = {}
    for document in documents:
        kinds.setdefault(document["kind"], []).append(document)
    # New pods come first; pods of Helm's tests are not part of the release.
    own = (pod for pod in map(read_pod, kinds.get("Pod", ())) if pod.component != "test")
    return Rollout(
        workloads=(*kinds.get("Deployment", ()), *kinds.get("StatefulSet", ())),
        replica_sets=tuple(kinds.get("ReplicaSet", ())),
        jobs=tuple(kinds.get("Job", ())),
        pods=tuple(sorted(own, key=lambda pod: pod.state == "Terminating")),
    )


def with_probe_failures(rollout: Rollout, events: Iterable[Mapping[str, Any]]) -> Rollout:
    """Return the rollout with the number of failed readiness probes of each pod, from its events."""
    failures: Counter[str] = Counter()
    for event in events:
        if event.get("reason") == "Unhealthy" and event.get("message", "").startswith("Readiness"):
            failures[event["involvedObject"]["name"]] += event.get("count") or 1
    pods = (replace(pod, probe_failures=failures[pod.name]) for pod in rollout.pods)
    return replace(rollout, pods=tuple(pods))


def serving(replica_sets: Iterable[Mapping[str, Any]]) -> int:
    """Return the oldest revision of Helm whose pods are ready, 0 if there is none.

    A ReplicaSet keeps the annotations that its Deployment had when its pods were the current ones.
    """
    revisions = (
        int(found["metadata"].get("annotations", {}).get(_REVISION, 0))
        for found in replica_sets
        if found.get("status", {}).get("readyReplicas")
    )
    return min(revisions, default=0)


@dataclass(frozen=True)
class Availability:
    """Whether a service works for its users, whatever is being rolled out."""

    state: str
    """`healthy`, or the state of the pod that is the reason why not."""
    detail: str
    """Number of its pods that serve, and the state of a newer one that does not yet."""


def availability(rollout: Rollout, component: str) -> Availability | None:
    """Return the availability of a component, None if the release does not have it."""
    for workload in rollout.workloads:
        if workload["metadata"].get("labels", {}).get("app.kubernetes.io/component") == component:
            break
    else:
        return None
    wanted = workload["spec"].get("replicas", 1)
    serving = min(workload.get("status", {}).get("availableReplicas", 0), wanted)
    count = f"{serving}/{wanted} pods"
    if not wanted:
        return Availability("scaled to 0", count)
    late = _worst([pod for pod in rollout.pods if pod.component == component])
    if serving < wanted:
        return Availability(late.state if late else "Pending", count)
    return Availability(HEALTHY, f"{count}; new pod {late.state}" if late else count)


@dataclass(frozen=True)
class Verdict:
    outcome: str
    """`healthy`, `failed` or `waiting`."""
    waiting_for: tuple[str, ...] = ()
    pod: Pod | None = None
    reason: str = ""
    """Why it failed, if not because of a pod: a quota that prevents pods, for example."""


@dataclass
class Judge:
    """Decides whether a revision is healthy; remembers since when each pod has been in its state."""

    revision: int
    may_grow: bool = False
    """Whether the cluster may add a node for a pod that has no place: it then waits for one."""
    _since: dict[tuple[str, str, float], float] = field(default_factory=dict)

    def judge(self, rollout: Rollout, now: float) -> Verdict:
        """Return the verdict. `now` is in seconds of a monotonic clock."""
        jobs = {_name(job): job for job in rollout.jobs if _name(job).endswith(f"-{self.revision}")}
        makers = {*jobs, *owners(rollout)}
        current = {pod.name: pod for pod in rollout.pods if pod.owner in makers}
        keys = {name: (name, pod.state, pod.readiness_seconds) for name, pod in current.items()}
        self._since = {key: self._since.get(key, now) for key in keys.values()}
        if not rollout.workloads:
            return Verdict(FAILED, reason="none of its objects exist: it was uninstalled in the meantime")
        for name, job in jobs.items():
            if failure := _condition(job, "Failed"):
                pods = [pod for pod in rollout.pods if pod.owner == name]
                reason = failure.get("message", "the job failed")
                return Verdict(FAILED, pod=pods[-1] if pods else None, reason=reason)
        for name, pod in current.items():
            waits = self.may_grow and pod.state == _UNSCHEDULABLE
            if not waits and _has_failed(pod, now - self._since[keys[name]]):
                return Verdict(FAILED, pod=pod)
        for workload in rollout.workloads:
            if failure := _condition(workload, "ReplicaFailure"):
                return Verdict(FAILED, reason=failure.get("message", "its pods cannot be created"))
        progress = {_name(workload): _progress(workload) for workload in rollout.workloads}
        # A job reports its completion seconds after its pod.
        done = {pod.owner for pod in current.values() if pod.state == "Completed"}
        done |= {name for name, job in jobs.items() if _condition(job, "Complete")}
        progress |= {name: "0/1" for name in jobs if name not in done}
        if waiting := tuple(f"{name} {state}" for name, state in progress.items() if state):
            return Verdict(WAITING, waiting, pod=_worst(current.values()))
        return Verdict(HEALTHY)


def owners(rollout: Rollout) -> set[str]:
    """Return the names of what makes the present pods of the workloads."""
    workloads = {_name(workload): workload for workload in rollout.workloads}
    found = {name for name, workload in workloads.items() if workload["kind"] == "StatefulSet"}
    for replica_set in rollout.replica_sets:
        deployment = workloads.get(replica_set["metadata"]["ownerReferences"][0]["name"])
        if deployment and _deployment_revision(deployment) == _deployment_revision(replica_set):
            found.add(_name(replica_set))
    return found


def _has_failed(pod: Pod, seconds: float) -> bool:
    """Return whether a pod that has been in its state for some seconds will not leave it by itself."""
    if pod.state != "Running":
        return seconds >= _LASTING_SECONDS.get(pod.state, math.inf)
    return pod.readiness_seconds > 0 and (
        pod.probe_failures >= pod.failure_threshold or seconds >= pod.readiness_seconds
    )


def _deployment_revision(document: Mapping[str, Any]) -> Any:
    return document["metadata"].get("annotations", {}).get("deployment.kubernetes.io/revision")


def _name(document: Mapping[str, Any]) -> str:
    return str(document["metadata"]["name"])


def _condition(document: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
    for condition in document.get("status", {}).get("conditions") or ():
        if condition["type"] == kind and condition["status"] == "True":
            return dict(condition)
    return {}


def _progress(workload: Mapping[str, Any]) -> str:
    """Return the progress of a Deployment or StatefulSet, as in 1/2, empty if it is complete."""
    spec, status = workload["spec"], workload.get("status", {})
    wanted = spec.get("replicas", 1)
    seen = status.get("observedGeneration", 0) >= workload["metadata"].get("generation", 0)
    updated = status.get("updatedReplicas", 0) if seen else 0
    old = status.get("replicas", 0) - updated
    # Old pods count as available until they are gone.
    available = max(min(status.get("availableReplicas", 0) - old, updated), 0)
    return "" if updated == wanted and available == wanted and not old else f"{available}/{wanted}"


def _worst(pods: Iterable[Pod]) -> Pod | None:
    """Return the pending pod whose state tells most: one that has crashed, else one that has not started."""
    pending = (pod for pod in pods if pod.pending)
    return min(
        pending,
        key=lambda pod: (pod.exit_code in {None, 0}, pod.state == "Running", pod.name),
        default=None,
    )
