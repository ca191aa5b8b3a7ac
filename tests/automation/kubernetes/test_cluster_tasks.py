"""The tasks of a cluster: what they ask kubectl and Helm for, what they tell, and when they ask a person."""

import asyncio
import base64
import json
import re
import shutil
import stat
import sys
import tarfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from automation import settings
from automation.console.events import Event, StepFinished
from automation.docker.cli import Docker
from automation.kubernetes import load
from automation.kubernetes.kubectl import ClusterError, ClusterUnavailableError
from automation.kubernetes.load import KindLoader, Loaded, Loader, MinikubeLoader, RegistryLoader
from automation.kubernetes.target import Target
from automation.settings import Settings
from tests.automation.conftest import PATIENCE, ROOT, Project, on_terminal
from tests.automation.engines.test_compose import DOCKERFILE

PROGRAMS = ("kubectl", "helm", "minikube", "kind")
OF_MINE = (
    "BETTER_AUTH_SECRET=01234567890123456789012345678901\n"
    "JWT_SECRET=abcdefghijabcdefghijabcdefghijab\n"
    "GEMINI_API_KEY=key-of-mine\n"
)


@dataclass
class Cluster:
    """The stand-ins of a project."""

    programs: Path

    def told(self, program: str = "cluster") -> dict[str, Any]:
        """Return what a stand-in keeps."""
        state: dict[str, Any] = json.loads((self.programs / f"{program}_double.json").read_text())
        return state

    def calls(self, *words: str) -> list[list[str]]:
        """Return the commands that hold all of the words."""
        return [each for each in self.told()["calls"] if all(word in each for word in words)]

    def give_helm(self) -> None:
        """Put the locked Helm in the place of its stand-in."""
        self.remove("helm")
        (self.programs / "helm").symlink_to(Path(sys.executable).with_name("helm"))

    def remove(self, name: str) -> None:
        """Make as if a program had never been installed."""
        (self.programs / name).unlink()


class Answer(BaseHTTPRequestHandler):
    """The application behind a node's port."""

    def do_GET(self) -> None:
        """Be well."""
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the library's name
        """Say nothing."""


