"""The command line of the distiller."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from distil.libraries import Musl, close, duplicates
from distil.output import Output, accounts
from distil.packages import CERTIFICATES, with_packages
from distil.rootfs import DistilError, Entries, Patterns, Root, Text, read_lines

# OpenSSL's default certificate file, on Debian and on Alpine.
CERTIFICATE_LINKS = (PurePosixPath("/usr/lib/ssl/cert.pem"), PurePosixPath("/etc/ssl/cert.pem"))
# Scanners choose the distribution's advisories by these files.
RELEASES = tuple(map(PurePosixPath, ("/etc/os-release", "/etc/debian_version", "/etc/alpine-release")))
NAME_SERVICES = "passwd: files\ngroup: files\nhosts: files dns\n"


def distil(options: argparse.Namespace) -> str:
    """Write the output and return a summary. Raises DistilError if the base lacks something."""
    root = Root(options.root)
    patterns = Patterns(
        [*options.exclude, *(line for file in options.exclude_from for line in read_lines(file))]
    )
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
        entries.update(root.take_tree(path, patterns))
    for path in programs:
        entries.update(root.take(path))
    closure = close(root, entries, programs, {})
    linked = duplicates(root, closure) if options.link_duplicates else {}
    if linked:
        closure = close(root, entries, programs, linked)
    taken = closure.entries
    if options.certificates:
        if not root.real_host(CERTIFICATES).exists():
            raise DistilError(f"the base has no {CERTIFICATES}\n  try   install ca-certificates in the base")
        for path in (CERTIFICATES, *CERTIFICATE_LINKS):
            taken.update(root.take(path))
    owned: frozenset[PurePosixPath] = frozenset()
    packages = 0
    if taken:
        for path in RELEASES:
            taken.update(root.take(path))
        taken, owned, packages = with_packages(root, taken)
    if closure.loader and not isinstance(closure.loader, Musl):
        taken[PurePosixPath("/etc/nsswitch.conf")] = Text(NAME_SERVICES)
    if options.user:
        taken.update(accounts(options.user, options.group or options.user, options.uid, options.gid))

    output = Output(options.output, layers)
    for directory in options.directory:
        output.directory(PurePosixPath(directory), options.uid, options.gid)
    size = output.write(taken, closure.elves.keys() - owned if options.strip else ())
    links = "".join(f"\n  {path} is a link to {link.target}" for path, link in linked.items())
    return f"{len(taken)} files, {size / 1e6:.1f} MB, from {packages} packages{links}"


def arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        prog="distil", description="Assemble the root file system of a small image from a large one."
    )

    def repeated(flag: str, metavar: str, text: str, kind: type = str) -> None:
        parser.add_argument(flag, metavar=metavar, action="append", type=kind, default=[], help=text)

    def switch(flag: str, text: str) -> None:
        parser.add_argument(flag, action="store_true", help=text)

    repeated("--program", "PATH", "copy an executable")
    repeated("--tree", "PATH", "copy a directory or a file")
    repeated(
        "--exclude",
        "PATTERN",
        "leave out of trees: /a/path from the root, or the end of a path (test/data); "
        "* matches anything but a slash, ** anything; a directory includes its content",
    )
    repeated("--exclude-from", "FILE", "read such patterns from a file, one a line", Path)
    repeated("--layer", "PATH=DIR", "write PATH to DIR, to become a layer of its own")
    repeated("--directory", "PATH", "create a directory that the user owns")
    switch("--certificates", "copy the CA certificates, as one file")
    switch("--strip", "remove symbols from files that no package of the base owns")
    switch("--link-duplicates", "replace a library that a wheel bundles by a link to the base's own")
    parser.add_argument("--root", metavar="DIR", type=Path, default=Path("/base"), help="the base")
    parser.add_argument("--output", metavar="DIR", type=Path, required=True)
    parser.add_argument("--user", metavar="NAME", help="write /etc/passwd and /etc/group with this user")
    parser.add_argument("--group", metavar="NAME", help="default: the user's name")
    parser.add_argument("--uid", metavar="N", type=int, default=1001)
    parser.add_argument("--gid", metavar="N", type=int, default=1001)
    return parser.parse_args(words)


def main() -> int:
    """Run the command line and return the exit code."""
    try:
        sys.stdout.write(f"{distil(arguments())}\n")
    except DistilError as error:
        sys.stderr.write(f"distil: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
