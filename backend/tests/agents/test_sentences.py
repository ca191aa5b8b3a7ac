"""Sentences that the offline agent parses, at 10:30 on Saturday, 21 November 2026, in Berlin."""

import dataclasses
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from app.agents.offline.grammar import parse
from app.agents.offline.intents import Add
from app.language.dates import When
from app.language.days import ImpossibleDateError
from app.language.windows import Window

NOW = datetime(2026, 11, 21, 10, 30, tzinfo=ZoneInfo("Europe/Berlin"))


def told(value: Any) -> Any:
    """Return an intent as plain values, without its defaults."""
    if isinstance(value, When):
        return str(value)
    if isinstance(value, Window):
        return f"{value.first or ''}/{value.last or ''}"
    if isinstance(value, tuple):
        return [told(item) for item in value]
    if not dataclasses.is_dataclass(value):
        return value
    members = {
        field.name: getattr(value, field.name)
        for field in dataclasses.fields(value)
        if getattr(value, field.name) != field.default and field.name not in ("spans", "notes")
    }
    return {name: told(member) for name, member in members.items()}


def task(title: str, **more: Any) -> dict[str, Any]:
    return {"title": title, **more}


ADD = {
    "add buy milk tomorrow at 5pm, high priority": task("Buy milk", priority="high", due="2026-11-22T17:00"),
    "add buy milk": task("Buy milk"),
    "Add a task to call mom": task("Call mom"),
    "could you please add dentist appointment on 3 jan at 9:30?": task(
        "Dentist appointment", due="2027-01-03T09:30"
    ),
    "create a new task: pay rent by friday #home #bills": task(
        "Pay rent", tags=["home", "bills"], due="2026-11-27"
    ),
    'new task "Tomorrow never dies" on friday': task("Tomorrow never dies", due="2026-11-27"),
    "todo: fix sink p1": task("Fix sink", priority="high"),
    "put eggs on my list": task("Eggs"),
    "add eggs to my list tomorrow": task("Eggs", due="2026-11-22"),
    "remind me to water the plants in 3 days": task("Water the plants", due="2026-11-24"),
    "remind me tomorrow to call Bob": task("Call Bob", due="2026-11-22"),
    "don't forget to book flights on 24 dec": task("Book flights", due="2026-12-24"),
    "I need to finish the report by monday 9am": task("Finish the report", due="2026-11-23T09:00"),
    "I have to renew my passport, low priority": task("Renew my passport", priority="low"),
    "add an urgent task to call the plumber": task("Call the plumber", priority="high"),
    "add call mom !": task("Call mom", priority="high"),
    "add call mom!!": task("Call mom", priority="high"),
    "add say hello!": task("Say hello"),
    'add read "Urgent: the #1 book" tagged reading': task("Read Urgent: the #1 book", tags=["reading"]),
    "add prepare slides tagged work and talks due next friday at noon": task(
        "Prepare slides", tags=["work", "talks"], due="2026-11-27T12:00"
    ),
    "add meeting with Ann 2026-12-24 17:00": task("Meeting with Ann", due="2026-12-24T17:00"),
    "add iPhone repair today": task("iPhone repair", due="2026-11-21"),
    "add buy milk, eggs and bread tonight": task("Buy milk, eggs and bread", due="2026-11-21T20:00"),
    "add buy stamps with note: the blue ones": task("Buy stamps", description="the blue ones"),
    "add Tomorrow's report": task("Tomorrow's report"),
    "add lunch with Zoë at noon": task("Lunch with Zoë", due="2026-11-21T12:00"),
    "call Ann on friday evening #family": task("Call Ann", tags=["family"], due="2026-11-27T19:00"),
    "buy milk tomorrow at 5pm": task("Buy milk", due="2026-11-22T17:00"),
    "add may buy 2 apples": task("May buy 2 apples"),
    "add march past 3 shops": task("March past 3 shops"),
    "add buy 1/2 kg flour": task("Buy 1/2 kg flour"),
    "add look at 5 houses": task("Look at 5 houses"),
    "add read chapter 3": task("Read chapter 3"),
    "add prepare monday meeting notes": task("Prepare monday meeting notes"),
    "add water plants every monday": task("Water plants", due="2026-11-23"),
    "add buy sun hats": task("Buy sun hats"),
    "add walk 10 km at 7 tomorrow": task("Walk 10 km", due="2026-11-22T07:00"),
    "add شراء الحليب tomorrow": task("شراء الحليب", due="2026-11-22"),
    "add 牛乳を買う #家 tomorrow": task("牛乳を買う", tags=["家"], due="2026-11-22"),
}

