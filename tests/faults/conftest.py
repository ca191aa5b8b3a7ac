"""The report of the faults: what was done, and the counts."""

from collections.abc import Callable

import pytest

_REPORT: list[str] = []


@pytest.fixture(scope="session")
def faults() -> Callable[[str, object], None]:
    """A function that adds a line to the report."""
    return lambda name, count: _REPORT.append(f"{name}: {count}")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show the counts of every fault."""
    if _REPORT:
        terminalreporter.section("faults")
        for line in _REPORT:
            terminalreporter.line(line)
