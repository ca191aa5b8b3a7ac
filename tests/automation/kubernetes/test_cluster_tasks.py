"""The tasks of a cluster: what they change, what they show, and when they ask a person."""

import json
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.automation.conftest import PATIENCE, Project, on_terminal
from tests.automation.kubernetes.conftest import Cluster, settings_of


def test_a_remote_cluster_is_changed_only_after_confirmation(project: Project, cluster: Cluster) -> None:
    elsewhere = {"CONTEXT": "prod https://api.prod.example:6443"}
    refused = project.invoke("helm-install", **elsewhere)
    assert refused.returncode == 2
    assert "prod (https://api.prod.example:6443) is not a cluster on this machine" in refused.stderr
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


def test_an_uninstallation_keeps_the_data_by_default(project: Project, cluster: Cluster) -> None:
    project.invoke("helm-install")
    result = project.invoke("helm-uninstall")
    assert result.returncode == 0, result.stdout
    assert "release todo uninstalled from todo-app-dev (minikube); its data stays" in result.stdout
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
            "the Secret todo-app-secrets in todo-app-dev was not created by helm-install",
        ),
        ("release-of-others", "the release todo in todo-app-dev belongs to another chart, shop-2.0.0"),
    ],
)
def test_a_foreign_secret_or_release_is_left_alone(
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


def test_an_existing_namespace_is_neither_changed_nor_deleted(project: Project, cluster: Cluster) -> None:
    assert project.invoke("helm-install", CLUSTER="namespace-of-others").returncode == 0
    assert "Namespace/todo-app-dev" not in cluster.told()["objects"]
    result = project.invoke("helm-uninstall", "--data", "--yes", CLUSTER="namespace-of-others")
    assert result.returncode == 0, result.stdout
    assert "todo-app-dev existed before and stays" in " ".join(result.stdout.split())
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
def test_an_invalid_name_is_reported_first(
    project: Project, cluster: Cluster, words: tuple[str, str]
) -> None:
    result = project.invoke("helm-install", *words)
    assert result.returncode == 2
    assert words[0] in result.stderr
    assert not (cluster.programs / "cluster_double.json").exists()


def test_down_forgets_the_releases_of_a_deleted_cluster(project: Project, cluster: Cluster) -> None:
    assert project.invoke("helm-install").returncode == 0
    status = project.invoke("status", CLUSTER="context-deleted")
    assert status.returncode == 1
    assert "invoke down   forgets the releases of a deleted cluster" in status.stderr
    down = project.invoke("down", CLUSTER="context-deleted")
    assert down.returncode == 0, down.stderr
    assert "The context minikube no longer exists: its releases are forgotten." in down.stdout
    assert "Nothing is running" in project.invoke("status").stdout


def test_a_missing_minikube_is_reported_at_once(project: Project, cluster: Cluster) -> None:
    cluster.remove("minikube")
    result = project.invoke("helm-install")
    assert result.returncode == 1
    assert "minikube is not installed" in result.stderr


@pytest.mark.parametrize(
    ("program", "said"),
    [("kubectl", "kubectl is not installed"), ("helm", "helm is not installed")],
)
def test_a_missing_program_is_reported_with_how_to_install_it(
    project: Project, cluster: Cluster, program: str, said: str
) -> None:
    cluster.remove(program)
    result = project.invoke("helm-install")
    assert result.returncode == 1
    assert said in result.stdout + result.stderr
    assert "https://" in result.stdout + result.stderr


def test_an_unreachable_cluster_is_reported_before_anything_is_built(
    project: Project, cluster: Cluster
) -> None:
    result = project.invoke("helm-install", CLUSTER="unreachable")
    assert result.returncode == 1
    assert "the cluster's API server cannot be reached" in result.stderr
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
def test_a_dry_run_rejects_the_same_flags_as_the_task(
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


def test_a_chart_that_fails_lint_is_not_packaged(project: Project, cluster: Cluster) -> None:
    cluster.give_helm()
    template = project.root / "deploy/helm/todo-chatbot-chart/templates/broken.yaml"
    template.write_text("{{ .Values.backend")
    result = project.invoke("helm-package")
    assert result.returncode == 1
    assert "helm lint" in result.stderr
    assert "templates/broken.yaml:1): unclosed action" in result.stderr
    assert "Traceback" not in result.stderr
    assert not list(project.root.rglob("*.tgz"))


def test_doctor_reports_the_programs_and_the_cluster(project: Project, cluster: Cluster) -> None:
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


def test_the_previous_release_is_current_again_after_the_last_is_removed(
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


def test_a_record_of_an_earlier_version_is_read(project: Project, cluster: Cluster) -> None:
    project.invoke("helm-install", "--no-wait")
    kept = settings_of(project).state_dir / "cluster.json"
    [record] = json.loads(kept.read_text())["installed"]
    kept.write_text(json.dumps(record))
    assert project.status()["state"] == "running"
    kept.write_text('{"some": "thing else"}')
    assert project.status()["state"] == "stopped"


def test_status_reports_on_a_release_that_failed_to_start(project: Project, cluster: Cluster) -> None:
    assert project.invoke("helm-install", CASE="crash").returncode == 1
    told = project.invoke("status", CASE="crash")
    assert told.returncode == 1
    assert "frontend   not reached from here            CrashLoopBackOff 0/1 pods" in told.stdout
    assert project.invoke("helm-install", "--namespace", "shop", CLUSTER="unreachable").returncode == 1
    assert project.status()["place"] == "todo in todo-app-dev of minikube"


def test_status_shows_a_rollout_beside_the_serving_pods(project: Project, cluster: Cluster) -> None:
    project.invoke("helm-install", "--no-wait")
    told = project.invoke("status", CASE="updating")
    assert told.returncode == 0
    assert "backend    http://todo-backend-service:8080 healthy    1/1 pods; new pod Running" in told.stdout
    assert "postgresql for the backend only             healthy    1/1 pods" in told.stdout
    assert "cluster engine · production · todo in todo-app-dev of minikube · http://127.0.0.1" in told.stdout
    for name in ("postgres", "postgresql"):  # the name with Docker Compose, too
        assert project.invoke("logs", "--service", name).returncode == 0


def test_status_reports_what_was_changed_by_hand(project: Project, cluster: Cluster) -> None:
    project.invoke("helm-install", "--no-wait")
    told = project.invoke("status", CLUSTER="scaled")
    assert "changed since the installation: Deployment todo-backend: spec.replicas is 0, not 1" in told.stdout
    assert "restore the release with   invoke helm-install" in told.stdout


def test_a_release_that_its_service_does_not_reach_is_unhealthy(project: Project, cluster: Cluster) -> None:
    project.invoke("helm-install", "--no-wait")
    told = project.invoke("status", CLUSTER="not-served")
    assert told.returncode == 1
    assert "does not answer through its service: Error from server" in " ".join(told.stdout.split())


def test_down_twice_leaves_another_release_alone(project: Project, cluster: Cluster) -> None:
    for words in ((), ("--namespace", "shop")):
        assert project.invoke("helm-install", "--no-wait", *words).returncode == 0
    planned = project.invoke("down", "--dry-run").stdout
    assert "down would uninstall the release todo in shop of minikube and keep its data" in planned
    first, second = project.invoke("down"), project.invoke("down")
    assert "Already stopped; nothing to do." in project.invoke("down", "--dry-run").stdout
    assert "release todo uninstalled from shop (minikube); its data stays" in first.stdout
    assert "todo in todo-app-dev of minikube still runs" in first.stdout
    assert "invoke helm-uninstall --namespace todo-app-dev --release todo" in first.stdout
    assert second.returncode == 0, second.stderr
    assert len(cluster.calls("helm", "uninstall")) == 1
    assert project.invoke("helm-uninstall").returncode == 0
    assert len(cluster.calls("helm", "uninstall")) == 2


def test_a_user_who_may_only_read_gets_the_status(project: Project, cluster: Cluster) -> None:
    project.invoke("helm-install", "--no-wait")
    told = project.invoke("status", CLUSTER="reads-only")
    assert told.returncode == 0, told.stderr
    assert "changed since the installation" not in told.stdout
