"""Checks of what runs in a cluster, as its API server reports it: not of what was requested.

What was rendered for the release is compared with the contract, and what runs with what was rendered.
"""

import re
from collections.abc import Mapping
from typing import Any

from automation.contract.comparison import differences
from automation.contract.contract import Contract
from automation.contract.models import Kubernetes, Workload
from automation.kubernetes.release import OPTIONAL_SECRETS
from automation.verify.check import LIVE, Comparison, Finding, check, no_problem, not_applicable
from automation.verify.checks.chart_model import required
from automation.verify.facts import Chart, Document, Released

_REMEDY = "invoke helm-install{flags}   with the chart's default values"
_OPEN = re.compile(
    r"(Pod|Job) .*|ConfigMap .*\.data\.\w+|Service .*\.nodePort"
    r"|Deployment .*\.containers\.\w+\.(image(PullPolicy)?|env\.(NODE_IP|TRUSTED_ORIGINS))"
    r"|Deployment .*\.annotations\.(todo-chatbot/revision|checksum/\w+)"
)
"""Values that an installation sets by its images and settings, or that Helm keeps out of the manifest."""


@check(LIVE, remedy="invoke status   and   invoke logs   show what delays them")
def cluster_replicas(contract: Contract, released: Released) -> Comparison:
    """All replicas of the contract are requested and available."""
    count, deployment = _workload(contract).replicas, _deployment(contract, released)
    observed = {
        "requested": _get(deployment, "spec.replicas"),
        "available": _get(deployment, "status.availableReplicas", 0),
    }
    return {"requested": count, "available": count}, observed


@check(LIVE, remedy=_REMEDY)
def cluster_images(contract: Contract, released: Released) -> Comparison:
    """The pods run an image of the contract, by a tag that changes with its content."""
    image = re.compile(rf"(.*/)?{re.escape(contract.service.image)}:(?!latest$)[\w.-]+")
    pods = _pods(contract, released)
    return _each(image, pods), {name: _container(pod).get("image") for name, pod in pods.items()}


@check(LIVE, remedy=_REMEDY, per_service=False)
def cluster_model(contract: Contract, released: Released) -> Finding:
    """The release was rendered with the contract's values: every object, key by key."""
    database = any(name.startswith("StatefulSet ") for name in released.rendered)
    scripts = dict.fromkeys(("health", "sign_up_to_task"), "")
    chart = Chart(released.name, development=False, database=database, scripts=scripts, objects={})
    found = differences(required(contract, chart), released.rendered)
    rules = _rules(contract)
    closed = {f"ConfigMap {rules.config_map}.data.{name}" for name in (*rules.config, *rules.secret_keys)}
    return no_problem(str(one) for one in found if one.path in closed or not _OPEN.fullmatch(one.path))


@check(LIVE, remedy=_REMEDY, per_service=False)
def cluster_configuration(contract: Contract, released: Released) -> Finding:
    """The Secret has the contract's keys, and no others except those of the database and of models."""
    keys = _rules(contract).secret_keys
    problems = [f"no {name}" for name in keys if name not in released.secret_keys]
    problems += [
        f"unknown: {name}" for name in released.secret_keys if name not in {*keys, *OPTIONAL_SECRETS}
    ]
    return no_problem(problems, required=", ".join(keys))


@check(LIVE, remedy="wait until all pods are ready, or raise the number of replicas", per_service=False)
def cluster_disruptions(released: Released) -> Finding:
    """Every disruption budget allows a node to be drained."""
    return no_problem(
        f"{budget['metadata']['name']} allows none"
        for budget in released.of_kind("PodDisruptionBudget")
        if not _get(budget, "status.disruptionsAllowed")
    )


@check(LIVE, remedy="invoke helm-install{flags}   restores it", per_service=False)
def cluster_unchanged(released: Released) -> Finding:
    """Running objects equal the rendered ones: every object field by field, and pods their template."""
    return no_problem(released.drift)


@check(LIVE, remedy="remove them, or install them in a namespace of their own", per_service=False)
def cluster_extras(released: Released) -> Finding:
    """No other object belongs to the release, selects its pods or opens their network."""
    return no_problem(released.extras)


@check(LIVE, remedy="remove its role bindings", per_service=False)
def cluster_permissions(released: Released) -> Finding:
    """The account of the pods has no permission in the cluster."""
    if released.permissions is None:
        return not_applicable("", "this user may not query the permissions of other accounts")
    return no_problem(released.permissions)


@check(LIVE, remedy="remove it, change it in .env, then   invoke helm-install{flags}", per_service=False)
def cluster_secrets(released: Released) -> Finding:
    """No value of the Secret appears anywhere else."""
    return no_problem(released.exposed)


@check(LIVE, remedy="invoke status   and   invoke logs   show why", per_service=False)
def cluster_answers(released: Released) -> Finding:
    """The frontend and the backend answer through the frontend's service."""
    return no_problem([released.refusal], passing="/api/auth/ok answers 200")


@check(LIVE, remedy="compare the network policies of the namespace", per_service=False)
def cluster_connections(released: Released) -> Finding:
    """The network policies allow the connections that the pods need, and no others."""
    found = dict(released.connections)
    forbidden = found.pop("postgresql to backend", None)
    if blocked := [way for way, possible in found.items() if not possible]:
        return no_problem(f"{way} is blocked" for way in blocked)
    if forbidden is None:
        return not_applicable("", "no pod to connect from")
    if forbidden:
        return not_applicable("", "this cluster's network does not enforce network policies")
    return no_problem(())


def _each(required: Any, pods: Mapping[str, Document]) -> Document:
    """Require the same of every pod, and that there is one."""
    return dict.fromkeys(pods, required) or {"pod": "one"}


def _rules(contract: Contract) -> Kubernetes:
    rules = contract.profile.kubernetes
    if rules is None:
        raise ValueError(f"the profile {contract.profile.name} has no rules for Kubernetes")
    return rules


def _workload(contract: Contract) -> Workload:
    rules = _rules(contract)
    return rules.frontend if contract.name == "frontend" else rules.backend


def _deployment(contract: Contract, released: Released) -> Mapping[str, Any]:
    return released.find("Deployment", _workload(contract).name)


def _pods(contract: Contract, released: Released) -> dict[str, Document]:
    return {pod["metadata"]["name"]: dict(pod) for pod in released.pods(_workload(contract).name)}


def _get(document: Mapping[str, Any], path: str, default: Any = None) -> Any:
    """Return the value at a path as in `spec.replicas`."""
    found: Any = document
    for key in path.split("."):
        found = found.get(key) if isinstance(found, Mapping) else None
    return default if found is None else found


def _container(pod: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = (_get(pod, "spec.containers") or [{}])[0]
    return found
