"""Which engine starts the application, where its data is, and what the other commands find of it."""

import json
import signal
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.automation.conftest import Project, eventually, on_terminal
from tests.automation.engines.conftest import told


def test_logs_say_that_what_containers_wrote_went_with_them(project: Project, docker: Path) -> None:
    assert "Nothing has been written yet" in project.invoke("logs").stdout
    project.invoke("compose-up", "--detach", *project.ports)
    project.invoke("down")
    gone = project.invoke("logs", DOCKER="absent-daemon")
    assert "The containers' output was removed with them" in gone.stdout
    project.up("--engine", "native").send(signal.SIGINT)
    eventually(lambda: project.status()["state"] == "stopped", "it has ended")
    assert "frontend" in project.invoke("logs").stdout
    project.invoke("compose-up", "--detach", *project.ports)
    assert "backend  | the backend has started" in project.invoke("logs").stdout


def test_status_and_logs_know_the_database_that_is_a_container(project: Project, docker: Path) -> None:
    project.invoke("compose-up", "--detach", "--database", "postgres", *project.ports)
    shown = project.invoke("status").stdout
    assert "postgres   for the backend only" in shown
    assert "output of postgres: invoke logs --service postgres" in shown
    assert project.status()["postgres"]["state"] == "healthy"
    for name in ("postgres", "postgresql"):  # the name in a cluster, too
        assert "postgres | the postgres has started" in project.invoke("logs", "--service", name).stdout
    project.invoke("down")
    project.invoke("compose-up", "--detach", *project.ports)
    assert "postgres" not in project.invoke("status").stdout
    wrong = project.invoke("logs", "--service", "postgres")
    assert wrong.returncode == 2
    assert "the services are backend, frontend" in wrong.stderr


def test_doctor_knows_what_containers_hold(project: Project, docker: Path) -> None:
    def findings(**environ: str) -> dict[str, dict[str, str]]:
        result = project.invoke("doctor", "--json", **environ)
        return {finding["name"]: finding for finding in json.loads(result.stdout)["findings"]}

    before = findings()
    assert before["database"]["detail"] == "none yet; invoke up creates it"
    project.invoke("compose-up", "--detach", *project.ports)
    volume = next(name for name in told(docker)["volumes"] if name.endswith("_data"))
    while_it_runs = findings()
    assert while_it_runs["database"]["detail"] == f"SQLite in the volume {volume} (compose engine)"
    assert while_it_runs[f"port {project.backend_port}"]["detail"] == "the backend listens"
    assert while_it_runs[f"port {project.frontend_port}"]["detail"] == "the frontend listens"
    assert while_it_runs["Node"]["state"] == "passed"
    # Without a daemon nobody can tell.
    assert f"port {project.backend_port}" not in findings(DOCKER="absent-daemon")
    project.invoke("down")
    after = findings()
    assert after["database"] == while_it_runs["database"]
    # Other programs may have changed these meanwhile.
    of_the_machine = ("clock", "disk", "port 3000", "port 8000")
    assert before == after | {name: before[name] for name in (*of_the_machine, "database", "settings")}
    project.invoke("compose-up", "--detach", "--database", "postgres", *project.ports)
    assert (
        findings()["database"]["detail"]
        == f"PostgreSQL in the volume {volume.removesuffix('data')}postgres (compose engine)"
    )


def test_data_is_deleted_only_on_an_explicit_yes(project: Project, docker: Path) -> None:
    project.invoke("compose-up", "--detach", *project.ports)
    asked = project.invoke("compose-down", "--volumes")
    assert asked.returncode == 2
    assert "--yes" in asked.stderr
    assert project.status()["state"] == "running"
    command = [sys.executable, "-m", "invoke", "compose-down", "--volumes"]
    refused, drawn = on_terminal(
        command, 100, cwd=project.root, keys=b"n\n", waiting_for="[y/N]", environ=project.environ
    )
    assert refused == 1
    assert "every account, task and conversation" in drawn
    assert told(docker)["volumes"]
    assert project.invoke("compose-down", "--volumes", "--yes").returncode == 0
    assert told(docker)["volumes"] == []


def test_up_takes_compose_where_docker_answers_and_the_others_find_it(project: Project, docker: Path) -> None:
    result = project.invoke("up", "--detach", *project.ports)
    assert result.returncode == 0, result.stderr
    assert "compose engine: Docker 29.1.0 answers; --engine native runs without it" in result.stdout
    assert project.status()["mode"] == "development"
    assert "backend  | the backend has started" in project.invoke("logs").stdout
    other = project.invoke("up", "--engine", "native", "--detach")
    assert other.returncode == 1
    assert "is already running, with the compose engine" in other.stderr
    assert project.invoke("down").returncode == 0
    assert project.status()["state"] == "stopped"
    assert told(docker)["containers"] == {}


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        ("absent-daemon", "Docker does not answer"),
        ("silent-daemon", "Docker does not answer"),
        ("no-compose", "Docker Compose is not installed"),
    ],
)
def test_up_takes_processes_where_docker_is_of_no_use(
    project: Project, docker: Path, behaviour: str, reason: str
) -> None:
    result = project.invoke("up", "--dry-run", "--json", *project.ports, DOCKER=behaviour)
    assert json.loads(result.stdout)["engine"] == "native", result.stderr
    running = project.start("up", *project.ports, DOCKER=behaviour)
    running.until(f"native engine: {reason}")
    composed = project.invoke("compose-up", "--detach", DOCKER=behaviour)
    assert "is already running, with the native engine" in composed.stderr


