"""Output of a watching kubectl, read as it comes: one object a line, at once."""

import asyncio
import json
import sys
from contextlib import aclosing
from pathlib import Path
from typing import Any

from automation.kubernetes.commands import Kubectl
from automation.kubernetes.pods import Pod
from automation.kubernetes.watch import States
from automation.process.processes import Program

# It ends only when it is ended, as a watch does: what it wrote must be known before.
KUBECTL = """\
#!{python}
import signal
print({text!r}, flush=True)
signal.pause()
"""


def watched(folder: Path, text: str, number: int) -> list[tuple[str, dict[str, Any]]]:
    """Return the first changes of a watch for which kubectl writes the text."""
    program = folder / "kubectl"
    program.write_text(KUBECTL.format(python=sys.executable, text=text))
    program.chmod(0o755)

    async def watch() -> list[tuple[str, dict[str, Any]]]:
        seen = []
        async with aclosing(Kubectl(Program(str(program), {}, folder)).watch("pods")) as changes:
            async for change in changes:
                seen.append(change)
                if len(seen) == number:
                    break
        return seen

    return asyncio.run(asyncio.wait_for(watch(), 10))


def test_each_line_is_an_object(tmp_path: Path) -> None:
    changes = [
        {"type": "ADDED", "object": {"metadata": {"name": "one"}}},
        {"type": "DELETED", "object": {"metadata": {"name": "{two}\n"}}},
    ]
    seen = watched(tmp_path, "\n".join(json.dumps(each, separators=(",", ":")) for each in changes), 2)
    assert seen == [(each["type"], each["object"]) for each in changes]


def test_what_is_no_object_is_passed_over(tmp_path: Path) -> None:
    change = {"type": "MODIFIED", "object": {"metadata": {"name": "one"}}}
    seen = watched(tmp_path, f"W1121 a deprecated {{thing}}\n{json.dumps(change)}", 1)
    assert seen == [("MODIFIED", change["object"])]


def test_changes_of_pods_are_shown_once_and_a_name_that_is_used_again_begins_anew() -> None:
    shown = States()

    def change(*states: str) -> list[str]:
        return [shown.change(Pod("database-0", "postgresql", state)) for state in states]

    assert change("ContainerCreating", "Running", "Running", "Ready") == [
        "ContainerCreating",
        "ContainerCreating → Running",
        "",
        "Running → Ready",
    ]
    late = ["Terminating"]
    assert change("Terminating", "Gone", *late) == ["Ready → Terminating", "Terminating → Gone", ""]
    assert change("Pending", "Running") == ["Pending", "Pending → Running"]


def test_a_list_that_is_older_than_a_watch_shows_nothing() -> None:
    shown = States()
    states = [("Running", 7), ("Ready", 9), ("Running", 8), ("Ready", 9), ("Terminating", 11), ("Ready", 10)]
    changes = [shown.change(Pod("backend-1", "backend", state, version=version)) for state, version in states]
    assert changes == ["Running", "Running → Ready", "", "", "Ready → Terminating", ""]


def test_a_pod_of_before_that_goes_on_is_no_news_until_it_changes() -> None:
    shown = States()
    assert shown.change(Pod("backend-1", "backend", "Ready")) == ""
    assert shown.change(Pod("backend-1", "backend", "Terminating")) == "Ready → Terminating"
