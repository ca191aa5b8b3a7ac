"""Writes the entries of the image, the same way each time."""

import os
import shutil
import subprocess
from collections.abc import Collection, Mapping
from pathlib import Path, PurePosixPath

from distil import elf
from distil.rootfs import DistilError, Entries, File, Link, Text

TIME_SECONDS = 315_532_800
"""The time of every file: 1980, the earliest that every archive format can hold."""


def accounts(user: str, group: str, uid: int, gid: int) -> Entries:
    """Return the files that name root and the image's user."""
    root = "root:x:0:0:root:/root:/sbin/nologin"
    own = f"{user}:x:{uid}:{gid}:{user}:/nonexistent:/sbin/nologin"
    return {
        PurePosixPath("/etc/passwd"): Text(f"{root}\n{own}\n"),
        PurePosixPath("/etc/group"): Text(f"root:x:0:\n{group}:x:{gid}:\n"),
    }


class Output:
    """The output directory, and the directories of paths that become layers of their own."""

    def __init__(self, path: Path, layers: Mapping[PurePosixPath, Path]) -> None:
        # The longest path of a layer wins.
        tops = sorted(layers.items(), key=lambda layer: len(layer[0].parts), reverse=True)
        self._tops = [*tops, (PurePosixPath("/"), path)]

    def write(self, entries: Entries, stripped: Collection[PurePosixPath]) -> int:
        """Write the entries, strip symbols from some, and return the number of bytes."""
        size = 0
        for path in sorted(entries):
            target = self._target(path)
            match entries[path]:
                case Link(pointed):
                    target.unlink(missing_ok=True)
                    target.symlink_to(pointed)
                    continue
                case Text(content):
                    target.write_text(content, encoding="utf-8")
                    target.chmod(0o644)
                case File(source):
                    shutil.copyfile(source, target)
                    target.chmod(source.stat().st_mode & 0o777)
                    if path in stripped:
                        strip(target)
            size += target.stat().st_size
        for _, top in self._tops:
            for directory, names, files in os.walk(top):
                for name in ("", *names, *files):
                    os.utime(Path(directory, name), (TIME_SECONDS, TIME_SECONDS), follow_symlinks=False)
        return size

    def directory(self, path: PurePosixPath, uid: int, gid: int) -> None:
        """Create a directory with an owner."""
        target = self._target(path)
        _make_directories(target)
        os.chown(target, uid, gid)

    def _target(self, path: PurePosixPath) -> Path:
        """Return where to write a path, and create the directories above it."""
        top = next(top for above, top in self._tops if above in (path, *path.parents))
        target = top / path.relative_to("/")
        _make_directories(target.parent)
        return target


def _make_directories(path: Path) -> None:
    """Create a directory and those above it, whatever the umask of this process."""
    if not path.exists():
        _make_directories(path.parent)
        path.mkdir()
        path.chmod(0o755)


def strip(path: Path) -> None:
    """Remove the symbols that only debuggers need. Raises DistilError if strip is missing or fails.

    Old versions of strip damage some files that patchelf has changed: such a file stays unchanged.
    """
    smaller = path.with_name(f"{path.name}.stripped")
    command = ["strip", "--strip-unneeded", "-o", str(smaller), str(path)]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True)
    except FileNotFoundError:
        raise DistilError("strip is not installed\n  try   apt-get install binutils") from None
    except subprocess.CalledProcessError as error:
        raise DistilError(f"{path} cannot be stripped\n  why   {error.stderr.strip()}") from None
    before, after = elf.read(path), elf.read(smaller)
    if before == after and after is not None and after.aligned:
        smaller.chmod(path.stat().st_mode)
        smaller.replace(path)
    else:
        smaller.unlink()