DUE = {
    "the day after tomorrow": "2026-11-23",
    "next friday": "2026-11-27",
    "on friday at 9": "2026-11-27T09:00",
    "this saturday": "2026-11-21",
    "on saturday": "2026-11-28",
    "fri 5pm": "2026-11-27T17:00",
    "in a week": "2026-11-28",
    "in two weeks": "2026-12-05",
    "a week from tomorrow": "2026-11-29",
    "in 2 months": "2027-01-21",
    "on 24 dec": "2026-12-24",
    "on the 24th of december 2027": "2027-12-24",
    "dec 24th, 2027 at 8.30 am": "2027-12-24T08:30",
    "by the 3rd": "2026-12-03",
    "on 29 feb": "2028-02-29",
    "24.12.2026": "2026-12-24",
    "on 24.12.": "2026-12-24",
    "12/25/2026": "2026-12-25",
    "2026-12-24T17:00": "2026-12-24T17:00",
    "at 11": "2026-11-21T11:00",
    "at 9": "2026-11-22T09:00",
    "at 9am": "2026-11-22T09:00",
    "at 17:00": "2026-11-21T17:00",
    "at half past five": "2026-11-21T17:30",
    "tomorrow at quarter to 9": "2026-11-22T08:45",
    "tomorrow morning": "2026-11-22T09:00",
    "monday evening at 7": "2026-11-23T19:00",
    "at 7 tonight": "2026-11-21T19:00",
    "friday midnight": "2026-11-27T23:59",
    "at noon": "2026-11-21T12:00",
    "this weekend": "2026-11-21",
    "next weekend": "2026-11-28",
    "next week": "2026-11-23",
    "by the end of the month": "2026-11-30",
    "next month": "2026-12-01",
    "in half an hour": "2026-11-21T11:00+01:00",
    "in 2 hours": "2026-11-21T12:30+01:00",
}

LIST: dict[str, dict[str, Any]] = {
    "list": {},
    "show me my tasks": {},
    "what's on my list?": {},
    "i want to see my tasks": {},
    "what do I have to do today?": {"window": "2026-11-21/2026-11-21"},
    "what is due tomorrow?": {"window": "2026-11-22/2026-11-22"},
    "anything due this week?": {"window": "2026-11-21/2026-11-22"},
    "tasks due before friday": {"window": "/2026-11-26"},
    "tasks due by friday": {"window": "/2026-11-27"},
    "what is due in the next 3 days": {"window": "2026-11-21/2026-11-24"},
    "show completed tasks": {"status": "completed"},
    "list everything": {"status": "all"},
    "what's overdue?": {"overdue": True},
    "show high priority tasks": {"priority": "high"},
    "show urgent tasks": {"priority": "high"},
    "tasks tagged home": {"tag": "home"},
    "show #home": {"tag": "home"},
    "find milk": {"query": "milk"},
    "show tasks about milk": {"query": "milk"},
    "how many tasks do i have?": {"count_only": True},
}

