"""Loading images into the nodes of each kind of cluster."""

import asyncio
import re
import sys

import pytest
import yaml

from automation.console.events import Event, StepFinished
from automation.docker.cli import Docker
from automation.kubernetes import load
from automation.kubernetes.commands import ClusterError, ClusterUnavailableError
from automation.kubernetes.load import KindLoader, Loaded, Loader, MinikubeLoader, RegistryLoader
from automation.kubernetes.target import Target
from automation.paths import ROOT
from tests.automation.conftest import Project
from tests.automation.kubernetes.conftest import Cluster, settings_of

CHART = "deploy/helm/todo-chatbot-chart"


def converge(loader: Loader) -> Loaded:
    """Bring an image to the cluster."""
    return asyncio.run(load.converge(loader, "backend", "todo-backend:abc", lambda _: None, limit_seconds=30))


@pytest.mark.parametrize(("limit_seconds", "over"), [(30, False), (-1, True)])
def test_a_load_over_the_time_limit_is_reported(
    project: Project, cluster: Cluster, limit_seconds: int, *, over: bool
) -> None:
    told: list[Event] = []
    loader = chosen(project, "minikube")
    asyncio.run(
        load.converge(loader, "database", "todo-backend:abc", told.append, limit_seconds=limit_seconds)
    )
    [ended] = [each for each in told if isinstance(each, StepFinished)]
    assert re.search(r"loaded in \d+\.\d s$", ended.detail) or over
    assert ended.detail.endswith(f": the limit is {limit_seconds} s") == over


def chosen(project: Project, kind: str, registry: str = "") -> Loader:
    """Return the way to a cluster of a kind."""
    current = settings_of(project)
    target = Target(kind or "elsewhere", "https://10.0.0.1:6443", kind, "todo")
    return load.loader_of(target, current, Docker.find(current), registry)


def test_minikube_loads_an_image_once_and_verifies_it(project: Project, cluster: Cluster) -> None:
    loader = chosen(project, "minikube")
    assert isinstance(loader, MinikubeLoader)
    loaded = converge(loader)
    assert (loaded.name, loaded.pull_policy) == ("todo-backend:abc", "Never")
    assert loaded.seconds > 0
    assert converge(loader).seconds == 0
    assert cluster.calls("minikube", "--profile=todo", "load", "todo-backend:abc")
    assert len(cluster.calls("minikube", "load")) == 1


def test_the_names_in_the_charts_values_are_loaded_for_helm_by_hand(
    project: Project, cluster: Cluster
) -> None:
    result = project.invoke("minikube-load")
    assert result.returncode == 0, result.stdout
    for service in ("backend", "frontend"):
        values = yaml.safe_load((ROOT / CHART / "values.yaml").read_text(encoding="utf-8"))[service]["image"]
        assert cluster.calls("minikube", "load", f"{values['repository']}:{values['tag']}")
    assert "todo-backend:latest" in result.stdout


def test_minikube_loading_nothing_is_an_error(project: Project, cluster: Cluster) -> None:
    project.environ["CLUSTER"] = "loads-nothing"
    with pytest.raises(ClusterError, match="todo-backend:abc is not in the cluster after loading it"):
        converge(chosen(project, "minikube"))


def test_the_output_of_a_failing_minikube_is_shown(project: Project, cluster: Cluster) -> None:
    project.environ["CLUSTER"] = "refuses-images"
    with pytest.raises(ClusterError, match="minikube image load todo-backend:abc failed") as raised:
        converge(chosen(project, "minikube"))
    assert "the disk is full" in raised.value.details[0]


def test_kind_loads_a_temporary_archive(project: Project, cluster: Cluster) -> None:
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
    assert not list((settings_of(project).state_dir / "images").iterdir())


def test_an_image_is_pushed_under_the_name_of_its_registry(project: Project, cluster: Cluster) -> None:
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


def test_other_clusters_require_a_registry(project: Project, cluster: Cluster) -> None:
    with pytest.raises(ClusterUnavailableError) as raised:
        chosen(project, "")
    assert "--registry HOST/USER" in raised.value.remedies


def test_a_missing_minikube_is_an_error(project: Project, cluster: Cluster) -> None:
    cluster.remove("minikube")
    with pytest.raises(ClusterUnavailableError, match="minikube is not installed"):
        chosen(project, "minikube")
