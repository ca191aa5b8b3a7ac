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
from automation.verify.facts import Document, Released
from automation.verify.gather import charts, strangers
from tests.automation.conftest import ROOT

PROFILE, RULES = profiles.load("cluster"), profiles.load_rules()
assert PROFILE.kubernetes is not None
CHECKS = [check for check in registered() if check.name.startswith("cluster-")]
Objects = dict[tuple[str, str], dict[str, Any]]


@pytest.fixture(scope="module")
def rendered() -> Document:
    """Objects that Helm installed, without its hooks."""
    helm = str(Path(sys.executable).with_name("helm"))
    chart = str(ROOT / "deploy/helm/todo-chatbot-chart")
    tags = [f"--set={service}.image.tag=0123456789ab" for service in ("backend", "frontend")]
    words = [helm, "template", "todo", chart, "--no-hooks", *tags]
    done = subprocess.run(words, capture_output=True, check=True)
    return charts.named(document for document in yaml.safe_load_all(done.stdout) if document)


@pytest.fixture(scope="module")
def installed(rendered: Document) -> Objects:
    """Report of an API server: the deployments, their pods and their budgets."""
    objects: Objects = {}
    for title, document in copy.deepcopy(rendered).items():
        kind, _, name = title.partition(" ")
        if kind == "Deployment":
            document["status"] = {"availableReplicas": document["spec"]["replicas"]}
            template = document["spec"]["template"]
            objects["Pod", f"{name}-1"] = {"metadata": template["metadata"], "spec": template["spec"]}
            objects["Pod", f"{name}-1"]["metadata"]["name"] = f"{name}-1"
        if kind == "PodDisruptionBudget":
            document["status"] = {"disruptionsAllowed": 1}
        objects[kind, name] = document | {"kind": kind}
    return objects


Evaluate = Callable[..., set[str]]


@pytest.fixture
def failed(installed: Objects, rendered: Document) -> Evaluate:
    """Return the checks that a release fails, which is changed before."""

    def evaluate(change: Callable[[Objects, Document], None] = lambda *_: None, **observed: Any) -> set[str]:
        objects, made = copy.deepcopy(installed), copy.deepcopy(rendered)
        change(objects, made)
        keys = observed.pop("secret_keys", PROFILE.kubernetes.secret_keys if PROFILE.kubernetes else ())
        flags = " --namespace there --release todo"
        released = Released(objects, "todo", flags, made, keys, **observed)
        found = [
            check.evaluate(Contract(PROFILE, RULES, name), {Released: released})
            for check in CHECKS
            for name in (("backend", "frontend") if check.per_service else ("",))
        ]
        assert all(finding.required and finding.observed for finding in found)
        assert not any("{flags}" in finding.remedy for finding in found)
        commands = (command for finding in found for command in finding.remedy.split("   "))
        assert all(command.endswith(flags) for command in commands if command.startswith("invoke helm"))
        return {finding.rule for finding in found if finding.outcome is Outcome.FAILED}

    return evaluate


Change = Callable[[Objects, Document], None]


def running(kind: str, name: str, path: str, value: Any) -> Change:
    """Change a value of an object that runs."""
    return lambda objects, _: put(objects[kind, name], path, value)


def installed_with(name: str, path: str, value: Any) -> Change:
    """Change a value of what Helm rendered."""
    return lambda _, rendered: put(rendered[name], path, value)


def put(document: Any, path: str, value: Any) -> None:
    *above, last = path.split(".")
    for key in above:
        document = document[int(key) if isinstance(document, list) else key]
    document[last] = value


