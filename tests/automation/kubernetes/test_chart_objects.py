"""The chart's objects match the contract and the specification."""

import json
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from automation.contract.models import Probe, Workload
from tests.automation.kubernetes.chart import (
    CHART,
    EVERY_SET,
    HELM,
    PROFILE,
    RULES,
    WORKLOADS,
    container,
    rendered,
    with_values,
)


def test_the_charts_metadata_matches_the_contract() -> None:
    described = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert (described["apiVersion"], described["type"]) == ("v2", "application")
    assert described["name"] == RULES.chart
    assert described["version"] == RULES.chart_version
    assert described["appVersion"] == RULES.application_version
    assert described["keywords"] == list(RULES.keywords)
    assert described["maintainers"]


def test_values_for_development_only_override_and_hold_no_secret() -> None:
    known = yaml.safe_load((CHART / "values.yaml").read_text())

    def paths(values: dict[str, Any], before: str = "") -> Iterator[str]:
        for name, value in values.items():
            yield from paths(value, f"{before}{name}.") if isinstance(value, dict) else [f"{before}{name}"]

    overridden = set(paths(yaml.safe_load((CHART / "values-dev.yaml").read_text())))
    assert overridden < set(paths(known))
    assert not any("password" in path.lower() or "secret" in path.lower() for path in overridden)


@pytest.mark.parametrize("component", WORKLOADS)
def test_a_deployment_matches_the_contract(component: str) -> None:
    rules: Workload = WORKLOADS[component]
    deployment = rendered()["Deployment", rules.name]
    spec, selector = deployment["spec"], {"app": rules.name, "tier": rules.tier}
    assert spec["replicas"] == rules.replicas
    assert spec["selector"]["matchLabels"] == selector
    rolling = {"maxSurge": RULES.max_surge, "maxUnavailable": RULES.max_unavailable}
    assert spec["strategy"] == {"type": "RollingUpdate", "rollingUpdate": rolling}
    labels = {
        "app.kubernetes.io/name": RULES.chart,
        "app.kubernetes.io/instance": "shop",
        "app.kubernetes.io/version": RULES.application_version,
        "app.kubernetes.io/managed-by": "Helm",
    }
    for metadata in (deployment["metadata"], spec["template"]["metadata"]):
        assert {**selector, **labels}.items() <= metadata["labels"].items()
    own = container(component)
    assert own["imagePullPolicy"] == RULES.pull_policy
    assert own["resources"] == {
        "requests": {"cpu": RULES.requests.cpu, "memory": RULES.requests.memory},
        "limits": {"cpu": RULES.limits.cpu, "memory": RULES.limits.memory},
    }
    [port] = own["ports"]
    assert port["containerPort"] == getattr(PROFILE, component).port
    assert_probe(own["readinessProbe"], rules.readiness)
    assert_probe(own["livenessProbe"], rules.liveness)
    startup = own["startupProbe"]
    assert startup["failureThreshold"] * startup["periodSeconds"] >= 30
    # The kubelet asks for readiness when the startup probe succeeds: too early is a whole period too late.
    assert startup["initialDelaySeconds"] >= rules.readiness.initial_delay_s


def assert_probe(probe: dict[str, Any], rules: Probe) -> None:
    """Hold a probe against the contract."""
    assert probe["httpGet"] == {"path": rules.path, "port": "http"}
    assert probe["initialDelaySeconds"] == rules.initial_delay_s
    assert probe["periodSeconds"] == rules.period_s
    assert probe["timeoutSeconds"] == rules.timeout_s


@pytest.mark.parametrize("component", WORKLOADS)
def test_a_pod_for_development_has_no_initial_delay(component: str) -> None:
    own = container(component, "--values", str(CHART / "values-dev.yaml"))
    for probe in ("startupProbe", "readinessProbe"):
        assert own[probe]["initialDelaySeconds"] == 0
        assert own[probe]["periodSeconds"] <= 2


