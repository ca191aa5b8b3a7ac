"""The tasks build, size-check and push, against a stand-in for Docker that keeps what it was told."""

import json
import re
import shutil
import signal
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.automation.conftest import ROOT, Project, eventually, on_terminal

DOCKERFILE = "ARG {base}\nFROM ${{{base}}} AS {profiles}\n"
PROFILES = "base\nFROM base AS gordon\nFROM base AS cluster\nFROM base AS uv\nFROM base AS taskflow\n"
BASES = {"backend": "PYTHON_IMAGE", "frontend": "NODE_IMAGE"}


@pytest.fixture
def docker(project: Project) -> Path:
    """Give the project two small services and a stand-in for Docker; return the file of its state."""
    programs = project.root / "programs"
    programs.mkdir()
    double = shutil.copy(ROOT / "tests/doubles/builder_double.py", programs)
    program = programs / "docker"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -S "{double}" "$@"\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    project.environ["PATH"] = f"{programs}:{project.environ['PATH']}"
    project.environ["RECORDED"] = str(ROOT / "tests/doubles/recorded")
    shutil.copy(ROOT / "deploy/rules.toml", project.root / "deploy")
    for service, base in BASES.items():
        text = DOCKERFILE.format(base=base, profiles=PROFILES) + "FROM base AS standalone\n"
        (project.root / service / "Dockerfile").write_text(text)
        (project.root / service / ".dockerignore").write_text("*\n!package.json\n")
    return Path(double).with_suffix(".json")


def told(docker: Path, *words: str) -> list[list[str]]:
    """Return the commands that it was given and that begin so."""
    calls: list[list[str]] = json.loads(docker.read_text())["calls"] if docker.exists() else []
    return [call for call in calls if call[: len(words)] == list(words)]


def result(output: str) -> dict[str, Any]:
    """Return the result among lines of JSON."""
    data: dict[str, Any] = json.loads(output.splitlines()[-1])
    assert data["event"] == "result"
    return data


def contract(project: Project, **values: str) -> None:
    """Change figures of the default profile, and of the rules."""
    for file in ("profiles/standalone.toml", "rules.toml"):
        path = project.root / "deploy" / file
        text = path.read_text()
        for name, value in values.items():
            text = re.sub(rf"(?m)^{name} = .*$", f"{name} = {value}", text)
        path.write_text(text)


def test_both_images_are_built_named_and_timed_and_the_second_time_nothing_is(
    project: Project, docker: Path
) -> None:
    first = project.invoke("build")
    assert first.returncode == 0, first.stderr
    assert re.search(r"backend +\| builder +3 steps, 1 from the cache", first.stdout)
    assert re.search(r"✓ backend +todo-backend:[0-9a-f]{12} built, 1 of 7 steps from the cache", first.stdout)
    assert re.search(r"frontend +todo-frontend:[0-9a-f]{12} +standalone latest v1\.0\.0", first.stdout)
    assert re.search(r"the backend's build: \d+\.\d s \(budget 300 s\)\n", first.stdout)
    assert "Dockerfile:2: FromAsCasing" in first.stdout
    builds = told(docker, "buildx", "build")
    assert len(builds) == 2
    for build in builds:
        assert {"--provenance=false", "--sbom=false", "--progress=rawjson", "--load"} <= set(build)
    assert {build[-1] for build in builds} == {"backend", "frontend"}
    second = project.invoke("build")
    assert second.returncode == 0
    assert second.stdout.count("exists") == 2
    assert told(docker, "buildx", "build") == builds


def test_a_name_that_is_missing_is_given_without_a_build(project: Project, docker: Path) -> None:
    project.invoke("build", "--service", "backend")
    state = json.loads(docker.read_text())
    del state["images"]["todo-backend:latest"]
    docker.write_text(json.dumps(state))
    assert "now also tagged latest" in project.invoke("build", "--service", "backend").stdout
    assert "todo-backend:latest" in json.loads(docker.read_text())["images"]
    again = project.invoke("build", "--service", "backend", "--tag", "mine")
    assert "now also tagged mine" in again.stdout
    assert len(told(docker, "buildx", "build")) == 1


def test_the_same_content_as_another_version_is_built_again_for_its_labels(
    project: Project, docker: Path
) -> None:
    project.invoke("build", "--service", "backend")
    project.invoke("build", "--service", "backend", "--version", "v7.0.0")
    first, second = told(docker, "buildx", "build")
    assert "org.opencontainers.image.version=v1.0.0" in first
    assert "org.opencontainers.image.version=v7.0.0" in second
    assert "todo-backend:v7.0.0" in second


