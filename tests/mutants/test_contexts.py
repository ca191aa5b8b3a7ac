"""Every edit of a build context's ignore file is noticed: a line less, or a folder more that it excludes."""

import asyncio
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from automation import settings
from automation.contract import profiles
from automation.contract.contract import Contract
from automation.contract.models import SERVICES
from automation.contract.profiles import DEFAULT_PROFILE
from automation.paths import ROOT
from automation.verify.check import Outcome, registered
from automation.verify.facts import Context, Leaks
from automation.verify.gather import sources

CHECKS = [check for check in registered() if check.name in {"context", "complete-context"}]
TRACKED = asyncio.run(sources.tracked(settings.load({})))
CONTRACTS = {
    service: Contract(profiles.load(DEFAULT_PROFILE), profiles.load_rules(), service) for service in SERVICES
}
FILES = {service: ROOT / service / ".dockerignore" for service in SERVICES}
SURVIVORS = {"**/__pycache__": "a clone has none"}


def texts() -> Iterator[tuple[str, str, str]]:
    """Yield a service, what was edited, and the ignore file after it."""
    for service, file in FILES.items():
        lines = file.read_text(encoding="utf-8").splitlines()
        for number, line in enumerate(lines):
            if line and not line.startswith("#") and line not in SURVIVORS:
                yield service, f"without {line}", "\n".join((*lines[:number], *lines[number + 1 :]))
        seen = sources.build_context(ROOT, f"{service}/Dockerfile").files
        for folder in sorted({str(Path(path).parent.relative_to(service)) for path in seen} - {"."}):
            yield service, f"excluding {folder}", "\n".join((*lines, folder))


EDITS = list(texts())


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the services, with what a working copy has besides."""
    root = tmp_path_factory.mktemp("context")
    for path in TRACKED:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / path, root / path)
    for service in SERVICES:
        (root / service / ".env").write_text("SECRET=1", encoding="utf-8")
    return root


def failed(root: Path, service: str) -> set[str]:
    """Return the checks that the build context fails."""
    seen = {Context: sources.build_context(root, f"{service}/Dockerfile", TRACKED), Leaks: Leaks()}
    results = [check.evaluate(CONTRACTS[service], seen) for check in CHECKS]
    return {result.rule for result in results if result.outcome != Outcome.PASSED}


@pytest.mark.parametrize("service", SERVICES)
def test_the_build_contexts_pass(copy: Path, service: str) -> None:
    assert failed(copy, service) == set()


@pytest.mark.parametrize(("service", "edit", "text"), EDITS, ids=[f"{s} {edit}" for s, edit, _ in EDITS])
def test_an_edited_ignore_file_fails(copy: Path, service: str, edit: str, text: str) -> None:
    file = copy / service / ".dockerignore"
    kept = file.read_text(encoding="utf-8")
    file.write_text(text, encoding="utf-8")
    try:
        assert failed(copy, service), edit
    finally:
        file.write_text(kept, encoding="utf-8")
