"""What is in an image: read from `docker image save` as it streams, nothing stored on the way.

The archive names its layers only at its end, so whatever looks like a layer is read when it comes by. Layers
are what a registry serves to anybody who asks: a file that a later layer deletes is still there.
"""

import io
import json
import re
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import IO, Any

from automation.console.errors import AutomationError
from automation.verify.gather.leaks import Search

_BLOCK = 2**24
_OVERLAP = 2**12
_LARGEST_SETTINGS = 2**18
_KEPT = re.compile(r"/etc/(passwd|group)")
"""Files whose text is kept, because checks read it."""
SETTINGS = re.compile(
    r"(?:^|/)(?:\.env[^/]*|\.npmrc|\.pypirc|\.netrc|pip\.conf|[^/]+\.(?:env|ini|cfg|conf|toml|ya?ml|properties))$"
)
"""Files in which people write settings."""
_SECRETS = re.compile(
    r"^/(?:var/)?run/secrets/|/(?:secrets?|credentials?)(?:\.(?:json|txt|ya?ml|toml))?$"
    r"|/(?:id_(?:rsa|dsa|ecdsa|ed25519)|service-account[^/]*\.json|[^/]+\.(?:key|p12|pfx|jks))$"
)
"""Files that hold nothing but secrets, in whatever form."""
_ANYBODYS = re.compile(r"/(?:site-packages|dist-packages|node_modules|python3\.\d+|share|lib/dpkg|lib/apk)/")
"""Folders of files that others wrote, with their examples."""


class ArchiveError(AutomationError):
    """Something that is no archive of one image."""


@dataclass(frozen=True)
class File:
    """One entry of an image's file system."""

    path: str
    """From the root, with the slash."""
    kind: str
    """`file`, `directory`, `link` (symbolic) or `other`."""
    mode: int
    """The permission bits, setuid, setgid and sticky included."""
    uid: int
    gid: int
    size: int
    """Bytes of a regular file; a hard link has none of its own."""
    target: str = ""
    """Where a link leads."""


@dataclass(frozen=True)
class Leak:
    """A secret that was found; never the secret."""

    kind: str
    place: str


@dataclass(frozen=True)
class Layer:
    """One layer of an image."""

    files: tuple[File, ...]
    leaks: tuple[Leak, ...]
    texts: Mapping[str, str]

    @property
    def size(self) -> int:
        """The bytes of its regular files."""
        return sum(each.size for each in self.files)


@dataclass(frozen=True)
class Content:
    """What an image holds."""

    layers: tuple[Layer, ...]
    history: tuple[str, ...] = ()
    """What made each layer, in order, empty ones included."""
    _tree: dict[str, File] = field(default_factory=dict, repr=False, compare=False)

    @property
    def size(self) -> int:
        """The bytes of the regular files of all layers: the same under either of Docker's image stores."""
        return sum(layer.size for layer in self.layers)

    @property
    def files(self) -> Mapping[str, File]:
        """What a container sees, by path: later layers hide and delete what is below."""
        if not self._tree:
            self._tree.update(_flattened(self.layers))
        return self._tree

    @property
    def leaks(self) -> tuple[Leak, ...]:
        """The secrets in any layer, also in files that a later one deletes."""
        return tuple(leak for layer in self.layers for leak in layer.leaks)

    def text(self, path: str) -> str:
        """Return the text of `/etc/passwd` or `/etc/group`, empty where there is none."""
        for layer in reversed(self.layers):
            if path in layer.texts:
                return layer.texts[path]
        return ""

    def is_executable(self, path: str) -> bool:
        """Whether the path is a program, or leads to one."""
        file = self.resolve(path)
        return file is not None and file.kind == "file" and bool(file.mode & 0o111)

    def resolve(self, path: str) -> File | None:
        """Return what is at the path, links followed; None where they lead nowhere."""
        for _ in range(40):
            parts = PurePosixPath(path).parts
            for at in range(1, len(parts) + 1):
                here = str(PurePosixPath(*parts[:at]))
                file = self.files.get(here)
                if file is not None and file.kind == "link":
                    path = _joined(str(PurePosixPath(here).parent), file.target, parts[at:])
                    break
            else:
                return self.files.get(path)
        return None


def read(stream: IO[bytes], search: Search, known: dict[str, Layer] | None = None) -> Content:
    """Read the archive of one image. Raises ArchiveError for anything else.

    `known` has layers that were read already, by their names in the archive, which are those of their
    content; it gets the others.
    """
    layers = {} if known is None else known
    documents: dict[str, Any] = {}
    try:
        with tarfile.open(fileobj=stream, mode="r|") as archive:
            for member in archive:
                blob = archive.extractfile(member) if member.isfile() else None
                if blob is None or member.name in layers:
                    continue
                start = blob.read(512)
                rest = _Chained(start, blob)
                if start[:2] == b"\x1f\x8b" or start[257:262] == b"ustar":
                    layers[member.name] = _layer(rest, search)
                elif start[:1] in {b"{", b"["}:
                    documents[member.name] = json.loads(rest.read())
        [image] = documents["manifest.json"]
        config = documents[image["Config"]]
        return Content(
            tuple(layers[name] for name in image["Layers"]),
            tuple(str(step.get("created_by", "")) for step in config.get("history", [])),
        )
    except (tarfile.TarError, EOFError, ValueError, KeyError) as error:
        raise ArchiveError(
            "what Docker saved is not an image that can be read", why=f"{type(error).__name__}: {error}"
        ) from error