def test_a_commit_changes_nothing_that_a_step_is_cached_by(committed: Project, docker: Path) -> None:
    committed.invoke("build", "--service", "backend")
    images = json.loads(docker.read_text())["images"]
    assert {each["Epoch"] for each in images.values()} == {None}


def test_a_failed_step_shows_its_own_lines_and_leaves_the_other_build_to_its_end(
    project: Project, docker: Path
) -> None:
    done = project.invoke("build", DOUBLE="backend-fails")
    assert done.returncode == 1
    assert re.search(
        r"✗ backend +backend/Dockerfile, builder 2/2: RUN echo .* ended with exit code 1", done.stderr
    )
    assert "npm error code EUSAGE" in done.stderr
    assert "invoke lock" in done.stderr
    assert "transferring" not in done.stderr
    assert re.search(r"✓ frontend +todo-frontend:\S+ built", done.stdout)


def test_a_base_for_another_platform_ends_the_build_before_there_is_an_image(
    project: Project, docker: Path
) -> None:
    done = project.invoke(
        "build", "--platform", "linux/arm64", "--service", "backend", DOUBLE="other-platform"
    )
    assert done.returncode == 1
    assert "the local base image a:1 is for another platform than linux/arm64" in done.stderr
    assert "docker pull --platform linux/arm64 a:1" in done.stderr
    assert json.loads(docker.read_text())["images"] == {}


def test_ctrl_c_ends_both_builds(project: Project, docker: Path) -> None:
    running = project.start("build", DOUBLE="hangs")
    pids = [docker.with_name(f"{service}.pid") for service in BASES]
    eventually(lambda: all(file.exists() and file.read_text() for file in pids), "both builds run")
    running.send(signal.SIGINT)
    assert running.end() == 130
    assert "Stopped by Ctrl-C." in running.text()
    assert not any(psutil.pid_exists(int(file.read_text())) for file in pids)


def test_a_plan_is_shown_and_nothing_is_built(project: Project, docker: Path) -> None:
    done = project.invoke("build", "--dry-run", "--base", "backend=python:3.14-slim")
    assert done.returncode == 0, done.stderr
    assert re.search(r"standalone backend: todo-backend:\S+ +build it", done.stdout)
    assert "python:3.11-slim is replaced by python:3.14-slim" in done.stdout
    assert told(docker, "buildx") == []
    project.invoke("build")
    planned = result(project.invoke("build", "--dry-run", "--json").stdout)["plan"]
    assert [each["work"] for each in planned] == ["", ""]


def test_a_program_is_given_events_and_what_became_of_each_image(project: Project, docker: Path) -> None:
    output = project.invoke("build", "--json").stdout
    kinds = {json.loads(line)["event"] for line in output.splitlines()}
    assert {"step-started", "line", "step-finished", "result"} <= kinds
    images = {each["service"]: each for each in result(output)["images"]}
    assert images["backend"]["built"]
    assert images["backend"]["labels"]["org.opencontainers.image.version"] == "v1.0.0"
    assert images["backend"]["stages"]["builder"] > 0
    kept = json.loads((project.root / ".run/images/standalone-backend.json").read_text())
    assert kept["id"] == images["backend"]["id"]


def test_a_secret_goes_to_the_build_as_a_file_and_its_content_nowhere(project: Project, docker: Path) -> None:
    secret = project.root / "a, strange name.npmrc"
    secret.write_text("//registry.example/:_authToken=hunter2")
    done = project.invoke("build", "--service", "backend", "--json", BUILD_NPMRC_FILE=str(secret))
    assert done.returncode == 0, done.stdout
    [build] = told(docker, "buildx", "build")
    assert build[build.index("--secret") + 1] == f'id=npmrc,"src={secret}"'
    assert "hunter2" not in done.stdout + done.stderr + docker.read_text()


def test_a_build_that_takes_too_long_is_told_so(project: Project, docker: Path) -> None:
    contract(project, build_max_s="0")
    done = project.invoke("build", "--service", "backend")
    assert re.search(r"the backend's build: \d+\.\d s \(budget 0 s\)   over budget", done.stdout)


def test_all_profiles_are_built_and_the_default_one_has_the_names(project: Project, docker: Path) -> None:
    done = project.invoke("build", "--all", "--service", "backend", "--json")
    images = {each["profile"]: each["references"] for each in result(done.stdout)["images"]}
    assert sorted(images) == ["cluster", "gordon", "standalone", "taskflow", "uv"]
    assert [name for name, references in images.items() if "todo-backend:latest" in references] == [
        "standalone"
    ]


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--profile", "standalon"], "there is no profile 'standalon'"),
        (["--profile", "uv", "--all"], "exclude each other"),
        (["--service", "database"], "there is no service 'database'"),
    ],
)
def test_flags_that_mean_nothing_are_refused(
    project: Project, docker: Path, flags: list[str], message: str
) -> None:
    done = project.invoke("build", *flags)
    assert done.returncode == 2
    assert message in done.stderr


