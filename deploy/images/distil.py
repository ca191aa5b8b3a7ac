"""Assembles the root of a small image from a large one: some programs, what they load, and nothing else.

A slim base is already larger than the budget of a whole image, and brings a shell and a package manager that
nobody needs at run time. So a build takes from the base only what it names: programs and trees, the shared
libraries that these need, and what a scanner needs to judge them: the package database's entries and the
licences of exactly the packages that something was taken from.

It runs on the machine that builds, with the base's root as a directory, executes nothing of the base, and so
works for any base of the same architecture, Debian (glibc) as well as Alpine (musl):

    RUN --mount=type=bind,from=base,target=/base \\
        python distil.py --root /base --output /out --program /usr/local/bin/node --strip

Paths are those inside the root, and may be patterns (`/usr/local/lib/python3.*`). Links are taken as links,
together with what they point to. The same root gives the same output, byte for byte: every time is one fixed
time, everything belongs to root apart from the directories of the user, and no setuid bit survives.

Without `--program` and `--tree` it takes nothing and only writes what is asked for besides, so that a second
call can add a user to the output of the first.
"""

# ruff: noqa: INP001 - a program that is copied into builds, not a package

import argparse
import functools
import os
import re
import shutil
import struct
import subprocess
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import BinaryIO

TIME_S = 315_532_800
"""The time of every file: 1980, the first that archives of every kind can hold."""
LINKS_LIMIT = 40
"""As many links in a row as Linux follows."""

CERTIFICATES = PurePosixPath("/etc/ssl/certs/ca-certificates.crt")
# Where OpenSSL looks unless it is told otherwise: Debian's, and Alpine's.
CERTIFICATE_LINKS = (PurePosixPath("/usr/lib/ssl/cert.pem"), PurePosixPath("/etc/ssl/cert.pem"))
# By these, scanners know which distribution's advisories hold.
RELEASES = tuple(map(PurePosixPath, ("/etc/os-release", "/etc/debian_version", "/etc/alpine-release")))
NAME_SERVICES = "passwd: files\ngroup: files\nhosts: files dns\n"


class DistilError(Exception):
    """What is asked for cannot be done; the message says what, why, and what to try."""


# --- What a root holds


@dataclass(frozen=True)
class File:
    """A regular file, taken from somewhere."""

    source: Path


@dataclass(frozen=True)
class Link:
    """A symbolic link."""

    target: str


@dataclass(frozen=True)
class Text:
    """A file that is written here."""

    content: str


Entry = File | Link | Text
Entries = dict[PurePosixPath, Entry]


