"""The report of the benchmarks: figures, budgets, floors, history, and its forms."""

import asyncio
import json
import sys
from collections.abc import Mapping
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from automation import settings
from automation.console.events import Event, Result
from automation.paths import ROOT
from automation.process import processes
from automation.project import benchmarks
from tests.bench import __main__ as program
from tests.bench import native, page, reload, results
from tests.bench.api import Load
from tests.bench.pages import BUDGETS, Figures
from tests.bench.results import Measured, Report

START = Measured("start", "s", [2.0, 3.0, 10.0], "nothing", [1.0, 1.5, 2.0], budget=30)
SIZE = Measured("size <of> all", "MB", [200.0], budget=150)
READS = Measured("reads", "/s", [100.0, 120.0])


def report(*measured: Measured, **other: Any) -> Report:
    return replace(results.report(measured or (START, SIZE, READS)), machine="a machine", **other)


def test_a_result_has_its_median_its_ratio_to_the_floor_and_its_budget() -> None:
    assert (START.median, START.ratio, START.over_budget) == (3, 2, False)
    assert (SIZE.median, SIZE.ratio, SIZE.over_budget) == (200, None, True)
    assert READS.over_budget is False
    assert "150 MB !" in SIZE.row


def test_rounds_become_one_result() -> None:
    first, second = replace(START, values=[1.0], floor_values=[2.0]), replace(START, values=[3.0])
    assert results.merged([first, READS, second]) == [
        replace(START, values=(1.0, 3.0), floor_values=(2.0, 1.0, 1.5, 2.0)),
        READS,
    ]


def test_a_trend_compares_with_earlier_results_of_the_same_kind_of_machine(tmp_path: Path) -> None:
    history = tmp_path / "folder" / "history.jsonl"
    assert results.with_history(report(), history).earlier == {}
    results.with_history(replace(report(replace(READS, values=[1.0])), machine="another"), history)
    slower = replace(START, values=[6.0])
    later = results.with_history(report(slower, READS), history)
    assert later.earlier["start"] == [2]  # the ratio
    assert (later.trend(slower), later.trend(READS)) == (1, 0)
    assert len(history.read_text(encoding="utf-8").splitlines()) == 3


def test_a_history_keeps_growing_and_a_trend_follows_its_end(tmp_path: Path) -> None:
    history = tmp_path / "history.jsonl"
    for number in range(results.EARLIER_RUNS + 5):
        results.with_history(report(replace(READS, values=[float(number)])), history)
    [earlier] = results.with_history(report(READS), history).earlier.values()
    assert earlier == [float(number) for number in range(5, results.EARLIER_RUNS + 5)]


def test_another_commit_is_measured_in_turns(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    turns: list[str] = []

    def measured(root: Path, runs: int) -> list[Measured]:
        own = root == ROOT
        turns.append(f"{'this' if own else 'other'} {runs}")
        assert own or (root / ".git").exists()
        return [replace(READS, values=[100.0 if own else 50.0])]

    monkeypatch.setattr(native, "measure", measured)
    load = Load(2, 1, (1,), (1,))
    own, others = program.measure(["native"], load, "HEAD")
    assert turns == ["this 1", "other 1"] * 2
    compared = report(*own, compared="abc1234", others=others)
    assert compared.change(own[0]) == 1
    assert results.git("worktree", "list").count("bench-") == 0


class Page(HTMLParser):
    """What a page refers to and draws."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str | None] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value for name, value in attributes if name in {"src", "href", "srcset"}]


def test_the_page_needs_no_other_file_and_draws_every_run() -> None:
    earlier = {"start": [1.0, 2.0], "reads": [0.0]}
    text = page.html(report(compared="abc1234", others=[replace(START, values=[4.0])], earlier=earlier))
    read = Page(text)
    assert (read.addresses, "script" in read.tags, "@import" in text, "url(" in text) == (
        [],
        False,
        False,
        False,
    )
    assert read.tags.count("circle") == 3 + 1 + 2 + 2  # the runs of each, and two trends
    assert "prefers-color-scheme: dark" in text
    assert "size &lt;of&gt; all" in text
    assert "size <of>" not in text
    assert "against abc1234" in text
    assert "-25%" in text  # from 4 s to 3 s


def test_markdown_has_a_row_of_each_result() -> None:
    rows = page.markdown(report(earlier={"start": [1.0]})).splitlines()
    assert "| start | 3.00 s | 2.00 – 10.00 | 3 | 30 s | 2.0 × | +100% over 1 |" in rows
    assert "| size <of> all | 200.00 MB | once | 1 | 150 MB **over** |  |  |" in rows


def test_json_has_the_values_and_what_follows_from_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(program, "REPORT", tmp_path)
    program.write(report())
    [start, *_] = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))["measured"]
    assert (start["values"], start["median"], start["ratio"], start["budget"]) == ([2, 3, 10], 3, 2, 30)
    assert {file.name for file in tmp_path.iterdir()} == {"report.json", "report.md", "report.html"}


def test_the_task_runs_the_session_and_reports(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    written = tmp_path / ".artifacts" / "bench" / "report.json"
    written.parent.mkdir(parents=True)
    commands: list[list[str]] = []

    async def session(command: list[str], seen: Any, *, cwd: Path, environ: Mapping[str, str]) -> int:
        commands.append(command)
        seen("start 3.00 s")
        written.write_text('{"commit": "abc1234"}', encoding="utf-8")
        return 2

    monkeypatch.setattr(processes, "follow", session)
    events: list[Event] = []
    given = settings.load({}, tmp_path)
    work = benchmarks.bench(given, events.append, kinds=("native",), runs=3, compare="v1")
    assert asyncio.run(work) == 1
    words = ["--session", "bench", "--", "native", "--runs", "3", "--compare", "v1"]
    assert commands == [[sys.executable, "-m", "nox", *words]]
    assert events[-1] == Result({"commit": "abc1234"})


def test_visits_become_results_beside_their_budgets_and_floors() -> None:
    figures = Figures()
    figures.add({"scripts": 150.0, "complete, to paint": 60.0}, {"complete, to paint": 20.0})
    figures.add({"scripts": 150.0, "complete, to paint": 80.0}, {"complete, to paint": 30.0})
    scripts, completing = figures.measured("phone, 60 t")
    assert (scripts.name, scripts.unit, scripts.budget) == ("scripts, phone, 60 t", "kB", BUDGETS["scripts"])
    assert (scripts.ratio, scripts.over_budget) == (None, False)
    assert (completing.unit, completing.median, completing.ratio) == ("ms", 70, 2.8)
    assert completing.over_budget


@pytest.mark.parametrize("service", reload.LINES)
def test_the_line_that_a_reload_changes_is_in_its_file(service: str) -> None:
    name, before, after = reload.LINES[service]
    assert (ROOT / name).read_text(encoding="utf-8").count(before) == 1
    assert "MARK" in after
