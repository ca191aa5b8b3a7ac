"""Answers of a cluster, recorded from a real API server in each case, and read without one."""

import json
from pathlib import Path
from typing import Any

import pytest

from automation.kubernetes import commands, pods, watch
from automation.kubernetes.commands import ClusterError, ClusterUnavailableError, Kubectl
from automation.kubernetes.pods import FAILED, HEALTHY, WAITING, Availability, Judge, Pod, Verdict
from automation.process.processes import Program

RECORDED: dict[str, Any] = json.loads(
    Path(__file__).parents[2].joinpath("doubles", "recorded", "cluster.json").read_text(encoding="utf-8")
)

KUBECTL = Kubectl(Program("kubectl", {}, Path()), "minikube", "todo-app-dev")


def judged(case: str, revision: int = 1, seconds: float = 0) -> Verdict:
    """Return what a case means when it has lasted so long."""
    judge, rollout = Judge(revision), pods.read_rollout(RECORDED[case]["objects"])
    judge.judge(rollout, 100)
    return judge.judge(rollout, 100 + seconds)


def states(case: str) -> dict[str, list[str]]:
    """Return the states of each component's pods."""
    found: dict[str, list[str]] = {}
    for each in pods.read_rollout(RECORDED[case]["objects"]).pods:
        found.setdefault(each.component, []).append(each.state)
    return found


def explained(case: str, *lines: str, revision: int = 1) -> ClusterError:
    """Return the error for the pod that a case fails with."""
    verdict = judged(case, revision, seconds=60)
    assert verdict.outcome == FAILED
    assert verdict.pod is not None
    events = watch.read_events(
        [each for each in RECORDED[case]["events"] if each["involvedObject"]["name"] == verdict.pod.name]
    )
    return watch.explain(verdict.pod, events, lines, kubectl=KUBECTL, release="todo")


def test_a_pod_waits_for_a_node_where_the_cluster_may_add_one() -> None:
    rollout = pods.read_rollout(RECORDED["no-room"]["objects"])
    for judge, outcome in ((Judge(1), FAILED), (Judge(1, may_grow=True), WAITING)):
        judge.judge(rollout, 0)
        assert judge.judge(rollout, 120).outcome == outcome


UNBOUND = {
    "type": "PodScheduled",
    "status": "False",
    "reason": "Unschedulable",
    "message": "0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims. not found",
}
"""As a cluster reports it while a provider creates the volume."""


@pytest.mark.parametrize(
    ("case", "component", "expected"),
    [
        ("healthy", "backend", ["Ready"]),
        ("healthy", "migrations", ["Completed"]),
        ("starting", "frontend", ["Running"]),
        ("old-pods-end", "frontend", ["Ready", "Terminating"]),
        ("image-absent", "frontend", ["ErrImageNeverPull"]),
        ("crash", "frontend", ["CrashLoopBackOff"]),
        ("secret-absent", "backend", ["CreateContainerConfigError"]),
        ("no-room", "frontend", ["Unschedulable"]),
        ("migration-fails", "migrations", ["Error"]),
    ],
)
def test_a_pod_is_in_the_state_that_people_call_it_by(case: str, component: str, expected: list[str]) -> None:
    assert states(case)[component][-len(expected) :] == expected


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ({"phase": "Pending"}, "Pending"),
        ({"phase": "Pending", "conditions": [UNBOUND]}, "WithoutVolume"),
        ({"phase": "Failed", "reason": "Evicted", "message": "The node was low on memory"}, "Evicted"),
        ({"containerStatuses": [{"state": {"waiting": {"reason": "ImagePullBackOff"}}}]}, "ImagePullBackOff"),
        ({"containerStatuses": [{"state": {"waiting": {}}}]}, "ContainerCreating"),
        ({"containerStatuses": [{"state": {"terminated": {"reason": "OOMKilled"}}}]}, "OOMKilled"),
        ({"containerStatuses": [{"state": {"terminated": {"exitCode": 0}}}]}, "Error"),
    ],
)
def test_a_state_that_was_not_recorded(status: dict[str, Any], state: str) -> None:
    document = {"metadata": {"name": "any"}, "spec": {"containers": [{"image": "any"}]}, "status": status}
    assert pods.read_pod(document).state == state


