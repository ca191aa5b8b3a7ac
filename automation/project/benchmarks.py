"""Benchmarks: the Nox session that measures, and its report as a result."""

import json
import sys
from collections.abc import Sequence

from automation.console.events import Emit, Notice, Result
from automation.process import processes
from automation.settings import Settings


async def bench(settings: Settings, emit: Emit, *, kinds: Sequence[str], runs: int, compare: str) -> int:
    """Measure, and report how it went: 0, or 1 when something failed or exceeds its budget."""
    report = settings.root / ".artifacts" / "bench" / "report.json"
    report.unlink(missing_ok=True)
    chosen = [*kinds, "--runs", str(runs), *(("--compare", compare) if compare else ())]
    command = [sys.executable, "-m", "nox", "--session", "bench", "--", *chosen]
    code = await processes.follow(
        command, lambda line: emit(Notice((line,))), cwd=settings.root, environ=settings.environ
    )
    if report.exists():
        emit(Result(json.loads(report.read_text(encoding="utf-8"))))
    return min(code, 1)
