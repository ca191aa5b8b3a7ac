"""Images that each break one rule: the rule's check fails, and passes once the fault is fixed."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from automation import settings
from automation.contract import profiles
from automation.contract.contract import Contract
from automation.docker.cli import Docker
from automation.docker.dockerfile import parse
from automation.verify.check import Finding, Outcome, registered
from automation.verify.facts import Config, ImageLeaks, Leaks, Locks, Source
from automation.verify.gather import origins, sandbox
from automation.verify.gather.content import Content
from automation.verify.gather.inspection import Inspector
from automation.verify.gather.sandbox import LABEL
from tests.images.containers import ROOT, build, docker, wait_until

STANDALONE = profiles.load("standalone")
PROFILE = STANDALONE.model_copy(update={"backend": STANDALONE.backend.model_copy(update={"size_max_mb": 1})})
"""A contract with a budget that a test can exceed without writing 150 MB."""
CHECKS = {check.name: check for check in registered()}
KEY = "sk-proj-" + "aB3dE5gH7jK9mN1pQ2rS4tU6vW8xY0z"

GOOD = """\
FROM scratch
COPY etc /etc
COPY app /app
LABEL org.opencontainers.image.version=v1.0.0 org.opencontainers.image.revision=0123456789ab
LABEL org.opencontainers.image.created=2026-11-21T12:00:00+00:00
LABEL org.opencontainers.image.source=https://example.com/todo
ENV HEALTH_PATH=/health
WORKDIR /app
USER 1001:1001
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=10s --start-period=40s --retries=3 \\
    CMD ["python", "-m", "app.healthcheck"]
