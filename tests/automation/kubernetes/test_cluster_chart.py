"""The chart, rendered by Helm, is what the contract and the specification say."""

import json
import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from automation.contract import profiles
from automation.contract.models import Kubernetes, Probe, Workload
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
    assert ("PodDisruptionBudget", f"shop-{RULES.chart}-backend") in objects
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


@pytest.mark.parametrize(
    ("setting", "named"),
    [
        ("frontend.replicaCnt=2", "replicaCnt"),
        ("backend.probes.liveness.periodSecond=2", "periodSecond"),
        ("frontend.image.pullPolicy=Sometimes", "pullPolicy"),
        ("frontend.service.nodePort=80", "nodePort"),
        ("backend.replicaCount=-1", "replicaCount"),
        ("postgres.enabled=true", "postgres"),
        ("config.LOG_LEVEL=loud", "LOG_LEVEL"),
        ("backend.resources.limits.memory=much", "memory"),
        ("namespace=shop", "namespace.*helm install --namespace"),
        ("frontend.service.targetPort=8080", "targetPort"),
        ("frontend.image.digest=latest", "digest"),
        ("hpa.enabled=true", "hpa.*frontend.autoscaling"),
        ("frontend.image.registry=a.example", "registry.*first part of repository"),
        ("backend.resourcesPreset=small", "resourcesPreset.*requests and limits"),
        ("backend.autoscaling.enabled=true,backend.autoscaling.minReplicas=9", "minReplicas: 9 is more than"),
        ("backend.resources.requests.cpu=0.6", "requests.cpu: 0.6 is more than the limit, 500m"),
        ("backend.resources.requests.memory=1Gi", "requests.memory: 1Gi is more than the limit, 512Mi"),
        ("shutdown.drainSeconds=45", "drainSeconds: 45 leaves no time"),
    ],
)
def test_an_unknown_or_impossible_value_is_refused_by_name(setting: str, named: str) -> None:
    refused = helm("--set", setting)
    assert refused.returncode != 0
    assert re.search(named, refused.stderr)


@pytest.mark.parametrize(
    "setting",
    ["frontend.service.targetPort=3000", "frontend.service.nodePort=null", "backend.env.DATABASE_URL=",
     "frontend.env.NEXT_PUBLIC_API_URL=http://todo-backend-service:8080,frontend.env.NODE_ENV=production"],
)  # fmt: skip
def test_the_names_of_the_specifications_values_are_accepted(setting: str) -> None:
    assert "DATABASE_URL" not in {
        variable["name"]
        for variable in container("backend", "--set", f"{setting},postgresql.enabled=false")["env"]
    }


@pytest.mark.parametrize(
    ("settings", "public", "trusted"),
    [
        ("frontend.service.nodePort=30080", None, {"http://[$(NODE_IP)]:30080", "http://localhost:*"}),
        ("frontend.service.nodePort=0", None, {"http://[$(NODE_IP)]:*", "http://localhost:*"}),
        ("frontend.service.type=ClusterIP", None, {"http://localhost:*"}),
        ("config.TRUSTED_ORIGINS=https://a.example,frontend.service.type=ClusterIP", None,
         {"https://a.example", "http://localhost:*"}),
        ("ingress.enabled=true,ingress.host=a.example", "http://a.example", set[str]()),
        ("ingress.enabled=true,ingress.host=a.example,ingress.tlsSecretName=tls",
         "https://a.example", set[str]()),
        ("config.FRONTEND_URL=https://a.example", "https://a.example", set[str]()),
        (f"{GATEWAY},frontend.service.type=ClusterIP", None,
         {"https://a.example", "http://a.example", "http://localhost:*"}),
    ],
)  # fmt: skip
def test_the_backend_trusts_the_pages_of_the_addresses_that_people_open(
    settings: str, public: str | None, trusted: set[str]
) -> None:
    given = rendered("--set", settings)["ConfigMap", RULES.config_map]["data"]
    values = {
        **given,
        **{
            variable["name"]: variable.get("value", "")
            for variable in container("backend", "--set", settings)["env"]
        },
    }
    assert values.get("FRONTEND_URL") == public
    assert {*filter(None, values.get("TRUSTED_ORIGINS", "").split(","))} == trusted


