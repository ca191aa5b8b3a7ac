"""Every task is listed quickly, explains itself, and never shows a traceback."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from invoke.collection import Collection

from tests.automation.conftest import ROOT, Project, on_terminal

NAMES = [
    "backup",
    "bench",
    "build",
    "clean",
    "compose-down",
    "compose-up",
    "data-copy",
    "dockerfile-review",
    "doctor",
    "down",
    "env-check",
    "env-init",
    "helm-install",
    "helm-package",
    "helm-uninstall",
    "install",
    "lock",
    "logs",
    "minikube-load",
    "profiles",
    "push",
    "reset-password",
    "restore",
    "scan",
    "size-check",
    "status",
    "up",
    "verify",
]


def run_invoke(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run Invoke in this project, with nobody at the terminal."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return subprocess.run(
        [sys.executable, "-m", "invoke", *arguments],
        cwd=ROOT, env=kept | environ, stdin=subprocess.DEVNULL,
        capture_output=True, encoding="utf-8", check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def namespace() -> Collection:
    """Give the tasks as Invoke sees them."""
    import tasks

    return tasks.namespace


def test_the_tasks_are_these(namespace: Collection) -> None:
    assert sorted(namespace.task_names) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_each_task_says_what_it_does_and_explains_every_flag(namespace: Collection, name: str) -> None:
    task = namespace[name]
    assert (task.__doc__ or "").strip().endswith(".")
    arguments = task.get_arguments()
    assert [argument.name for argument in arguments if not argument.help] == []
    assert [argument.help for argument in arguments if argument.help.count("(default") > 1] == []
    assert {"json", "debug"} <= {argument.name for argument in arguments}


def test_listing_the_tasks_imports_nothing_of_the_library_but_the_tasks() -> None:
    program = (
        "import sys, runpy\n"
        "import invoke.main\n"
        "before = set(sys.modules)\n"
        "import tasks\n"
        "print(*sorted(set(sys.modules) - before))\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    imported = [name for name in result.stdout.split() if not name.startswith("automation.tasks")]
    assert imported == ["automation", "tasks"]


def test_only_the_tasks_know_invoke_and_nothing_knows_the_application() -> None:
    program = (
        "import importlib, pkgutil, sys\n"
        "import automation\n"
        "for module in pkgutil.walk_packages(automation.__path__, 'automation.'):\n"
        "    if not module.name.startswith('automation.tasks'):\n"
        "        importlib.import_module(module.name)\n"
        "print(*sys.modules)\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    imported = set(result.stdout.split())
    assert "automation.engines.native" in imported
    assert not {"invoke", "nox", "app", "fastapi", "sqlalchemy"} & imported


def test_each_task_is_one_line_of_the_list_under_its_theme() -> None:
    listed = run_invoke("--list")
    assert listed.returncode == 0
    lines = listed.stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert sorted(line.split()[0] for line in lines if line.startswith("  ")) == NAMES
    themes = [line for line in lines if line and not line.startswith(" ")]
    assert themes[0] == "Run the application"
    assert lines.index("Build and publish the images") < lines.index("Set up and maintain")
    assert run_invoke().stdout == listed.stdout, "without a task, the tasks are listed"


def test_the_list_of_dev_has_the_checks() -> None:
    assert run_invoke().stdout.endswith("\nThe flags of a task:   invoke TASK --help\n")
    listed = run_invoke(TODO_COMMAND="./dev").stdout
    assert re.search(r"\n  test +List them with \./dev test --list\n", listed)
    assert listed.endswith("\nThe flags of a task:   ./dev TASK --help\n")
    refused = run_invoke("tests", "--list", TODO_COMMAND="./dev")
    assert "did you mean test?" in refused.stderr
    assert "./dev test --list" in refused.stderr


def test_help_shows_usage_summary_and_every_flag_in_the_order_of_the_signature() -> None:
    shown = run_invoke("--help", "compose-up").stdout
    assert shown.startswith("Usage: invoke compose-up [--flags]\n\nStart the containers")
    assert "Port of the frontend (default: 3000)." in shown
    flags = ["--profile=NAME", "--dev ", "--frontend-port=PORT", "--auto-port", "--dry-run", "--json"]
    positions = [shown.index(flag) for flag in flags]
    assert positions == sorted(positions)
    assert "--base=OLD=NEW" in run_invoke("build", "--help").stdout
    assert "dockerfile-review FILE [--flags]" in run_invoke("--help", "dockerfile-review").stdout


@pytest.mark.parametrize(
    ("arguments", "what", "remedy"),
    [
        (["buidl", "--profile", "uv"], "there is no task 'buidl'", "invoke build --profile uv"),
        (["--help", "buidl"], "there is no task 'buidl'", "invoke --help build"),
        (["xyzzy"], "there is no task 'xyzzy'", "invoke --list"),
        (["build", "--porfile=uv"], "build has no flag --porfile", "invoke build --profile=uv"),
        (
            ["helm-install", "--no-wiat"],
            "helm-install has no flag --no-wiat",
            "invoke helm-install --no-wait",
        ),
        (["up", "detach"], "up takes no 'detach'", "invoke up --detach"),
        (["build", "uv"], "build takes no 'uv'", "invoke --help build"),
        (["--lst"], "invoke has no flag --lst", "invoke --list"),
        (["up", "--host"], "--host requires a value", "invoke --help up"),
        (["dockerfile-review"], "dockerfile-review requires FILE", "invoke --help dockerfile-review"),
        (["up", "--frontend-port", "x"], "--frontend-port 'x' is not a port", ""),
        (["logs", "--lines", "-1"], "--lines '-1' is not a number of lines", ""),
        (["helm-install", "--timeout", "0"], "--timeout '0' is not a number of seconds", ""),
        (["up", "--engine", "natve"], "there is no engine 'natve'", "--engine native"),
        (["env-check", "--profile", "standalon"], "there is no profile 'standalon'", "--profile standalone"),
        (["compose-up", "--database", "postgre"], "there is no database 'postgre'", "--database postgres"),
        (["verify", "--check", "secret"], "there is no check 'secret'", "invoke verify --list"),
    ],
)
def test_a_mistake_on_the_command_line_names_what_is_near_and_ends_with_2(
    arguments: list[str], what: str, remedy: str
) -> None:
    refused = run_invoke(*arguments)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr.splitlines()[0].endswith(what)
    assert remedy in refused.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    "arguments", [["buidl"], ["up", "--enigne", "native"], ["up", "--host"], ["logs", "x"]]
)
def test_a_mistake_on_the_command_line_is_json_for_a_program(arguments: list[str]) -> None:
    refused = run_invoke(*arguments, "--json")
    assert (refused.returncode, refused.stderr) == (2, "")
    assert json.loads(refused.stdout)["event"] == "failed"


def test_completion_knows_every_task_and_flag() -> None:
    typed = """
        eval "$(invoke --print-completion-script bash)"
        complete_words() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _complete_invoke invoke "${@: -1}"; }
        complete_words invoke comp; echo "${COMPREPLY[@]}"
        complete_words invoke build --pro; echo "${COMPREPLY[@]}"
    """
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    bash = subprocess.run(
        ["bash", "-c", typed], cwd=ROOT, env={"PATH": path}, capture_output=True, text=True, check=True
    )
    assert bash.stdout.splitlines() == ["compose-down compose-up", "--profile"]
    assert sorted(run_invoke("--complete", "--", "invoke ").stdout.split()) == NAMES
    flags = run_invoke("--complete", "--", "invoke helm-install --").stdout.split()
    assert {"--profile", "--set", "--no-wait", "--dry-run", "--json", "--debug"} <= set(flags)


def test_the_settings_module_alone_reads_the_environment() -> None:
    readers = [
        file.name
        for file in (ROOT / "automation").rglob("*.py")
        if "os.environ" in file.read_text(encoding="utf-8")
    ]
    assert readers == ["settings.py"]


def test_a_broken_profile_is_one_message_and_with_debug_a_traceback_too(project: Project) -> None:
    (project.root / "deploy" / "profiles" / "standalone.toml").write_text("nonsense = 1")
    quiet, loud = project.invoke("env-init"), project.invoke("env-init", "--debug")
    assert quiet.returncode == loud.returncode == 1
    assert "unknown key nonsense" in quiet.stderr
    assert "Traceback" not in quiet.stderr
    assert "Traceback" in loud.stderr


def test_clean_removes_what_can_be_made_again_and_keeps_data_and_settings(project: Project) -> None:
    project.up("--prod", "--detach")
    refused = project.invoke("clean")
    assert refused.returncode == 1
    assert "invoke down" in refused.stderr
    project.invoke("down")
    planned = project.invoke("clean", "--dry-run")
    assert "would be removed" in planned.stdout
    assert (project.root / ".run").exists()
    assert project.invoke("clean").returncode == 0
    assert not (project.root / ".run").exists()
    assert not (project.root / "frontend" / "node_modules").exists()
    assert (project.root / ".data" / "schema").exists()
    assert (project.root / ".env").exists()
    assert "nothing to remove" in project.invoke("clean").stdout


def test_clean_deletes_data_only_on_an_explicit_yes(project: Project) -> None:
    data = project.root / ".data" / "todo.db"
    data.parent.mkdir()
    data.touch()
    asked = project.invoke("clean", "--data")
    assert asked.returncode == 2
    assert "--yes" in asked.stderr
    assert data.exists()
    assert project.invoke("clean", "--data", "--yes").returncode == 0
    assert not data.parent.exists()


def test_doctor_finds_what_is_wrong_and_how_to_mend_it(project: Project, taken_port: int) -> None:
    well = project.invoke("doctor")
    assert well.returncode == 0, well.stdout
    assert "No problems found." in well.stdout
    requirements = project.root / "requirements" / "dev.txt"
    requirements.write_text("absent-package==1.0 \\\n    --hash=sha256:0\n")
    (project.root / ".env").write_text(
        f"BETTER_AUTH_SECRET=hunter2\nDATABASE_URL=postgresql://me:hunter2@127.0.0.1:{taken_port + 1}/x\n"
    )
    ill = project.invoke("doctor", "--json")
    assert ill.returncode == 1
    assert "hunter2" not in ill.stdout
    [result] = [json.loads(line) for line in ill.stdout.splitlines()]
    failed = {each["name"]: each for each in result["findings"] if each["state"] == "failed"}
    assert sorted(failed) == ["database", "environment", "settings"]
    assert "absent-package missing instead of 1.0" in failed["environment"]["detail"]
    assert failed["environment"]["fix"] == "./dev"


def test_doctor_fixes_what_loses_nothing_and_names_the_rest(project: Project) -> None:
    (project.root / ".env").write_text("BETTER_AUTH_SECRET=\nLOG_LEVEL=loud\n")
    fixed = project.invoke("doctor", "--fix")
    assert fixed.returncode == 1
    assert "1 problem to fix." in fixed.stdout
    assert "LOG_LEVEL" in fixed.stdout
    settings = (project.root / ".env").read_text()
    assert "LOG_LEVEL=loud" in settings
    assert re.search("BETTER_AUTH_SECRET=.{32}", settings)
    assert "do not match the lock" not in fixed.stdout
    (project.root / ".env").unlink()
    again = project.invoke("doctor", "--fix", "--json")
    assert again.returncode == 0
    assert [event["event"] for event in map(json.loads, again.stdout.splitlines())].count("result") == 1
    assert (project.root / ".env").exists()


def test_install_does_nothing_the_second_time(project: Project) -> None:
    first, second = project.invoke("install"), project.invoke("install")
    assert (first.returncode, second.returncode) == (0, 0), first.stderr
    assert "2 installed" in first.stdout
    assert "up to date" in second.stdout


def test_two_installations_at_once_do_not_collide(project: Project) -> None:
    both = [project.start("install") for _ in range(2)]
    assert [each.end() for each in both] == [0, 0]
    assert (project.root / "frontend" / "node_modules" / "next" / "package.json").exists()


def test_a_task_works_from_any_folder_of_the_project(project: Project) -> None:
    folder = project.root / "frontend"
    result = subprocess.run(
        [sys.executable, "-m", "invoke", "env-init"],
        cwd=folder, env=project.environ, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert ".env created from .env.example" in result.stdout
    assert Path(project.root, ".env").exists()


@pytest.mark.parametrize(
    ("keys", "code", "kept"), [(b"y\n", 0, False), (b"n\n", 1, True), (b"\x03", 130, True)]
)
def test_clean_asks_a_person_before_it_deletes_data(
    project: Project, keys: bytes, code: int, kept: bool
) -> None:
    (project.root / ".data").mkdir()
    command = [sys.executable, "-m", "invoke", "clean", "--data"]
    ended, drawn = on_terminal(
        command, 80, cwd=project.root, keys=keys, waiting_for="[y/N]", environ=project.environ
    )
    assert ended == code, drawn
    assert "with every account, task and conversation?" in drawn
    assert (project.root / ".data").exists() == kept