CMD ["uvicorn", "app.main:app", "--host", "0.0.0.0", "--port", "8000"]
"""
FILES = {
    "etc/passwd": "root:x:0:0::/:\nappuser:x:1001:1001::/nonexistent:/sbin/nologin\n",
    "etc/group": "root:x:0:\nappuser:x:1001:\n",
    "app/app/main.py": "app = None\n",
}

Fixture = tuple[str, Mapping[str, str]]


def added(lines: str, files: Mapping[str, str] | None = None) -> Fixture:
    """Return the good image with additional instructions and files."""
    return GOOD + lines, {**FILES, **(files or {})}


def changed(old: str, new: str) -> Fixture:
    """Return the good image with one instruction changed."""
    assert old in GOOD
    return GOOD.replace(old, new), FILES


BROKEN: list[tuple[str, str, Fixture]] = [
    ("user", "root", changed("USER 1001:1001\n", "")),
    ("user", "root by name", changed("USER 1001:1001", "USER root")),
    ("port", "another", changed("EXPOSE 8000", "EXPOSE 9000")),
    ("labels", "missing", changed("LABEL org.opencontainers.image.source=https://example.com/todo\n", "")),
    ("health-check", "none", added("HEALTHCHECK NONE\n")),
    ("health-check-program", "curl", added("HEALTHCHECK CMD curl -f http://127.0.0.1:8000/health\n")),
    ("health-check-path", "another", changed("HEALTH_PATH=/health", "HEALTH_PATH=/")),
    ("no-secret-in-config", "ENV", added(f"ENV SOMETHING={KEY}\n")),
    ("no-secret-in-history", "ARG", added(f"ARG API={KEY}\nENV USED=1\n")),
    (
        "no-secret-in-layers",
        "hidden by a later layer",
        added("COPY key /app/key\nCOPY empty /app/key\n", {"key": f"OPENAI_API_KEY={KEY}\n", "empty": ""}),
    ),
    ("programs", "a compiler", added("COPY --chmod=755 gcc /usr/bin/gcc-14\n", {"gcc": "#!"})),
    ("programs", "npm", added("COPY --chmod=755 npm /usr/local/bin/npm\n", {"npm": "#!"})),
    ("programs", "a shell", added("COPY --chmod=755 sh /bin/sh\n", {"sh": "#!"})),
    ("caches", "pip", added("ENV HOME=/root\nCOPY cache $HOME/.cache/pip/http/a\n", {"cache": "x"})),
    (
        "development-packages",
        "pytest",
        added("COPY metadata /opt/venv/lib/python3.11/site-packages/pytest-9.0.dist-info/METADATA\n",
              {"metadata": "Name: pytest\n"}),
    ),
    ("writable-places", "the application", added("COPY --chown=1001:1001 app /app\n")),
    ("privileged-files", "setuid", added("COPY --chmod=4755 su /usr/bin/su\n", {"su": "#!"})),
]  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[Fixture], str]]:
    """Build images from a Dockerfile and files; remove them at the end."""
    names: list[str] = []

    def make(fixture: Fixture) -> str:
        text, files = fixture
        folder = tmp_path_factory.mktemp("image")
        for name, content in {**files, "Dockerfile": text}.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(content, encoding="utf-8")
        name = f"todo-broken:{uuid.uuid4().hex[:12]}"
        names.append(name)
        docker("buildx", "build", "--provenance=false", "--load", "--quiet", "--tag", name, str(folder))
        return name

    yield make
    docker("image", "rm", "--force", *names, check=False)


Facts = dict[type[Any], Any]


def look(image: str) -> Facts:
    """Inspect an image and return its facts."""

    async def gather() -> Facts:
        inspector = Inspector(Docker.find(settings.load()))
        content, leaks = await inspector.searched(image, {})
        config = await inspector.config(image)
        return {Config: config, Content: content, Locks: origins.locks(ROOT), ImageLeaks: leaks}

    return asyncio.run(gather())


def judge(rule: str, facts: Facts) -> Finding:
    """Return the finding of a check."""
    return CHECKS[rule].evaluate(Contract(PROFILE, profiles.load_rules(), "backend"), facts)


@pytest.fixture(scope="module")
def good(made: Callable[[Fixture], str]) -> Facts:
    """Return the facts of an image that breaks no rule."""
    return look(made((GOOD, FILES)))


@pytest.mark.parametrize("rule", sorted({rule for rule, _, _ in BROKEN} | {"size"}))
def test_an_image_that_follows_a_rule_passes_its_check(rule: str, good: Facts) -> None:
    assert judge(rule, good).outcome is Outcome.PASSED


@pytest.mark.parametrize(
    ("rule", "fixture"),
    [(rule, fixture) for rule, _, fixture in BROKEN],
    ids=[f"{r}: {h}" for r, h, _ in BROKEN],
)
def test_an_image_that_breaks_a_rule_fails_its_check(
    rule: str, fixture: Fixture, made: Callable[[Fixture], str]
) -> None:
    found = judge(rule, look(made(fixture)))
    assert found.outcome is Outcome.FAILED
    assert found.remedy
    assert KEY not in found.observed


@pytest.mark.parametrize(("over", "outcome"), [(0, Outcome.PASSED), (1, Outcome.FAILED)])
def test_a_size_budget_is_exact(over: int, outcome: Outcome, made: Callable[[Fixture], str]) -> None:
    rest = 10**6 - sum(len(content) for content in FILES.values())
    found = judge("size", look(made(added("COPY large /app/large\n", {"large": "x" * (rest + over)}))))
    assert found.outcome is outcome
    assert over == 0 or "1 bytes over" in found.observed


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        ("base-tags", "FROM python:latest\n"),
        ("multi-stage", "FROM python:3.11-slim\nCOPY src /app\n"),
        ("no-secret-arguments", "FROM scratch\nARG NPM_TOKEN\n"),
        ("no-secret-instructions", "FROM scratch\nCOPY .env /app/\n"),
        ("layer-order", "FROM python:3.11-slim\nCOPY . ./\nRUN pip install -r requirements.txt\n"),
    ],
    ids=lambda value: value if "\n" not in value else "",
)
def test_a_dockerfile_that_breaks_a_rule_fails_its_check(rule: str, text: str) -> None:
    assert judge(rule, {Source: Source(parse(text).resolve()), Leaks: Leaks()}).outcome is Outcome.FAILED


SLOW = """\
import asyncio

from app.main import app as application


async def app(scope, receive, send):
    if scope["type"] == "http" and scope["path"] == "/health":
        await asyncio.sleep(1.01)
    await application(scope, receive, send)
"""
WRITES = """\
from pathlib import Path

Path("/app/state/started").write_text("yes")

from app.main import app
"""


@pytest.fixture(scope="module")
def backend() -> str:
    """Build the project's own image."""
    return str(build("--service", "backend")["reference"])


