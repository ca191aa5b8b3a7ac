"""Run the server: `python -m app` listens on HOST and PORT.

uvicorn's command line takes the address as an argument, and an image without a shell cannot expand a
variable. All other UVICORN_… variables work as usual.
"""

import os

import uvicorn

if __name__ == "__main__":
    host, port = os.environ.get("HOST") or "0.0.0.0", os.environ.get("PORT") or "8000"  # noqa: S104
    uvicorn.main(["app.main:app", "--host", host, "--port", port])
