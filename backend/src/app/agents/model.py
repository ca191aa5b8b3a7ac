"""The model-backed agent for OpenAI, Gemini and OpenRouter, over streaming Chat Completions.

In each turn the agent calls the model, runs the tools that the model requests, sends it their results, and
repeats until the model replies with text only. The tools are bound to the user, so even a prompt injection
cannot reach another user's tasks.
"""

import asyncio
import json
import re
import secrets
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from importlib import import_module
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import structlog

from app.agents.confirmation import is_held
from app.agents.messages import assistant_messages, echo, history, system_prompt, tool_message, tool_schema
from app.agents.protocol import (
    AgentError,
    AgentEvent,
    JsonObject,
    TextDelta,
    ToolCall,
    ToolOutcome,
    ToolResult,
    Turn,
)
from app.agents.providers import ModelChoice, Provider

if TYPE_CHECKING:
    from openai import AsyncOpenAI, AsyncStream
    from openai.types.chat import ChatCompletionChunk

ROUNDS = 8
"""The maximum number of model requests in one turn."""
CALLS_PER_TURN = 32
ARGUMENT_CHARACTERS = 20_000
REPLY_CHARACTERS = 20_000
CONNECT_TIMEOUT_S = 10.0
SILENCE_TIMEOUT_S = 45.0
"""The time limit between two pieces of an answer, and from the question to the first one."""
_THOUGHTS = ("reasoning", "reasoning_content")
"""The fields in which providers stream what a model thinks before it answers."""
LONGEST_RETRY_S = 5.0
"""A provider that asks for a longer wait is reported at once instead."""
TOO_MANY_STEPS = "This needed too many steps, so I stopped. The changes made so far are kept."

log = structlog.get_logger(__name__)


class MalformedAnswerError(Exception):
    """The provider's stream violates the Chat Completions format."""


class TooManyCallsError(Exception):
    """The model wants to call more than CALLS_PER_TURN tools."""


@dataclass(slots=True)
class _Call:
    """A tool call while its fragments arrive. `extra` contains all provider-specific fields."""

    id: str = ""
    name: str = ""
    arguments: str = ""
    extra: JsonObject = field(default_factory=dict)


@dataclass(slots=True)
class _Round:
    """One streamed answer of the model."""

    text: str = ""
    calls: list[_Call] = field(default_factory=list)
    finish_reason: str | None = None


