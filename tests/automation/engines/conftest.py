"""A Docker that is a stand-in, for the tests of the engines."""

import json
import shutil
import stat
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.automation.conftest import ROOT, Project

DOCKERFILE = "ARG {}_IMAGE\nFROM scratch AS standalone\nFROM scratch AS uv\nFROM scratch AS cluster\n"


@pytest.fixture
def docker(project: Project) -> Path:
    """Give the project a Docker that is a stand-in, and return the file where it keeps what it was told."""
    programs = project.root / "programs"
    programs.mkdir()
    double = shutil.copy(ROOT / "tests/doubles/docker_double.py", programs)
    program = programs / "docker"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -S "{double}" "$@"\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    project.environ["PATH"] = f"{programs}:{project.environ['PATH']}"
    del project.environ["TODO_ENGINE"]
    shutil.copy(ROOT / "docker-compose.yml", project.root)
    shutil.copy(ROOT / "deploy/rules.toml", project.root / "deploy")
    for service, name in (("backend", "PYTHON"), ("frontend", "NODE")):
        for file in ("Dockerfile", "Dockerfile.dev"):
            (project.root / service / file).write_text(DOCKERFILE.format(name))
        (project.root / service / ".dockerignore").write_text("*\n!src\n")
    return Path(double).with_suffix(".json")


def told(docker: Path) -> dict[str, Any]:
    """Return what the stand-in was told."""
    state: dict[str, Any] = json.loads(docker.read_text())
    return state
