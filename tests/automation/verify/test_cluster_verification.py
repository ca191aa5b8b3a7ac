"""Checks of a release in a cluster, with a broken example for each check."""

import base64
import copy
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from automation.contract import profiles
from automation.contract.contract import Contract
from automation.verify.check import Outcome, registered
from automation.verify.facts import Released
from automation.verify.gather import strangers
from tests.automation.conftest import ROOT

PROFILE, RULES = profiles.load("cluster"), profiles.load_rules()
assert PROFILE.kubernetes is not None
CHECKS = [check for check in registered() if check.name.startswith("cluster-")]
Objects = dict[tuple[str, str], dict[str, Any]]


@pytest.fixture(scope="module")
def installed() -> Objects:
    """What an API server has after the chart was installed: what is rendered, its pods, and their states."""
    helm = str(Path(sys.executable).with_name("helm"))
    chart = str(ROOT / "deploy/helm/todo-chatbot-chart")
    tags = [f"--set={service}.image.tag=0123456789ab" for service in ("backend", "frontend")]
    done = subprocess.run([helm, "template", "todo", chart, *tags], capture_output=True, check=True)
    documents = [document for document in yaml.safe_load_all(done.stdout) if document]
    objects: Objects = {(document["kind"], document["metadata"]["name"]): document for document in documents}
    for (kind, name), document in list(objects.items()):
        if kind == "Deployment":
            document["status"] = {"availableReplicas": document["spec"]["replicas"]}
            template = document["spec"]["template"]
            objects["Pod", f"{name}-1"] = {
                "metadata": {"name": f"{name}-1", **template["metadata"]},
                "spec": template["spec"],
            }
        if kind == "PodDisruptionBudget":
            document["status"] = {"disruptionsAllowed": 1}
    return objects


def failed(
    objects: Objects, keys: tuple[str, ...] = PROFILE.kubernetes.secret_keys, **observed: Any
) -> set[str]:
    """Return the checks that do not hold."""
    released = Released(objects, keys, **observed)
    found = [
        check.evaluate(Contract(PROFILE, RULES, name), {Released: released})
        for check in CHECKS
        for name in (("backend", "frontend") if check.per_service else ("",))
    ]
    assert all(finding.required and finding.observed for finding in found)
    return {finding.rule for finding in found if finding.outcome is Outcome.FAILED}


def deployment(**changes: Any) -> Callable[[Objects], None]:
    return lambda objects: objects["Deployment", "todo-backend"]["spec"].update(changes)


def container(**changes: Any) -> Callable[[Objects], None]:
    def change(objects: Objects) -> None:
        spec = objects["Pod", "todo-backend-1"]["spec"]
        spec["containers"] = [{**spec["containers"][0], **changes}]

    return change


def probe(kind: str, **changes: Any) -> Callable[[Objects], None]:
    def change(objects: Objects) -> None:
        pod = objects["Deployment", "todo-backend"]["spec"]["template"]["spec"]
        pod["containers"][0][kind] |= changes

    return change


