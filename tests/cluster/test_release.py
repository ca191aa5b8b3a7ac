"""A release passes its chart tests, shares state between replicas, and keeps its data when removed."""

import asyncio
import re
import secrets
import subprocess
from collections.abc import Callable
from pathlib import Path

import httpx2
import pytest

from automation import settings
from automation.engines.cluster import ClusterEngine
from automation.kubernetes.commands import ClusterError, Helm
from automation.kubernetes.target import Request
from tests.cluster.conftest import CHART, RULES, Release
from tests.cluster.load import Person

MESSAGES_A_MINUTE = 30
READY_SOON = tuple(
    f"{service}.probes.{probe}.initialDelaySeconds=0"
    for service in ("backend", "frontend")
    for probe in ("startup", "readiness")
)


@pytest.fixture(scope="module")
def shared(new_release: Callable[[], Release]) -> tuple[Release, str]:
    """A release with two replicas of every component, and its address."""
    release = new_release()
    installed = release.install("backend.replicaCount=2")
    assert installed.revision == 1, "although the cluster chose the port"
    return release, installed.address


def ask_inside(release: Release) -> str:
    """Run the chart's tests and return Helm's output."""
    helm: Helm = release.place.helm
    return asyncio.run(helm.run("test", helm.release, "--timeout=50s"))


def test_an_identical_installation_changes_nothing(shared: tuple[Release, str]) -> None:
    release, address = shared
    again = release.install("backend.replicaCount=2")
    assert not again.changed
    assert again.address == address
    assert again.seconds < 15


def test_the_charts_tests_pass_and_one_fails_without_the_backend(shared: tuple[Release, str]) -> None:
    release, _ = shared
    assert ask_inside(release).count("Succeeded") == 2
    deployment = f"deployment/{RULES.backend.name}"
    release.kubectl("scale", deployment, "--replicas=0")
    release.kubectl("wait", "--for=delete", "pods", "--selector=app=todo-backend", "--timeout=28s")
    with pytest.raises(ClusterError):
        ask_inside(release)
    release.kubectl("scale", deployment, "--replicas=2")
    release.kubectl("wait", "--for=condition=Available", deployment, "--timeout=28s")


def test_an_installation_restores_deleted_objects(shared: tuple[Release, str]) -> None:
    release, _ = shared
    release.kubectl("delete", "service", RULES.backend.service)
    again = release.install("backend.replicaCount=2")
    assert again.changed
    assert again.address
    assert release.get("service", RULES.backend.service)


def test_a_database_that_failed_to_start_is_recreated(shared: tuple[Release, str]) -> None:
    release, _ = shared
    with pytest.raises(ClusterError, match="is CreateContainerConfigError"):
        release.install("backend.replicaCount=2", "secret.name=nosuch")
    assert release.install("backend.replicaCount=2").address


def test_a_failing_atomic_upgrade_ends_on_the_revision_rolled_back_to_by_hand(release: Release) -> None:
    small = ("frontend.replicaCount=1", *READY_SOON)
    first = release.install(*small)
    release.install(*small, "config.LOG_LEVEL=debug")
    asyncio.run(release.place.helm.rollback(first.revision))
    by_hand = asyncio.run(release.place.helm.history())[-1]
    release.kubectl("rollout", "status", f"deployment/{RULES.backend.name}", "--timeout=60s")
    release.kubectl("rollout", "status", f"deployment/{RULES.frontend.name}", "--timeout=60s")
    with pytest.raises(ClusterError):
        release.install(*small, "frontend.env.NODE_OPTIONS=--require=/app/absent.cjs", atomic=True)
    assert release.get("configmap", RULES.config_map)["data"]["LOG_LEVEL"] == "info"
    last = asyncio.run(release.place.helm.history())[-1]
    assert last.description == f"Rollback to {by_hand.number}"
    release.kubectl("wait", "--for=condition=Available", "deployments", "--all", "--timeout=28s")


