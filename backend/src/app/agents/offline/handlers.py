"""Shared parts of the offline agent's handlers."""

from collections.abc import Generator, Sequence
from dataclasses import dataclass

from app.agents.protocol import JsonObject, ToolOutcome

LINES_SHOWN = 15
AT_ONCE = 100
"""The maximum number of tasks that one message may change."""


@dataclass(frozen=True, slots=True)
class Call:
    """The next tool call of a handler. A call with `held` waits for the person's yes: `held` names it."""

    name: str
    input: JsonObject
    held: str | None = None


Answer = Generator[Call, ToolOutcome, str]
"""Yields calls, receives their outcomes and returns the reply."""
Found = Generator[Call, ToolOutcome, "Sequence[JsonObject] | str"]
"""Like `Answer`, but returns tasks, or a reply if the reference is ambiguous."""
