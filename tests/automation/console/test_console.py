"""The same events on a terminal, in a pipe and for a program."""

import errno
import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable

import pytest

from automation.console import events
from automation.console.errors import AutomationError, UsageError, unknown, whole_number
from automation.console.output import JsonConsole, PlainConsole
from automation.console.runner import perform
from tests.automation.conftest import ROOT, Project, on_terminal

COLOR = re.compile(r"\x1b\[(?:3[0-7]|9[0-7]|1;3\d|38;)[0-9;]*m")


STEPS = [
    sys.executable,
    "-c",
    """
import threading
from automation import settings
from automation.console.runner import open_console
from automation.console.errors import AutomationError
from automation.console.events import Line, Notice, step
with open_console(settings.load(), as_json=False) as console:
    with step(console, "packages") as packages:
        packages.progress("installing" + " one-of-many" * 20, 5, 10)
        threading.Event().wait(0.4)
        packages.detail = "10 installed"
    console(Line("backend", "ready [bold]not markup[/bold]"))
    console(Notice(("The end.",)))
    try:
        with step(console, "database"):
            raise AutomationError("it is locked", why="another holds it", remedies=["invoke down"])
    except AutomationError:
        pass
""",
]


def test_on_a_terminal_a_running_step_moves_and_a_done_one_stays() -> None:
    drawn = on_terminal(STEPS, 90)[1]
    assert "5 of 10" in drawn
    assert re.search("[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏]", drawn)
    assert COLOR.search(drawn)
    assert "10 installed" in drawn
    assert "ready [bold]not markup[/bold]" in drawn
    assert drawn.index("it is locked") < drawn.index("another holds it") < drawn.index("try   invoke down")


def test_no_color_takes_the_colour_and_nothing_else() -> None:
    drawn = on_terminal(STEPS, 90, environ={"NO_COLOR": "1"})[1]
    assert not COLOR.search(drawn)
    assert "10 installed" in drawn


def test_the_width_of_the_window_is_kept() -> None:
    drawn = on_terminal(STEPS, 50)[1]
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", drawn)
    lines = re.split(r"[\r\n]+", plain)
    assert max(len(line) for line in lines) <= 50
    # What is too long for the line is cut: a running step takes one, whatever it does.
    assert all("5 of 10" in line for line in lines if "one-of-many" in line)


