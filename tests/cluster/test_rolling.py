"""Users notice nothing while a release changes."""

import asyncio
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from automation import settings
from automation.console.events import step
from automation.kubernetes.commands import ClusterError
from automation.kubernetes.load import Loaded
from automation.kubernetes.target import Place
from automation.kubernetes.watch import Watcher
from automation.paths import ROOT
from tests.cluster.conftest import RULES, Release
from tests.cluster.load import Load, Report
from tests.cluster.next_version import NEXT, Answering, next_version

# Building the next version takes minutes without a cache.
pytestmark = pytest.mark.timeout(900)

MODEL = "slow-model"
OF_THE_MODEL = {
    "AGENT_PROVIDER": "openai",
    "AGENT_MODEL": "slow",
    "OPENAI_API_KEY": "sk-of-the-cluster",
    "OPENAI_BASE_URL": f"http://{MODEL}:8000/v1",
}


@dataclass
class Service:
    """A running release and its public address."""

    release: Release
    address: str
    revision: int = 0

    def change(self, *values: str, images: Mapping[str, Loaded] | None = None) -> None:
        """Upgrade the release and wait until it is healthy."""
        changed = self.release.install(*values, images=images, given=OF_THE_MODEL)
        assert changed.changed
        self.revision = changed.revision

    def wait(self) -> None:
        """Wait until exactly the desired pods exist and are ready."""
        place = self.release.place

        async def watch() -> None:
            watcher = Watcher(place.kubectl, place.helm.release, self.revision, self.release.told.append)
            with step(self.release.told.append, "waiting") as running:
                await watcher.wait(running, 120)

        asyncio.run(watch())

    def pods(self, component: str) -> list[str]:
        """Return the names of the pods that are not being deleted."""
        pods = self.release.get("pods", f"--selector=app=todo-{component}")["items"]
        return [pod["metadata"]["name"] for pod in pods if "deletionTimestamp" not in pod["metadata"]]


@pytest.fixture(scope="module")
def newer(cluster: Place, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, Loaded]]:
    """The images of the next version, in the cluster until the service is removed."""
    with next_version(settings.load(), tmp_path_factory.mktemp("next"), cluster.target) as images:
        yield images


@pytest.fixture(scope="module")
def service(new_release: Callable[[], Release], newer: Mapping[str, Loaded]) -> Iterator[Service]:
    """A healthy release whose agent uses a slow model in a separate pod."""
    release = new_release()
    installed = release.install(given=OF_THE_MODEL)
    release.kubectl("apply", "--filename=-", stdin=json.dumps(model(release.images["backend"])))
    release.kubectl("wait", "--for=condition=Ready", f"pod/{MODEL}", "--timeout=25s")
    yield Service(release, installed.address, installed.revision)
    REPORTS.parent.mkdir(parents=True, exist_ok=True)
    REPORTS.write_text("".join(f"{report}\n" for report in _REPORTS), encoding="utf-8")
    release.remove(wait=True)


REPORTS = ROOT / ".artifacts" / "rolling.txt"
"""The load's results in each test, written to a file for developers."""
_REPORTS: list[str] = []


def nothing_happened(load: Load, change: str, *, replies: int = 1, versions: int = 1) -> None:
    """Verify that a load had no failures and lost no data.

    While two `versions` run, a new visitor's page and its scripts may come from different pods if the first
    pod has just stopped: the page then reloads itself. This may happen once per pod and is part of the
    report.
    """
    report: Report = load.report
    _REPORTS.append(f"{change}: {report}")
    assert report.failures == []
    assert report.unavailable == []
    assert len(report.torn) <= (RULES.frontend.replicas if versions > 1 else 0), report.torn
    assert report.counts["visits"] > 5
    assert report.counts["reads"] > 50
    assert report.counts["writes"] > 20
    assert report.counts["replies"] >= replies
    assert report.cuts["without a word"] == 0
    nothing_lost_or_doubled(load)


def nothing_lost_or_doubled(load: Load) -> None:
    """Verify that each acknowledged task exists exactly once."""
    acknowledged = [*load.report.written, *load.report.said]
    assert [title for title in acknowledged if load.titles[title] == 0] == [], "lost"
    assert [title for title, times in load.titles.items() if times > 1] == [], "doubled"


def test_an_upgrade_to_the_next_version(service: Service, newer: Mapping[str, Loaded]) -> None:
    now = Answering.at(service.address)
    assert all(newer[name].name != image.name for name, image in service.release.images.items())
    with Load(service.address).running() as load:
        load.wait_for(lambda report: report.counts["replies"] >= 1)
        service.change(images=newer)
        service.wait()
    nothing_happened(load, "upgrade", versions=2)
    afterwards = {Answering.at(service.address) for _ in range(10)}
    assert afterwards == {NEXT} != {now}


