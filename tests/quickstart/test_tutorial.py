"""Every command of the tutorial, from a clone to a rolling update during which no request fails."""

import secrets
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.quickstart.quickstart import PATIENCE_SECONDS, Clone, clone, sections

STEPS = (
    "Run it",
    "Talk to it",
    "Change it",
    "Build the images",
    "Install a release",
    "Update it while it serves",
    "Clean up",
)
PAUSE_SECONDS = 0.2


@contextmanager
def watched(address: str) -> Iterator[Callable[[], tuple[int, list[str]]]]:
    """Ask for a page and the API all the time; yield what returns the answers and the failures."""
    failures: list[str] = []
    answers = 0
    ended = threading.Event()

    def ask() -> None:
        nonlocal answers
        while not ended.wait(PAUSE_SECONDS):
            for path in ("/sign-in", "/api/auth/ok"):
                try:
                    with urllib.request.urlopen(f"{address}{path}", timeout=30) as response:
                        response.read()
                        answers += 1
                except urllib.error.HTTPError as error:
                    error.close()
                    failures.append(f"{path}: {error}")
                except OSError as error:
                    failures.append(f"{path}: {error}")

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield lambda: (answers, failures)
    finally:
        ended.set()
        thread.join()


def run(new: Clone, commands: list[str], adapt: Callable[[str], str]) -> list[str]:
    """Run the commands of a step; return their outputs."""
    return [new.run(adapt(command)).stdout for command in commands]


@pytest.mark.timeout(2 * PATIENCE_SECONDS)  # a new clone installs its packages and builds images
def test_every_command_works_and_no_request_fails_in_the_update(tmp_path: Path) -> None:
    steps = sections("docs/tutorial.md", "Tutorial: from a clone to a rolling update", level=2)
    assert tuple(steps) == STEPS
    assert all(steps.values())
    new = clone(tmp_path / "todo-chatbot")
    # Beside whatever else this machine and the cluster run.
    namespace = f"todo-tutorial-{secrets.token_hex(3)}"
    release = f" --namespace {namespace}"

    def own(command: str) -> str:
        more = " --auto-port" if command.startswith("./dev up") else ""
        if "helm-install" in command:
            more = f"{release} --set frontend.service.nodePort=0"
        elif "helm-uninstall" in command:
            more = release
        return command.replace("todo-app-dev", namespace) + more

    try:
        fetch, enter, *start = steps["Run it"]
        assert (fetch.split()[1], enter) == ("clone", "cd todo-chatbot")
        assert "healthy" in run(new, start, own)[-1]
        address = new.status()["address"]
        *_, completed = run(
            new, steps["Talk to it"], lambda command: command.replace("http://localhost:3000", address)
        )
        assert "Buy milk" in completed
        assert "passed" in run(new, steps["Change it"], own)[1]
        assert "MB" in run(new, steps["Build the images"], own)[-1]
        assert "Running" in run(new, steps["Install a release"], own)[-1]
        address = new.status()["address"]
        edit, update, history, back, look = steps["Update it while it serves"]
        with watched(address) as seen:
            run(new, [edit, update], own)
            assert "My list" not in page(address)
            assert "Our list" in page(address)
            assert "superseded" in new.run(own(history)).stdout
            run(new, [back, look], own)
            assert "My list" in page(address)
            answers, failures = seen()
        assert failures == []
        assert answers > 20
        run(new, steps["Clean up"], own)
        assert "Nothing is running" in new.run("./dev status", check=False).stdout
    finally:
        new.run("./dev down", check=False)
        new.run(f"./dev helm-uninstall --data --yes{release}", check=False)


def page(address: str) -> str:
    """Return the sign-in page."""
    with urllib.request.urlopen(f"{address}/sign-in", timeout=60) as response:
        return str(response.read().decode())