class Root:
    """A directory that is another system's root: links in it mean what they would mean there."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._real: dict[PurePosixPath, PurePosixPath] = {}

    def host(self, path: PurePosixPath) -> Path:
        """Return where the path lies on this machine; its links are not followed."""
        return self.path.joinpath(*path.parts[1:])

    def resolve(self, path: PurePosixPath) -> tuple[PurePosixPath, Entries]:
        """Return the path without links, and the links on the way; nothing need be at its end.

        Raises:
            DistilError: when links lead in a circle.
        """
        links: Entries = {}
        resolved = PurePosixPath("/")
        todo = list(reversed(path.parts[1:]))
        followed = 0
        while todo:
            part = todo.pop()
            if part == "..":
                resolved = resolved.parent
                continue
            candidate = resolved / part
            if not self.host(candidate).is_symlink():
                resolved = candidate
                continue
            target = str(self.host(candidate).readlink())
            links[candidate] = Link(target)
            followed += 1
            if followed > LINKS_LIMIT:
                raise DistilError(f"{path}: too many links, one after another")
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

    def exists(self, path: PurePosixPath) -> bool:
        """Say whether there is something at the path, links followed."""
        return self.host(self.real(path)).exists()

    def matches(self, pattern: str) -> list[PurePosixPath]:
        """Return what the pattern names, sorted.

        Raises:
            DistilError: when that is nothing.
        """
        if not pattern.startswith("/"):
            raise DistilError(f"{pattern} is not a path from the root\n  try   /{pattern}")
        fixed = _fixed_part(pattern)
        rest = PurePosixPath(pattern).relative_to(fixed)
        if not rest.parts:
            found = [fixed] if self.exists(fixed) else []
        else:
            top = self.host(self.real(fixed))
            found = [fixed / path.relative_to(top) for path in top.glob(str(rest))]
        if not found:
            raise DistilError(f"the base has no {pattern}\n  looked in   {self.path}")
        return sorted(found)


def _fixed_part(pattern: str) -> PurePosixPath:
    """Return the directories of a pattern before its first special character."""
    path = PurePosixPath(pattern)
    return next((each for each in (path, *path.parents) if not re.search(r"[*?\[]", str(each))), path)


class Patterns:
    """What is left out of trees."""

    def __init__(self, patterns: Iterable[str]) -> None:
        alternatives = "|".join(map(self._expression, patterns))
        self._expression_of_all = re.compile(f"(?:{alternatives})(?:/.*)?" if alternatives else r"(?!)")

    def match(self, path: PurePosixPath) -> bool:
        """Say whether the path, or a directory that it is in, matches one of the patterns."""
        return self._expression_of_all.fullmatch(str(path)) is not None

    @staticmethod
    def _expression(pattern: str) -> str:
        special = {"**": ".*", "*": "[^/]*", "?": "[^/]"}
        parts = re.findall(r"\*\*|\*|\?|\[[^]]+\]|[^*?\[]+", pattern.rstrip("/"))
        text = "".join(
            special.get(part) or (part if part.startswith("[") else re.escape(part)) for part in parts
        )
        return text if pattern.startswith("/") else f".*/{text}"


def read_patterns(file: Path) -> list[str]:
    """Return the patterns of a file, without comments and empty lines."""
    lines = (line.split("#")[0].strip() for line in file.read_text(encoding="utf-8").splitlines())
    return [line for line in lines if line]


def take(root: Root, path: PurePosixPath) -> Entries:
    """Return the file at the path and the links that lead to it; nothing when nothing is there."""
    real, entries = root.resolve(path)
    host = root.host(real)
    if host.is_file():
        entries[real] = File(host)
        return entries
    return entries if host.is_dir() else {}


def take_tree(root: Root, path: PurePosixPath, excluded: Patterns) -> Entries:
    """Return all files below the path, without what is excluded. A link is as good as what it points to."""
    real, entries = root.resolve(path)
    if root.host(real).is_file():
        return take(root, path)
    for directory, names, files in os.walk(root.host(real)):
        here = real / Path(directory).relative_to(root.host(real))
        names[:] = [name for name in names if not excluded.match(here / name)]
        for name in (*names, *files):
            child, host = here / name, Path(directory, name)
            if host.is_symlink():
                if not excluded.match(child) and not excluded.match(root.real(child)):
                    entries.update(take(root, child))
            elif host.is_file() and not excluded.match(child):
                entries[child] = File(host)
    return entries


# --- Shared libraries


@dataclass(frozen=True)
class Elf:
    """What the loader reads of a program or shared library. Names are those it is asked for by."""

    machine: int
    interpreter: str = ""
    needed: tuple[str, ...] = ()
    rpath: tuple[str, ...] = ()
    runpath: tuple[str, ...] = ()
    required: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """The versions that it requires of each library."""
    offered: frozenset[str] = frozenset()
    """The versions that it defines."""
    aligned: bool = True
    """Whether the kernel can map its segments."""


PT_LOAD, PT_DYNAMIC, PT_INTERP = 1, 2, 3
DT_NEEDED, DT_STRTAB, DT_STRSZ, DT_RPATH, DT_RUNPATH = 1, 5, 10, 15, 29
DT_VERDEF, DT_VERDEFNUM, DT_VERNEED, DT_VERNEEDNUM = 0x6FFFFFFC, 0x6FFFFFFD, 0x6FFFFFFE, 0x6FFFFFFF
SHT_DYNSYM = 11
_SEGMENT = struct.Struct("<IIQQQQQQ")
_SECTION = struct.Struct("<IIQQQQIIQQ")
_SYMBOL = struct.Struct("<IBBHQQ")
_DYNAMIC = struct.Struct("<qQ")


@functools.cache
def read_elf(path: Path) -> Elf | None:
    """Return what the loader reads of a file; None when it is no 64-bit little-endian ELF file.

    Raises:
        DistilError: when it says of itself what cannot be.
    """
    with path.open("rb") as file:
        header = file.read(64)
        if len(header) < 64 or header[:6] != b"\x7fELF\x02\x01":
            return None
        try:
            return _read_elf(file, header)
        except (struct.error, ValueError, IndexError):
            raise DistilError(f"{path} is a damaged ELF file") from None


def read_symbols(path: Path) -> tuple[frozenset[str], frozenset[str]]:
    """Return the names that a shared library takes from others, and those that it offers them."""
    undefined: set[str] = set()
    defined: set[str] = set()
    with path.open("rb") as file:
        header = file.read(64)
        file.seek(int.from_bytes(header[40:48], "little"))
        count = int.from_bytes(header[60:62], "little")
        sections = list(_SECTION.iter_unpack(file.read(count * _SECTION.size)))
        for _, kind, _, _, offset, size, link, *_ in sections:
            if kind == SHT_DYNSYM:
                file.seek(sections[link][4])
                strings = file.read(sections[link][5])
                file.seek(offset)
                for name, _, _, index, _, _ in _SYMBOL.iter_unpack(file.read(size)):
                    text = strings[name : strings.index(b"\0", name)].decode()
                    (defined if index else undefined).add(text)
    return frozenset(undefined - {""}), frozenset(defined - {""})


def _read_elf(file: BinaryIO, header: bytes) -> Elf:
    def at(offset: int, size: int) -> bytes:
        file.seek(offset)
        found = file.read(size)
        if len(found) < size:
            raise ValueError("an offset beyond the end")
        return found

    machine = int.from_bytes(header[18:20], "little")
    segments_at = int.from_bytes(header[32:40], "little")
    segments_count = int.from_bytes(header[56:58], "little")
    segments = list(_SEGMENT.iter_unpack(at(segments_at, segments_count * _SEGMENT.size)))
    loads = [segment for segment in segments if segment[0] == PT_LOAD]

    def offset_of(address: int) -> int:
        for _, _, offset, start, _, size, _, _ in loads:
            if start <= address < start + size:
                return int(address - start + offset)
        raise ValueError("an address outside of all segments")

    interpreter, dynamic = "", {}
    needed_at: list[int] = []
    for kind, _, offset, _, _, size, _, _ in segments:
        if kind == PT_INTERP:
            interpreter = at(offset, size).rstrip(b"\0").decode()
        elif kind == PT_DYNAMIC:
            for tag, value in _DYNAMIC.iter_unpack(at(offset, size - size % _DYNAMIC.size)):
                if tag == 0:
                    break
                if tag == DT_NEEDED:
                    needed_at.append(value)
                dynamic[tag] = value
    if DT_STRTAB not in dynamic:
        return Elf(machine, interpreter)
    strings = at(offset_of(dynamic[DT_STRTAB]), dynamic[DT_STRSZ])

    def text(offset: int) -> str:
        return strings[offset : strings.index(b"\0", offset)].decode()

    def paths(tag: int) -> tuple[str, ...]:
        return tuple(filter(None, text(dynamic[tag]).split(":"))) if tag in dynamic else ()

    required: dict[str, frozenset[str]] = {}
    position = offset_of(dynamic[DT_VERNEED]) if DT_VERNEED in dynamic else 0
    for _ in range(dynamic.get(DT_VERNEEDNUM, 0)):
        _, count, name, first, following = struct.unpack("<HHIII", at(position, 16))
        versions, version_at = set(), position + first
        for _ in range(count):
            _, _, _, version, step = struct.unpack("<IHHII", at(version_at, 16))
            versions.add(text(version))
            version_at += step
        required[text(name)] = frozenset(versions)
        position += following
    offered = set()
    position = offset_of(dynamic[DT_VERDEF]) if DT_VERDEF in dynamic else 0
    for _ in range(dynamic.get(DT_VERDEFNUM, 0)):
        first, following = struct.unpack_from("<II", at(position, 20), 12)
        offered.add(text(int.from_bytes(at(position + first, 4), "little")))
        position += following
    return Elf(
        machine=machine,
        interpreter=interpreter,
        needed=tuple(map(text, needed_at)),
        rpath=paths(DT_RPATH),
        runpath=paths(DT_RUNPATH),
        required=required,
        offered=frozenset(offered),
        aligned=all(
            (offset - address) % max(align, 1) == 0 for _, _, offset, address, _, _, _, align in loads
        ),
    )


@dataclass(frozen=True)
class Loaded:
    """An ELF file, and those through which it came to be loaded, the nearest first."""

    path: PurePosixPath
    elf: Elf
    by: tuple["Loaded", ...] = ()


class Loader:
    """Finds libraries as the base's own loader would, which is named by every program."""

    def __init__(self, root: Root, interpreter: PurePosixPath) -> None:
        self._root = root
        self.interpreter = interpreter
        self.home = root.real(interpreter).parent
        """Where the loader itself lies: searched by default."""

    @staticmethod
    def of(root: Root, interpreter: str) -> "Loader":
        """Return the loader for a program's interpreter: glibc's or musl's."""
        path = PurePosixPath(interpreter)
        kind = Musl if path.name.startswith("ld-musl-") else Glibc
        return kind(root, path)

    def find(self, name: str, loaded: Loaded) -> PurePosixPath | None:
        """Return where the loader finds a library that a file needs, links not followed; None if nowhere."""
        if "/" in name:
            candidates = [PurePosixPath(name)]
        else:
            directories = [*self._own_directories(loaded), *self.directories()]
            candidates = [directory / name for directory in directories]
        return next((path for path in candidates if self._is_of_machine(path, loaded.elf.machine)), None)

    def directories(self) -> list[PurePosixPath]:
        """Return the directories that are searched for every program."""
        raise NotImplementedError

    def link_for(self, path: PurePosixPath) -> PurePosixPath | None:
        """Return where a link to a library must be if it is to be found without the loader's cache."""
        raise NotImplementedError

    def _own_directories(self, loaded: Loaded) -> Iterator[PurePosixPath]:
        raise NotImplementedError

    def _expand(self, loaded: Loaded, paths: Iterable[str]) -> Iterator[PurePosixPath]:
        origin = str(self._root.real(loaded.path).parent)
        for path in paths:
            yield PurePosixPath(re.sub(r"\$ORIGIN\b|\$\{ORIGIN\}", lambda _: origin, path))

    def _is_of_machine(self, path: PurePosixPath, machine: int) -> bool:
        host = self._root.host(self._root.real(path))
        elf = read_elf(host) if host.is_file() else None
        return elf is not None and elf.machine == machine


