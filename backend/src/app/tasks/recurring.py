"""Tasks that repeat: which rules are allowed, and the task that follows a completed one."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from dateutil.rrule import rrulestr
from pydantic import AfterValidator, Field, StringConstraints

from app.language.rules import anchored, next_occurrence
from app.tasks.models import RECURRENCE_LENGTH

_INTERVAL, _UNTIL = r"INTERVAL=[1-9]\d{0,2}", r"UNTIL=\d{8}(?:T\d{6})?"
_PART = (
    rf"(?:{_INTERVAL}|"
    r"BYDAY=(?:[+-]?[1-5])?(?:MO|TU|WE|TH|FR|SA|SU)(?:,(?:[+-]?[1-5])?(?:MO|TU|WE|TH|FR|SA|SU)){0,6}"
    r"|BYMONTHDAY=-?[1-9]\d?(?:,-?[1-9]\d?){0,30}|BYMONTH=[1-9]\d?(?:,[1-9]\d?){0,11}|BYSETPOS=-?[1-9]\d?(?:,-?[1-9]\d?){0,30}"
    rf"|{_UNTIL}|WKST=(?:MO|SU))"
)
# A rule by hours has no other parts, so that a rule that never holds is found out without counting each hour.
_RULE = rf"^FREQ=(?:HOURLY(?:;(?:{_INTERVAL}|{_UNTIL}))*|(?:DAILY|WEEKLY|MONTHLY|YEARLY)(?:;{_PART})*)$"


def _valid_rule(rule: str) -> str:
    try:
        rrulestr(rule, dtstart=datetime(2026, 1, 1))  # noqa: DTZ001 - a wall clock
    except (ValueError, TypeError):
        raise ValueError("must be a recurrence rule such as FREQ=WEEKLY;BYDAY=MO") from None
    names = re.findall(r"([A-Z]+)=", rule)
    if len(set(names)) < len(names):
        raise ValueError("must name each part of the rule once")
    return rule


def _valid_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError("must be a time zone's IANA name such as Europe/Berlin") from None
    return name


Recurrence = Annotated[
    str,
    StringConstraints(max_length=RECURRENCE_LENGTH),
    Field(
        json_schema_extra={"pattern": _RULE},
        description="A rule of RFC 5545 without COUNT. Completing the task creates the next one.",
        examples=["FREQ=WEEKLY;BYDAY=MO", "FREQ=DAILY;INTERVAL=2"],
    ),
    AfterValidator(lambda rule: _valid_rule(rule) if re.match(_RULE, rule) else _refused()),
]
Zone = Annotated[
    str,
    StringConstraints(max_length=64),
    Field(description="The time zone of the recurrence, UTC by default.", examples=["Europe/Berlin"]),
    AfterValidator(_valid_zone),
]


def _refused() -> str:
    raise ValueError("must be a recurrence rule such as FREQ=WEEKLY;BYDAY=MO")


def settled(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the columns of a task's repetition: only one with a due date repeats, by hours with a time."""
    rule, due = values.get("recurrence"), values.get("due_at")
    if not rule or due is None:
        return {"recurrence": None, "time_zone": None}
    zone = values.get("time_zone") or "UTC"
    at_times = {"all_day": False} if rule.startswith("FREQ=HOURLY") else {}
    return {"recurrence": anchored(rule, due.astimezone(ZoneInfo(zone))), "time_zone": zone, **at_times}


def following(task: Mapping[str, Any], now: datetime) -> datetime | None:
    """Return when the task that follows a completed one is due; None if it does not repeat any more."""
    if not task["recurrence"] or task["due_at"] is None:
        return None
    zone = ZoneInfo(task["time_zone"] or "UTC")
    return next_occurrence(task["recurrence"], task["due_at"], zone, now, all_day=task["all_day"])
