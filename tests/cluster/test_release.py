"""A release as it is: tested from inside, shared by its replicas, and removed without its data."""

import asyncio
import secrets
from collections.abc import Callable
from pathlib import Path

import httpx2
import pytest

from automation import settings
from automation.engines.cluster import ClusterEngine
from automation.kubernetes.commands import ClusterError
from automation.kubernetes.helm import Helm
from automation.kubernetes.request import Request
from tests.cluster.conftest import RULES, Release
from tests.cluster.load import Person

MESSAGES_A_MINUTE = 30


@pytest.fixture(scope="module")
def shared(new_release: Callable[[], Release]) -> tuple[Release, str]:
    """A release with two replicas of everything, and its address."""
    release = new_release()
    installed = release.install("backend.replicaCount=2")
    return release, installed.address


def ask_inside(release: Release) -> str:
    """Run the tests that the chart brings; return what Helm says."""
    helm: Helm = release.place.helm
    return asyncio.run(helm.run("test", helm.release, "--timeout=50s"))


def test_the_same_once_more_does_nothing(shared: tuple[Release, str]) -> None:
    release, address = shared
    again = release.install("backend.replicaCount=2")
    assert not again.changed
    assert again.address == address
    assert again.seconds < 15


def test_the_charts_own_tests_hold_and_one_fails_without_the_backend(shared: tuple[Release, str]) -> None:
    release, _ = shared
    assert ask_inside(release).count("Succeeded") == 2
    deployment = f"deployment/{RULES.backend.name}"
    release.kubectl("scale", deployment, "--replicas=0")
    release.kubectl("wait", "--for=delete", "pods", "--selector=app=todo-backend", "--timeout=28s")
    with pytest.raises(ClusterError):
        ask_inside(release)
    release.kubectl("scale", deployment, "--replicas=2")
    release.kubectl("wait", "--for=condition=Available", deployment, "--timeout=28s")


def test_what_was_deleted_by_hand_is_brought_back(shared: tuple[Release, str]) -> None:
    release, _ = shared
    release.kubectl("delete", "service", RULES.backend.service)
    again = release.install("backend.replicaCount=2")
    assert again.changed
    assert again.address
    assert release.get("service", RULES.backend.service)


def test_a_database_that_could_not_start_is_made_anew(shared: tuple[Release, str]) -> None:
    release, _ = shared
    with pytest.raises(ClusterError, match="is CreateContainerConfigError"):
        release.install("backend.replicaCount=2", "secret.name=nosuch")
    assert release.install("backend.replicaCount=2").address


def test_a_key_used_on_both_replicas_at_once_adds_one_task(shared: tuple[Release, str]) -> None:
    _, address = shared

    async def ask() -> tuple[set[int], dict[str, int]]:
        person = await Person.sign_up(address)
        headers = {**person.headers, "Idempotency-Key": secrets.token_hex(16)}
        answers = await asyncio.gather(
            *(person.client.post("/api/tasks", json={"title": "Once"}, headers=headers) for _ in range(20))
        )
        titles = await person.titles()
        await person.client.aclose()
        return {each.status_code for each in answers}, titles

    statuses, titles = asyncio.run(ask())
    assert statuses == {201}
    assert titles == {"Once": 1}


def test_a_session_and_a_limit_are_the_same_on_both_replicas(shared: tuple[Release, str]) -> None:
    _, address = shared

    async def ask() -> tuple[list[int], list[int]]:
        person = await Person.sign_up(address)
        # A connection each: the service gives them to either replica.
        fresh = {**person.headers, "Connection": "close"}
        sessions = [await person.client.get("/api/tasks", headers=fresh) for _ in range(12)]
        said = [
            await person.client.post("/api/chat", json={"message": "Hello"}, headers=fresh)
            for _ in range(MESSAGES_A_MINUTE + 6)
        ]
        await person.client.aclose()
        return [each.status_code for each in sessions], [each.status_code for each in said]

    sessions, said = asyncio.run(ask())
    assert set(sessions) == {httpx2.codes.OK}
    assert said.count(200) == MESSAGES_A_MINUTE
    assert set(said[MESSAGES_A_MINUTE:]) == {429}


def test_what_is_removed_leaves_the_data_and_no_pod(
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
    assert [each["status"]["phase"] for each in release.get("persistentvolumeclaims")["items"]] == ["Bound"]
