"""Results of measurements: medians and spread, budgets, ratios to floors, and earlier results."""

import json
import os
import platform
import statistics
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from automation.paths import ROOT

EARLIER_RUNS = 20
"""Earlier results that a trend compares with, at most."""
RATE = "/s"
"""The unit of which more is better."""


@dataclass(frozen=True)
class Measured:
    """One thing that was measured, in a unit, beside its floor and its budget."""

    name: str
    unit: str
    values: Sequence[float]
    floor: str = ""
    """Name of the floor; empty if there is none."""
    floor_values: Sequence[float] = ()
    budget: float | None = None
    """The most that the contract allows, in the unit; None if it says nothing."""

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def ratio(self) -> float | None:
        """The median in terms of the floor's."""
        floor = statistics.median(self.floor_values) if self.floor_values else 0
        return self.median / floor if floor else None

    @property
    def over_budget(self) -> bool:
        return self.budget is not None and self.median > self.budget

    @property
    def comparable(self) -> float:
        """What a trend follows: the ratio, which depends less on the machine, else the median."""
        return self.median if self.ratio is None else self.ratio

    @property
    def row(self) -> str:
        """The line of the table on a terminal."""
        line = f"{self.name:<38} {self.median:8.2f} {self.unit:<3} {spread(self.values):>17}"
        budget = "" if self.budget is None else f"{self.budget:g} {self.unit}{' !' * self.over_budget}"
        ratio = "" if self.ratio is None else f"{self.ratio:6.1f} x {self.floor}"
        return f"{line} {budget:>9} {ratio}".rstrip()


@dataclass(frozen=True)
class Report:
    """The results of one run, those of another commit beside them, and earlier ones."""

    at: str
    commit: str
    machine: str
    load: float | None
    """Processes that waited for a processor, on average over the last minute."""
    measured: Sequence[Measured]
    compared: str = ""
    """The other commit; empty if there is none."""
    others: Sequence[Measured] = ()
    earlier: Mapping[str, Sequence[float]] = field(default_factory=dict)
    """Comparable figures of earlier results on this kind of machine, oldest first."""

    def other(self, name: str) -> Measured | None:
        """Return the same measurement of the other commit."""
        return next((other for other in self.others if other.name == name), None)

    def change(self, measured: Measured) -> float | None:
        """Return the change from the other commit's median, as a fraction."""
        other = self.other(measured.name)
        return measured.median / other.median - 1 if other and other.median else None

    def trend(self, measured: Measured) -> float | None:
        """Return the change from the median of earlier results, as a fraction."""
        earlier = self.earlier.get(measured.name, ())
        before = statistics.median(earlier) if earlier else 0
        return measured.comparable / before - 1 if before else None

    def as_json(self) -> dict[str, Any]:
        """Return the report as JSON, with the figures that are derived."""
        return asdict(self) | {
            "measured": [
                asdict(measured)
                | {
                    "median": measured.median,
                    "ratio": measured.ratio,
                    "change": self.change(measured),
                    "trend": self.trend(measured),
                }
                for measured in self.measured
            ]
        }


def spread(values: Sequence[float]) -> str:
    """Return the least and the greatest value, as people read them."""
    return f"{min(values):.2f} – {max(values):.2f}" if len(values) > 1 else "once"


def merged(rounds: Iterable[Measured]) -> list[Measured]:
    """Return one result for each name, with the values of all rounds."""
    results: dict[str, Measured] = {}
    for measured in rounds:
        if before := results.get(measured.name):
            values = (*before.values, *measured.values)
            floor_values = (*before.floor_values, *measured.floor_values)
            measured = replace(before, values=values, floor_values=floor_values)
        results[measured.name] = measured
    return list(results.values())


def report(measured: Sequence[Measured], compared: str = "", others: Sequence[Measured] = ()) -> Report:
    """Return the report of what was measured just now in this folder."""
    load = round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None
    machine = f"{platform.system()} {platform.machine()}, {os.cpu_count()} processors"
    at = datetime.now(UTC).isoformat(timespec="seconds")
    return Report(at, git("describe", "--always", "--dirty"), machine, load, measured, compared, others)


def with_history(current: Report, history: Path) -> Report:
    """Return the report with the earlier results of this kind of machine, and add it to them."""
    earlier: dict[str, list[float]] = {}
    for line in history.read_text(encoding="utf-8").splitlines() if history.exists() else ():
        before = json.loads(line)
        if before["machine"] == current.machine:
            for name, figure in before["figures"].items():
                earlier[name] = [*earlier.get(name, ()), figure][-EARLIER_RUNS:]
    figures = {measured.name: measured.comparable for measured in current.measured}
    added = {"at": current.at, "commit": current.commit, "machine": current.machine, "figures": figures}
    history.parent.mkdir(parents=True, exist_ok=True)
    with history.open("a", encoding="utf-8") as file:
        file.write(json.dumps(added) + "\n")
    return replace(current, earlier=earlier)


def git(*words: str) -> str:
    """Return what git prints about this project. Raises RuntimeError when it fails."""
    done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr.strip())
    return done.stdout.strip()
