"""Real failures of a release are explained within seconds, with pod, cause and fix."""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
import pytest

from automation.kubernetes.commands import ClusterError
from automation.kubernetes.load import Loaded
from automation.kubernetes.target import Place
from automation.paths import ROOT
from tests.cluster.conftest import Release
from tests.cluster.witness import Witness, container_is, has_failed, refused_readiness, unschedulable

SOON_S = 10.0
"""The maximum seconds between the first report of a failure and its explanation."""
FAILURES_THAT_COUNT = 3
"""The readiness probe's failureThreshold."""
Known = Callable[[Mapping[str, Any]], bool]
"""Whether a pod or an event from the API server shows the failure."""
ALONE = ("backend.enabled=false", "postgresql.enabled=false", "frontend.replicaCount=1")
"""Only the frontend, whose failures need neither a backend nor a database."""

_EXPLAINED: list[str] = []


@pytest.fixture(scope="module", autouse=True)
def report() -> Iterator[None]:
    """Write the time that each explanation took to a file for developers."""
    yield
    file = ROOT / ".artifacts" / "failures.txt"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(_EXPLAINED), encoding="utf-8")


def failure(release: Release, *values: str, known: Known, **options: Any) -> ClusterError:
    """Return the error of an installation, which must follow the API server's report within seconds."""
    with Witness(release.place.kubectl).watching() as witness, pytest.raises(ClusterError) as raised:
        release.install(*values, **options)
    seconds = witness.seconds_since(known)
    _EXPLAINED.append(f"{seconds:4.1f} s  {raised.value}\n")
    assert seconds < SOON_S, raised.value
    return raised.value


def test_a_missing_image(release: Release, images: Mapping[str, Loaded]) -> None:
    wrong = {**images, "frontend": replace(images["frontend"], name="todo-frontend:mistyped")}
    missing = partial(container_is, phase="waiting", reason="ErrImageNeverPull")
    error = failure(release, *ALONE, images=wrong, known=missing)
    assert "the node does not have the image todo-frontend:mistyped" in error.why
    assert "ErrImageNeverPull" in error.what
    assert "invoke minikube-load" in error.remedies
    assert "todo-frontend:mistyped" in "\n".join(error.details)


def test_a_crash_at_the_start(release: Release) -> None:
    error = failure(
        release,
        *ALONE,
        "frontend.env.NODE_OPTIONS=--require=/app/absent.cjs",
        known=partial(has_failed, component="frontend"),
    )
    assert "the frontend does not start: pod todo-frontend-" in error.what
    assert "CrashLoopBackOff" in error.what
    assert error.why == "its program ended with exit code 1: Error: Cannot find module '/app/absent.cjs'"
    assert any("Cannot find module" in detail for detail in error.details)


def test_an_insufficient_memory_limit(release: Release) -> None:
    error = failure(
        release,
        *ALONE,
        "frontend.resources.limits.memory=12Mi",
        "frontend.resources.requests.memory=12Mi",
        known=partial(container_is, phase="terminated", reason="OOMKilled"),
    )
    assert "it exceeded its memory limit of 12Mi" in error.why
    assert "increase resources.limits.memory in the values" in error.remedies


def test_a_missing_secret(release: Release) -> None:
    error = failure(
        release,
        "frontend.enabled=false",
        "postgresql.enabled=false",
        "secret.name=elsewhere",
        known=partial(container_is, phase="waiting", reason="CreateContainerConfigError"),
    )
    assert error.why == "there is no Secret elsewhere"
    assert "CreateContainerConfigError" in error.what


def test_an_unreachable_database_address(release: Release) -> None:
    nowhere = {"DATABASE_URL": "postgresql://todo:secret@db.nowhere.example:5432/todo"}
    error = failure(
        release, "frontend.enabled=false", given=nowhere, known=partial(has_failed, component="migrations")
    )
    assert "the migrations failed: pod todo-todo-chatbot-chart-migrations-1-" in error.what
    assert error.why == "the cluster does not know the database's host db.nowhere.example"
    assert any("correct DATABASE_URL in .env" in remedy for remedy in error.remedies)


def test_a_resource_request_above_the_capacity_of_every_node(release: Release) -> None:
    error = failure(
        release,
        *ALONE,
        "frontend.resources.requests.cpu=64",
        "frontend.resources.limits.cpu=64",
        known=unschedulable,
    )
    assert "Unschedulable" in error.what
    assert error.why == "no node has room for it, or none accepts it"
    assert "Insufficient cpu" in "\n".join(error.details)


def test_a_failing_readiness_probe(release: Release) -> None:
    # The probe's own schedule: a failure counts only after failureThreshold consecutive failures.
    refused = partial(refused_readiness, times=FAILURES_THAT_COUNT)
    error = failure(release, *ALONE, "frontend.probes.readiness.path=/nowhere", known=refused)
    assert "the frontend does not become ready" in error.what
    assert "statuscode: 404" in error.why


def test_a_failing_startup_probe(release: Release) -> None:
    probe = "frontend.probes.startup"
    error = failure(
        release,
        *ALONE,
        *(f"{probe}.path=/nowhere", f"{probe}.initialDelaySeconds=1", f"{probe}.failureThreshold=2"),
        "shutdown.drainSeconds=1",
        known=partial(container_is, phase="waiting", reason="CrashLoopBackOff"),
    )
    assert "fails its startup probe, and is restarted: HTTP probe failed with statuscode: 404" in error.why


