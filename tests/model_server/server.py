"""The HTTP server: checks requests as strictly as the real service does, and streams the answers."""

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.model_server.planner import plan
from tests.model_server.scripts import SCRIPTS, CutConnectionError
from tests.model_server.wire import Completion, error_body, stream

REFUSED_KEY = "sk-refused"
"""The one key that is not accepted; every other one is."""


class RequestRefusedError(Exception):
    """The request breaks a rule of Chat Completions."""

    def __init__(self, status: int, body: Any) -> None:
        super().__init__(status)
        self.status = status
        self.body = body


class ModelServer(ThreadingHTTPServer):
    """Listens on one address and remembers the bodies of all requests it was sent."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, port: int = 0, host: str = "127.0.0.1") -> None:
        super().__init__((host, port), _Handler)
        self.requests: list[dict[str, Any]] = []
        self.connections = 0
        self.closing = threading.Event()

    @property
    def url(self) -> str:
        """The base URL that a client is given."""
        return f"http://{self.server_address[0]!s}:{self.server_address[1]}/v1"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: clients that leave early are what the tests are about."""


@contextmanager
def model_server(host: str = "127.0.0.1") -> Iterator[ModelServer]:
    """Run a server on a free port while the block lasts."""
    server = ModelServer(host=host)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.closing.set()
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: ModelServer

    def setup(self) -> None:
        """Count the connection."""
        super().setup()
        self.server.connections += 1

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Keep quiet."""

    def do_GET(self) -> None:
        """Answer a health check."""
        if self.path == "/health":
            self._answer(200, {"status": "ok"})
        else:
            self._answer(404, error_body("Unknown request URL", "invalid_request_error", "unknown_url"))

    def do_POST(self) -> None:
        """Answer a chat completion."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        try:
            request = self._checked(body)
        except RequestRefusedError as refusal:
            self._answer(refusal.status, refusal.body)
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream; charset=utf-8")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        try:
            for data in self._answer_to(request):
                self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
                self.wfile.flush()
            self.wfile.write(b"0\r\n\r\n")
        except CutConnectionError:
            self.close_connection = True
        except OSError:
            # The client pressed Stop.
            self.close_connection = True

    def _answer_to(self, request: dict[str, Any]) -> Iterator[bytes]:
        model, messages = request["model"], request["messages"]
        if model.startswith("script:"):
            yield from SCRIPTS[model.removeprefix("script:")](messages, self.server.closing)
            return
        completion = plan(messages)
        if model.startswith("gemini"):
            completion = _signed(completion)
        usage = bool(request.get("stream_options", {}).get("include_usage"))
        yield from stream(completion, model, len(self.server.requests), usage=usage)

    def _checked(self, body: bytes) -> dict[str, Any]:
        """Return the request.

        Raises:
            RequestRefusedError: where the real service would refuse it, or a test asks for a refusal.
        """
        scheme, _, key = self.headers.get("Authorization", "").partition(" ")
        if scheme != "Bearer" or not key.strip():
            refuse(401, "You didn't provide an API key.", None)
        if key == REFUSED_KEY:
            # Like the real service, it repeats what it was sent.
            refuse(401, f"Incorrect API key provided: {key}.", "invalid_api_key")
        if not self.path.endswith("/chat/completions"):
            refuse(404, "Unknown request URL", "unknown_url")
        try:
            request = json.loads(body)
            messages, model = request["messages"], request["model"]
        except (ValueError, KeyError, TypeError):
            refuse(400, "We could not parse the JSON body of your request.", None)
        self.server.requests.append(request)
        if model.startswith("fail-"):
            status = int(model.removeprefix("fail-"))
            refuse(status, f"Failure {status} on demand, with key {key}.", "on_demand")
        if model.startswith("wait-"):
            refuse(429, model.removeprefix("wait-"), "wait")
        if model.startswith("script:") and model.removeprefix("script:") not in SCRIPTS:
            refuse(404, f"The model `{model}` does not exist.", "model_not_found")
        if not request.get("stream"):
            refuse(400, "This server only streams.", None)
        check_messages(messages)
        check_tools(request.get("tools", []))
        if model.startswith("gemini"):
            check_signatures(messages)
        return dict(request)

    def _answer(self, status: int, body: Any) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        if isinstance(body, dict) and body.get("error", {}).get("code") == "wait":
            self.send_header("Retry-After", body["error"]["message"])
        self.end_headers()
        self.wfile.write(data)