def run_piped(**environ: str) -> subprocess.CompletedProcess[str]:
    """Run the steps with their output in a pipe."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return subprocess.run(
        STEPS,
        cwd=ROOT,
        env={**kept, "PYTHONUTF8": "1", **environ},
        capture_output=True,
        encoding="utf-8",
        check=True,
    )


def test_in_a_pipe_each_step_is_one_plain_line_and_failures_are_on_the_error_stream() -> None:
    result = run_piped()
    assert "\x1b" not in result.stdout + result.stderr
    assert result.stdout.count("packages") == 1
    assert re.search(r"^  ✓ packages      10 installed +\d+\.\d s$", result.stdout, re.MULTILINE)
    assert "backend  | ready [bold]not markup[/bold]" in result.stdout
    assert result.stderr.splitlines() == [
        "  ✗ database      it is locked",
        "                  another holds it",
        "                  try   invoke down",
    ]


def test_force_color_colours_a_pipe() -> None:
    assert COLOR.search(run_piped(FORCE_COLOR="1").stdout)


def test_an_encoding_without_the_marks_gets_others() -> None:
    output = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    PlainConsole(output, output)(events.StepFinished("database", "größer", 1.0))
    output.seek(0)
    assert output.read().startswith("  + database      gr??er")


def test_each_event_survives_the_way_through_json() -> None:
    every: list[events.Event] = [
        events.StepStarted("a"),
        events.StepProgress("a", "half", 1, 2),
        events.StepFinished("a", "done", 1.5),
        events.StepFailed("a", 1.5, "what", "why", ("one", "two"), ("try",)),
        events.StepStopped("a", 0.5),
        events.Line("backend", "text"),
        events.Notice(("one", "two")),
        events.Failed("what", "why", ("one",), ()),
        events.Result({"state": "running"}),
    ]
    for event in every:
        assert events.from_mapping(json.loads(json.dumps(events.to_mapping(event)))) == event


def test_for_a_program_each_line_is_json_and_the_notices_are_left_out() -> None:
    output = io.StringIO()
    console = JsonConsole(output)
    console(events.StepStarted("a"))
    console(events.Notice(("for a person",)))
    console(events.Result({"state": "running"}))
    lines = [json.loads(line) for line in output.getvalue().splitlines()]
    assert lines == [{"event": "step-started", "step": "a"}, {"event": "result", "state": "running"}]


@pytest.mark.parametrize(
    ("task", "code"),
    [("status", 0), ("env-check", 2), ("down", 0), ("doctor", 0), ("up", 1)],
)
def test_with_json_every_line_of_output_parses(project: Project, task: str, code: int) -> None:
    flags = ["--backend-port", "1"] if task == "up" else []
    result = project.invoke(task, "--json", *flags, MIGRATION="fail")
    assert result.returncode == code, result.stdout
    assert [json.loads(line)["event"] for line in result.stdout.splitlines()]
    assert result.stderr == ""


def raise_it(error: BaseException) -> Callable[[], None]:
    """Return a function that raises the error."""

    def raising() -> None:
        raise error

    return raising


@pytest.mark.parametrize(
    ("error", "last"),
    [(AutomationError("no"), events.StepFailed), (RuntimeError("defect"), events.StepStopped)],
)
def test_a_step_that_raises_says_how_it_ended(error: Exception, last: type[events.Event]) -> None:
    seen: list[events.Event] = []
    with pytest.raises(type(error)), events.step(seen.append, "a"):
        raise_it(error)()
    assert isinstance(seen[-1], last)


def test_a_task_to_run_is_told_as_the_person_types_it() -> None:
    failed = events.Failed("it failed", remedies=("invoke up --auto-port", "ask who invoked it"))
    typed = events.as_typed(failed, "./dev")
    assert isinstance(typed, events.Failed)
    assert typed.remedies == ("./dev up --auto-port", "ask who invoked it")
    said_by_a_service = events.Line("backend", "invoke up")
    assert events.as_typed(said_by_a_service, "./dev") == said_by_a_service


@pytest.mark.parametrize(
    ("error", "code", "lines"),
    [
        (
            RuntimeError("a bug"),
            1,
            [
                "  x unexpected error; please report this bug",
                "    RuntimeError: a bug",
                "    try   the same command with --debug, which prints the traceback",
            ],
        ),
        (UsageError("no", why="because", remedies=["this"]), 2, ["  x no", "    because", "    try   this"]),
        (
            PermissionError(errno.EACCES, "Permission denied", "file"),
            1,
            ["  x file: permission denied", "    try   check the permissions there"],
        ),
    ],
)
def test_every_error_is_what_why_and_try(error: Exception, code: int, lines: list[str]) -> None:
    output = io.TextIOWrapper(io.BytesIO(), encoding="ascii")

    async def work() -> None:
        raise error

    assert perform(PlainConsole(output, output), work(), debug=False) == code
    output.seek(0)
    assert output.read().splitlines() == lines


def test_a_wrong_choice_lists_the_choices_or_where_they_are_listed() -> None:
    few = unknown("engine", "natve", ["compose", "native"], flag="TODO_ENGINE")
    assert (few.why, few.remedies) == ("the engines are compose, native", ("TODO_ENGINE=native",))
    many = [f"check-{number}" for number in range(50)]
    near = unknown("check", "chek-7", many, listing="invoke verify --list")
    assert near.why == "did you mean check-7?"
    assert near.remedies == ("--check check-7", "invoke verify --list")
    assert unknown("check", "x", many).why == "there are 50 checks"


@pytest.mark.parametrize("text", ["", "-1", "1.5", "²", "ten", "70000", "9" * 5000])
def test_a_number_out_of_range_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is not a port"):
        whole_number(text, "--port", "a port", 1, 65535)
