"""Reads the archive of an image while it streams past: nothing is stored, whatever its size.

An archive is what `docker image save` or buildx with `type=oci` writes. It names its layers only at its end,
so whatever looks like a layer is read when it comes.
"""

import io
import json
import posixpath
import tarfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import PurePosixPath
from typing import IO, Any, Generic, TypeVar, cast

from automation.console.errors import AutomationError

_T = TypeVar("_T")
_BLOCK_BYTES = 2**18
_GZIP_LEVEL = 6  # the default of gzip and of Docker
_MOST_LINKS = 40
_ATTRIBUTE = "SCHILY.xattr."
_WHITEOUT, _OPAQUE = ".wh.", ".wh..wh..opq"


class ArchiveError(AutomationError):
    """The stream is not the archive of one image."""


@dataclass(frozen=True)
class File:
    """One entry of a layer."""

    path: str
    """From the root, with the slash."""
    kind: str
    """`file`, `directory`, `link` (symbolic) or `other`."""
    mode: int
    """The permission bits, with setuid, setgid and sticky."""
    uid: int
    gid: int
    size: int
    """Bytes of a regular file; a hard link has none of its own."""
    target: str = ""
    modified: int = 0
    """Seconds since 1970."""
    attributes: tuple[tuple[str, str], ...] = ()
    """Extended attributes; capabilities are `security.capability`."""


_Look = Callable[[File, IO[bytes]], _T | None]


@dataclass(frozen=True)
class Layer(Generic[_T]):
    files: tuple[File, ...]
    found: Mapping[str, _T] = field(default_factory=dict)
    compressed: int = 0
    """Compressed bytes: as stored in the archive, or else as gzip compresses them."""
    command: str = ""
    name: str = ""
    """Its name in the archive, which a digest makes."""

    @property
    def size(self) -> int:
        return sum(file.size for file in self.files)


@dataclass(frozen=True)
class Archive(Generic[_T]):
    layers: tuple[Layer[_T], ...]
    config: Mapping[str, Any] = field(default_factory=dict)
    digest: str = ""
    """The digest of the manifest, if the archive has one."""

    @property
    def size(self) -> int:
        """The bytes of the regular files of all layers: the same in either of Docker's image stores."""
        return sum(layer.size for layer in self.layers)

    @property
    def history(self) -> tuple[str, ...]:
        """Commands of the layers, in order, empty ones included."""
        return tuple(str(step.get("created_by", "")) for step in self.config.get("history", []))

    @cached_property
    def files(self) -> Mapping[str, File]:
        """Files of a container, by path: later layers hide and delete those below."""
        return _flatten(self.layers)

    def is_executable(self, path: str) -> bool:
        """Return whether the path is a program, or leads to one."""
        file = self.resolve(path)
        return file is not None and file.kind == "file" and bool(file.mode & 0o111)

    def resolve(self, path: str) -> File | None:
        """Return what is at the path, links followed; None if they lead nowhere."""
        for _ in range(_MOST_LINKS):
            parts = PurePosixPath(path).parts
            for at in range(1, len(parts) + 1):
                here = PurePosixPath(*parts[:at])
                file = self.files.get(str(here))
                if file is not None and file.kind == "link":
                    path = posixpath.normpath(PurePosixPath(here.parent, file.target, *parts[at:]))
                    break
            else:
                return self.files.get(path)
        return None


def read(
    stream: IO[bytes],
    look: _Look[_T] = lambda _file, _content: None,
    *,
    known: dict[str, Layer[_T]] | None = None,
    compressed: bool = False,
    progress: Callable[[int], None] = lambda _: None,
) -> Archive[_T]:
    """Read the archive of one image.

    Args:
        look: Called with every regular file and its content; what it returns is kept.
        known: Layers by their names in the archive, which are not read again. New ones are added.
        compressed: Measure the compressed size of layers that the archive holds unpacked.
        progress: Called with the number of bytes read so far.

    Raises:
        ArchiveError: The stream is something else.
    """
    layers = {} if known is None else known
    documents: dict[str, Any] = {}
    count = 0

    def advance(block: bytes) -> None:
        nonlocal count
        count += len(block)
        progress(count)

    try:
        with tarfile.open(fileobj=_Watched(stream, advance), mode="r|") as archive:
            for member in archive:
                if not member.isfile() or member.name in layers:
                    continue
                blob = cast("io.BufferedReader", archive.extractfile(member))
                start = blob.peek(tarfile.BLOCKSIZE)[: tarfile.BLOCKSIZE]
                if start[:2] == b"\x1f\x8b":
                    layers[member.name] = _layer(blob, look, member.size)
                elif start[257:262] == b"ustar" or (start and not any(start)):
                    measure = _compressed if compressed else _layer
                    layers[member.name] = measure(blob, look)
                elif start[:1] in {b"{", b"["}:
                    documents[member.name] = json.load(blob)
                elif start[:4] == b"\x28\xb5\x2f\xfd":
                    raise ArchiveError(
                        "the image's layers are compressed with zstd, which is not supported",
                        remedies=["build the image again without compression=zstd"],
                    )
        return _assemble(layers, documents)
    except (tarfile.TarError, EOFError, zlib.error, ValueError, KeyError, IndexError) as error:
        raise ArchiveError(
            "this is not the archive of one image", why=f"{type(error).__name__}: {error}"
        ) from error


