"""Checks of the chart: every value of what Helm renders is the contract's, and none is unknown.

Each row is a check of some places; `chart-model` is the check of all others.
"""

import re
from collections.abc import Iterator
from functools import partial

from automation.contract.comparison import Difference, differences
from automation.contract.contract import Contract
from automation.verify.check import STATIC, Check, Finding, check, no_problem, register
from automation.verify.checks.chart_model import required
from automation.verify.facts import Charts, Document, Refusals, Renderings
from automation.verify.gather.complaints import says

_ROWS: tuple[tuple[str, str, str], ...] = (
    ("chart-probes", "The pods have the contract's probes.", r"(Deployment|StatefulSet) .*Probe(\..*)?"),
    (
        "chart-resources",
        "Every container has the contract's resource requests and limits.",
        r".* .*containers\..*\.resources(\..*)?",
    ),
    (
        "chart-restricted",
        "Pods run as the contract's user, with a read-only root, no capabilities and no token.",
        r".* .*(securityContext|serviceAccountName|automountServiceAccountToken|host\w+)(\..*)?",
    ),
    (
        "chart-network-policies",
        "Only the contract's pods may connect to the backend and to the database.",
        r"NetworkPolicy .*",
    ),
    (
        "chart-migrations",
        "One Job per revision migrates the schema, with the backend's image and the contract's command.",
        r"Job .*",
    ),
    (
        "chart-availability",
        "Updates, drained nodes and failed zones leave the contract's number of pods.",
        r"PodDisruptionBudget .*|Deployment .*\.(replicas|strategy|topology\w+|termination\w+)(\..*)?",
    ),
    (
        "chart-configuration",
        "The ConfigMap has the contract's values, and secrets come from the Secret only.",
        r"ConfigMap .*|.* .*containers\.\w+\.(env|envFrom)(\..*)?",
    ),
    ("chart-services", "The services have the contract's type, ports and pods.", r"Service .*"),
    (
        "chart-model",
        "Every other value of the rendered chart is the contract's, and no key is unknown.",
        ".*",
    ),
)
_REMEDY = (
    "correct the chart; if the value is right, change the profile or automation/verify/checks/chart_model.py"
)


def found(wanted: Document, observed: Document) -> Iterator[tuple[str, Difference]]:
    """Yield the differences of a rendering, each with the name of the check of its place."""
    for difference in differences(wanted, observed):
        yield (
            next(name for name, _, places in _ROWS if re.fullmatch(places, difference.path)),
            difference,
        )


def _judge(check: str, contract: Contract, charts: Charts) -> Finding:
    return no_problem(
        f"{chart.place} {difference}".lstrip()
        for chart in charts.every
        for name, difference in found(required(contract, chart), chart.objects)
        if name == check
    )


@check(
    STATIC,
    per_service=False,
    remedy="correct the chart; if the change is right, record it: nox -s reference, and read the difference",
)
def chart_options(renderings: Renderings) -> Finding:
    """Every set of values renders the recorded objects and notes, in any release."""
    return no_problem(
        f"({name}) {difference}"
        for name in dict.fromkeys((*renderings.recorded, *renderings.observed))
        for difference in differences(renderings.recorded.get(name), renderings.observed.get(name))
    )


@check(STATIC, per_service=False, remedy="correct the chart's schema or templates/checks.yaml")
def chart_refusals(refusals: Refusals) -> Finding:
    """The chart refuses values that are wrong, unknown or contradict each other, and says why."""
    return no_problem(
        f"not refused: {line}"
        for required, error in refusals.every
        for line in required
        if not says(error, line)
    )


for _name, _summary, _ in _ROWS:
    function, takes = partial(_judge, _name), (Contract, Charts)
    register(Check(_name, STATIC, _summary, takes, function, _REMEDY, per_service=False))
