"""Checks of what runs in a cluster, as its API server reports it: not of what was asked of it."""

import functools
from collections.abc import Callable, Mapping
from typing import Any

from automation.contract.contract import Contract
from automation.contract.models import Kubernetes, Probe, Workload
from automation.verify.check import LIVE, Finding, check, judged, listed, not_applicable
from automation.verify.facts import Released

_REMEDY = "invoke helm-install   with the chart's own values"
_Rule = Callable[[Contract, Released], Finding]
_LABELS = ("name", "instance", "version", "managed-by")


def held(name: str, *, per_service: bool = True) -> Callable[[_Rule], _Rule]:
    """Register a check that is held wherever a release runs."""

    def register(rule: _Rule) -> _Rule:
        @functools.wraps(rule)
        def where_it_runs(asked: Contract, released: Released) -> Finding:
            if released.absent:
                return not_applicable("a release in a cluster", released.absent)
            return rule(asked, released)

        return check(name, LIVE, per_service=per_service)(where_it_runs)

    return register


@held("cluster-replicas")
def replicas(asked: Contract, released: Released) -> Finding:
    """In the cluster as many replicas are wanted as the contract says, and all are available."""
    most = _workload(asked).replicas
    deployment = released.find("Deployment", _workload(asked).name)
    wanted = deployment.get("spec", {}).get("replicas", 0)
    available = deployment.get("status", {}).get("availableReplicas", 0)
    return judged(
        f"{most} of {most}",
        f"{available} of {wanted}",
        holds=wanted == most and available == most,
        remedy="invoke status   and   invoke logs   show what keeps them",
    )


@held("cluster-strategy")
def strategy(asked: Contract, released: Released) -> Finding:
    """An update in the cluster replaces pods one by one, and takes none away before another is there."""
    rules = _rules(asked)
    found = released.find("Deployment", _workload(asked).name).get("spec", {}).get("strategy", {})
    rolling = found.get("rollingUpdate", {})
    seen = (found.get("type"), rolling.get("maxSurge"), rolling.get("maxUnavailable"))
    return judged(
        f"RollingUpdate, surge {rules.max_surge}, unavailable {rules.max_unavailable}",
        f"{seen[0]}, surge {seen[1]}, unavailable {seen[2]}",
        holds=seen == ("RollingUpdate", rules.max_surge, rules.max_unavailable),
        remedy=_REMEDY,
    )


@held("cluster-labels")
def labels(asked: Contract, released: Released) -> Finding:
    """Deployment and pods in the cluster carry the labels by which they are found and told apart."""
    workload, rules = _workload(asked), _rules(asked)
    own = {"app": workload.name, "tier": workload.tier}
    required = f"app={workload.name}, tier={workload.tier}, app.kubernetes.io/{', '.join(_LABELS)}"
    deployment = released.find("Deployment", workload.name)
    wrong = []
    for name, document in ((workload.name, deployment), *_named(released, workload)):
        found = document.get("metadata", {}).get("labels", {})
        wanted = {
            **own,
            "app.kubernetes.io/name": rules.chart,
            "app.kubernetes.io/version": rules.application_version,
            "app.kubernetes.io/managed-by": "Helm",
        }
        wrong += [f"{name}: {key}" for key, value in wanted.items() if found.get(key) != value]
        wrong += [] if found.get("app.kubernetes.io/instance") else [f"{name}: instance"]
    selector = deployment.get("spec", {}).get("selector", {}).get("matchLabels")
    wrong += [] if selector == own else [f"selects {selector}"]
    return judged(required, listed(wrong) or "all of them", holds=not wrong, remedy=_REMEDY)


@held("cluster-probes")
def probes(asked: Contract, released: Released) -> Finding:
    """Kubernetes asks the pods in the cluster what the contract says, as often and as patiently."""
    workload = _workload(asked)
    required = f"readiness {_told(workload.readiness)}; liveness {_told(workload.liveness)}"
    container = _container(released.find("Deployment", workload.name).get("spec", {}).get("template", {}))
    seen = {kind: _probe(container.get(f"{kind}Probe", {})) for kind in ("readiness", "liveness")}
    return judged(
        required,
        "; ".join(f"{kind} {_told(each) if each else 'none'}" for kind, each in seen.items()),
        holds=seen == {"readiness": workload.readiness, "liveness": workload.liveness},
        remedy=_REMEDY,
    )


@held("cluster-resources")
def resources(asked: Contract, released: Released) -> Finding:
    """Every pod in the cluster asks for the resources of the contract, and is limited as it says."""
    rules = _rules(asked)
    required = (
        f"asks {rules.requests.cpu} {rules.requests.memory}, at most {rules.limits.cpu} {rules.limits.memory}"
    )
    if released.absent:
        return not_applicable(required, released.absent)
    wanted = {
        "requests": {"cpu": rules.requests.cpu, "memory": rules.requests.memory},
        "limits": {"cpu": rules.limits.cpu, "memory": rules.limits.memory},
    }
    pods = _named(released, _workload(asked))
    wrong = [name for name, pod in pods if _container(pod).get("resources") != wanted]
    return judged(
        required,
        listed(wrong) or ("as required" if pods else "no pod"),
        holds=bool(pods) and not wrong,
        remedy=_REMEDY,
    )


@held("cluster-images")
def images(asked: Contract, released: Released) -> Finding:
    """The pods in the cluster run an image of the contract, by a tag that changes with the content."""
    required = f"{asked.service.image}, by the tag of its content"
    running = {str(_container(pod).get("image")) for _, pod in _named(released, _workload(asked))}
    named = (each.rpartition("/")[2].partition(":") for each in running)
    good = all(name == asked.service.image and tag not in {"", "latest"} for name, _, tag in named)
    return judged(required, listed(sorted(running)) or "no pod", holds=bool(running) and good, remedy=_REMEDY)