@pytest.mark.parametrize(
    ("case", "component", "expected"),
    [
        ("healthy", "backend", Availability("healthy", "1/1 pods")),
        ("healthy", "postgresql", Availability("healthy", "1/1 pods")),
        ("updating", "frontend", Availability("healthy", "1/1 pods; new pod Running")),
        ("crash", "frontend", Availability("CrashLoopBackOff", "0/1 pods")),
        ("crash", "backend", None),
    ],
)
def test_a_service_is_healthy_when_as_many_of_its_pods_serve_as_are_wanted(
    case: str, component: str, expected: Availability | None
) -> None:
    assert pods.availability(pods.read_rollout(RECORDED[case]["objects"]), component) == expected


def test_a_service_with_a_bad_new_pod_goes_on_and_says_so() -> None:
    documents = json.loads(json.dumps(RECORDED["updating"]["objects"]))
    [new] = [each for each in documents if each["metadata"]["name"] == "todo-backend-857cb4687d-275zr"]
    new["status"]["containerStatuses"][0]["state"] = {"waiting": {"reason": "CrashLoopBackOff"}}
    found = pods.availability(pods.read_rollout(documents), "backend")
    assert found == Availability("healthy", "1/1 pods; new pod CrashLoopBackOff")
    [deployment] = [each for each in documents if each["metadata"]["name"] == "todo-backend"]
    deployment["spec"]["replicas"] = 3
    found = pods.availability(pods.read_rollout(documents), "backend")
    assert found == Availability("CrashLoopBackOff", "1/3 pods")
    deployment["spec"]["replicas"] = 0
    assert pods.availability(pods.read_rollout(documents), "backend") == Availability(
        "scaled to 0", "0/0 pods"
    )


def test_a_pod_of_a_test_is_none_of_the_release() -> None:
    [pod, *_] = [each for each in RECORDED["healthy"]["objects"] if each["kind"] == "Pod"]
    labels = {**pod["metadata"]["labels"], "app.kubernetes.io/component": "test"}
    test = {**pod, "metadata": {**pod["metadata"], "name": "todo-test-health", "labels": labels}}
    assert pods.read_rollout([test]).pods == ()


def test_a_release_is_healthy_when_all_of_its_revision_is_there() -> None:
    assert judged("healthy") == Verdict(HEALTHY)
    assert judged("updated", revision=2) == Verdict(HEALTHY)


def test_a_release_of_which_nothing_is_there_is_not_healthy() -> None:
    verdict = Judge(1).judge(pods.Rollout(), 0)
    assert verdict.outcome == FAILED
    assert "it was uninstalled in the meantime" in verdict.reason


def test_a_migration_is_done_when_its_pod_is_though_the_job_says_so_later() -> None:
    documents = [
        {**each, "status": {}} if each["kind"] == "Job" else each for each in RECORDED["healthy"]["objects"]
    ]
    assert Judge(1).judge(pods.read_rollout(documents), 0) == Verdict(HEALTHY)
    without = [each for each in documents if "-migrations-" not in each["metadata"]["name"]]
    job = [each for each in documents if each["kind"] == "Job"]
    assert Judge(1).judge(pods.read_rollout(without + job), 0).outcome == WAITING


def test_a_release_on_its_way_says_how_far_it_is() -> None:
    verdict = judged("starting")
    assert verdict.outcome == WAITING
    assert set(verdict.waiting_for) == {
        "todo-backend 0/1",
        "todo-frontend 0/1",
        "todo-todo-chatbot-chart-postgresql 0/1",
        "todo-todo-chatbot-chart-migrations-1 0/1",
    }


def test_an_update_is_not_healthy_while_pods_of_the_version_before_are_ready_alone() -> None:
    verdict = judged("updating", revision=2)
    assert verdict.outcome == WAITING
    assert "todo-backend 0/1" in verdict.waiting_for


