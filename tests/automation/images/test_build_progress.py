"""Progress read from buildx's output: recorded from real builds, or written where that is hard."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from automation import settings
from automation.console.errors import AutomationError
from automation.images import build_failure
from automation.images.plan import Plan
from automation.images.progress import Progress, StageDone
from automation.images.revision import Revision
from tests.automation.conftest import ROOT

RECORDED = ROOT / "tests" / "doubles" / "recorded"
PLAN = Plan(
    profile="standalone",
    service="backend",
    image="todo-backend",
    own_tag="standalone",
    dockerfile="backend/Dockerfile",
    target="standalone",
    arguments={},
    platform="",
    content="0123456789ab",
    revision=Revision("0" * 40, 0, ""),
    version="v1.0.0",
    tags=("latest",),
    bases={},
)


def told(name: str, finished: list[StageDone] | None = None) -> Progress:
    progress = Progress(finished.append if finished is not None else lambda _: None)
    for line in (RECORDED / f"{name}.jsonl").read_text(encoding="utf-8").splitlines():
        progress.feed(line)
    return progress


def message(**parts: Any) -> str:
    return json.dumps(parts)


def vertex(name: str, **parts: Any) -> dict[str, Any]:
    return {"digest": f"sha256:{name}", "name": name, **parts}


STARTED, COMPLETED = "2026-01-01T10:00:00.123456789Z", "2026-01-01T12:00:03.623456789+02:00"


def test_a_recorded_build_is_counted_by_stage() -> None:
    finished: list[StageDone] = []
    progress = told("build-first", finished)
    assert progress.done == len(progress.steps) == 7
    assert sorted(stage.name for stage in finished) == ["builder", "export", "runtime", "tools"]
    [builder] = [stage for stage in finished if stage.name == "builder"]
    assert (builder.steps, builder.cached) == (3, 1)
    assert builder.seconds >= 0.2
    assert progress.stages()["builder"] == pytest.approx(builder.seconds)
    [step] = [each for each in progress.steps if each.position == "3/3"]
    # What is written in pieces is one line, and what is drawn over a line is the line.
    assert list(step.lines) == ["half a line", "100%"]
    assert step.text.startswith("RUN printf 'half '")
    assert not progress.rest
    assert progress.failed is None


def test_docker_s_own_checks_are_kept_with_their_line() -> None:
    [lint] = told("build-first").lints
    assert (lint.line, lint.text.partition(":")[0]) == (2, "FromAsCasing")
    assert lint.url.startswith("https://docs.docker.com/")


def test_a_recorded_build_again_says_what_came_from_the_cache() -> None:
    finished: list[StageDone] = []
    progress = told("build-again", finished)
    assert progress.cached == 3
    [tools] = [stage for stage in finished if stage.name == "tools"]
    assert (tools.cached, tools.steps) == (1, 1)
    assert "tools" not in progress.stages()


def test_a_recorded_failure_is_the_step_s_own_lines_and_not_the_one_that_was_cancelled() -> None:
    progress = told("build-failed")
    error = build_failure.explain(PLAN, progress, settings.load({}, ROOT))
    assert error.what.startswith("backend/Dockerfile, builder 2/2: RUN echo 'npm error code EUSAGE'")
    assert error.what.endswith("ended with exit code 1")
    assert error.details[0] == "npm error code EUSAGE"
    assert len(error.details) == 2
    assert error.remedies == ("invoke lock",)


def test_while_it_runs_it_tells_the_stages_at_work_and_what_the_oldest_does() -> None:
    progress = Progress()
    assert progress.describe() == "starting"
    progress.feed(message(vertexes=[vertex("[internal] load build context", started=STARTED)]))
    assert progress.describe() == "[internal] load build context"
    progress.feed(
        message(
            vertexes=[
                vertex(
                    "[linux/arm64 builder 3/6] RUN --mount=type=cache,target=/x pip install", started=STARTED
                ),
                vertex("[tools 2/2] RUN apt-get update", started="2026-01-01T10:00:01Z"),
                vertex("[later 1/1] RUN true"),
            ]
        )
    )
    assert progress.describe() == "builder 3/6 + tools 2/2   RUN pip install"
    assert (progress.done, len(progress.steps)) == (0, 3)
    digest = "sha256:[linux/arm64 builder 3/6] RUN --mount=type=cache,target=/x pip install"
    data = base64.b64encode(b"\x1b[32mCollecting fastapi\x1b[0m\n").decode()
    progress.feed(message(logs=[{"vertex": digest, "data": data}]))
    assert progress.describe().endswith("Collecting fastapi")
    status = {"vertex": digest, "id": "sha256:layer", "current": 2_500_000, "total": 10_000_000}
    progress.feed(message(statuses=[status]))
    assert progress.describe().endswith("RUN pip install: 2.5 of 10.0 MB")


def test_between_two_steps_it_tells_the_one_before() -> None:
    progress = Progress()
    progress.feed(message(vertexes=[vertex("[builder 1/2] RUN true", started=STARTED)]))
    running = progress.describe()
    progress.feed(message(vertexes=[vertex("[builder 1/2] RUN true", started=STARTED, completed=COMPLETED)]))
    assert progress.describe() == running


def test_a_step_takes_the_time_of_all_its_runs_in_any_time_zone() -> None:
    progress = Progress()
    name = "[builder 1/1] RUN true"
    for _ in range(2):
        progress.feed(message(vertexes=[vertex(name, started=STARTED)]))
        progress.feed(message(vertexes=[vertex(name, started=STARTED, completed=COMPLETED)]))
    assert progress.stages() == {"builder": pytest.approx(7.0)}


@pytest.mark.parametrize(
    "line",
    [
        "", "null", "3", "[]", "{", '{"vertexes": null}', '{"vertexes": [null, 3]}', '{"vertexes": [{}]}',
        '{"logs": [{"vertex": "absent", "data": "!"}]}', '{"statuses": [{"vertex": 3}]}',
        '{"warnings": [{}]}', '{"warnings": [{"range": [{"start": null}], "short": 3}]}',
        '{"vertexes": [{"digest": "x", "name": "[a 1/1] RUN", "started": "never", "completed": 3}]}',
    ],
)  # fmt: skip
def test_words_that_nobody_foresaw_break_nothing(line: str) -> None:
    progress = Progress()
    progress.feed(line)
    progress.feed(message(vertexes=[vertex("[builder 1/1] RUN true", started=STARTED)]))
    assert "builder 1/1" in progress.describe()


def failed(step: str, error: str, output: str = "", root: Path = ROOT) -> AutomationError:
    progress = Progress()
    progress.feed(message(vertexes=[vertex(step, started=STARTED)]))
    data = base64.b64encode(output.encode()).decode()
    progress.feed(message(logs=[{"vertex": f"sha256:{step}", "data": data}]))
    progress.feed(message(vertexes=[vertex(step, started=STARTED, completed=COMPLETED, error=error)]))
    progress.feed(f"ERROR: failed to build: failed to solve: {error}")
    return build_failure.explain(PLAN, progress, settings.load({}, root))


LOOKUP = "failed to do request: Head …: dial tcp: lookup registry-1.docker.io on 10.0.0.1:53: no such host"
DENIED = "pull access denied, repository does not exist or may require authorization: server message: …"


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (
            f"failed to resolve source metadata for docker.io/library/node:99: {LOOKUP}",
            "registry cannot be reached",
        ),
        (f"failed to resolve source metadata: {DENIED}", "does not have it or requires a login"),
        ("docker.io/library/node:99: not found", "neither does its registry"),
        ("toomanyrequests: You have reached your pull rate limit.", "rate limit is reached"),
        ("tls: failed to verify certificate: x509: certificate signed by unknown authority", "not trusted"),
        ("no match for platform in manifest: not found", "not available for this platform"),
        ("something new", "something new"),
    ],
)
def test_a_base_image_that_cannot_be_used_names_it_and_the_way_round_it(error: str, why: str) -> None:
    found = failed("[internal] load metadata for docker.io/library/node:99", error)
    assert found.what == "backend/Dockerfile: the base image node:99 cannot be used"
    assert why in found.why
    assert any(remedy.startswith("set TODO_BASES=node:99=OTHER") for remedy in found.remedies)


def test_a_base_image_that_cannot_be_had_offline_names_the_engine_without_images() -> None:
    found = failed("[internal] load metadata for docker.io/library/node:99", LOOKUP)
    assert any("--engine native" in remedy for remedy in found.remedies)


@pytest.mark.parametrize(
    ("copied", "remedies"),
    [
        ("secrets.txt", ("add   !secrets.txt   to backend/.dockerignore",)),
        ("backend/src/main.py", ("COPY src/main.py",)),
        ("main.py", ("COPY src/main.py", "COPY tools/main.py")),
        ("lib/main.py", ("COPY src/main.py", "COPY tools/main.py")),
        ("src/absent.py", ("correct the path in backend/Dockerfile",)),
    ],
)
def test_a_copied_path_outside_the_context_names_the_context_and_the_path_to_copy(
    tmp_path: Path, copied: str, remedies: tuple[str, ...]
) -> None:
    for file in ("secrets.txt", "src/main.py", "tools/main.py", "node_modules/x/main.py"):
        file = f"backend/{file}"
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).touch()
    error = f'failed to calculate checksum of ref abc::def: "/{copied}": not found'
    found = failed(f"[builder 2/3] COPY {copied} /app", error, root=tmp_path)
    assert f"/{copied} is not in the build context" in found.why
    assert "./backend" in found.why
    assert found.remedies == remedies


EXIT_1 = 'process "/bin/sh -c x" did not complete successfully: exit code: 1'


@pytest.mark.parametrize(
    ("output", "error", "why", "remedy"),
    [
        ("npm error code ENOTFOUND", EXIT_1, "registry cannot be reached", "check the network"),
        (
            "npm error code SELF_SIGNED_CERT_IN_CHAIN",
            EXIT_1,
            "does not trust the certificate",
            "BUILD_CA_FILE",
        ),
        ("npm error code EINTEGRITY", EXIT_1, "differs from the one that the lock names", "invoke lock"),
        ("npm error code E404", EXIT_1, "the registry does not have", "invoke lock"),
        (
            "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES",
            EXIT_1,
            "differs from the one that the lock names",
            "lock",
        ),
        ("ERROR: No matching distribution found for x==1", EXIT_1, "does not fit", "invoke lock"),
        # pip adds this to every failure.
        (
            "SSLError: CERTIFICATE_VERIFY_FAILED\nERROR: No matching distribution found for x==1",
            EXIT_1,
            "does not trust the certificate",
            "BUILD_CA_FILE",
        ),
        (
            "[Errno -2] Name or service not known\nERROR: No matching distribution found for x==1",
            EXIT_1,
            "registry cannot be reached",
            "check the network",
        ),
        (
            "invalid peer certificate: UnknownIssuer",
            EXIT_1,
            "does not trust the certificate",
            "BUILD_CA_FILE",
        ),
        (
            "error: dns error: failed to lookup address",
            EXIT_1,
            "registry cannot be reached",
            "BUILD_PIPCONF_FILE",
        ),
        ("E: Release file for x is expired", EXIT_1, "have expired", "BUILD_APTCONF_FILE"),
        ("write: No space left on device", EXIT_1, "no space left", "docker builder prune"),
        ("npm error code ENOSPC", EXIT_1, "no space left", "docker builder prune"),
        ("", EXIT_1.replace("exit code: 1", "exit code: 137"), "memory", "give Docker more memory"),
        ("exec /bin/sh: exec format error", EXIT_1, "of that platform", "leave out --platform"),
        (
            "",
            'failed to calculate checksum of ref x: "/absent.x": not found',
            "/absent.x is not in the build context",
            "backend/Dockerfile",
        ),
        ("", 'image "docker.io/library/a:1": already exists', "another build made the same image", "again"),
        ("just wrong", EXIT_1, "its last lines:", ""),
    ],
)
def test_a_failed_step_says_cause_and_remedy_where_they_are_known(
    output: str, error: str, why: str, remedy: str
) -> None:
    found = failed("[builder 2/3] RUN x", error, f"{output}\n" if output else "")
    assert found.what.startswith("backend/Dockerfile, builder 2/3: RUN x")
    assert why in found.why
    assert remedy in "\n".join(found.remedies)
    assert found.details == (tuple(output.splitlines()) if output else (error,))


def test_a_failed_step_shows_its_last_lines_and_not_the_whole_log() -> None:
    found = failed("[builder 2/3] RUN x", EXIT_1, "".join(f"line {n}\n" for n in range(1000)) + "half a line")
    assert len(found.details) == 12
    assert found.details[-2:] == ("line 999", "half a line")


@pytest.mark.parametrize(
    ("said", "what"),
    [
        (
            "ERROR: Cannot connect to the Docker daemon at unix:///x. Is the docker daemon running?",
            "not running",
        ),
        (
            "ERROR: failed to receive status: rpc error: code = Unavailable desc = error reading",
            "has stopped",
        ),
        ("ERROR: OCI exporter is not supported for the docker driver", "cannot write OCI archives"),
        ("ERROR: failed to build: dockerfile parse error on line 2: unknown instruction: FOO", "building"),
    ],
)
def test_a_build_that_fails_outside_any_step_is_explained_by_what_docker_said(said: str, what: str) -> None:
    progress = Progress()
    progress.feed(said)
    found = build_failure.explain(PLAN, progress, settings.load({}, ROOT))
    assert what in found.what
    assert found.remedies or "unknown instruction: FOO" in "\n".join(found.details)
