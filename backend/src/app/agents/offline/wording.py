"""Texts of the offline agent: short, plain and with natural dates."""

from collections.abc import Sequence
from datetime import datetime

from app.agents.offline.dates import say_day
from app.agents.offline.grammar import SENTENCE_LIMIT
from app.agents.offline.intents import TITLE_LIMIT, ListTasks
from app.agents.protocol import JsonObject

HELP = (
    "I look after your to-do list: I add, list, change, complete and delete tasks. Try one of these:\n"
    "• add buy milk tomorrow at 5pm, high priority\n"
    "• what is due this week?\n"
    "• mark buy milk as done"
)
GREETING = "Hello. Tell me what to note, or ask what is due. “help” shows what I understand."
THANKS = "You are welcome."
NOTHING_PENDING = "There is nothing to confirm. “help” shows what I understand."
LEFT_ALONE = "All right, nothing was changed."
TOO_LONG = (
    f"That is longer than I can read: a sentence has at most {SENTENCE_LIMIT} characters, "
    f"a title {TITLE_LIMIT}. "
    "Put each task on a line of its own, or the rest into a note: add … with note: …"
)
ASK_FOR = {
    "add": "What should I add? For example: add buy milk tomorrow at 5pm",
    "complete": "Which task is done? For example: mark buy milk as done",
    "reopen": "Which task should I reopen? For example: reopen buy milk",
    "delete": "Which task should I delete? For example: delete buy milk",
    "update": "What should I change? For example: move buy milk to friday",
}


def quoted(title: str) -> str:
    return f"‘{title}’"


def not_understood(text: str) -> str:
    """Reply to an unrecognised sentence, and offer to add it as a task if it could be one."""
    excuse = (
        "I did not understand that. I can add, list, complete, change and delete tasks; “help” shows how."
    )
    if len(text) > 80 or "?" in text:
        return excuse
    return f"{excuse}\nTo keep it as a task, say: add {text}"


def say_due(task: JsonObject, now: datetime) -> str:
    """Format a task's due date on the clock of `now`; return an empty string without one."""
    if not task["due_at"]:
        return ""
    due = datetime.fromisoformat(task["due_at"]).astimezone(now.tzinfo)
    day = say_day(due.date(), now.date())
    return day if task["all_day"] else f"{day} {due:%H:%M}"


def details(task: JsonObject, now: datetime) -> list[str]:
    """Format a task's details other than its title."""
    priority = "" if task["priority"] == "medium" else f"{task['priority']} priority"
    tags = " ".join(f"#{tag}" for tag in task["tags"])
    return [detail for detail in (say_due(task, now), priority, tags) if detail]


def phrase(task: JsonObject, now: datetime) -> str:
    """Format a task within a sentence: ‘Buy milk’, tomorrow 17:00, high priority."""
    return ", ".join([quoted(task["title"]), *details(task, now)])


def numbered(tasks: Sequence[JsonObject], now: datetime, *, first: int = 1) -> str:
    """Format tasks as numbered lines; `memory.shown` parses these lines."""
    lines = []
    for number, task in enumerate(tasks, first):
        done = ["done"] if task["status"] == "completed" else []
        extra = " · ".join([*done, *details(task, now)])
        lines.append(f"{number}. {task['title']}" + (f" · {extra}" if extra else ""))
    return "\n".join(lines)


def count(number: int, noun: str = "task") -> str:
    """Format a number with its noun."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def describe_list(wish: ListTasks, total: int) -> str:
    """Format the heading of a list: "You have 3 open tasks due tomorrow"."""
    kind = "" if wish.status == "all" else f"{wish.status} "
    kind = "overdue " if wish.overdue else kind
    priority = f"{wish.priority}-priority " if wish.priority else ""
    noun = f"{kind}{priority}task" + ("" if total == 1 else "s")
    tagged = f" tagged #{wish.tag}" if wish.tag else ""
    due = f" due {wish.window.label}" if wish.window else ""
    about = f" with {quoted(wish.query)}" if wish.query else ""
    return f"You have {f'{total:,}' if total else 'no'} {noun}{tagged}{due}{about}"
