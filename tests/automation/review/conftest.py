"""A miniature project under git whose Dockerfile is reviewed, with a test double for Docker."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.automation.conftest import ROOT, Project

OWN = 'FROM python:3.11-slim AS gordon\nUSER 1001\nCMD ["uvicorn"]\n'
BETTER = 'FROM python:3.11-slim AS gordon\nWORKDIR /app\nUSER 1001\nCMD ["uvicorn"]\n'
WORSE = "FROM python:latest\nCMD uvicorn\n"


@dataclass
class Repository:
    """A miniature project under git, with a Docker of its own."""

    project: Project
    programs: Path

    @property
    def own(self) -> Path:
        """The project's own Dockerfile."""
        return self.project.root / "backend" / "Dockerfile"

    @property
    def environ(self) -> dict[str, str]:
        """Command that runs its tasks."""
        return {"PATH": os.pathsep.join((str(self.programs), self.project.environ["PATH"]))}

    def review(self, *arguments: str, answer: str = "") -> subprocess.CompletedProcess[str]:
        """Review to the end."""
        given = {**self.environ, "AI_ANSWER": answer}
        return self.project.invoke("dockerfile-review", *arguments, **given)

    def write(self, name: str, text: str) -> str:
        """Write a file beside the project, and return its path."""
        file = self.project.root.parent / name
        file.write_text(text, encoding="utf-8")
        return str(file)

    def calls(self) -> list[dict[str, Any]]:
        """Return what Docker was asked for."""
        file = self.programs / "calls.txt"
        return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]

    def git(self, *arguments: str) -> None:
        """Run git."""
        subprocess.run(
            ["git", "-c", "user.name=a", "-c", "user.email=a@example.com", *arguments],
            cwd=self.project.root, check=True, capture_output=True,
        )  # fmt: skip


@pytest.fixture
def repository(project: Project, tmp_path: Path) -> Repository:
    """Give a project whose own Dockerfile is committed."""
    programs = tmp_path / "programs"
    programs.mkdir()
    double = programs / "double.py"
    shutil.copy(ROOT / "tests/doubles/agent_double.py", double)
    docker = programs / "docker"
    docker.write_text(f'#!/bin/sh\nexec "{sys.executable}" -S "{double}" "$@"\n', encoding="utf-8")
    docker.chmod(0o755)
    made = Repository(project, programs)
    locks = [f"requirements/{name}.txt" for name in ("dev", "lint", "test")]
    for name in (
        "deploy/rules.toml",
        "deploy/secrets.toml",
        "backend/pyproject.toml",
        "backend/requirements.txt",
        *locks,
    ):
        shutil.copy(ROOT / name, project.root / name)
    made.own.write_text(OWN, encoding="utf-8")
    made.own.with_name(".dockerignore").write_text("*\n!src\n", encoding="utf-8")
    (project.root / ".gitignore").write_text(".env\n.run\noutput-*\n", encoding="utf-8")
    made.git("init", "-q")
    made.git("add", "-A")
    made.git("commit", "-q", "-m", "all")
    return made
