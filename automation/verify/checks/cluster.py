"""Checks of what runs in a cluster, as its API server reports it: not of what was requested."""

from collections.abc import Mapping, Sequence
from typing import Any

from automation.contract.contract import Contract
from automation.contract.models import Kubernetes, Probe, Workload
from automation.verify.check import LIVE, Finding, check, equal, judge, listed, no_problem
from automation.verify.facts import Released

_REMEDY = "invoke helm-install   with the chart's default values"
_PROBE = "{} after {} s, every {} s, timeout {} s"
_Document = Mapping[str, Any]


@check("cluster-replicas", LIVE)
def replicas(contract: Contract, released: Released) -> Finding:
    """All replicas of the contract are requested and available."""
    wanted, deployment = _workload(contract).replicas, _deployment(contract, released)
    available, requested = (
        _get(deployment, "status.availableReplicas", 0),
        _get(deployment, "spec.replicas", 0),
    )
    remedy = "invoke status   and   invoke logs   show what delays them"
    return equal(f"{wanted} of {wanted}", f"{available} of {requested}", remedy=remedy)


@check("cluster-strategy", LIVE)
def strategy(contract: Contract, released: Released) -> Finding:
    """An update replaces pods one by one, and removes none before its replacement is available."""
    rules, seen = _rules(contract), _get(_deployment(contract, released), "spec.strategy", {})
    surge, unavailable = (_get(seen, f"rollingUpdate.{name}") for name in ("maxSurge", "maxUnavailable"))
    return equal(
        f"RollingUpdate, surge {rules.max_surge}, unavailable {rules.max_unavailable}",
        f"{seen.get('type')}, surge {surge}, unavailable {unavailable}",
        remedy=_REMEDY,
    )


@check("cluster-labels", LIVE)
def labels(contract: Contract, released: Released) -> Finding:
    """The deployment and its pods carry the labels by which they are selected and identified."""
    workload, rules = _workload(contract), _rules(contract)
    selector = {"app": workload.name, "tier": workload.tier}
    wanted = {
        **selector,
        "app.kubernetes.io/name": rules.chart,
        "app.kubernetes.io/version": rules.application_version,
        "app.kubernetes.io/managed-by": "Helm",
    }
    deployment = _deployment(contract, released)
    wrong = []
    for name, document in ((workload.name, deployment), *_pods(contract, released)):
        found = _get(document, "metadata.labels", {})
        wrong += [f"{name}: {key}" for key, value in wanted.items() if found.get(key) != value]
        wrong += [] if found.get("app.kubernetes.io/instance") else [f"{name}: instance"]
    selected = _get(deployment, "spec.selector.matchLabels")
    wrong += [] if selected == selector else [f"selects {selected}"]
    return no_problem(
        wrong,
        required=f"app={workload.name}, tier={workload.tier}, "
        "app.kubernetes.io/name, instance, version, managed-by",
        remedy=_REMEDY,
    )


@check("cluster-probes", LIVE)
def probes(contract: Contract, released: Released) -> Finding:
    """The pods have the contract's readiness and liveness probes."""
    workload = _workload(contract)
    container = _container(_get(_deployment(contract, released), "spec.template", {}))
    readiness, liveness = (
        _observed_probe(_get(container, f"{kind}Probe")) for kind in ("readiness", "liveness")
    )
    return equal(
        f"readiness {_required_probe(workload.readiness)}; liveness {_required_probe(workload.liveness)}",
        f"readiness {readiness}; liveness {liveness}",
        remedy=_REMEDY,
    )


@check("cluster-resources", LIVE)
def resources(contract: Contract, released: Released) -> Finding:
    """Every pod has the contract's resource requests and limits."""
    requests, limits = _rules(contract).requests, _rules(contract).limits
    wanted = {
        "requests": {"cpu": requests.cpu, "memory": requests.memory},
        "limits": {"cpu": limits.cpu, "memory": limits.memory},
    }
    pods = _pods(contract, released)
    return no_problem(
        [name for name, pod in pods if _container(pod).get("resources") != wanted] if pods else ["no pod"],
        required=f"requests {requests.cpu} {requests.memory}, at most {limits.cpu} {limits.memory}",
        remedy=_REMEDY,
    )


@check("cluster-images", LIVE)
def images(contract: Contract, released: Released) -> Finding:
    """The pods run an image of the contract, by a tag that changes with its content."""
    wanted = contract.service.image
    running = sorted({str(_container(pod).get("image")) for _, pod in _pods(contract, released)})
    named = (reference.rpartition("/")[2].partition(":") for reference in running)
    return judge(
        f"{wanted}, by the tag of its content",
        listed(running) if running else "no pod",
        holds=bool(running) and all(name == wanted and tag not in {"", "latest"} for name, _, tag in named),
        remedy=_REMEDY,
    )


