"""Checks of what runs in a cluster, as its API server reports it: not of what was requested.

Each check compares one part of what the contract requires of a workload with what is observed, key by key.
"""

import re
from collections.abc import Mapping
from typing import Any

from automation.contract.comparison import Maybe
from automation.contract.contract import Contract
from automation.contract.models import Kubernetes, Probe, Workload
from automation.verify.check import LIVE, Comparison, Finding, check, no_problem, not_applicable
from automation.verify.facts import Document, Released

_REMEDY = "invoke helm-install   with the chart's default values"
_ANY = re.compile(".+", re.DOTALL)
_SHARED = ("hostNetwork", "hostPID", "hostIPC", "shareProcessNamespace")


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
def cluster_strategy(contract: Contract, released: Released) -> Comparison:
    """An update replaces pods one by one, and removes none before its replacement is available."""
    rules = _rules(contract)
    steps = {"maxSurge": rules.max_surge, "maxUnavailable": rules.max_unavailable}
    observed = _get(_deployment(contract, released), "spec.strategy", {})
    return {"type": "RollingUpdate", "rollingUpdate": steps}, observed


@check(LIVE, remedy=_REMEDY)
def cluster_labels(contract: Contract, released: Released) -> Comparison:
    """The deployment and its pods carry the labels by which they are selected and identified."""
    rules, deployment, selector = _rules(contract), _deployment(contract, released), _selector(contract)
    labels = {
        **selector,
        "app.kubernetes.io/name": rules.chart,
        "app.kubernetes.io/instance": _ANY,
        "app.kubernetes.io/version": rules.application_version,
        "app.kubernetes.io/managed-by": "Helm",
    }
    objects = {"deployment": deployment, **_pods(contract, released)}
    observed = {
        name: {key: value for key, value in _get(found, "metadata.labels", {}).items() if key in labels}
        for name, found in objects.items()
    }
    required: Document = dict.fromkeys(objects, labels)
    required["selector"], observed["selector"] = selector, _get(deployment, "spec.selector.matchLabels")
    return required, observed


@check(LIVE, remedy=_REMEDY)
def cluster_probes(contract: Contract, released: Released) -> Comparison:
    """The pods have the contract's readiness and liveness probes."""
    workload = _workload(contract)
    container = _container(_get(_deployment(contract, released), "spec.template", {}))
    required = {"readiness": _probe(workload.readiness), "liveness": _probe(workload.liveness)}
    return required, {kind: container.get(f"{kind}Probe") for kind in required}


@check(LIVE, remedy=_REMEDY)
def cluster_resources(contract: Contract, released: Released) -> Comparison:
    """Every pod has the contract's resource requests and limits."""
    rules, pods = _rules(contract), _pods(contract, released)
    required = {"requests": rules.requests.model_dump(), "limits": rules.limits.model_dump()}
    return _each(required, pods), {name: _container(pod).get("resources") for name, pod in pods.items()}


@check(LIVE, remedy=_REMEDY)
def cluster_images(contract: Contract, released: Released) -> Comparison:
    """The pods run an image of the contract, by a tag that changes with its content."""
    image = re.compile(rf"(.*/)?{re.escape(contract.service.image)}:(?!latest$)[\w.-]+")
    pods = _pods(contract, released)
    return _each(image, pods), {name: _container(pod).get("image") for name, pod in pods.items()}