BACKEND, POD = "Deployment todo-backend", "spec.template.spec"
CONTAINER, IMAGE = f"{POD}.containers.0", "spec.containers.0.image"
BROKEN: list[tuple[str, str, Change]] = [
    ("cluster-replicas", "more", running("Deployment", "todo-backend", "spec.replicas", 2)),
    ("cluster-replicas", "one away", running("Deployment", "todo-frontend", "status.availableReplicas", 1)),
    ("cluster-images", "latest", running("Pod", "todo-backend-1", IMAGE, "todo-backend:latest")),
    ("cluster-images", "another", running("Pod", "todo-backend-1", IMAGE, "other:0123456789ab")),
    (
        "cluster-disruptions",
        "stuck",
        running("PodDisruptionBudget", "todo-todo-chatbot-chart-frontend", "status.disruptionsAllowed", 0),
    ),
    *(
        ("cluster-model", how, installed_with(name, path, value))
        for how, name, path, value in (
            ("replicas", BACKEND, "spec.replicas", 2),
            ("all at once", BACKEND, "spec.strategy", {"type": "Recreate"}),
            ("fewer", BACKEND, "spec.strategy.rollingUpdate.maxUnavailable", 1),
            ("selector", BACKEND, "spec.selector.matchLabels", {"app": "todo-backend"}),
            ("no version", BACKEND, "metadata.labels", {"app": "todo-backend"}),
            ("another path", BACKEND, f"{CONTAINER}.readinessProbe.httpGet.path", "/"),
            ("less patient", BACKEND, f"{CONTAINER}.livenessProbe.timeoutSeconds", 1),
            ("no limits", BACKEND, f"{CONTAINER}.resources", {}),
            ("no bounds", BACKEND, f"{CONTAINER}.securityContext", {}),
            ("privileged", BACKEND, f"{CONTAINER}.securityContext.privileged", True),
            ("a capability", BACKEND, f"{CONTAINER}.securityContext.capabilities.add", ["NET_ADMIN"]),
            ("the node's network", BACKEND, f"{POD}.hostNetwork", True),
            ("a token", BACKEND, f"{POD}.automountServiceAccountToken", True),
            ("for everybody", "Service todo-backend-service", "spec.type", "NodePort"),
            ("open", "NetworkPolicy todo-todo-chatbot-chart-backend", "spec", {}),
            ("another mode", "ConfigMap todo-app-config", "data.NODE_ENV", "test"),
            ("a secret in it", "ConfigMap todo-app-config", "data.JWT_SECRET", "x"),
        )
    ),
    (
        "cluster-model",
        "a sidecar",
        lambda _, rendered: rendered[BACKEND]["spec"]["template"]["spec"]["containers"].append({"name": "x"}),
    ),
]


def test_a_release_with_the_default_values_fails_no_check(failed: Evaluate) -> None:
    assert failed() == set()


def test_what_the_settings_of_an_installation_change_fails_no_check(failed: Evaluate) -> None:
    assert failed(installed_with("ConfigMap todo-app-config", "data.FRONTEND_URL", "http://x")) == set()


@pytest.mark.parametrize(("rule", "how", "broken"), BROKEN, ids=[f"{rule}: {how}" for rule, how, _ in BROKEN])
def test_a_broken_rule_fails_its_check_and_no_other(
    failed: Evaluate, rule: str, how: str, broken: Change
) -> None:
    assert failed(broken) == {rule}


def test_a_secret_without_a_required_key_fails(failed: Evaluate) -> None:
    assert failed(secret_keys=("DATABASE_URL",)) == {"cluster-configuration"}


SECRET_KEYS = PROFILE.kubernetes.secret_keys
OBSERVED: list[tuple[str, dict[str, Any]]] = [
    ("cluster-configuration", {"secret_keys": ()}),
    ("cluster-configuration", {"secret_keys": (*SECRET_KEYS, "FORWARDED_ALLOW_IPS")}),
    ("cluster-unchanged", {"drift": ("Deployment todo-backend: spec.replicas is 0, not 1",)}),
    ("cluster-extras", {"extras": ("Service spy",)}),
    ("cluster-permissions", {"permissions": ("todo may get secrets",)}),
    ("cluster-secrets", {"exposed": ("ConfigMap todo-app-config has the value of JWT_SECRET",)}),
    ("cluster-answers", {"refusal": "no endpoints available"}),
    ("cluster-connections", {"connections": {"frontend to backend": False, "postgresql to backend": False}}),
]


@pytest.mark.parametrize(("rule", "observed"), OBSERVED, ids=[rule for rule, _ in OBSERVED])
def test_what_a_release_must_not_have_fails_its_check_and_no_other(
    failed: Evaluate, rule: str, observed: dict[str, Any]
) -> None:
    assert failed(**observed) == {rule}


