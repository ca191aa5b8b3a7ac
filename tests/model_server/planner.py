"""The next step of a sensible model, derived from the conversation."""

import json
import re
from datetime import date, timedelta
from typing import Any

from tests.model_server.wire import Completion, FunctionCall

_TODAY = re.compile(r"Today is (\d{4}-\d{2}-\d{2})")
_ADD = re.compile(
    r"^(?:please\s+)?(?:add|create|remind me to)\s+(?:a task to\s+|task\s+)?(.+)$", re.IGNORECASE
)
_COMPLETE = re.compile(
    r"^(?:please\s+)?(?:mark\s+(.+?)\s+as\s+(?:done|complete|completed)|complete\s+(.+))$", re.IGNORECASE
)
_DELETE = re.compile(r"^(?:please\s+)?(?:delete|remove)\s+(.+)$", re.IGNORECASE)
_RENAME = re.compile(r"^(?:please\s+)?rename\s+(.+?)\s+to\s+(.+)$", re.IGNORECASE)
_LIST = re.compile(r"^(?:list|show|what)\b", re.IGNORECASE)
_CLOCK = re.compile(r"\s*\bat\s+(\d{1,2})(?::(\d{2}))?\s*(am|pm)?\b", re.IGNORECASE)
_DAY = re.compile(r"\s*\b(?:on\s+)?(today|tomorrow|\d{4}-\d{2}-\d{2})\b", re.IGNORECASE)
_PRIORITY = re.compile(r"[\s,]*\b(high|medium|low)\s+priority\b", re.IGNORECASE)
_TAG = re.compile(r"\s*#(\w[\w-]*)")


def plan(messages: list[dict[str, Any]]) -> Completion:
    """Return the next answer of the model: tool calls until the wish is fulfilled, then words."""
    place = max(number for number, message in enumerate(messages) if message["role"] == "user")
    wish = str(messages[place]["content"]).strip().rstrip(".!")
    answers = [json.loads(message["content"]) for message in messages[place:] if message["role"] == "tool"]
    results = [answer.get("untrusted_data", answer) for answer in answers]
    refused = next((result["error"] for result in results if "error" in result), None)
    if refused is not None:
        return Completion(f"That did not work: {refused}")
    today = _today(messages)
    if match := _ADD.match(wish):
        if results:
            return Completion(f"Added {_titles(results)}.")
        # Several tasks in one sentence are several calls in one answer.
        wishes = [re.sub(r"^add\s+", "", part.strip()) for part in match[1].split(";")]
        return Completion(calls=tuple(FunctionCall("add_task", _new_task(part, today)) for part in wishes))
    if match := _COMPLETE.match(wish):
        return _change(match[1] or match[2], results, "complete_task", {}, "Done")
    if match := _RENAME.match(wish):
        return _change(match[1], results, "update_task", {"title": match[2]}, "Renamed to")
    if match := _DELETE.match(wish):
        return _change(match[1], results, "delete_task", {}, "Deleted")
    if _LIST.match(wish):
        if not results:
            return Completion(calls=(FunctionCall("list_tasks", {"status": "open"}),))
        lines = [f"{number}. {task['title']}" for number, task in enumerate(results[0]["tasks"], 1)]
        return Completion(
            "\n".join(["You have these tasks:", *lines]) if lines else "You have no open tasks."
        )
    return Completion("I can add, list, change, complete and delete your tasks. What shall I do?")


def _today(messages: list[dict[str, Any]]) -> date:
    told = _TODAY.search(str(messages[0]["content"])) if messages[0]["role"] == "system" else None
    return date.fromisoformat(told[1]) if told else date(2026, 1, 1)


def _new_task(wish: str, today: date) -> dict[str, Any]:
    values: dict[str, Any] = {}
    if match := _PRIORITY.search(wish):
        values["priority"] = match[1].lower()
        wish = wish.replace(match[0], "")
    if tags := _TAG.findall(wish):
        values["tags"] = tags
        wish = _TAG.sub("", wish)
    clock, day = _CLOCK.search(wish), _DAY.search(wish)
    if day:
        word = day[1].lower()
        due = {"today": today, "tomorrow": today + timedelta(days=1)}.get(word) or date.fromisoformat(word)
        values["due"] = due.isoformat()
        if clock:
            hour = int(clock[1]) % 12 + 12 if (clock[3] or "").lower() == "pm" else int(clock[1])
            values["due"] += f"T{hour:02d}:{clock[2] or '00'}"
            wish = wish.replace(clock[0], "")
        wish = wish.replace(day[0], "")
    title = wish.strip(" ,.")
    return {"title": title[:1].upper() + title[1:], **values}


def _change(
    name: str, results: list[dict[str, Any]], tool: str, values: dict[str, Any], said: str
) -> Completion:
    """Find a task by its name, then call a tool with its id."""
    if not results:
        return Completion(calls=(FunctionCall("list_tasks", {"query": name.strip()}),))
    if "confirmation" in results[-1]:
        return Completion("One moment.")
    if len(results) > 1:
        return Completion(f"{said}: {_titles(results[1:])}.")
    if not results[0]["tasks"]:
        return Completion(f"I find no task like “{name}”.")
    return Completion(calls=(FunctionCall(tool, {"id": results[0]["tasks"][0]["id"], **values}),))


def _titles(results: list[dict[str, Any]]) -> str:
    return ", ".join(f"“{result['task']['title']}”" for result in results)
