"""The steps of the quickstart and of the tutorial as data, and a clone in which their commands run."""

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PATIENCE_SECONDS = 900
"""A first start downloads packages, and a build may start without a cache."""


def sections(
    document: str = "README.md", heading: str = "Quickstart", level: int = 3
) -> dict[str, list[str]]:
    """Return the commands of each numbered section below a heading, by its title without its number."""
    text = (ROOT / document).read_text(encoding="utf-8")
    below = re.split(rf"(?m)^#+ {re.escape(heading)}\n", text)[1]
    part_of = re.split(rf"(?m)^#{{1,{level - 1}}} ", below)[0]
    found: dict[str, list[str]] = {}
    for part in re.split(rf"(?m)^{'#' * level} \d+\. ", part_of)[1:]:
        title, _, body = part.partition("\n")
        found[title] = re.findall(r"(?m)^ {4}(\S.*)$", body)
    return found


@dataclass
class Clone:
    """A clone of this project, with its own state, in which the commands run."""

    folder: Path

    def run(self, command: str, *, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a command line of the quickstart, with ./dev on the interpreter of the tests."""
        words = command.replace("./dev", f'"{sys.executable}" ./dev', 1)
        result = subprocess.run(
            ["bash", "-c", words],
            cwd=self.folder,
            env={name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"},
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )
        if check:
            assert result.returncode == 0, f"{command}\n{result.stdout}\n{result.stderr}"
        return result

    def status(self) -> dict[str, Any]:
        """Return what `./dev status --json` reports."""
        lines = self.run("./dev status --json").stdout.splitlines()
        return {name: value for line in lines for name, value in json.loads(line).items()}


def clone(folder: Path) -> Clone:
    """Clone the committed state and copy what has changed since, so that what is tested is what is here."""
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(folder)], check=True)
    listed = subprocess.run(
        ["git", "ls-files", "--modified", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        target = folder / name
        if (ROOT / name).exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes((ROOT / name).read_bytes())
        else:
            target.unlink(missing_ok=True)
    return Clone(folder)