class Glibc(Loader):
    """RUNPATH holds for the file itself, RPATH for what it loads too; ld.so.conf goes before the defaults."""

    def _own_directories(self, loaded: Loaded) -> Iterator[PurePosixPath]:
        if loaded.elf.runpath:
            yield from self._expand(loaded, loaded.elf.runpath)
            return
        for each in (loaded, *loaded.by):
            if not each.elf.runpath:
                yield from self._expand(each, each.elf.rpath)

    def directories(self) -> list[PurePosixPath]:
        return [*self._configured, *self._defaults()]

    def link_for(self, path: PurePosixPath) -> PurePosixPath | None:
        directory = self._root.real(path.parent)
        if directory in map(self._root.real, self._defaults()):
            return None
        return self.home / path.name if directory in map(self._root.real, self._configured) else None

    def _defaults(self) -> tuple[PurePosixPath, ...]:
        return (self.home, *map(PurePosixPath, ("/lib64", "/usr/lib64", "/lib", "/usr/lib")))

    @functools.cached_property
    def _configured(self) -> tuple[PurePosixPath, ...]:
        """The directories that ld.so.conf names."""
        return tuple(self._read_configuration(PurePosixPath("/etc/ld.so.conf")))

    def _read_configuration(self, file: PurePosixPath) -> Iterator[PurePosixPath]:
        host = self._root.host(self._root.real(file))
        if not host.is_file():
            return
        for line in read_patterns(host):
            if line.startswith("include "):
                pattern = file.parent / line.removeprefix("include ").strip()
                try:
                    included = self._root.matches(str(pattern))
                except DistilError:
                    continue
                for each in included:
                    yield from self._read_configuration(each)
            elif line.startswith("/"):
                yield PurePosixPath(line)


