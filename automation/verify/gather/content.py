"""What is in an image: its files, and the secrets in them.

A registry serves layers to anybody who asks, so a file that a later layer deletes is searched too.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import IO

from automation.docker import archive
from automation.docker.archive import Archive, File, Layer
from automation.verify.gather.leaks import Search

_BLOCK_BYTES = 2**24
_OVERLAP_BYTES = 2**12
_LARGEST_SETTINGS_BYTES = 2**18
_KEPT = re.compile(r"/etc/(passwd|group)|/var/lib/dpkg/status\.d/.+|/(usr/)?lib/apk/db/installed")
"""Files whose text is kept, because checks read it."""
SETTINGS = re.compile(
    r"(?:^|/)(?:\.env[^/]*|\.npmrc|\.pypirc|\.netrc|pip\.conf|[^/]+\.(?:env|ini|cfg|conf|toml|ya?ml|properties))$"
)
"""Files in which people write settings."""
_BROWSERS = re.compile(r"/_next/static/|/\.next/static/|^/usr/share/nginx/html/")
_ADDRESS = re.compile(
    r"(?:https?|wss?)://[A-Za-z0-9][A-Za-z0-9.-]*(?::\d+)?|(?<=[\"'`])(?:[\w-]+\.)*[a-z][\w-]*:\d{2,5}(?=[\"'`/])"
)
_SECRETS = re.compile(
    r"^/(?:var/)?run/secrets/|/(?:secrets?|credentials?)(?:\.(?:json|txt|ya?ml|toml))?$"
    r"|/(?:id_(?:rsa|dsa|ecdsa|ed25519)|service-account[^/]*\.json|[^/]+\.(?:key|p12|pfx|jks))$"
)
"""Files that hold nothing but secrets, in whatever form."""
_ANYBODYS = re.compile(r"/(?:site-packages|dist-packages|node_modules|python3\.\d+|share|lib/dpkg|lib/apk)/")
"""Folders of files that others wrote, with their examples."""


@dataclass(frozen=True)
class Leak:
    """A secret that was found; never the secret."""

    kind: str
    place: str


@dataclass(frozen=True)
class Searched:
    """What was found in one file."""

    kinds: tuple[str, ...] = ()
    """The kinds of secrets."""
    text: str = ""
    addresses: tuple[str, ...] = ()
    """The addresses in a file that browsers get."""


class Content(Archive[Searched]):
    """What an image holds."""

    @property
    def leaks(self) -> tuple[Leak, ...]:
        """The secrets in any layer, also in files that a later one deletes."""
        return tuple(
            Leak(kind, path)
            for layer in self.layers
            for path, searched in layer.found.items()
            for kind in searched.kinds
        )

    @property
    def addresses(self) -> dict[str, str]:
        """The addresses in files that browsers get, each with one of these files."""
        found = (
            (address, path)
            for layer in self.layers
            for path, one in layer.found.items()
            for address in one.addresses
        )
        return dict(found)

    @property
    def texts(self) -> dict[str, str]:
        """The texts of the files that checks read."""
        return {path: self.text(path) for layer in self.layers for path in layer.found if path in self.files}

    def text(self, path: str) -> str:
        """Return the text of a file that checks read, empty if there is none."""
        texts = (layer.found[path].text for layer in reversed(self.layers) if path in layer.found)
        return next(texts, "")


def read(stream: IO[bytes], search: Search, known: dict[str, Layer[Searched]] | None = None) -> Content:
    """Read the archive of one image; layers that are `known` are not read again. Raises ArchiveError."""

    def look(file: File, content: IO[bytes]) -> Searched | None:
        searched = _search(file, content, search)
        return searched if searched != Searched() else None

    image = archive.read(stream, look, known=known)
    return Content(image.layers, image.config, image.digest)


def accounts(text: str) -> dict[int, str]:
    """Return the names by number of what `/etc/passwd` or `/etc/group` holds."""
    found: dict[int, str] = {}
    for line in text.splitlines():
        fields = line.split(":")
        if len(fields) > 2 and fields[2].isdigit():
            found.setdefault(int(fields[2]), fields[0])
    return found


def _search(file: File, content: IO[bytes], search: Search) -> Searched:
    by_others = _ANYBODYS.search(file.path)
    # Where a secret was mounted while the image was built, an empty file stays.
    if file.size and _SECRETS.search(file.path) and not by_others:
        return Searched(("a file of secrets",))
    if file.size <= _LARGEST_SETTINGS_BYTES:
        data = content.read()
        text = data.decode("utf-8", "replace")
        kinds: Sequence[str] = [*search.in_bytes(data)]
        if SETTINGS.search(file.path) and not by_others and b"\0" not in data:
            kinds = [*kinds, *search.in_text(text)]
        addresses = {*_ADDRESS.findall(text)} if _BROWSERS.search(file.path) else ()
        return Searched(
            tuple(dict.fromkeys(kinds)), text if _KEPT.fullmatch(file.path) else "", tuple(sorted(addresses))
        )
    found: dict[str, None] = {}
    tail = b""
    while block := content.read(_BLOCK_BYTES):
        found |= dict.fromkeys(search.in_bytes(tail + block))
        tail = block[-_OVERLAP_BYTES:]
    return Searched(tuple(found))