@pytest.fixture
def node_port() -> Iterator[int]:
    """Give a port at which the application answers."""
    server = HTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def cluster(project: Project, node_port: int) -> Cluster:
    """Give the project stand-ins for Docker and for everything that talks to a cluster."""
    programs = project.root / "programs"
    programs.mkdir()
    for double, names in (("docker_double.py", ("docker",)), ("cluster_double.py", PROGRAMS)):
        copied = shutil.copy(ROOT / "tests/doubles" / double, programs)
        for name in names:
            called = "" if name == "docker" else name
            (programs / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" "{copied}" {called} "$@"\n')
            (programs / name).chmod((programs / name).stat().st_mode | stat.S_IXUSR)
    # Nothing else of this machine, which may have a cluster of its own.
    for name in ("sh", "git", "grep"):
        (programs / name).symlink_to(str(shutil.which(name)))
    project.environ |= {
        "PATH": str(programs),
        "RECORDED": str(ROOT / "tests/doubles/recorded/cluster.json"),
        "NODE_PORT": str(node_port),
    }
    shutil.copytree(ROOT / "deploy/helm", project.root / "deploy/helm")
    shutil.copy(ROOT / "deploy/rules.toml", project.root / "deploy")
    rules = project.root / "deploy/profiles/cluster.toml"
    rules.write_text(re.sub(r"(?m)^node_port = \d+", f"node_port = {node_port}", rules.read_text()))
    for service, name in (("backend", "PYTHON"), ("frontend", "NODE")):
        (project.root / service / "Dockerfile").write_text(DOCKERFILE.format(name))
        (project.root / service / "Dockerfile.dockerignore").write_text(f"*\n!{service}/src\n")
    (project.root / ".env").write_text(OF_MINE)
    return Cluster(programs)


def test_an_installation_builds_loads_installs_and_ends_with_an_address_that_answers(
    project: Project, cluster: Cluster, node_port: int
) -> None:
    result = project.invoke("helm-install")
    assert result.returncode == 0, result.stderr + result.stdout
    told = " ".join(result.stdout.split())
    assert "minikube (minikube), Kubernetes v1.34.4" in told
    assert "revision 1 of todo in todo-app-dev" in told
    assert "Healthy: revision 1" in told
    assert f"http://127.0.0.1:{node_port} answers" in told
    assert f"The to-do chatbot is at http://127.0.0.1:{node_port}" in result.stdout
    assert "invoke status · invoke logs --follow · invoke helm-uninstall\n" in result.stdout
    images = cluster.told()["images"]
    assert sorted(each.partition(":")[0] for each in images) == ["todo-backend", "todo-frontend"]
    [given] = cluster.told()["given"]
    for each in images:
        service, tag = each.removeprefix("todo-").split(":")
        assert given[service]["image"] == {
            "repository": f"todo-{service}",
            "tag": tag,
            "pullPolicy": "Never",
        }
    assert len(given["backend"]["image"]["tag"]) == 12, "a tag that changes with the content"
    assert given["config"]["FRONTEND_URL"] == f"http://127.0.0.1:{node_port}"
    status = project.status()
    assert (status["engine"], status["state"]) == ("cluster", "running")
    assert status["address"] == f"http://127.0.0.1:{node_port}"


def test_no_secret_is_on_a_command_line_or_among_the_values_of_the_release(
    project: Project, cluster: Cluster
) -> None:
    result = project.invoke("helm-install")
    assert result.returncode == 0, result.stdout
    secret = cluster.told()["objects"]["Secret/todo-app-secrets"]
    assert set(secret["data"]) == {
        "BETTER_AUTH_SECRET",
        "JWT_SECRET",
        "GEMINI_API_KEY",
        "DATABASE_URL",
        "POSTGRES_PASSWORD",
    }
    password = next(
        line.partition("=")[2]
        for line in (project.root / ".env").read_text().splitlines()
        if line.startswith("POSTGRES_PASSWORD=")
    )
    seen = json.dumps([cluster.told()["calls"], cluster.told()["given"], cluster.told("docker")["calls"]])
    for value in ("0123456789", "abcdefghij", "key-of-mine", password):
        assert value not in seen + result.stdout + result.stderr


def test_a_second_installation_does_nothing_and_says_so(project: Project, cluster: Cluster) -> None:
    project.invoke("helm-install")
    again = project.invoke("helm-install")
    assert again.returncode == 0, again.stdout
    assert "revision 1 is made from the same" in again.stdout
    assert again.stdout.count("is there") >= 4
    assert len(cluster.calls("helm", "upgrade")) == 1
    assert len(cluster.calls("minikube", "load")) == 2


@pytest.mark.parametrize(("address", "upgrades"), [("", 2), ("FRONTEND_URL=https://todo.example.com\n", 1)])
def test_a_port_that_the_cluster_has_chosen_changes_the_release_once_at_most(
    project: Project, cluster: Cluster, address: str, upgrades: int
) -> None:
    with (project.root / ".env").open("a") as env:
        env.write(address)
    project.environ["CLUSTER"] = "chooses-the-port"
    for _ in range(2):
        result = project.invoke("helm-install", "--set", "frontend.service.nodePort=0")
        assert result.returncode == 0, result.stdout
        assert len(cluster.calls("helm", "upgrade")) == upgrades
    assert f"revision {upgrades} is made from the same" in result.stdout


def test_a_port_that_is_asked_for_is_trusted_from_the_first(
    project: Project, cluster: Cluster, node_port: int
) -> None:
    project.environ["CLUSTER"] = "chooses-the-port"
    result = project.invoke("helm-install", "--set", f"frontend.service.nodePort={node_port}")
    assert result.returncode == 0, result.stdout
    [given] = cluster.told()["given"]
    assert given["config"]["FRONTEND_URL"] == f"http://127.0.0.1:{node_port}"


@pytest.mark.parametrize("change", ["a source", "a setting", "a value", "the chart"])
def test_what_has_changed_is_brought_in_by_the_next_installation(
    project: Project, cluster: Cluster, change: str
) -> None:
    project.invoke("helm-install")
    words = []
    if change == "a source":
        (project.root / "backend/src/app/main.py").write_text("changed = True\n")
    elif change == "a setting":
        (project.root / ".env").write_text(f"{(project.root / '.env').read_text()}AGENT_MODEL=small\n")
    elif change == "a value":
        words = ["--set", "backend.replicaCount=2"]
    else:
        chart = project.root / "deploy/helm/todo-chatbot-chart/values.yaml"
        chart.write_text(chart.read_text().replace("LOG_LEVEL: info", "LOG_LEVEL: debug"))
    project.invoke("helm-install", "--no-wait", *words)
    assert len(cluster.calls("helm", "upgrade")) == 2


def test_the_database_keeps_the_password_that_it_was_made_with(project: Project, cluster: Cluster) -> None:
    project.invoke("helm-install")
    before = cluster.told()["objects"]["Secret/todo-app-secrets"]["data"]
    (project.root / ".env").write_text(OF_MINE)
    project.invoke("helm-install")
    assert cluster.told()["objects"]["Secret/todo-app-secrets"]["data"] == before
    assert "POSTGRES_PASSWORD" not in (project.root / ".env").read_text()


def test_a_database_elsewhere_is_taken_instead_of_one_in_the_cluster(
    project: Project, cluster: Cluster
) -> None:
    (project.root / ".env").write_text(f"{OF_MINE}DATABASE_URL=postgresql://me:pass@db.example:5432/todo\n")
    assert project.invoke("helm-install").returncode == 0
    assert cluster.told()["given"][0]["postgresql"] == {"enabled": False}
    assert "POSTGRES_PASSWORD" not in cluster.told()["objects"]["Secret/todo-app-secrets"]["data"]


def test_a_server_on_this_machine_is_given_to_pods_by_the_name_that_they_know(
    project: Project, cluster: Cluster
) -> None:
    (project.root / ".env").write_text(
        f"{OF_MINE}OPENAI_BASE_URL=http://localhost:11434/v1\n"
        "DATABASE_URL=postgresql://me:p%40ss@127.0.0.1:5432/todo\n"
    )
    result = project.invoke("helm-install", "--no-wait")
    assert "OPENAI_BASE_URL names this machine, which pods reach as host.minikube.internal" in result.stdout
    [given] = cluster.told()["given"]
    assert given["config"]["OPENAI_BASE_URL"] == "http://host.minikube.internal:11434/v1"
    url = base64.b64decode(cluster.told()["objects"]["Secret/todo-app-secrets"]["data"]["DATABASE_URL"])
    assert url == b"postgresql://me:p%40ss@host.minikube.internal:5432/todo"
    elsewhere = project.invoke(
        "helm-install", "--no-wait", CONTEXT="kind-todo https://127.0.0.1:41231", CLUSTER="loads-nothing"
    )
    assert "which the pods of kind-todo know by no name" in elsewhere.stdout


def test_a_failure_is_explained_and_taken_back_where_that_was_asked_for(
    project: Project, cluster: Cluster
) -> None:
    result = project.invoke("helm-install", CASE="crash")
    assert result.returncode == 1
    assert "the frontend does not start: pod todo-frontend-" in result.stderr
    assert "is CrashLoopBackOff" in result.stderr
    assert "output   the last line" in result.stderr
    assert cluster.told()["revisions"]
    failed = project.invoke("helm-install", "--atomic", "--set", "backend.replicaCount=2", CASE="crash")
    assert failed.returncode == 1
    assert cluster.calls("helm", "rollback", "1")


def test_a_failure_goes_back_to_what_was_healthy_and_to_its_secret(
    project: Project, cluster: Cluster
) -> None:
    assert project.invoke("helm-install").returncode == 0
    unhealthy = project.invoke("helm-install", "--set", "backend.replicaCount=2", CASE="crash")
    assert unhealthy.returncode == 1
    before = cluster.told()["objects"]["Secret/todo-app-secrets"]["data"]
    with (project.root / ".env").open("a") as env:
        env.write("OPENAI_API_KEY=sk-another\n")
    failed = project.invoke("helm-install", "--atomic", "--set", "backend.replicaCount=3", CASE="crash")
    assert failed.returncode == 1
    assert cluster.calls("helm", "rollback", "1")
    assert not cluster.calls("helm", "rollback", "2"), "it was deployed, and never healthy"
    assert cluster.told()["objects"]["Secret/todo-app-secrets"]["data"] == before


def test_an_upgrade_that_the_cluster_refuses_by_halves_is_taken_back(
    project: Project, cluster: Cluster
) -> None:
    assert project.invoke("helm-install").returncode == 0
    failed = project.invoke(
        "helm-install", "--atomic", "--set", "backend.replicaCount=3", CLUSTER="half-done"
    )
    assert failed.returncode == 1
    assert "the object has been refused" in failed.stderr
    assert cluster.calls("helm", "rollback", "1")


@pytest.mark.parametrize("change", ["objects-deleted", "scaled"])
def test_what_was_deleted_or_scaled_by_hand_is_brought_back(
    project: Project, cluster: Cluster, change: str
) -> None:
    project.invoke("helm-install")
    again = project.invoke("helm-install", CLUSTER=change)
    assert again.returncode == 0, again.stdout
    assert "Deployment todo-backend was not as it had been installed" in " ".join(again.stdout.split())
    assert len(cluster.calls("helm", "upgrade")) == 2


def test_a_database_in_the_cluster_serves_until_nothing_uses_it_any_more(
    project: Project, cluster: Cluster
) -> None:
    with (project.root / ".env").open("a") as env:
        env.write("DATABASE_URL=postgresql://todo:secret@db.example/todo\n")
    result = project.invoke("helm-install", CLUSTER="has-a-database")
    assert result.returncode == 0, result.stdout
    assert "is not copied to the database of DATABASE_URL" in " ".join(result.stdout.split())
    while_moving, moved = (each["postgresql"] for each in cluster.told()["given"])
    assert while_moving == {"enabled": True, "used": False}
    assert moved == {"enabled": False}


def test_everybody_signs_in_again_where_the_secret_is_another_and_that_is_said(
    project: Project, cluster: Cluster
) -> None:
    project.invoke("helm-install")
    env = project.root / ".env"
    env.write_text(env.read_text().replace("0123456789", "9876543210"))
    result = project.invoke("helm-install")
    assert "everybody has to sign in again" in " ".join(result.stdout.split())
    assert "everybody has to sign in again" not in " ".join(project.invoke("helm-install").stdout.split())


@pytest.mark.parametrize("words", [(), ("--dry-run",)])
def test_a_value_that_the_chart_refuses_is_told_before_anything_is_touched(
    project: Project, cluster: Cluster, words: tuple[str, ...]
) -> None:
    result = project.invoke("helm-install", "--set", "backnd.replicaCount=2", *words)
    assert result.returncode == 1
    assert "backnd" in result.stderr
    assert not cluster.calls("apply")
    assert not (cluster.programs / "docker_double.json").exists()


def test_a_first_installation_that_fails_is_taken_away_again(project: Project, cluster: Cluster) -> None:
    result = project.invoke("helm-install", "--atomic", CASE="image-absent")
    assert result.returncode == 1
    assert "the release was not there before, and is not there now" in result.stdout
    assert cluster.told()["revisions"] == []


def test_what_an_interrupted_run_has_left_is_cleared_away_first(project: Project, cluster: Cluster) -> None:
    project.invoke("helm-install")
    result = project.invoke(
        "helm-install", "--no-wait", "--set", "backend.replicaCount=2", CLUSTER="interrupted"
    )
    assert result.returncode == 0, result.stdout
    assert cluster.calls("helm", "uninstall") or cluster.calls("helm", "rollback")


def test_a_cluster_elsewhere_is_touched_only_by_a_yes(project: Project, cluster: Cluster) -> None:
    elsewhere = {"CONTEXT": "prod https://api.prod.example:6443"}
    refused = project.invoke("helm-install", **elsewhere)
    assert refused.returncode == 2
    assert "prod (https://api.prod.example:6443) is not a cluster of this machine" in refused.stderr
    assert "--yes" in refused.stderr
    assert not cluster.calls("apply")
    task = [sys.executable, "-m", "invoke", "helm-install"]
    environ = {**project.environ, **elsewhere}
    code, drawn = on_terminal(
        task, 100, cwd=project.root, keys=b"n\n", waiting_for="[y/N]", patience=PATIENCE, environ=environ
    )
    assert code == 1
    assert "nothing was changed" in drawn
    assert not cluster.calls("apply")
    registry = ("--registry", "registry.example/me")
    project.invoke("helm-install", "--yes", "--no-wait", *registry, **elsewhere)
    assert "registry.example/me/todo-backend" in json.dumps(cluster.told("docker")["calls"])
    removal = project.invoke("helm-uninstall", **elsewhere)
    assert removal.returncode == 2
    assert not cluster.calls("helm", "uninstall")


def test_an_uninstallation_keeps_the_data_unless_told(project: Project, cluster: Cluster) -> None:
    project.invoke("helm-install")
    result = project.invoke("helm-uninstall")
    assert result.returncode == 0, result.stdout
    assert "the data stays" in result.stdout
    assert cluster.calls("helm", "uninstall")
    [deleted] = cluster.calls("kubectl", "delete")
    assert any(each.endswith("app.kubernetes.io/component=test") for each in deleted), "Helm leaves these"
    assert "Nothing is running" in project.invoke("helm-uninstall").stdout
    asked = project.invoke("helm-uninstall", "--data")
    assert asked.returncode == 2
    assert not cluster.calls("kubectl", "delete", "namespace/todo-app-dev")
    assert project.invoke("helm-uninstall", "--data", "--yes").returncode == 0
    assert cluster.calls("kubectl", "delete", "namespace/todo-app-dev")


@pytest.mark.parametrize(
    ("whose", "said"),
    [
        (
            "secret-of-others",
            "there is a Secret todo-app-secrets in todo-app-dev that helm-install has not made",
        ),
        ("release-of-others", "the release todo in todo-app-dev is of another chart, shop-2.0.0"),
    ],
)
def test_what_is_somebody_elses_is_not_taken_over(
    project: Project, cluster: Cluster, whose: str, said: str
) -> None:
    result = project.invoke("helm-install", CLUSTER=whose)
    assert result.returncode == 1
    assert said in " ".join(result.stderr.split())
    assert not cluster.calls("kubectl", "apply")
    assert not cluster.calls("helm", "upgrade")
    if whose == "release-of-others":
        assert project.invoke("helm-uninstall", CLUSTER=whose).returncode == 1
        assert not cluster.calls("helm", "uninstall")


def test_a_namespace_that_was_there_before_is_neither_changed_nor_deleted(
    project: Project, cluster: Cluster
) -> None:
    assert project.invoke("helm-install", CLUSTER="namespace-of-others").returncode == 0
    assert "Namespace/todo-app-dev" not in cluster.told()["objects"]
    result = project.invoke("helm-uninstall", "--data", "--yes", CLUSTER="namespace-of-others")
    assert result.returncode == 0, result.stdout
    assert "todo-app-dev was there before, and stays" in " ".join(result.stdout.split())
    assert not cluster.calls("kubectl", "delete", "namespace/todo-app-dev")
    assert cluster.calls("kubectl", "delete", "secret", "todo-app-secrets")
    assert cluster.calls("kubectl", "delete", "persistentvolumeclaims")


@pytest.mark.parametrize(
    "words",
    [
        ("--namespace", "Shop"), ("--namespace", "n" * 64), ("--release", "a.b"), ("--release", "1"),
        ("--release", "r" * 54), ("--values", "-"),
    ],
)  # fmt: skip
def test_a_name_that_kubernetes_does_not_take_is_told_before_anything_else(
    project: Project, cluster: Cluster, words: tuple[str, str]
) -> None:
    result = project.invoke("helm-install", *words)
    assert result.returncode == 2
    assert words[0] in result.stderr
    assert not (cluster.programs / "cluster_double.json").exists()


def test_what_was_installed_in_a_cluster_that_was_deleted_can_be_forgotten(
    project: Project, cluster: Cluster
) -> None:
    assert project.invoke("helm-install").returncode == 0
    status = project.invoke("status", CLUSTER="context-deleted")
    assert status.returncode == 1
    assert "invoke down forgets what was installed there" in status.stderr
    down = project.invoke("down", CLUSTER="context-deleted")
    assert down.returncode == 0, down.stderr
    assert "what was installed there is forgotten" in down.stdout
    assert "Nothing is running" in project.invoke("status").stdout


def test_a_machine_without_minikube_is_told_so_at_once(project: Project, cluster: Cluster) -> None:
    cluster.remove("minikube")
    result = project.invoke("helm-install")
    assert result.returncode == 1
    assert "minikube is not installed" in result.stderr


@pytest.mark.parametrize(
    ("program", "said"),
    [("kubectl", "kubectl is not installed"), ("helm", "Helm is not installed")],
)
def test_a_machine_without_the_programs_is_told_what_to_install(
    project: Project, cluster: Cluster, program: str, said: str
) -> None:
    cluster.remove(program)
    result = project.invoke("helm-install")
    assert result.returncode == 1
    assert said in result.stdout + result.stderr
    assert "https://" in result.stdout + result.stderr


def test_a_cluster_that_does_not_answer_is_told_before_anything_is_built(
    project: Project, cluster: Cluster
) -> None:
    result = project.invoke("helm-install", CLUSTER="unreachable")
    assert result.returncode == 1
    assert "the cluster's API server is not reached" in result.stderr
    assert not (cluster.programs / "docker_double.json").exists()


def test_a_dry_run_changes_nothing(project: Project, cluster: Cluster) -> None:
    result = project.invoke("helm-install", "--dry-run")
    assert result.returncode == 0, result.stdout
    assert "Install the release todo in todo-app-dev, and wait until it is healthy." in result.stdout
    assert not cluster.calls("apply")
    assert not (cluster.programs / "docker_double.json").exists()


@pytest.mark.parametrize(
    ("task", "flags", "message"),
    [
        (
            "minikube-load",
            ["--registry", "localhost:99999"],
            "--registry 'localhost:99999' is not a registry",
        ),
        ("minikube-load", ["--service", "worker"], "there is no service 'worker'"),
        ("helm-install", ["--registry", "localhost:99999"], "--registry 'localhost:99999' is not a registry"),
    ],
)
def test_a_dry_run_refuses_what_the_task_would_refuse(
    project: Project, cluster: Cluster, task: str, flags: list[str], message: str
) -> None:
    result = project.invoke(task, "--dry-run", *flags)
    assert result.returncode == 2
    assert message in result.stderr


def test_the_archive_of_the_chart_holds_what_an_installation_needs(
    project: Project, cluster: Cluster
) -> None:
    cluster.give_helm()
    result = project.invoke("helm-package", "--json", "--destination", "made/here")
    assert result.returncode == 0, result.stderr
    made = Path(json.loads(result.stdout.splitlines()[-1])["archive"])
    described = project.root / "deploy/helm/todo-chatbot-chart"
    version = yaml.safe_load((described / "Chart.yaml").read_text())["version"]
    assert made == project.root / f"made/here/todo-chatbot-chart-{version}.tgz"
    with tarfile.open(made) as archive:
        names = {Path(each.name).relative_to(described.name).as_posix() for each in archive}
    templates = {
        each.relative_to(described).as_posix() for each in described.glob("templates/**/*") if each.is_file()
    }
    assert {"Chart.yaml", "values.yaml", "values.schema.json", *templates} <= names
    assert not any("secret" in name.lower() or name.startswith("ci/") for name in names)
    assert "helm-package" in project.invoke("--list").stdout


def test_a_chart_that_helm_refuses_is_made_into_no_archive(project: Project, cluster: Cluster) -> None:
    cluster.give_helm()
    template = project.root / "deploy/helm/todo-chatbot-chart/templates/broken.yaml"
    template.write_text("{{ .Values.backend")
    result = project.invoke("helm-package")
    assert result.returncode == 1
    assert "helm lint" in result.stderr
    assert "templates/broken.yaml:1): unclosed action" in result.stderr
    assert "Traceback" not in result.stderr
    assert not list(project.root.rglob("*.tgz"))


def test_doctor_tells_what_there_is_for_a_cluster(project: Project, cluster: Cluster) -> None:
    def told(**environ: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(
            project.invoke("doctor", "--json", **environ).stdout.splitlines()[-1]
        )
        return {each["name"]: each for each in found["findings"]}

    well = told()
    assert well["kubectl"]["detail"] == "v1.35.0"
    assert well["helm"]["detail"] == "v4.0.1"
    assert well["cluster"]["detail"] == "minikube, Kubernetes v1.34.4"
    away = told(CLUSTER="unreachable")["cluster"]
    assert (away["state"], away["detail"]) == (
        "warning",
        "minikube does not answer: only needed for --engine cluster",
    )
    assert "no current context" in told(CLUSTER="no-context")["cluster"]["detail"]
    for name in ("kubectl", "helm"):
        cluster.remove(name)
    without = told()
    assert without["helm"]["detail"] == "not installed: only needed for --engine cluster"
    assert without["kubectl"]["state"] == "warning"
    assert "cluster" not in without


def test_the_engine_of_up_is_the_same_release(project: Project, cluster: Cluster, node_port: int) -> None:
    result = project.invoke("up", "--engine", "cluster", "--detach")
    assert result.returncode == 0, result.stdout + result.stderr
    assert f"The to-do chatbot is at http://127.0.0.1:{node_port}" in result.stdout
    told = project.invoke("status").stdout
    assert "backend    http://todo-backend-service:8080 healthy" in told
    assert "pid" not in told
    assert project.invoke("down").returncode == 0
    assert cluster.calls("helm", "uninstall")


def test_the_release_before_is_the_current_one_again_when_the_last_is_gone(
    project: Project, cluster: Cluster
) -> None:
    first, second = (), ("--namespace", "shop")
    for words in (first, second):
        result = project.invoke("helm-install", "--no-wait", *words)
        assert result.returncode == 0
        assert "The to-do chatbot will be at http://127.0.0.1:" in result.stdout
    assert "invoke helm-uninstall --namespace shop" in result.stdout
    assert "todo in shop of minikube" in project.invoke("status").stdout
    assert project.invoke("helm-uninstall", "--namespace", "shop").returncode == 0
    status = project.status()
    assert (status["state"], status["place"]) == ("running", "todo in todo-app-dev of minikube")
    project.invoke("helm-install", "--no-wait", *second)
    project.invoke("helm-uninstall", "--namespace", "todo-app-dev")
    assert project.status()["place"] == "todo in shop of minikube", "an uninstallation removes only its own"
    assert project.invoke("down").returncode == 0
    assert project.status()["state"] == "stopped"


def test_what_an_earlier_version_has_written_down_is_still_known(project: Project, cluster: Cluster) -> None:
    project.invoke("helm-install", "--no-wait")
    kept = surroundings(project).state_dir / "cluster.json"
    [record] = json.loads(kept.read_text())["installed"]
    kept.write_text(json.dumps(record))
    assert project.status()["state"] == "running"
    kept.write_text('{"some": "thing else"}')
    assert project.status()["state"] == "stopped"


def test_a_release_that_did_not_become_healthy_is_what_status_is_asked_about(
    project: Project, cluster: Cluster
) -> None:
    assert project.invoke("helm-install", CASE="crash").returncode == 1
    told = project.invoke("status", CASE="crash")
    assert told.returncode == 1
    assert "frontend   not reached from here            CrashLoopBackOff 0/1 pods" in told.stdout
    assert project.invoke("helm-install", "--namespace", "shop", CLUSTER="unreachable").returncode == 1
    assert project.status()["place"] == "todo in todo-app-dev of minikube"


def test_an_update_on_its_way_is_told_beside_what_serves(project: Project, cluster: Cluster) -> None:
    project.invoke("helm-install", "--no-wait")
    told = project.invoke("status", CASE="updating")
    assert told.returncode == 0
    assert "backend    http://todo-backend-service:8080 healthy    1/1 pods; new pod Running" in told.stdout
    assert "postgresql for the backend only             healthy    1/1 pods" in told.stdout
    assert "cluster engine · production · todo in todo-app-dev of minikube · http://127.0.0.1" in told.stdout
    assert project.invoke("logs", "--service", "postgresql").returncode == 0


def converge(loader: Loader) -> Loaded:
    """Bring an image to the cluster."""
    return asyncio.run(load.converge(loader, "backend", "todo-backend:abc", lambda _: None, allowed_s=30))


@pytest.mark.parametrize(("allowed_s", "over"), [(30, False), (-1, True)])
def test_the_time_of_a_load_is_held_against_the_limit_only_where_it_is_over(
    project: Project, cluster: Cluster, allowed_s: int, *, over: bool
) -> None:
    told: list[Event] = []
    loader = chosen(project, "minikube")
    asyncio.run(load.converge(loader, "database", "todo-backend:abc", told.append, allowed_s=allowed_s))
    [ended] = [each for each in told if isinstance(each, StepFinished)]
    assert re.search(r"loaded in \d+\.\d s$", ended.detail) or over
    assert ended.detail.endswith(f": the limit is {allowed_s} s") == over


def surroundings(project: Project) -> Settings:
    """Return the settings of a task in the project."""
    return settings.load(project.environ, project.root)


def chosen(project: Project, kind: str, registry: str = "") -> Loader:
    """Return the way to a cluster of a kind."""
    current = surroundings(project)
    target = Target(kind or "elsewhere", "https://10.0.0.1:6443", kind, "todo")
    return load.choose(target, current, Docker.find(current), registry)


def test_minikube_gets_an_image_once_and_what_it_has_is_read_back(project: Project, cluster: Cluster) -> None:
    loader = chosen(project, "minikube")
    assert isinstance(loader, MinikubeLoader)
    loaded = converge(loader)
    assert (loaded.name, loaded.pull_policy) == ("todo-backend:abc", "Never")
    assert loaded.seconds > 0
    assert converge(loader).seconds == 0
    assert cluster.calls("minikube", "--profile", "todo", "load", "todo-backend:abc")
    assert len(cluster.calls("minikube", "load")) == 1


def test_minikube_that_ends_well_and_has_loaded_nothing_is_an_error(
    project: Project, cluster: Cluster
) -> None:
    project.environ["CLUSTER"] = "loads-nothing"
    with pytest.raises(ClusterError, match="was loaded and is not there"):
        converge(chosen(project, "minikube"))


def test_minikube_that_refuses_is_quoted(project: Project, cluster: Cluster) -> None:
    project.environ["CLUSTER"] = "refuses-images"
    with pytest.raises(ClusterError, match="minikube todo image load todo-backend:abc failed") as raised:
        converge(chosen(project, "minikube"))
    assert "the disk is full" in raised.value.details[0]


def test_kind_gets_an_archive_that_is_removed_again(project: Project, cluster: Cluster) -> None:
    (cluster.programs / "docker").write_text(
        f"""#!/bin/sh
        case "$*" in
        "image save"*) printf todo-backend:abc > "$5" ;;
        *crictl*) "{sys.executable}" -c "
import json, pathlib
told = json.loads(pathlib.Path('{cluster.programs}/cluster_double.json').read_text())
tags = ['docker.io/library/' + each for each in told['images']]
print(json.dumps({{'images': [{{'repoTags': tags}}]}}))" ;;
        esac
        """
    )
    loader = chosen(project, "kind")
    assert isinstance(loader, KindLoader)
    assert converge(loader).name == "todo-backend:abc"
    [call] = cluster.calls("kind", "image-archive")
    assert call[-2:] == ["--name", "todo"]
    assert not list((surroundings(project).state_dir / "images").iterdir())


def test_a_registry_gets_an_image_under_its_own_name(project: Project, cluster: Cluster) -> None:
    calls = project.root / "calls"
    (cluster.programs / "docker").write_text(
        f"""#!/bin/sh
        echo "$*" >> "{calls}"
        case "$*" in
        *imagetools*) test "$(grep -c push "{calls}")" -gt 0 ;;
        esac
        """
    )
    loader = chosen(project, "", "registry.example/me")
    assert isinstance(loader, RegistryLoader)
    loaded = converge(loader)
    assert (loaded.name, loaded.pull_policy) == ("registry.example/me/todo-backend:abc", "IfNotPresent")
    assert "image push --quiet registry.example/me/todo-backend:abc" in calls.read_text()


def test_a_cluster_that_takes_no_images_needs_a_registry(project: Project, cluster: Cluster) -> None:
    with pytest.raises(ClusterUnavailableError) as raised:
        chosen(project, "")
    assert "--registry HOST/USER" in raised.value.remedies


def test_minikube_without_its_program_is_told(project: Project, cluster: Cluster) -> None:
    cluster.remove("minikube")
    with pytest.raises(ClusterUnavailableError, match="minikube is not installed"):
        chosen(project, "minikube")
