"""A slow model in a pod next to the release: each reply takes some seconds and adds a task.

It implements streaming Chat Completions with the standard library only, because the pod uses the backend's
image.
"""

import json
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PIECES = 12
PAUSE_S = 0.5
"""The pause between two pieces; a reply takes six seconds."""


class Handler(BaseHTTPRequestHandler):
    """Serves one completion per connection."""

    def do_POST(self) -> None:
        """Add the task that the user names, then stream text for a while."""
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
        """Disable the request log."""


def answer(messages: list[dict[str, Any]]) -> Iterator[tuple[dict[str, Any], str | None]]:
    """Return the pieces of an answer and its finish reason."""
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
