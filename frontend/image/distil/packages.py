"""The package databases of Debian and Alpine, reduced to the packages and files that the image has."""

import re
from collections.abc import Collection, Iterator, Sequence
from itertools import chain
from pathlib import PurePosixPath

from distil.rootfs import Entries, File, Patterns, Root, Text

CERTIFICATES = PurePosixPath("/etc/ssl/certs/ca-certificates.crt")


class Dpkg:
    """Debian's database, written in the form of the distroless images."""

    STATUS = PurePosixPath("/var/lib/dpkg/status")
    INFO = PurePosixPath("/var/lib/dpkg/info")
    OUTPUT = PurePosixPath("/var/lib/dpkg/status.d")

    def __init__(self, root: Root) -> None:
        self._root = root
        text = root.host(self.STATUS).read_text(encoding="utf-8")
        named = (
            (re.search(r"(?m)^Package: (.+)$", paragraph), paragraph)
            for paragraph in re.split(r"\n\n+", text.strip())
        )
        self._paragraphs = {name[1]: f"{paragraph}\n" for name, paragraph in named if name}

    def owners(self) -> dict[PurePosixPath, str]:
        """Return the package of each file, by the file's path without links."""
        owners = {}
        for listing in sorted(self._root.host(self.INFO).glob("*.list")):
            for line in listing.read_text(encoding="utf-8").splitlines():
                path = PurePosixPath(line)
                owners[self._root.real(path.parent) / path.name] = listing.stem.split(":")[0]
        return owners

    def licences(self, package: str) -> Entries:
        """Return the copyright file, and the common licences that it refers to."""
        entries = self._root.take(PurePosixPath(f"/usr/share/doc/{package}/copyright"))
        for file in [entry for entry in entries.values() if isinstance(entry, File)]:
            text = file.source.read_text("utf-8", "replace")
            for name in re.findall(r"/common-licenses/([\w.+-]+)", text):
                entries.update(self._root.take(PurePosixPath("/usr/share/common-licenses", name.rstrip("."))))
        return entries

    def entries(self, packages: Collection[str], kept: Collection[PurePosixPath]) -> Entries:
        """Return a paragraph and the checksums of the kept files for each package."""
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
    """Alpine's database: a block of lines for each package, with a group of lines for each file.

    Most packages only name their licence there, and have no licence file.
    """

    PATHS = (PurePosixPath("/lib/apk/db/installed"), PurePosixPath("/usr/lib/apk/db/installed"))

    def __init__(self, root: Root) -> None:
        self._root = root
        self._path = next(path for path in self.PATHS if root.real_host(path).exists())
        text = root.real_host(self._path).read_text(encoding="utf-8")
        blocks = [block.splitlines() for block in text.strip().split("\n\n")]
        self._blocks = {next(line[2:] for line in block if line.startswith("P:")): block for block in blocks}

    def owners(self) -> dict[PurePosixPath, str]:
        return {
            path: package
            for package, block in self._blocks.items()
            for path, _ in self._groups(block)
            if path
        }

    def licences(self, package: str) -> Entries:
        return self._root.take_tree(PurePosixPath(f"/usr/share/licenses/{package}"), Patterns())

    def entries(self, packages: Collection[str], kept: Collection[PurePosixPath]) -> Entries:
        blocks = []
        for package, block in self._blocks.items():
            lines: list[str] = []
            directory: list[str] = []
            for path, group in self._groups(block) if package in packages else ():
                if group[0].startswith("F:"):
                    directory = group
                elif path is None:
                    lines += group
                elif path in kept:
                    lines += directory + group
                    directory = []
            if lines:
                blocks.append("".join(f"{line}\n" for line in lines))
        _, links = self._root.resolve(self._path.parent)
        return {**links, self._root.real(self._path): Text("\n".join(blocks))}

    def _groups(self, block: Sequence[str]) -> Iterator[tuple[PurePosixPath | None, list[str]]]:
        """Yield the lines about the package, about each directory and, with its path, about each file."""
        directory = PurePosixPath("/")
        path: PurePosixPath | None = None
        group: list[str] = []
        for line in chain(block, ["F:"]):
            if line.startswith(("F:", "R:")) and group:
                yield path, group
                group = []
            if line.startswith("F:"):
                directory, path = self._root.real(PurePosixPath("/") / line[2:]), None
            elif line.startswith("R:"):
                path = directory / line[2:]
            group.append(line)


def with_packages(root: Root, entries: Entries) -> tuple[Entries, frozenset[PurePosixPath], int]:
    """Add the licences and the package database of the entries.

    Returns:
        The entries; the ones that a package owns; the number of packages.
    """
    database: Dpkg | Apk
    if root.host(Dpkg.STATUS).is_file():
        database = Dpkg(root)
    elif any(root.real_host(path).exists() for path in Apk.PATHS):
        database = Apk(root)
    else:
        return entries, frozenset(), 0
    owners = database.owners()
    packages = {owners[path] for path in entries if path in owners}
    if CERTIFICATES in entries:
        # Debian generates this file on installation, so no list contains it.
        packages |= {"ca-certificates"} & set(owners.values())
    complete = dict(entries)
    for package in packages:
        complete.update(database.licences(package))
    owned = frozenset(path for path in complete if path in owners)
    packages |= {owners[path] for path in owned}
    return {**complete, **database.entries(packages, complete.keys())}, owned, len(packages)
