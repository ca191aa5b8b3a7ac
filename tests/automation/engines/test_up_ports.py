"""Ports that are taken, or lost between choice and use."""

import os
import socket
import sys

from automation.process import ports
from tests.automation.conftest import Project, Running, eventually


def test_a_backend_that_cannot_be_imported_is_a_failure_with_its_own_words(project: Project) -> None:
    running = project.start("up", *project.ports, BACKEND="broken")
    assert running.end() == 1
    assert "this backend is broken on purpose" in running.text()
    assert "invoke logs --service backend" in running.text()
    assert not project.processes()


def test_a_taken_port_names_its_holder_and_the_way_out(project: Project, taken_port: int) -> None:
    result = project.invoke(
        "up", "--backend-port", str(taken_port), "--frontend-port", str(project.frontend_port)
    )
    assert result.returncode == 1
    assert f"port {taken_port} is taken by {sys.executable} -c" in result.stderr
    assert "(pid " in result.stderr
    assert ", since " in result.stderr
    assert "the same command with --auto-port" in result.stderr
    assert "the same command with --backend-port " in result.stderr
    assert not project.processes()


def test_both_taken_ports_are_reported_at_once(project: Project, taken_port: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as own:
        frontend_port = own.getsockname()[1]
        result = project.invoke(
            "up", "--backend-port", str(taken_port), "--frontend-port", str(frontend_port)
        )
    assert result.returncode == 1
    assert f"port {taken_port} is taken by" in result.stderr
    assert f"port {frontend_port} is taken by" in result.stderr


def start_and_lose_the_backend_port(project: Project, *flags: str) -> tuple[Running, socket.socket]:
    """Start, and let another process take the backend's port after it was found free."""
    running = project.start("up", *flags, *project.ports, MIGRATION="wait")
    eventually(lambda: (project.root / ".data").exists(), "the migration waits")
    thief = socket.create_server(("127.0.0.1", project.backend_port))
    (project.root / ".data" / "go").touch()
    return running, thief


def test_the_holder_of_a_port_is_told_on_one_line(taken_port: int) -> None:
    command, _, who = ports.holder_process(taken_port).rpartition(" (pid ")
    assert command.startswith(sys.executable[:40])
    assert command.isprintable()
    assert command.endswith("…")
    assert len(command) == 60
    assert who[0].isdecimal()


def test_a_port_that_is_lost_between_choice_and_use_names_its_holder(project: Project) -> None:
    running, thief = start_and_lose_the_backend_port(project)
    with thief:
        assert running.end() == 1
    assert f"port {project.backend_port} is taken by" in running.text()
    assert f"(pid {os.getpid()}, since" in running.text()
    assert not project.processes()


def test_with_auto_port_a_lost_port_is_replaced_by_another(project: Project) -> None:
    running, thief = start_and_lose_the_backend_port(project, "--auto-port")
    with thief:
        running.until("The to-do chatbot is at")
        assert project.status()["ports"]["backend"] != project.backend_port
        assert project.status()["state"] == "running"


def test_auto_port_takes_the_next_free_one(project: Project, taken_port: int) -> None:
    running = project.start(
        "up", "--auto-port", "--backend-port", str(taken_port), "--frontend-port", str(project.frontend_port)
    )
    running.until("The to-do chatbot is at")
    assert project.status()["ports"]["backend"] > taken_port