CHANGE = {
    "mark buy milk as done": ("Complete", {"target": {"name": "buy milk"}}),
    "buy milk is done": ("Complete", {"target": {"name": "buy milk"}}),
    "I've finished the report": ("Complete", {"target": {"name": "report"}}),
    "done with buy milk": ("Complete", {"target": {"name": "buy milk"}}),
    "complete the second one": ("Complete", {"target": {"positions": [2]}}),
    "complete #2": ("Complete", {"target": {"positions": [2]}}),
    "check off 1 and 3": ("Complete", {"target": {"positions": [1, 3]}}),
    "tick off the first two": ("Complete", {"target": {"first": 2}}),
    "finish it": ("Complete", {"target": {"it": True}}),
    "done": ("Complete", {"target": {"it": True}}),
    "mark everything as done": ("Complete", {"target": {"everything": "all"}}),
    "reopen buy milk": ("Reopen", {"target": {"name": "buy milk"}}),
    "mark buy milk as not done": ("Reopen", {"target": {"name": "buy milk"}}),
    "buy milk is not done yet": ("Reopen", {"target": {"name": "buy milk"}}),
    "delete buy milk": ("Delete", {"target": {"name": "buy milk"}}),
    "please remove the third one": ("Delete", {"target": {"positions": [3]}}),
    "cancel the dentist appointment": ("Delete", {"target": {"name": "dentist appointment"}}),
    "remove milk from my list": ("Delete", {"target": {"name": "milk"}}),
    "delete all": ("Delete", {"target": {"everything": "all"}}),
    "clear completed tasks": ("Delete", {"target": {"everything": "completed"}}),
    "delete all tasks tagged home": ("Delete", {"target": {"everything": "all", "tag": "home"}}),
    'delete "all"': ("Delete", {"target": {"name": "all"}}),
    "rename buy milk to buy oat milk": ("Update", {"target": {"name": "buy milk"}, "title": "Buy oat milk"}),
    'rename it to "tomorrow"': ("Update", {"target": {"it": True}, "title": "tomorrow"}),
    "change buy milk to buy bread": ("Update", {"target": {"name": "buy milk"}, "title": "Buy bread"}),
    "move buy milk to tomorrow": ("Update", {"target": {"name": "buy milk"}, "due": "2026-11-22"}),
    "postpone the report until next friday at 10": (
        "Update",
        {"target": {"name": "report"}, "due": "2026-11-27T10:00"},
    ),
    "push it by 2 days": ("Update", {"target": {"it": True}, "delay": [2, "days"]}),
    "buy milk is due friday": ("Update", {"target": {"name": "buy milk"}, "due": "2026-11-27"}),
    "remove the due date from buy milk": ("Update", {"target": {"name": "buy milk"}, "clear_due": True}),
    "make it urgent": ("Update", {"target": {"it": True}, "priority": "high"}),
    "set priority of buy milk to low": ("Update", {"target": {"name": "buy milk"}, "priority": "low"}),
    "tag buy milk with home": ("Update", {"target": {"name": "buy milk"}, "add_tags": ["home"]}),
    "remove tag home from buy milk": ("Update", {"target": {"name": "buy milk"}, "remove_tags": ["home"]}),
    "add a note to buy milk: the blue one": (
        "Update",
        {"target": {"name": "buy milk"}, "description": "the blue one"},
    ),
    "the second one": ("Choose", {"target": {"positions": [2]}}),
    "yes": ("Confirm", {"yes": True}),
    "no thanks": ("Confirm", {"yes": False}),
    "what can you do?": ("Small", {"kind": "help"}),
    "add": ("Incomplete", {"verb": "add"}),
}

NONSENSE = [
    "buy milk",
    "asdf qwer",
    "wie geht es dir",
    "tell me a joke",
    "what is the weather today",
    "oh no the meeting moved",
    "…",
    "\u202e\u200b",
]


@pytest.mark.parametrize("sentence", ADD)
def test_a_sentence_adds_a_task(sentence: str) -> None:
    intent = parse(sentence, NOW)
    assert type(intent).__name__ == "Add"
    assert told(intent) == {"tasks": [ADD[sentence]]}


@pytest.mark.parametrize("phrase", DUE)
def test_a_phrase_contains_a_date(phrase: str) -> None:
    assert told(parse(f"add call Ann {phrase}", NOW)) == {"tasks": [task("Call Ann", due=DUE[phrase])]}