def refuse(status: int, message: str, code: str | None) -> None:
    """Refuse a request the way OpenAI does.

    Raises:
        RequestRefusedError: always.
    """
    raise RequestRefusedError(status, error_body(message, "invalid_request_error", code))


def check_messages(messages: Any) -> None:
    """Check that roles, contents and tool results fit together.

    Raises:
        RequestRefusedError: where the real service answers 400.
    """
    if not isinstance(messages, list) or not any(message.get("role") == "user" for message in messages):
        refuse(400, "Invalid 'messages'.", None)
    waiting: set[str] = set()
    for message in messages:
        role = message.get("role")
        if role == "tool":
            if message.get("tool_call_id") not in waiting:
                refuse(400, "messages with role 'tool' must be a response to a preceding 'tool_calls'.", None)
            waiting.discard(message["tool_call_id"])
            continue
        if waiting:
            refuse(400, f"These tool_call_ids did not have response messages: {sorted(waiting)}", None)
        if role not in {"system", "user", "assistant"}:
            refuse(400, f"Invalid role {role!r}.", None)
        calls = message.get("tool_calls") or []
        if not calls and not isinstance(message.get("content"), str):
            refuse(400, "Invalid value for 'content': expected a string, got null.", None)
        for call in calls:
            if call.get("type") != "function" or len(call.get("id", "")) not in range(1, 41):
                refuse(400, "Invalid 'tool_calls'.", None)
            try:
                json.loads(call["function"]["arguments"])
            except (ValueError, KeyError, TypeError):
                refuse(400, "Invalid 'function.arguments': expected JSON.", None)
            waiting.add(call["id"])
    if waiting:
        refuse(400, f"These tool_call_ids did not have response messages: {sorted(waiting)}", None)


def check_tools(tools: Any) -> None:
    """Check that each tool is a function whose parameters are an object.

    Raises:
        RequestRefusedError: where the real service answers 400.
    """
    for tool in tools:
        function = tool.get("function", {})
        if tool.get("type") != "function" or function.get("parameters", {}).get("type") != "object":
            refuse(
                400, f"Invalid schema for function {function.get('name')!r}.", "invalid_function_parameters"
            )


def _signature(call: dict[str, Any]) -> str:
    text = (
        f"{call['function']['name']} {json.dumps(json.loads(call['function']['arguments']), sort_keys=True)}"
    )
    return hashlib.sha256(text.encode()).hexdigest()


def _signed(completion: Completion) -> Completion:
    """Sign the first call of an answer, as Gemini 3 does."""
    if not completion.calls:
        return completion
    first, *others = completion.calls
    function = {"name": first.name, "arguments": json.dumps(first.arguments)}
    signature = _signature({"function": function})
    extra = {"extra_content": {"google": {"thought_signature": signature}}}
    return replace(completion, calls=(replace(first, extra=extra), *others))


def check_signatures(messages: list[dict[str, Any]]) -> None:
    """Check that the first call of each answer since the person's last message carries its signature.

    Raises:
        RequestRefusedError: 400, in Gemini's form, where one is missing or altered.
    """
    last = max(number for number, message in enumerate(messages) if message["role"] == "user")
    for message in messages[last:]:
        for call in (message.get("tool_calls") or [])[:1]:
            if call.get("extra_content", {}).get("google", {}).get("thought_signature") != _signature(call):
                text = "Function call is missing a thought_signature in functionCall parts."
                raise RequestRefusedError(
                    400, [{"error": {"code": 400, "message": text, "status": "INVALID_ARGUMENT"}}]
                )