@pytest.mark.parametrize(
    ("case", "revision", "seconds"),
    [
        ("image-absent", 1, 2),
        ("crash", 1, 0),
        ("memory", 1, 0),
        ("secret-absent", 1, 5),
        ("no-room", 1, 5),
        ("database-address", 1, 0),
        ("migration-fails", 3, 0),
    ],
)
def test_what_does_not_pass_by_itself_has_failed_within_ten_seconds(
    case: str, revision: int, seconds: float
) -> None:
    verdict = judged(case, revision, seconds)
    assert verdict.outcome == FAILED
    assert verdict.pod is not None
    if seconds:
        assert judged(case, revision, seconds - 1).outcome == WAITING


def test_a_started_pod_that_never_becomes_ready_has_failed_after_the_attempts_of_its_probe() -> None:
    # Recorded with an initial delay of 1 s, three attempts of 2 s and 5 s for an answer.
    assert judged("never-ready", seconds=11).outcome == WAITING
    assert judged("never-ready", seconds=12).outcome == FAILED
    assert judged("starting", seconds=3600).outcome == WAITING


def test_a_pod_whose_probe_has_failed_as_often_as_counts_has_failed_at_once() -> None:
    before = pods.read_rollout(RECORDED["never-ready"]["objects"])
    (told,) = [each for each in RECORDED["never-ready"]["events"] if "Readiness" in each["message"]]
    for count, outcome in ((2, WAITING), (3, FAILED)):
        rollout = pods.with_probe_failures(before, [{**told, "count": count}])
        assert Judge(1).judge(rollout, 100).outcome == outcome
    other = {**told, "count": 9, "involvedObject": {"name": "another"}}
    startup = {**told, "count": 9, "message": "Startup probe failed: statuscode: 404"}
    for event in (other, startup):
        assert Judge(1).judge(pods.with_probe_failures(before, [event]), 100).outcome == WAITING


def test_pods_that_may_not_be_made_have_failed_with_the_reason() -> None:
    denied = {"type": "ReplicaFailure", "status": "True", "message": "exceeded quota: small"}
    deployment = {
        "kind": "Deployment",
        "metadata": {"name": "todo-backend", "generation": 1},
        "spec": {"replicas": 1},
        "status": {"observedGeneration": 1, "conditions": [denied]},
    }
    verdict = Judge(1).judge(pods.read_rollout([deployment]), 0)
    assert (verdict.outcome, verdict.reason) == (FAILED, "exceeded quota: small")


@pytest.mark.parametrize(
    ("case", "revision", "lines", "why", "remedy"),
    [
        ("image-absent", 1, [], "the node does not have the image todo-frontend:mistyped", "minikube-load"),
        (
            "crash",
            1,
            ["Error: Cannot find module '/app/absent.cjs'", *[f"    at frame {n}" for n in range(20)]],
            "its program ended with exit code 1: Error: Cannot find module '/app/absent.cjs'",
            "read its output above",
        ),
        ("memory", 1, [], "it exceeded its memory limit of 24Mi", "resources.limits"),
        (
            "secret-absent",
            1,
            [],
            "there is no Secret elsewhere",
            "kubectl --context minikube --namespace todo-app-dev create secret generic elsewhere",
        ),
        ("secret-absent", 1, [], "there is no Secret elsewhere", "without another secret.name"),
        ("no-room", 1, [], "no node has room for it, or none accepts it", "resources.requests"),
        (
            "database-address",
            1,
            ["The database cannot be reached: failed to resolve host 'db.nowhere.example'"],
            "the cluster does not know the database's host db.nowhere.example",
            "then   invoke helm-install --namespace todo-app-dev --release todo",
        ),
        (
            "database-address",
            1,
            ['connection failed: connection to server at "10.1.2.3", port 5432 failed: Connection refused'],
            "nothing answers at the database's address 10.1.2.3",
            "leave DATABASE_URL empty",
        ),
        (
            "database-address",
            1,
            ['FATAL: password authentication failed for user "todo"'],
            "the database rejects the password",
            "helm-uninstall --data --namespace todo-app-dev --release todo",
        ),
        (
            "migration-fails",
            3,
            ["The migrations are incompatible with this database: no such revision 0000"],
            "the previous release continues to serve",
            "fix what its output reports",
        ),
        ("never-ready", 1, [], "statuscode: 404", "compare the probes"),
    ],
)
def test_a_failure_is_told_with_its_pod_its_state_its_output_the_cause_and_a_remedy(
    case: str, revision: int, lines: list[str], why: str, remedy: str
) -> None:
    error = explained(case, *lines, revision=revision)
    assert why in error.why
    assert remedy in " ".join(error.remedies)
    assert " pod todo-" in error.what
    assert error.details[0].startswith("state    ")
    assert any(each.startswith("event    ") for each in error.details)
    assert not lines or f"output   {lines[0]}" in error.details
    assert error.remedies[-1].startswith(
        "kubectl --context minikube --namespace todo-app-dev describe pod todo-"
    )


