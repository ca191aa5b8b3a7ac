"""Facts that the dynamic loader reads of a program or a shared library."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from elftools.common.exceptions import ELFError
from elftools.elf.dynamic import DynamicSegment
from elftools.elf.elffile import ELFFile
from elftools.elf.gnuversions import GNUVerDefSection, GNUVerNeedSection
from elftools.elf.sections import SymbolTableSection
from elftools.elf.segments import InterpSegment

from distil.rootfs import DistilError


@dataclass(frozen=True)
class Elf:
    """A 64-bit little-endian ELF file."""

    machine: str
    interpreter: str = ""
    needed: tuple[str, ...] = ()
    rpath: tuple[str, ...] = ()
    runpath: tuple[str, ...] = ()
    required: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """The symbol versions that it requires of each library."""
    offered: frozenset[str] = frozenset()
    """The symbol versions that it defines."""
    aligned: bool = True
    """Whether the kernel can map its segments."""


@functools.cache
def read(path: Path) -> Elf | None:
    """Read a file; return None if it is not 64-bit little-endian ELF. Raises DistilError if it is damaged."""
    with path.open("rb") as file:
        header = file.read(64)
        if len(header) < 64 or header[:6] != b"\x7fELF\x02\x01":
            return None
        try:
            return _read(ELFFile(file))
        except (ELFError, AssertionError, ValueError, AttributeError):
            raise DistilError(f"{path} is a damaged ELF file") from None


def _read(file: ELFFile) -> Elf:
    interpreter = ""
    aligned = True
    names: dict[str, list[str]] = {"needed": [], "rpath": [], "runpath": []}
    for segment in file.iter_segments():
        if segment["p_type"] == "PT_LOAD":
            aligned &= (segment["p_offset"] - segment["p_vaddr"]) % max(segment["p_align"], 1) == 0
        elif isinstance(segment, InterpSegment):
            interpreter = segment.get_interp_name()
        elif isinstance(segment, DynamicSegment):
            for tag in segment.iter_tags():
                for name, found in names.items():
                    if tag.entry.d_tag == f"DT_{name.upper()}":
                        found.append(getattr(tag, name))
    required: dict[str, frozenset[str]] = {}
    offered: set[str] = set()
    for section in file.iter_sections():
        if isinstance(section, GNUVerNeedSection):
            for library, versions in section.iter_versions():
                required[library.name or ""] = frozenset(version.name for version in versions)
        elif isinstance(section, GNUVerDefSection):
            offered |= {next(iter(versions)).name for _, versions in section.iter_versions()}
    return Elf(
        machine=file["e_machine"],
        interpreter=interpreter,
        needed=tuple(names["needed"]),
        rpath=_paths(names["rpath"]),
        runpath=_paths(names["runpath"]),
        required=required,
        offered=frozenset(offered),
        aligned=aligned,
    )


def _paths(values: list[str]) -> tuple[str, ...]:
    return tuple(path for value in values for path in value.split(":") if path)


def read_symbols(path: Path) -> tuple[frozenset[str], frozenset[str]]:
    """Return the names that a shared library uses from others, and the names that it defines."""
    used: set[str] = set()
    defined: set[str] = set()
    with path.open("rb") as file:
        for section in ELFFile(file).iter_sections("SHT_DYNSYM"):
            if isinstance(section, SymbolTableSection):
                for symbol in section.iter_symbols():
                    (used if symbol["st_shndx"] == "SHN_UNDEF" else defined).add(symbol.name)
    return frozenset(used - {""}), frozenset(defined - {""})
