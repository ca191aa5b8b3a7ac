"""`invoke bench` or `nox -s bench`: times, memory and sizes, each beside its budget and its floor.

`pages` and `chat` open the application in a browser.

A time alone says as much about the machine and its other work as about the project. So each measurement
takes turns with a floor, such as a container of the same image that does nothing, and the ratio can be
compared. `--compare REF` measures another commit too, alternating with this folder. Images and containers are
measured as they are committed, in a clone whose images have names of their own; nothing of them is left.
The report is .artifacts/bench/report.json, .md and .html; .bench/history.jsonl keeps earlier results.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from types import ModuleType

from automation.paths import ROOT
from tests.bench import api, chat, native, page, pages, reload, results
from tests.bench.clone import Clone
from tests.bench.cluster import Cluster
from tests.bench.images import Images
from tests.bench.results import Measured

PROCESSES: dict[str, ModuleType] = {"native": native, "pages": pages, "chat": chat, "reload": reload}
"""Measured without containers; each has a function `measure`."""
CLONED: dict[str, Callable[[Clone], Iterator[Measured]]] = {
    "build": lambda clone: Images(clone).build(),
    "sizes": lambda clone: Images(clone).sizes(),
    "start": lambda clone: Images(clone).start(),
    "compose": lambda clone: Images(clone).compose(),
    "anew": lambda clone: Images(clone).anew(),
    "cluster": lambda clone: Cluster(clone).measure(),
}
KINDS = (*PROCESSES, "api", *CLONED)
BY_ITSELF = ("cluster",)
"""Measured only when it is named: it needs a cluster."""
REPORT = ROOT / ".artifacts" / "bench"
HISTORY = ROOT / ".bench" / "history.jsonl"
"""Not in .artifacts, which `invoke clean` removes."""


def tell(line: str) -> None:
    """Show a line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


class Subject:
    """A folder with a commit to measure."""

    def __init__(self, root: Path, kinds: Sequence[str], load: api.Load, stack: ExitStack) -> None:
        self._root, self._kinds, self._load = root, kinds, load
        self._clone: Clone | None = None
        if set(kinds) & CLONED.keys():
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
            self._clone = Clone(root, folder / "clone", f"bench{uuid.uuid4().hex[:6]}", load.runs)
            stack.callback(self._clone.close)

    def measure(self) -> Iterator[Measured]:
        """Measure each kind in turn."""
        for kind in self._kinds:
            if kind in PROCESSES:
                yield from PROCESSES[kind].measure(self._root, self._load.runs)
        if "api" in self._kinds:
            yield from api.measure(self._root, self._load)
        if self._clone:
            for kind in self._kinds:
                if kind in CLONED:
                    yield from CLONED[kind](self._clone)


def measure(kinds: Sequence[str], load: api.Load, compare: str) -> tuple[list[Measured], list[Measured]]:
    """Measure this folder and, in turns, the other commit. Raises RuntimeError when something fails."""
    own: list[Measured] = []
    others: list[Measured] = []
    with ExitStack() as stack:
        if not compare:
            for measured in Subject(ROOT, kinds, load, stack).measure():
                tell(measured.row)
                own.append(measured)
            return own, []
        other = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-"))) / "other"
        results.git("worktree", "add", "--quiet", "--detach", str(other), compare)
        stack.callback(results.git, "worktree", "remove", "--force", str(other))
        once = replace(load, runs=1)
        subjects = [(own, Subject(ROOT, kinds, once, stack)), (others, Subject(other, kinds, once, stack))]
        for number in range(load.runs):
            tell(f"round {number + 1} of {load.runs}")
            for collected, subject in subjects:
                collected += subject.measure()
    return results.merged(own), results.merged(others)


def write(report: results.Report) -> None:
    """Write the report in each form."""
    REPORT.mkdir(parents=True, exist_ok=True)
    forms = {"json": json.dumps(report.as_json(), indent=2) + "\n", "md": page.markdown(report)}
    for form, text in (forms | {"html": page.html(report)}).items():
        (REPORT / f"report.{form}").write_text(text, encoding="utf-8")


def main() -> int:
    """Measure what is asked for, and report it; return 1 if a median exceeds its budget."""
    parser = argparse.ArgumentParser(prog="nox -s bench --", description="Measure times, memory and sizes.")
    all_others = f"all but {', '.join(BY_ITSELF)} unless named"
    parser.add_argument("kinds", nargs="*", metavar="KIND", help=f"{', '.join(KINDS)}: {all_others}")
    parser.add_argument("--runs", type=int, default=5, help="how often each is measured (5)")
    parser.add_argument("--compare", metavar="REF", default="", help="measure this commit too, alternating")
    lists = (
        ("connections", (16,), "api: how many connections ask at the same time (16)"),
        ("tasks", (1_000,), "api: how many tasks the person has (1000)"),
    )
    for name, default, meaning in lists:
        parser.add_argument(f"--{name}", type=int, nargs="+", default=default, metavar="NUMBER", help=meaning)
    parser.add_argument("--requests", type=int, default=500, help="api: requests in a run (500)")
    chosen = parser.parse_args()
    if unknown := [kind for kind in chosen.kinds if kind not in KINDS]:
        parser.error(f"there is no {unknown[0]!r}: it measures {', '.join(KINDS)}")
    kinds = chosen.kinds or [kind for kind in KINDS if kind not in BY_ITSELF]
    load = api.Load(max(1, chosen.runs), chosen.requests, chosen.connections, chosen.tasks)
    try:
        compared = (
            results.git("rev-parse", "--short", f"{chosen.compare}^{{commit}}") if chosen.compare else ""
        )
        measured, others = measure(kinds, load, compared)
    except (RuntimeError, subprocess.CalledProcessError) as error:
        sys.exit(str(error))
    report = results.with_history(results.report(measured, compared, others), HISTORY)
    write(report)
    tell(page.markdown(report))
    tell(f"Report: {(REPORT / 'report.html').relative_to(ROOT)}, also .md and .json")
    return int(any(result.over_budget for result in measured))


if __name__ == "__main__":
    sys.exit(main())
