"""Measures how soon a changed line is seen in development, on the native engine."""

import json
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2
from playwright.sync_api import Page

from automation.contract import profiles
from tests.bench.pages import running
from tests.bench.results import Measured
from tests.e2e.application import Application

LINES = {
    "backend": ("backend/src/app/health.py", '"version": settings.version', '"version": "MARK"'),
    "frontend": ("frontend/features/accounts/product.ts", "A to-do list", "A list MARK"),
}
"""A file of each service, and how a line of it changes so that the service shows a mark."""
WAIT_SECONDS = 60


def measure(root: Path, runs: int) -> Iterator[Measured]:
    """Measure a changed line of each service, in a clone of a folder's commit. The first change warms up."""
    budget = profiles.load_rules(root).times.hot_reload_max_ms / 1000
    with tempfile.TemporaryDirectory(prefix="bench-reload-") as folder:
        clone = Path(folder) / "clone"
        subprocess.run(["git", "clone", "--quiet", str(root), str(clone)], check=True)
        with running(clone, "offline", {}, production=False) as (application, browser):
            page = browser.new_page(base_url=application.address)
            page.goto("/sign-in")
            port = _backend_port(application)
            for service, wait in (
                ("backend", lambda mark: _answered(f"http://localhost:{port}/health", mark)),
                ("frontend", lambda mark: _shown(page, mark)),
            ):
                seconds = [_changed(clone, service, f"mark{number}", wait) for number in range(runs + 1)]
                yield Measured(f"changed line, {service}", "s", seconds[1:], budget=budget)


def _changed(clone: Path, service: str, mark: str, wait: Callable[[str], None]) -> float:
    """Return the seconds from a change of a file until it is seen."""
    name, before, after = LINES[service]
    file = clone / name
    original = subprocess.run(
        ["git", "show", f"HEAD:{name}"], cwd=clone, check=True, capture_output=True, text=True
    ).stdout
    if before not in original:
        raise RuntimeError(f"{name} has no {before!r} to change")
    began = time.perf_counter()
    file.write_text(original.replace(before, after.replace("MARK", mark)), encoding="utf-8")
    wait(mark)
    return time.perf_counter() - began


def _answered(url: str, mark: str) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline:
        try:
            if mark in httpx2.get(url, timeout=5).text:
                return
        except httpx2.TransportError:
            # The server is between two processes.
            time.sleep(0.01)
    raise RuntimeError(f"{url} did not show a changed line within {WAIT_SECONDS} s")


def _shown(page: Page, mark: str) -> None:
    seen = "mark => document.body.innerText.includes(mark)"
    page.wait_for_function(seen, arg=mark, timeout=WAIT_SECONDS * 1000)


def _backend_port(application: Application) -> int:
    if application.invoke is None:
        raise RuntimeError("the application was not started here")
    status = json.loads(application.invoke("status", "--json").stdout.splitlines()[-1])
    port: int = status["ports"]["backend"]
    return port
