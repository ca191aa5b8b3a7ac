"""`nox -s bench`: times and memory, each beside the least that this machine takes for that kind of thing.

A time alone says as much about the machine and its other work as about the project. So each measurement
takes turns with a floor, such as a container of the same image that does nothing, and the ratio can be
compared. The project is measured as it is committed, in a clone whose images and containers have names of
their own; nothing of them is left. The result is a table, and JSON in .artifacts/bench.
"""

import argparse
import json
import os
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from automation.paths import ROOT
from tests.bench.clone import Clone, Measured
from tests.bench.cluster import Cluster
from tests.bench.images import Images

KINDS: dict[str, Callable[[Clone], Iterator[Measured]]] = {
    "build": lambda clone: Images(clone).build(),
    "start": lambda clone: Images(clone).start(),
    "compose": lambda clone: Images(clone).compose(),
    "anew": lambda clone: Images(clone).anew(),
    "cluster": lambda clone: Cluster(clone).measure(),
}
BY_ITSELF = ("cluster",)
"""Measured only when it is named: it needs a cluster."""


def tell(line: str) -> None:
    """Show a line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> int:
    """Measure what is asked for; print the table and keep it."""
    parser = argparse.ArgumentParser(prog="nox -s bench --", description="What things take on this machine.")
    all_others = f"all but {', '.join(BY_ITSELF)} unless named"
    parser.add_argument("kinds", nargs="*", metavar="KIND", help=f"{', '.join(KINDS)}: {all_others}")
    parser.add_argument("--runs", type=int, default=5, help="how often each is measured (5)")
    chosen = parser.parse_args()
    if unknown := [kind for kind in chosen.kinds if kind not in KINDS]:
        parser.error(f"there is no {unknown[0]!r}: it measures {', '.join(KINDS)}")
    measured: list[Measured] = []
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        clone = Clone(Path(folder, "clone"), f"bench{uuid.uuid4().hex[:6]}", max(1, chosen.runs))
        tell(f"{'':28} {'median':>10} {'least':>7} {'runs':>5} {'ratio':>8} {'floor':>10}")
        try:
            for kind in chosen.kinds or [each for each in KINDS if each not in BY_ITSELF]:
                for each in KINDS[kind](clone):
                    measured.append(each)
                    tell(each.row)
        except RuntimeError as error:
            sys.exit(str(error))
        finally:
            clone.close()
    now = datetime.now(UTC)
    kept = ROOT / ".artifacts" / "bench" / f"{now:%Y%m%dT%H%M%SZ}.json"
    kept.parent.mkdir(parents=True, exist_ok=True)
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    content = {"at": now.isoformat(), "load": load, "measured": [asdict(each) for each in measured]}
    kept.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    tell(f"kept in {kept.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
