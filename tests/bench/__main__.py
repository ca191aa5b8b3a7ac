"""`nox -s bench`: times and memory, each beside the least that this machine takes for that kind of thing.

A time alone says as much about the machine and its other work as about the project. So each measurement
takes turns with a floor, such as a container of the same image that does nothing, and the ratio can be
compared. Images and containers are measured as the project is committed, in a clone whose images have names
of their own; nothing of them is left. The API is measured as it is in this folder. The result is a table, and
JSON in .artifacts/bench.
"""

import argparse
import json
import os
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from automation.paths import ROOT
from tests.bench import api
from tests.bench.clone import Clone, Measured
from tests.bench.cluster import Cluster
from tests.bench.images import Images

CLONED: dict[str, Callable[[Clone], Iterator[Measured]]] = {
    "build": lambda clone: Images(clone).build(),
    "start": lambda clone: Images(clone).start(),
    "compose": lambda clone: Images(clone).compose(),
    "anew": lambda clone: Images(clone).anew(),
    "cluster": lambda clone: Cluster(clone).measure(),
}
KINDS = ("api", *CLONED)
BY_ITSELF = ("cluster",)
"""Measured only when it is named: it needs a cluster."""


def tell(line: str) -> None:
    """Show a line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def measure(kinds: Sequence[str], load: api.Load) -> Iterator[Measured]:
    """Measure each kind in turn."""
    if "api" in kinds:
        yield from api.measure(load)
    if not (cloned := [kind for kind in kinds if kind in CLONED]):
        return
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        clone = Clone(Path(folder, "clone"), f"bench{uuid.uuid4().hex[:6]}", load.runs)
        try:
            for kind in cloned:
                yield from CLONED[kind](clone)
        finally:
            clone.close()


def main() -> int:
    """Measure what is asked for; print the table and keep it."""
    parser = argparse.ArgumentParser(prog="nox -s bench --", description="What things take on this machine.")
    all_others = f"all but {', '.join(BY_ITSELF)} unless named"
    parser.add_argument("kinds", nargs="*", metavar="KIND", help=f"{', '.join(KINDS)}: {all_others}")
    parser.add_argument("--runs", type=int, default=5, help="how often each is measured (5)")
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
    measured: list[Measured] = []
    tell(f"{'':36} {'median':>10} {'least':>7} {'runs':>5} {'ratio':>8} {'floor':>10}")
    try:
        for result in measure(kinds, load):
            measured.append(result)
            tell(result.row)
    except RuntimeError as error:
        sys.exit(str(error))
    now = datetime.now(UTC)
    kept = ROOT / ".artifacts" / "bench" / f"{now:%Y%m%dT%H%M%SZ}.json"
    kept.parent.mkdir(parents=True, exist_ok=True)
    average = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    content = {"at": now.isoformat(), "load": average, "measured": [asdict(result) for result in measured]}
    kept.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    tell(f"kept in {kept.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
