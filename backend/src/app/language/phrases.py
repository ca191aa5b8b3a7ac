"""The phrases that say a day."""

import re
from datetime import UTC, date, datetime, timedelta

from app.language.days import (
    DAY,
    FULL_DAY,
    MONTH,
    NUMBER,
    ORDINAL_WORD,
    SHORT_DAY,
    UNIT,
    ImpossibleDateError,
    calendar_date,
    later,
    month_length,
    month_number,
    next_calendar_date,
    nth_weekday,
    number_of,
    ordinal_of,
    shift,
    weekday_after,
    weekday_number,
)
from app.language.pieces import Piece, Strength, rule

FAINT, WEAK, NAME, SURE = Strength
_TH = r"(?:st|nd|rd|th)"
_TOMORROW = r"(?:tomorrow|tomorow|tommorow|tommorrow|tomorrrow|tmrw|tmr|tmw|2morrow)"
_PERSON_BEFORE = re.compile(
    r"\b(?:call|meet|ask|tell|e?mail|text|ping|with|for|to|from|and|see|visit|invite|phone|thank|help|pay|remind"
    r"|message|write|dear|uncle|mr|of)\s+$",
    re.IGNORECASE,
)


def _month_of(today: date, which: str) -> date:
    """Return the first day of "this month", "next month", "month" or a month with or without a year."""
    words = which.lower().split()
    if words[-1] in ("month", "month's"):
        return later(today.replace(day=1), months=1 if "next" in words else 2 if "after" in words else 0)
    if words[-1].isdigit():
        return date(int(words[-1]), month_number(words[-2]), 1)
    number = month_number(words[-1])
    return date(today.year + (number < today.month), number, 1)


# Exact dates


@rule(r"(\d{4})-(\d{1,2})-(\d{1,2})")
def _iso(match: re.Match[str], _now: datetime) -> Piece:
    return Piece(day=calendar_date(int(match[2]), int(match[3]), int(match[4])))


@rule(r"(\d{4}-\d{2}-\d{2})T(\d{2}:\d{2})(?::\d{2})?")
def _iso_time(match: re.Match[str], _now: datetime) -> Piece:
    try:
        wall = datetime.fromisoformat(f"{match[2]}T{match[3]}")
    except ValueError:
        raise ImpossibleDateError(f"There is no {match[2]} {match[3]}.") from None
    return Piece(day=wall.date(), at=wall.time())


@rule(r"(\d{1,2})([./])(\d{1,2})\3(\d{4})")
def _numeric_with_year(match: re.Match[str], _now: datetime) -> Piece:
    day, month = int(match[2]), int(match[4])
    if month > 12 >= day:
        # Only the American order is a valid date.
        day, month = month, day
    return Piece(day=calendar_date(int(match[5]), month, day))


@rule(r"(\d{1,2})(?:/(\d{1,2})|\.(\d{1,2})\.)", FAINT)
def _numeric(match: re.Match[str], now: datetime) -> Piece | None:
    day, month = int(match[2]), int(match[3] or match[4])
    if month > 12 >= day:
        day, month = month, day
    if 1 <= month <= 12 and 1 <= day <= month_length(2028, month):
        return Piece(day=next_calendar_date(month, day, now.date()))
    if not match["led"]:
        return None
    raise ImpossibleDateError(f"“{match[0].split()[-1]}” is not a day of the year.")


@rule(rf"(?:the\s+)?(\d{{1,2}}){_TH}?\s+(?:of\s+)?({MONTH})(?:,?\s+(\d{{4}}))?", WEAK)
def _day_month(match: re.Match[str], now: datetime) -> Piece:
    return _named_date(match[2], match[3], match[4], now)


@rule(rf"({MONTH})\s+(?:the\s+)?(\d{{1,2}}){_TH}?(?!\s?[ap]\.?m\b|:|\d)(?:,?\s+(\d{{4}}))?", WEAK)
def _month_day(match: re.Match[str], now: datetime) -> Piece:
    return _named_date(match[3], match[2], match[4], now)


def _named_date(day: str, month: str, year: str | None, now: datetime) -> Piece:
    number = month_number(month)
    if year:
        return Piece(day=calendar_date(int(year), number, int(day)))
    return Piece(day=next_calendar_date(number, int(day), now.date()), strength=WEAK)