def test_without_docker_the_tasks_say_how_to_get_it(project: Project, docker: Path) -> None:
    for words in (["build"], ["size-check"], [*PUSH, "--force"]):
        done = project.invoke(*words, PATH="/nowhere")
        assert done.returncode == 1
        assert "Docker is not installed" in done.stderr


def test_a_terminal_shows_the_stages_while_they_are_built(project: Project, docker: Path) -> None:
    command = [sys.executable, "-m", "invoke", "build"]
    code, drawn = on_terminal(command, 100, cwd=project.root, environ=project.environ)
    assert code == 0, drawn
    assert "of 7" in drawn
    assert "builder" in drawn


def test_an_image_is_held_against_its_budget_by_the_byte(project: Project, docker: Path) -> None:
    contract(project, size_max_mb="1", size_aim_mb="1")
    project.invoke("build", SIZE="1000000")
    within = project.invoke("size-check")
    assert within.returncode == 0, within.stderr
    assert re.search(r"backend +1\.0 MB \(budget 1 MB\)  █{20}  100 %   0\.0 MB to download", within.stdout)
    assert "aim 1 MB: met" in within.stdout
    (project.root / "backend" / "package.json").write_text("{}")
    project.invoke("build", SIZE="1000001")
    over = project.invoke("size-check")
    assert over.returncode == 1
    assert "over by 1 byte" in over.stdout
    assert "the backend of standalone is 1 byte over its budget of 1 MB" in over.stderr


def test_an_aim_that_is_missed_is_said_and_passes(project: Project, docker: Path) -> None:
    contract(project, size_max_mb="3", size_aim_mb="1")
    project.invoke("build", "--service", "backend", SIZE="2500000")
    done = project.invoke("size-check", "--service", "backend")
    assert done.returncode == 0
    assert "aim 1 MB: missed by 1.5 MB" in done.stdout


def test_both_images_together_have_a_budget(project: Project, docker: Path) -> None:
    contract(project, images_together_max_mb="1")
    project.invoke("build", SIZE="500001")
    done = project.invoke("size-check")
    assert done.returncode == 1
    assert "the images of standalone are together 2 bytes over 1 MB" in done.stderr


def test_the_change_is_told_since_the_build_before_however_often_it_is_asked(
    project: Project, docker: Path
) -> None:
    project.invoke("build", "--service", "backend", SIZE="5000000")
    assert "since" not in project.invoke("size-check", "--service", "backend").stdout
    (project.root / "backend" / "package.json").write_text("{}")
    project.invoke("build", "--service", "backend", SIZE="3800000")
    for _ in range(2):
        done = project.invoke("size-check", "--service", "backend")
        assert "−1.2 since the build before" in done.stdout, done.stderr
    as_json = project.invoke("size-check", "--service", "backend", "--json")
    [image] = result(as_json.stdout)["images"]
    assert (image["change"], image["size"], image["groups"]["application"]) == (-1200000, 3800000, 3800000)


def test_any_image_is_weighed_by_its_name(project: Project, docker: Path) -> None:
    project.invoke("build", "--service", "backend", "--tag", "mine", SIZE="2000000")
    done = project.invoke("size-check", "--image", "todo-backend:mine")
    assert done.returncode == 0, done.stderr
    assert "todo-backend:mine   2.0 MB" in done.stdout
    absent = project.invoke("size-check", "--image", "absent:1")
    assert absent.returncode == 1
    assert "docker pull absent:1" in absent.stderr
    assert project.invoke("size-check", "--image", "absent:1", "--profile", "uv").returncode == 2


def test_sources_that_are_not_built_are_not_weighed(project: Project, docker: Path) -> None:
    done = project.invoke("size-check")
    assert done.returncode == 1
    assert "the backend of standalone is not built in its current state" in done.stderr
    assert "invoke build --profile standalone" in done.stderr


def commit(project: Project) -> None:
    identity = ["-c", "user.name=Nobody", "-c", "user.email=nobody@example.com"]
    for words in (["add", *BASES], ["commit", "--quiet", "--message", "All"]):
        subprocess.run(["git", *identity, *words], cwd=project.root, check=True)


