"""The tasks that run containers: what they ask Docker for, what they tell, and how they explain a failure."""

import json
import shutil
import signal
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.automation.conftest import ROOT, Project, eventually, on_terminal

DOCKERFILE = "ARG {}_IMAGE\nFROM scratch AS standalone\nFROM scratch AS uv\nFROM scratch AS cluster\n"


@pytest.fixture
def docker(project: Project) -> Path:
    """Give the project a Docker that is a stand-in, and return the file where it keeps what it was told."""
    programs = project.root / "programs"
    programs.mkdir()
    double = shutil.copy(ROOT / "tests/doubles/docker_double.py", programs)
    program = programs / "docker"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{double}" "$@"\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    project.environ["PATH"] = f"{programs}:{project.environ['PATH']}"
    del project.environ["TODO_ENGINE"]
    shutil.copy(ROOT / "docker-compose.yml", project.root)
    shutil.copy(ROOT / "deploy/rules.toml", project.root / "deploy")
    for service, name in (("backend", "PYTHON"), ("frontend", "NODE")):
        for file in ("Dockerfile", "Dockerfile.dev"):
            (project.root / service / file).write_text(DOCKERFILE.format(name))
            (project.root / service / f"{file}.dockerignore").write_text(f"*\n!{service}/src\n")
    return Path(double).with_suffix(".json")


def told(docker: Path) -> dict[str, Any]:
    """Return what the stand-in was told."""
    state: dict[str, Any] = json.loads(docker.read_text())
    return state


def test_up_builds_starts_and_names_the_address(project: Project, docker: Path) -> None:
    result = project.invoke("compose-up", "--detach", *project.ports)
    assert result.returncode == 0, result.stderr
    assert ".env made from .env.example, secret generated" in result.stdout
    assert "SQLite, 2 migrations applied" in result.stdout
    assert f"http://localhost:{project.backend_port}   healthy" in result.stdout
    assert f"The to-do chatbot is at http://localhost:{project.frontend_port}" in result.stdout
    assert "compose engine" in result.stdout
    assert "agent: offline" in result.stdout
    status = project.status()
    assert (status["engine"], status["state"], status["mode"]) == ("compose", "running", "production")
    assert status["ports"] == {"backend": project.backend_port, "frontend": project.frontend_port}
    assert status["backend"]["state"] == status["frontend"]["state"] == "healthy"
    assert status["frontend"]["memory"] == 42_000 * 1024


def test_what_waits_says_for_what_and_is_timed_from_its_beginning(project: Project, docker: Path) -> None:
    flags = ["--detach", "--dev", "--database", "postgres", "--json", *project.ports]
    result = project.invoke("compose-up", *flags, DOCKER="slow")
    events = [json.loads(line) for line in result.stdout.splitlines()]

    def progress(step: str) -> list[str]:
        return [
            each["detail"] for each in events if (each["event"], each.get("step")) == ("step-progress", step)
        ]

    assert progress("frontend")[-4:] == [
        "filling a volume with its packages",
        "waiting for the backend",
        "starting",
        "started, not healthy yet",
    ]
    assert "waiting for the database" in progress("backend")
    assert "waiting for PostgreSQL" in progress("database")
    assert not any("waiting" in each for each in progress("postgres"))
    seconds = [
        each["seconds"] for each in events if each["event"] == "step-finished" and each["step"] == "frontend"
    ]
    assert seconds[-1] >= 1


def test_a_second_up_does_nothing_and_says_so(project: Project, docker: Path) -> None:
    project.invoke("compose-up", "--detach", *project.ports)
    before = len([call for call in told(docker)["calls"] if "up" in call])
    again = project.invoke("compose-up", "--detach")
    assert again.returncode == 0, again.stderr
    assert f"already running at http://localhost:{project.frontend_port}" in again.stdout
    assert len([call for call in told(docker)["calls"] if "up" in call]) == before


