"""Secrets and faults in images, Dockerfiles and sources, in the many ways that people write them."""

import asyncio
import io
import json
import os
import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from automation import settings
from automation.docker.dockerfile import parse
from automation.verify.facts import Builds, Config, Source
from automation.verify.gather import content, sources
from tests.automation.verify.verified import LABELS, Scene, file, scene

Break = Callable[[Scene], None]


def change(kind: type[Any], **changes: Any) -> Break:
    return lambda broken: broken.change("backend", kind, **changes)


def health_check(*words: str) -> Break:
    def apply(broken: Scene) -> None:
        now = broken.facts["backend"][Config].health
        broken.change("backend", Config, health=replace(now, test=words))

    return apply


def labelled(name: str, value: str) -> Break:
    return change(Config, labels={**LABELS, f"org.opencontainers.image.{name}": value})


def program(path: str) -> Break:
    return lambda broken: broken.add_files("backend", file(path, mode=0o755))


def present(path: str) -> Break:
    return lambda broken: broken.add_files("backend", file(path))


@pytest.mark.parametrize(
    ("rule", "broken"),
    [
        ("health-check-path", health_check("CMD", "python", "-c", "pass")),
        ("health-check-path", health_check("CMD", "python", "-c", "pass", "app.healthcheck")),
        ("health-check-path", health_check("CMD", "true")),
        ("health-check-path", health_check("CMD", "echo", "http://127.0.0.1:8000/health")),
        ("writable-places", change(Config, volumes=("/app",))),
        ("programs", program("/opt/tools/sh")),
        ("programs", program("/app/busybox")),
        ("programs", program("/usr/bin/mksh")),
        ("programs", program("/usr/lib/gcc/x86_64-linux-gnu/14/cc1")),
        ("development-packages", present("/app/tests/test_main.py")),
        ("development-packages", present("/app/app/tasks/test_tasks.py")),
        ("labels", labelled("created", "1970-01-01T00:00:00+00:00")),
        ("labels", labelled("revision", "0000000")),
    ],
)
def test_a_fault_of_an_image_fails_one_check(rule: str, broken: Break) -> None:
    made = scene()
    broken(made)
    assert rule in made.failed()
    assert made.failed() - {rule} <= {"image-config", "file-origins"}  # no ONBUILD is known, nor such a file


@pytest.mark.parametrize(
    "words",
    [
        ("CMD", "/usr/local/bin/python3.13", "-m", "app.healthcheck"),
        ("CMD", "node", "/app/healthcheck.mjs"),
        ("CMD", "/usr/local/bin/healthcheck"),
    ],
)
def test_health_checks_that_run_the_projects_programs_pass(words: tuple[str, ...]) -> None:
    made = scene()
    health_check(*words)(made)
    assert made.failed() == set()


def test_a_volume_for_the_data_passes() -> None:
    made = scene()
    change(Config, volumes=("/data",))(made)
    assert made.failed() == set()


@pytest.mark.parametrize(
    "path",
    ["app/secrets.json", "app/tls.key", "run/secrets/token", "root/.ssh/id_ed25519", "app/credentials"],
)
def test_a_secret_file_is_found_by_its_name(path: str) -> None:
    assert secret_files(path, b"\x30\x82\x04\xa4") == [f"/{path}"]
    # A secret mount leaves an empty file behind.
    assert secret_files(path, b"") == []


@pytest.mark.parametrize("path", ["app/app/secrets.py", "usr/lib/python3.13/test/cert.key", "app/keys.json"])
def test_a_file_with_a_similar_name_is_accepted(path: str) -> None:
    assert secret_files(path, b"\x30\x82\x04\xa4") == []


def secret_files(path: str, data: bytes) -> list[str]:
    """Return the files of secrets in an image of one file."""

    def packed(name: str, content: bytes, into: tarfile.TarFile) -> None:
        member = tarfile.TarInfo(name)
        member.size = len(content)
        into.addfile(member, io.BytesIO(content))

    layer, image = io.BytesIO(), io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as made:
        packed(path, data, made)
    with tarfile.open(fileobj=image, mode="w") as made:
        packed("layer.tar", layer.getvalue(), made)
        packed("config.json", b"{}", made)
        packed(
            "manifest.json", json.dumps([{"Config": "config.json", "Layers": ["layer.tar"]}]).encode(), made
        )
    image.seek(0)
    [made_of] = content.read(image).layers
    return [name for name, searched in made_of.found.items() if searched.is_secret]


def test_a_missing_build_time_says_how_to_measure_it() -> None:
    made = scene()
    change(Builds, cold_s=None, rebuild_s=None)(made)
    found = {finding.rule: finding.observed for finding in made.findings() if finding.service == "backend"}
    assert found["build-time"] == "no build is recorded; invoke build --no-cache measures one"
    assert (
        found["rebuild-time"]
        == "no build is recorded; the next build after a change of the sources is measured"
    )


def instead(old: str, new: str) -> Break:
    return lambda broken: broken.rewrite("backend", lambda text: text.replace(old, new))


SOURCES = "FROM scratch AS sources\nCOPY src /src\nFROM python:3.11-slim AS deps\n"