class Musl(Loader):
    """Either kind of path holds for what a file loads too; there is no cache."""

    def find(self, name: str, loaded: Loaded) -> PurePosixPath | None:
        # The loader is the C library as well, whatever name a part of that is asked for by.
        if re.match(r"lib(c|pthread|rt|m|dl|util|xnet)\.", name):
            return self.interpreter
        return super().find(name, loaded)

    def directories(self) -> list[PurePosixPath]:
        machine = self.interpreter.name.removeprefix("ld-musl-").removesuffix(".so.1")
        host = self._root.host(self._root.real(PurePosixPath(f"/etc/ld-musl-{machine}.path")))
        listed = host.read_text(encoding="utf-8") if host.is_file() else "/lib:/usr/local/lib:/usr/lib"
        return [PurePosixPath(each) for each in re.split(r"[:\n]", listed) if each]

    def link_for(self, path: PurePosixPath) -> PurePosixPath | None:  # noqa: ARG002 - it has no cache
        return None

    def _own_directories(self, loaded: Loaded) -> Iterator[PurePosixPath]:
        for each in (loaded, *loaded.by):
            yield from self._expand(each, each.elf.runpath or each.elf.rpath)


@dataclass
class Closure:
    """Files with all libraries that they need."""

    entries: Entries
    elves: dict[PurePosixPath, Elf]
    loader: Loader | None = None


