"""A disk that loses what SQLite has not synchronised, as at a power loss."""

import _sqlite3
import ctypes
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from ctypes import CFUNCTYPE, POINTER, Structure, c_char_p, c_int, c_void_p
from pathlib import Path

# The name is a pointer, not bytes: SQLite goes on using it, and a copy would end with the call.
_OPEN = CFUNCTYPE(c_int, c_void_p, c_void_p, c_void_p, c_int, c_void_p)
_SYNC = CFUNCTYPE(c_int, c_void_p, c_int)
_METHODS = 19
"""The members of `sqlite3_io_methods`: its version, and 18 functions."""
_SYNC_MEMBER = 5


class _Vfs(Structure):
    """The beginning of `sqlite3_vfs`."""

    _fields_ = [
        ("version", c_int),
        ("file_size", c_int),
        ("path_size", c_int),
        ("next", c_void_p),
        ("name", c_char_p),
        ("data", c_void_p),
        ("open", _OPEN),
    ]


class Disk:
    """The files as they were when SQLite last synchronised each of them."""

    def __init__(self) -> None:
        self._files: dict[Path, bytes] = {}
        # SQLite calls these functions as long as their files are open.
        self._kept: list[object] = []

    def restore_to(self, folder: Path) -> None:
        """Write what a restart after a power loss would find."""
        for path, content in self._files.items():
            # A journal that was deleted stays deleted.
            if path.exists():
                (folder / path.name).write_bytes(content)

    def _watch(self, path: Path, file: int) -> None:
        """Replace the function that synchronises an open file."""
        methods = ctypes.cast(file, POINTER(c_void_p))
        table = (c_void_p * _METHODS).from_address(methods[0] or 0)
        original = _SYNC(table[_SYNC_MEMBER] or 0)

        def sync(opened: int, flags: int) -> int:
            result = original(opened, flags)
            self._files[path] = path.read_bytes()
            return int(result)

        watched, function = (c_void_p * _METHODS)(*table), _SYNC(sync)
        watched[_SYNC_MEMBER] = ctypes.cast(function, c_void_p).value
        self._kept += [watched, function, original]
        methods[0] = ctypes.addressof(watched)


@contextmanager
def watched_disk() -> Iterator[Disk]:
    """Record what SQLite synchronises of the files that it opens in the block."""
    library = ctypes.CDLL(_sqlite3.__file__)
    library.sqlite3_vfs_find.restype = POINTER(_Vfs)
    sqlite3.connect(":memory:").close()  # SQLite registers its file systems at the first use
    vfs = library.sqlite3_vfs_find(None).contents
    # A copy: the member itself follows the assignment below.
    original, disk = _OPEN(ctypes.cast(vfs.open, c_void_p).value or 0), Disk()

    def open_file(system: int, name: int | None, file: int, flags: int, out: int) -> int:
        result = int(original(system, name, file, flags, out))
        if result == 0 and name:
            disk._watch(Path(ctypes.string_at(name).decode()), file)
        return result

    function = _OPEN(open_file)
    vfs.open = function
    try:
        yield disk
    finally:
        vfs.open = original
