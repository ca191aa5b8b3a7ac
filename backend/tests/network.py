"""A network between the application and its database that can fail."""

import asyncio
from contextlib import suppress


class Network:
    """Forwards connections to a server until it is frozen."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.flowing = asyncio.Event()
        self.flowing.set()
        self._connections: set[asyncio.Task[None] | None] = set()

    async def connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection; a callback for `asyncio.start_server`."""
        self._connections.add(asyncio.current_task())
        server_reader, server_writer = await asyncio.open_connection("127.0.0.1", self._port)
        await asyncio.gather(self._forward(reader, server_writer), self._forward(server_reader, writer))

    async def end(self) -> None:
        """Wait until all connections are closed."""
        await asyncio.gather(*filter(None, self._connections))

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(65536):
                await self.flowing.wait()
                writer.write(data)
                await writer.drain()
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
