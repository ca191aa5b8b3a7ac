"""The chart, rendered by Helm."""

import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from automation.contract import profiles
from automation.contract.models import Kubernetes
from tests.automation.conftest import ROOT

HELM = str(Path(sys.executable).with_name("helm"))
"""The locked one, whatever PATH has."""
CHART = ROOT / "deploy/helm/todo-chatbot-chart"
PROFILE = profiles.load("cluster")
assert PROFILE.kubernetes is not None
RULES: Kubernetes = PROFILE.kubernetes
WORKLOADS = {"frontend": RULES.frontend, "backend": RULES.backend}
GATEWAY = "gatewayRoute.enabled=true,gatewayRoute.parentRefs[0].name=edge,gatewayRoute.hostnames={a.example}"
EVERY_SET = sorted(file.name for file in CHART.glob("ci/*.yaml"))


def helm(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Render the chart as `helm template` does."""
    words = [HELM, "template", "shop", str(CHART), "--namespace", RULES.namespace, *arguments]
    return subprocess.run(words, capture_output=True, encoding="utf-8", check=False)


@cache
def rendered(*arguments: str) -> dict[tuple[str, str], dict[str, Any]]:
    """Return the objects of the release, by kind and name."""
    done = helm(*arguments)
    assert done.returncode == 0, done.stderr
    documents = [document for document in yaml.safe_load_all(done.stdout) if document]
    return {(document["kind"], document["metadata"]["name"]): document for document in documents}


def with_values(name: str) -> tuple[str, ...]:
    """Return the flags that choose a set of values of `ci`."""
    return ("--values", str(CHART / "ci" / name))


def container(component: str, *arguments: str) -> dict[str, Any]:
    """Return the container of a component's pods."""
    deployment = rendered(*arguments)["Deployment", WORKLOADS[component].name]
    found: dict[str, Any] = deployment["spec"]["template"]["spec"]["containers"][0]
    return found
