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

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path


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


if __name__ == "__main__":
    sys.exit(arguments() is None)
