"""Documents and messages name commands, flags and files that exist."""

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest
from invoke.parser.context import translate_underscores

import tasks
from automation.paths import ROOT
from automation.tasks.task import ConsoleTask

DOCUMENTS = sorted(
    file
    for file in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob(".github/**/*.md"))
    if "node_modules" not in file.parts
)
SPEAKING = (
    *DOCUMENTS,
    *sorted(ROOT.glob("automation/**/*.py")),
    *sorted(ROOT.glob("automation/**/*.toml")),
    *sorted(ROOT.glob("deploy/**/*.txt")),
    ROOT / ".env.example",
    ROOT / "dev",
)
"""Files whose commands people see and type."""
COMMAND = re.compile(r"(?:\./dev|\binvoke) (?P<task>[a-z][a-z-]+)\b(?P<rest>[^\n`\"'|·,;)]*)")
FLAG = re.compile(r"(?<=\s)--([a-z][a-z-]*)")
LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)#\s]+)[^)]*\)")
OTHER = {"test", "installs"}
"""A command of `dev` itself, whose flags are Nox's, and a verb."""


def commands(file: Path) -> Iterator[tuple[str, list[str]]]:
    """Yield each command that a file names, with its flags."""
    for found in COMMAND.finditer(file.read_text(encoding="utf-8")):
        yield found["task"], FLAG.findall(f" {found['rest']}")


@pytest.mark.parametrize("file", SPEAKING, ids=lambda file: file.relative_to(ROOT).as_posix())
def test_the_commands_that_people_read_exist(file: Path) -> None:
    known: dict[str, set[str]] = {}
    for name, task in tasks.namespace.tasks.items():
        # Not `get_arguments`, which takes the help out of the task.
        assert isinstance(task, ConsoleTask)
        flags = {translate_underscores(name) for name in task.flags}
        known[name] = flags | {f"no-{flag}" for flag in flags} | {"help"}
    named = [(name, flag) for name, flags in commands(file) if name not in OTHER for flag in (*flags, "help")]
    unknown = [(name, flag) for name, flag in named if flag not in known.get(name, ())]
    assert unknown == []


@pytest.mark.parametrize("file", DOCUMENTS, ids=lambda file: file.relative_to(ROOT).as_posix())
def test_the_files_that_documents_link_to_exist(file: Path) -> None:
    links = LINK.findall(file.read_text(encoding="utf-8"))
    assert [link for link in links if not (file.parent / unquote(link)).exists()] == []
