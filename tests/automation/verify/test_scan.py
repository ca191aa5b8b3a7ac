"""Each vulnerability scanner is used as it is there, and nothing passes that it did not find clean."""

import asyncio
import json
import os
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from automation import settings
from automation.contract.models import Ignored
from automation.paths import ROOT
from automation.verify import scan
from automation.verify.facts import Config
from automation.verify.gather import materials, scanners
from automation.verify.gather.content import Content, Searched
from automation.verify.gather.scanners import Vulnerability
from tests.automation.verify.verified import file, scene

DOUBLE = ROOT / "tests/doubles/scanner_double.py"
FOUND = {
    "docker scout": {"CVE-2026-31789": "critical", "GHSA-2qfp-q593-8484": "high"},
    "trivy": {"CVE-2026-31789": "critical", "CVE-2026-4046": "high"},
    "grype": {"CVE-2026-31789": "critical", "GHSA-2qfp-q593-8484": "high"},
}


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """Return a folder with a double of each scanner."""
    for name in ("docker", "trivy", "grype"):
        script = tmp_path / name
        script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -S "{DOUBLE}" "$0" "$@"\n', encoding="utf-8")
        script.chmod(0o755)
    return tmp_path


def run(
    programs: Path, *flags: str, scanner: str, answer: str = "recorded"
) -> subprocess.CompletedProcess[str]:
    """Run `invoke scan` on a machine that has this scanner."""
    environ = {**os.environ, "PATH": str(programs), "SCANNERS": scanner, "SCANNER_ANSWER": answer}
    command = [sys.executable, "-m", "invoke", "scan", "--image", "todo-backend:v1.0.0", *flags]
    return subprocess.run(
        command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False, timeout=60
    )


@pytest.mark.parametrize("scanner", FOUND)
def test_fixable_vulnerabilities_fail_with_each_scanner(scanner: str, programs: Path) -> None:
    done = run(programs, "--json", scanner=scanner)
    assert done.returncode == 1
    [result] = [
        event for line in done.stdout.splitlines() if (event := json.loads(line))["event"] == "result"
    ]
    [image] = result["images"]
    assert image["scanner"] == scanner
    assert {one["identifier"]: one["severity"] for one in image["vulnerabilities"]} == FOUND[scanner]


@pytest.mark.parametrize("scanner", FOUND)
def test_a_clean_image_passes(scanner: str, programs: Path) -> None:
    done = run(programs, scanner=scanner, answer="clean")
    assert (done.returncode, done.stderr) == (0, "")
    assert "No fixable critical or high vulnerability" in done.stdout


@pytest.mark.parametrize(
    ("answer", "flags", "message"),
    [
        ("fail", (), "no such host"),
        ("silent", (), "it wrote no SARIF report"),
        ("hang", ("--timeout", "1"), "did not finish within 1 s"),
    ],
)
@pytest.mark.parametrize("scanner", FOUND)
def test_a_scanner_that_fails_or_hangs_is_no_pass(
    scanner: str, answer: str, flags: tuple[str, ...], message: str, programs: Path
) -> None:
    done = run(programs, *flags, scanner=scanner, answer=answer)
    assert done.returncode == 1
    assert message in done.stdout + done.stderr


def test_without_a_scanner_it_says_how_to_get_one(programs: Path) -> None:
    done = run(programs, scanner="none")
    assert done.returncode == 1
    assert "a vulnerability scanner is not installed" in done.stdout + done.stderr
    assert all(one.website in done.stdout + done.stderr for one in scanners.SCANNERS)


def test_the_first_scanner_is_used_unless_one_is_named(programs: Path) -> None:
    current = settings.load({"PATH": str(programs), "SCANNERS": "trivy,grype"})
    assert asyncio.run(scanners.find(current))[0].name == "trivy"
    assert asyncio.run(scanners.find(current, "grype"))[0].name == "grype"


def test_a_vulnerability_is_ignored_until_its_day() -> None:
    found = [Vulnerability("CVE-2026-1", "high", "one"), Vulnerability("CVE-2026-2", "critical", "two")]
    entry = Ignored(id="CVE-2026-1", reason="It is never called here.", expires=date(2026, 12, 1))
    assert [*scan.judge(found, [entry], date(2026, 12, 1))] == ["critical CVE-2026-2: two"]
    assert [*scan.judge(found, [entry], date(2026, 12, 2))] == [
        "high CVE-2026-1 (ignored until 2026-12-01): one",
        "critical CVE-2026-2: two",
    ]


@pytest.mark.parametrize("document", [{}, {"runs": [{}]}, {"runs": [{"tool": {}}]}, {"runs": None}])
def test_what_is_not_sarif_is_refused(document: dict[str, object]) -> None:
    with pytest.raises((KeyError, TypeError)):
        list(scanners.read(document))


def test_the_bill_of_materials_names_every_package() -> None:
    made = scene()
    content: Content = made.facts["frontend"][Content]
    status = "/var/lib/dpkg/status.d/libc6"
    files = (file(status), file("/app/node_modules/@next/env/package.json"), file("/app/.next/BUILD_ID"))
    layer = type(content.layers[0])(files, {status: Searched(text="Package: libc6\nVersion: 2.41-12\n")})
    found = materials.packages(Content((*content.layers, layer)), {"@next/env": "16.4.1", "react": "19.2.0"})
    document = json.loads(materials.document(made.facts["frontend"][Config], found))
    assert document["bomFormat"] == "CycloneDX"
    assert {one["purl"] for one in document["components"]} == {
        "pkg:deb/debian/libc6@2.41-12",
        "pkg:npm/%40next/env@16.4.1",
        "pkg:npm/react@19.2.0",
    }