@rule(rf"(?:the\s+)?(\d{{1,2}}){_TH}(?:\s+of\s+(?:the\s+)?((?:this\s+|next\s+)?month))?", FAINT)
def _month_day_alone(match: re.Match[str], now: datetime) -> Piece:
    number = int(match[2])
    if not 1 <= number <= 31:
        raise ImpossibleDateError(f"No month has a day {number}.")
    if match[3]:
        first = _month_of(now.date(), match[3])
        return Piece(day=calendar_date(first.year, first.month, number), strength=WEAK)
    return Piece(month_day=number, strength=FAINT)


@rule(
    rf"(?:the\s+)?({ORDINAL_WORD})\s+({DAY})\s+(?:of|in)\s+(?:the\s+)?((?:this\s+|next\s+)?month|{MONTH}(?:\s+\d{{4}})?)"
)
def _nth_weekday(match: re.Match[str], now: datetime) -> Piece:
    first = _month_of(now.date(), match[4])
    ordinal, weekday = ordinal_of(match[2]), weekday_number(match[3])
    day = nth_weekday(first, weekday, ordinal)
    if day < now.date() and "month" not in match[4].lower() and not match[4][-1].isdigit():
        day = nth_weekday(first.replace(year=first.year + 1), weekday, ordinal)
    return Piece(day=day)


_HOLIDAYS = {
    "christmas": (12, 25), "christmas day": (12, 25), "christmas eve": (12, 24), "halloween": (10, 31),
    "new years eve": (12, 31), "new years day": (1, 1), "valentines day": (2, 14),
}  # fmt: skip


@rule(
    r"(?:the\s+)?((?:christmas|xmas)(?:\s+(?:eve|day))?|new\s+year[’']?s\s+(?:eve|day)|halloween|valentine[’']?s\s+day)",
    WEAK,
)
def _holiday(match: re.Match[str], now: datetime) -> Piece | None:
    led = match["led"].lower().split()
    # "For christmas" says what a task is for.
    if not led or led[-1] not in ("on", "by", "before", "until", "till", "due"):
        return None
    name = " ".join(re.sub(r"[’']", "", match[2].lower()).replace("xmas", "christmas").split())
    return Piece(day=next_calendar_date(*_HOLIDAYS[name], now.date()), strength=WEAK)


# Days near today


@rule(
    rf"(?:the\s+)?(day\s+after\s+{_TOMORROW})|({_TOMORROW})|(today)|(tonight|tonite)|(?:the\s+)?(day\s+before\s+yesterday)"
    r"|(yesterday)"
)
def _near_day(match: re.Match[str], now: datetime) -> Piece:
    after_tomorrow, tomorrow, _, tonight, before_yesterday, yesterday = match.groups()[1:]
    days = 2 if after_tomorrow else 1 if tomorrow else -2 if before_yesterday else -1 if yesterday else 0
    return Piece(day=later(now.date(), days=days), part="night" if tonight else None)


@rule(r"(tod)|(tom)", FAINT)
def _short_day(match: re.Match[str], now: datetime) -> Piece | None:
    if match[3] and (match[3] != "tom" or _PERSON_BEFORE.search(match.string[: match.start()])):
        return None
    return Piece(day=later(now.date(), days=1 if match[3] else 0), strength=FAINT)


@rule(r"eod|cob|(?:the\s+)?end\s+of\s+(?:the\s+|this\s+)?(?:work(?:ing)?\s+)?day", WEAK)
def _end_of_day(_match: re.Match[str], now: datetime) -> Piece:
    return Piece(day=now.date())