@pytest.mark.parametrize(
    ("rule", "broken"),
    [
        ("layer-order", instead("RUN pip", "COPY src src\nRUN npm --prefix . ci\nRUN true")),
        ("layer-order", instead("RUN pip", 'COPY src src\nRUN ["npm", "ci"]\nRUN true')),
        ("layer-order", instead("RUN pip", "COPY src src\nRUN sh install-packages.sh\nRUN true")),
        (
            "layer-order",
            instead("RUN pip", "COPY src src\nRUN pip --no-input -q install x\nRUN true"),
        ),
        (
            "layer-order",
            instead("FROM python:3.11-slim AS deps\n", f"{SOURCES}COPY --from=sources /src /src\n"),
        ),
        (
            "layer-order",
            lambda b: b.rewrite(
                "backend",
                lambda text: text.replace("FROM python:3.11-slim AS deps\n", SOURCES).replace(
                    "RUN pip", "RUN --mount=type=bind,from=sources,target=/src pip"
                ),
            ),
        ),
        ("base-tags", instead("RUN make", "ADD https://example.com/tool.tar.gz /opt/\nRUN make")),
    ],
)
def test_a_fault_of_a_dockerfile_fails_one_check(rule: str, broken: Break) -> None:
    made = scene()
    broken(made)
    assert made.failed() == {rule}


@pytest.mark.parametrize("run", ["npm run build -- ci", "npm --silent run build", "pip --version"])
def test_a_build_after_copying_the_sources_passes(run: str) -> None:
    made = scene()
    instead("RUN make", f"RUN {run}")(made)
    assert made.failed() == set()


@pytest.mark.parametrize(
    "manifests",
    [
        "package.json package-lock.json*",
        "package*.json",
        "package.json yarn.lock* pnpm-lock.yaml* .npmrc*",
        "package.json bun.lockb* package-lock.jso[n]",
        "requirements*.txt",
    ],
)
def test_lock_files_copied_with_wildcards_before_installing_pass(manifests: str) -> None:
    made = scene()
    instead("RUN pip", f"COPY {manifests} ./\nRUN npm ci\nCOPY . .\nRUN true")(made)
    assert made.failed() == set()


@pytest.mark.parametrize("sources", ["*", "src*", "*.ts", "package.json app*"])
def test_sources_copied_with_wildcards_before_installing_fail(sources: str) -> None:
    made = scene()
    instead("RUN pip", f"COPY {sources} ./\nRUN npm ci\nRUN true")(made)
    assert made.failed() == {"layer-order"}


def test_the_default_of_a_replaced_base_image_is_checked() -> None:
    made = scene()
    text = "ARG PYTHON_IMAGE=python:latest\n" + made.dockerfile("backend").replace(
        "FROM python:3.11-slim", "FROM ${PYTHON_IMAGE}"
    )
    made.facts["backend"][Source] = Source(
        parse(text).resolve(arguments={"PYTHON_IMAGE": "python:3.11-slim"})
    )
    assert made.failed() == {"base-tags"}


@pytest.mark.parametrize(
    "lines",
    [
        'RUN echo "<<EOF"',
        "RUN <<EOF\n  EOF\nUSER root\nEOF",
        "RUN <<-EOF\n\tUSER root\n\tEOF",
        "RUN true \\\n\n  # USER root\n  && true",
        'CMD\t["uvicorn"]',
    ],
)
def test_heredocs_and_quotes_end_where_docker_ends_them(lines: str) -> None:
    read = parse(f"FROM python:3.11-slim\n{lines}\nUSER 1001\n").resolve().target
    assert [instruction.text for instruction in read.all("USER")] == ["1001"]
    assert len(read.instructions) == 2


def test_the_escape_directive_works_on_any_directive_line() -> None:
    read = parse("# check=error=true\n# escape=`\nFROM python:3.11-slim\nRUN one `\n  two\n").resolve().target
    assert [instruction.words for instruction in read.instructions] == [("one", "two")]


def test_a_stage_without_a_name_is_reported() -> None:
    made = scene()
    made.rewrite("backend", lambda _: "FROM python:3.11-slim\n")
    [found] = [
        finding
        for finding in made.findings()
        if finding.rule == "multi-stage" and finding.service == "backend"
    ]
    assert found.observed == "1, unnamed"


@pytest.mark.parametrize("has_git", [True, False], ids=["with git", "without git"])
def test_ignored_settings_are_recognized_without_git(tmp_path: Path, *, has_git: bool) -> None:
    current = settings.load({"PATH": os.environ["PATH"] if has_git else str(tmp_path)})
    assert asyncio.run(sources.template(current)).ignored


def test_files_that_only_the_development_build_sees_are_missing_from_the_image(tmp_path: Path) -> None:
    (tmp_path / "backend" / "src").mkdir(parents=True)
    names = ("backend/Dockerfile", "backend/Dockerfile.dev", "backend/src/main.py", "backend/src/tools.py")
    for name in names:
        (tmp_path / name).touch()
    (tmp_path / "backend/.dockerignore").write_text("*\n!src\nsrc/tools.py\n")
    (tmp_path / "backend/Dockerfile.dev.dockerignore").write_text("*\n!src\n")
    seen = sources.build_context(tmp_path, "backend/Dockerfile", [*names, "frontend/package.json"])
    assert seen.left_out == (*names[:2], "backend/src/tools.py")


def test_the_context_of_the_development_build_is_checked(tmp_path: Path) -> None:
    (tmp_path / "backend" / "src").mkdir(parents=True)
    for name in ("backend/Dockerfile", "backend/Dockerfile.dev", "backend/.env", "backend/src/main.py"):
        (tmp_path / name).touch()
    for name in (".dockerignore", "Dockerfile.dev.dockerignore"):
        (tmp_path / "backend" / name).write_text("*\n!src\n")
    seen = sources.build_context(tmp_path, "backend/Dockerfile")
    assert seen.files == ("backend/src/main.py",)
    (tmp_path / "backend/Dockerfile.dev.dockerignore").write_text("")
    assert "backend/.env" in sources.build_context(tmp_path, "backend/Dockerfile").files
