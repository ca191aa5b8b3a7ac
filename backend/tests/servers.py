"""Run the server as its own process."""

import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx2

from tests.ports import unused_port

SOURCE = Path(__file__).parents[1] / "src"


class Server:
    """A uvicorn process and the port it listens on."""

    def __init__(self, directory: Path, *command: str, source: Path = SOURCE, **environment: str) -> None:
        self.port = unused_port()
        # Write to files, not pipes: nobody reads pipes during a test, and a full pipe blocks the server.
        self._output, self._errors = (tempfile.TemporaryFile() for _ in range(2))  # noqa: SIM115 - ended() does
        self._said: list[str] = []
        self.process = subprocess.Popen(
            [sys.executable, "-m", *command, "--port", str(self.port)],
            cwd=source,
            env={"PATH": os.environ["PATH"], "DATA_DIR": str(directory), **environment},
            stdout=self._output,
            stderr=self._errors,
        )

    def ended(self, seconds: float = 60) -> tuple[str, str]:
        """Wait for the process to end; return its standard output and standard error."""
        self.process.wait(seconds)
        for file in (self._output, self._errors):
            if not file.closed:
                file.seek(0)
                self._said.append(file.read().decode())
                file.close()
        return self._said[0], self._said[1]

    def connect(self) -> socket.socket:
        """Wait until the server listens and return a connection."""
        deadline = time.monotonic() + 90
        while True:
            try:
                return socket.create_connection(("127.0.0.1", self.port), timeout=30)
            except ConnectionRefusedError:
                assert self.process.poll() is None, self.ended()
                assert time.monotonic() < deadline
                time.sleep(0.02)

    def get(self, path: str) -> Any:
        """Return the response to a request; None when a restart of the server interrupts it."""
        try:
            return httpx2.get(f"http://127.0.0.1:{self.port}{path}").json()
        except httpx2.TransportError:
            return None
