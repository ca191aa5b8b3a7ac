"""uvicorn for development, in which a changed line is served in half the time.

After every change uvicorn starts a new interpreter, which spends most of a second importing the same
libraries. Here a fork server imports them once, and every new process is a fork of it. The arguments are
uvicorn's own:

    python -m app.reloading app.main:app --reload

A process that fails after a change waits for the next change. The first one has nothing to go back to: its
failure ends everything, with its exit code, so that whoever started this need not guess.

Windows cannot fork; there this is plain uvicorn.
"""

import multiprocessing
import os
import sys
import threading
from multiprocessing.connection import wait

import uvicorn
from uvicorn import _subprocess

LIBRARIES = (
    "aiosqlite",
    "cryptography.hazmat.primitives.asymmetric.ed25519",
    "cryptography.hazmat.primitives.ciphers.aead",
    "fastapi",
    "fastapi.responses",
    "jwt",
    "prometheus_client",
    "pydantic_settings",
    "sqlalchemy.dialects.sqlite.aiosqlite",
    "sqlalchemy.ext.asyncio",
    "structlog",
    "uvicorn.lifespan.on",
    "uvicorn.loops.asyncio",
    "uvicorn.protocols.http.httptools_impl",
)
"""What the application imports, apart from itself. Whatever is missing here is only slower."""


if sys.platform != "win32":
    from multiprocessing.context import ForkServerContext, ForkServerProcess

    class Worker(ForkServerProcess):
        """A process that serves the application."""

        is_first = True
        is_replaced = False

        def start(self) -> None:
            """Start it, and watch over the first one."""
            super().start()
            if Worker.is_first:
                Worker.is_first = False
                threading.Thread(target=self._end_with_it, daemon=True).start()

        def terminate(self) -> None:
            """End it, because of a change or because everything ends."""
            self.is_replaced = True
            super().terminate()

        def _end_with_it(self) -> None:
            wait([self.sentinel])
            if not self.is_replaced:
                os._exit(self.exitcode or 1)

    class Context(ForkServerContext):
        """What uvicorn makes its processes with."""

        Process = Worker


def main() -> None:
    """Run uvicorn's command line."""
    if sys.platform != "win32":
        multiprocessing.set_forkserver_preload(list(LIBRARIES))
        _subprocess.spawn = Context()  # type: ignore[assignment]
    uvicorn.main()


if __name__ == "__main__":
    main()