def test_what_leads_to_the_pods_and_was_not_rendered_is_an_extra(installed: Objects) -> None:
    rendered = [found for (kind, _), found in installed.items() if kind != "Pod"]
    pod = {"app": "todo-backend", "tier": "backend"}

    def of(kind: str, labels: dict[str, str] | None = None, **spec: Any) -> dict[str, Any]:
        return {"kind": kind, "metadata": {"name": kind.lower(), "labels": labels or {}}, "spec": spec}

    def started(kind: str, labels: dict[str, str]) -> dict[str, Any]:
        return of(kind, template={"metadata": {"labels": labels}})

    service = {"service": {"name": "todo-frontend-service"}}
    scaled = {"kind": "Deployment", "name": "todo-frontend"}
    routed = of("EndpointSlice", {"kubernetes.io/service-name": "todo-backend-service"})
    secret = {"secretRef": {"name": "todo-app-secrets"}}
    strange = [
        of("Pod", pod),
        of("Service", selector={"app": "todo-backend"}),
        of("NetworkPolicy", podSelector={}, ingress=[{}]),
        of("ConfigMap", {"app.kubernetes.io/instance": "todo"}),
        *(started(kind, pod) for kind in ("Deployment", "ReplicaSet", "ReplicationController", "DaemonSet")),
        of("Job", {"app.kubernetes.io/instance": "todo", "app.kubernetes.io/component": "test"}),
        of("CronJob", jobTemplate={"spec": {"template": {"spec": {"containers": [{"envFrom": [secret]}]}}}}),
        of("HorizontalPodAutoscaler", scaleTargetRef=scaled),
        of("PodDisruptionBudget", selector={"matchLabels": {"tier": "frontend"}}, maxUnavailable=0),
        of("Ingress", rules=[{"http": {"paths": [{"path": "/", "backend": service}]}}]),
        routed,
        of("StatefulSet", template={"spec": {"serviceAccountName": "todo-todo-chatbot-chart"}}),
    ]
    isolated = of("NetworkPolicy", podSelector={}, policyTypes=["Egress"])
    owned = of("Pod", pod)
    owned["metadata"]["ownerReferences"] = [{"kind": "ReplicaSet", "name": "elsewhere"}]
    tests = of("Pod", {"app.kubernetes.io/instance": "todo", "app.kubernetes.io/component": "test"})
    tests["metadata"]["name"] = "todo-test"
    ours = of("ReplicaSet", pod)
    ours["metadata"]["ownerReferences"] = [{"kind": "Deployment", "name": "todo-backend"}]
    harmless = [
        of("Pod", {"app": "other"}),
        of("Service", selector={"app": "other"}),
        of("Service"),
        of("NetworkPolicy", podSelector={}, policyTypes=["Ingress"]),
        of("PersistentVolumeClaim", {"app.kubernetes.io/instance": "todo"}),
        tests,
        ours,
    ]
    for one in [*strange, isolated, owned]:
        found = strangers.extras([*rendered, one, *harmless], [*rendered, tests], "todo")
        assert [*found] == [f"{one['kind']} {one['kind'].lower()}"]
    assert [*strangers.extras([*rendered, *harmless], [*rendered, tests], "todo")] == []


def test_a_value_of_the_secret_is_found_in_clear_and_encoded() -> None:
    data = {"JWT_SECRET": base64.b64encode(b'a "quoted" secret').decode(), "SHORT": "MQ=="}
    objects = [
        {"kind": "ConfigMap", "metadata": {"name": name}, "data": {"KEY": value, "ONE": "1"}}
        for name, value in (("clear", 'a "quoted" secret'), ("encoded", data["JWT_SECRET"]), ("other", "1"))
    ]
    found = [*strangers.exposed(objects, json.dumps({"env": "1"}), data)]
    assert found == [f"ConfigMap {name} has the value of JWT_SECRET" for name in ("clear", "encoded")]


def test_a_network_without_policies_is_not_judged(failed: Evaluate) -> None:
    open_ways = {"frontend to backend": True, "postgresql to backend": True}
    assert failed(connections=open_ways) == set()
    assert failed(connections={**open_ways, "postgresql to backend": False}) == set()


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
