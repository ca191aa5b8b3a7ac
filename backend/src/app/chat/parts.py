"""The parts of a reply as streamed, as stored and as read by agents.

Streamed parts use the AI SDK's names. Stored parts merge the pieces: one part for each run of text and one
for each tool call with its result. A stored tool part may contain `extra`, which is only ever sent back to
its provider.
"""

import json
import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from app.agents.protocol import (
    AgentError,
    AgentEvent,
    HistoryMessage,
    TextDelta,
    TextPart,
    ToolCall,
    ToolPart,
    ToolResult,
)
from app.chat.models import Message, Role

StreamPart = dict[str, Any]
StoredPart = dict[str, Any]

KEEP_ALIVE = b": keep-alive\n\n"
FINISH: StreamPart = {"type": "finish"}
DONE = b"data: [DONE]\n\n"


def encode_part(part: StreamPart) -> bytes:
    """Encode a part as a server-sent event. JSON escapes line breaks, so text cannot end the event early."""
    return f"data: {json.dumps(part, ensure_ascii=False, separators=(',', ':'))}\n\n".encode(
        "utf-8", "replace"
    )


def start_part(reply_id: str, conversation_id: str, agent: str | None, model: str | None) -> StreamPart:
    """Return the first part of a stream."""
    return {
        "type": "start",
        "messageId": reply_id,
        "conversation_id": conversation_id,
        "agent": {"name": agent, "model": model},
    }


def abort_part(reason: str) -> StreamPart:
    """Return the last part of an interrupted stream. The same message and key resume the reply."""
    return {"type": "abort", "reason": reason}


def _storable(text: str) -> str:
    """Remove NUL and lone surrogates, which PostgreSQL or UTF-8 cannot store."""
    return text.replace("\0", "").encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _storable_values(value: Any) -> Any:
    """Convert nested values of a model to JSON that every database and browser can read."""
    if isinstance(value, str):
        return _storable(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, list):
        return [_storable_values(item) for item in value]
    if isinstance(value, dict):
        return {_storable(name): _storable_values(item) for name, item in value.items()}
    return value


class Reply:
    """A reply in progress: converts events to streamed parts, and collects the stored parts.

    Args:
        begun: the parts from before an interruption.
    """

    def __init__(self, begun: Sequence[StoredPart] = ()) -> None:
        self.stored: list[StoredPart] = [dict(part) for part in begun]
        self.failed = False
        self._calls = {part["toolCallId"]: part for part in self.stored if part["type"] == "tool"}
        self._text_open = False
        # Continue the part numbers after those of the replayed parts.
        self._texts = len(self.stored)

    def take(self, event: AgentEvent) -> Iterator[StreamPart]:
        """Add an event to the reply and yield its streamed parts."""
        match event:
            case TextDelta(text):
                text = _storable(text)
                if not text:
                    return
                if not self._text_open:
                    self._text_open, self._texts = True, self._texts + 1
                    self.stored.append({"type": "text", "text": ""})
                    yield {"type": "text-start", "id": self._text_id}
                self.stored[-1]["text"] += text
                yield {"type": "text-delta", "id": self._text_id, "delta": text}
            case ToolCall(call_id, name, arguments, extra):
                yield from self.end_text()
                part: StoredPart = {
                    "type": "tool",
                    "toolCallId": call_id,
                    "toolName": _storable(name),
                    "input": _storable_values(arguments),
                }
                if extra:
                    part["extra"] = _storable_values(dict(extra))
                self._calls[call_id] = part
                self.stored.append(part)
                yield from _tool_input(part)
            case ToolResult(call_id, outcome):
                part = self._calls[call_id]
                if outcome.error is None:
                    part["output"] = outcome.output
                else:
                    part["errorText"] = _storable(outcome.error)
                yield from _tool_output(part)
            case AgentError(message):
                yield from self.end_text()
                self.failed = True
                self.stored.append({"type": "error", "errorText": message})
                yield {"type": "error", "errorText": message}

    @property
    def open_calls(self) -> list[ToolPart]:
        """The tool calls without an outcome."""
        return [call for call in self.calls if call.output is None and call.error is None]

    @property
    def calls(self) -> list[ToolPart]:
        """All tool calls."""
        return [part for part in _history_parts(self._calls.values()) if isinstance(part, ToolPart)]

    @property
    def ends_in_text(self) -> bool:
        """Whether the last part is a run of text, to which the next text belongs."""
        return self._text_open

    @property
    def _text_id(self) -> str:
        return f"text-{self._texts}"

    def end_text(self) -> Iterator[StreamPart]:
        """Close the open run of text, if any."""
        if self._text_open:
            self._text_open = False
            yield {"type": "text-end", "id": self._text_id}


