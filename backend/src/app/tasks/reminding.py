"""Reminders of tasks: at a time, or minutes before the task is due."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any

from pydantic import Field

from app.numbers import WholeNumber

MOST_MINUTES = 4 * 7 * 24 * 60
MinutesBefore = Annotated[
    WholeNumber,
    Field(
        ge=0,
        le=MOST_MINUTES,
        description="Remind so many minutes before the task is due, also after the due date has changed. "
        "It takes precedence over `remind_at`.",
        examples=[10],
    ),
]


def settled(values: Mapping[str, Any], given: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return the columns `remind_at` and `remind_before` of a task.

    Args:
        values: the fields of the task.
        given: the fields that are being changed; all, without it.
    """
    at, minutes, due = values.get("remind_at"), values.get("remind_before"), values.get("due_at")
    if given is not None and "remind_before" not in given and "remind_at" in given:
        minutes = None
    elif given is not None and "remind_at" not in given and "remind_before" in given and minutes is None:
        at = None
    if minutes is None:
        return {"remind_at": at, "remind_before": None}
    if due is None:
        return {"remind_at": None, "remind_before": None}
    return {"remind_at": due - timedelta(minutes=minutes), "remind_before": minutes}


def following(row: Mapping[str, Any], due: Any) -> dict[str, Any]:
    """Return the reminder of the task that follows a completed one: as long before it is due."""
    if row["remind_at"] is None or row["due_at"] is None:
        return {"remind_at": None, "remind_before": None}
    return {"remind_at": row["remind_at"] + (due - row["due_at"]), "remind_before": row["remind_before"]}
