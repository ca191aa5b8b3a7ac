"""Answers /ready, and /environment with what it was started with.

BACKEND=broken fails at import, BACKEND=stubborn does not end when it is asked to.
"""

import asyncio
import json
import os
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

if os.environ.get("BACKEND") == "broken":
    raise RuntimeError("this backend is broken on purpose")

Message = MutableMapping[str, Any]


async def app(
    scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
) -> None:
    """Serve one connection, as ASGI asks."""
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        if os.environ.get("BACKEND") == "stubborn":
            await asyncio.Event().wait()
        await send({"type": "lifespan.shutdown.complete"})
        return
    known = {"/ready": "{}", "/environment": json.dumps(dict(os.environ))}
    body = known.get(scope["path"])
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": 200 if body else 404, "headers": headers})
    await send({"type": "http.response.body", "body": (body or "").encode()})