def test_a_rollback_to_the_previous_version(service: Service) -> None:
    assert Answering.at(service.address) == NEXT
    with Load(service.address).running() as load:
        load.wait_for(lambda report: report.counts["replies"] >= 1)
        service.revision -= 1
        asyncio.run(service.release.place.helm.rollback(service.revision))
        service.wait()
    nothing_happened(load, "rollback", versions=2)
    afterwards = {Answering.at(service.address) for _ in range(10)}
    assert len(afterwards) == 1
    assert NEXT not in afterwards


def test_a_changed_configuration(service: Service) -> None:
    before = set(service.pods("backend") + service.pods("frontend"))
    with Load(service.address).running() as load:
        load.wait_for(lambda report: report.counts["replies"] >= 1)
        service.change("config.LOG_LEVEL=debug")
        service.wait()
        assert not before & set(service.pods("backend") + service.pods("frontend"))
    nothing_happened(load, "configuration")


def test_scaling_up_deleting_pods_and_scaling_down(service: Service) -> None:
    with Load(service.address).running() as load:
        load.wait_for(lambda report: report.counts["replies"] >= 1)
        service.change("backend.replicaCount=4")
        assert len(service.pods("backend")) == 4
        for component in ("backend", "frontend"):
            gone = service.pods(component)[0]
            service.release.kubectl("delete", "pod", gone, "--wait=false")
            service.wait()
            assert gone not in service.pods(component)
        service.change("backend.replicaCount=1")
        service.wait()
    nothing_happened(load, "scaling and pod deletion", replies=3)


def test_a_change_to_a_missing_database_is_not_rolled_out(service: Service) -> None:
    secret = service.release.get("secret", RULES.secret)["data"]
    with Load(service.address).running() as load:
        load.wait_for(lambda report: report.counts["replies"] >= 1)
        with pytest.raises(ClusterError, match=r"(backend|migrations)"):
            service.release.install(
                atomic=True,
                given={**OF_THE_MODEL, "DATABASE_URL": "postgresql://todo:secret@nowhere.invalid/todo"},
            )
    nothing_happened(load, "another database, refused")
    assert service.release.get("secret", RULES.secret)["data"] == secret


def test_a_database_restart(service: Service) -> None:
    with Load(service.address, comes_again=True).running() as load:
        load.wait_for(lambda report: report.counts["replies"] >= 1)
        database = "todo-todo-chatbot-chart-postgresql-0"
        service.release.kubectl("delete", "pod", database, "--wait=false")
        load.wait_for(lambda report: bool(report.unavailable))
        service.wait()
        before = load.report.counts["writes"], load.report.counts["replies"]
        load.wait_for(lambda report: report.counts["writes"] > before[0] + 5)
        load.wait_for(lambda report: report.counts["replies"] > before[1])
    _REPORTS.append(f"database restarted: {load.report}")
    assert load.report.failures == []
    nothing_lost_or_doubled(load)


def model(backend: Loaded) -> dict[str, Any]:
    """Return the slow model: its program, pod and address."""
    labels = {"app": MODEL}
    restricted = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    container = {
        "name": "model",
        "image": backend.name,
        "imagePullPolicy": backend.pull_policy,
        "command": ["python", "/model/slow_model.py"],
        "securityContext": restricted,
        "readinessProbe": {"tcpSocket": {"port": 8000}, "periodSeconds": 1},
        "volumeMounts": [{"name": "model", "mountPath": "/model"}],
    }
    user = {"runAsNonRoot": True, "runAsUser": 1001, "seccompProfile": {"type": "RuntimeDefault"}}
    program = Path(__file__).with_name("slow_model.py").read_text(encoding="utf-8")
    volume = {"name": "model", "configMap": {"name": MODEL}}
    items = [
        {"kind": "ConfigMap", "data": {"slow_model.py": program}},
        {"kind": "Service", "spec": {"selector": labels, "ports": [{"port": 8000}]}},
        {
            "kind": "Pod",
            "spec": {
                "securityContext": user,
                "containers": [container],
                "volumes": [volume],
                "terminationGracePeriodSeconds": 1,
            },
        },
    ]
    named = [{"apiVersion": "v1", "metadata": {"name": MODEL, "labels": labels}, **item} for item in items]
    return {"apiVersion": "v1", "kind": "List", "items": named}