@held("cluster-restricted")
def restricted(asked: Contract, released: Released) -> Finding:
    """The pods in the cluster run as the contract's user: root read-only, no capabilities, no token."""
    user = asked.service.user
    required = f"{user.uid}:{user.gid}, read-only root, no capabilities, seccomp, no token"
    pods = _named(released, _workload(asked))
    wrong = [f"{name}: {what}" for name, pod in pods for what in _liberties(pod, user.uid, user.gid)]
    return judged(
        required,
        listed(wrong) or ("as required" if pods else "no pod"),
        holds=bool(pods) and not wrong,
        remedy=_REMEDY,
    )


@held("cluster-service")
def service(asked: Contract, released: Released) -> Finding:
    """The service in the cluster is of the contract's type and port, and selects the workload's pods."""
    workload = _workload(asked)
    required = f"{workload.service_type} {workload.service_port} to {workload.name}"
    spec = released.find("Service", workload.service).get("spec", {})
    selected = spec.get("selector", {})
    ports = [each.get("port") for each in spec.get("ports", ())]
    return judged(
        required,
        f"{spec.get('type')} {listed([str(each) for each in ports])} to {selected.get('app')}",
        holds=spec.get("type") == workload.service_type
        and ports == [workload.service_port]
        and selected == {"app": workload.name, "tier": workload.tier},
        remedy=_REMEDY,
    )


@held("cluster-policies")
def policies(asked: Contract, released: Released) -> Finding:
    """In the cluster a network policy says who may connect, and a disruption budget lets nodes be drained."""
    required = "a network policy; a budget that lets a pod go"
    workload = _workload(asked)
    own = {"app": workload.name, "tier": workload.tier}
    policed = [
        each
        for each in released.of_kind("NetworkPolicy")
        if each["spec"].get("podSelector", {}).get("matchLabels") == own
    ]
    stuck = [
        each["metadata"]["name"]
        for each in released.of_kind("PodDisruptionBudget")
        if each["spec"].get("selector", {}).get("matchLabels") == own
        and not each.get("status", {}).get("disruptionsAllowed")
    ]
    wrong = [*([] if policed else ["no network policy"]), *(f"{name} lets no pod go" for name in stuck)]
    return judged(required, listed(wrong) or "as required", holds=not wrong, remedy=_REMEDY)


@held("cluster-configuration", per_service=False)
def configuration(asked: Contract, released: Released) -> Finding:
    """The cluster has the ConfigMap and the Secret of the contract, with what belongs into each."""
    rules = _rules(asked)
    required = f"{', '.join(rules.config)} in {rules.config_map}; {', '.join(rules.secret_keys)} as secrets"
    found = released.find("ConfigMap", rules.config_map).get("data", {})
    wrong = [name for name, value in rules.config.items() if found.get(name) != value]
    wrong += [name for name in rules.secret_keys if name not in released.secret_keys]
    wrong += [f"{name} is in the ConfigMap" for name in rules.secret_keys if name in found]
    return judged(required, listed(wrong) or "all of them", holds=not wrong, remedy=_REMEDY)


def _rules(asked: Contract) -> Kubernetes:
    rules = asked.profile.kubernetes
    if rules is None:
        raise ValueError(f"the profile {asked.profile.name} has no rules for Kubernetes")
    return rules


def _workload(asked: Contract) -> Workload:
    rules = _rules(asked)
    return rules.frontend if asked.name == "frontend" else rules.backend


def _named(released: Released, workload: Workload) -> list[tuple[str, Mapping[str, Any]]]:
    return [(each["metadata"]["name"], each) for each in released.pods(workload.name)]


def _container(pod: Mapping[str, Any]) -> Mapping[str, Any]:
    containers = pod.get("spec", {}).get("containers") or [{}]
    found: Mapping[str, Any] = containers[0]
    return found


def _probe(probe: Mapping[str, Any]) -> Probe | None:
    if not probe:
        return None
    # What a cluster has is compared with the contract, and need not be valid.
    return Probe.model_construct(
        path=probe.get("httpGet", {}).get("path", ""),
        initial_delay_s=probe.get("initialDelaySeconds", 0),
        period_s=probe.get("periodSeconds", 10),
        timeout_s=probe.get("timeoutSeconds", 1),
    )


def _told(probe: Probe) -> str:
    return f"{probe.path} after {probe.initial_delay_s} s, each {probe.period_s} s, {probe.timeout_s} s"


def _liberties(pod: Mapping[str, Any], uid: int, gid: int) -> list[str]:
    """Return what a pod is allowed that the contract does not allow."""
    spec = pod.get("spec", {})
    own, each = spec.get("securityContext", {}), _container(pod).get("securityContext", {})
    return [
        *([] if (own.get("runAsUser"), own.get("runAsGroup")) == (uid, gid) else ["another user"]),
        *([] if own.get("runAsNonRoot") else ["may be root"]),
        *([] if own.get("seccompProfile", {}).get("type") == "RuntimeDefault" else ["no seccomp"]),
        *([] if each.get("readOnlyRootFilesystem") else ["writable root"]),
        *([] if each.get("allowPrivilegeEscalation") is False else ["may gain privileges"]),
        *([] if each.get("capabilities", {}).get("drop") == ["ALL"] else ["capabilities"]),
        *([] if spec.get("automountServiceAccountToken") is False else ["a token"]),
    ]
