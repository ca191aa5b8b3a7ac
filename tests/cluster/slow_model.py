"""A model that takes its time, in a pod beside the release: a reply of some seconds, with a task in it.

Speaks streaming Chat Completions with Python alone, since the pod runs on the backend's image.
"""

import json
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PIECES = 12
PAUSE_S = 0.5
"""Between two pieces: a reply takes six seconds."""


class Handler(BaseHTTPRequestHandler):
    """Answers one completion a connection."""

    def do_POST(self) -> None:
        """Add the task that the person names, then talk for a while."""
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        for delta, reason in answer(request["messages"]):
            choice = {"index": 0, "delta": delta, "finish_reason": reason}
            data = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": int(time.time()),
                    "model": request["model"], "choices": [choice]}  # fmt: skip
            self.wfile.write(f"data: {json.dumps(data)}\n\n".encode())
            self.wfile.flush()
        self.wfile.write(b"data: [DONE]\n\n")

    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002 - the library's name
        """Say nothing."""


def answer(messages: list[dict[str, Any]]) -> Iterator[tuple[dict[str, Any], str | None]]:
    """Return the pieces of an answer, and the reason that ends it."""
    if messages[-1]["role"] == "user":
        title = str(messages[-1]["content"])
        function = {"name": "add_task", "arguments": json.dumps({"title": title})}
        call = {"index": 0, "id": "call_1", "type": "function", "function": function}
        yield {"role": "assistant", "tool_calls": [call]}, None
        yield {}, "tool_calls"
        return
    for number in range(PIECES):
        time.sleep(PAUSE_S)
        yield {"content": f"{number} "}, None
    yield {}, "stop"


ThreadingHTTPServer(("", 8000), Handler).serve_forever()
