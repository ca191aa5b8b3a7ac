"""The model of a Dockerfile: as written, and resolved for a build."""

from pathlib import Path

import pytest

from automation.console.errors import AutomationError
from automation.docker import dockerfile
from automation.docker.dockerfile import DockerfileError, expand, parse


def test_a_dockerfile_as_written_has_its_stages_and_arguments(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text(
        "# ARG NONE=1\nARG ONE=1 TWO='two'\narg THREE\nFROM --platform=linux/amd64 \\\n"
        "  # a comment\n  ${ONE_IMAGE} as first\nRUN --mount=type=bind,from=other,target=/x true\n"
        "FROM first\nCOPY --from=alpine:3 /a /b\n"
    )
    read = dockerfile.load(tmp_path, "Dockerfile")
    assert read.arguments == {"ONE": "1", "TWO": "two", "THREE": None}
    assert [(stage.name, *stage.references) for stage in read.stages] == [
        ("first", "${ONE_IMAGE}", "other"),
        ("", "first", "alpine:3"),
    ]
    assert read.names == ("first",)
    with pytest.raises(AutomationError, match="absent cannot be read"):
        dockerfile.load(tmp_path, "absent")


STAGES = """\
ARG BASE=python:3.11-slim
ARG UNUSED=ruby:4
FROM ${BASE} AS Builder
ARG VERSION=1
ENV HOME=/app-$VERSION
FROM ${UNUSED} AS unused
FROM builder
ARG BASE
COPY --from=0 $HOME /app
RUN --mount=type=bind,from=${TOOLS:-tools:1},target=/tools true
"""


def test_a_resolved_dockerfile_has_the_stages_of_its_target_with_variables_filled_in() -> None:
    read = parse(STAGES).resolve(arguments={"BASE": "python:3.14-slim"})
    assert [stage.number for stage in read.stages] == [0, 2]
    assert [stage.name for stage in read.lineage(read.target)] == ["Builder", ""]
    assert read.external == ("python:3.14-slim", "tools:1")
    assert read.default_images == ("python:3.11-slim", "tools:1")
    assert read.target.expand("${HOME} $BASE $VERSION") == "/app-1 python:3.14-slim 1"
    assert parse(STAGES).resolve(target="BUILDER").external == ("python:3.11-slim",)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "has no FROM"),
        ("ARG A=1\n", "has no FROM"),
        ("RUN true\nFROM a\n", "line 1 is RUN before any FROM"),
        ("FROM a\nPLEASE build\n", "line 2 begins with 'PLEASE'"),
        ("FROM a b\n", "line 1 is not FROM image"),
        ("FROM a OF b\n", "line 1 is not FROM image"),
        ("FROM\n", "line 1 is not FROM image"),
    ],
)
def test_a_text_that_is_no_dockerfile_is_parsed_and_cannot_be_resolved(text: str, message: str) -> None:
    with pytest.raises(DockerfileError, match=message):
        parse(text).resolve()


def test_a_target_that_does_not_exist_names_the_stages() -> None:
    with pytest.raises(DockerfileError, match="no target 'absent'") as caught:
        parse(STAGES).resolve(target="absent")
    assert caught.value.why == "its stages are Builder, unused"


@pytest.mark.parametrize(
    ("text", "expanded"),
    [
        ("$A-${A}", "1-1"),
        (r"\$A", "$A"),
        ("${B:-two}${B-two}${A:-no}", "twotwo1"),
        ("${A:+yes}${B:+no}", "yes"),
        ("${B:-$A}", "1"),
        ("$B", ""),
    ],
)
def test_variables_are_expanded_as_the_builder_does(text: str, expanded: str) -> None:
    assert expand(text, {"A": "1"}) == expanded


def test_a_variable_without_a_value_can_be_made_visible() -> None:
    assert [expand(text, {}, "?") for text in ("$B", "${B:-word}", "${B:+word}")] == ["?", "?", "?"]