def test_a_changed_source_and_a_changed_setting_are_brought_in_by_the_next_up(
    project: Project, docker: Path
) -> None:
    project.invoke("compose-up", "--detach", *project.ports)
    image = told(docker)["given"]["BACKEND_IMAGE"]
    (project.root / "backend/src/app/main.py").write_text("changed = True\n")
    changed = project.invoke("compose-up", "--detach")
    assert "already running" not in changed.stdout
    assert told(docker)["given"]["BACKEND_IMAGE"] != image
    with (project.root / ".env").open("a") as file:
        file.write("OPENAI_API_KEY=sk-new\nAGENT_MODEL=small\n")
    assert "already running" not in project.invoke("compose-up", "--detach").stdout
    assert told(docker)["given"]["OPENAI_API_KEY"] == "sk-new"


def test_migrations_are_counted_of_this_start_alone(project: Project, docker: Path) -> None:
    first = project.invoke("compose-up", "--detach", *project.ports)
    assert "SQLite, 2 migrations applied" in first.stdout
    removed = next(name for name in told(docker)["containers"] if "backend" in name)
    subprocess.run(["docker", "container", "rm", removed], env=project.environ, check=True)
    second = project.invoke("compose-up", "--detach")
    assert second.returncode == 0, second.stderr
    assert "SQLite, up to date" in second.stdout


def test_a_paused_container_is_told_as_paused_and_started_again(project: Project, docker: Path) -> None:
    project.invoke("compose-up", "--detach", *project.ports)
    names = {name.split("-")[-2]: name for name in told(docker)["containers"]}
    subprocess.run(["docker", "pause", names["backend"]], env=project.environ, check=True)
    status = project.status()
    assert (status["state"], status["backend"]["state"], status["frontend"]["state"]) == (
        "unhealthy", "paused", "healthy",
    )  # fmt: skip
    shown = project.invoke("status")
    assert shown.returncode == 1
    assert (
        f"the backend is paused: docker unpause {names['backend']}   or   invoke compose-up" in shown.stdout
    )
    assert "Start the backend, which is paused." in project.invoke("compose-up", "--dry-run").stdout
    subprocess.run(["docker", "pause", names["frontend"]], env=project.environ, check=True)
    assert project.status()["state"] == "unhealthy", "it holds its ports"
    again = project.invoke("compose-up", "--detach")
    assert again.returncode == 0, again.stderr
    assert "The backend and the frontend were paused, and are started again." in again.stdout
    assert project.status()["state"] == "running"


def test_two_at_once_start_one_application(project: Project, docker: Path) -> None:
    both = [project.start("compose-up", "--detach", "--json", *project.ports) for _ in range(2)]
    assert [each.end() for each in both] == [0, 0], [each.text() for each in both]
    results = [json.loads(each.text().splitlines()[-1]) for each in both]
    assert results[0]["pids"] == results[1]["pids"]
    assert len([call for call in told(docker)["calls"] if "up" in call]) == 1


def test_secrets_reach_compose_in_its_environment_and_never_on_a_command_line(
    project: Project, docker: Path
) -> None:
    (project.root / ".env").write_text(
        "BETTER_AUTH_SECRET=01234567890123456789012345678901\nOPENAI_API_KEY=sk-of-mine\n"
    )
    assert project.invoke("compose-up", "--detach", "--database", "postgres", *project.ports).returncode == 0
    state = told(docker)
    password = state["given"]["POSTGRES_PASSWORD"]
    assert f"POSTGRES_PASSWORD={password}" in (project.root / ".env").read_text()
    assert len(password) >= 32
    assert state["given"]["OPENAI_API_KEY"] == "sk-of-mine"
    words = json.dumps(state["calls"])
    assert not any(secret in words for secret in ("sk-of-mine", "0123456789", password))
    again = project.invoke("compose-up", "--detach")
    assert "already running" in again.stdout
    assert told(docker)["given"]["POSTGRES_PASSWORD"] == password


def test_a_server_on_this_machine_is_given_to_containers_by_the_name_that_they_know(
    project: Project, docker: Path
) -> None:
    (project.root / ".env").write_text(
        "BETTER_AUTH_SECRET=01234567890123456789012345678901\n"
        "OPENAI_BASE_URL=http://localhost:11434/v1\n"
        "DATABASE_URL=postgresql://me:p%40ss@127.0.0.1:5432/todo?sslmode=disable\n"
    )
    result = project.invoke("compose-up", "--detach", *project.ports)
    assert "OPENAI_BASE_URL names this machine" in result.stdout
    given = told(docker)["given"]
    assert given["OPENAI_BASE_URL"] == "http://host.docker.internal:11434/v1"
    assert given["DATABASE_URL"] == "postgresql://me:p%40ss@host.docker.internal:5432/todo?sslmode=disable"
    assert "PostgreSQL, 2 migrations applied" in result.stdout


