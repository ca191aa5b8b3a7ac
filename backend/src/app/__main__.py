"""The server, where its address is decided when it starts: `python -m app` listens on HOST and PORT.

uvicorn's command line takes an address as an argument, and an image without a shell has nobody to put a
variable there. Everything else is uvicorn's own; its variables (UVICORN_…) hold too.
"""

import os

import uvicorn

if __name__ == "__main__":
    host, port = os.environ.get("HOST") or "0.0.0.0", os.environ.get("PORT") or "8000"  # noqa: S104
    uvicorn.main(["app.main:app", "--host", host, "--port", port])
