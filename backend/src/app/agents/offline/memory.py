"""The offline agent's memory, derived entirely from the conversation.

Each turn reads the last list, the task that "it" refers to and the open question from the history. Any
server, also after a restart, can therefore answer the next message.
"""

import re
from collections.abc import Iterable, Sequence

from app.agents.protocol import HistoryMessage, JsonObject, ToolPart

_NUMBERED_LINE = re.compile(r"^(\d{1,3})\. (.+)$", re.MULTILINE)


def _listed(parts: Iterable[object]) -> list[JsonObject]:
    """Return the tasks of the last list in a message's tool results."""
    for part in reversed(list(parts)):
        if isinstance(part, ToolPart) and part.output is not None and "tasks" in part.output:
            return list(part.output["tasks"])
    return []


def _known(parts: Iterable[object]) -> list[JsonObject]:
    """Return every task in a message's tool results."""
    known: dict[str, JsonObject] = {}
    for part in parts:
        if isinstance(part, ToolPart) and part.output is not None:
            found = part.output.get("tasks", [])
            known |= {
                task["id"]: task
                for task in [*found, *([part.output["task"]] if "task" in part.output else [])]
            }
    return list(known.values())


def _in_lines(message: HistoryMessage) -> list[JsonObject]:
    """Return the tasks in the numbered lines of a message, in order."""
    candidates, tasks = _known(message.parts), []
    for _, line in _NUMBERED_LINE.findall(message.text):
        named = [
            task for task in candidates if line == task["title"] or line.startswith(task["title"] + " · ")
        ]
        if named:
            task = max(named, key=lambda task: len(task["title"]))
            candidates.remove(task)
            tasks.append(task)
    return tasks


def shown(history: Sequence[HistoryMessage]) -> list[JsonObject]:
    """Return the tasks of the last list shown to the user, in the order of their numbers."""
    for message in reversed(history):
        if message.role != "assistant":
            continue
        tasks = _in_lines(message)
        if not tasks and message.agent != "offline":
            # A model formats its own lists; their order most likely follows the tool's result.
            tasks = _listed(message.parts)
        if tasks:
            return tasks
    return []


def mentioned(history: Sequence[HistoryMessage]) -> tuple[list[JsonObject], bool]:
    """Return the tasks that "it" or "them" refers to, and whether they have been deleted."""
    for message in reversed(history):
        if message.role != "assistant":
            continue
        changes = [
            part
            for part in message.parts
            if isinstance(part, ToolPart) and part.output is not None and "task" in part.output
        ]
        if changes:
            gone = {
                part.output["task"]["id"] for part in changes if part.name == "delete_task" and part.output
            }
            tasks = {part.output["task"]["id"]: part.output["task"] for part in changes if part.output}
            left = [task for key, task in tasks.items() if key not in gone]
            return left, not left
        listed = _in_lines(message) or (_listed(message.parts) if message.agent != "offline" else [])
        if listed:
            return listed, False
    return [], False


def deleted(history: Sequence[HistoryMessage]) -> list[tuple[JsonObject, str]]:
    """Return the deleted tasks, the last first, with the steps that undo their deletion."""
    return [
        (part.output["task"], part.output["step"])
        for message in reversed(history)
        for part in reversed(message.calls)
        if part.name == "delete_task" and part.output is not None and part.output.get("step")
    ]


def last_step(history: Sequence[HistoryMessage]) -> str | None:
    """Return the step that undoes the changes of the last message, if it made any."""
    calls = history[-1].calls if history else []
    outputs = [part.output for part in calls if part.name != "undo" and part.output is not None]
    return next((output["step"] for output in outputs if output.get("step")), None)


def open_question(history: Sequence[HistoryMessage]) -> str | None:
    """Return the offline agent's open question if this message answers it."""
    if not history or history[-1].role != "assistant" or history[-1].agent != "offline":
        return None
    lines = history[-1].text.strip().splitlines()
    asking = [line for line in lines if line.endswith("?") and not _NUMBERED_LINE.match(line)]
    return asking[-1] if asking else None


def sentences_before(history: Sequence[HistoryMessage]) -> list[str]:
    """Return the user's earlier messages, newest first."""
    return [message.text for message in reversed(history) if message.role == "user"]