@rule(
    rf"(?:in\s+)?(?:(?P<part>half|(?:a\s+)?quarter|three\s+quarters)\s+(?:of\s+)?an\s+hour"
    rf"|(?P<count>\d{{1,3}}[.,]\d{{1,2}}|{NUMBER})(?P<half>\s+and\s+a\s+half)?\s?(?P<unit>minutes?|mins?|hours?|hrs?|h)"
    rf"(?:(?P<over>\s+and\s+a\s+half)|\s*(?:and\s+)?(?P<minutes>{NUMBER})\s?(?:minutes?|mins?)|(?P<joined>\d{{2}}))?)"
    r"(?:\s+from\s+now)?"
)
def _elapsed(match: re.Match[str], now: datetime) -> Piece | None:
    words = match[0].lower().split()
    if not {"in", "within"} & set(words) and words[-1] != "now":
        return None
    if match["part"]:
        minutes = {"h": 30.0, "t": 45.0}.get(match["part"][0].lower(), 15.0)
    else:
        count = match["count"].replace(",", ".")
        number = float(count) if "." in count else number_of(count)
        number += 0.5 if match["half"] or match["over"] else 0
        minutes = number * (1 if match["unit"][0] in "mM" else 60)
        minutes += number_of(match["minutes"] or match["joined"] or "0")
    local = (now.astimezone(UTC) + timedelta(minutes=minutes)).astimezone(now.tzinfo)
    local = local.replace(second=0, microsecond=0)
    return Piece(day=local.date(), at=local.time(), instant=local)


@rule(
    rf"(?:in\s+|\+\s?)?(?:the\s+next\s+)?({NUMBER})\s?({UNIT})(?:[’']?\s+time)?(?:\s+(?:from|after)\s+(now|today|{_TOMORROW}|{DAY}))?"
)
def _in_days(match: re.Match[str], now: datetime) -> Piece | None:
    words = match[0].lower().split()
    start, anchor = now.date(), (match[4] or "").lower()
    if not anchor and not ({"in", "within"} & set(words) or "+" in match[0]):
        return None
    if anchor not in ("", "now", "today"):
        tomorrow = later(start, days=1)
        is_weekday = re.fullmatch(DAY, anchor) is not None
        start = weekday_after(start, weekday_number(anchor), today_counts=False) if is_weekday else tomorrow
    return Piece(day=shift(start, number_of(match[2]), match[3]))


_NO_WEEK_BEFORE = re.compile(
    r"\b(?:in|for|every|each|evry|other|per|once|twice|thrice|times|\d+\s?x)\s+$", re.IGNORECASE
)


@rule(rf"({NUMBER})\s+(weeks?|fortnights?)\s+(?:on\s+)?({DAY}|today|{_TOMORROW})", WEAK)
@rule(rf"({FULL_DAY}|today|{_TOMORROW})\s+week", WEAK)
def _week_on(match: re.Match[str], now: datetime) -> Piece | None:
    # "A week on monday" and "monday week": a week after the next Monday.
    # Not "every 2 weeks on tuesday", "twice a week on monday", "for a week on monday".
    if "for" in match["led"].lower() or _NO_WEEK_BEFORE.search(match.string[: match.start()]):
        return None
    *count, anchor = (group.lower() for group in match.groups()[1:])
    start = now.date()
    if re.fullmatch(DAY, anchor):
        start = weekday_after(start, weekday_number(anchor), today_counts=False)
    elif anchor != "today":
        start = later(start, days=1)
    return Piece(day=shift(start, number_of(count[0]), count[1]) if count else later(start, days=7))


@rule(rf"\+\s?(\d{{1,4}})\s?({UNIT})")
def _plus_days(match: re.Match[str], now: datetime) -> Piece:
    return Piece(day=shift(now.date(), int(match[2]), match[3]))


# Weekdays


@rule(rf"(next|this\s+coming|this|coming)\s+({DAY})")
def _modified_weekday(match: re.Match[str], now: datetime) -> Piece:
    today, weekday, modifier = now.date(), weekday_number(match[3]), match[2].lower()
    if modifier == "next":
        # The day in the week that starts on the next Monday.
        return Piece(day=later(today, days=7 - today.weekday() + weekday))
    return Piece(day=weekday_after(today, weekday, today_counts=modifier == "this"))


@rule(rf"(?:the\s+)?({DAY}|week|weekend|month)\s+after\s+next")
def _after_next(match: re.Match[str], now: datetime) -> Piece:
    today, word = now.date(), match[2].lower()
    if word == "month":
        return Piece(day=later(today.replace(day=1), months=2))
    if word == "week":
        return Piece(day=later(today, days=14 - today.weekday()))
    weekday = 5 if word == "weekend" else weekday_number(word)
    return Piece(day=later(weekday_after(today, weekday, today_counts=False), days=7))