@pytest.mark.parametrize(
    ("message", "why"),
    [
        (
            "couldn't find key JWT_SECRET in Secret todo-app-dev/todo-app-secrets",
            "the Secret todo-app-secrets",
        ),
        ('configmap "todo-app-config" not found', "there is no ConfigMap todo-app-config"),
        ('exec: "node": executable file not found in $PATH', "does not contain the program"),
    ],
)
def test_what_a_state_says_names_the_cause(message: str, why: str) -> None:
    pod = Pod("todo-backend-1", "backend", "CreateContainerConfigError", message)
    assert why in watch.find_cause(pod, (), (), kubectl=KUBECTL, release="todo").why


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("BETTER_AUTH_SECRET must have at least 32 characters", "the setting BETTER_AUTH_SECRET"),
        ("OSError: [Errno 30] Read-only file system: '/app/x'", "writes to a read-only directory"),
        ("FATAL ERROR: Reached heap limit - JavaScript heap out of memory", "ran out of memory"),
    ],
)
def test_what_a_program_said_names_the_cause(line: str, why: str) -> None:
    pod = Pod("todo-backend-1", "backend", "CrashLoopBackOff", exit_code=1)
    assert why in watch.find_cause(pod, (), [line], kubectl=KUBECTL, release="todo").why


@pytest.mark.parametrize(
    ("said", "what", "unavailable"),
    [
        (
            "The connection to the server 127.0.0.1:6443 was refused - is the port right?",
            "the cluster's API server cannot be reached",
            True,
        ),
        (
            "Unable to connect to the server: dial tcp: lookup nowhere.example: no such host",
            "the cluster's API server cannot be reached",
            True,
        ),
        (
            'Error: Kubernetes cluster unreachable: Get "https://10.0.0.1:8443/version": i/o timeout',
            "the cluster's API server cannot be reached",
            True,
        ),
        (
            "Unable to connect to the server: x509: certificate has expired or is not yet valid",
            "the cluster rejects the credentials of this context",
            True,
        ),
        (
            "error: You must be logged in to the server (Unauthorized)",
            "the cluster rejects the credentials of this context",
            True,
        ),
        ("error: current-context is not set", "no cluster is configured", True),
        ("error: current-context must exist in order to minify", "no cluster is configured", True),
        (
            "error: context was not found for specified context: elsewhere",
            "there is no context 'elsewhere'",
            True,
        ),
        ("error: cannot locate context elsewhere", "there is no context 'elsewhere'", True),
        (
            "spec.ports[0].nodePort: Invalid value: 30080: provided port is already allocated",
            "the node port 30080 is taken",
            False,
        ),
        ('Error: context "elsewhere" does not exist', "there is no context 'elsewhere'", True),
        (
            'Error from server (Forbidden): pods is forbidden: User "jo" cannot list resource "pods"',
            "the cluster does not allow this user to do that",
            False,
        ),
        ("Error: UPGRADE FAILED: something else", "helm upgrade failed", False),
    ],
)
def test_what_kubectl_and_helm_say_is_explained(said: str, what: str, *, unavailable: bool) -> None:
    error = commands.explain(said, "helm upgrade", {})
    assert error.what == what
    assert isinstance(error, ClusterUnavailableError) == unavailable
    assert error.why
    assert error.remedies or not unavailable
