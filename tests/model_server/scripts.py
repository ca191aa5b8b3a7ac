"""Models that behave badly: one for each way in which a provider has been seen, or may be feared, to fail.

Asked for as the model `script:<name>`. Each script writes raw bytes, so that it can break any rule.
"""

import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

from tests.model_server.wire import DONE, Completion, FunctionCall, chunk, event, stream

Script = Callable[[list[dict[str, Any]], threading.Event], Iterator[bytes]]
"""Takes the messages, and an event that is set when the server closes; yields bytes of the event stream."""
SCRIPTS: dict[str, Script] = {}


class CutConnectionError(Exception):
    """Tells the server to drop the connection in the middle of the answer."""


def script(run: Script) -> Script:
    """Register a script by the name of its function."""
    SCRIPTS[run.__name__.removeprefix("_").replace("_", "-")] = run
    return run


def _piece(delta: dict[str, Any], finish_reason: str | None = None) -> bytes:
    return event(chunk("script", 1, delta, finish_reason))


def _tools_answered(messages: list[dict[str, Any]]) -> bool:
    return bool(messages[-1]["role"] == "tool")


@script
def _malformed_json(messages: list[dict[str, Any]], closing: threading.Event) -> Iterator[bytes]:
    yield _piece({"role": "assistant", "content": "One moment"})
    yield b'data: {"choices": [{"delta": {"content": \n\n'


@script
def _malformed_shape(messages: list[dict[str, Any]], closing: threading.Event) -> Iterator[bytes]:
    yield event({"choices": [{"delta": {"tool_calls": ["add_task"]}, "index": 0}]})
    yield DONE


@script
def _malformed_arguments(messages: list[dict[str, Any]], closing: threading.Event) -> Iterator[bytes]:
    if _tools_answered(messages):
        yield from stream(Completion("Sorry, I said that wrong."), "script", 2, usage=False)
        return
    call = {"index": 0, "id": "call_1", "type": "function"}
    yield _piece({"tool_calls": [{**call, "function": {"name": "add_task", "arguments": '{"title": "Bu'}}]})
    yield _piece({}, "tool_calls")
    yield DONE


@script
def _odd_arguments(messages: list[dict[str, Any]], closing: threading.Event) -> Iterator[bytes]:
    """Send text that no database holds, an endless nesting, and a number that no float holds."""
    if _tools_answered(messages):
        yield from stream(Completion("Never mind."), "script", 2, usage=False)
        return
    for index, arguments in enumerate(
        (r'{"title": "\ud83e\u0000", "\ud83e": 1}', '{"a":' * 500 + "1" + "}" * 500, '{"title": 1e999}')
    ):
        function = {"name": "add_task", "arguments": arguments}
        yield _piece({"tool_calls": [{"index": index, "id": f"call_{index}", "function": function}]})
    yield _piece({}, "tool_calls")
    yield DONE


@script
def _unknown_tool(messages: list[dict[str, Any]], closing: threading.Event) -> Iterator[bytes]:
    if _tools_answered(messages):
        yield from stream(Completion("I cannot do that."), "script", 2, usage=False)
        return
    yield from stream(Completion(calls=(FunctionCall("drop_database", {}),)), "script", 1, usage=False)


@script
def _empty(messages: list[dict[str, Any]], closing: threading.Event) -> Iterator[bytes]:
    yield from stream(Completion(), "script", 1, usage=False)


@script
def _length(messages: list[dict[str, Any]], closing: threading.Event) -> Iterator[bytes]:
    yield _piece({"content": "And so on and"})
    yield _piece({}, "length")
    yield DONE


@script
def _cut(messages: list[dict[str, Any]], closing: threading.Event) -> Iterator[bytes]:
    yield _piece({"role": "assistant", "content": "I was about to"})
    raise CutConnectionError


@script
def _unfinished(messages: list[dict[str, Any]], closing: threading.Event) -> Iterator[bytes]:
    """End the stream politely, but in the middle of the answer."""
    yield _piece({"role": "assistant", "content": "I was about to"})


