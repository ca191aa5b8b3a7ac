"""Changes that a model may not make unasked: how they are held, asked about and run after a yes.

A held call is stored in its reply like any other, with `held_outcome` as its result. It runs when the
person's next message is a yes to the question that ends the reply; any other message drops it.
"""

import string
from collections.abc import AsyncGenerator, Sequence
from hashlib import sha256

from app.agents.protocol import (
    Agent,
    AgentEvent,
    HistoryMessage,
    TextDelta,
    ToolCall,
    ToolOutcome,
    ToolPart,
    ToolResult,
    Turn,
)

_HELD = "confirmation"
# Words of the languages that people are likely to answer in. Everything else drops the held calls.
_YES = {
    *(
        "yes",
        "y",
        "yeah",
        "yep",
        "ok",
        "okay",
        "sure",
        "confirm",
        "do it",
        "go ahead",
        "yes please",
        "yes do it",
        "yes delete it",
        "yes delete them",
        "yes delete all",
        "yes all of them",
        "yes im sure",
        "im sure",
        "definitely",
        "absolutely",
        "of course",
        "proceed",
        "confirmed",
    ),
    *("ja", "oui", "sí", "si", "sim", "sì", "tak", "ano", "da", "да", "evet", "はい", "是", "네"),
}


def held_outcome(what: str) -> ToolOutcome:
    """Return the outcome of a call that waits for the person's yes.

    Args:
        what: the change in words for the person, such as "Delete ‘Buy milk’".
    """
    note = "Not done. The application asks the person now; say nothing more about it."
    return ToolOutcome({_HELD: what, "note": note})


def is_held(outcome: ToolOutcome) -> bool:
    """Return whether a call waits for the person's yes."""
    return outcome.output is not None and _HELD in outcome.output


def held_calls(calls: Sequence[ToolPart]) -> list[ToolPart]:
    """Return the calls that were held."""
    return [call for call in calls if is_held(ToolOutcome(call.output))]


def question(held: Sequence[ToolPart]) -> str:
    """Return the question about held calls. It names every change, so that the person knows them all."""
    changes = [str((call.output or {})[_HELD]) for call in held]
    listed = (
        changes[0] if len(changes) == 1 else "\n".join(["I want to:", *(f"- {what}" for what in changes)])
    )
    return f"{listed}\nShall I? Answer “yes” to confirm."


def confirmed_calls(message: str, history: Sequence[HistoryMessage]) -> list[ToolPart]:
    """Return the held calls to which a message says yes."""
    said = message.casefold().translate(str.maketrans("", "", string.punctuation + "。！’")).split()
    if not history or history[-1].role != "assistant" or " ".join(said) not in _YES:
        return []
    held = held_calls(history[-1].calls)
    # A reply that was interrupted before its question has asked nothing.
    return held if held and history[-1].text.endswith(question(held)) else []


class ConfirmedChanges:
    """Answers a yes: makes the confirmed changes without asking the model again."""

    def __init__(self, agent: Agent, calls: Sequence[ToolPart]) -> None:
        self.name = agent.name
        self.model = agent.model
        self._calls = calls

    async def answer(self, turn: Turn) -> AsyncGenerator[AgentEvent, None]:
        """Make each change, and report those that failed."""
        begun = (
            {call.id: ToolOutcome(call.output, call.error) for call in turn.begun.calls} if turn.begun else {}
        )
        failures = []
        for call in self._calls:
            # The same id after an interruption, so that nothing runs twice.
            call_id = f"yes_{sha256(call.id.encode()).hexdigest()[:24]}"
            outcome = begun.get(call_id)
            if outcome is None:
                yield ToolCall(call_id, call.name, call.input)
                outcome = await turn.tools.call(call.name, call.input, call_id)
                yield ToolResult(call_id, outcome)
            if outcome.error is not None:
                failures.append(outcome.error)
        done = len(self._calls) - len(failures)
        text = "Done." if done == len(self._calls) else f"Done: {done} of {len(self._calls)}."
        yield TextDelta("\n".join([text, *dict.fromkeys(failures)]))