def verify(*arguments: str) -> tuple[int, dict[str, Any]]:
    """Run `invoke verify`; return the exit code and the result."""
    command = [sys.executable, "-m", "invoke", "verify", "--json", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600, check=False)
    return done.returncode, json.loads(done.stdout.splitlines()[-1])


def outcomes(result: Mapping[str, Any]) -> dict[str, str]:
    """Return the outcomes of the backend's rules."""
    [profile] = result["profiles"]
    return {
        finding["rule"]: finding["outcome"]
        for finding in profile["findings"]
        if finding["service"] == "backend"
    }


@pytest.mark.parametrize(
    ("broken", "program", "writable"),
    [("health-time", SLOW, False), ("read-only-root", WRITES, True)],
    ids=["health slower than a second", "writable root"],
)
def test_a_container_that_breaks_a_rule_fails_its_check(
    broken: str, program: str, *, writable: bool, backend: str, made: Callable[[Fixture], str]
) -> None:
    text = f"FROM {backend}\nCOPY program.py /app/\n"
    text += "COPY --chown=1001:1001 state /app/state\n" if writable else ""
    text += 'CMD ["uvicorn", "program:app", "--host", "0.0.0.0", "--port", "8000"]\n'
    image = made((text, {"program.py": program, "state/kept": ""}))
    checks = ("--check", "health-time", "--check", "read-only-root", "--check", "health-answer")
    code, result = verify("--image-backend", image, *checks)
    assert code == 1
    assert outcomes(result) == {
        rule: "failed" if rule == broken else "passed"
        for rule in ("health-time", "health-answer", "read-only-root")
    }


KEEPS = """import mmap
import signal

with open("/read", "wb") as file:
    file.write(bytes({file}))
with open("/read", "rb") as file:
    read = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
seen = sum(read[at] for at in range(0, len(read), mmap.PAGESIZE))
own = b"x" * {own}
shared = mmap.mmap(-1, {shared})
for at in range(0, len(shared), mmap.PAGESIZE):
    shared[at] = 1
print("ready", flush=True)
signal.pause()
"""


def test_memory_includes_private_and_shared_pages_but_no_file_pages(backend: str) -> None:
    file, own, shared = 64 * 2**20, 24 * 2**20, 40 * 2**20
    program = KEEPS.format(file=file, own=own, shared=shared)

    async def look_inside() -> int:
        async with sandbox.opened(Docker.find(settings.load()), backend) as lab:
            # As root, which may write the file that is read.
            container = await lab.create(backend, "python", "-c", program, options=("--user", "0:0"))
            await lab.start(container)
            wait_until(lambda: "ready" in docker("logs", container).stdout)
            seen = await lab.look_inside(container, "0:0")
            return sum(process["memory_bytes"] for process in seen["processes"])

    assert own + shared <= asyncio.run(look_inside()) < own + shared + file


def test_concurrent_runs_are_independent(backend: str) -> None:
    command = [sys.executable, "-m", "invoke", "verify", "--json", "--check", "api-address"]
    both = [
        subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for _ in range(2)
    ]
    for run in both:
        output, _ = run.communicate(timeout=600)
        assert run.returncode == 0, output


def test_an_interrupted_run_leaves_nothing_behind(backend: str) -> None:
    command = [sys.executable, "-m", "invoke", "verify", "--check", "start-time"]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as run:
        deadline = time.monotonic() + 300
        while not things_of(run.pid)["container"]:
            assert run.poll() is None, run.communicate()[0]
            assert time.monotonic() < deadline
        os.kill(run.pid, signal.SIGINT)
        said, _ = run.communicate(timeout=120)
    assert run.returncode == 130, said
    assert things_of(run.pid) == {"container": [], "volume": [], "network": []}


def things_of(pid: int) -> dict[str, list[str]]:
    """Return the owners of everything that a run has created in Docker."""
    found = {}
    for kind in ("container", "volume", "network"):
        every = ("--all",) if kind == "container" else ()
        said = docker(
            kind, "ls", *every, "--format", f'{{{{.Label "{LABEL}"}}}}', "--filter", f"label={LABEL}"
        )
        found[kind] = [mark for mark in said.stdout.split() if mark.split("/")[-2] == str(pid)]
    return found