def accounts(text: str) -> dict[int, str]:
    """Return the names by number of what `/etc/passwd` or `/etc/group` holds."""
    found: dict[int, str] = {}
    for line in text.splitlines():
        fields = line.split(":")
        if len(fields) > 2 and fields[2].isdigit():
            found.setdefault(int(fields[2]), fields[0])
    return found


class _Chained(io.RawIOBase):
    """A stream whose beginning has been read already."""

    def __init__(self, start: bytes, rest: IO[bytes]) -> None:
        self._start = start
        self._rest = rest

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        taken = self._start if size < 0 else self._start[:size]
        self._start = self._start[len(taken) :]
        if size < 0 or len(taken) < size:
            taken += self._rest.read(size if size < 0 else size - len(taken))
        return taken


def _layer(stream: IO[bytes] | _Chained, search: Search) -> Layer:
    files: list[File] = []
    leaks: list[Leak] = []
    texts: dict[str, str] = {}
    with tarfile.open(fileobj=stream, mode="r|*") as layer:
        for member in layer:
            path = _absolute(member.name)
            content = layer.extractfile(member) if member.isreg() else None
            if content is not None:
                kinds, kept = _searched(path, content, member.size, search)
                leaks += [Leak(kind, path) for kind in kinds]
                if kept is not None:
                    texts[path] = kept
            kind = "file" if member.isreg() or member.islnk() else "directory" if member.isdir() else "other"
            files.append(
                File(
                    path,
                    "link" if member.issym() else kind,
                    member.mode & 0o7777,
                    member.uid,
                    member.gid,
                    member.size if member.isreg() else 0,
                    _absolute(member.linkname) if member.islnk() else member.linkname,
                )
            )
    return Layer(tuple(files), tuple(leaks), texts)


def _searched(path: str, content: IO[bytes], size: int, search: Search) -> tuple[Sequence[str], str | None]:
    """Return the kinds of secrets in a file, and its text if that is kept."""
    # Where a secret was mounted while the image was built, an empty file stays.
    if size and _SECRETS.search(path) and not _ANYBODYS.search(path):
        return ("a file of secrets",), None
    if size <= _LARGEST_SETTINGS:
        data = content.read()
        found = dict.fromkeys(search.in_bytes(data))
        if SETTINGS.search(path) and not _ANYBODYS.search(path) and b"\0" not in data:
            found |= dict.fromkeys(search.in_text(data.decode("utf-8", "replace")))
        return tuple(found), data.decode("utf-8", "replace") if _KEPT.fullmatch(path) else None
    found = {}
    tail = b""
    while block := content.read(_BLOCK):
        found |= dict.fromkeys(search.in_bytes(tail + block))
        tail = block[-_OVERLAP:]
    return tuple(found), None


def _flattened(layers: Sequence[Layer]) -> dict[str, File]:
    tree: dict[str, File] = {}
    for layer in layers:
        removed = [each for each in layer.files if PurePosixPath(each.path).name.startswith(".wh.")]
        for each in removed:
            folder, name = str(PurePosixPath(each.path).parent), PurePosixPath(each.path).name
            below = f"{folder.rstrip('/')}/"
            gone = "" if name == ".wh..wh..opq" else below + name.removeprefix(".wh.")
            for path in [p for p in tree if (p.startswith(below) if not gone else _is_within(p, gone))]:
                del tree[path]
        for each in layer.files:
            if each in removed:
                continue
            if each.kind == "file" and each.target:
                original = tree.get(each.target)
                each = each if original is None else _linked(each, original)
            if (
                each.kind != "directory"
                and (old := tree.get(each.path)) is not None
                and old.kind == "directory"
            ):
                for path in [p for p in tree if _is_within(p, each.path)]:
                    del tree[path]
            tree[each.path] = each
    return tree


def _linked(link: File, original: File) -> File:
    return File(link.path, "file", original.mode, original.uid, original.gid, 0, link.target)


def _is_within(path: str, folder: str) -> bool:
    return path == folder or path.startswith(f"{folder}/")


def _absolute(name: str) -> str:
    return "/" + name.removeprefix("./").strip("/") if name not in {".", "./"} else "/"


def _joined(folder: str, target: str, rest: Sequence[str]) -> str:
    parts: list[str] = []
    for part in PurePosixPath(folder, target, *rest).parts:
        if part == "..":
            parts = parts[:-1] or parts
        elif part != "/":
            parts.append(part)
    return "/" + "/".join(parts)