@pytest.mark.parametrize("component", WORKLOADS)
def test_a_service_matches_the_contract(component: str) -> None:
    rules = WORKLOADS[component]
    spec = rendered()["Service", rules.service]["spec"]
    assert spec["type"] == rules.service_type
    assert spec["selector"] == {"app": rules.name, "tier": rules.tier}
    [port] = spec["ports"]
    assert (port["port"], port["targetPort"]) == (rules.service_port, "http")
    assert port.get("nodePort", 0) == rules.node_port


def test_names_of_a_long_release_leave_room_for_suffixes() -> None:
    name = "r" * 53
    text = subprocess.run(
        [HELM, "template", name, str(CHART), "--set", "postgresql.enabled=true"],
        capture_output=True, encoding="utf-8", check=True,
    ).stdout  # fmt: skip
    kinds = {
        document["kind"]: document["metadata"]["name"] for document in yaml.safe_load_all(text) if document
    }
    # A revision's hash with a hyphen, a label of each pod.
    assert len(kinds["StatefulSet"]) + 11 <= 63
    assert len(kinds["Job"]) + len("0000") <= 63


def test_forwarding_headers_are_ignored_without_a_proxy() -> None:
    assert {"name": "BEHIND_PROXY", "value": "no"} in container("frontend")["env"]
    for proxy in ("ingress.enabled=true", "gatewayRoute.enabled=true"):
        behind = container("frontend", "--set", proxy, "--set", "gatewayRoute.parentRefs[0].name=edge")
        assert "BEHIND_PROXY" not in {variable["name"] for variable in behind["env"]}


def test_clients_are_pinned_to_one_pod_of_the_frontend() -> None:
    name = RULES.frontend.service
    assert rendered()["Service", name]["spec"]["sessionAffinity"] == "ClientIP"
    spread = rendered("--set", "frontend.service.sessionAffinity=None")
    assert spread["Service", name]["spec"]["sessionAffinity"] == "None"


def test_the_cluster_chooses_a_node_port_of_0() -> None:
    objects = rendered("--set", "frontend.service.nodePort=0")
    assert "nodePort" not in objects["Service", RULES.frontend.service]["spec"]["ports"][0]


def test_the_configuration_matches_the_contract_and_there_is_no_secret() -> None:
    objects = rendered()
    assert RULES.config.items() <= objects["ConfigMap", RULES.config_map]["data"].items()
    assert not [name for kind, name in objects if kind == "Secret"]
    assert {"secretRef": {"name": RULES.secret}} in container("backend")["envFrom"]
    assert {"configMapRef": {"name": RULES.config_map}} in container("backend")["envFrom"]
    assert "secretRef" not in json.dumps(container("frontend"))