@pytest.mark.parametrize(
    ("behaviour", "words"),
    [
        ("migration-fails", ["SQLite could not be brought up to date", "the history does not fit"]),
        ("backend-ends", ["the backend stops again and again", "this backend is broken on purpose"]),
        ("backend-ends", ["invoke logs --service backend"]),
        ("memory", ["the backend was killed: it needed more memory", "give Docker more memory"]),
        ("unhealthy", ["the backend is not healthy: port 8000/health answers 500"]),
        ("disk-full", ["Docker's disk is full", "docker builder prune"]),
        ("image-missing", ["the image todo-backend:", "invoke build"]),
        ("absent-daemon", ["the Docker daemon is not running", "sudo systemctl start docker"]),
        ("no-compose", ["Docker's plugin compose is missing"]),
    ],
)
def test_a_failure_says_what_why_and_what_to_try(
    project: Project, docker: Path, behaviour: str, words: list[str]
) -> None:
    result = project.invoke("compose-up", "--detach", *project.ports, DOCKER=behaviour)
    assert result.returncode == 1
    assert [each for each in words if each not in result.stderr] == []
    assert "Traceback" not in result.stderr
    # What failed has been stopped, and its output can still be read.
    if "invoke logs --service backend" in words:
        assert project.status()["state"] == "stopped"
        assert "broken on purpose" in project.invoke("logs", "--service", "backend").stdout


def test_a_database_with_another_password_is_explained(project: Project, docker: Path) -> None:
    result = project.invoke(
        "compose-up", "--detach", "--database", "postgres", *project.ports, DOCKER="other-password"
    )
    assert result.returncode == 1
    assert "POSTGRES_PASSWORD is not the password that the database was made with" in result.stderr
    assert "invoke compose-down --volumes" in result.stderr


def test_a_bad_settings_file_stops_the_start_before_docker_is_asked_for_anything(
    project: Project, docker: Path
) -> None:
    (project.root / ".env").write_text("BETTER_AUTH_SECRET=short\nPOSTGRES_PASSWORD=with@sign\n")
    result = project.invoke("compose-up", "--detach", *project.ports)
    assert result.returncode == 1
    assert "2 problems in .env" in result.stderr
    assert "with@sign" not in result.stderr
    assert not docker.exists()


def test_a_port_taken_by_a_process_or_a_container_names_its_holder(
    project: Project, docker: Path, taken_port: int
) -> None:
    flags = ["--backend-port", str(taken_port), "--frontend-port", str(project.frontend_port)]
    by_process = project.invoke("compose-up", "--detach", *flags)
    assert by_process.returncode == 1
    assert f"port {taken_port} is taken by {sys.executable} -c" in by_process.stderr
    by_container = project.invoke("compose-up", "--detach", *flags, HELD_PORT=str(taken_port))
    assert f"port {taken_port} is taken by the container shop-web-1 of the Compose project shop" in (
        by_container.stderr
    )
    assert "--auto-port" in by_container.stderr
    assert not any("build" in call for call in told(docker)["calls"])
    searched = project.invoke("compose-up", "--detach", "--auto-port", *flags)
    assert searched.returncode == 0, searched.stderr
    assert project.status()["ports"]["backend"] > taken_port


def test_a_port_that_only_docker_sees_taken_is_explained_too(project: Project, docker: Path) -> None:
    held = str(project.frontend_port)
    result = project.invoke("compose-up", "--detach", *project.ports, DOCKER="port-taken", HELD_PORT=held)
    assert result.returncode == 1
    assert f"port {held} is taken by the container shop-web-1" in result.stderr
    flags = ["--auto-port", *project.ports]
    searched = project.invoke("compose-up", "--detach", *flags, DOCKER="port-taken", HELD_PORT=held)
    assert searched.returncode == 0, searched.stderr
    assert project.status()["ports"]["frontend"] > project.frontend_port


