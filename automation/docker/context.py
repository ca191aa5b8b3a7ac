"""The build context: the files beside a Dockerfile that its ignore file lets through.

The rules are Docker's: `<Dockerfile>.dockerignore`, or else `.dockerignore`; patterns are anchored at the
root and apply in order, the last that matches a path or a folder above it decides, `!` includes again, `**`
is any number of folders. The package pathspec has Git's rules, by which `a` also matches in any folder.
"""

import hashlib
import os
import posixpath
import re
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

_BLOCK_BYTES = 2**20
_WILDCARDS = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}


class _Pattern(NamedTuple):
    text: str
    expression: re.Pattern[str]
    includes: bool

    def may_include_below(self, folder: str) -> bool:
        """Return whether it could include a path inside the folder."""
        fixed = re.split(r"[*?\[]", self.text, maxsplit=1)[0]
        wild = fixed != self.text and f"{folder}/".startswith(fixed)
        return self.includes and (self.text.startswith(f"{folder}/") or wild)


@dataclass(frozen=True)
class Context:
    """The folder that a build is given, filtered by its ignore file."""

    root: Path
    """The project's root, to which every path is relative."""
    folder: str
    """The folder, relative to the root; empty for the root itself."""
    patterns: tuple[_Pattern, ...]

    @property
    def allowed(self) -> tuple[str, ...]:
        """The paths and patterns that the ignore file includes; everything if it includes none."""
        included = [pattern.text for pattern in self.patterns if pattern.includes] or ["."]
        return tuple(posixpath.normpath(posixpath.join(self.folder, text)) for text in included)

    def files(self) -> Iterator[str]:
        """Yield the paths of the files and links, with slashes."""
        for path in self._below("", (False,) * len(self.patterns)):
            yield posixpath.join(self.folder, path)

    def _below(self, folder: str, above: tuple[bool, ...]) -> Iterator[str]:
        with os.scandir(self.root / self.folder / folder) as entries:
            for entry in entries:
                path = f"{folder}/{entry.name}" if folder else entry.name
                # A pattern that matches a folder matches what is in it.
                matched = tuple(
                    before or pattern.expression.fullmatch(path) is not None
                    for before, pattern in zip(above, self.patterns, strict=True)
                )
                decisive = [p for p, matches in zip(self.patterns, matched, strict=True) if matches]
                ignored = bool(decisive) and not decisive[-1].includes
                if entry.is_dir(follow_symlinks=False):
                    if not ignored or any(pattern.may_include_below(path) for pattern in self.patterns):
                        yield from self._below(path, matched)
                elif not ignored:
                    yield path

    def fingerprint(self, files: Iterable[str]) -> str:
        """Return a hash of the names, contents and executable bits of these files."""
        digest = hashlib.sha256()
        for path in sorted(files):
            digest.update(path.encode("utf-8", "surrogateescape"))
            digest.update(_fingerprint(self.root / path))
        return digest.hexdigest()


def load(root: Path, dockerfile: str) -> Context:
    """Return the context of a build with this Dockerfile: its folder. The path is relative to the root."""
    folder = posixpath.dirname(dockerfile)
    names = (f"{dockerfile}.dockerignore", posixpath.join(folder, ".dockerignore"))
    file = next((root / name for name in names if (root / name).is_file()), None)
    lines = file.read_text(encoding="utf-8-sig").splitlines() if file else []
    patterns = (_pattern(line.strip()) for line in lines if line.strip() and not line.startswith("#"))
    return Context(root, folder, tuple(pattern for pattern in patterns if pattern.text not in {"", "."}))


def _pattern(line: str) -> _Pattern:
    text = os.path.normpath(line.removeprefix("!").strip()).replace(os.sep, "/").lstrip("/")
    parts = re.findall(r"\*\*/?|\*|\?|\[[^\]]*\]|\\.|[^*?\[\\]+|.", text)
    return _Pattern(text, re.compile("".join(map(_translate, parts)), re.DOTALL), line.startswith("!"))


def _translate(part: str) -> str:
    if part.startswith("[") and part.endswith("]"):
        return part
    return _WILDCARDS.get(part) or re.escape(part.removeprefix("\\") or part)


def _fingerprint(file: Path) -> bytes:
    status = file.lstat()
    if stat.S_ISLNK(status.st_mode):
        return b"link" + os.fsencode(file.readlink())
    # A clone keeps only this permission; the others depend on the machine.
    kind = b"run " if status.st_mode & stat.S_IXUSR else b"file"
    digest = hashlib.sha256()
    if stat.S_ISREG(status.st_mode):
        with file.open("rb") as opened:
            while block := opened.read(_BLOCK_BYTES):
                digest.update(block)
    return kind + digest.digest()
