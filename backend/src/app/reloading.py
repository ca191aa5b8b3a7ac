"""uvicorn for development, in which a changed line is served in half the time.

After every change uvicorn starts a new interpreter, which spends most of a second importing the same
libraries. Here a fork server imports them once, and every new process is a fork of it. The arguments are
uvicorn's own:

    python -m app.reloading app.main:app --reload

Windows cannot fork; there this is plain uvicorn.
"""

import multiprocessing
import sys

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


def main() -> None:
    """Run uvicorn's command line."""
    if sys.platform != "win32":
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(list(LIBRARIES))
        _subprocess.spawn = context  # type: ignore[assignment]
    uvicorn.main()


if __name__ == "__main__":
    main()