def test_a_quota_that_allows_no_pod(release: Release) -> None:
    limit(release, "pods=0")
    with pytest.raises(ClusterError) as raised:
        release.install(*ALONE)
    assert str(raised.value).startswith("the quota small of the namespace todo-test-")
    assert "exceeded quota: small" in raised.value.why


def test_a_quota_that_allows_no_node_port_leaves_nothing_behind(release: Release) -> None:
    limit(release, "services.nodeports=0")
    with pytest.raises(ClusterError, match="the quota small of the namespace"):
        release.install(*ALONE)
    kinds = "deployments,services,configmaps,secrets,serviceaccounts"
    left = {found["metadata"]["name"] for found in release.get(kinds)["items"]}
    assert left <= {"kube-root-ca.crt", "default"}


def test_a_node_port_that_another_service_has(release: Release, new_release: Callable[[], Release]) -> None:
    other = new_release()
    other.kubectl("create", "namespace", other.place.kubectl.namespace)
    other.kubectl("create", "service", "nodeport", "other", "--tcp=80")
    port = other.get("service", "other")["spec"]["ports"][0]["nodePort"]
    with pytest.raises(ClusterError, match=f"the node port {port} is taken") as raised:
        release.install(*ALONE, f"frontend.service.nodePort={port}")
    assert release.place.kubectl.namespace in raised.value.remedies[0]
    release.kubectl("wait", "--for=delete", f"namespace/{release.place.kubectl.namespace}", "--timeout=28s")


def test_a_namespace_that_is_being_deleted(release: Release) -> None:
    name = release.place.kubectl.namespace
    release.kubectl("create", "namespace", name)
    metadata = {"name": "held", "finalizers": ["example.com/held"]}
    held = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}
    release.kubectl("create", "--filename=-", stdin=json.dumps(held))
    release.kubectl("delete", "namespace", name, "--wait=false")
    try:
        with pytest.raises(ClusterError, match=f"the namespace {name} is being deleted"):
            release.install(*ALONE)
    finally:
        release.kubectl(
            "patch", "configmap", "held", "--type=merge", '--patch={"metadata":{"finalizers":null}}'
        )


def limit(release: Release, hard: str) -> None:
    """Create the namespace with a quota."""
    release.kubectl("create", "namespace", release.place.kubectl.namespace)
    release.kubectl("create", "quota", "small", f"--hard={hard}")


def test_the_previous_release_keeps_serving_after_a_failed_migration(release: Release) -> None:
    installed = release.install("frontend.replicaCount=1")
    execute(release, "UPDATE alembic_version SET version_num = '0000'")
    error = failure(
        release,
        "frontend.replicaCount=1",
        "backend.podAnnotations.changed=yes",
        known=partial(has_failed, component="migrations"),
    )
    assert "the migrations failed" in error.what
    assert "The migrations are incompatible with this database" in "\n".join(error.details)
    answer = httpx2.get(f"{installed.address}/api/auth/get-session", trust_env=False)
    assert answer.status_code == 200, answer.text
    ready = [
        container["ready"] for pod in backends(release) for container in pod["status"]["containerStatuses"]
    ]
    assert sorted(ready) == [False, True], "the new pod waits, and the old one serves"


def test_a_missing_api_server(tmp_path: Path) -> None:
    server = {"server": "https://127.0.0.1:9", "insecure-skip-tls-verify": True}
    seconds, said = ask_with(tmp_path, server, {"token": "any"})
    assert seconds < SOON_S
    assert "the cluster's API server cannot be reached" in said
    assert "minikube start" in said


def test_expired_credentials(tmp_path: Path, cluster: Place) -> None:
    view = asyncio.run(cluster.kubectl.json("config", "view", "--minify", "--raw", "--flatten"))
    seconds, said = ask_with(tmp_path, view["clusters"][0]["cluster"], {"token": "expired"})
    assert seconds < SOON_S
    assert "the cluster rejects the credentials of this context" in said
    assert "they may have expired" in said


def ask_with(folder: Path, cluster: Mapping[str, Any], user: Mapping[str, Any]) -> tuple[float, str]:
    """Run helm-install with a separate kubeconfig; return its duration in seconds and its output."""
    named = "minikube"
    file = folder / "kubeconfig"
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": named,
        "clusters": [{"name": named, "cluster": cluster}],
        "users": [{"name": named, "user": user}],
        "contexts": [{"name": named, "context": {"cluster": named, "user": named}}],
    }
    file.write_text(json.dumps(document))
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "invoke", "helm-install"],
        env={**os.environ, "KUBECONFIG": str(file)},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 1, done.stdout
    return time.monotonic() - began, done.stdout + done.stderr


def execute(release: Release, statement: str) -> None:
    """Run a statement in the release's database."""
    release.kubectl(
        "exec", "todo-todo-chatbot-chart-postgresql-0", "--", "psql", "-U", "todo", "-c", statement, "todo"
    )


def backends(release: Release) -> list[dict[str, Any]]:
    """Return the backend's pods that are not being deleted."""
    pods = release.get("pods", "--selector=app=todo-backend")["items"]
    return [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]
