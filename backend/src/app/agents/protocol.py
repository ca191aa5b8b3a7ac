"""The interface between the chat and its agents.

An agent receives one `Turn` and yields events. It keeps no state between turns: `Turn.history` is its only
knowledge of the past, and `Turn.tools` its only way to act.
"""

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from typing import Any, Literal, Protocol

JsonObject = dict[str, Any]
Effect = Literal["reads", "adds", "changes", "removes"]
"""Greatest effect of a tool on existing tasks."""


@dataclass(frozen=True, slots=True)
class ToolDescription:
    """A tool as advertised to a model; `parameters` is a JSON schema."""

    name: str
    description: str
    parameters: JsonObject
    effect: Effect = "removes"


@dataclass(frozen=True, slots=True)
class ToolOutcome:
    """The result of a tool call: `output` on success, otherwise a message in `error`."""

    output: JsonObject | None = None
    error: str | None = None


class ToolsUnavailableError(Exception):
    """A tool was unreachable or its connection broke. It is unknown whether the call took effect."""


class Tools(Protocol):
    """The user's tools, called through an MCP client."""

    async def describe(self) -> Sequence[ToolDescription]:
        """Return every tool."""

    async def call(self, name: str, arguments: JsonObject, call_id: str | None = None) -> ToolOutcome:
        """Call one tool. A tool's refusal is an outcome, not an exception.

        Args:
            name: the tool's name.
            arguments: the tool's arguments.
            call_id: identifies the call within its reply. A repeated id changes nothing and returns the
                first outcome.

        Raises:
            ToolsUnavailableError: when the tools are unavailable.
        """


@dataclass(frozen=True, slots=True)
class TextPart:
    """A piece of text in a message."""

    text: str


@dataclass(frozen=True, slots=True)
class ToolPart:
    """A tool call of an earlier reply. `extra` contains its provider's fields, which must be sent back."""

    id: str
    name: str
    input: JsonObject
    output: JsonObject | None = None
    error: str | None = None
    extra: JsonObject = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class HistoryMessage:
    """An earlier message of the conversation, with its parts in streaming order."""

    role: Literal["user", "assistant"]
    parts: Sequence[TextPart | ToolPart]
    agent: str | None = None

    @property
    def text(self) -> str:
        """The full text of this message."""
        return "".join(part.text for part in self.parts if isinstance(part, TextPart))

    @property
    def calls(self) -> list[ToolPart]:
        """The tool calls of this message."""
        return [part for part in self.parts if isinstance(part, ToolPart)]


@dataclass(frozen=True, slots=True)
class Turn:
    """One user message, with everything an agent may use to answer it.

    `now` is the time of the message (aware). `time_zone` is the user's, for texts such as "tomorrow at 5".
    `begun` contains the parts of this reply from before an interruption: the agent continues after them and
    does not yield them again. Each of their tool calls has an outcome.
    """

    message: str
    history: Sequence[HistoryMessage]
    tools: Tools
    now: datetime
    time_zone: tzinfo
    begun: HistoryMessage | None = None

    @property
    def local_now(self) -> datetime:
        """The time on the user's clock."""
        return self.now.astimezone(self.time_zone)


@dataclass(frozen=True, slots=True)
class TextDelta:
    """The next piece of text."""

    text: str


@dataclass(frozen=True, slots=True)
class ToolCall:
    """The start of a tool call."""

    id: str
    name: str
    input: JsonObject
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ToolResult:
    """The result of the tool call with this id."""

    id: str
    outcome: ToolOutcome


@dataclass(frozen=True, slots=True)
class AgentError:
    """The agent cannot continue. `message` is for the user: it contains no key, address or traceback."""

    message: str


AgentEvent = TextDelta | ToolCall | ToolResult | AgentError


class Agent(Protocol):
    """An agent that answers in the chat."""

    @property
    def name(self) -> str:
        """`offline`, or the model's provider."""

    @property
    def model(self) -> str | None:
        """The model's name; None for the offline agent."""

    def answer(self, turn: Turn) -> AsyncGenerator[AgentEvent, None]:
        """Answer one message. The iterator ends after the reply or an `AgentError`."""