class ModelAgent:
    """Answers with the model that the settings select."""

    def __init__(
        self, choice: ModelChoice, *, retries: int = 2, silence_s: float = SILENCE_TIMEOUT_S
    ) -> None:
        """Create the agent without importing a library or opening a connection.

        Args:
            choice: the model, with its key and address.
            retries: the number of retries for a request that fails before it streams anything.
            silence_s: the timeout in seconds between two pieces of a streamed answer.
        """
        self._choice = choice
        self._retries = retries
        self._silence_s = silence_s
        self._opening: asyncio.Task[AsyncOpenAI] | None = None

    @property
    def name(self) -> str:
        """The provider's name."""
        return self._choice.provider.name

    @property
    def model(self) -> str:
        """The model's name in the provider's API."""
        return self._choice.model

    async def answer(self, turn: Turn) -> AsyncGenerator[AgentEvent, None]:
        """Answer one message; end with an `AgentError` when the model fails."""
        try:
            client = await self._client()
            import openai
        except (OSError, ImportError, ValueError) as error:
            # The library, its certificates or the address: the next turn tries again.
            log.warning("model not opened", agent=self.name, error=type(error).__name__)
            yield AgentError(f"{self._choice.provider.label} cannot be reached. Please try again.")
            return
        try:
            async with aclosing(self._converse(client, turn)) as events:
                async for event in events:
                    yield event
        except TooManyCallsError:
            yield AgentError(TOO_MANY_STEPS)
        except (openai.OpenAIError, MalformedAnswerError, TimeoutError, ValueError) as error:
            # Log only the type and status: the text of a provider's error may contain the key.
            status, code = getattr(error, "status_code", None), getattr(error, "code", None)
            log.warning("model failed", agent=self.name, error=type(error).__name__, status=status, code=code)
            yield AgentError(_explain(error, self._choice.provider, self.model))

    async def close(self) -> None:
        """Close the connections to the provider."""
        if self._opening is not None and not self._has_failed(self._opening):
            await (await self._opening).close()

    async def _client(self) -> "AsyncOpenAI":
        """Return the client that all turns share: a new one costs 90 ms and a TLS context."""
        if self._opening is None or self._has_failed(self._opening):
            self._opening = asyncio.create_task(self._open_client())
        return await asyncio.shield(self._opening)

    @staticmethod
    def _has_failed(opening: "asyncio.Task[AsyncOpenAI]") -> bool:
        return opening.done() and (opening.cancelled() or opening.exception() is not None)

    async def _open_client(self) -> "AsyncOpenAI":
        # Importing the library takes half a second, so it happens on the first chat message, and in a thread
        # so that the event loop keeps running.
        await asyncio.to_thread(import_module, "openai")
        from openai import AsyncOpenAI, Timeout

        return await asyncio.to_thread(
            AsyncOpenAI,
            api_key=self._choice.key.get_secret_value(),
            base_url=self._choice.base_url,
            timeout=Timeout(self._silence_s, connect=CONNECT_TIMEOUT_S),
            # `_request` retries, because the library waits for as long as a provider asks.
            max_retries=0,
        )

    async def _converse(self, client: "AsyncOpenAI", turn: Turn) -> AsyncGenerator[AgentEvent, None]:
        tools = [tool_schema(tool) for tool in await turn.tools.describe()]
        messages: list[Any] = [
            {"role": "system", "content": system_prompt(turn)},
            *history(turn.history, self.name),
            {"role": "user", "content": turn.message},
        ]
        spoken, called, used, held = 0, 0, set[str](), False
        if turn.begun is not None:
            messages += assistant_messages(turn.begun, self.name)
            spoken, called = len(turn.begun.text), len(turn.begun.calls)
            used = {call.id for call in turn.begun.calls}
        for _ in range(ROUNDS):
            answer = _Round()
            async with aclosing(self._ask(client, messages, tools, answer)) as deltas:
                async for text in deltas:
                    spoken += len(text)
                    if spoken > REPLY_CHARACTERS:
                        yield AgentError("The answer became too long, so I stopped it.")
                        return
                    yield TextDelta(text)
            if not answer.calls:
                error = _unfinished(answer)
                if error and not (held and answer.finish_reason == "stop"):
                    yield AgentError(error)
                return
            results: list[Any] = []
            for call in answer.calls:
                called += 1
                if called > CALLS_PER_TURN:
                    raise TooManyCallsError
                # Some servers restart their ids in every answer, or send none.
                if not re.fullmatch(r"[\w.:-]{1,64}", call.id, re.ASCII) or call.id in used:
                    call.id = f"call_{secrets.token_hex(8)}"
                used.add(call.id)
                arguments = _arguments(call)
                yield ToolCall(call.id, call.name, arguments or {}, call.extra)
                if arguments is None:
                    outcome = ToolOutcome(error="The arguments were not a JSON object.")
                    call.arguments = "{}"
                else:
                    outcome = await turn.tools.call(call.name, arguments, call.id)
                yield ToolResult(call.id, outcome)
                held = held or is_held(outcome)
                results.append(tool_message(call.id, outcome))
            messages.append(
                {
                    "role": "assistant",
                    "content": answer.text or None,
                    "tool_calls": [
                        echo(call.id, call.name, call.arguments, call.extra) for call in answer.calls
                    ],
                }
            )
            messages += results
        yield AgentError(TOO_MANY_STEPS)

    async def _ask(
        self, client: "AsyncOpenAI", messages: list[Any], tools: list[Any], answer: _Round
    ) -> AsyncGenerator[str, None]:
        """Send one request to the model; yield its text and collect the whole answer in `answer`.

        Raises:
            OpenAIError: when the provider refuses the request or fails.
            MalformedAnswerError: when the answer is invalid or incomplete.
            TooManyCallsError: when the answer contains too many tool calls.
            TimeoutError: when nothing arrives in time.
        """
        pending = ""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._silence_s
        async with asyncio.timeout_at(deadline):
            stream = await self._request(client, messages, tools)
        async with stream:
            chunks = aiter(stream)
            while True:
                # Chunks that have arrived already are read without waiting: let other requests proceed.
                await asyncio.sleep(0)
                async with asyncio.timeout_at(deadline):
                    chunk = await anext(chunks, None)
                if chunk is None:
                    break
                # The client validates nothing here: a server may send any JSON.
                choices = getattr(chunk, "choices", None) or []
                if not isinstance(choices, list):
                    raise MalformedAnswerError("choices")
                for choice in choices[:1]:
                    delta = getattr(choice, "delta", None)
                    text = getattr(delta, "content", None)
                    fragments = getattr(delta, "tool_calls", None) or []
                    if text or fragments or any(getattr(delta, name, None) for name in _THOUGHTS):
                        deadline = loop.time() + self._silence_s
                    if isinstance(text, str) and text:
                        # A character outside the basic multilingual plane may arrive in two halves.
                        text, pending = _whole_characters(pending + text)
                        if text:
                            answer.text += text
                            yield text
                    for fragment in fragments:
                        _collect(answer.calls, fragment)
                    answer.finish_reason = getattr(choice, "finish_reason", None) or answer.finish_reason
        if answer.finish_reason is None:
            raise MalformedAnswerError("no finish_reason")

    async def _request(
        self, client: "AsyncOpenAI", messages: list[Any], tools: list[Any]
    ) -> "AsyncStream[ChatCompletionChunk]":
        """Send a request, and repeat it after a failure that passes.

        Raises:
            OpenAIError: when the provider refuses the request, or still fails.
        """
        import openai

        for attempt in range(self._retries + 1):
            try:
                return await client.chat.completions.create(
                    model=self.model, messages=messages, tools=tools, stream=True
                )
            except openai.APITimeoutError:
                raise
            except (openai.APIConnectionError, openai.RateLimitError, openai.InternalServerError) as error:
                wait = _retry_after_s(error, attempt)
                if attempt == self._retries or wait > LONGEST_RETRY_S:
                    raise
            await asyncio.sleep(wait)
        raise AssertionError("the last attempt returns or raises")


