"""Content of an image: its files, and the texts and addresses in them that checks read."""

import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO

from automation.docker import archive
from automation.docker.archive import Archive, File, Layer
from automation.verify.gather.leaks import BY_OTHERS

_LARGEST_TEXT_BYTES = 2**18
_KEPT = re.compile(
    r"/etc/(passwd|group|nginx/[^/]+\.conf)|/var/lib/dpkg/status\.d/.+|/(usr/)?lib/apk/db/installed"
)
"""Files whose text is kept, because checks read it."""
_BROWSERS = re.compile(r"/_next/static/|/\.next/static/|^/usr/share/nginx/html/")
_ADDRESS = re.compile(
    r"(?:https?|wss?)://[A-Za-z0-9][A-Za-z0-9.-]*(?::\d+)?|(?<=[\"'`])(?:[\w-]+\.)*[a-z][\w-]*:\d{2,5}(?=[\"'`/])"
)
_SECRETS = re.compile(
    r"^/(?:var/)?run/secrets/|/(?:secrets?|credentials?)(?:\.(?:json|txt|ya?ml|toml))?$"
    r"|/(?:id_(?:rsa|dsa|ecdsa|ed25519)|service-account[^/]*\.json|[^/]+\.(?:key|p12|pfx|jks))$"
)
"""Files that hold nothing but secrets, in whatever form."""


@dataclass(frozen=True)
class Searched:
    """Findings in one file."""

    text: str = ""
    addresses: tuple[str, ...] = ()
    """The addresses in a file that browsers get."""
    is_secret: bool = False
    """Whether its name says that it holds nothing but secrets, in whatever form."""


class Content(Archive[Searched]):
    """Content of an image."""

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


def read(
    stream: IO[bytes],
    keep: Callable[[str, IO[bytes]], None] = lambda _path, _content: None,
    known: dict[str, Layer[Searched]] | None = None,
) -> Content:
    """Read the archive of one image; layers that are `known` are not read again. Raises ArchiveError.

    Args:
        keep: Called with the path and the content of every file.
    """

    def look(file: File, content: IO[bytes]) -> Searched | None:
        searched = _search(file, content, keep)
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


def _search(file: File, content: IO[bytes], keep: Callable[[str, IO[bytes]], None]) -> Searched:
    # Where a secret was mounted while the image was built, an empty file stays.
    is_secret = bool(file.size and _SECRETS.search(file.path) and not BY_OTHERS.search(file.path))
    if file.size > _LARGEST_TEXT_BYTES:
        keep(file.path, content)
        return Searched(is_secret=is_secret)
    data = content.read()
    keep(file.path, io.BytesIO(data))
    text = data.decode("utf-8", "replace")
    addresses = {*_ADDRESS.findall(text)} if _BROWSERS.search(file.path) else ()
    return Searched(text if _KEPT.fullmatch(file.path) else "", tuple(sorted(addresses)), is_secret)
