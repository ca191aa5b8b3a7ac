"""The fingerprint of a release: everything that changes what Helm would send."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from automation.kubernetes.release import Rendered, fingerprint
from automation.kubernetes.target import Request
from tests.automation.kubernetes.chart import CHART


@pytest.fixture
def chart(tmp_path: Path) -> Path:
    """Copy the chart."""
    return shutil.copytree(CHART, tmp_path / "chart")


def of(chart: Path, request: Request | None = None, **values: str) -> str:
    """Return the fingerprint of a release of the chart."""
    return fingerprint(values, request or Request("shop"), chart, chart.parent)


def test_an_equal_chart_elsewhere_has_the_same_fingerprint(chart: Path) -> None:
    assert of(chart) == of(CHART)


def test_a_renamed_template_changes_the_fingerprint(chart: Path) -> None:
    before = of(chart)
    # The order of the contents stays.
    (chart / "templates" / "_helpers.tpl").rename(chart / "templates" / "_helpers.yaml")
    assert of(chart) != before


def test_values_settings_and_files_change_the_fingerprint(chart: Path) -> None:
    before = of(chart)
    values = chart.parent / "mine.yaml"
    values.write_text("backend: {replicaCount: 2}\n")
    by_file = of(chart, Request("shop", values_files=("mine.yaml",)))
    values.write_text("backend: {replicaCount: 3}\n")
    changed = of(chart, Request("shop", values_files=("mine.yaml",)))
    by_setting = of(chart, Request("shop", settings=("backend.replicaCount=2",)))
    assert len({before, by_file, changed, by_setting, of(chart, secret="2")}) == 5


def test_the_time_for_a_rollout_fits_its_turns() -> None:
    def seconds(replicas: int, surge: int | str, *more: dict[str, Any]) -> float:
        spec = {"replicas": replicas, "strategy": {"rollingUpdate": {"maxSurge": surge}}}
        return Rendered(
            ({"kind": "Deployment", "metadata": {"name": "d"}, "spec": spec}, *more)
        ).rollout_seconds

    scaler = {"kind": "HorizontalPodAutoscaler", "spec": {"scaleTargetRef": {"name": "d"}, "maxReplicas": 40}}
    assert [seconds(2, 1), seconds(20, 1), seconds(20, "25%")] == [180, 450, 210]
    assert seconds(2, 1, scaler) == 750
