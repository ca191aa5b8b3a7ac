"""The root file system of a base image: its files, links and path patterns."""

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

_MAX_LINKS = 40
"""Number of links in a row that Linux follows."""


class DistilError(Exception):
    """The base does not have what the command line names. The message includes what to try."""


@dataclass(frozen=True)
class File:
    """A regular file, copied from the base."""

    source: Path


@dataclass(frozen=True)
class Link:
    """A symbolic link."""

    target: str


@dataclass(frozen=True)
class Text:
    """A generated file."""

    content: str


Entries = dict[PurePosixPath, File | Link | Text]


class Root:
    """A directory that is the root of another system: absolute links stay inside it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._real: dict[PurePosixPath, PurePosixPath] = {}

    def host(self, path: PurePosixPath) -> Path:
        """Return the path on this machine, without following links."""
        return self.path.joinpath(*path.parts[1:])

    def resolve(self, path: PurePosixPath) -> tuple[PurePosixPath, Entries]:
        """Return the path without links, and the links that were followed. Raises DistilError for a loop."""
        links: Entries = {}
        resolved = PurePosixPath("/")
        todo = list(reversed(path.parts[1:]))
        followed = 0
        while todo:
            candidate = resolved.parent if (part := todo.pop()) == ".." else resolved / part
            if not self.host(candidate).is_symlink():
                resolved = candidate
                continue
            followed += 1
            if followed > _MAX_LINKS:
                raise DistilError(f"{path}: too many links, one after another")
            target = str(self.host(candidate).readlink())
            links[candidate] = Link(target)
            parts = PurePosixPath(target).parts
            if parts[:1] == ("/",):
                resolved, parts = PurePosixPath("/"), parts[1:]
            todo.extend(reversed(parts))
        return resolved, links

    def real(self, path: PurePosixPath) -> PurePosixPath:
        """Return the path without links."""
        if path not in self._real:
            self._real[path] = self.resolve(path)[0]
        return self._real[path]

    def real_host(self, path: PurePosixPath) -> Path:
        """Return the path on this machine, links followed inside the root."""
        return self.host(self.real(path))

    def matches(self, pattern: str) -> list[PurePosixPath]:
        """Return the paths that match a pattern, sorted. Raises DistilError if there are none."""
        if not pattern.startswith("/"):
            raise DistilError(f"{pattern} is not an absolute path\n  try   /{pattern}")
        path = PurePosixPath(pattern)
        fixed = next(above for above in (path, *path.parents) if not re.search(r"[*?\[]", str(above)))
        top, rest = self.real_host(fixed), path.relative_to(fixed)
        if rest.parts:
            found = [fixed / match.relative_to(top) for match in top.glob(str(rest))]
        else:
            found = [fixed] if top.exists() else []
        if not found:
            raise DistilError(f"the base has no {pattern}\n  looked in   {self.path}")
        return sorted(found)

    def take(self, path: PurePosixPath) -> Entries:
        """Return the file at a path and the links that lead to it; nothing if there is no file."""
        real, entries = self.resolve(path)
        host = self.host(real)
        if host.is_file():
            entries[real] = File(host)
            return entries
        return entries if host.is_dir() else {}

    def take_tree(self, path: PurePosixPath, excluded: "Patterns") -> Entries:
        """Return all files below a path, and the targets of its links, except the excluded ones."""
        real, entries = self.resolve(path)
        if self.host(real).is_file():
            return self.take(path)
        for directory, names, files in os.walk(self.host(real)):
            here = real / Path(directory).relative_to(self.host(real))
            names[:] = [name for name in names if not excluded.match(here / name)]
            for name in (*names, *files):
                child, host = here / name, Path(directory, name)
                if excluded.match(child):
                    continue
                if host.is_symlink():
                    if not excluded.match(self.real(child)):
                        entries.update(self.take(child))
                elif host.is_file():
                    entries[child] = File(host)
        return entries


class Patterns:
    """The paths that are left out of trees."""

    def __init__(self, patterns: Iterable[str] = ()) -> None:
        alternatives = "|".join(map(self._expression, patterns))
        self._compiled = re.compile(f"(?:{alternatives})(?:/.*)?" if alternatives else r"(?!)")

    def match(self, path: PurePosixPath) -> bool:
        """Return whether a pattern matches the path or a directory above it."""
        return self._compiled.fullmatch(str(path)) is not None

    @staticmethod
    def _expression(pattern: str) -> str:
        special = {"**": ".*", "*": "[^/]*", "?": "[^/]"}
        parts = re.findall(r"\*\*|\*|\?|\[[^]]+\]|[^*?\[]+", pattern.rstrip("/"))
        text = "".join(
            special.get(part) or (part if part.startswith("[") else re.escape(part)) for part in parts
        )
        return text if pattern.startswith("/") else f".*/{text}"


def read_lines(file: Path) -> list[str]:
    """Return the lines of a file without comments and empty lines."""
    lines = (line.split("#")[0].strip() for line in file.read_text(encoding="utf-8").splitlines())
    return [line for line in lines if line]
