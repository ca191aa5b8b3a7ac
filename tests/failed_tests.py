"""A pytest plugin for CI: adds each failed test, and why it failed, to the file that FAILED_TESTS names."""

import os
from pathlib import Path

import pytest

LENGTH = 300
"""The characters of a reason: the whole of it stands in the test's own report."""


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Add a failed test."""
    _add(report)


def pytest_collectreport(report: pytest.CollectReport) -> None:
    """Add a module that cannot be imported."""
    _add(report)


def _add(report: pytest.TestReport | pytest.CollectReport) -> None:
    path = os.environ.get("FAILED_TESTS")
    # A worker reports to the process that started it, which adds the test.
    if path is None or not report.failed or "PYTEST_XDIST_WORKER" in os.environ:
        return
    crash = getattr(report.longrepr, "reprcrash", None)
    reason = str(crash.message if crash else report.longrepr).strip().partition("\n")[0][:LENGTH]
    when = f" ({report.when})" if report.when not in {"call", "collect"} else ""
    with Path(path).open("a", encoding="utf-8") as file:
        file.write(f"{report.nodeid}{when}: {reason}\n")
