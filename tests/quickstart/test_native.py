"""The quickstart's first steps, with local processes: clone, run, change a line, check."""

import time
import urllib.request
from pathlib import Path

import pytest

from tests.quickstart.quickstart import PATIENCE_SECONDS, clone, sections

WITH_DOCKER = {"Build images", "Deploy to a cluster"}
"""The sections that tests/quickstart/test_docker.py and test_cluster.py run."""
NATIVE = ("Run it", "Change a line", "Check it")


def test_every_section_of_the_quickstart_is_run_by_a_test() -> None:
    assert set(sections()) == {*NATIVE, *WITH_DOCKER}
    assert all(sections().values())


@pytest.mark.timeout(PATIENCE_SECONDS)  # a new clone installs its packages
def test_a_new_clone_runs_changes_and_passes_a_check(tmp_path: Path) -> None:
    steps = sections()
    fetch, enter, start, *look = steps["Run it"]
    assert fetch.startswith("git clone ")
    assert enter == f"cd {fetch.rpartition('/')[2].removesuffix('.git')}"
    assert start.startswith("./dev up")
    new = clone(tmp_path / "todo-chatbot")
    try:
        # Whatever else this machine runs keeps its ports.
        new.run(f"{start} --engine native --auto-port")
        for command in look:
            assert "healthy" in new.run(command).stdout
        address = new.status()["address"]
        assert "To-do" in page(address)
        for command in steps["Change a line"]:
            new.run(command)
        deadline = time.monotonic() + 60
        while "My list" not in page(address):
            assert time.monotonic() < deadline, "the page has not changed"
            time.sleep(0.5)  # the development server reports nothing to wait for
        *checks, stop = steps["Check it"]
        for command in checks:
            assert "passed" in new.run(command).stdout
        new.run(stop)
        assert "Nothing is running" in new.run("./dev status", check=False).stdout
    finally:
        new.run("./dev down", check=False)


def page(address: str) -> str:
    """Return the sign-in page."""
    with urllib.request.urlopen(f"{address}/sign-in", timeout=60) as response:
        return str(response.read().decode())