@pytest.mark.parametrize(("name", "engine"), [("native", "native"), ("compose", "compose")])
def test_flag_and_variable_decide_about_the_engine(
    project: Project, docker: Path, name: str, engine: str
) -> None:
    by_flag = project.invoke("up", "--dry-run", "--json", "--engine", name, *project.ports)
    by_variable = project.invoke("up", "--dry-run", "--json", *project.ports, TODO_ENGINE=name)
    assert [json.loads(each.stdout)["engine"] for each in (by_flag, by_variable)] == [engine, engine]
    wrong = project.invoke("up", "--engine", "podman")
    assert wrong.returncode == 2
    assert "the engines are compose, native" in wrong.stderr


def test_two_checkouts_and_two_state_directories_are_projects_of_their_own(
    project: Project, docker: Path, tmp_path: Path
) -> None:
    project.invoke("compose-up", "--detach", *project.ports)
    first = next(iter(told(docker)["containers"])).removesuffix("-migrate-1")
    project.invoke("down")
    project.invoke("compose-up", "--detach", *project.ports, TODO_STATE_DIR=str(tmp_path / "other"))
    second = next(iter(told(docker)["containers"])).removesuffix("-migrate-1")
    assert first != second


def chosen(project: Project, **environ: str) -> str:
    """Return the engine that `up` would take."""
    result = project.invoke("up", "--dry-run", "--json", *project.ports, **environ)
    assert result.returncode == 0, result.stderr
    engine: str = json.loads(result.stdout.splitlines()[-1])["engine"]
    return engine


def test_up_stays_with_the_engine_that_holds_the_data_until_told_otherwise(
    project: Project, docker: Path
) -> None:
    assert chosen(project) == "compose"
    assert "data" not in project.invoke("status").stdout
    first = project.up("--engine", "native")
    first.send(signal.SIGINT)
    first.end()
    assert chosen(project) == "native"
    again = project.up()
    assert "native engine: this clone's data is SQLite in .data; --engine compose starts" in again.text()
    assert "data: SQLite in .data (native engine)" in project.invoke("status").stdout
    again.send(signal.SIGINT)
    again.end()
    project.invoke("up", "--engine", "compose", "--detach", *project.ports)
    assert "not in use: SQLite in .data (native engine)" in project.invoke("status").stdout
    project.invoke("down")
    assert chosen(project) == "compose"
    volume = next(name for name in told(docker)["volumes"] if name.endswith("_data"))
    assert project.status()["data"] == {
        "compose": f"SQLite in the volume {volume}",
        "native": "SQLite in .data",
    }
    absent = project.invoke("up", *project.ports, DOCKER="absent-daemon")
    assert absent.returncode == 1
    assert "Docker does not answer, and this clone's data is in a volume" in absent.stderr
    assert "--engine native   starts without the data" in absent.stderr


def test_a_first_run_without_base_images_falls_back_to_processes(project: Project, docker: Path) -> None:
    running = project.start("up", *project.ports, DOCKER="offline")
    text = running.until("native engine: images cannot be built; --engine compose tries again")
    assert "the base image python:3.11-slim cannot be used" in text
    assert "Using the native engine, which needs none." in text
    running.send(signal.SIGINT)
    running.end()
    requested = project.invoke("up", "--engine", "compose", "--detach", *project.ports, DOCKER="offline")
    assert requested.returncode == 1
    assert "invoke up --engine native" in requested.stderr


def test_data_is_copied_from_one_engine_to_the_other_and_replaced_only_on_a_yes(
    project: Project, docker: Path
) -> None:
    database = project.root / ".data" / "todo.db"
    to_compose = ("data-copy", "--from", "native", "--to", "compose")
    to_native = ("data-copy", "--from", "compose", "--to", "native")
    same = project.invoke("data-copy", "--from", "native", "--to", "native")
    assert (same.returncode, "--from and --to must differ" in same.stderr) == (2, True)
    assert "the native engine has no SQLite database" in project.invoke(*to_compose).stderr
    database.parent.mkdir()
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("CREATE TABLE tasks AS SELECT 'call the bank' AS title")
    copied = project.invoke(*to_compose)
    assert copied.returncode == 0, copied.stderr
    assert [name for name in told(docker)["volumes"] if name.endswith("_data")]
    database.unlink()
    returned = project.invoke(*to_native)
    assert returned.returncode == 0, returned.stderr
    with closing(sqlite3.connect(database)) as connection:
        assert connection.execute("SELECT title FROM tasks").fetchall() == [("call the bank",)]
    assert database.stat().st_mode & 0o077 == 0
    asked = project.invoke(*to_native)
    assert asked.returncode == 2
    assert "--yes" in asked.stderr
    assert project.invoke(*to_native, "--yes").returncode == 0
    project.up("--engine", "native")
    running = project.invoke(*to_native, "--yes")
    assert running.returncode == 1
    assert "the application is running, with the native engine" in running.stderr
