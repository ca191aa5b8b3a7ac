"""A Dockerfile that somebody proposes, taken in with the care that unknown text needs."""

import re
import stat
import unicodedata
from dataclasses import dataclass
from pathlib import Path

from automation import paths
from automation.console import errors
from automation.console.errors import AutomationError, UsageError
from automation.process import logs

LARGEST = 100_000
"""Bytes that a candidate has at most; the largest of the project's own has a tenth."""

_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})[ \t]*([^\s`]*)[^`\n]*$")
_BEGINS = re.compile(r"(?i)^\s*(FROM|ARG)\s+\S")
_SHOWN = 8


@dataclass(frozen=True)
class Candidate:
    """The text that is proposed."""

    text: str
    source: str
    """Where it comes from, in a person's words."""


@dataclass(frozen=True)
class Remark:
    """One thing about a candidate that is wrong or worth knowing; a check of its contract has a `Finding`."""

    source: str
    """The reporter: `candidate`, `hadolint`, `buildx`, `build` or `contract`."""
    rule: str
    """The name to look up, as in DL3007."""
    message: str
    line: int | None = None
    blocking: bool = True
    """Whether it prevents adoption."""
    remedy: str = ""
    details: tuple[str, ...] = ()
    """Output that explains more."""


def from_file(file: Path, root: Path) -> Candidate:
    """Read a candidate. Raises UsageError when the file is none that can be one."""
    shown = paths.readable(file, root)
    try:
        status = file.stat()
        if not stat.S_ISREG(status.st_mode):
            raise UsageError(f"{shown} is not a file", why="a candidate is a Dockerfile: a file of text")
        # A file may grow between being measured and being read.
        with file.open("rb") as opened:
            content = opened.read(LARGEST + 1)
    except OSError as error:
        raise UsageError(f"{shown} cannot be read", why=errors.reason(error)) from error
    return Candidate(_text(content, shown), shown)


def from_answer(answer: str, source: str) -> Candidate:
    """Take the Dockerfile out of an agent's answer: its one code block, or all of it where it has none.

    Raises AutomationError when that is not clear.
    """
    lines = answer.replace("\r\n", "\n").split("\n")
    blocks = _code_blocks(lines)
    if len(blocks) > 1:
        found = [
            f"line {line}: {language or 'no language'}, {len(body)} lines" for line, language, body in blocks
        ]
        raise AutomationError(
            f"the answer of {source} has {len(blocks)} code blocks",
            why="one was asked for, and which of them is the Dockerfile is not for a program to guess",
            details=found[:_SHOWN],
        )
    body = blocks[0][2] if blocks else lines
    said = [line for line in body if line.strip() and not line.lstrip().startswith("#")]
    if not said or not _BEGINS.match(said[0]):
        raise AutomationError(
            f"the answer of {source} holds no Dockerfile",
            why="a Dockerfile begins with FROM, or with an ARG before it; this begins with",
            details=[visible(line)[:200] for line in lines if line.strip()][:_SHOWN],
        )
    text = "\n".join(body).strip("\n") + "\n"
    return Candidate(_text(text.encode("utf-8", "replace"), f"the answer of {source}"), source)


def visible(text: str) -> str:
    """Return the text with whatever would act on a terminal, or cannot be seen, written out."""
    return "".join(f"\\u{{{ord(each):x}}}" if hidden(each) else each for each in logs.clean(text))


def hidden(character: str) -> bool:
    """Return whether the character changes how a text looks without being seen itself."""
    return character not in "\t\n" and unicodedata.category(character) in {"Cc", "Cf", "Zl", "Zp"}


def _code_blocks(lines: list[str]) -> list[tuple[int, str, list[str]]]:
    """Return line, language and content of each fenced block; one that is never closed ends the text."""
    blocks: list[tuple[int, str, list[str]]] = []
    fence = ""
    for number, line in enumerate(lines, 1):
        match = _FENCE.match(line)
        if not fence and match:
            fence = match[1]
            blocks.append((number, match[2], []))
        elif fence and match and match[1].startswith(fence) and not match[2]:
            fence = ""
        elif fence:
            blocks[-1][2].append(line)
    return blocks


def _text(content: bytes, shown: str) -> str:
    if len(content) > LARGEST:
        raise UsageError(
            f"{shown} is too large", why=f"a Dockerfile of more than {LARGEST // 1000} kB is none to be read"
        )
    if b"\0" in content:
        raise UsageError(f"{shown} is not a text", why="it holds a NUL byte")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(
            f"{shown} is not UTF-8", why=f"byte {error.start} belongs to no character"
        ) from error
    if not text.strip():
        raise UsageError(f"{shown} is empty")
    return text.replace("\r\n", "\n")
