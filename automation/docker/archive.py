"""Reading the archive of an image as it streams by: nothing of it is stored, whatever its size.

An archive names its layers only at its end, so whatever looks like a layer is read when it comes. It is what
`docker image save` writes, or buildx with `type=oci`; the layers in it may be compressed or not.
"""

import gzip
import hashlib
import io
import json
import tarfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import IO, Any

from automation.console.errors import AutomationError

_BLOCK = 2**18
_LEVEL = 6  # gzip's own default, and that of Docker
_DIGEST = 16


class ArchiveError(AutomationError):
    """Something that is no archive of one image."""


@dataclass(frozen=True)
class Entry:
    """One entry of a layer."""

    path: str
    """From the root, with the slash."""
    size: int
    """Bytes of a regular file; a link has none of its own."""
    about: str
    """What else an image's digest depends on, in words: kind, permissions, owner, time, target, content."""


@dataclass(frozen=True)
class Layer:
    """One layer."""

    entries: tuple[Entry, ...]
    compressed: int
    """Bytes with gzip: as they are in the archive where it holds them so, else as gzip would make them."""
    command: str = ""
    """The instruction that made it."""

    @property
    def size(self) -> int:
        """The bytes of its regular files."""
        return sum(entry.size for entry in self.entries)


@dataclass(frozen=True)
class Archive:
    """What an archive holds."""

    layers: tuple[Layer, ...]
    config: Mapping[str, Any]
    digest: str
    """The digest of the image's manifest; empty where the archive has none."""


def read(
    stream: IO[bytes], *, contents: bool = False, told: Callable[[int], None] = lambda _: None
) -> Archive:
    """Read the archive of one image; `told` hears how many bytes of it have been read.

    With `contents` each entry says the hash of what is in it. Raises ArchiveError.
    """
    counted = _Counted(stream, told)
    layers: dict[str, Layer] = {}
    documents: dict[str, Any] = {}
    try:
        with tarfile.open(fileobj=counted, mode="r|") as archive:
            for member in archive:
                blob = archive.extractfile(member) if member.isfile() else None
                if blob is None:
                    continue
                start = blob.read(tarfile.BLOCKSIZE)
                if start[:2] == b"\x1f\x8b" or start[257:262] == b"ustar":
                    layers[member.name] = _layer(start, blob, member.size, contents=contents)
                elif start[:1] in {b"{", b"["}:
                    documents[member.name] = json.loads(start + blob.read())
                elif start[:4] == b"\x28\xb5\x2f\xfd":
                    raise ArchiveError(
                        "the image's layers are compressed with zstd, which cannot be read here",
                        remedies=["build it again without compression=zstd"],
                    )
        return _assembled(layers, documents)
    except (tarfile.TarError, EOFError, zlib.error, ValueError, KeyError, IndexError) as error:
        raise ArchiveError(
            "that is not the archive of one image", why=f"{type(error).__name__}: {error}"
        ) from error


class _Counted(io.RawIOBase):
    """Counts what is read of a stream."""

    def __init__(self, stream: IO[bytes], told: Callable[[int], None]) -> None:
        self._stream = stream
        self._told = told
        self.count = 0

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        block = self._stream.read(size)
        self.count += len(block)
        self._told(self.count)
        return block


class _Packed(io.RawIOBase):
    """Measures on the way what gzip makes of a layer that the archive holds unpacked."""

    def __init__(self, start: bytes, rest: IO[bytes]) -> None:
        self._start = start
        self._rest = rest
        self._packer = zlib.compressobj(_LEVEL, wbits=31)
        self.size = 0

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        block = self._start[:size] if size >= 0 else self._start
        self._start = self._start[len(block) :]
        if len(block) < size or size < 0:
            block += self._rest.read(size - len(block) if size >= 0 else -1)
        self.size += len(self._packer.compress(block))
        return block

    def finish(self) -> int:
        while self.read(_BLOCK):
            pass
        self.size += len(self._packer.flush())
        return self.size


class _Chained(io.RawIOBase):
    """A stream of which the beginning has been read already."""

    def __init__(self, start: bytes, rest: IO[bytes]) -> None:
        self._start = start
        self._rest = rest

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        block = self._start[:size] if size >= 0 else self._start
        self._start = self._start[len(block) :]
        return block + self._rest.read(size - len(block) if size >= 0 else -1)


def _layer(start: bytes, blob: IO[bytes], size: int, *, contents: bool) -> Layer:
    if start[:2] == b"\x1f\x8b":
        with gzip.GzipFile(fileobj=_Chained(start, blob)) as unpacked:
            return Layer(_entries(unpacked, contents=contents), size)
    packed = _Packed(start, blob)
    entries = _entries(packed, contents=contents)
    return Layer(entries, packed.finish())


def _entries(stream: Any, *, contents: bool) -> tuple[Entry, ...]:
    with tarfile.open(fileobj=stream, mode="r|", bufsize=_BLOCK) as layer:
        return tuple(_entry(layer, member, contents=contents) for member in layer)


def _entry(layer: tarfile.TarFile, member: tarfile.TarInfo, *, contents: bool) -> Entry:
    size = member.size if member.isreg() else 0
    path = "/" + member.name.removeprefix("./").strip("/")
    if not contents:
        return Entry(path, size, "")
    file = layer.extractfile(member) if member.isreg() else None
    digest = _hash(file) if file else ""
    kind = "link" if member.issym() or member.islnk() else "folder" if member.isdir() else "file"
    about = (
        kind, f"{member.mode:o}", f"{member.uid}:{member.gid}", f"time {int(member.mtime)}",
        f"to {member.linkname}" if member.linkname else "", f"content {digest}" if digest else "",
    )  # fmt: skip
    return Entry(path, size, " ".join(part for part in about if part))


def _hash(file: IO[bytes]) -> str:
    digest = hashlib.sha256()
    while block := file.read(_BLOCK):
        digest.update(block)
    return digest.hexdigest()[:_DIGEST]


def _assembled(layers: Mapping[str, Layer], documents: Mapping[str, Any]) -> Archive:
    digest, manifest = "", None
    if index := documents.get("index.json"):
        digest = str(index["manifests"][0]["digest"])
        manifest = documents.get(_blob(digest))
    if saved := documents.get("manifest.json"):
        config, names = documents[saved[0]["Config"]], saved[0]["Layers"]
    elif manifest:
        config = documents[_blob(manifest["config"]["digest"])]
        names = [_blob(each["digest"]) for each in manifest["layers"]]
    else:
        raise KeyError("manifest.json")
    commands = [
        str(step.get("created_by", "")) for step in config.get("history", []) if not step.get("empty_layer")
    ]
    # Some tools write no history, or not all of it.
    commands = commands if len(commands) == len(names) else [""] * len(names)
    return Archive(
        tuple(
            Layer(layers[name].entries, layers[name].compressed, command)
            for name, command in zip(names, commands, strict=True)
        ),
        config,
        digest,
    )


def _blob(digest: str) -> str:
    return "blobs/" + digest.replace(":", "/")
