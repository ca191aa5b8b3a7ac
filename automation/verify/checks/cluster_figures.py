"""Checks of a release's figures: what it may use, and how long its pods and its installation took."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from automation.contract.contract import Contract
from automation.contract.models import Kubernetes
from automation.verify.check import LIVE, Finding, at_most, check, no_problem, not_applicable
from automation.verify.facts import Installs, Released

_QUANTITY = re.compile(r"(\d+(?:\.\d+)?)(m|k|Ki|[MGT]i?)?")
_UNITS = {"m": 1e-3, "": 1.0} | {
    f"{unit}{binary}": float(base**power)
    for binary, base in (("", 1000), ("i", 1024))
    for power, unit in enumerate("kMGT", 1)
}
_SLOW = "invoke status   shows what the pods wait for"


def quantity(text: str) -> float:
    """Return a quantity of Kubernetes as a number: 0.5 for 500m, 1024 for 1Ki. Raises ValueError."""
    found = _QUANTITY.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is not a quantity")
    return float(found[1]) * _UNITS[(found[2] or "").replace("Ki", "ki")]


@check(LIVE, per_service=False, remedy="requests, limits and replicaCount of the chart's values")
def release_budget(contract: Contract, released: Released) -> Finding:
    """All pods together request at most the contract's maximum and may use at least its minimum."""
    rules = _rules(contract)
    budget = {"cpu": (rules.cpu_min, rules.cpu_max), "memory": (rules.memory_min, rules.memory_max)}
    problems = []
    for resource, (least, most) in budget.items():
        reserved, allowed = (_total(released, kind, resource) for kind in ("requests", "limits"))
        if reserved > quantity(most):
            problems.append(f"{resource}: {reserved:g} requested, more than {most}")
        if allowed < quantity(least):
            problems.append(f"{resource}: limited to {allowed:g}, less than {least}")
    required = ", ".join(f"{name} {least} to {most}" for name, (least, most) in budget.items())
    return no_problem(problems, required=required)


@check(LIVE, per_service=False, remedy=_SLOW)
def pod_start_time(contract: Contract, released: Released) -> Finding:
    """Every pod is ready soon after it is scheduled."""
    limit, seconds = _rules(contract).pod_start_max_s, []
    for pod in released.of_kind("Pod"):
        status = pod.get("status", {})
        times = {
            one["type"]: datetime.fromisoformat(one["lastTransitionTime"])
            for one in status.get("conditions", ())
            if one.get("status") == "True"
        }
        # The times of a pod that has restarted are those of its last start.
        restarts = sum(one.get("restartCount", 0) for one in status.get("containerStatuses", ()))
        if not restarts and {"Ready", "PodScheduled"} <= times.keys():
            seconds.append((times["Ready"] - times["PodScheduled"]).total_seconds())
    if not seconds:
        return not_applicable(f"at most {limit} s", "every pod has restarted since its first start")
    return at_most(limit, max(seconds), "s")


@check(LIVE, per_service=False, remedy=_SLOW)
def first_install_time(contract: Contract, installs: Installs) -> Finding:
    """The first installation of a release finishes in time, from the build to healthy pods."""
    return _recorded(_rules(contract).cold_install_max_s, installs.cold_s, "no first installation")


@check(LIVE, per_service=False, remedy=_SLOW)
def upgrade_time(contract: Contract, installs: Installs) -> Finding:
    """An upgrade finishes in time, from the build to healthy pods."""
    return _recorded(_rules(contract).warm_install_max_s, installs.warm_s, "no upgrade")


def _recorded(limit: int, seconds: float | None, missing: str) -> Finding:
    if seconds is None:
        return not_applicable(
            f"at most {limit} s", f"{missing} is recorded; invoke helm-install measures one"
        )
    return at_most(limit, seconds, "s")


def _total(released: Released, kind: str, resource: str) -> float:
    """Return what all replicas of all deployments request, or may use."""

    def of(deployment: Mapping[str, Any]) -> float:
        spec = deployment["spec"]
        containers = spec["template"]["spec"]["containers"]
        amounts = (one.get("resources", {}).get(kind, {}).get(resource, "0") for one in containers)
        return float(spec.get("replicas", 1)) * sum(quantity(str(amount)) for amount in amounts)

    return sum(of(deployment) for deployment in released.of_kind("Deployment"))


def _rules(contract: Contract) -> Kubernetes:
    rules = contract.profile.kubernetes
    if rules is None:
        raise ValueError(f"the profile {contract.profile.name} has no rules for Kubernetes")
    return rules
