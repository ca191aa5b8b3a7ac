"""Containers: the commands for Docker, the output for people, and the explanation of failures."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.automation.conftest import Project, eventually
from tests.automation.engines.conftest import DOCKERFILE, told


def test_up_builds_starts_and_names_the_address(project: Project, docker: Path) -> None:
    result = project.invoke("compose-up", "--detach", *project.ports)
    assert result.returncode == 0, result.stderr
    assert ".env created from .env.example, secret generated" in result.stdout
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
        ("migration-fails", ["SQLite could not be migrated", "the history does not fit"]),
        (
            "backend-ends",
            ["the backend keeps stopping after every restart", "this backend is broken on purpose"],
        ),
        ("backend-ends", ["invoke logs --service backend"]),
        ("memory", ["the backend was killed: it ran out of memory", "give Docker more memory"]),
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
    assert "POSTGRES_PASSWORD is not the password that the database was created with" in result.stderr
    assert "invoke compose-down --volumes" in result.stderr


def test_a_bad_settings_file_stops_the_start_before_docker_is_asked_for_anything(
    project: Project, docker: Path
) -> None:
    (project.root / ".env").write_text("BETTER_AUTH_SECRET=short\nPOSTGRES_PASSWORD=with@sign\n")
    result = project.invoke("compose-up", "--detach", *project.ports)
    assert result.returncode == 2
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
        assert "is already running, the standalone profile in production mode" in result.stderr
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
        (["--backend-port", "3000"], "port 3000 is requested twice"),
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
    assert "Create .env with a generated BETTER_AUTH_SECRET." in result.stdout
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
    assert "everything has stopped, the data stays" in running.text()
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
    assert "The application is stopped: nothing to do." in project.invoke("compose-down", "--dry-run").stdout
    assert told(docker)["volumes"]
