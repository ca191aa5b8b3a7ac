"""Build plans: the images and their names, before Docker runs."""

import asyncio
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from automation import settings
from automation.console.errors import AutomationError, UsageError
from automation.contract.environment import EnvironmentInvalidError
from automation.contract.models import SERVICES
from automation.contract.profiles import load, names
from automation.docker import context
from automation.images import plan, revision
from automation.images.plan import Options, Plan
from automation.settings import Settings
from tests.automation.conftest import ROOT

BACKEND = """\
ARG PYTHON_IMAGE=python:3.11-slim
ARG TOOLS_IMAGE=python:3.13-slim
FROM ${TOOLS_IMAGE} AS tools
FROM ${PYTHON_IMAGE} AS builder
ARG PACKAGES=/opt/venv
COPY src /app
FROM scratch AS runtime
COPY --from=builder /app /app
RUN --mount=type=bind,from=tools,target=/tools true
ARG USER_NAME=appuser
ARG PORT=8000
FROM runtime AS gordon
FROM runtime AS taskflow
FROM runtime AS cluster
FROM runtime AS uv
FROM runtime AS standalone
"""
FRONTEND = """\
ARG NODE_IMAGE=node:24-alpine
ARG NGINX_IMAGE=nginx:1.28-alpine
FROM --platform=${BUILDPLATFORM} ${NODE_IMAGE} AS build
COPY app /app
FROM ${NGINX_IMAGE} AS nginx
FROM build AS gordon
FROM build AS cluster
FROM build AS uv
FROM nginx AS taskflow
COPY --from=build /app /app
FROM build AS standalone
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Give a project of two small services, all of it committed."""
    root = tmp_path / "project"
    shutil.copytree(ROOT / "deploy" / "profiles", root / "deploy" / "profiles")
    shutil.copy(ROOT / "deploy" / "rules.toml", root / "deploy")
    for service, text in (("backend", BACKEND), ("frontend", FRONTEND)):
        source = root / service / ("src" if service == "backend" else "app")
        source.mkdir(parents=True)
        (source / "main.txt").write_text("one")
        (root / service / "Dockerfile").write_text(text)
        allowed = f"*\n!{source.name}\n**/__pycache__\n"
        (root / service / ".dockerignore").write_text(allowed)
        (root / service / "Dockerfile.dev").write_text("FROM scratch AS development\n")
    (root / ".env").write_text("VERSION=v2.0.0\n")
    (root / "unrelated.txt").write_text("one")
    git(root, "init", "--quiet", "--initial-branch", "main")
    commit(root)
    return root