@pytest.mark.parametrize("values", EVERY_SET)
def test_every_pod_is_restricted_and_has_no_token(values: str) -> None:
    objects = rendered(*with_values(values))
    pods = [
        found["spec"] if found["kind"] == "Pod" else found["spec"]["template"]["spec"]
        for found in objects.values()
        if found["kind"] in {"Pod", "Deployment", "Job", "StatefulSet"}
    ]
    assert len(pods) >= 5
    for pod in pods:
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["automountServiceAccountToken"] is False
        for own in pod["containers"]:
            assert own["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert {"requests", "limits"} <= own["resources"].keys()


def test_a_changed_configuration_or_secret_restarts_the_pods() -> None:
    def annotations(component: str, *arguments: str) -> dict[str, str]:
        deployment = rendered(*arguments)["Deployment", WORKLOADS[component].name]
        found: dict[str, str] = deployment["spec"]["template"]["metadata"]["annotations"]
        return found

    for component in WORKLOADS:
        before = annotations(component)
        assert annotations(component, "--set", "config.LOG_LEVEL=debug") != before
        assert annotations(component, "--set", "secret.checksum=other") != before
        assert annotations(component, "--set", "frontend.service.nodePort=30081") == before


def test_prometheus_finds_the_backends_metrics() -> None:
    deployment = rendered()["Deployment", RULES.backend.name]
    annotations = deployment["spec"]["template"]["metadata"]["annotations"]
    assert annotations["prometheus.io/scrape"] == "true"
    assert annotations["prometheus.io/port"] == str(PROFILE.backend.port)


def test_budgets_and_autoscalers_fit_the_replicas() -> None:
    budgets = {name for kind, name in rendered() if kind == "PodDisruptionBudget"}
    assert budgets == {f"shop-{RULES.chart}-frontend"}, "one replica with a budget keeps a node from draining"
    objects = rendered(*with_values("everything.yaml"))
    scaler = objects["HorizontalPodAutoscaler", f"shop-{RULES.chart}-frontend"]["spec"]
    assert scaler["scaleTargetRef"]["name"] == RULES.frontend.name
    # Without the field, an upgrade that turns the autoscaler on would go to one replica.
    assert objects["Deployment", RULES.frontend.name]["spec"]["replicas"] == scaler["minReplicas"]
    assert scaler["minReplicas"] >= RULES.frontend.replicas
    budget = objects["PodDisruptionBudget", f"shop-{RULES.chart}-backend"]
    assert budget["spec"]["maxUnavailable"] == "25%"
    busy = objects["HorizontalPodAutoscaler", f"shop-{RULES.chart}-backend"]["spec"]["metrics"][1]["pods"]
    assert busy["metric"]["name"] == "http_requests_in_flight"
    assert busy["target"] == {"type": "AverageValue", "averageValue": "50"}
    assert not [kind for kind, _ in rendered(*with_values("minimal.yaml")) if kind == "PodDisruptionBudget"]


def test_the_backend_accepts_connections_only_from_its_release() -> None:
    policy = rendered(*with_values("everything.yaml"))["NetworkPolicy", f"shop-{RULES.chart}-backend"]["spec"]
    assert policy["podSelector"]["matchLabels"] == {"app": RULES.backend.name, "tier": RULES.backend.tier}
    sources = [source for rule in policy["ingress"] for source in rule["from"]]
    assert {"podSelector": {"matchLabels": {"app": RULES.frontend.name, "tier": "frontend"}}} in sources
    assert {"namespaceSelector": {"matchLabels": {"team": "monitoring"}}} in sources
    assert len(sources) == 3


def test_a_job_with_the_backends_image_migrates_the_schema_once_per_revision() -> None:
    [job] = [found for (kind, _), found in rendered().items() if kind == "Job"]
    pod = job["spec"]["template"]["spec"]
    assert job["metadata"]["name"].endswith("-migrations-1")
    assert pod["containers"][0]["image"] == container("backend")["image"]
    assert pod["restartPolicy"] == "Never"


def test_the_database_keeps_its_data_and_its_password_is_on_no_command_line() -> None:
    objects = rendered("--values", str(CHART / "values-dev.yaml"))
    [database] = [found for (kind, _), found in objects.items() if kind == "StatefulSet"]
    assert database["spec"]["volumeClaimTemplates"][0]["metadata"]["name"] == "data"
    [password] = [
        variable
        for variable in database["spec"]["template"]["spec"]["containers"][0]["env"]
        if variable["name"] == "POSTGRES_PASSWORD"
    ]
    assert password["valueFrom"]["secretKeyRef"]["name"] == RULES.secret
    variables = container("backend", "--values", str(CHART / "values-dev.yaml"))["env"]
    address = next(variable for variable in variables if variable["name"] == "DATABASE_URL")
    assert "$(POSTGRES_PASSWORD)" in address["value"]


def test_a_release_has_tests_of_health_and_of_a_persons_first_task() -> None:
    tests = [
        found["metadata"]["name"]
        for found in rendered().values()
        if found["metadata"].get("annotations", {}).get("helm.sh/hook") == "test"
    ]
    assert sorted(tests) == [f"shop-{RULES.chart}-test-health", f"shop-{RULES.chart}-test-sign-up-to-task"]