@pytest.fixture
def committed(project: Project, docker: Path) -> Project:
    """Give the project with everything committed."""
    subprocess.run(["git", "init", "--quiet"], cwd=project.root, check=True)
    commit(project)
    return project


PUSH = ("push", "--registry", "localhost:5000/me", "--version", "v1.2.3")


def test_both_images_are_pushed_as_version_and_latest_and_read_back(committed: Project, docker: Path) -> None:
    first = committed.invoke(*PUSH)
    assert first.returncode == 0, first.stderr
    names = [f"localhost:5000/me/todo-{service}:{tag}" for service in BASES for tag in ("v1.2.3", "latest")]
    assert sorted(json.loads(docker.read_text())["registry"]) == sorted(names)
    for name in names:
        assert re.search(rf"{re.escape(name)}   sha256:[0-9a-f]{{64}}\n", first.stdout)
    pushed = told(docker, "push")
    again = committed.invoke(*PUSH, "--json")
    assert again.returncode == 0
    assert [each["pushed"] for each in result(again.stdout)["images"]] == [False] * 4
    assert told(docker, "push") == pushed


def test_the_registry_may_stand_in_the_settings(committed: Project, docker: Path) -> None:
    (committed.root / ".env").write_text("DOCKER_REGISTRY=registry.example.com/me\n")
    from_file = committed.invoke("push", "--version", "v1.2.3", "--dry-run", "--json")
    assert result(from_file.stdout)["push"][0] == "registry.example.com/me/todo-backend:v1.2.3"
    from_shell = committed.invoke("push", "--version", "v1.2.3", "--dry-run", DOCKER_REGISTRY="me")
    assert "would be pushed: me/todo-frontend:latest" in from_shell.stdout
    assert told(docker, "push") == []


def test_a_version_that_people_have_is_not_replaced_unless_forced(committed: Project, docker: Path) -> None:
    committed.invoke(*PUSH, "--service", "backend")
    (committed.root / "backend" / "package.json").write_text("{}")
    uncommitted = committed.invoke(*PUSH, "--service", "backend")
    assert uncommitted.returncode == 1
    assert "built from uncommitted files: backend" in uncommitted.stderr
    commit(committed)
    refused = committed.invoke(*PUSH, "--service", "backend")
    assert refused.returncode == 1
    assert "v1.2.3 is already in the registry, with another image" in refused.stderr
    before = json.loads(docker.read_text())["registry"]
    assert committed.invoke(*PUSH, "--service", "backend", "--force").returncode == 0
    after = json.loads(docker.read_text())["registry"]
    assert before["localhost:5000/me/todo-backend:v1.2.3"] != after["localhost:5000/me/todo-backend:v1.2.3"]


@pytest.mark.parametrize(
    ("behaviour", "message", "remedy"),
    [
        ("registry-lies", "does not return the image that was pushed", "check who else pushes there"),
        ("denied", "does not allow this user to push", "docker login localhost:5000"),
        ("unauthorized", "requires a login", "docker login localhost:5000"),
    ],
)
def test_a_registry_that_refuses_or_has_something_else_is_an_error(
    committed: Project, docker: Path, behaviour: str, message: str, remedy: str
) -> None:
    done = committed.invoke(*PUSH, DOUBLE=behaviour)
    assert done.returncode == 1
    assert message in done.stderr
    assert remedy in done.stderr
    assert not [name for name in json.loads(docker.read_text())["images"] if name.startswith("localhost")]


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--version", "v1.2.3"], "no registry is given"),
        (["--registry", "localhost:5000"], "no version is given"),
        (["--registry", "localhost:5000", "--version", "1.2.3"], "not a semantic version"),
        (["--registry", "https://example.com/Me", "--version", "v1.2.3"], "--registry example.com/me"),
        (["--registry", "me/", "--version", "v1.2.3"], "--registry me"),
        (["--registry", "a b", "--version", "v1.2.3"], "--registry 'a b' is not a registry"),
        (["--registry", "localhost:99999", "--version", "v1.2.3"], "port 99999 is not between 1 and 65535"),
        (["--registry", "localhost:0/me", "--version", "v1.2.3"], "port 0 is not between 1 and 65535"),
        (["--registry", "localhost:0/me", "--version", "v1.2.3"], "--registry localhost:5000/me"),
    ],
)
def test_a_push_without_a_place_or_a_version_is_refused(
    committed: Project, docker: Path, flags: list[str], message: str
) -> None:
    done = committed.invoke("push", "--dry-run", *flags)
    assert done.returncode == 2
    assert message in done.stderr
    assert not docker.exists()