def git(root: Path, *words: str) -> str:
    identity = ["-c", "user.name=Nobody", "-c", "user.email=nobody@example.com"]
    done = subprocess.run(["git", *identity, *words], cwd=root, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def commit(root: Path) -> str:
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--allow-empty", "--message", "A commit")
    return git(root, "rev-parse", "HEAD")


def of(root: Path, **environ: str) -> Settings:
    return settings.load({"PATH": os.environ["PATH"], "HOME": str(root), **environ}, root)


def plans(
    current: Settings,
    options: Options = Options(),  # noqa: B008 - frozen
    profiles: Sequence[str] = ("standalone",),
    services: Sequence[str] = SERVICES,
) -> tuple[Plan, ...]:
    chosen = [load(name, current.root) for name in profiles]
    return asyncio.run(plan.plan_all(current, chosen, services, options))


def backend(root: Path, options: Options = Options(), **environ: str) -> Plan:  # noqa: B008
    [made] = plans(of(root, **environ), options, services=["backend"])
    return made


def test_the_contract_decides_target_arguments_and_names(root: Path) -> None:
    made = backend(root)
    assert (made.dockerfile, made.target, made.image) == ("backend/Dockerfile", "standalone", "todo-backend")
    assert made.arguments == {
        "USER_NAME": "appuser",
        "PORT": "8000",
        "PACKAGES": "/opt/venv",
        "PYTHON_IMAGE": "python:3.11-slim",
        "TOOLS_IMAGE": "python:3.13-slim",
    }
    assert made.tags == ("latest", "v2.0.0")
    assert made.references[0] == f"todo-backend:{made.content}"


def test_a_static_frontend_is_made_from_two_bases_and_a_server_from_one(root: Path) -> None:
    static, server = plans(of(root), profiles=["taskflow", "standalone"], services=["frontend"])
    assert static.arguments["NGINX_IMAGE"] == "nginx:1.28-alpine"
    assert static.arguments["NODE_IMAGE"] == "node:24-alpine"
    assert static.arguments["NODE_ENV"] == "production"
    assert "NGINX_IMAGE" not in server.arguments


def test_the_name_changes_with_what_goes_in_and_with_nothing_else(root: Path) -> None:
    first = backend(root).content
    (root / "unrelated.txt").write_text("two")
    (root / ".gitignore").write_text("__pycache__/\n")
    (root / "backend" / "src" / "__pycache__").mkdir()
    (root / "backend" / "src" / "__pycache__" / "main.pyc").write_text("two")
    os.utime(root / "backend" / "src" / "main.txt", (0, 0))
    assert backend(root).content == first
    changed = {
        "another profile": plans(of(root), profiles=["uv"], services=["backend"])[0].content,
        "another base": backend(root, Options(bases=("backend=python:3.14-slim",))).content,
        "another platform": backend(root, Options(platform="linux/arm64")).content,
        "another version": backend(root, Options(version="v3.0.0")).content,
    }
    (root / "backend" / "src" / "main.txt").chmod(0o755)
    changed["a file that can be run"] = backend(root).content
    (root / "backend" / "src" / "main.txt").write_text("two")
    changed["another line"] = backend(root).content
    (root / "backend" / "src" / "more.txt").write_text("")
    changed["another file"] = backend(root).content
    (root / "backend" / "Dockerfile").write_text(BACKEND + "# more\n")
    changed["another Dockerfile"] = backend(root).content
    assert len({first, *changed.values()}) == len(changed) + 1, changed


def test_labels_tell_the_commit_that_last_touched_what_goes_in(root: Path) -> None:
    git(root, "remote", "add", "origin", "https://user:secret@example.com/me/todo.git")
    touched = git(root, "rev-parse", "HEAD")
    (root / "unrelated.txt").write_text("two")
    commit(root)
    made = backend(root)
    when = int(git(root, "log", "-1", "--format=%ct", touched))
    assert made.revision.epoch == when
    assert made.labels == {
        "org.opencontainers.image.version": "v2.0.0",
        "org.opencontainers.image.created": made.revision.created,
        "org.opencontainers.image.revision": touched,
        "org.opencontainers.image.source": "https://example.com/me/todo",
    }
    assert not made.revision.dirty
    (root / "backend" / "src" / "new.txt").write_text("not committed")
    assert backend(root).revision.name == f"{touched}-dirty"
    assert backend(root).revision.dirty


def test_a_git_that_does_not_answer_is_not_taken_for_a_clean_checkout(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "programs" / "git"
    program.parent.mkdir()
    program.write_text(f"#!{sys.executable}\nimport signal\nsignal.pause()\n")
    program.chmod(0o755)
    monkeypatch.setattr("automation.project.git._TIMEOUT_SECONDS", 0.1)
    with pytest.raises(AutomationError, match=r"git \w+ took more than"):
        backend(root, PATH=f"{program.parent}:{os.environ['PATH']}")


def test_without_a_checkout_the_content_stands_for_the_commit(root: Path) -> None:
    shutil.rmtree(root / ".git")
    (root / "pyproject.toml").write_text('[project.urls]\nSource = "https://example.com/declared"\n')
    for file in (root / "backend").rglob("*"):
        os.utime(file, (1_000_000, 1_000_000))
    made = backend(root)
    assert made.revision == revision.Revision(made.revision.name, 1_000_000, "https://example.com/declared")
    assert re.fullmatch("unversioned-[0-9a-f]{12}", made.revision.name)
    assert made.revision.created == "1970-01-12T13:46:40Z"
    assert made.revision.dirty


@pytest.mark.parametrize(
    ("remote", "address"),
    [
        ("git@example.com:me/todo.git", "https://example.com/me/todo"),
        ("ssh://git@example.com:22/me/todo", "https://example.com/me/todo"),
        ("https://token@example.com:8443/me/todo.git", "https://example.com:8443/me/todo"),
        ("/home/somebody/todo", None),
        ("file:///home/somebody/todo", None),
    ],
)
def test_the_source_is_an_address_without_credentials(root: Path, remote: str, address: str | None) -> None:
    git(root, "remote", "add", "origin", remote)
    assert backend(root).labels.get("org.opencontainers.image.source") == address


def test_the_version_is_the_one_that_is_given_or_that_of_the_settings(root: Path) -> None:
    assert backend(root).version == "v2.0.0"
    assert backend(root, VERSION="v3.0.0").version == "v3.0.0"
    assert backend(root, Options(version="v4.0.0-rc.1")).tags == ("latest", "v4.0.0-rc.1")
    (root / ".env").write_text("")
    (root / "pyproject.toml").write_text('[project]\nversion = "5.0.0"\n')
    assert backend(root).version == "v5.0.0"
    (root / ".env").write_text("VERSION=five\n")
    with pytest.raises(EnvironmentInvalidError, match=r"a problem in \.env") as invalid:
        backend(root)
    assert invalid.value.details == ("VERSION is not a semantic version; write it as in v1.0.0",)
    with pytest.raises(UsageError, match=r"--version '1\.2' is not a semantic version"):
        backend(root, Options(version="1.2"))
    assert invalid.value.exit_code == UsageError.exit_code


def test_the_tag_of_a_version_has_an_underscore_for_its_plus(root: Path) -> None:
    made = backend(root, Options(version="v1.2.3+4"))
    assert made.tags == ("latest", "v1.2.3_4")
    assert made.labels["org.opencontainers.image.version"] == "v1.2.3+4"


def test_development_images_are_called_so_and_nothing_else(root: Path) -> None:
    made = backend(root, Options(development=True, tags=("mine",)))
    assert (made.dockerfile, made.target, made.tags) == ("backend/Dockerfile.dev", "", ("dev", "mine"))
    assert made.content != backend(root).content


def test_only_an_explicit_build_moves_names_that_profiles_share(root: Path) -> None:
    uv, explicit = (
        plans(of(root), Options(explicit=explicit), ["uv"], ["backend"])[0] for explicit in (False, True)
    )
    assert uv.names == (uv.reference, "todo-backend:uv")
    assert explicit.names == (*uv.names, "todo-backend:latest")
    assert explicit.content == uv.content


def test_development_images_have_one_repository_as_the_overlay_of_compose_cannot_know_the_profile(
    root: Path,
) -> None:
    [made] = plans(of(root), Options(development=True, explicit=True), ["taskflow"], ["backend"])
    assert made.names[1:] == ("todo-backend:taskflow-dev", "todo-backend:dev")


def test_of_all_profiles_the_default_one_gets_the_names_that_several_have(root: Path) -> None:
    made = plans(of(root), profiles=names(root), services=["backend"])
    tags = {each.profile: each.tags for each in made}
    assert tags == {
        "gordon": (), "cluster": (), "uv": (), "standalone": ("latest", "v2.0.0"), "taskflow": ("latest",),
    }  # fmt: skip
    assert len({each.reference for each in made}) == len(made)


def test_bases_are_replaced_by_reference_or_by_service_and_the_plan_says_so(root: Path) -> None:
    by_variable = backend(root, TODO_BASES="python:3.11-slim=python:3.12 node:24-alpine=node:24")
    assert by_variable.bases == {"python:3.11-slim": "python:3.12"}
    assert by_variable.arguments["PYTHON_IMAGE"] == "python:3.12"
    by_flag = backend(
        root, Options(bases=("backend=python:3.14",)), TODO_BASES="python:3.11-slim=python:3.12"
    )
    assert by_flag.bases == {"python:3.11-slim": "python:3.14"}
    tools = backend(root, Options(bases=("python:3.13-slim=localhost:5000/tools:1",)))
    assert tools.arguments["TOOLS_IMAGE"] == "localhost:5000/tools:1"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (Options(bases=("ruby:4=ruby:5",)), "nothing is built from ruby:4"),
        (Options(bases=("python:3.11-slim",)), "does not name a base image and its replacement"),
        (Options(bases=("backend=not a name",)), "does not name a base image and its replacement"),
        (Options(bases=("frontend=node:24",)), "the frontend is not built here"),
        (Options(tags=("no tag",)), "--tag 'no tag' is not a tag"),
        (Options(platform="arm"), "--platform 'arm' is not a platform"),
        (Options(platform="linux/foo"), "--platform 'linux/foo' is not a platform"),
        (Options(platform="linux/amd64,linux/arm64/v7"), "--platform 'linux/arm64/v7' is not a platform"),
        (Options(platform="windows/amd64"), "--platform 'windows/amd64' is not a platform"),
    ],
)
def test_options_that_mean_nothing_are_refused_by_name(root: Path, options: Options, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        backend(root, options)
    assert message in caught.value.what


@pytest.mark.parametrize(
    "platform", ["linux/arm64", "linux/arm/v7", "linux/amd64,linux/arm64/v8", "linux/riscv64", ""]
)
def test_a_platform_that_docker_knows_is_taken(root: Path, platform: str) -> None:
    assert backend(root, Options(platform=platform)).platform == platform


def test_a_variable_may_replace_bases_that_this_build_has_not(root: Path) -> None:
    assert backend(root, TODO_BASES="ruby:4=ruby:5").bases == {}
    with pytest.raises(UsageError, match="TODO_BASES"):
        backend(root, TODO_BASES="nonsense")


def test_a_profile_without_a_stage_says_what_to_add(root: Path) -> None:
    (root / "backend" / "Dockerfile").write_text(BACKEND.replace("FROM runtime AS standalone\n", ""))
    with pytest.raises(AutomationError, match="has no stage for the profile standalone") as caught:
        backend(root)
    assert "AS standalone" in caught.value.remedies[0]


def test_secrets_are_those_whose_variable_is_set_and_their_files_are_there(root: Path) -> None:
    (root / "ca.pem").write_text("certificate")
    assert backend(root).secrets == {}
    assert backend(root, BUILD_CA_FILE="ca.pem").secrets == {"ca": root / "ca.pem"}
    with pytest.raises(AutomationError, match=r"BUILD_NPMRC_FILE names .*absent, which does not exist"):
        backend(root, BUILD_NPMRC_FILE="absent")


def test_a_context_is_what_docker_makes_of_its_ignore_file(tmp_path: Path) -> None:
    for path in (
        "a/keep.txt", "a/skip.log", "a/deep/skip.log", "a/deep/keep.log", "a/deep/er/x.txt", "b/x.txt",
        "node_modules/x.js", "c/node_modules/x.js", "c/x.test.ts", "c/x.ts", "top.txt", ".hidden",
    ):  # fmt: skip
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()
    ignore = tmp_path / "Dockerfile.dockerignore"

    def seen(*patterns: str) -> list[str]:
        ignore.write_text("\n".join(patterns))
        return sorted(set(context.load(tmp_path, "Dockerfile").files()) - {"Dockerfile.dockerignore"})

    assert seen("*", "!a/deep", "!c", "**/node_modules", "**/*.test.*") == [
        "a/deep/er/x.txt", "a/deep/keep.log", "a/deep/skip.log", "c/x.ts",
    ]  # fmt: skip
    assert seen("*", "# a comment", "", "!/a/", "a/**/*.log", "!a/deep/keep.log") == [
        "a/deep/er/x.txt", "a/deep/keep.log", "a/keep.txt",
    ]  # fmt: skip
    assert seen("*", "!**/x.*", "**/node_modules") == ["a/deep/er/x.txt", "b/x.txt", "c/x.test.ts", "c/x.ts"]
    assert seen("a", "c", "node_*", "*.txt", "?hidden") == ["b/x.txt"]
    assert seen("[abc]", "node_modules") == [".hidden", "top.txt"]
