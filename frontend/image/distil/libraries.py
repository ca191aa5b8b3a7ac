"""The shared libraries that programs load, found as the base's own loader finds them."""

import functools
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from distil import elf
from distil.elf import Elf
from distil.rootfs import DistilError, Entries, File, Link, Root, read_lines


@dataclass(frozen=True)
class Loaded:
    """An ELF file, and the files that caused it to be loaded, the nearest first."""

    path: PurePosixPath
    elf: Elf
    by: tuple["Loaded", ...] = ()


class Glibc:
    """glibc's loader: RUNPATH applies to the file itself, RPATH also to the libraries that it loads."""

    def __init__(self, root: Root, interpreter: PurePosixPath) -> None:
        self._root = root
        self.interpreter = interpreter

    def find(self, name: str, loaded: Loaded) -> PurePosixPath | None:
        """Return the path of a library that a file needs, links not followed; None if there is none."""
        directories = (*self._own_directories(loaded), *self.directories)
        candidates = [PurePosixPath(name)] if "/" in name else [path / name for path in directories]
        return next((path for path in candidates if self._is_of_machine(path, loaded.elf.machine)), None)

    @property
    def directories(self) -> tuple[PurePosixPath, ...]:
        """The directories that are searched for every program."""
        return (*self._configured, *self._defaults)

    def link_for(self, path: PurePosixPath) -> PurePosixPath | None:
        """Return where a library needs a link to be found without the loader's cache, None if nowhere."""
        directory = self._root.real(path.parent)
        if directory in map(self._root.real, self._defaults):
            return None
        configured = directory in map(self._root.real, self._configured)
        return self._defaults[0] / path.name if configured else None

    def _own_directories(self, loaded: Loaded) -> Iterator[PurePosixPath]:
        if loaded.elf.runpath:
            yield from self._expand(loaded, loaded.elf.runpath)
            return
        for file in (loaded, *loaded.by):
            if not file.elf.runpath:
                yield from self._expand(file, file.elf.rpath)

    def _expand(self, loaded: Loaded, paths: Iterable[str]) -> Iterator[PurePosixPath]:
        origin = str(self._root.real(loaded.path).parent)
        for path in paths:
            yield PurePosixPath(re.sub(r"\$ORIGIN\b|\$\{ORIGIN\}", lambda _: origin, path))

    def _is_of_machine(self, path: PurePosixPath, machine: str) -> bool:
        host = self._root.real_host(path)
        found = elf.read(host) if host.is_file() else None
        return found is not None and found.machine == machine

    @functools.cached_property
    def _defaults(self) -> tuple[PurePosixPath, ...]:
        """The loader's own directory first."""
        own = self._root.real(self.interpreter).parent
        return (own, *map(PurePosixPath, ("/lib64", "/usr/lib64", "/lib", "/usr/lib")))

    @functools.cached_property
    def _configured(self) -> tuple[PurePosixPath, ...]:
        return tuple(self._read_configuration(PurePosixPath("/etc/ld.so.conf")))

    def _read_configuration(self, file: PurePosixPath) -> Iterator[PurePosixPath]:
        host = self._root.real_host(file)
        for line in read_lines(host) if host.is_file() else ():
            if line.startswith("include "):
                pattern = file.parent / line.removeprefix("include ").strip()
                try:
                    included = self._root.matches(str(pattern))
                except DistilError:
                    continue
                for path in included:
                    yield from self._read_configuration(path)
            elif line.startswith("/"):
                yield PurePosixPath(line)


class Musl(Glibc):
    """musl's loader: both kinds of path apply also to the libraries that a file loads; there is no cache."""

    def find(self, name: str, loaded: Loaded) -> PurePosixPath | None:
        # The loader is the C library as well.
        if re.match(r"lib(c|pthread|rt|m|dl|util|xnet)\.", name):
            return self.interpreter
        return super().find(name, loaded)

    @property
    def directories(self) -> tuple[PurePosixPath, ...]:
        machine = self.interpreter.name.removeprefix("ld-musl-").removesuffix(".so.1")
        host = self._root.real_host(PurePosixPath(f"/etc/ld-musl-{machine}.path"))
        listed = host.read_text(encoding="utf-8") if host.is_file() else "/lib:/usr/local/lib:/usr/lib"
        return tuple(PurePosixPath(path) for path in re.split(r"[:\n]", listed) if path)

    def link_for(self, path: PurePosixPath) -> PurePosixPath | None:  # noqa: ARG002 - this loader finds all without links
        return None

    def _own_directories(self, loaded: Loaded) -> Iterator[PurePosixPath]:
        for file in (loaded, *loaded.by):
            yield from self._expand(file, file.elf.runpath or file.elf.rpath)