def _retry_after_s(error: Exception, attempt: int) -> float:
    """Return the wait in seconds that a provider asks for; otherwise half a second, then twice as long."""
    headers = getattr(getattr(error, "response", None), "headers", {})
    asked = headers.get("retry-after", "")
    return float(asked) if asked.isdecimal() else 0.5 * 2**attempt


def _whole_characters(text: str) -> tuple[str, str]:
    """Split text into its whole characters and a trailing half of a surrogate pair."""
    half = text[-1:] if "\ud800" <= text[-1:] <= "\udbff" else ""
    whole = text[: len(text) - len(half)]
    return whole.encode("utf-16", "surrogatepass").decode("utf-16", "replace"), half


def _collect(calls: list[_Call], fragment: Any) -> None:
    """Add a fragment to the tool call it continues, or start a new call.

    Raises:
        MalformedAnswerError: when the fragment is invalid.
        TooManyCallsError: when it starts one call too many.
    """
    if not hasattr(fragment, "model_dump"):
        raise MalformedAnswerError("tool_calls")
    fields: dict[str, Any] = fragment.model_dump(exclude_unset=True, warnings=False)
    index, call_id, function = fields.pop("index", None), fields.pop("id", None), fields.pop("function", None)
    fields.pop("type", None)
    if not (isinstance(function, dict | None) and isinstance(call_id, str | None)):
        raise MalformedAnswerError("tool_calls")
    function = function or {}
    place = index if isinstance(index, int) else len(calls) - (0 if call_id else 1)
    # Some servers give every call the index 0; a new id starts a new call.
    other = 0 <= place < len(calls) and call_id and calls[place].id and calls[place].id != call_id
    if other or place >= len(calls):
        if len(calls) >= CALLS_PER_TURN:
            raise TooManyCallsError
        calls.append(_Call())
        place = len(calls) - 1
    if place < 0:
        raise MalformedAnswerError("tool_calls")
    call = calls[place]
    call.id = call.id or call_id or ""
    name, arguments = function.pop("name", None), function.pop("arguments", None)
    if isinstance(name, str):
        call.name = call.name or name
    if isinstance(arguments, str):
        call.arguments += arguments
    elif isinstance(arguments, dict):
        call.arguments = json.dumps(arguments)
    if len(call.arguments) > ARGUMENT_CHARACTERS or len(call.name) > 64:
        raise MalformedAnswerError("a tool call of that size")
    if function:
        fields["function"] = function
    _merge(call.extra, fields)


def _merge(into: JsonObject, fields: Mapping[str, Any]) -> None:
    for name, value in fields.items():
        if isinstance(value, dict) and isinstance(into.get(name), dict):
            _merge(into[name], value)
        elif value is not None:
            into[name] = value


def _arguments(call: _Call) -> JsonObject | None:
    """Parse the arguments of a call; return None unless they are a JSON object."""
    try:
        arguments = json.loads(call.arguments or "{}")
        # Other parsers read this JSON again, so its nesting depth must stay within their limits.
        nested = max(
            accumulate({"{": 1, "[": 1, "}": -1, "]": -1}.get(sign, 0) for sign in call.arguments), default=0
        )
    except (ValueError, RecursionError):
        return None
    return arguments if isinstance(arguments, dict) and nested < 20 else None


def _unfinished(answer: _Round) -> str | None:
    """Return the error message for an incomplete answer without tool calls."""
    if answer.finish_reason == "length":
        return "The answer became too long and was cut off."
    if answer.finish_reason == "content_filter":
        return "The model declined to answer that."
    return None if answer.text.strip() else "The model gave an empty answer. Please try again."


def _explain(error: Exception, provider: Provider, model: str) -> str:
    """Return an error message that tells the user or the administrator what to do."""
    import openai

    label = provider.label
    match error:
        case openai.AuthenticationError() | openai.PermissionDeniedError():
            return f"{label} did not accept the key in {provider.key_variable}."
        case openai.RateLimitError():
            return f"{label} is busy, or its quota is used up. Please try again in a moment."
        case openai.NotFoundError():
            return f"{label} does not know the model ‘{model}’. Set AGENT_MODEL to another one."
        case openai.BadRequestError():
            return f"{label} refused the request. A shorter conversation or another model may help."
        case openai.APITimeoutError() | TimeoutError():
            return f"{label} did not answer in time. Please try again."
        case openai.APIConnectionError():
            return f"{label} cannot be reached. Please try again."
        case openai.APIStatusError(status_code=status) if status >= 500:
            return f"{label} had an internal error. Please try again."
        case _:
            return f"{label} sent an invalid or incomplete answer. Please try again."
