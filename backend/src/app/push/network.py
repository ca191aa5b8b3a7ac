"""Connections to public addresses only: the address of a push service comes from a browser.

A name is resolved here, and the connection goes to an address that was checked, so that a second answer of a
name server cannot differ (DNS rebinding). TLS still verifies the name. Redirects are not followed, and no
proxy is used. Imported with the first message, because most servers send none.
"""

import asyncio
import ipaddress
import socket
from collections.abc import Iterable, Mapping

import httpcore2

from app.push.addresses import PrivateAddressError, UnreachableError, is_public

_SocketOption = tuple[int, int, int] | tuple[int, int, bytes | bytearray] | tuple[int, int, None, int]
RESPONSE_BYTES = 65_536
"""The most that is read of a response."""
_KEEP_ALIVE_SECONDS = 30.0
_FAILURES = (
    *(httpcore2.NetworkError, httpcore2.ProtocolError, httpcore2.TimeoutException),
    *(httpcore2.UnsupportedProtocol, httpcore2.ConnectionNotAvailable, OSError),
)


class PushNetwork:
    """Sends messages to push services.

    Args:
        connections: the largest number of connections.
        backend: opens the connections; by default to public addresses only.
    """

    def __init__(self, connections: int, backend: httpcore2.AsyncNetworkBackend | None = None) -> None:
        self._connections = connections
        self._backend = backend or PublicNetwork()
        self._opening = asyncio.Lock()
        self._pool: httpcore2.AsyncConnectionPool | None = None

    async def post(self, url: str, headers: Mapping[str, str], content: bytes) -> tuple[int, str]:
        """Send a message, and return the status of the response and its Retry-After.

        Raises:
            PrivateAddressError: when the address is not public.
            UnreachableError: without a response.
        """
        pool = await self._opened()
        try:
            async with pool.stream("POST", url, headers=[*headers.items()], content=content) as response:
                # The connection can be used again only after the whole response, which may have any length.
                size = 0
                async for chunk in response.aiter_stream():
                    size += len(chunk)
                    if size > RESPONSE_BYTES:
                        break
                found = [value for name, value in response.headers if name.lower() == b"retry-after"]
                return response.status, found[0].decode("latin-1") if found else ""
        except _FAILURES as error:
            raise UnreachableError(type(error).__name__) from error

    async def close(self) -> None:
        if self._pool is not None:
            await self._pool.aclose()

    async def _opened(self) -> httpcore2.AsyncConnectionPool:
        async with self._opening:
            if self._pool is None:
                # Reading the certificates takes 0.1 s, and httpcore would do it for each connection.
                context = await asyncio.to_thread(httpcore2.default_ssl_context)
                self._pool = httpcore2.AsyncConnectionPool(
                    ssl_context=context,
                    max_connections=self._connections,
                    keepalive_expiry=_KEEP_ALIVE_SECONDS,
                    network_backend=self._backend,
                )
            return self._pool


class PublicNetwork(httpcore2.AsyncNetworkBackend):
    """Opens connections to public addresses."""

    def __init__(self) -> None:
        self._backend = httpcore2.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the base class passes it
        local_address: str | None = None,
        socket_options: Iterable[_SocketOption] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """Connect to the first address of a host that answers.

        Raises:
            PrivateAddressError: when one of its addresses is not public.
            httpcore2.ConnectError, httpcore2.ConnectTimeout: when none answers, or the name has none.
        """
        failure: Exception = httpcore2.ConnectError(f"{host} has no address")
        for address in await public_addresses(host, port):
            try:
                return await self._backend.connect_tcp(
                    address, port, timeout=timeout, local_address=local_address, socket_options=socket_options
                )
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failure = error
        raise failure

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


async def public_addresses(host: str, port: int) -> list[str]:
    """Return the addresses of a host.

    Raises:
        PrivateAddressError: when one of them is not public.
        httpcore2.ConnectError: when the name cannot be resolved.
    """
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise httpcore2.ConnectError(str(error)) from error
    addresses = [str(entry[4][0]) for entry in found]
    for address in addresses:
        if not is_public(ipaddress.ip_address(address)):
            raise PrivateAddressError(host)
    return addresses