def test_optional_fields_reach_the_objects() -> None:
    objects = rendered(*with_values("everything.yaml"))
    pods = objects["Deployment", RULES.frontend.name]["spec"]["template"]
    assert pods["metadata"]["labels"]["example.com/team"] == "todo"
    assert pods["spec"]["priorityClassName"] == "important"
    assert pods["spec"]["containers"][0]["image"] == f"todo-frontend@sha256:{'0' * 64}"
    service = objects["Service", RULES.frontend.service]
    assert service["metadata"]["annotations"] == {"example.com/balancer": "internal"}
    assert service["spec"]["externalTrafficPolicy"] == "Local"
    rolling = objects["Deployment", RULES.frontend.name]["spec"]["strategy"]["rollingUpdate"]
    assert rolling == {"maxSurge": "25%", "maxUnavailable": 0}
    [account] = [found for (kind, _), found in objects.items() if kind == "ServiceAccount"]
    assert account["metadata"]["annotations"] == {"example.com/role": "todo"}


def test_the_helpers_have_the_names_of_the_specification() -> None:
    helpers = (CHART / "templates" / "_helpers.tpl").read_text()
    names = ("fullname", "labels", "frontend.selectorLabels", "backend.selectorLabels")
    assert all(f'define "todo-chatbot.{name}"' in helpers for name in names)


@pytest.mark.parametrize("component", WORKLOADS)
def test_a_secret_among_the_values_is_refused_with_its_right_place(component: str) -> None:
    refused = helm("--set", f"{component}.env.BETTER_AUTH_SECRET=mine")
    assert refused.returncode != 0
    assert re.search(rf"{component}[./]env[./]BETTER_AUTH_SECRET", refused.stderr)
    assert "belong in .env" in refused.stderr
    assert "mine" not in refused.stderr
    refused = helm("--set", f"{component}.env.lower=any")
    assert re.search(rf"{component}[./]env\b.*lower", refused.stderr)
    assert "any" in str(container(component, "--set", f"{component}.env.UPPER=any")["env"])


@pytest.mark.parametrize("cpu", ["1", "0.5", "250m"])
def test_processors_may_be_a_number(cpu: str) -> None:
    own = container("backend", "--set", f"backend.resources.limits.cpu={cpu}")
    assert str(own["resources"]["limits"]["cpu"]) == cpu


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ([], "address}'):30080\""),
        ([], "POSTGRES_PASSWORD=$(openssl rand -hex 32)"),
        (["postgresql.enabled=false"], "DATABASE_URL=$DATABASE_URL"),
        (["frontend.service.nodePort=0"], "get service todo-frontend-service --output jsonpath"),
        (["frontend.service.type=ClusterIP"], "port-forward service/todo-frontend-service 3000:80"),
        (["frontend.service.type=LoadBalancer"], ".status.loadBalancer.ingress[0]"),
        (["ingress.enabled=true", "ingress.host=todo.example"], "The application:   http://todo.example\n"),
    ],
)
def test_the_notes_have_the_address_or_the_command_that_prints_it(
    tmp_path: Path, settings: list[str], text: str
) -> None:
    chart = shutil.copytree(CHART, tmp_path / "chart")
    # Without a cluster Helm renders everything but the notes: here they are the value of an object.
    notes = chart / "templates" / "NOTES.txt"
    template = '{{- define "notes" -}}\n%s{{- end -}}\nnotes: {{ include "notes" . | toJson }}\n'
    (chart / "templates" / "notes.yaml").write_text(template % notes.read_text())
    words = [word for setting in settings for word in ("--set", setting)]
    done = subprocess.run(
        [HELM, "template", "shop", str(chart), "--show-only", "templates/notes.yaml", *words],
        capture_output=True, encoding="utf-8", check=True,
    )  # fmt: skip
    assert text in yaml.safe_load(done.stdout)["notes"]


def test_the_archive_has_no_values_for_checks_and_no_hidden_files(tmp_path: Path) -> None:
    done = subprocess.run(
        [HELM, "package", str(CHART), "--destination", str(tmp_path)], capture_output=True, check=True
    )
    assert done.stdout
    with tarfile.open(tmp_path / f"{RULES.chart}-{RULES.chart_version}.tgz") as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"Chart.yaml", "values.yaml", "values.schema.json", "tests/health.py"} <= names
    assert not [name for name in names if name.startswith((".", "ci/"))]