@check(LIVE, remedy=_REMEDY)
def cluster_restricted(contract: Contract, released: Released) -> Comparison:
    """The pods run as the contract's user, with a read-only root, no capabilities and no token."""
    user, pods = contract.service.user, _pods(contract, released)
    required = {
        "pod": {
            "runAsNonRoot": True,
            "runAsUser": user.uid,
            "runAsGroup": user.gid,
            "fsGroup": Maybe(user.gid),
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "container": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "containers": 1,
        "token": False,
        **dict.fromkeys(_SHARED, False),
    }
    observed = {
        name: {
            "pod": _get(pod, "spec.securityContext", {}),
            "container": _container(pod).get("securityContext", {}),
            "containers": len(_get(pod, "spec.containers", [])),
            "token": _get(pod, "spec.automountServiceAccountToken") is not False,
            **{key: bool(_get(pod, f"spec.{key}")) for key in _SHARED},
        }
        for name, pod in pods.items()
    }
    return _each(required, pods), observed


@check(LIVE, remedy=_REMEDY)
def cluster_service(contract: Contract, released: Released) -> Comparison:
    """The service has the contract's type and port and selects the workload's pods."""
    workload = _workload(contract)
    spec = _get(released.find("Service", workload.service), "spec", {})
    required = {
        "type": workload.service_type,
        "ports": [workload.service_port],
        "selector": _selector(contract),
    }
    return required, {
        "type": spec.get("type"),
        "selector": spec.get("selector"),
        "ports": [port.get("port") for port in spec.get("ports", ())],
    }


@check(LIVE, remedy=_REMEDY)
def cluster_policies(contract: Contract, released: Released) -> Comparison:
    """A network policy restricts who may connect, and a disruption budget lets nodes be drained."""
    pods = _selector(contract)
    policed = any(
        _get(policy, "spec.podSelector.matchLabels") == pods for policy in released.of_kind("NetworkPolicy")
    )
    budgets = {
        budget["metadata"]["name"]: bool(_get(budget, "status.disruptionsAllowed"))
        for budget in released.of_kind("PodDisruptionBudget")
        if _get(budget, "spec.selector.matchLabels") == pods
    }
    return {"policed": True, **dict.fromkeys(budgets, True)}, {"policed": policed, **budgets}


@check(LIVE, remedy=_REMEDY, per_service=False)
def cluster_configuration(contract: Contract, released: Released) -> Comparison:
    """The cluster has the contract's ConfigMap and Secret, each with its own keys."""
    rules = _rules(contract)
    found = _get(released.find("ConfigMap", rules.config_map), "data", {})
    config = {name: value for name, value in found.items() if name in {*rules.config, *rules.secret_keys}}
    secret = [name for name in rules.secret_keys if name in released.secret_keys]
    return {"config": dict(rules.config), "secret": list(rules.secret_keys)}, {
        "config": config,
        "secret": secret,
    }


@check(LIVE, remedy="invoke helm-install   restores it", per_service=False)
def cluster_unchanged(released: Released) -> Finding:
    """What runs equals what was rendered: every object field by field, and every pod its template."""
    return no_problem(released.drift)


@check(LIVE, remedy="remove them, or install them in a namespace of their own", per_service=False)
def cluster_extras(released: Released) -> Finding:
    """No other object belongs to the release, selects its pods or opens their network."""
    return no_problem(released.extras)


@check(LIVE, remedy="remove its role bindings", per_service=False)
def cluster_permissions(released: Released) -> Finding:
    """The account of the pods has no permission in the cluster."""
    if released.permissions is None:
        return not_applicable("", "this user may not ask for the permissions of another one")
    return no_problem(released.permissions)


@check(LIVE, remedy="take it out, change it in .env, then   invoke helm-install", per_service=False)
def cluster_secrets(released: Released) -> Finding:
    """No value of the Secret stands anywhere else."""
    return no_problem(released.exposed)


@check(LIVE, remedy="invoke status   and   invoke logs   show why", per_service=False)
def cluster_answers(released: Released) -> Finding:
    """The frontend and the backend answer through the frontend's service."""
    return no_problem([released.refusal], passing="/api/auth/ok answers 200")


@check(LIVE, remedy="compare the network policies of the namespace", per_service=False)
def cluster_connections(released: Released) -> Finding:
    """The network policies let the pods connect that need to, and no other."""
    found = dict(released.connections)
    forbidden = found.pop("postgresql to backend", None)
    if blocked := [way for way, possible in found.items() if not possible]:
        return no_problem(f"{way} is blocked" for way in blocked)
    if forbidden is None:
        return not_applicable("", "no pod from which to try")
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


def _selector(contract: Contract) -> dict[str, str]:
    return {"app": _workload(contract).name, "tier": _workload(contract).tier}


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


def _probe(probe: Probe) -> Document:
    return {
        "httpGet": {"path": probe.path, "port": "http", "scheme": Maybe("HTTP")},
        "initialDelaySeconds": probe.initial_delay_s,
        "periodSeconds": probe.period_s,
        "timeoutSeconds": probe.timeout_s,
        "failureThreshold": 3,
        "successThreshold": Maybe(1),
    }