@rule(rf"({FULL_DAY})", NAME)
@rule(rf"({SHORT_DAY})", FAINT)
def _weekday(match: re.Match[str], _now: datetime) -> Piece:
    return Piece(weekday=weekday_number(match[2]))


@rule(rf"({DAY})\s+(?:in\s+({NUMBER})\s+weeks?|(next\s+week)|(?:the\s+)?week\s+after\s+next)")
@rule(rf"next\s+week\s+(?:on\s+)?({DAY})")
def _weekday_of_week(match: re.Match[str], now: datetime) -> Piece:
    weekday = weekday_number(match[2])
    if match.re.groups > 3 and match[3]:
        nearest = weekday_after(now.date(), weekday, today_counts=False)
        return Piece(day=later(nearest, days=7 * number_of(match[3])))
    weeks = 1 if match.re.groups == 2 or match[4] else 2
    return Piece(day=later(now.date(), days=7 * weeks - now.weekday() + weekday))


# Weeks, months and years

_PERIOD = rf"(?:(?:this|the|next|current)\s+)?(?:week|month|year|quarter)|(?:next\s+)?{MONTH}(?:\s+\d{{4}})?"


@rule(r"next\s+(week|month|year)")
def _next_period(match: re.Match[str], now: datetime) -> Piece:
    today, unit = now.date(), match[2].lower()
    if unit == "week":
        return Piece(day=later(today, days=7 - today.weekday()))
    first = later(today.replace(day=1), months=1) if unit == "month" else date(today.year + 1, 1, 1)
    return Piece(day=first)


@rule(r"(this|the|next)\s+weekend")
def _weekend(match: re.Match[str], now: datetime) -> Piece:
    today = now.date()
    saturday = today if today.weekday() == 6 else weekday_after(today, 5, today_counts=True)
    # The next weekend starts on a Saturday, also on a Sunday.
    days = 7 - (today.weekday() == 6) if match[2].lower() == "next" else 0
    return Piece(day=later(saturday, days=days))


@rule(r"(eow|eom|eoy)|this\s+(week|month|year)")
def _this_period(match: re.Match[str], now: datetime) -> Piece:
    short = {"eow": "week", "eom": "month", "eoy": "year"}
    return Piece(day=_place_in(now.date(), "end", short.get((match[2] or "").lower()) or match[3]))


@rule(
    rf"(?:in\s+)?(?:the\s+)?(start|beginning|early|mid|middle|late|end|(?:first|last)\s+day)[\s-]+(?:of\s+|in\s+)?(?:the\s+)?({_PERIOD})",
    WEAK,
)
def _place_in_period(match: re.Match[str], now: datetime) -> Piece:
    return Piece(day=_place_in(now.date(), match[2].lower(), match[3].lower()))


@rule(rf"(in\s+|next\s+)?({MONTH})(?:\s+(\d{{4}}))?", FAINT)
def _month_alone(match: re.Match[str], now: datetime) -> Piece | None:
    if not (match["led"] or match[2]):
        return None
    first = _month_of(now.date(), f"{match[3]} {match[4]}" if match[4] else match[3])
    strength = WEAK if match[2] else FAINT
    return Piece(day=max(first, now.date()), strength=strength)


def _place_in(today: date, place: str, period: str) -> date:
    """Return the start, the middle or the end of a period, as a day."""
    at_end = place.startswith(("end", "late", "last"))
    at_start = place.startswith(("start", "beginning", "early", "first"))
    is_next = "next" in period
    if period.endswith("week"):
        monday = later(today, days=(7 if is_next else 0) - today.weekday())
        return later(monday, days=6 if at_end else 0 if at_start else 2)
    if period.endswith("year"):
        year = today.year + is_next
        return date(year, 12, 31) if at_end else date(year, 1, 1) if at_start else date(year, 6, 30)
    if period.endswith("quarter"):
        first = later(today.replace(day=1), months=-((today.month - 1) % 3) + (3 if is_next else 0))
        return (
            later(first, months=3, days=-1)
            if at_end
            else first
            if at_start
            else later(first, months=1, days=14)
        )
    first = _month_of(today, period)
    return later(first, months=1, days=-1) if at_end else first if at_start else first.replace(day=15)