def close(
    root: Root, entries: Entries, programs: Collection[PurePosixPath], replaced: Mapping[PurePosixPath, Link]
) -> Closure:
    """Return the entries and the libraries that the programs and shared objects among them need.

    Args:
        root: where all of it is.
        entries: what is wanted.
        programs: which of the entries are programs.
        replaced: libraries for which there will be links.

    Raises:
        DistilError: with every library that is needed and nowhere to be found.
    """
    closure = Closure({**entries, **replaced}, {})
    real_programs = {root.real(program) for program in programs}
    # Programs first: they say which loader, and which machine, all the rest is for.
    todo = sorted((path for path, entry in closure.entries.items() if isinstance(entry, File)), reverse=True)
    todo.sort(key=lambda path: path in real_programs)
    pending: list[Loaded] = []
    missing: list[str] = []
    machine: int | None = None
    while todo or pending:
        if pending:
            loaded = pending.pop()
        else:
            path = todo.pop()
            elf = read_elf(root.host(path))
            if elf is None or path in closure.elves:
                continue
            loaded = Loaded(path, elf)
        machine = machine or loaded.elf.machine
        if loaded.elf.machine != machine or loaded.path in closure.elves:
            continue
        closure.elves[loaded.path] = loaded.elf
        if loaded.elf.interpreter and closure.loader is None:
            closure.loader = Loader.of(root, loaded.elf.interpreter)
            closure.entries.update(take(root, closure.loader.interpreter))
        for name in loaded.elf.needed:
            loader = closure.loader
            found = loader.find(name, loaded) if loader else None
            if loader is None or found is None:
                missing.append(f"{loaded.path} needs {name}")
                continue
            if substitute := replaced.get(root.real(found)):
                found = PurePosixPath(substitute.target)
            closure.entries.update(take(root, found))
            if link := loader.link_for(found):
                closure.entries.setdefault(link, Link(str(found)))
            real = root.real(found)
            elf = read_elf(root.host(real))
            if elf is not None and real not in closure.elves:
                pending.append(Loaded(real, elf, (loaded, *loaded.by)))
    if missing:
        raise DistilError(
            "libraries are needed and not there:\n  "
            + "\n  ".join(sorted(missing))
            + "\n  try   install them in the base, or --exclude the files that need them"
        )
    return closure


def duplicates(root: Root, closure: Closure) -> dict[PurePosixPath, Link]:
    """Return links for the libraries that a wheel bundles although the base's own are taken as well.

    auditwheel puts a hash into a bundled library's name (libssl-0a1b2c3d.so.3). The base's serves as well
    when it has every symbol and every version that the rest takes from the bundled one, which stays if not.
    """
    loader = closure.loader
    links: dict[PurePosixPath, Link] = {}
    candidates: dict[PurePosixPath, tuple[PurePosixPath, Elf]] = {}
    for path, elf in sorted(closure.elves.items()):
        match = re.fullmatch(r"(lib.+)-[0-9a-f]{8,}(\.so[.0-9]*)", path.name)
        if match and path.parent.name.endswith(".libs") and loader:
            base = loader.find("".join(match.groups()), Loaded(path, Elf(elf.machine)))
            own = closure.elves.get(root.real(base)) if base else None
            if base and own:
                candidates[path] = base, own
    # What a bundled library takes from another counts no longer once it is a link itself: libssl, libcrypto.
    for _ in range(len(candidates)):
        for path, (base, own) in candidates.items():
            dependents = {
                other: elf
                for other, elf in closure.elves.items()
                if other not in links and path.name in elf.needed
            }
            versions = {each for elf in dependents.values() for each in elf.required.get(path.name, ())}
            if versions <= own.offered:
                _, bundled = read_symbols(root.host(path))
                _, offered = read_symbols(root.host(root.real(base)))
                wanted = {each for other in dependents for each in read_symbols(root.host(other))[0]}
                if wanted & bundled <= offered:
                    links[path] = Link(str(base))
    return links


# --- The package database


