"""Edits of nginx's configuration, each of which changes an answer to a request."""

import asyncio
import json
from pathlib import Path

import httpx2
import pytest

from automation.contract.comparison import differences
from automation.paths import ROOT
from automation.verify.checks.serving import ANSWERS
from automation.verify.gather import serving
from tests.images.containers import build, docker

EDITS: list[list[str]] = json.loads(Path(__file__).with_name("nginx.json").read_text(encoding="utf-8"))
"""The text that is replaced, and its replacement."""
CONFIGURATION = ROOT / "frontend/image/nginx/nginx.conf"
EXPECTED = {**ANSWERS, "api": {**ANSWERS["api"], "status": 502}}
"""No backend runs here."""


def answers_as_required(image: str, file: Path) -> bool:
    """Return whether nginx starts with a file and answers each request as it should."""
    mount = f"--mount=type=bind,src={file},dst=/etc/nginx/nginx.conf,readonly"
    run = docker(
        "run", "--detach", "--read-only", "--cap-drop=ALL", "--tmpfs", "/var/log/nginx:uid=1001,gid=1001",
        "--env", "API_URL=http://127.0.0.1:9", "--publish", "127.0.0.1::8080", mount, image,
    )  # fmt: skip
    container = run.stdout.strip()
    try:
        published = docker("port", container, "8080/tcp", check=False).stdout.strip()
        address = f"http://{published}"
        while docker("inspect", "--format", "{{.State.Running}}", container).stdout.strip() == "true":
            try:
                httpx2.get(f"{address}/health", trust_env=False, timeout=5)
                return not [*differences(EXPECTED, asyncio.run(serving.answers(address)))]
            except httpx2.TransportError:
                continue  # it does not listen yet, or has ended
        return False
    finally:
        docker("rm", "--force", container)


@pytest.fixture(scope="module")
def image() -> str:
    return str(build("--profile", "taskflow", "--service", "frontend")["reference"])


def test_the_configuration_itself_answers_as_required(image: str) -> None:
    assert answers_as_required(image, CONFIGURATION)


@pytest.mark.parametrize(("old", "new"), EDITS, ids=[new for _, new in EDITS])
def test_an_edit_changes_an_answer(old: str, new: str, image: str, tmp_path: Path) -> None:
    text = CONFIGURATION.read_text(encoding="utf-8")
    assert old in text
    file = tmp_path / "nginx.conf"
    file.write_text(text.replace(old, new), encoding="utf-8")
    file.chmod(0o644)
    assert not answers_as_required(image, file)
