"""The program as a process of its own."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx2

SOURCE = Path(__file__).parents[1] / "src"


class Server:
    """A uvicorn process and the port it listens on."""

    def __init__(self, directory: Path, *command: str, source: Path = SOURCE, **environment: str) -> None:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]
        self.process = subprocess.Popen(
            [sys.executable, "-m", *command, "--port", str(self.port)],
            cwd=source,
            env={"PATH": os.environ["PATH"], "DATA_DIR": str(directory), **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def connect(self) -> socket.socket:
        """Return a connection, as soon as the server listens."""
        deadline = time.monotonic() + 90
        while True:
            try:
                return socket.create_connection(("127.0.0.1", self.port), timeout=30)
            except ConnectionRefusedError:
                assert self.process.poll() is None, self.process.communicate()
                assert time.monotonic() < deadline
                time.sleep(0.02)

    def get(self, path: str) -> Any:
        """Return the answer to a request; None when a restart of the server interrupts it."""
        try:
            return httpx2.get(f"http://127.0.0.1:{self.port}{path}").json()
        except httpx2.TransportError:
            return None