def test_a_key_used_concurrently_on_both_replicas_adds_one_task(shared: tuple[Release, str]) -> None:
    _, address = shared

    async def ask() -> tuple[set[int], dict[str, int]]:
        person = await Person.sign_up(address)
        headers = {**person.headers, "Idempotency-Key": secrets.token_hex(16)}
        answers = await asyncio.gather(
            *(person.client.post("/api/tasks", json={"title": "Once"}, headers=headers) for _ in range(20))
        )
        titles = await person.titles()
        await person.client.aclose()
        return {answer.status_code for answer in answers}, titles

    statuses, titles = asyncio.run(ask())
    assert statuses == {201}
    assert titles == {"Once": 1}


def test_both_replicas_share_sessions_and_limits(shared: tuple[Release, str]) -> None:
    _, address = shared

    async def ask() -> tuple[list[int], list[int]]:
        person = await Person.sign_up(address)
        # Use a new connection per request, so that the service reaches both replicas.
        fresh = {**person.headers, "Connection": "close"}
        sessions = [await person.client.get("/api/tasks", headers=fresh) for _ in range(12)]
        said = [
            await person.client.post("/api/chat", json={"message": "Hello"}, headers=fresh)
            for _ in range(MESSAGES_A_MINUTE + 6)
        ]
        await person.client.aclose()
        return [session.status_code for session in sessions], [reply.status_code for reply in said]

    sessions, said = asyncio.run(ask())
    assert set(sessions) == {httpx2.codes.OK}
    assert said.count(200) == MESSAGES_A_MINUTE
    assert set(said[MESSAGES_A_MINUTE:]) == {429}


def test_removing_a_release_keeps_its_data_and_no_pod(
    shared: tuple[Release, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    release, _ = shared
    ask_inside(release)
    monkeypatch.setenv("TODO_STATE_DIR", str(tmp_path))
    request = Request(release.place.kubectl.namespace)
    asyncio.run(ClusterEngine(settings.load(), request).uninstall(print, None))
    of_the_release = "--selector=app.kubernetes.io/instance=todo"
    assert release.get("deployments,services,configmaps,pods", of_the_release)["items"] == []
    assert release.get("secret", RULES.secret)["data"]
    assert [claim["status"]["phase"] for claim in release.get("persistentvolumeclaims")["items"]] == ["Bound"]


def shell(command: str) -> str:
    """Run a command as a person pastes it."""
    return subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True).stdout.strip()


def test_plain_helm_needs_one_more_command_and_serves_where_its_notes_say(release: Release) -> None:
    values = [
        f"--set={service}.image.{name}={value}"
        for service, image in release.images.items()
        for name, value in image.values.items()
    ]
    words = ("--create-namespace", "--set=frontend.service.nodePort=0", *values)
    development = f"--values={CHART}/values-dev.yaml"
    installed = release.place.helm.run("install", "todo", str(CHART), development, *words)
    notes = re.sub(r"\n {4}", "\n", asyncio.run(installed))
    secret = re.search(r"^printf (?s:.*?)--from-env-file=\S+$", notes, re.MULTILINE)
    address = re.search(r"^echo .*$", notes, re.MULTILINE)
    assert secret, notes
    assert address, notes
    shell(secret[0])
    release.kubectl("wait", "--for=condition=Available", "deployments", "--all", "--timeout=120s")
    page = shell(address[0])

    def sign_up(origin: str) -> int:
        person = {
            "name": "Ada",
            "email": f"{secrets.token_hex(6)}@example.com",
            "password": secrets.token_hex(8),
        }
        url = f"{page}/api/auth/sign-up/email"
        return httpx2.post(url, json=person, headers={"Origin": origin}, timeout=30).status_code

    assert sign_up(page) == httpx2.codes.OK
    assert sign_up("http://localhost:1234") == httpx2.codes.OK, "a forwarded port"
    assert sign_up("http://other.example") == httpx2.codes.FORBIDDEN
