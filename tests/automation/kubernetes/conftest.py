"""Programs that stand in for Docker and for everything that talks to a cluster."""

import json
import re
import shutil
import stat
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from automation import settings
from automation.settings import Settings
from tests.automation.conftest import ROOT, Project
from tests.automation.engines.conftest import DOCKERFILE

PROGRAMS = ("kubectl", "helm", "minikube", "kind")
OF_MINE = (
    "BETTER_AUTH_SECRET=01234567890123456789012345678901\n"
    "JWT_SECRET=abcdefghijabcdefghijabcdefghijab\n"
    "GEMINI_API_KEY=key-of-mine\n"
)


@dataclass
class Cluster:
    """The stand-ins of a project."""

    programs: Path

    def told(self, program: str = "cluster") -> dict[str, Any]:
        """Return what a stand-in keeps."""
        state: dict[str, Any] = json.loads((self.programs / f"{program}_double.json").read_text())
        return state

    def calls(self, *words: str) -> list[list[str]]:
        """Return the commands that hold all of the words."""
        return [each for each in self.told()["calls"] if all(word in each for word in words)]

    def give_helm(self) -> None:
        """Put the locked Helm in the place of its stand-in."""
        self.remove("helm")
        (self.programs / "helm").symlink_to(Path(sys.executable).with_name("helm"))

    def remove(self, name: str) -> None:
        """Make as if a program had never been installed."""
        (self.programs / name).unlink()


class Answer(BaseHTTPRequestHandler):
    """The application behind a node's port."""

    def do_GET(self) -> None:
        """Be well."""
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the library's name
        """Say nothing."""


@pytest.fixture
def node_port() -> Iterator[int]:
    """Give a port at which the application answers."""
    server = HTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def cluster(project: Project, node_port: int) -> Cluster:
    """Give the project stand-ins for Docker and for everything that talks to a cluster."""
    programs = project.root / "programs"
    programs.mkdir()
    for double, names in (("docker_double.py", ("docker",)), ("cluster_double.py", PROGRAMS)):
        copied = shutil.copy(ROOT / "tests/doubles" / double, programs)
        for name in names:
            called = "" if name == "docker" else name
            (programs / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" -S "{copied}" {called} "$@"\n')
            (programs / name).chmod((programs / name).stat().st_mode | stat.S_IXUSR)
    # Nothing else of this machine, which may have a cluster of its own.
    for name in ("sh", "git", "grep"):
        (programs / name).symlink_to(str(shutil.which(name)))
    project.environ |= {
        "PATH": str(programs),
        "RECORDED": str(ROOT / "tests/doubles/recorded/cluster.json"),
        "NODE_PORT": str(node_port),
    }
    shutil.copytree(ROOT / "deploy/helm", project.root / "deploy/helm")
    shutil.copy(ROOT / "deploy/rules.toml", project.root / "deploy")
    rules = project.root / "deploy/profiles/cluster.toml"
    rules.write_text(re.sub(r"(?m)^node_port = \d+", f"node_port = {node_port}", rules.read_text()))
    for service, name in (("backend", "PYTHON"), ("frontend", "NODE")):
        (project.root / service / "Dockerfile").write_text(DOCKERFILE.format(name))
        (project.root / service / ".dockerignore").write_text("*\n!src\n")
    (project.root / ".env").write_text(OF_MINE)
    return Cluster(programs)


def settings_of(project: Project) -> Settings:
    """Return the settings of a task in the project."""
    return settings.load(project.environ, project.root)