class Dpkg:
    """Debian's database; what is kept of it has the form that distroless images introduced."""

    STATUS = PurePosixPath("/var/lib/dpkg/status")
    INFO = PurePosixPath("/var/lib/dpkg/info")
    OUTPUT = PurePosixPath("/var/lib/dpkg/status.d")

    def __init__(self, root: Root) -> None:
        self._root = root
        self._paragraphs: dict[str, str] = {}
        text = root.host(self.STATUS).read_text(encoding="utf-8")
        for paragraph in filter(None, re.split(r"\n\n+", text.strip())):
            name = re.search(r"(?m)^Package: (.+)$", paragraph)
            if name:
                self._paragraphs[name[1]] = f"{paragraph}\n"

    @staticmethod
    def is_in(root: Root) -> bool:
        return root.host(Dpkg.STATUS).is_file()

    def owned(self) -> dict[PurePosixPath, str]:
        """Return the package of each file, by the file's path without links."""
        owners = {}
        parents: dict[str, PurePosixPath] = {}
        for listing in sorted(self._root.host(self.INFO).glob("*.list")):
            package = listing.stem.split(":")[0]
            for line in listing.read_text(encoding="utf-8").splitlines():
                parent, _, name = line.rpartition("/")
                if parent not in parents:
                    parents[parent] = self._root.real(PurePosixPath(parent or "/"))
                owners[parents[parent] / name] = package
        return owners

    def licences(self, packages: Collection[str]) -> Entries:
        """Return the packages' copyright files, and the common licences that these refer to."""
        entries: Entries = {}
        for package in packages:
            entries.update(take(self._root, PurePosixPath(f"/usr/share/doc/{package}/copyright")))
        texts = [
            entry.source.read_text("utf-8", "replace")
            for entry in entries.values()
            if isinstance(entry, File)
        ]
        for name in {
            name.rstrip(".") for text in texts for name in re.findall(r"/common-licenses/([\w.+-]+)", text)
        }:
            entries.update(take(self._root, PurePosixPath(f"/usr/share/common-licenses/{name}")))
        return entries

    def entries(self, packages: Collection[str], kept: Collection[PurePosixPath]) -> Entries:
        """Return the database's files for these packages: what they are, and the sums of the files kept."""
        entries: Entries = {}
        for package in sorted(set(packages) & set(self._paragraphs)):
            entries[self.OUTPUT / package] = Text(self._paragraphs[package])
            lines = []
            for sums in sorted(self._root.host(self.INFO).glob(f"{package}*.md5sums")):
                if sums.stem.split(":")[0] != package:
                    continue
                for line in sums.read_text(encoding="utf-8").splitlines():
                    path = PurePosixPath("/") / line.partition("  ")[2]
                    if self._root.real(path.parent) / path.name in kept:
                        lines.append(f"{line}\n")
            entries[self.OUTPUT / f"{package}.md5sums"] = Text("".join(lines))
        return entries


class Apk:
    """Alpine's database; what is kept of it are the blocks of packages, each with the files taken."""

    PATHS = (PurePosixPath("/lib/apk/db/installed"), PurePosixPath("/usr/lib/apk/db/installed"))

    def __init__(self, root: Root) -> None:
        self._root = root
        self._path = next(path for path in self.PATHS if root.exists(path))
        text = root.host(root.real(self._path)).read_text(encoding="utf-8")
        self._blocks = [block.splitlines() for block in text.strip().split("\n\n")]

    @staticmethod
    def is_in(root: Root) -> bool:
        return any(root.exists(path) for path in Apk.PATHS)

    def owned(self) -> dict[PurePosixPath, str]:
        """Return the package of each file, by the file's path without links."""
        owners = {}
        for block in self._blocks:
            package = next(line[2:] for line in block if line.startswith("P:"))
            owners.update(dict.fromkeys((path for path, _ in self._files(block) if path), package))
        return owners

    def licences(self, packages: Collection[str]) -> Entries:
        """Return the packages' licences, where there are any; most only have a name, in the database."""
        entries: Entries = {}
        for package in packages:
            entries.update(
                take_tree(self._root, PurePosixPath(f"/usr/share/licenses/{package}"), Patterns(()))
            )
        return entries

    def entries(self, packages: Collection[str], kept: Collection[PurePosixPath]) -> Entries:
        """Return the database, with only these packages and of their files only those kept."""
        blocks = []
        for block in self._blocks:
            if next(line[2:] for line in block if line.startswith("P:")) in packages:
                lines: list[str] = []
                directory: list[str] = []
                for path, group in self._files(block):
                    if group[0].startswith("F:"):
                        directory = group
                    elif path is None:
                        lines += group
                    elif path in kept:
                        lines += directory + group
                        directory = []
                blocks.append("".join(f"{line}\n" for line in lines))
        _, links = self._root.resolve(self._path.parent)
        return {**links, self._root.real(self._path): Text("\n".join(blocks))}

    def _files(self, block: Sequence[str]) -> Iterator[tuple[PurePosixPath | None, list[str]]]:
        """Yield the block in pieces: what is said of the package, of each directory, of each file."""
        directory = PurePosixPath("/")
        files: list[tuple[PurePosixPath | None, list[str]]] = []
        for line in block:
            key, value = line[:2], line[2:]
            if key == "F:":
                directory = self._root.real(PurePosixPath("/") / value)
                files.append((None, [line]))
            elif key == "R:":
                files.append((directory / value, [line]))
            elif files:
                files[-1][1].append(line)
            else:
                files.append((None, [line]))
        yield from files