@pytest.mark.parametrize("sentence", LIST)
def test_a_sentence_asks_for_a_list(sentence: str) -> None:
    intent = parse(sentence, NOW)
    assert type(intent).__name__ == "ListTasks"
    assert told(intent) == LIST[sentence]


@pytest.mark.parametrize("sentence", CHANGE)
def test_a_sentence_changes_tasks_or_answers(sentence: str) -> None:
    intent = parse(sentence, NOW)
    assert (type(intent).__name__, told(intent)) == CHANGE[sentence]


@pytest.mark.parametrize("sentence", NONSENSE)
def test_a_sentence_without_an_intent_is_not_understood(sentence: str) -> None:
    assert type(parse(sentence, NOW)).__name__ == "NotUnderstood"


def test_the_tables_contain_more_than_eighty_sentences() -> None:
    assert len(ADD) + len(DUE) + len(LIST) + len(CHANGE) + len(NONSENSE) >= 80


def test_lines_under_a_heading_are_separate_tasks() -> None:
    message = 'add these tasks:\n- buy milk tomorrow\n- "call me" #home\n\n* pay rent'
    assert told(parse(message, NOW)) == {
        "tasks": [task("Buy milk", due="2026-11-22"), task("call me", tags=["home"]), task("Pay rent")]
    }


@pytest.mark.parametrize(
    ("sentence", "complaint"),
    [
        ("add pay on 31 feb", "There is no 31 February."),
        ("add pay on 2026-13-01", "There is no 1 month 13 2026."),
        ("add call at 25:00", "“at 25:00” is not a time of day."),
        ("add wait in 9999 years", "That date is too far away."),
    ],
)
def test_a_date_that_does_not_exist_is_named(sentence: str, complaint: str) -> None:
    with pytest.raises(ImpossibleDateError) as error:
        parse(sentence, NOW)
    assert str(error.value) == complaint


@pytest.mark.parametrize(
    "message",
    [
        "on " * 1333,
        "due by " * 570,
        "add " + "a" * 3996,
        "a and " * 660,
        "1, " * 1333,
        "#" * 4000,
        "‘" * 4000,
        '"' * 4000,
        "tagged a, " * 400,
        "not urgent " * 360,
        " ,;" * 1333,
        "is due " * 570,
        "mark " * 800,
        "the first " * 400,
        "in the morning " * 260,
        "!" * 4000,
        "\n- a" * 1000,
        "add x \x1f,\x1f," * 300,
        "set ; , ; , " * 330,
        "add ; " * 660,
        "show " + "on " * 1330,
    ],
)
@pytest.mark.timeout(2)
def test_a_hostile_message_is_parsed_in_reasonable_time(message: str) -> None:
    assert parse(message[:4000], NOW) is not None


def test_a_long_note_is_kept_and_other_long_sentences_are_refused() -> None:
    note = "first do this, then that; " * 30
    assert told(parse(f"add fix the sink tomorrow with note: {note}", NOW)) == {
        "tasks": [task("Fix the sink", due="2026-11-22", description=note.strip())]
    }
    assert type(parse("add " + "very " * 100 + "long", NOW)).__name__ == "TooLong"


def test_lines_above_the_limit_of_one_message_are_counted() -> None:
    message = "add:" + "".join(f"\n- errand {number}" for number in range(25))
    intent = parse(message, NOW)
    assert isinstance(intent, Add)
    assert (len(intent.tasks), intent.left) == (20, 5)


def test_elapsed_time_is_exact_when_the_clocks_change() -> None:
    before = datetime(2026, 10, 25, 0, 30, tzinfo=ZoneInfo("Europe/Berlin"))
    assert told(parse("add call in 2 hours", before)) == {
        "tasks": [task("Call", due="2026-10-25T02:30+02:00")]
    }
    assert told(parse("add call in 3 hours", before)) == {
        "tasks": [task("Call", due="2026-10-25T02:30+01:00")]
    }