class _Watched(io.RawIOBase):
    """A stream of which `seen` is called with each block that is read."""

    def __init__(self, stream: IO[bytes], seen: Callable[[bytes], object]) -> None:
        self._stream = stream
        self._seen = seen

    def read(self, size: int = -1) -> bytes:
        block = self._stream.read(size)
        self._seen(block)
        return block


def _compressed(blob: IO[bytes], look: _Look[_T]) -> Layer[_T]:
    """Read a layer, and measure what gzip makes of it."""
    packer = zlib.compressobj(_GZIP_LEVEL, wbits=31)
    size = 0

    def pack(block: bytes) -> None:
        nonlocal size
        size += len(packer.compress(block))

    stream = _Watched(blob, pack)
    layer = _layer(stream, look)
    while stream.read(_BLOCK_BYTES):
        pass
    return replace(layer, compressed=size + len(packer.flush()))


def _layer(stream: IO[bytes] | _Watched, look: _Look[_T], compressed: int = 0) -> Layer[_T]:
    files: list[File] = []
    found: dict[str, _T] = {}
    with tarfile.open(fileobj=stream, mode="r|*", bufsize=_BLOCK_BYTES) as layer:
        for member in layer:
            file = _file(member)
            files.append(file)
            content = layer.extractfile(member) if member.isreg() else None
            if content is not None and (result := look(file, content)) is not None:
                found[file.path] = result
    return Layer(tuple(files), found, compressed)


def _file(member: tarfile.TarInfo) -> File:
    kind = "file" if member.isreg() or member.islnk() else "directory" if member.isdir() else "other"
    return File(
        path=_absolute(member.name),
        kind="link" if member.issym() else kind,
        mode=member.mode & 0o7777,
        uid=member.uid,
        gid=member.gid,
        size=member.size if member.isreg() else 0,
        target=_absolute(member.linkname) if member.islnk() else member.linkname,
        modified=int(member.mtime),
        attributes=tuple(
            (name.removeprefix(_ATTRIBUTE), value)
            for name, value in member.pax_headers.items()
            if name.startswith(_ATTRIBUTE)
        ),
    )


def _assemble(layers: Mapping[str, Layer[_T]], documents: Mapping[str, Any]) -> Archive[_T]:
    digest, manifest = "", None
    if index := documents.get("index.json"):
        digest = str(index["manifests"][0]["digest"])
        manifest = documents.get(_blob(digest))
    if saved := documents.get("manifest.json"):
        [image] = saved
        config, names = documents[image["Config"]], image["Layers"]
    elif manifest:
        config = documents[_blob(manifest["config"]["digest"])]
        names = [_blob(layer["digest"]) for layer in manifest["layers"]]
    else:
        raise KeyError("manifest.json")
    steps = [step for step in config.get("history", []) if not step.get("empty_layer")]
    # Some tools write no history, or only a part of it.
    commands = [str(step.get("created_by", "")) for step in steps]
    commands = commands if len(commands) == len(names) else [""] * len(names)
    named = (
        replace(layers[name], command=command, name=name)
        for name, command in zip(names, commands, strict=True)
    )
    return Archive(tuple(named), config, digest)


def _blob(digest: str) -> str:
    return "blobs/" + digest.replace(":", "/")


def _flatten(layers: Sequence[Layer[_T]]) -> dict[str, File]:
    tree: dict[str, File] = {}

    def remove(path: str, *, itself: bool = True) -> None:
        for known in [known for known in tree if known.startswith(f"{path}/") or (itself and known == path)]:
            del tree[known]

    for layer in layers:
        named = [(file, *file.path.rpartition("/")[::2]) for file in layer.files]
        for _, folder, name in named:
            if name == _OPAQUE:
                remove(folder, itself=False)
            elif name.startswith(_WHITEOUT):
                remove(f"{folder}/{name.removeprefix(_WHITEOUT)}")
        for file, _, name in named:
            if name.startswith(_WHITEOUT):
                continue
            if file.kind == "file" and (original := tree.get(file.target)):
                # A hard link shares all but the name.
                file = replace(file, mode=original.mode, uid=original.uid, gid=original.gid)
            hidden = tree.get(file.path)
            if hidden is not None and hidden.kind == "directory" != file.kind:
                remove(file.path)
            tree[file.path] = file
    return tree


def _absolute(name: str) -> str:
    return "/" + name.removeprefix("./").strip("/") if name not in {".", "./"} else "/"
