"""Asks the web server of a static frontend for each kind of file, and for what it should refuse."""

import asyncio
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from urllib.parse import urlsplit

import httpx2

from automation.verify.facts import Document

PATIENCE_SECONDS = 15.0
"""Time limit for a client that has begun a request and sends nothing more."""
_LARGEST_BODY_BYTES = 2**20
_CONNECTION = {"date", "connection", "transfer-encoding", "content-length", "last-modified", "accept-ranges"}
"""Headers of the answer's transport, and of the time at which a file was built."""
_FILES = re.compile(r'(?:src|href)="(/_next/static/[^"]+\.(js|css))"')
_TOKEN = re.compile(r"""\s+|#[^\n]*|("(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|[{};]|[^\s{};"'#][^\s{};]*)""")
"""A word of nginx's configuration, or nothing for spaces and comments."""
_UNFINISHED = {
    "header": "GET / HTTP/1.1\r\nHost: localhost\r\n",
    "body": "POST /api/tasks HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{",
}


def directives(texts: Mapping[str, str]) -> Iterator[str]:
    """Yield the directives of nginx's configuration, each after the blocks and the included file it is in."""
    for path, text in sorted(texts.items()):
        if not path.startswith("/etc/nginx/"):
            continue
        blocks, words = [path.rpartition("/")[2]], list[str]()
        for token in filter(None, _TOKEN.findall(text)):
            match token:
                case "{":
                    blocks.append(" ".join(words))
                    words = []
                case "}":
                    blocks.pop()
                case ";":
                    yield " > ".join([*blocks, " ".join(words)])
                    words = []
                case _:
                    words.append(token)


async def answers(address: str) -> Mapping[str, Document]:
    """Return the status and the headers of the answer to each kind of request."""
    async with httpx2.AsyncClient(base_url=address, trust_env=False, timeout=10.0) as client:
        page = await client.get("/")
        files = {kind: path for path, kind in _FILES.findall(page.text)}
        requests: dict[str, tuple[str, str, bytes]] = {
            "page": ("GET", "/sign-in", b""),
            "script": ("GET", files.get("js", "/no-script"), b""),
            "style": ("GET", files.get("css", "/no-style"), b""),
            "image": ("GET", "/icon.svg", b""),
            "health": ("GET", "/health", b""),
            "api": ("GET", "/api/tasks", b""),
            "missing page": ("GET", "/missing", b""),
            "missing script": ("GET", "/_next/static/missing.js", b""),
            "path outside": ("GET", "/api/%252e%252e/health", b""),
            "large body": ("POST", "/api/tasks", bytes(_LARGEST_BODY_BYTES + 1)),
            "unknown method": ("TRACE", "/", b""),
        }
        seen = {"first page": _described(page)}
        for kind, (method, path, body) in requests.items():
            seen[kind] = _described(await client.request(method, path, content=body))
        seen["large header"] = _described(await client.get("/", headers={"x-large": "x" * 40_000}))
    return seen


async def unfinished(address: str) -> Mapping[str, float | None]:
    """Return after how many seconds the server ends each request that is never finished; None if too late."""
    found = await asyncio.gather(*(_ended(address, text) for text in _UNFINISHED.values()))
    return dict(zip(_UNFINISHED, found, strict=True))


async def _ended(address: str, text: str) -> float | None:
    parts = urlsplit(address)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    began = time.monotonic()
    try:
        writer.write(text.encode())
        with suppress(TimeoutError, ConnectionError):
            async with asyncio.timeout(PATIENCE_SECONDS):
                await reader.read()
            return time.monotonic() - began
    finally:
        writer.close()
    return None


def _described(answer: httpx2.Response) -> Document:
    headers = {name.lower(): value for name, value in answer.headers.items()}
    return {
        "status": answer.status_code,
        "headers": {name: value for name, value in headers.items() if name not in _CONNECTION},
    }
