"""What every agent takes and gives, so that the chat does not know which one answers.

An agent receives one `Turn` and yields events. It holds no state between turns: all it may know of the past
is in `Turn.history`, and all it may do to the world goes through `Turn.tools`.
"""

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from typing import Any, Literal, Protocol

JsonObject = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ToolDescription:
    """A tool as it is advertised to a model: `parameters` is a JSON schema."""

    name: str
    description: str
    parameters: JsonObject


@dataclass(frozen=True, slots=True)
class ToolOutcome:
    """What a tool answered: `output` when it worked, otherwise a sentence in `error`."""

    output: JsonObject | None = None
    error: str | None = None


class ToolsUnavailableError(Exception):
    """A tool could not be reached, or broke off. It is unknown whether it has done what it was called for."""


class Tools(Protocol):
    """The tools of the person who is chatting, reached through an MCP client."""

    async def describe(self) -> Sequence[ToolDescription]:
        """Return every tool there is."""

    async def call(self, name: str, arguments: JsonObject, call_id: str | None = None) -> ToolOutcome:
        """Call one tool. What the tool refuses is an outcome, not an exception.

        Args:
            name: the tool's.
            arguments: its arguments.
            call_id: a second call with this id in the same reply changes nothing and has the same outcome.

        Raises:
            ToolsUnavailableError: when the tools cannot be reached.
        """


@dataclass(frozen=True, slots=True)
class TextPart:
    """Something that was said."""

    text: str


@dataclass(frozen=True, slots=True)
class ToolPart:
    """A tool call of an earlier reply. `extra` is what its provider attached and wants to see again."""

    id: str
    name: str
    input: JsonObject
    output: JsonObject | None = None
    error: str | None = None
    extra: JsonObject = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class HistoryMessage:
    """An earlier message of the conversation, in the order in which its parts were streamed."""

    role: Literal["user", "assistant"]
    parts: Sequence[TextPart | ToolPart]
    agent: str | None = None

    @property
    def text(self) -> str:
        """Everything that was said in this message."""
        return "".join(part.text for part in self.parts if isinstance(part, TextPart))

    @property
    def calls(self) -> list[ToolPart]:
        """The tool calls of this message."""
        return [part for part in self.parts if isinstance(part, ToolPart)]


@dataclass(frozen=True, slots=True)
class Turn:
    """One message of a person, and all that an agent may use to answer it.

    `now` is aware, and the moment of the message; `time_zone` is the person's own, in which "tomorrow at 5"
    is meant. `begun` is what this very reply had come to when it was interrupted: the agent goes on behind it
    and does not yield it again. Each of its tool calls has an outcome.
    """

    message: str
    history: Sequence[HistoryMessage]
    tools: Tools
    now: datetime
    time_zone: tzinfo
    begun: HistoryMessage | None = None

    @property
    def local_now(self) -> datetime:
        """The time on the person's own clock."""
        return self.now.astimezone(self.time_zone)


@dataclass(frozen=True, slots=True)
class TextDelta:
    """The next piece of the reply."""

    text: str


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A tool is about to be called."""

    id: str
    name: str
    input: JsonObject
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ToolResult:
    """The call with this id ended."""

    id: str
    outcome: ToolOutcome


@dataclass(frozen=True, slots=True)
class AgentError:
    """The agent cannot go on. `message` is for the person: it names no key, no address and no traceback."""

    message: str


AgentEvent = TextDelta | ToolCall | ToolResult | AgentError


class Agent(Protocol):
    """Whoever answers in the chat."""

    @property
    def name(self) -> str:
        """`offline`, or the provider of the model."""

    @property
    def model(self) -> str | None:
        """The model's own name; None for the offline agent."""

    def answer(self, turn: Turn) -> AsyncGenerator[AgentEvent, None]:
        """Answer one message. It ends after the reply, or after an `AgentError`."""