HARDENED = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}
BROKEN: list[tuple[str, str, Callable[[Objects], None]]] = [
    ("cluster-replicas", "more", deployment(replicas=2)),
    (
        "cluster-replicas",
        "one away",
        lambda objects: objects["Deployment", "todo-frontend"]["status"].update(availableReplicas=1),
    ),
    ("cluster-strategy", "all at once", deployment(strategy={"type": "Recreate"})),
    (
        "cluster-strategy",
        "fewer",
        deployment(strategy={"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 1}}),
    ),
    ("cluster-labels", "selector", deployment(selector={"matchLabels": {"app": "todo-backend"}})),
    (
        "cluster-labels",
        "no version",
        lambda objects: objects["Deployment", "todo-backend"]["metadata"]["labels"].pop(
            "app.kubernetes.io/version"
        ),
    ),
    ("cluster-probes", "another path", probe("readinessProbe", httpGet={"path": "/", "port": "http"})),
    ("cluster-probes", "less patient", probe("livenessProbe", timeoutSeconds=1)),
    ("cluster-resources", "no limits", container(resources={})),
    ("cluster-images", "latest", container(image="todo-backend:latest")),
    ("cluster-images", "another", container(image="other:0123456789ab")),
    ("cluster-restricted", "no bounds", container(securityContext={})),
    (
        "cluster-restricted",
        "privileged",
        container(securityContext={"privileged": True, **HARDENED}),
    ),
    (
        "cluster-restricted",
        "a capability",
        container(securityContext={**HARDENED, "capabilities": {"drop": ["ALL"], "add": ["NET_ADMIN"]}}),
    ),
    (
        "cluster-restricted",
        "the node's network",
        lambda objects: objects["Pod", "todo-backend-1"]["spec"].update(hostNetwork=True),
    ),
    (
        "cluster-restricted",
        "a sidecar",
        lambda objects: objects["Pod", "todo-backend-1"]["spec"]["containers"].append({"name": "x"}),
    ),
    (
        "cluster-restricted",
        "a token",
        lambda objects: objects["Pod", "todo-backend-1"]["spec"].update(automountServiceAccountToken=True),
    ),
    (
        "cluster-service",
        "for everybody",
        lambda objects: objects["Service", "todo-backend-service"]["spec"].update(type="NodePort"),
    ),
    (
        "cluster-policies",
        "for everybody",
        lambda objects: objects["NetworkPolicy", "todo-todo-chatbot-chart-backend"].update(spec={}),
    ),
    (
        "cluster-policies",
        "stuck",
        lambda objects: objects["PodDisruptionBudget", "todo-todo-chatbot-chart-frontend"]["status"].update(
            disruptionsAllowed=0
        ),
    ),
    (
        "cluster-configuration",
        "another address",
        lambda objects: objects["ConfigMap", "todo-app-config"]["data"].update(NODE_ENV="test"),
    ),
    (
        "cluster-configuration",
        "a secret in it",
        lambda objects: objects["ConfigMap", "todo-app-config"]["data"].update(JWT_SECRET="x"),
    ),
]


def test_a_release_with_the_default_values_fails_no_check(installed: Objects) -> None:
    assert failed(installed) == set()


@pytest.mark.parametrize(("rule", "how", "broken"), BROKEN, ids=[f"{rule}: {how}" for rule, how, _ in BROKEN])
def test_a_broken_rule_fails_its_check_and_no_other(
    installed: Objects, rule: str, how: str, broken: Callable[[Objects], None]
) -> None:
    objects = copy.deepcopy(installed)
    broken(objects)
    assert failed(objects) == {rule}


def test_a_secret_without_a_required_key_fails(installed: Objects) -> None:
    assert failed(installed, ("DATABASE_URL",)) == {"cluster-configuration"}


OBSERVED: list[tuple[str, dict[str, Any]]] = [
    ("cluster-unchanged", {"drift": ("Deployment todo-backend: spec.replicas is 0, not 1",)}),
    ("cluster-extras", {"extras": ("Service spy",)}),
    ("cluster-permissions", {"permissions": ("todo may get secrets",)}),
    ("cluster-secrets", {"exposed": ("ConfigMap todo-app-config has the value of JWT_SECRET",)}),
    ("cluster-answers", {"refusal": "no endpoints available"}),
    ("cluster-connections", {"connections": {"frontend to backend": False, "postgresql to backend": False}}),
]


@pytest.mark.parametrize(("rule", "observed"), OBSERVED, ids=[rule for rule, _ in OBSERVED])
def test_what_a_release_must_not_have_fails_its_check_and_no_other(
    installed: Objects, rule: str, observed: dict[str, Any]
) -> None:
    assert failed(installed, **observed) == {rule}


def test_what_leads_to_the_pods_and_was_not_rendered_is_an_extra(installed: Objects) -> None:
    rendered = [found for (kind, _), found in installed.items() if kind != "Pod"]
    pod = {"app": "todo-backend", "tier": "backend"}

    def of(kind: str, labels: dict[str, str] | None = None, **spec: Any) -> dict[str, Any]:
        return {"kind": kind, "metadata": {"name": kind.lower(), "labels": labels or {}}, "spec": spec}

    strange = [
        of("Pod", pod),
        of("Service", selector={"app": "todo-backend"}),
        of("NetworkPolicy", podSelector={}, ingress=[{}]),
        of("ConfigMap", {"app.kubernetes.io/instance": "todo"}),
    ]
    harmless = [
        of("Pod", {"app": "other"}),
        of("Service", selector={"app": "other"}),
        of("NetworkPolicy", podSelector={}, policyTypes=["Ingress"]),
        of("Pod", {"app.kubernetes.io/instance": "todo", "app.kubernetes.io/component": "test"}),
    ]
    found = strangers.extras([*rendered, *strange, *harmless], rendered, "todo")
    assert [*found] == ["Pod pod", "Service service", "NetworkPolicy networkpolicy", "ConfigMap configmap"]


def test_a_value_of_the_secret_is_found_in_clear_and_encoded() -> None:
    data = {"JWT_SECRET": base64.b64encode(b'a "quoted" secret').decode(), "SHORT": "MQ=="}
    objects = [
        {"kind": "ConfigMap", "metadata": {"name": name}, "data": {"KEY": value, "ONE": "1"}}
        for name, value in (("clear", 'a "quoted" secret'), ("encoded", data["JWT_SECRET"]), ("other", "1"))
    ]
    found = [*strangers.exposed(objects, json.dumps({"env": "1"}), data)]
    assert found == [f"ConfigMap {name} has the value of JWT_SECRET" for name in ("clear", "encoded")]


def test_a_network_without_policies_is_not_judged(installed: Objects) -> None:
    open_ways = {"frontend to backend": True, "postgresql to backend": True}
    assert failed(installed, connections=open_ways) == set()
    assert failed(installed, connections={**open_ways, "postgresql to backend": False}) == set()


def test_there_is_a_broken_example_for_each_check() -> None:
    broken = {rule for rule, *_ in (*BROKEN, *OBSERVED)}
    assert broken == {check.name for check in CHECKS}


@pytest.mark.parametrize("name", profiles.names())
def test_without_a_release_nothing_is_judged(name: str) -> None:
    released = Released(absent="no release was installed from here")
    for check in CHECKS:
        found = check.evaluate(Contract(profiles.load(name), RULES, "backend"), {Released: released})
        assert found.outcome is Outcome.NOT_APPLICABLE
        assert found.observed == "no release was installed from here"
