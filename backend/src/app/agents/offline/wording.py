"""Texts of the offline agent: short, plain and with natural dates."""

from collections.abc import Sequence
from datetime import datetime

from app.agents.offline.grammar import SENTENCE_LIMIT
from app.agents.offline.intents import TITLE_LIMIT, ListTasks
from app.agents.protocol import JsonObject
from app.language.days import say_day
from app.language.rules import say_recurrence

HELP = (
    "I look after your to-do list: I add, list, change, complete and delete tasks. Try one of these:\n"
    "• add buy milk tomorrow at 5pm, high priority\n"
    "• what is due this week?\n"
    "• mark buy milk as done\n"
    "• move it to friday"
)
GREETING = "Hello. Tell me what to note, or ask what is due. “help” shows what I understand."
THANKS = "You are welcome."
SMALL_TALK = {
    "help": HELP,
    "greeting": GREETING,
    "thanks": THANKS,
    "nothing": "All right, nothing was changed.",
}
EDIT_EXAMPLES = "For example: move it to friday, make it urgent, tag it home, rename it to …"
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


def shortened(text: str) -> str:
    """Return a text of at most 60 characters."""
    return text if len(text) <= 60 else text[:59].rstrip() + "…"


def names(tasks: Sequence[JsonObject]) -> str:
    """Format the titles of up to five tasks, or their number."""
    if len(tasks) > 5:
        return count(len(tasks))
    titles = [quoted(task["title"]) for task in tasks]
    return titles[0] if len(titles) == 1 else f"{', '.join(titles[:-1])} and {titles[-1]}"


def not_understood(text: str, date: str | None) -> str:
    """Reply to an unrecognised sentence, and offer to add it as a task if it could be one."""
    excuse = (
        "I did not understand that. I can add, list, complete, change and delete tasks; “help” shows how."
    )
    if date:
        excuse = f"I did not understand “{shortened(date)}” as a date or a repetition, and changed nothing."
    if len(text) > 80 or "?" in text:
        return excuse
    return f"{excuse}\nTo add it as a task, write: add {text}"


def ask_complete(tasks: Sequence[JsonObject]) -> str:
    """Ask which task is done, when a sentence only suggests one."""
    return f"Do you mean {names(tasks)}? To complete it, say: done {tasks[0]['title']}"


def describe_state(task: JsonObject, now: datetime) -> str:
    """Answer a question about a task."""
    state = "done" if task["status"] == "completed" else "not done yet"
    due = say_due(task, now)
    return f"{quoted(task['title'])} is {state}" + (f"; it is due {due}." if due else " and has no date.")


def describe_undo(output: JsonObject, now: datetime) -> str:
    """Describe what an undo put back."""
    lines = []
    # A step may change a task several times; the last change that it takes back decides.
    for change in {change["title"]: change for change in output["changes"]}.values():
        name = quoted(change["title"])
        match change["undone"]:
            case "added":
                lines.append(f"{name} is gone again.")
            case "deleted":
                lines.append(f"{name} is back.")
            case "completed":
                lines.append(f"{name} is open again.")
            case "reopened":
                lines.append(f"{name} is done again.")
            case _:
                task = change["task"]
                restored = "Restored" if lines else "restored"
                lines.append(f"{restored} {phrase(task, now) if task else name}.")
    if not lines:
        return "Undone."
    shown = lines if len(lines) <= 5 else [f"{count(len(lines), 'change')} taken back."]
    return "Undone: " + "\n".join(shown)


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
    repeats = say_recurrence(task["recurrence"]) if task.get("recurrence") else ""
    return [
        detail for detail in (say_due(task, now), repeats, priority, tags, _say_reminder(task, now)) if detail
    ]


def _say_reminder(task: JsonObject, now: datetime) -> str:
    if (minutes := task.get("remind_before")) is not None:
        for length, unit in ((24 * 60, "day"), (60, "hour"), (1, "minute")):
            if minutes and minutes % length == 0:
                return f"reminder {count(minutes // length, unit)} before"
        return "reminder when it is due"
    if not task.get("remind_at") or task["status"] == "completed":
        return ""
    at = datetime.fromisoformat(task["remind_at"]).astimezone(now.tzinfo)
    return f"reminder {say_day(at.date(), now.date())} {at:%H:%M}"


def describe_change(values: JsonObject, task: JsonObject, now: datetime) -> str:
    """Describe the arguments of update_task: "tomorrow 17:00, high priority"."""
    said: list[str] = []
    if due := values.get("due"):
        when = datetime.fromisoformat(due).replace(tzinfo=now.tzinfo)
        said.append(say_day(when.date(), now.date()) + (f" {when:%H:%M}" if "T" in due else ""))
    if values.get("clear_due"):
        said.append("no date")
    if rule := values.get("recurrence"):
        said.append("no repetition" if rule == "NONE" else say_recurrence(rule))
    if priority := values.get("priority"):
        said.append(f"{priority} priority")
    if "tags" in values:
        said += [f"#{tag}" for tag in values["tags"] if tag not in task["tags"]]
        said += [f"without #{tag}" for tag in task["tags"] if tag not in values["tags"]]
    if "remind_at" in values or "remind_before" in values:
        said.append("reminder")
    if values.get("clear_reminder"):
        said.append("no reminder")
    return ", ".join(said)


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
    verb = "completed" if wish.status == "completed" else "due"
    due = f" {verb} {wish.window.label}" if wish.window else ""
    if wish.window and wish.status == "completed":
        noun = f"{priority}task" + ("" if total == 1 else "s")
    due += " without a date" if wish.undated else ""
    about = f" with {quoted(wish.query)}" if wish.query else ""
    return f"You have {f'{total:,}' if total else 'no'} {noun}{tagged}{due}{about}"
