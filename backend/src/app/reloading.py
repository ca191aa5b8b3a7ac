"""Run uvicorn for development, with reloads that take half the time.

uvicorn starts a new interpreter after every change, which spends most of a second importing the same
libraries. This module imports them once in a fork server and forks every new process from it. The arguments
are uvicorn's own:

    python -m app.reloading app.main:app --reload

A process that fails after a change waits for the next change. If the first process fails, the program ends
with its exit code. If a signal kills any process, the program ends as well: no change repairs that.

Windows cannot fork; there this module runs plain uvicorn.
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
"""The application's third-party imports. A missing entry only makes reloads slower."""


if sys.platform != "win32":
    from multiprocessing.context import ForkServerContext, ForkServerProcess

    class Worker(ForkServerProcess):
        """A process that serves the application."""

        any_started = False
        is_replaced = False

        def start(self) -> None:
            """Start the process and watch it."""
            super().start()
            is_first, Worker.any_started = not Worker.any_started, True
            threading.Thread(target=self._end_with_it, args=[is_first], daemon=True).start()

        def terminate(self) -> None:
            self.is_replaced = True
            super().terminate()

        def _end_with_it(self, is_first: bool) -> None:
            wait([self.sentinel])
            code = self.exitcode or 1
            if not self.is_replaced and (is_first or code < 0):
                os._exit(code if code > 0 else 128 - code)

    class Context(ForkServerContext):
        """The multiprocessing context of uvicorn's processes."""

        Process = Worker


def main() -> None:
    """Run uvicorn's command line."""
    if sys.platform != "win32":
        multiprocessing.set_forkserver_preload(list(LIBRARIES))
        _subprocess.spawn = Context()  # type: ignore[assignment]
    uvicorn.main()


if __name__ == "__main__":
    main()