@check("cluster-restricted", LIVE)
def restricted(contract: Contract, released: Released) -> Finding:
    """The pods run as the contract's user, with a read-only root, no capabilities and no token."""
    user, pods = contract.service.user, _pods(contract, released)
    return no_problem(
        [f"{name}: {right}" for name, pod in pods for right in _rights(pod, user.uid, user.gid)]
        if pods
        else ["no pod"],
        required=f"{user.uid}:{user.gid}, read-only root, no capabilities, seccomp, no token",
        remedy=_REMEDY,
    )


@check("cluster-service", LIVE)
def service(contract: Contract, released: Released) -> Finding:
    """The service has the contract's type and port and selects the workload's pods."""
    workload = _workload(contract)
    spec = _get(released.find("Service", workload.service), "spec", {})
    selector = _get(spec, "selector", {})
    tier = "" if selector == {"app": workload.name, "tier": workload.tier} else f" with {selector}"
    return equal(
        f"{workload.service_type} {workload.service_port} to {workload.name}",
        f"{spec.get('type')} {listed(str(port.get('port')) for port in spec.get('ports', ()))}"
        f" to {selector.get('app')}{tier}",
        remedy=_REMEDY,
    )


@check("cluster-policies", LIVE)
def policies(contract: Contract, released: Released) -> Finding:
    """A network policy restricts who may connect, and a disruption budget lets nodes be drained."""
    workload = _workload(contract)
    pods = {"app": workload.name, "tier": workload.tier}
    policed = any(
        _get(policy, "spec.podSelector.matchLabels") == pods for policy in released.of_kind("NetworkPolicy")
    )
    stuck = [
        f"{budget['metadata']['name']} allows no disruption"
        for budget in released.of_kind("PodDisruptionBudget")
        if _get(budget, "spec.selector.matchLabels") == pods and not _get(budget, "status.disruptionsAllowed")
    ]
    return no_problem(
        ["" if policed else "no network policy", *stuck],
        remedy=_REMEDY,
    )


@check("cluster-configuration", LIVE, per_service=False)
def configuration(contract: Contract, released: Released) -> Finding:
    """The cluster has the contract's ConfigMap and Secret, each with its own keys."""
    rules = _rules(contract)
    found = _get(released.find("ConfigMap", rules.config_map), "data", {})
    return no_problem(
        [
            *(name for name, value in rules.config.items() if found.get(name) != value),
            *(name for name in rules.secret_keys if name not in released.secret_keys),
            *(f"{name} is in the ConfigMap" for name in rules.secret_keys if name in found),
        ],
        required=f"{', '.join(rules.config)} in {rules.config_map}; {', '.join(rules.secret_keys)} secret",
        remedy=_REMEDY,
    )


def _rules(contract: Contract) -> Kubernetes:
    rules = contract.profile.kubernetes
    if rules is None:
        raise ValueError(f"the profile {contract.profile.name} has no rules for Kubernetes")
    return rules


def _workload(contract: Contract) -> Workload:
    rules = _rules(contract)
    return rules.frontend if contract.name == "frontend" else rules.backend


def _deployment(contract: Contract, released: Released) -> _Document:
    return released.find("Deployment", _workload(contract).name)


def _pods(contract: Contract, released: Released) -> Sequence[tuple[str, _Document]]:
    return [(pod["metadata"]["name"], pod) for pod in released.pods(_workload(contract).name)]


def _get(document: _Document, path: str, default: Any = None) -> Any:
    """Return the value at a path as in `spec.replicas`."""
    found: Any = document
    for key in path.split("."):
        found = found.get(key) if isinstance(found, Mapping) else None
    return default if found is None else found


def _container(pod: _Document) -> _Document:
    found: _Document = (_get(pod, "spec.containers") or [{}])[0]
    return found


def _required_probe(probe: Probe) -> str:
    return _PROBE.format(probe.path, probe.initial_delay_s, probe.period_s, probe.timeout_s)


def _observed_probe(probe: _Document) -> str:
    fields = (("httpGet.path", ""), ("initialDelaySeconds", 0), ("periodSeconds", 10), ("timeoutSeconds", 1))
    return _PROBE.format(*(_get(probe, *field) for field in fields)) if probe else "none"


def _rights(pod: _Document, uid: int, gid: int) -> list[str]:
    """Return the rights of a pod that the contract does not allow."""
    spec = pod.get("spec", {})
    own, container = spec.get("securityContext", {}), _container(pod).get("securityContext", {})
    rules = {
        "another user": (own.get("runAsUser"), own.get("runAsGroup")) == (uid, gid),
        "may be root": bool(own.get("runAsNonRoot")),
        "no seccomp": _get(own, "seccompProfile.type") == "RuntimeDefault",
        "writable root": bool(container.get("readOnlyRootFilesystem")),
        "may gain privileges": container.get("allowPrivilegeEscalation") is False,
        "capabilities": _get(container, "capabilities.drop") == ["ALL"],
        "a token": spec.get("automountServiceAccountToken") is False,
    }
    return [right for right, holds in rules.items() if not holds]