def with_packages(root: Root, entries: Entries) -> tuple[Entries, frozenset[PurePosixPath], int]:
    """Add what the package database says of the entries.

    Returns:
        The entries with the database's; those that a package owns; the number of packages.
    """
    kind = next((kind for kind in (Dpkg, Apk) if kind.is_in(root)), None)
    if kind is None:
        return entries, frozenset(), 0
    database = kind(root)
    owners = database.owned()
    packages = {owners[path] for path in entries if path in owners}
    if CERTIFICATES in entries:
        # Debian makes this file when the package is installed, so it stands in no list.
        packages |= {"ca-certificates"} & set(owners.values())
    licensed = {**entries, **database.licences(packages)}
    packages |= {owners[path] for path in licensed if path in owners}
    complete = {**licensed, **database.entries(packages, licensed.keys())}
    return complete, frozenset(path for path in licensed if path in owners), len(packages)


# --- The output


@dataclass(frozen=True)
class User:
    """Whom the image runs as."""

    name: str
    group: str
    uid: int
    gid: int

    def entries(self) -> Entries:
        """Return the files that give the user and root their names."""
        nobody = "/nonexistent:/sbin/nologin"
        return {
            PurePosixPath("/etc/passwd"): Text(
                f"root:x:0:0:root:/root:/sbin/nologin\n{self.name}:x:{self.uid}:{self.gid}:{self.name}:{nobody}\n"
            ),
            PurePosixPath("/etc/group"): Text(f"root:x:0:\n{self.group}:x:{self.gid}:\n"),
        }


class Output:
    """Where the entries go, part of them perhaps to layers of their own."""

    def __init__(self, path: Path, layers: Mapping[PurePosixPath, Path], root: Root) -> None:
        self._path = path
        self._layers = layers
        self._root = root

    def write(self, entries: Entries, stripped: Collection[PurePosixPath]) -> int:
        """Write the entries, those to be stripped without their symbols. Returns the number of bytes."""
        for path in sorted(entries):
            target = self._place(path)
            match entries[path]:
                case Link(pointed):
                    target.unlink(missing_ok=True)
                    target.symlink_to(pointed)
                case Text(content):
                    target.write_text(content, encoding="utf-8")
                    target.chmod(0o644)
                case File(source):
                    shutil.copyfile(source, target)
                    target.chmod(source.stat().st_mode & 0o777)
                    if path in stripped:
                        strip(target)
        for top in (self._path, *self._layers.values()):
            for directory, names, files in os.walk(top):
                for name in (*names, *files):
                    os.utime(Path(directory) / name, (TIME_S, TIME_S), follow_symlinks=False)
                os.utime(directory, (TIME_S, TIME_S))
        return sum(
            self._host(path).lstat().st_size for path in entries if not isinstance(entries[path], Link)
        )

    def directory(self, path: PurePosixPath, uid: int, gid: int) -> None:
        """Make a directory that belongs to somebody."""
        target = self._place(path)
        target.mkdir(exist_ok=True)
        target.chmod(0o755)
        os.chown(target, uid, gid)

    def _host(self, path: PurePosixPath) -> Path:
        tops = [above for above in self._layers if above in (path, *path.parents)]
        top = self._layers[max(tops, key=lambda above: len(above.parts))] if tops else self._path
        return top / path.relative_to("/")

    def _place(self, path: PurePosixPath) -> Path:
        """Return where to write, with the directories above it made."""
        target = self._host(path)
        _make_directories(target.parent)
        return target


def _make_directories(path: Path) -> None:
    """Make the directory and those above it, whatever this process's umask."""
    if not path.exists():
        _make_directories(path.parent)
        path.mkdir()
        path.chmod(0o755)


def strip(path: Path) -> None:
    """Remove the symbols of an ELF file that only debuggers need.

    Old versions of strip break some files that patchelf has touched; such a file stays as it was.

    Raises:
        DistilError: when strip is missing or fails.
    """
    smaller = path.with_name(f"{path.name}.stripped")
    try:
        subprocess.run(
            ["strip", "--strip-unneeded", "-o", smaller, path], check=True, capture_output=True, text=True
        )
    except FileNotFoundError:
        raise DistilError("there is no strip\n  try   apt-get install binutils") from None
    except subprocess.CalledProcessError as error:
        raise DistilError(f"{path} cannot be stripped\n  why   {error.stderr.strip()}") from None
    before, after = read_elf(path), read_elf(smaller)
    if before == after and after is not None and after.aligned:
        smaller.chmod(path.stat().st_mode)
        smaller.replace(path)
    else:
        smaller.unlink()


