"""A service that ends is restarted, and status reports it."""

import re
import signal
import threading

import psutil
import pytest

from tests.automation.conftest import Project, eventually


def test_a_service_that_loses_its_guard_is_started_again(project: Project) -> None:
    running = project.up()
    project.guards()[0].kill()
    running.until("ended with its guard process (signal 9), restarted")
    eventually(lambda: project.status()["state"] == "running", "both are healthy again")
    running.send(signal.SIGINT)
    assert running.end() == 130
    assert not project.processes()


@pytest.mark.parametrize("detach", [False, True], ids=["in the foreground", "in the background"])
def test_when_the_frontend_dies_it_is_started_again_beside_the_backend(
    project: Project, *, detach: bool
) -> None:
    if detach:
        assert project.invoke("up", "--detach", *project.ports).returncode == 0
    else:
        running = project.up()
    backend = project.status()["pids"]["backend"]
    with pytest.raises(Exception, match=r"disconnected|closed|reset"):
        project.ask("frontend", "/die")
    eventually(lambda: project.status()["frontend"]["detail"].startswith("restarted"), "it starts again")
    eventually(lambda: project.status()["state"] == "running", "it is healthy again")
    status = project.invoke("status").stdout
    assert "restarted 1 time, it stopped with exit code 7 at " in status
    assert project.status()["pids"]["backend"] == backend
    assert "GET /die" in project.invoke("logs", "--service", "frontend").stdout, "what it said is kept"
    if not detach:
        running.until("stopped with exit code 7, restarted")
    assert project.invoke("down").returncode == 0
    assert not project.processes()


def suspended_frontend(project: Project) -> psutil.Process:
    """Suspend the frontend itself, the child of its guard, and return it."""
    [frontend] = psutil.Process(project.status()["pids"]["frontend"]).children()
    frontend.suspend()
    return frontend


def test_a_service_that_is_busy_for_seconds_is_healthy(project: Project) -> None:
    project.up()
    frontend = suspended_frontend(project)
    resumption = threading.Timer(4, frontend.resume)  # nothing tells from outside that status has asked
    resumption.start()
    try:
        assert project.status()["state"] == "running"
    finally:
        resumption.join()


def test_a_service_that_answers_nothing_is_unhealthy_and_said_to_be(project: Project) -> None:
    project.up()
    frontend = suspended_frontend(project)
    try:
        result = project.invoke("status")
        diagnosed = project.invoke("doctor")
    finally:
        frontend.resume()
    assert result.returncode == diagnosed.returncode == 1
    assert "the frontend is unhealthy: invoke logs --service frontend" in result.stdout
    assert re.search(r"FAIL  frontend +unhealthy: no answer from", diagnosed.stdout)
    assert "the frontend listens" in diagnosed.stdout
    assert f"no answer from http://127.0.0.1:{project.frontend_port}/health within 15 s" in result.stdout
