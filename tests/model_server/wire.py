"""Chat Completions on the wire, the way the real service writes them."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

PIECE = 7
"""Characters in a fragment of text or of arguments: small, so that every client has to join them."""


@dataclass(frozen=True)
class FunctionCall:
    """A tool call, with whatever the provider adds to it."""

    name: str
    arguments: dict[str, Any]
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Completion:
    """Answer of a model: words, or tool calls, or both."""

    text: str = ""
    calls: tuple[FunctionCall, ...] = ()


def error_body(message: str, kind: str, code: str | None) -> dict[str, Any]:
    """Return the body of an answer that is an error."""
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


def event(data: Any) -> bytes:
    """Return one server-sent event."""
    return b"data: " + json.dumps(data).encode() + b"\n\n"


DONE = b"data: [DONE]\n\n"


def chunk(
    model: str,
    number: int,
    delta: dict[str, Any] | None,
    finish_reason: str | None = None,
    usage: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Return one chunk of a streamed completion; without a delta, the one that tells the usage."""
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
    return {
        "id": f"chatcmpl-{number:08d}",
        "object": "chat.completion.chunk",
        "created": int(time.time()),
        "model": model,
        "service_tier": "default",
        "system_fingerprint": "fp_local",
        "choices": [] if delta is None else [choice],
        "usage": usage,
    }


def _pieces(text: str) -> Iterator[str]:
    for start in range(0, len(text), PIECE):
        yield text[start : start + PIECE]


def stream(completion: Completion, model: str, number: int, *, usage: bool) -> Iterator[bytes]:
    """Yield a completion as server-sent events. `number` makes the ids of the completion and its calls."""

    def part(delta: dict[str, Any] | None, finish_reason: str | None = None, **more: Any) -> bytes:
        return event(chunk(model, number, delta, finish_reason, **more))

    yield part({"role": "assistant", "content": None if completion.calls else "", "refusal": None})
    for piece in _pieces(completion.text):
        yield part({"content": piece})
    for index, call in enumerate(completion.calls):
        opening = {
            "index": index,
            "id": f"call_{number:08d}{index:02d}",
            "type": "function",
            "function": {"name": call.name, "arguments": ""},
            **call.extra,
        }
        yield part({"tool_calls": [opening]})
        for piece in _pieces(json.dumps(call.arguments)):
            yield part({"tool_calls": [{"index": index, "function": {"arguments": piece}}]})
    yield part({}, "tool_calls" if completion.calls else "stop")
    if usage:
        yield part(None, usage={"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120})
    yield DONE
