"""Runs the vulnerability scanner that this machine has, and reads the SARIF that each of them writes."""

import json
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from automation.console.errors import AutomationError, UsageError, unknown
from automation.process import processes
from automation.process.processes import Completed, Program
from automation.settings import Settings

_PROBE_SECONDS = 60.0
_LAST_LINES = 5
_LONGEST = 90  # characters of a description
_IDENTIFIER = re.compile(r"(?:CVE-\d+-\d+|GHSA(?:-\w{4}){3})")
"""A scanner may add the name of the package."""
_RANKS = {"critical": 9.0, "high": 7.0}
"""The least CVSS score of each."""


@dataclass(frozen=True)
class Scanner:
    """Command of a scanner for the critical and high vulnerabilities that an update fixes."""

    name: str
    command: tuple[str, ...]
    probe: tuple[str, ...]
    """Arguments with which it succeeds where it is installed."""
    arguments: tuple[str, ...]
    """With `IMAGE` and `FILE` for the image and the file of the report."""
    website: str


SCANNERS = (
    Scanner(
        "docker scout",
        ("docker", "scout"),
        ("version",),
        ("cves", "local://IMAGE", "--format", "sarif", "--output", "FILE",
         "--only-fixed", "--only-severity", "critical,high"),
        "https://docs.docker.com/scout/install/",
    ),
    Scanner(
        "trivy",
        ("trivy",),
        ("--version",),
        ("image", "--image-src", "docker", "--scanners", "vuln", "--format", "sarif", "--output", "FILE",
         "--ignore-unfixed", "--severity", "CRITICAL,HIGH", "IMAGE"),
        "https://trivy.dev/latest/getting-started/installation/",
    ),
    Scanner(
        "grype",
        ("grype",),
        ("version",),
        ("docker:IMAGE", "--only-fixed", "--output", "sarif=FILE"),
        "https://github.com/anchore/grype#installation",
    ),
)  # fmt: skip


@dataclass(frozen=True)
class Vulnerability:
    """A critical or high vulnerability that an update fixes."""

    identifier: str
    severity: str
    description: str


@dataclass(frozen=True)
class Report:
    vulnerabilities: tuple[Vulnerability, ...]
    sarif: str


async def find(settings: Settings, name: str = "") -> tuple[Scanner, Program]:
    """Return the scanner of that name, or the first that this machine has. Raises AutomationError."""
    known = {scanner.name: scanner for scanner in SCANNERS}
    if name and name not in known:
        raise unknown("scanner", name, known)
    for scanner in SCANNERS:
        program = processes.find(scanner.command[0], settings.environ, settings.root)
        if program is None or name not in {"", scanner.name}:
            continue
        done = await _complete(scanner, program, scanner.probe, _PROBE_SECONDS)
        if done.code == 0:
            return scanner, program
    raise AutomationError(
        f"{name or 'a vulnerability scanner'} is not installed",
        why=f"one of {', '.join(known)} is needed to look for vulnerabilities",
        remedies=[f"{one.name}: {one.website}" for one in SCANNERS if name in {"", one.name}],
    )


async def scan(scanner: Scanner, program: Program, image: str, seconds: float) -> Report:
    """Return what a scanner finds in an image. Raises AutomationError if it fails or takes too long."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "report.sarif.json")
        words = [word.replace("IMAGE", image).replace("FILE", str(file)) for word in scanner.arguments]
        done = await _complete(scanner, program, words, seconds)
        text = _text(file)
    try:
        if done.code == 0:
            return Report(tuple(sorted(read(json.loads(text)), key=lambda one: one.identifier)), text)
    except (ValueError, KeyError, TypeError, AttributeError):
        pass  # the error below shows what it printed instead
    raise AutomationError(
        f"{scanner.name} could not scan {image}",
        why=f"it ended with exit code {done.code}" if done.code else "it wrote no SARIF report",
        details=(done.errors or done.output).strip().splitlines()[-_LAST_LINES:],
        remedies=[f"{' '.join(scanner.command)} {' '.join(words[:2])}   shows the whole output"],
    )


def read(document: Mapping[str, Any]) -> Iterator[Vulnerability]:
    """Yield the critical and high vulnerabilities of a SARIF document, each once.

    Raises KeyError, TypeError, AttributeError or ValueError if it is not one.
    """
    seen = set()
    for run in document["runs"]:
        rules = {rule["id"]: rule for rule in run["tool"]["driver"].get("rules", ())}
        for result in run["results"] or ():
            rule = rules.get(result["ruleId"], {})
            severity = _severity(rule.get("properties", {}), result.get("level", ""))
            found = _IDENTIFIER.match(result["ruleId"])
            identifier = found[0] if found else str(result["ruleId"])
            if severity and identifier not in seen:
                seen.add(identifier)
                text = rule.get("shortDescription", {}).get("text") or result["message"]["text"]
                yield Vulnerability(identifier, severity, " ".join(text.split())[:_LONGEST])


def _severity(properties: Mapping[str, Any], level: str) -> str:
    """Return `critical` or `high`, or nothing for less.

    Its own word comes first: a scanner may rank by the distribution and still report the score of others.
    """
    words = {str(tag).lower() for tag in properties.get("tags", ())}
    words.add(str(properties.get("cvssV3_severity", "")).lower())
    if words & {*_RANKS, "medium", "low", "negligible"}:
        return next((rank for rank in _RANKS if rank in words), "")
    if "security-severity" in properties:
        score = float(properties["security-severity"])
        return next((rank for rank, least in _RANKS.items() if score >= least), "")
    return "high" if level == "error" else ""


def _text(file: Path) -> str:
    return file.read_text(encoding="utf-8") if file.is_file() else ""


async def _complete(scanner: Scanner, program: Program, words: Sequence[str], seconds: float) -> Completed:
    try:
        return await program.complete(*scanner.command[1:], *words, seconds=seconds)
    except TimeoutError:
        raise AutomationError(
            f"{scanner.name} did not finish within {seconds:.0f} s",
            why="it may be loading its database, or waiting for a network that does not answer",
            remedies=["--timeout SECONDS", "another scanner with --scanner NAME"],
        ) from None
    except OSError as error:
        raise UsageError(f"{scanner.name} cannot be started: {error}") from error