@dataclass
class Closure:
    """Files with all libraries that they need."""

    entries: Entries
    elves: dict[PurePosixPath, Elf] = field(default_factory=dict)
    loader: Glibc | None = None


def close(
    root: Root, entries: Entries, programs: Collection[PurePosixPath], replaced: Mapping[PurePosixPath, Link]
) -> Closure:
    """Return the entries with the libraries that they need.

    Args:
        root: the base.
        entries: the files to start with.
        programs: the entries that are programs.
        replaced: libraries that become links.

    Raises:
        DistilError: with every library that is missing.
    """
    closure = Closure({**entries, **replaced})
    real_programs = {root.real(program) for program in programs}
    # Programs first: they determine the loader and the machine.
    todo = sorted((path for path, entry in closure.entries.items() if isinstance(entry, File)), reverse=True)
    todo.sort(key=lambda path: path in real_programs)
    pending: list[Loaded] = []
    missing: list[str] = []
    machine = ""
    while todo or pending:
        if pending:
            loaded = pending.pop()
        else:
            path = todo.pop()
            read = elf.read(root.host(path))
            if read is None:
                continue
            loaded = Loaded(path, read)
        machine = machine or loaded.elf.machine
        if loaded.elf.machine != machine or loaded.path in closure.elves:
            continue
        closure.elves[loaded.path] = loaded.elf
        if loaded.elf.interpreter and closure.loader is None:
            interpreter = PurePosixPath(loaded.elf.interpreter)
            kind = Musl if interpreter.name.startswith("ld-musl-") else Glibc
            closure.loader = kind(root, interpreter)
            closure.entries.update(root.take(interpreter))
        for name in loaded.elf.needed:
            loader = closure.loader
            found = loader.find(name, loaded) if loader else None
            if loader is None or found is None:
                missing.append(f"{loaded.path} needs {name}")
                continue
            if substitute := replaced.get(root.real(found)):
                found = PurePosixPath(substitute.target)
            closure.entries.update(root.take(found))
            if link := loader.link_for(found):
                closure.entries.setdefault(link, Link(str(found)))
            real = root.real(found)
            read = elf.read(root.host(real))
            if read is not None and real not in closure.elves:
                pending.append(Loaded(real, read, (loaded, *loaded.by)))
    if missing:
        raise DistilError(
            "libraries are missing:\n  "
            + "\n  ".join(sorted(missing))
            + "\n  try   install them in the base, or --exclude the files that need them"
        )
    return closure


def duplicates(root: Root, closure: Closure) -> dict[PurePosixPath, Link]:
    """Return links to the base's library for each library that a wheel bundles as well.

    auditwheel adds a hash to the name of a bundled library (libssl-0a1b2c3d.so.3). The base's library
    replaces it if it has every symbol and every version that the other files use of the bundled one.
    """
    links: dict[PurePosixPath, Link] = {}
    candidates: dict[PurePosixPath, tuple[PurePosixPath, Elf]] = {}
    for path, read in sorted(closure.elves.items()):
        match = re.fullmatch(r"(lib.+)-[0-9a-f]{8,}(\.so[.0-9]*)", path.name)
        if match and path.parent.name.endswith(".libs") and closure.loader:
            base = closure.loader.find("".join(match.groups()), Loaded(path, Elf(read.machine)))
            own = closure.elves.get(root.real(base)) if base else None
            if base and own:
                candidates[path] = base, own
    # Once libssl is a link, what it used of libcrypto no longer counts: look again.
    for _ in candidates:
        for path, (base, own) in candidates.items():
            users = {
                other: read
                for other, read in closure.elves.items()
                if other not in links and path.name in read.needed
            }
            versions = {version for read in users.values() for version in read.required.get(path.name, ())}
            if versions <= own.offered:
                _, bundled = elf.read_symbols(root.host(path))
                _, offered = elf.read_symbols(root.real_host(base))
                used = {name for other in users for name in elf.read_symbols(root.host(other))[0]}
                if used & bundled <= offered:
                    links[path] = Link(str(base))
    return links
