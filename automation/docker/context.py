"""What a build sees: the files of the context that the ignore file of its Dockerfile lets through.

The rules are Docker's own: `<Dockerfile>.dockerignore`, or else `.dockerignore`; patterns in order, the last
that matches a path or a folder above it decides, `!` takes back, `**` stands for any number of folders.
"""

import hashlib
import os
import re
import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

_BLOCK = 2**20


@dataclass(frozen=True)
class _Pattern:
    text: str
    takes_back: bool

    @cached_property
    def expression(self) -> re.Pattern[str]:
        return re.compile(_as_expression(self.text), re.DOTALL)

    def may_match_below(self, folder: str) -> bool:
        """Whether a path inside the folder could be taken back, for the folder to be worth looking into."""
        if not self.takes_back:
            return False
        fixed = re.split(r"[*?\[]", self.text, maxsplit=1)[0]
        return self.text.startswith(f"{folder}/") or (fixed != self.text and f"{folder}/".startswith(fixed))


@dataclass(frozen=True)
class Context:
    """The folder that a build is given, seen through its ignore file."""

    root: Path
    patterns: tuple[_Pattern, ...]

    @property
    def allowed(self) -> tuple[str, ...]:
        """The paths and patterns that the ignore file names to let them through; everything without any."""
        return tuple(pattern.text for pattern in self.patterns if pattern.takes_back) or (".",)

    def files(self) -> Iterator[str]:
        """Yield the paths of the files and links that the build sees, relative and with slashes."""
        yield from self._below("", (False,) * len(self.patterns))

    def _below(self, folder: str, above: tuple[bool, ...]) -> Iterator[str]:
        with os.scandir(self.root / folder) as entries:
            for entry in entries:
                path = f"{folder}/{entry.name}" if folder else entry.name
                # Matching a folder is matching what is in it.
                matched = tuple(
                    before or pattern.expression.fullmatch(path) is not None
                    for before, pattern in zip(above, self.patterns, strict=True)
                )
                decisive = [p for p, matches in zip(self.patterns, matched, strict=True) if matches]
                ignored = bool(decisive) and not decisive[-1].takes_back
                if entry.is_dir(follow_symlinks=False):
                    if not ignored or any(pattern.may_match_below(path) for pattern in self.patterns):
                        yield from self._below(path, matched)
                elif not ignored:
                    yield path

    def fingerprint(self, files: Iterable[str]) -> str:
        """Return a hash of these files: their names, contents, and whether they can be run."""
        digest = hashlib.sha256()
        for path in sorted(files):
            digest.update(path.encode("utf-8", "surrogateescape"))
            digest.update(_fingerprint(self.root / path))
        return digest.hexdigest()


def load(root: Path, dockerfile: str) -> Context:
    """Return the context of a build with this Dockerfile, which is relative to the root."""
    for name in (f"{dockerfile}.dockerignore", ".dockerignore"):
        file = root / name
        if file.is_file():
            return Context(root, _read(file.read_text(encoding="utf-8-sig").splitlines()))
    return Context(root, ())


def _read(lines: Sequence[str]) -> tuple[_Pattern, ...]:
    patterns = []
    for line in lines:
        text = line.strip()
        if not text or line.startswith("#"):
            continue
        takes_back = text.startswith("!")
        cleaned = os.path.normpath(text.removeprefix("!").strip()).replace(os.sep, "/").lstrip("/")
        if cleaned and cleaned != ".":
            patterns.append(_Pattern(cleaned, takes_back))
    return tuple(patterns)


def _as_expression(pattern: str) -> str:
    parts = re.findall(r"\*\*/?|\*|\?|\[[^\]]*\]|\\.|[^*?\[\\]+|.", pattern)
    return "".join(_translated(part) for part in parts)


def _translated(part: str) -> str:
    match part:
        case "**/":
            return "(?:.*/)?"
        case "**":
            return ".*"
        case "*":
            return "[^/]*"
        case "?":
            return "[^/]"
    if part.startswith("[") and part.endswith("]"):
        return part
    return re.escape(part.removeprefix("\\") or part)


def _fingerprint(file: Path) -> bytes:
    status = file.lstat()
    if stat.S_ISLNK(status.st_mode):
        return b"link" + os.fsencode(file.readlink())
    # Of the permissions a clone keeps only this one; the others are the machine's.
    kind = b"run " if status.st_mode & stat.S_IXUSR else b"file"
    digest = hashlib.sha256()
    if stat.S_ISREG(status.st_mode):
        with file.open("rb") as opened:
            while block := opened.read(_BLOCK):
                digest.update(block)
    return kind + digest.digest()
