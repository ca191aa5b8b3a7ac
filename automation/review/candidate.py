"""A proposed Dockerfile, read with the care that unknown text needs, and remarks about it."""

import re
import stat
import unicodedata
from dataclasses import dataclass
from pathlib import Path

from automation import paths
from automation.console import errors
from automation.console.errors import AutomationError, UsageError
from automation.process import logs

MAX_BYTES = 100_000
"""Ten times the size of the project's largest Dockerfile."""

_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})[ \t]*([^\s`]*)[^`\n]*$")
_BEGINS = re.compile(r"(?i)^\s*(FROM|ARG)\s+\S")
_SHOWN_LINES = 8


@dataclass(frozen=True)
class Candidate:
    text: str
    source: str


@dataclass(frozen=True)
class Remark:
    """One thing about a candidate that is wrong or worth knowing."""

    source: str
    """The reporter: `candidate`, `hadolint`, `buildx`, `build` or `contract`."""
    rule: str
    message: str
    line: int | None = None
    blocking: bool = True
    remedy: str = ""
    details: tuple[str, ...] = ()


def from_file(file: Path, root: Path) -> Candidate:
    """Read a candidate. Raises UsageError if the file cannot be a Dockerfile."""
    shown = paths.readable(file, root)
    try:
        if not stat.S_ISREG(file.stat().st_mode):
            raise UsageError(f"{shown} is not a file", why="a candidate is a text file")
        # A file may grow after its size is known.
        with file.open("rb") as opened:
            content = opened.read(MAX_BYTES + 1)
    except OSError as error:
        raise UsageError(f"{shown} cannot be read", why=errors.reason(error)) from error
    return Candidate(_text(content, shown), shown)


def from_answer(answer: str, source: str) -> Candidate:
    """Return the Dockerfile in an agent's answer: its only code block, or the whole answer without one.

    Raises AutomationError if there is none or the choice is not clear.
    """
    lines = answer.replace("\r\n", "\n").split("\n")
    blocks = _code_blocks(lines)
    if len(blocks) > 1:
        found = [f"{where}, {len(body)} lines" for where, body in blocks]
        raise AutomationError(
            f"the answer of {source} has {len(blocks)} code blocks",
            why="the prompt asks for one, and a program cannot tell which of them is the Dockerfile",
            details=found[:_SHOWN_LINES],
        )
    body = blocks[0][1] if blocks else lines
    code = [line for line in body if line.strip() and not line.lstrip().startswith("#")]
    if not code or not _BEGINS.match(code[0]):
        raise AutomationError(
            f"the answer of {source} has no Dockerfile",
            why="a Dockerfile begins with FROM or ARG; the answer begins with:",
            details=[visible(line)[:200] for line in lines if line.strip()][:_SHOWN_LINES],
        )
    text = "\n".join(body).strip("\n") + "\n"
    return Candidate(_text(text.encode("utf-8", "replace"), f"the answer of {source}"), source)


def visible(text: str) -> str:
    """Return the text with its control and invisible characters escaped."""
    return "".join(f"\\u{{{ord(c):x}}}" if hidden(c) else c for c in logs.clean(text))


def hidden(character: str) -> bool:
    """Return whether the character is invisible but changes how a text looks."""
    return character not in "\t\n" and unicodedata.category(character) in {"Cc", "Cf", "Zl", "Zp"}


def _code_blocks(lines: list[str]) -> list[tuple[str, list[str]]]:
    """Return place and content of each fenced block; an unclosed one extends to the end."""
    blocks: list[tuple[str, list[str]]] = []
    fence = ""
    for number, line in enumerate(lines, 1):
        match = _FENCE.match(line)
        if not fence and match:
            fence = match[1]
            blocks.append((f"line {number}: {match[2] or 'no language'}", []))
        elif fence and match and match[1].startswith(fence) and not match[2]:
            fence = ""
        elif fence:
            blocks[-1][1].append(line)
    return blocks


def _text(content: bytes, shown: str) -> str:
    if len(content) > MAX_BYTES:
        raise UsageError(f"{shown} is too large", why=f"a candidate has at most {MAX_BYTES // 1000} kB")
    if b"\0" in content:
        raise UsageError(f"{shown} is not a text file", why="it contains a NUL byte")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"{shown} is not UTF-8", why=f"byte {error.start} is invalid") from error
    if not text.strip():
        raise UsageError(f"{shown} is empty")
    return text.replace("\r\n", "\n")