def distil(options: argparse.Namespace) -> str:
    """Do what the command line says; return a sentence about it.

    Raises:
        DistilError: when something that is asked for is not there.
    """
    root = Root(options.root)
    patterns = [*options.exclude, *(line for file in options.exclude_from for line in read_patterns(file))]
    programs = [path for pattern in options.program for path in root.matches(pattern)]
    trees = [path for pattern in options.tree for path in root.matches(pattern)]
    layers = {}
    for option in options.layer:
        above, separator, directory = option.partition("=")
        if not separator:
            raise DistilError(f"--layer {option} has no directory\n  try   --layer {above}=/out/name")
        layers.update({root.real(path): Path(directory) for path in root.matches(above)})

    entries: Entries = {}
    for path in trees:
        entries.update(take_tree(root, path, Patterns(patterns)))
    for path in programs:
        entries.update(take(root, path))
    closure = close(root, entries, programs, {})
    linked = duplicates(root, closure) if options.link_duplicates else {}
    if linked:
        closure = close(root, entries, programs, linked)
    taken = closure.entries
    if options.certificates:
        if not root.exists(CERTIFICATES):
            raise DistilError(f"the base has no {CERTIFICATES}\n  try   install ca-certificates in the base")
        for path in (CERTIFICATES, *CERTIFICATE_LINKS):
            taken.update(take(root, path))
    packages = 0
    owned: frozenset[PurePosixPath] = frozenset()
    if taken:
        for path in RELEASES:
            taken.update(take(root, path))
        taken, owned, packages = with_packages(root, taken)
    if isinstance(closure.loader, Glibc):
        taken[PurePosixPath("/etc/nsswitch.conf")] = Text(NAME_SERVICES)
    if options.user:
        user = User(options.user, options.group or options.user, options.uid, options.gid)
        taken.update(user.entries())

    output = Output(options.output, layers, root)
    for directory in options.directory:
        output.directory(PurePosixPath(directory), options.uid, options.gid)
    stripped = closure.elves.keys() - owned if options.strip else set()
    size = output.write(taken, stripped)
    links = "".join(f"\n  {path} is a link to {link.target}" for path, link in linked.items())
    return f"{len(taken)} files, {size / 1e6:.1f} MB, from {packages} packages{links}"


def arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    """Return the command line, read."""
    parser = argparse.ArgumentParser(
        prog="distil.py", description="Assemble the root of a small image from a large one."
    )
    what = parser.add_argument_group("what is taken, each as often as needed")
    what.add_argument("--program", metavar="PATH", action="append", default=[], help="an executable")
    what.add_argument("--tree", metavar="PATH", action="append", default=[], help="a directory, or a file")
    what.add_argument(
        "--exclude",
        metavar="PATTERN",
        action="append",
        default=[],
        help="what is left out of the trees: /a/path from the root, or the end of a path (test/data); "
        "* stands for anything but a slash, ** for anything; a directory goes with all that is in it",
    )
    what.add_argument(
        "--exclude-from",
        metavar="FILE",
        action="append",
        type=Path,
        default=[],
        help="a file of such patterns, one a line; # begins a comment",
    )
    what.add_argument("--certificates", action="store_true", help="the CA certificates, as one file")
    how = parser.add_argument_group("how")
    how.add_argument("--root", metavar="DIR", type=Path, default=Path("/base"), help="default: %(default)s")
    how.add_argument("--output", metavar="DIR", type=Path, required=True)
    how.add_argument(
        "--layer",
        metavar="PATH=DIR",
        action="append",
        default=[],
        help="what is below PATH goes to DIR instead of the output, to become a layer of its own",
    )
    how.add_argument(
        "--strip", action="store_true", help="remove symbols from what no package of the base owns"
    )
    how.add_argument(
        "--link-duplicates",
        action="store_true",
        help="where a wheel bundles a library that is taken from the base too, link to the base's",
    )
    user = parser.add_argument_group("the user that the image runs as")
    user.add_argument(
        "--user", metavar="NAME", help="writes /etc/passwd and /etc/group, with root and this one"
    )
    user.add_argument("--group", metavar="NAME", help="default: the user's name")
    user.add_argument("--uid", metavar="N", type=int, default=1001, help="default: %(default)s")
    user.add_argument("--gid", metavar="N", type=int, default=1001, help="default: %(default)s")
    user.add_argument(
        "--directory", metavar="PATH", action="append", default=[], help="a directory that the user owns"
    )
    return parser.parse_args(words)


def main() -> int:
    """Run the command line; return the exit code."""
    try:
        sys.stdout.write(f"{distil(arguments())}\n")
    except DistilError as error:
        sys.stderr.write(f"distil: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
