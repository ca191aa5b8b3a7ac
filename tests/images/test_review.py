"""Reviews of good and bad candidates with a real Docker; none leaves an image or a container."""

import asyncio
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from automation import settings
from automation.docker.cli import Docker
from automation.review import candidate
from automation.review import review as reviewing
from automation.review.review import Review
from tests.automation.conftest import on_terminal
from tests.images.containers import ROOT, docker

CANDIDATES = Path(__file__).with_name("candidates")
LONGEST_S = 120.0


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    """Fail when an image or a container of a review is still there."""
    yield
    assert docker("image", "ls", "--quiet", reviewing.REPOSITORY).stdout == ""
    everyone = docker("ps", "--all", "--quiet").stdout.split()
    # Others may be at work here: one of ours was made from an image of the review's.
    made_from = docker("inspect", "--format", "{{.Config.Image}}", *everyone, check=False).stdout.split()
    assert not [image for image in made_from if image.startswith(reviewing.REPOSITORY)]


def review(text: str, *, service: str = "backend", seconds: float = LONGEST_S) -> Review:
    """Return the review of a text."""
    current = settings.load()
    proposed = candidate.Candidate(text, "a test")

    async def work() -> Review:
        return await reviewing.review(
            current, Docker.find(current), service, proposed, lambda _: None, seconds=seconds
        )

    return asyncio.run(work())


def bad(name: str, seconds: float = LONGEST_S) -> Review:
    """Return the review of one of the bad candidates."""
    return review((CANDIDATES / f"{name}.Dockerfile").read_text(encoding="utf-8"), seconds=seconds)


def rules(done: Review) -> set[tuple[str, str]]:
    """Return who blocks the candidate, and with which rule."""
    return {(remark.source, remark.rule) for remark in done.blocking}


@pytest.mark.parametrize("service", ["backend", "frontend"])
def test_the_projects_own_dockerfile_has_no_blocking_finding(service: str) -> None:
    done = review((ROOT / service / "Dockerfile").read_text(encoding="utf-8"), service=service, seconds=300)
    assert done.blocking == ()
    assert done.difference == ()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("root", {("hadolint", "DL3002"), ("contract", "user")}),
        ("latest", {("hadolint", "DL3007"), ("contract", "base-tags")}),
        ("curl", {("contract", "health-check-program")}),
        ("secret", {("buildx", "SecretsUsedInArgOrEnv"), ("contract", "no-secret-arguments")}),
        ("single-stage", {("contract", "multi-stage"), ("contract", "size"), ("contract", "programs")}),
        ("broken", {("build", "failed")}),
        ("chatty", {("build", "time")}),
    ],
)
def test_each_bad_candidate_is_blocked(name: str, expected: set[tuple[str, str]]) -> None:
    assert expected <= rules(bad(name, seconds=5.0 if name == "chatty" else LONGEST_S))


def test_a_failing_build_is_reported_with_its_line_and_its_last_output() -> None:
    [failure] = [remark for remark in bad("broken").findings if remark.source == "build"]
    assert failure.line == 3
    assert "this is how far it comes" in failure.details
    assert "ModuleNotFoundError: No module named 'nothing_of_the_kind'" in failure.details


def test_a_build_without_end_is_ended_with_everything_that_it_started() -> None:
    done = bad("endless", seconds=5.0)
    [failure] = [remark for remark in done.findings if remark.source == "build"]
    assert failure.rule == "time"
    assert "counting the grains of sand" in failure.details
    left = [
        process for process in psutil.process_iter(["cmdline"]) if "86399" in (process.info["cmdline"] or [])
    ]
    assert left == []


def test_a_candidate_sees_no_more_of_the_project_than_its_own_build() -> None:
    assert ("build", "failed") not in rules(bad("nosy"))


def test_a_hostile_candidate_is_reported_line_by_line_and_not_built() -> None:
    done = bad("hostile")
    found = {(remark.rule, remark.line) for remark in done.findings if remark.source == "candidate"}
    assert found == {
        ("syntax", 1),
        ("image", 3),
        ("remote-file", 4),
        ("secret", 5),
        ("ssh", 5),
        ("privilege", 5),
    }
    assert not [remark for remark in done.findings if remark.source in {"build", "buildx"}]


def test_a_good_candidate_is_adopted_only_after_confirmation(tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
    own = clone / "backend" / "Dockerfile"
    before = own.read_text(encoding="utf-8")
    proposed = tmp_path / "Dockerfile"
    proposed.write_text(f"{before}# Reviewed.\n", encoding="utf-8")
    command = [sys.executable, "-m", "invoke", "dockerfile-review", str(proposed), "--adopt"]
    given = {
        name: value
        for name, value in settings.load().environ.items()
        if name.startswith(("BUILD_", "DOCKER", "TODO_"))
    }
    question = "Replace backend/Dockerfile with this candidate?"

    def on_terminal_of_clone(keys: bytes) -> tuple[int, str]:
        wait = question if keys else ""
        return on_terminal(
            command, 120, cwd=clone, keys=keys, waiting_for=wait, patience=2 * LONGEST_S, environ=given
        )

    refused, drawn = on_terminal_of_clone(b"n\r")
    assert (refused, own.read_text(encoding="utf-8")) == (1, before)
    assert "nothing was adopted" in drawn

    own.write_text(f"{before}# Not committed.\n", encoding="utf-8")
    refused, drawn = on_terminal_of_clone(b"")
    assert refused == 1
    assert "has changes that are not committed" in drawn
    own.write_text(before, encoding="utf-8")

    adopted, drawn = on_terminal_of_clone(b"y\r")
    assert (adopted, own.read_text(encoding="utf-8")) == (0, f"{before}# Reviewed.\n")
    assert "backend/Dockerfile is now this candidate" in drawn
    shutil.rmtree(clone)


def test_a_candidate_with_a_blocking_finding_is_never_adopted(tmp_path: Path) -> None:
    own = ROOT / "backend" / "Dockerfile"
    before = own.read_bytes()
    command = [
        sys.executable,
        "-m",
        "invoke",
        "dockerfile-review",
        str(CANDIDATES / "root.Dockerfile"),
        "--adopt",
    ]
    done = subprocess.run(
        [*command, "--yes", "--json"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    [result] = [event for event in map(json.loads, done.stdout.splitlines()) if event["event"] == "result"]
    assert (result["fit"], result["adopted"]) == (False, False)
    assert own.read_bytes() == before
