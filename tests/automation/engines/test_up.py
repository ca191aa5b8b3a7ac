"""One command starts the application and leaves nothing behind, however it ends."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest

from tests.automation.conftest import Project, eventually


def test_up_makes_the_settings_starts_both_services_and_names_the_address(project: Project) -> None:
    text = project.up().text()
    assert ".env created from .env.example, secret generated" in text
    assert "SQLite, 1 migration applied" in text
    assert f"The to-do chatbot is at http://localhost:{project.frontend_port}" in text
    assert "agent: offline. Set OPENAI_API_KEY in .env to use a model." in text
    status = project.status()
    assert status["state"] == "running"
    assert status["address"] == f"http://localhost:{project.frontend_port}"
    assert status["ports"] == {"backend": project.backend_port, "frontend": project.frontend_port}
    assert status["backend"]["state"] == status["frontend"]["state"] == "healthy"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_everything_with_the_code_of_the_signal(project: Project, number: int) -> None:
    running = project.up()
    running.send(number)
    assert running.end() == 128 + number
    assert not project.processes()
    assert project.status()["state"] == "stopped"


def test_a_second_ctrl_c_kills_a_service_that_does_not_end(project: Project) -> None:
    running = project.up(BACKEND="stubborn")
    running.send(signal.SIGINT)
    # Read where it is written: asking a task takes longer than the grace on a busy machine.
    record = project.root / ".run" / "instance.json"
    eventually(lambda: json.loads(record.read_bytes())["state"] == "stopping", "it is stopping")
    running.send(signal.SIGINT)
    assert running.end() == 128 + signal.SIGINT
    assert not project.processes()


def test_killing_the_supervisor_leaves_no_orphan_and_status_says_so(project: Project) -> None:
    running = project.up()
    running.send(signal.SIGKILL)
    running.end()
    eventually(lambda: not project.processes(), "every process has ended")
    assert project.status()["state"] == "crashed"
    again = project.up()
    assert project.status()["state"] == "running"
    again.send(signal.SIGINT)


def test_down_clears_away_what_is_left_when_supervisor_and_guards_are_killed_at_once(
    project: Project,
) -> None:
    running = project.up()
    guards = project.guards()
    running.process.send_signal(signal.SIGSTOP)
    for guard in guards:
        guard.suspend()
    for guard in guards:
        guard.kill()
    running.send(signal.SIGKILL)
    running.end()
    result = project.invoke("down")
    assert result.returncode == 0, result.stderr
    assert "after a crash" in result.stdout
    assert not project.processes()


def test_a_failing_migration_stops_the_start_and_shows_why(project: Project) -> None:
    running = project.start("up", *project.ports, MIGRATION="fail")
    assert running.end() == 1
    assert "SQLite could not be migrated" in running.text()
    assert "the history does not fit" in running.text()
    assert not project.processes()


def test_an_interruption_while_it_starts_leaves_nothing_behind(project: Project) -> None:
    running = project.start("up", *project.ports, MIGRATION="hang")
    eventually(lambda: len(project.guards()) >= 2, "the migration and the frontend run")
    running.send(signal.SIGINT)
    assert running.end() == 130
    assert not project.processes()
    assert not project.record.exists()


def test_down_ends_a_start_that_is_under_way(project: Project) -> None:
    running = project.start("up", *project.ports, MIGRATION="hang")
    eventually(project.guards, "something runs")
    assert project.invoke("down").returncode == 0
    assert running.end() == 128 + signal.SIGTERM
    assert not project.processes()


def test_down_twice_is_no_error(project: Project) -> None:
    project.up("--detach")
    first, second = project.invoke("down"), project.invoke("down")
    assert (first.returncode, second.returncode) == (0, 0)
    assert "Nothing is running." in second.stdout
    assert not project.processes()


def test_a_second_up_says_where_it_runs_and_changes_nothing(project: Project) -> None:
    project.up()
    before = project.status()["pids"]
    second = project.invoke("up", *project.ports)
    assert second.returncode == 0
    assert f"already running at http://localhost:{project.frontend_port}" in second.stdout
    assert project.status()["pids"] == before


def test_two_at_once_start_one_application(project: Project) -> None:
    both = [project.start("up", "--detach", "--json", *project.ports) for _ in range(2)]
    assert [each.end() for each in both] == [0, 0], [each.text() for each in both]
    results = [json.loads(each.text().splitlines()[-1]) for each in both]
    assert results[0]["pids"] == results[1]["pids"]
    assert len(project.guards()) == 2


def test_another_mode_than_the_running_one_is_an_error_that_says_what_to_do(project: Project) -> None:
    project.up()
    second = project.invoke("up", "--prod", *project.ports)
    assert second.returncode == 1
    assert "is already running, in development mode" in second.stderr
    assert "invoke down" in second.stderr


def test_detached_it_returns_when_healthy_and_stays(project: Project) -> None:
    result = project.invoke("up", "--detach", *project.ports)
    assert result.returncode == 0, result.stderr
    assert "invoke down stops everything" in result.stdout
    assert project.status()["state"] == "running"
    assert project.invoke("down").returncode == 0


def test_a_detached_start_that_fails_says_why(project: Project) -> None:
    result = project.invoke("up", "--detach", *project.ports, MIGRATION="fail")
    assert result.returncode == 1
    assert "the history does not fit" in result.stderr
    assert not project.processes()


def test_two_state_directories_are_two_applications(project: Project, tmp_path: Path) -> None:
    project.up()
    other = project.invoke(
        "up", "--detach", "--auto-port", *project.ports, TODO_STATE_DIR=str(tmp_path / "other")
    )
    assert other.returncode == 0, other.stderr
    other_status = project.invoke("status", "--json", TODO_STATE_DIR=str(tmp_path / "other"))
    port = json.loads(other_status.stdout)["ports"]["frontend"]
    environment = httpx2.get(f"http://127.0.0.1:{port}/environment", trust_env=False).json()
    assert environment["DEV_BUILD_FOLDER"].isalnum(), "a build folder holds one development server"
    assert len(project.guards()) == 4
    assert project.invoke("down", TODO_STATE_DIR=str(tmp_path / "other")).returncode == 0
    assert project.status()["state"] == "running"


def test_an_interruption_of_a_detached_start_leaves_nothing_behind(project: Project) -> None:
    running = project.start("up", "--detach", *project.ports, MIGRATION="hang")
    eventually(project.guards, "something runs")
    running.send(signal.SIGINT)
    assert running.end() == 130
    assert not project.processes()


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--backend-port", "abc"], "--backend-port 'abc' is not a port"),
        (["--backend-port", "0"], "it must be a whole number from 1 to 65535"),
        (["--frontend-port", "70000"], "it must be a whole number from 1 to 65535"),
        (["--frontend-port", "8000"], "port 8000 is requested twice"),
        (["--profile", "standalon"], "--profile standalone"),
        (["--host", "203.0.113.9"], "nothing can listen on 203.0.113.9"),
    ],
)
def test_a_value_that_means_nothing_is_one_clear_message(
    project: Project, flags: list[str], words: str
) -> None:
    result = project.invoke("up", *flags)
    assert result.returncode in {1, 2}
    assert words in result.stderr
    assert "Traceback" not in result.stderr


def test_an_unknown_flag_is_named(project: Project) -> None:
    result = project.invoke("up", "--prot")
    assert result.returncode != 0
    assert "--prot" in result.stderr
    assert "Traceback" not in result.stderr


def test_each_process_gets_the_secrets_it_needs_and_no_other(project: Project) -> None:
    (project.root / ".env").write_text(
        "BETTER_AUTH_SECRET=01234567890123456789012345678901\n"
        "OPENAI_API_KEY=sk-of-mine\n"
        "EXTRA=for the backend\n"
    )
    project.up(GEMINI_API_KEY="from-the-shell")
    backend, frontend = project.ask("backend", "/environment"), project.ask("frontend", "/environment")
    address = f"http://localhost:{project.frontend_port}"
    assert backend["OPENAI_API_KEY"] == "sk-of-mine"
    assert backend["GEMINI_API_KEY"] == "from-the-shell"
    assert backend["EXTRA"] == "for the backend"
    assert backend["AGENT_PROVIDER"] == "openai"
    assert backend["FRONTEND_URL"] == backend["BETTER_AUTH_URL"] == address
    assert f"http://127.0.0.1:{project.frontend_port}" in backend["TRUSTED_ORIGINS"].split(",")
    assert backend["LOG_FORMAT"] == "console"
    assert frontend["API_URL"] == f"http://127.0.0.1:{project.backend_port}"
    assert frontend["NEXT_TELEMETRY_DISABLED"] == "1"
    assert frontend["DEV_ALLOWED_HOSTS"] == "127.0.0.1"
    assert frontend["DEV_BUILD_FOLDER"] == ""
    leaked = {"BETTER_AUTH_SECRET", "OPENAI_API_KEY", "GEMINI_API_KEY", "EXTRA", "DATABASE_URL"}
    assert not leaked & set(frontend)
    lines = [part for process in project.processes() for part in process.cmdline()]
    assert not any("sk-of-mine" in part or "0123456789" in part for part in lines)


def test_production_builds_once_and_again_only_when_a_source_changes(project: Project) -> None:
    first = project.up("--prod")
    assert "built" in first.text()
    assert project.ask("frontend", "/environment")["NODE_ENV"] == "production"
    builds = project.root / ".run" / "frontend"
    [build] = [each for each in builds.iterdir() if each.is_dir()]
    assert (build / "server.js").is_file()
    project.invoke("down")
    again = project.up("--prod")
    assert "already built" in again.text()
    project.invoke("down")
    (project.root / "frontend" / "page.tsx").write_text("changed")
    assert "already built" not in project.up("--prod").text()
    assert len([each for each in builds.iterdir() if each.is_dir()]) == 2


def test_a_failing_build_shows_what_the_compiler_said(project: Project) -> None:
    (project.root / "frontend" / "broken").touch()
    result = project.invoke("up", "--prod", *project.ports)
    assert result.returncode == 1
    assert "the frontend cannot be built" in result.stderr
    assert "Type error: broken on purpose" in result.stderr
    assert not project.processes()


def test_a_failing_npm_shows_its_own_words(project: Project) -> None:
    manifest = project.root / "frontend" / "package.json"
    manifest.write_text(manifest.read_text().replace("file:next-double", "file:elsewhere"))
    result = project.invoke("up", *project.ports)
    assert result.returncode == 1
    assert "npm ci failed" in result.stderr
    assert "in sync" in result.stderr
    assert "invoke lock" in result.stderr


def test_packages_are_installed_once(project: Project) -> None:
    assert "packages" in project.up().text()
    project.invoke("down")
    assert "packages" not in project.up().text()


def test_a_dry_run_says_what_would_be_done_and_does_nothing(project: Project) -> None:
    before = sorted(project.root.rglob("*"))
    result = project.invoke("up", "--dry-run", *project.ports)
    assert result.returncode == 0, result.stderr
    assert "Create .env with a generated BETTER_AUTH_SECRET." in result.stdout
    assert "npm ci" in result.stdout
    assert sorted(each for each in project.root.rglob("*") if "__pycache__" not in str(each)) == before


def test_logs_show_the_last_lines_of_the_service_that_is_asked_for(project: Project) -> None:
    project.up()

    def last_line_after_a_request() -> str:
        project.ask("frontend", "/environment")  # anew each time: a late answer to a probe may come after it
        return project.invoke("logs", "--service", "frontend", "--lines", "1").stdout

    eventually(lambda: "frontend | GET /environment" in last_line_after_a_request(), "the line is there")
    assert "frontend" not in project.invoke("logs", "--service", "backend").stdout
    wrong = project.invoke("logs", "--service", "databse")
    assert wrong.returncode == 2
    assert "the services are backend, frontend" in wrong.stderr


def test_following_the_logs_shows_what_comes_until_ctrl_c(project: Project) -> None:
    project.up()
    following = project.start("logs", "--follow", "--lines", "0", "--json")
    eventually(lambda: project.ask("frontend", "/environment") and following.text(), "a line has come")
    following.send(signal.SIGINT)
    assert following.end() == 130
    events = [json.loads(line) for line in following.text().splitlines()]
    assert {"event": "line", "source": "frontend", "text": "GET /environment"} in events


def test_a_reader_that_leaves_ends_the_command_without_a_complaint(project: Project) -> None:
    project.up()
    with subprocess.Popen(
        [sys.executable, "-m", "invoke", "logs", "--follow"],
        cwd=project.root,
        env=project.environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as following:
        assert following.stdout is not None
        assert following.stderr is not None
        following.stdout.readline()
        following.stdout.close()
        eventually(
            lambda: project.ask("frontend", "/environment") and following.poll() is not None, "it has ended"
        )
        assert following.returncode == 141
        assert following.stderr.read() == b""


def test_a_state_folder_that_cannot_be_made_is_one_clear_message(project: Project) -> None:
    (project.root / "file").touch()
    result = project.invoke("up", *project.ports, TODO_STATE_DIR=str(project.root / "file" / "state"))
    assert result.returncode == 1
    assert "cannot be created" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_full_disk_is_one_clear_message_and_leaves_nothing_half_written(project: Project) -> None:
    # A limit on the size of files is a full disk that any user can have.
    full = ["sh", "-c", 'ulimit -f 0; exec "$@"', "sh", sys.executable, "-m", "invoke"]
    result = subprocess.run(
        [*full, "up", *project.ports],
        cwd=project.root,
        env=project.environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 1
    assert "cannot be written" in result.stderr
    assert "free some space" in result.stderr
    assert "Traceback" not in result.stderr
    assert not [
        each for each in project.root.iterdir() if each.name.startswith(".env") and "example" not in each.name
    ]
    assert not project.processes()
