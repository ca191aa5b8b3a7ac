"""The values that the chart accepts, what it derives from them, and its notes."""

import re
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest
import yaml

from tests.automation.kubernetes.chart import (
    CHART,
    GATEWAY,
    HELM,
    RULES,
    WORKLOADS,
    container,
    helm,
    rendered,
    with_values,
)


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


def test_a_strategy_without_steps_needs_no_other_value() -> None:
    deployment = rendered("--set", "backend.strategy.type=Recreate")["Deployment", RULES.backend.name]
    assert deployment["spec"]["strategy"] == {"type": "Recreate"}


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
