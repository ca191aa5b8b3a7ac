"""Tools of every measurement: a clone of the project whose images have names of their own, and a clock."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from automation.contract import models, profiles
from tests.images.containers import docker

SOURCES = {"backend": ("backend/src/app/health.py", "#"), "frontend": ("frontend/lib/task.ts", "//")}
"""A file of each service, and how a line of a comment begins in it."""


class Clone:
    """The project as it is committed, whose images have names that begin with a mark."""

    def __init__(self, root: Path, path: Path, mark: str, runs: int) -> None:
        """Clone the commit of a folder. What the clone builds is removed by `close`."""
        subprocess.run(["git", "clone", "--quiet", str(root), str(path)], check=True)
        self.path, self.mark, self.runs = path, mark, runs
        # Content of its own: who removes one name of an image from a node removes all that share its content.
        for name, comment in SOURCES.values():
            with (path / name).open("a", encoding="utf-8") as opened:
                opened.write(f"{comment} {mark}\n")
        own = {"TODO_STATE_DIR": ".run", "TODO_ENV_FILE": ".env", "TODO_DATA_DIR": ".data"}
        self._environ = {**os.environ, **own}
        for file in (path / "deploy/profiles").glob("*.toml"):
            text = file.read_text(encoding="utf-8")
            file.write_text(re.sub(r'(?m)^image = "', f'image = "{mark}-', text), encoding="utf-8")

    def profile(self, name: str = "") -> models.Profile:
        """Return a profile as it is in the clone."""
        return profiles.load(name, self.path)

    def images(self, *words: str) -> dict[str, str]:
        """Return the images of the services, built if they are not there."""
        self.invoke("build", *words)
        result = json.loads(self.invoke("build", *words, "--json").splitlines()[-1])
        return {each["service"]: each["reference"] for each in result["images"]}

    def invoke(self, *words: str) -> str:
        """Run a task of the clone, and return what it printed. Raises RuntimeError when it fails."""
        done = subprocess.run(
            [sys.executable, "-m", "invoke", *words],
            cwd=self.path, env=self._environ, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError(f"invoke {' '.join(words)}\n{done.stdout}{done.stderr}")
        return done.stdout

    def close(self) -> None:
        """Remove the images."""
        listed = docker("image", "ls", "--format", "{{.Repository}}:{{.Tag}}").stdout.split()
        if own := [name for name in listed if name.startswith(f"{self.mark}-")]:
            docker("image", "rm", "--force", *own)

    def beside(
        self, work: Callable[[], float], floor: Callable[[], float]
    ) -> tuple[Sequence[float], Sequence[float]]:
        """Take turns, so that whatever else the machine does meets both."""
        pairs = [(work(), floor()) for _ in range(self.runs)]
        return [value for value, _ in pairs], [least for _, least in pairs]


def timed(work: Callable[..., object], *arguments: str) -> float:
    """Return the seconds that a call takes."""
    began = time.perf_counter()
    work(*arguments)
    return time.perf_counter() - began