@script
def _hang(messages: list[dict[str, Any]], closing: threading.Event) -> Iterator[bytes]:
    """Say one thing, and nothing more until the server closes."""
    yield _piece({"role": "assistant", "content": "Let me think"})
    closing.wait()


@script
def _act_then_hang(messages: list[dict[str, Any]], closing: threading.Event) -> Iterator[bytes]:
    """Do something, then fall silent: what was done must be kept."""
    if _tools_answered(messages):
        yield from _hang(messages, closing)
        return
    call = FunctionCall("add_task", {"title": "Half done"})
    yield from stream(Completion(calls=(call,)), "script", 1, usage=False)


@script
def _slow(messages: list[dict[str, Any]], closing: threading.Event) -> Iterator[bytes]:
    for part in stream(Completion("Slow and steady wins."), "script", 1, usage=True):
        closing.wait(0.02)
        yield part


@script
def _endless_tools(messages: list[dict[str, Any]], closing: threading.Event) -> Iterator[bytes]:
    """Never be content with what the tools answer."""
    yield from stream(Completion(calls=(FunctionCall("list_tasks", {}),)), "script", 1, usage=False)


@script
def _endless_text(messages: list[dict[str, Any]], closing: threading.Event) -> Iterator[bytes]:
    while not closing.is_set():
        yield _piece({"content": "and on " * 100})


@script
def _error_in_stream(messages: list[dict[str, Any]], closing: threading.Event) -> Iterator[bytes]:
    yield _piece({"role": "assistant", "content": "Well"})
    yield event({"error": {"message": "The engine is overloaded.", "type": "server_error", "code": 503}})


@script
def _odd_ids(messages: list[dict[str, Any]], closing: threading.Event) -> Iterator[bytes]:
    """Send two whole calls with the index 0, the second without an id, as some servers do."""
    if _tools_answered(messages):
        yield from stream(Completion("Both are noted."), "script", 2, usage=False)
        return
    for number, title in ((0, "First"), (1, "Second")):
        function = {"name": "add_task", "arguments": f'{{"title": "{title}"}}'}
        yield _piece({"tool_calls": [{"index": number, "id": "", "type": "function", "function": function}]})
    yield _piece({}, "tool_calls")
    yield DONE


@script
def _split_emoji(messages: list[dict[str, Any]], closing: threading.Event) -> Iterator[bytes]:
    """Cut a character outside the basic plane in two, as tokenizers do."""
    yield b'data: {"choices": [{"index": 0, "delta": {"content": "Milk \\ud83e"}}]}\n\n'
    yield b'data: {"choices": [{"index": 0, "delta": {"content": "\\udd5b ok"}}]}\n\n'
    yield _piece({}, "stop")
    yield DONE


@script
def _obey(messages: list[dict[str, Any]], closing: threading.Event) -> Iterator[bytes]:
    """Make all the calls that the message contains as JSON, as an injected text would have it."""
    if _tools_answered(messages):
        yield from stream(Completion("I did as I was told."), "script", 2, usage=False)
        return
    try:
        wanted = json.loads(str(messages[-1]["content"]))
    except ValueError:
        wanted = []
    calls = tuple(FunctionCall(name, arguments) for name, arguments in wanted)
    yield from stream(Completion(calls=calls, text="" if calls else "Nothing."), "script", 1, usage=False)


@script
def _endless_empty(messages: list[dict[str, Any]], closing: threading.Event) -> Iterator[bytes]:
    """Keep the stream alive and say nothing."""
    while not closing.is_set():
        yield _piece({}) * 100


@script
def _other_person(messages: list[dict[str, Any]], closing: threading.Event) -> Iterator[bytes]:
    """Try, as an injected instruction would, to reach a task by its id, naming another person."""
    if _tools_answered(messages):
        yield from stream(Completion("I could not."), "script", 2, usage=False)
        return
    stolen = str(messages[-1]["content"])
    calls = (
        FunctionCall("delete_task", {"id": stolen}),
        FunctionCall("list_tasks", {"user_id": stolen}),
    )
    yield from stream(Completion(calls=calls), "script", 1, usage=False)