def test_a_range_of_addresses_that_another_network_has_is_left_to_it(project: Project, docker: Path) -> None:
    project.invoke("compose-up", "--detach", *project.ports, DOCKER="network-taken", FREE_PREFIX="none")
    refused = told(docker)["refused"]
    assert len(set(refused)) == len(refused) > 1
    free = project.invoke(
        "compose-up", "--detach", *project.ports, DOCKER="network-taken", FREE_PREFIX=refused[1]
    )
    assert free.returncode == 0, free.stderr
    assert told(docker)["given"]["NETWORK_PREFIX"] == refused[1]


def test_another_mode_profile_or_database_than_the_running_one_is_an_error(
    project: Project, docker: Path
) -> None:
    project.invoke("compose-up", "--detach", *project.ports)
    for flags in (["--dev"], ["--profile", "uv"], ["--database", "postgres"]):
        result = project.invoke("compose-up", "--detach", *flags)
        assert result.returncode == 1
        assert "runs already, the standalone profile in production mode" in result.stderr
        assert "invoke down" in result.stderr


def test_the_profile_decides_about_files_and_images(project: Project, docker: Path) -> None:
    project.invoke("compose-up", "--detach", "--profile", "cluster", "--database", "postgres", *project.ports)
    [up] = [call for call in told(docker)["calls"] if "up" in call]
    files = [up[at + 1] for at, word in enumerate(up) if word == "--file"]
    assert files == ["docker-compose.yml", "deploy/compose/cluster.yml", "deploy/compose/postgres.yml"]
    assert told(docker)["given"]["AGENT_PROVIDER"] == "gemini"
    assert len(told(docker)["given"]["JWT_SECRET"]) >= 32


def test_in_development_the_packages_follow_the_lock_file(project: Project, docker: Path) -> None:
    def volumes() -> set[str]:
        return {name.partition("_")[2].partition("-")[0] for name in told(docker)["volumes"]}

    project.invoke("compose-up", "--detach", "--dev", *project.ports)
    [up] = [call for call in told(docker)["calls"] if "up" in call]
    assert "deploy/compose/development.yml" in up
    # Otherwise Docker would make them, as root.
    assert all((project.root / "frontend" / name).is_dir() for name in ("node_modules", ".next"))
    first = told(docker)["volumes"]
    assert volumes() == {"data", "packages", "next"}
    (project.root / "frontend/Dockerfile.dev").write_text(f"{DOCKERFILE.format('NODE')}# changed\n")
    assert project.invoke("compose-up", "--detach", "--dev").returncode == 0
    assert volumes() == {"data", "packages", "next"}
    second = told(docker)["volumes"]
    assert len(second) == 3
    assert len({*first, *second}) == 5


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--database", "mysql"], "the databases are sqlite, postgres"),
        (["--profile", "standalon"], "--profile standalone"),
        (["--backend-port", "3000"], "port 3000 is asked for twice"),
    ],
)
def test_a_value_that_means_nothing_is_one_clear_message(
    project: Project, docker: Path, flags: list[str], words: str
) -> None:
    result = project.invoke("compose-up", "--detach", *flags)
    assert result.returncode == 2
    assert words in result.stderr


def test_a_dry_run_says_what_would_be_done_and_does_nothing(project: Project, docker: Path) -> None:
    result = project.invoke("compose-up", "--dry-run", *project.ports)
    assert result.returncode == 0, result.stderr
    assert "Make .env with a generated BETTER_AUTH_SECRET." in result.stdout
    assert "build it." in result.stdout
    assert f"Start the frontend at http://localhost:{project.frontend_port}." in result.stdout
    assert not (project.root / ".env").exists()
    assert not any("up" in call or "build" in call for call in told(docker)["calls"])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_in_the_foreground_a_signal_ends_everything_and_keeps_the_data(
    project: Project, docker: Path, number: int
) -> None:
    running = project.start("compose-up", *project.ports)
    running.until("backend  | the backend has started")
    running.send(number)
    assert running.end() == 128 + number
    assert "everything has ended, the data stays" in running.text()
    assert told(docker)["containers"] == {}
    assert told(docker)["volumes"]
    assert not project.processes()


