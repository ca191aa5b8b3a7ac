"""Installing a release: what is built, loaded, applied and shown, and how a failure is undone."""

import base64
import json
import subprocess

import pytest

from tests.automation.conftest import Project
from tests.automation.kubernetes.conftest import OF_MINE, Cluster


def test_an_installation_builds_loads_installs_and_ends_with_a_working_address(
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


def test_a_second_installation_changes_nothing_and_reports_it(project: Project, cluster: Cluster) -> None:
    project.invoke("helm-install")
    again = project.invoke("helm-install")
    assert again.returncode == 0, again.stdout
    assert "revision 1 is up to date" in again.stdout
    assert again.stdout.count("is already in the cluster") == 2
    assert len(cluster.calls("helm", "upgrade")) == 1
    assert len(cluster.calls("minikube", "load")) == 2


@pytest.mark.parametrize("address", ["", "FRONTEND_URL=https://todo.example.com\n"])
def test_a_port_chosen_by_the_cluster_needs_one_revision(
    project: Project, cluster: Cluster, address: str
) -> None:
    with (project.root / ".env").open("a") as env:
        env.write(address)
    project.environ["CLUSTER"] = "chooses-the-port"
    for _ in range(2):
        result = project.invoke("helm-install", "--set", "frontend.service.nodePort=0")
        assert result.returncode == 0, result.stdout
        assert len(cluster.calls("helm", "upgrade")) == 1
    assert "revision 1 is up to date" in result.stdout
    [given] = cluster.told()["given"]
    assert given["config"].get("FRONTEND_URL") == (address.partition("=")[2].strip() or None)
    assert ("http://127.0.0.1:*" in given["config"]["TRUSTED_ORIGINS"]) == (not address)


def test_a_requested_port_is_a_trusted_origin_from_the_first_revision(
    project: Project, cluster: Cluster, node_port: int
) -> None:
    project.environ["CLUSTER"] = "chooses-the-port"
    result = project.invoke("helm-install", "--set", f"frontend.service.nodePort={node_port}")
    assert result.returncode == 0, result.stdout
    [given] = cluster.told()["given"]
    assert given["config"]["FRONTEND_URL"] == f"http://127.0.0.1:{node_port}"


@pytest.mark.parametrize("change", ["a source", "a setting", "a value", "the chart"])
def test_a_change_upgrades_the_release(project: Project, cluster: Cluster, change: str) -> None:
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


def test_the_database_keeps_the_password_that_it_was_created_with(project: Project, cluster: Cluster) -> None:
    project.invoke("helm-install")
    before = cluster.told()["objects"]["Secret/todo-app-secrets"]["data"]
    (project.root / ".env").write_text(OF_MINE)
    project.invoke("helm-install")
    assert cluster.told()["objects"]["Secret/todo-app-secrets"]["data"] == before
    assert "POSTGRES_PASSWORD" not in (project.root / ".env").read_text()


def test_an_external_database_replaces_the_one_in_the_cluster(project: Project, cluster: Cluster) -> None:
    (project.root / ".env").write_text(f"{OF_MINE}DATABASE_URL=postgresql://me:pass@db.example:5432/todo\n")
    assert project.invoke("helm-install").returncode == 0
    assert cluster.told()["given"][0]["postgresql"] == {"enabled": False}
    assert "POSTGRES_PASSWORD" not in cluster.told()["objects"]["Secret/todo-app-secrets"]["data"]


def test_pods_reach_a_server_of_this_machine_under_their_name_for_it(
    project: Project, cluster: Cluster
) -> None:
    (project.root / ".env").write_text(
        f"{OF_MINE}OPENAI_BASE_URL=http://localhost:11434/v1\n"
        "DATABASE_URL=postgresql://me:p%40ss@127.0.0.1:5432/todo\n"
    )
    result = project.invoke("helm-install", "--no-wait")
    assert "OPENAI_BASE_URL points to this machine; pods reach it as host.minikube.internal" in result.stdout
    [given] = cluster.told()["given"]
    assert given["config"]["OPENAI_BASE_URL"] == "http://host.minikube.internal:11434/v1"
    url = base64.b64decode(cluster.told()["objects"]["Secret/todo-app-secrets"]["data"]["DATABASE_URL"])
    assert url == b"postgresql://me:p%40ss@host.minikube.internal:5432/todo"
    elsewhere = project.invoke(
        "helm-install", "--no-wait", CONTEXT="kind-todo https://127.0.0.1:41231", CLUSTER="loads-nothing"
    )
    assert "the pods of kind-todo have no name for it" in elsewhere.stdout


def test_a_failure_is_explained_and_rolled_back_with_atomic(project: Project, cluster: Cluster) -> None:
    result = project.invoke("helm-install", CASE="crash")
    assert result.returncode == 1
    assert "the frontend does not start: pod todo-frontend-" in result.stderr
    assert "is CrashLoopBackOff" in result.stderr
    assert "output   the last line" in result.stderr
    assert cluster.told()["revisions"]
    failed = project.invoke("helm-install", "--atomic", "--set", "backend.replicaCount=2", CASE="crash")
    assert failed.returncode == 1
    assert cluster.calls("helm", "rollback", "1")


def test_a_failure_rolls_back_to_the_last_healthy_revision_and_its_secret(
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


def test_a_failure_rolls_back_to_the_revision_that_was_rolled_back_to_by_hand(
    project: Project, cluster: Cluster
) -> None:
    assert project.invoke("helm-install").returncode == 0
    assert project.invoke("helm-install", "--set", "backend.replicaCount=2").returncode == 0
    rolled_back = [str(cluster.programs / "helm"), "rollback", "todo", "1"]
    subprocess.run(rolled_back, env=project.environ, check=True)
    failed = project.invoke("helm-install", "--atomic", "--set", "backend.replicaCount=3", CASE="crash")
    assert failed.returncode == 1
    assert cluster.calls("helm", "rollback", "3")
    assert not cluster.calls("helm", "rollback", "2"), "it served until it was rolled back"


def test_an_upgrade_that_fails_halfway_is_rolled_back(project: Project, cluster: Cluster) -> None:
    assert project.invoke("helm-install").returncode == 0
    failed = project.invoke(
        "helm-install", "--atomic", "--set", "backend.replicaCount=3", CLUSTER="half-done"
    )
    assert failed.returncode == 1
    assert "the object has been refused" in failed.stderr
    assert cluster.calls("helm", "rollback", "1")


@pytest.mark.parametrize("change", ["objects-deleted", "scaled"])
def test_drift_is_corrected(project: Project, cluster: Cluster, change: str) -> None:
    project.invoke("helm-install")
    again = project.invoke("helm-install", CLUSTER=change)
    assert again.returncode == 0, again.stdout
    assert "repaired: Deployment todo-backend" in " ".join(again.stdout.split())
    assert cluster.calls("replace" if change == "scaled" else "create", "--filename=-")
    assert len(cluster.calls("helm", "upgrade")) == 1


def test_a_database_in_the_cluster_runs_until_no_pod_uses_it(project: Project, cluster: Cluster) -> None:
    with (project.root / ".env").open("a") as env:
        env.write("DATABASE_URL=postgresql://todo:secret@db.example/todo\n")
    result = project.invoke("helm-install", CLUSTER="has-a-database")
    assert result.returncode == 0, result.stdout
    assert "is not copied to the database of DATABASE_URL" in " ".join(result.stdout.split())
    while_moving, moved = (each["postgresql"] for each in cluster.told()["given"])
    assert while_moving == {"enabled": True, "used": False}
    assert moved == {"enabled": False}


def test_a_changed_session_secret_is_reported(project: Project, cluster: Cluster) -> None:
    project.invoke("helm-install")
    env = project.root / ".env"
    env.write_text(env.read_text().replace("0123456789", "9876543210"))
    result = project.invoke("helm-install")
    assert "everybody has to sign in again" in " ".join(result.stdout.split())
    assert "everybody has to sign in again" not in " ".join(project.invoke("helm-install").stdout.split())


@pytest.mark.parametrize("words", [(), ("--dry-run",)])
def test_a_rejected_value_is_reported_before_anything_changes(
    project: Project, cluster: Cluster, words: tuple[str, ...]
) -> None:
    result = project.invoke("helm-install", "--set", "backnd.replicaCount=2", *words)
    assert result.returncode == 1
    assert "backnd" in result.stderr
    assert not cluster.calls("apply")
    assert not (cluster.programs / "docker_double.json").exists()


def test_a_failed_first_installation_is_removed_with_atomic(project: Project, cluster: Cluster) -> None:
    result = project.invoke("helm-install", "--atomic", CASE="image-absent")
    assert result.returncode == 1
    assert "removed: the release was not installed before" in result.stdout
    assert cluster.told()["revisions"] == []


def test_an_interrupted_run_is_cleaned_up_first(project: Project, cluster: Cluster) -> None:
    project.invoke("helm-install")
    result = project.invoke(
        "helm-install", "--no-wait", "--set", "backend.replicaCount=2", CLUSTER="interrupted"
    )
    assert result.returncode == 0, result.stdout
    assert cluster.calls("helm", "uninstall") or cluster.calls("helm", "rollback")


def test_a_first_installation_that_is_refused_leaves_nothing_behind(
    project: Project, cluster: Cluster
) -> None:
    refused = project.invoke("helm-install", CLUSTER="port-taken")
    assert refused.returncode == 1
    told = " ".join(refused.stderr.split())
    assert "the node port 30080 is taken" in told
    assert "--namespace todo-app-dev --set frontend.service.nodePort=0" in told
    assert cluster.calls("helm", "uninstall")
    assert cluster.calls("kubectl", "delete", "namespace", "todo-app-dev")


def test_a_namespace_that_is_being_deleted_is_reported(project: Project, cluster: Cluster) -> None:
    refused = project.invoke("helm-install", CLUSTER="namespace-ends")
    assert refused.returncode == 1
    assert "the namespace todo-app-dev is being deleted" in " ".join(refused.stderr.split())
    assert not cluster.calls("kubectl", "apply")