def _tool_input(part: StoredPart) -> Iterator[StreamPart]:
    yield {"type": "tool-input-available", **{key: part[key] for key in ("toolCallId", "toolName", "input")}}


def _tool_output(part: StoredPart) -> Iterator[StreamPart]:
    if "output" in part:
        yield {
            "type": "tool-output-available",
            "toolCallId": part["toolCallId"],
            "output": part["output"],
        }
    elif "errorText" in part:
        yield {
            "type": "tool-output-error",
            "toolCallId": part["toolCallId"],
            "errorText": part["errorText"],
        }


def resumable(stored: Sequence[StoredPart]) -> list[StoredPart]:
    """Return the parts to keep of an interrupted reply, up to its last tool call. Later text is repeated."""
    last = max((place for place, part in enumerate(stored, 1) if part["type"] == "tool"), default=0)
    return list(stored[:last])


def replayed(stored: Iterable[StoredPart]) -> Iterator[StreamPart]:
    """Yield the streamed parts of a stored reply, with each run of text in one piece."""
    for number, part in enumerate(stored, 1):
        if part["type"] == "text":
            text_id = f"text-{number}"
            yield {"type": "text-start", "id": text_id}
            yield {"type": "text-delta", "id": text_id, "delta": part["text"]}
            yield {"type": "text-end", "id": text_id}
        elif part["type"] == "tool":
            yield from _tool_input(part)
            yield from _tool_output(part)
        else:
            yield {"type": "error", "errorText": part["errorText"]}


def step_of(part: Mapping[str, Any]) -> str | None:
    """Return the step that undoes a tool call, if it changed anything."""
    output = part.get("output")
    return output.get("step") if isinstance(output, dict) and part.get("toolName") != "undo" else None


def readable(stored: Iterable[StoredPart], undone: Collection[str] = ()) -> list[StoredPart]:
    """Return stored parts for display. Errors become text, and calls of the `undone` steps are marked."""
    parts: list[StoredPart] = []
    for part in stored:
        if part["type"] == "error":
            parts.append({"type": "text", "text": part["errorText"]})
        else:
            mark = {"undone": True} if step_of(part) in undone else {}
            parts.append({key: value for key, value in part.items() if key != "extra"} | mark)
    return parts


def history_message(message: Message) -> HistoryMessage:
    """Return a stored message for an agent. Errors, which only the user sees, are omitted."""
    return HistoryMessage(
        role="user" if message.role == Role.USER else "assistant",
        parts=_history_parts(message.parts),
        agent=message.agent,
    )


def begun_message(begun: Sequence[StoredPart], agent: str | None) -> HistoryMessage | None:
    """Return the stored beginning of a reply for an agent; None without any."""
    return HistoryMessage("assistant", _history_parts(begun), agent) if begun else None


def _history_parts(stored: Iterable[Mapping[str, Any]]) -> list[TextPart | ToolPart]:
    parts: list[TextPart | ToolPart] = []
    for part in stored:
        if part["type"] == "text":
            parts.append(TextPart(part["text"]))
        elif part["type"] == "tool":
            parts.append(
                ToolPart(
                    id=part["toolCallId"],
                    name=part["toolName"],
                    input=part["input"],
                    output=part.get("output"),
                    error=part.get("errorText"),
                    extra=part.get("extra", {}),
                )
            )
    return parts
