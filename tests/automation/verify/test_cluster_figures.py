"""The figures of a release are measured, and each check can fail."""

from dataclasses import replace
from typing import Any

import pytest

from automation.contract import profiles
from automation.contract.contract import Contract
from automation.verify.check import Finding, Outcome, registered
from automation.verify.checks import cluster_figures
from automation.verify.checks.cluster_figures import (
    first_install_time,
    pod_start_time,
    quantity,
    release_budget,
    upgrade_time,
)
from automation.verify.facts import Installs, Released

CONTRACT = Contract(profiles.load("cluster"), profiles.load_rules())
RESOURCES = {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"cpu": "500m", "memory": "512Mi"}}


def deployment(replicas: int, **changes: dict[str, str]) -> dict[str, Any]:
    container = {"resources": {**RESOURCES, **changes}}
    return {"spec": {"replicas": replicas, "template": {"spec": {"containers": [container]}}}}


def pod(scheduled: str, ready: str, restarts: int = 0) -> dict[str, Any]:
    times = {"PodScheduled": scheduled, "Ready": ready}
    conditions = [
        {"type": kind, "status": "True", "lastTransitionTime": f"2026-11-27T{time}Z"}
        for kind, time in times.items()
    ]
    return {"status": {"conditions": conditions, "containerStatuses": [{"restartCount": restarts}]}}


def budget(*deployments: dict[str, Any]) -> Finding:
    objects = {("Deployment", str(number)): one for number, one in enumerate(deployments)}
    return release_budget(CONTRACT, Released(objects))


def start(*pods: dict[str, Any]) -> Finding:
    objects = {("Pod", str(number)): one for number, one in enumerate(pods)}
    return pod_start_time(CONTRACT, Released(objects))


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("500m", 0.5),
        ("2", 2),
        ("1.5", 1.5),
        ("128Mi", 128 * 2**20),
        ("1Gi", 2**30),
        ("400M", 4e8),
        ("1Ki", 1024),
    ],
)
def test_quantities_are_read_as_kubernetes_does(text: str, number: float) -> None:
    assert quantity(text) == number


def test_the_contracts_release_is_within_its_budget() -> None:
    assert budget(deployment(2), deployment(1)).outcome is Outcome.PASSED


@pytest.mark.parametrize(
    ("how", "deployments"),
    [
        ("cpu: 0.9 requested, more than 800m", [deployment(9)]),
        ("memory", [deployment(1, requests={"cpu": "100m", "memory": "2Gi"})]),
        ("cpu: limited to 0.1, less than 200m", [deployment(1, limits={"cpu": "100m", "memory": "1Gi"})]),
        ("memory", [deployment(1, limits={"cpu": "1", "memory": "100Mi"})]),
    ],
)
def test_a_release_that_reserves_or_may_use_something_else_fails(
    how: str, deployments: list[dict[str, Any]]
) -> None:
    found = budget(*deployments)
    assert found.outcome is Outcome.FAILED
    assert how in found.observed


def test_a_pod_is_ready_in_time() -> None:
    assert start(pod("10:00:00", "10:00:30")).outcome is Outcome.PASSED
    assert start(pod("10:00:00", "10:00:05"), pod("10:00:00", "10:00:31")).outcome is Outcome.FAILED
    # Its times are those of the last start.
    assert start(pod("10:00:00", "10:20:00", restarts=1)).outcome is Outcome.NOT_APPLICABLE


@pytest.mark.parametrize(
    ("check", "kind", "most"),
    [(first_install_time, "cold_s", 420), (upgrade_time, "warm_s", 120)],
)
def test_an_installation_finishes_in_time(check: Any, kind: str, most: int) -> None:
    def outcome(seconds: float | None) -> Outcome:
        changes: dict[str, Any] = {kind: seconds}
        found: Finding = check(CONTRACT, replace(Installs(), **changes))
        return found.outcome

    assert outcome(most) is Outcome.PASSED
    assert outcome(most + 1) is Outcome.FAILED
    assert outcome(None) is Outcome.NOT_APPLICABLE


def test_every_figure_of_the_contract_is_read() -> None:
    """A figure of 0, or a least amount that nothing reaches, fails its check."""
    released = Released({("Deployment", "a"): deployment(1), ("Pod", "a"): pod("10:00:00", "10:00:05")})
    installs = Installs(cold_s=1, warm_s=1)
    rules = CONTRACT.profile.kubernetes
    assert rules is not None
    changes: dict[str, Any] = {
        **dict.fromkeys(("cpu_min", "memory_min"), "100Gi"),
        **dict.fromkeys(("cpu_max", "memory_max"), "0"),
        **dict.fromkeys(("pod_start_max_s", "cold_install_max_s", "warm_install_max_s"), 0),
    }
    for key, value in changes.items():
        kubernetes = rules.model_copy(update={key: value})
        profile = CONTRACT.profile.model_copy(update={"kubernetes": kubernetes})
        facts = {Released: released, Installs: installs}
        found = [
            check.evaluate(Contract(profile, CONTRACT.rules), facts)
            for check in registered()
            if check.function.__module__ == cluster_figures.__name__
        ]
        assert [one for one in found if one.outcome is Outcome.FAILED], key
