"""Roots of systems that do not run here: files, links, and just enough ELF for a loader to read."""

import struct
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

X86_64, AARCH64 = 62, 183

T = TypeVar("T")


def make_root(path: Path, files: Mapping[str, str | bytes], links: Mapping[str, str] | None = None) -> Path:
    """Make a root with these files and links (path to target); return its path."""
    for name, target in (links or {}).items():
        link = path / name.lstrip("/")
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(target)
    for name, content in files.items():
        file = path / name.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def elf(
    *,
    interpreter: str = "",
    needs: Sequence[str] = (),
    rpath: str = "",
    runpath: str = "",
    requires: Mapping[str, Sequence[str]] | None = None,
    versions: Sequence[str] = (),
    takes: Sequence[str] = (),
    gives: Sequence[str] = (),
    machine: int = X86_64,
) -> bytes:
    """Return a 64-bit ELF file that says so of itself.

    Args:
        interpreter: the loader, for a program.
        needs: the libraries it is linked with.
        rpath, runpath: where it looks for them first.
        requires: the versions of symbols it requires, by library.
        versions: the versions that it defines.
        takes, gives: the names of symbols.
        machine: the processor.
    """
    strings = bytearray(b"\0")

    def string(text: str) -> int:
        position = len(strings)
        strings.extend(text.encode() + b"\0")
        return position

    dynamic = [(1, string(name)) for name in needs]
    dynamic += [(15, string(rpath))] if rpath else []
    dynamic += [(29, string(runpath))] if runpath else []
    symbols = bytes(24)
    for names, section in ((takes, 0), (gives, 1)):
        for name in names:
            symbols += struct.pack("<IBBHQQ", string(name), 0x12, 0, section, 0, 0)
    needed = b""
    for last, (library, wanted) in _with_last((requires or {}).items()):
        auxiliaries = b"".join(
            struct.pack("<IHHII", 0, 0, 2, string(version), 0 if end else 16)
            for end, version in _with_last(wanted)
        )
        step = 0 if last else 16 + len(auxiliaries)
        needed += struct.pack("<HHIII", 1, len(wanted), string(library), 16, step) + auxiliaries
    defined = b"".join(
        struct.pack("<HHHHIII", 1, 0, 2, 1, 0, 20, 0 if end else 28) + struct.pack("<II", string(version), 0)
        for end, version in _with_last(versions)
    )

    parts = [interpreter.encode() + b"\0", bytes(strings), symbols, needed, defined]
    offsets, position = [], 64 + 3 * 56
    for part in parts:
        offsets.append(position)
        position += len(part)
    interpreter_at, strings_at, symbols_at, needed_at, defined_at = offsets
    dynamic += [(5, strings_at), (10, len(strings))]
    dynamic += [(0x6FFFFFFE, needed_at), (0x6FFFFFFF, len(requires))] if requires else []
    dynamic += [(0x6FFFFFFC, defined_at), (0x6FFFFFFD, len(versions))] if versions else []
    table = b"".join(struct.pack("<qQ", *entry) for entry in [*dynamic, (0, 0)])
    sections_at = position + len(table)
    sections = bytes(64)
    for kind, start, size, link, count, entry in (
        (11, symbols_at, len(symbols), 2, 0, 24),
        (3, strings_at, len(strings), 0, 0, 0),
        *([(0x6FFFFFFE, needed_at, len(needed), 2, len(requires), 0)] if requires else []),
        *([(0x6FFFFFFD, defined_at, len(defined), 2, len(versions), 0)] if versions else []),
    ):
        sections += struct.pack("<IIQQQQIIQQ", 0, kind, 0, start, start, size, link, count, 8, entry)
    size = sections_at + len(sections)

    def segment(kind: int, start: int, length: int) -> bytes:
        return struct.pack("<IIQQQQQQ", kind, 4, start, start, start, length, length, 1)

    ident = b"\x7fELF\x02\x01\x01" + bytes(9)
    header = ident + struct.pack(
        "<HHIQQQIHHHHHH", 3, machine, 1, 0, 64, sections_at, 0, 64, 56, 3, 64, len(sections) // 64, 0
    )
    null = bytes(56)
    segments = segment(1, 0, size) + segment(2, position, len(table))
    segments += segment(3, interpreter_at, len(parts[0])) if interpreter else null
    return header + segments + b"".join(parts) + table + sections


def _with_last(items: Iterable[T]) -> list[tuple[bool, T]]:
    """Return the items, each with whether it is the last."""
    every = list(items)
    return [(index == len(every) - 1, item) for index, item in enumerate(every)]
