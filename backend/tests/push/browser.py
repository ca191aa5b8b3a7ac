"""A stand-in of a push service, and of the browser that reads its messages."""

import asyncio
import json
import os
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpcore2
import uvicorn
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app.push.encryption import point, to_base64url
from app.push.network import PushNetwork

HOST = "push.example.net"


class Browser:
    """A browser with its own keys, which decrypts as RFC 8291 describes."""

    def __init__(self, name: str = "a") -> None:
        self.path = f"/send/{name}"
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._auth = os.urandom(16)

    @property
    def subscription(self) -> dict[str, Any]:
        """The subscription, as `PushSubscription.toJSON` returns it."""
        keys = {"p256dh": to_base64url(point(self._key.public_key())), "auth": to_base64url(self._auth)}
        return {"endpoint": f"https://{HOST}{self.path}", "keys": keys}

    def read(self, content: bytes) -> Any:
        """Decrypt a message."""
        salt, (size, length) = content[:16], struct.unpack("!LB", content[16:21])
        sender, record = content[21 : 21 + length], content[21 + length :]
        assert len(record) <= size
        shared = self._key.exchange(
            ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), sender)
        )
        info = b"WebPush: info\0" + point(self._key.public_key()) + sender
        secret = HKDF(SHA256(), 32, self._auth, info).derive(shared)
        content_key = HKDF(SHA256(), 16, salt, b"Content-Encoding: aes128gcm\0").derive(secret)
        nonce = HKDF(SHA256(), 12, salt, b"Content-Encoding: nonce\0").derive(secret)
        text = AESGCM(content_key).decrypt(nonce, record, None)
        assert text.endswith(b"\x02")
        return json.loads(text[:-1])


class PushService:
    """What a push service has received, and how it answers."""

    def __init__(self) -> None:
        self.port = 0
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        self.connections: set[object] = set()
        """The clients' addresses, one for each connection."""
        self.statuses: list[int] = []
        """The statuses of the next responses; 201 afterwards."""
        self.headers: dict[str, str] = {}
        self.answers = asyncio.Event()
        self.answers.set()
        self.reached = asyncio.Event()

    def network(self) -> PushNetwork:
        """Return a network in which every host is this service."""
        return PushNetwork(10, _LocalNetwork(self.port))

    def messages(self, browser: Browser) -> list[Any]:
        """Return what a browser has received."""
        return [browser.read(content) for path, _, content in self.requests if path == browser.path]

    async def receive(self, request: Request) -> Response:
        self.requests.append((request.url.path, dict(request.headers), await request.body()))
        self.connections.add(request.client)
        self.reached.set()
        await self.answers.wait()
        return Response(status_code=self.statuses.pop(0) if self.statuses else 201, headers=self.headers)


@asynccontextmanager
async def push_service(
    certificate: Path | None = None, key: Path | None = None
) -> AsyncIterator[PushService]:
    """Run a push service on a port of its own, without TLS unless it gets a certificate."""
    service = PushService()
    app = Starlette(routes=[Route("/{path:path}", service.receive, methods=["GET", "POST"])])
    listener = socket.create_server(("127.0.0.1", 0))
    service.port = listener.getsockname()[1]
    server = uvicorn.Server(
        uvicorn.Config(app, lifespan="off", log_config=None, ssl_certfile=certificate, ssl_keyfile=key)
    )
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield service
    finally:
        service.answers.set()
        server.should_exit = True
        await task


class _Plain(httpcore2.AsyncNetworkStream):
    """A connection that stays without TLS."""

    def __init__(self, stream: httpcore2.AsyncNetworkStream) -> None:
        self._stream = stream

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109 - httpcore's
        return await self._stream.read(max_bytes, timeout)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109 - httpcore's
        await self._stream.write(buffer, timeout)

    async def aclose(self) -> None:
        await self._stream.aclose()

    async def start_tls(self, *_: Any, **__: Any) -> httpcore2.AsyncNetworkStream:
        return self

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class _LocalNetwork(httpcore2.AsyncNetworkBackend):
    def __init__(self, port: int) -> None:
        self._port = port

    async def connect_tcp(self, host: str, port: int, **options: Any) -> httpcore2.AsyncNetworkStream:  # type: ignore[override] # the options are passed on
        assert (host, port) == (HOST, 443)
        return _Plain(await httpcore2.AnyIOBackend().connect_tcp("127.0.0.1", self._port, **options))