def test_an_interruption_while_it_starts_leaves_nothing_behind(project: Project, docker: Path) -> None:
    running = project.start("compose-up", *project.ports, DOCKER="migration-hangs")
    eventually(lambda: docker.exists() and told(docker)["containers"], "the migration runs")
    running.send(signal.SIGINT)
    assert running.end() == 130
    assert told(docker)["containers"] == {}
    assert not project.processes()
    assert project.status()["state"] == "stopped"


def test_down_twice_is_no_error_and_keeps_the_data(project: Project, docker: Path) -> None:
    project.invoke("compose-up", "--detach", *project.ports)
    first, second = project.invoke("compose-down"), project.invoke("compose-down")
    assert (first.returncode, second.returncode) == (0, 0)
    assert "Nothing is running." in second.stdout
    assert told(docker)["volumes"]


def test_logs_say_that_what_containers_wrote_went_with_them(project: Project, docker: Path) -> None:
    assert "Nothing has been written yet" in project.invoke("logs").stdout
    project.invoke("compose-up", "--detach", *project.ports)
    project.invoke("down")
    gone = project.invoke("logs", DOCKER="absent-daemon")
    assert "What the containers wrote went with them" in gone.stdout
    project.up("--engine", "native").send(signal.SIGINT)
    eventually(lambda: project.status()["state"] == "stopped", "it has ended")
    assert "frontend" in project.invoke("logs").stdout
    project.invoke("compose-up", "--detach", *project.ports)
    assert "backend  | the backend has started" in project.invoke("logs").stdout


def test_status_and_logs_know_the_database_that_is_a_container(project: Project, docker: Path) -> None:
    project.invoke("compose-up", "--detach", "--database", "postgres", *project.ports)
    shown = project.invoke("status").stdout
    assert "postgres   for the backend only" in shown
    assert "what postgres writes: invoke logs --service postgres" in shown
    assert project.status()["postgres"]["state"] == "healthy"
    assert "postgres | the postgres has started" in project.invoke("logs", "--service", "postgres").stdout
    project.invoke("down")
    project.invoke("compose-up", "--detach", *project.ports)
    assert "postgres" not in project.invoke("status").stdout
    wrong = project.invoke("logs", "--service", "postgres")
    assert wrong.returncode == 2
    assert "the services are backend, frontend" in wrong.stderr


def test_doctor_knows_what_containers_hold(project: Project, docker: Path) -> None:
    def findings(**environ: str) -> dict[str, dict[str, str]]:
        result = project.invoke("doctor", "--json", **environ)
        return {each["name"]: each for each in json.loads(result.stdout)["findings"]}

    before = findings()
    assert before["database"]["detail"].startswith("SQLite in .data; with containers, SQLite in the volume ")
    project.invoke("compose-up", "--detach", *project.ports)
    volume = next(name for name in told(docker)["volumes"] if name.endswith("_data"))
    while_it_runs = findings()
    assert while_it_runs["database"]["detail"] == f"SQLite in the volume {volume}"
    assert while_it_runs[f"port {project.backend_port}"]["detail"] == "the backend listens"
    assert while_it_runs[f"port {project.frontend_port}"]["detail"] == "the frontend listens"
    assert while_it_runs["Node"]["state"] == "passed"
    # Without a daemon nobody can tell.
    assert f"port {project.backend_port}" not in findings(DOCKER="absent-daemon")
    project.invoke("down")
    assert before == findings() | {name: before[name] for name in ("clock", "disk", "settings")}
    project.invoke("compose-up", "--detach", "--database", "postgres", *project.ports)
    assert (
        findings()["database"]["detail"] == f"PostgreSQL in the volume {volume.removesuffix('data')}postgres"
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
    assert "compose engine: Docker 29.1.0 answers; --engine native does without" in result.stdout
    assert project.status()["mode"] == "development"
    assert "backend  | the backend has started" in project.invoke("logs").stdout
    other = project.invoke("up", "--engine", "native", "--detach")
    assert other.returncode == 1
    assert "runs already, with the compose engine" in other.stderr
    assert project.invoke("down").returncode == 0
    assert project.status()["state"] == "stopped"
    assert told(docker)["containers"] == {}


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        ("absent-daemon", "Docker does not answer"),
        ("silent-daemon", "Docker does not answer"),
        ("no-compose", "Docker has no Compose here"),
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
    assert "runs already, with the native engine" in composed.stderr


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
