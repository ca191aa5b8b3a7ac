"""The phrases that say a time of day."""

import re
from datetime import datetime, time

from app.language.days import ImpossibleDateError, number_of
from app.language.pieces import Piece, Strength, rule

_MIDNIGHT = time(23, 59)
""""Friday midnight" as a deadline is the end of Friday, not its start."""
DAY_PARTS = {
    "morning": time(9),
    "noon": time(12),
    "midday": time(12),
    "lunchtime": time(12),
    "lunch": time(12),
    "afternoon": time(15),
    "evening": time(19),
    "night": time(20),
    "midnight": _MIDNIGHT,
}
_HOUR_WORD = r"(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve)"
_HALF = r"([ap])\.?\s?m\b\.?"
# The end of a span of time, which a task cannot hold.
_TO = rf"\s*(?:-|–|to|until|till)\s*(?:\d{{1,2}}(?:[:.h]\d{{2}})?|{_HOUR_WORD})"
_TO_HALF = rf"{_TO}\s?[ap]\.?\s?m\b\.?"
WEAK, FAINT = Strength.WEAK, Strength.FAINT


def _time(hour: int, minute: int, said: str) -> time:
    if hour == 24 and minute == 0:
        return _MIDNIGHT
    if hour > 23 or minute > 59:
        raise ImpossibleDateError(f"“{said.strip()}” is not a time of day.")
    return time(hour, minute)


def _note(end: str | None) -> str | None:
    return f"A task has one time; I left out “{end.strip(' -–')}”." if end else None


@rule(
    rf"(\d{{1,2}}|{_HOUR_WORD})(?:[:.h](\d{{2}})|\s+(thirty|fifteen|forty-five))?({_TO})?\s?{_HALF}({_TO_HALF})?"
)
def _half_day_clock(match: re.Match[str], _now: datetime) -> Piece:
    hour, minute = number_of(match[2]), int(match[3] or 0) or (number_of(match[4]) if match[4] else 0)
    if hour > 12:
        raise ImpossibleDateError(f"“{match[0].strip()}” is not a time of day.")
    hour = hour % 12 + (12 if match[6].lower() == "p" else 0)
    # "For 5pm" is a time, "for the 5pm show" or "for 2pm meeting" is none.
    strength = WEAK if match["led"].lower().split()[-1:] == ["for"] else Strength.SURE
    return Piece(at=_time(hour, minute, match[0]), note=_note(match[5] or match[7]), strength=strength)


@rule(rf"(\d{{1,2}}):(\d{{2}})(?::\d{{2}})?({_TO})?(?!:|\s?{_HALF})")
def _clock(match: re.Match[str], _now: datetime) -> Piece:
    return Piece(at=_time(int(match[2]), int(match[3]), match[0]), note=_note(match[4]))


@rule(r"(\d{1,2})h(\d{2})?|(\d{2})\.(\d{2})|([01]\d|2[0-3])([0-5]\d)", FAINT)
def _other_clock(match: re.Match[str], _now: datetime) -> Piece | None:
    if not match["led"]:
        return None
    is_year = match[6] in ("19", "20")
    if is_year and match["led"].lower().split()[-1] not in ("at", "@", "around"):
        return None  # "for 2027"
    hour, minute = next(pair for pair in (match.group(2, 3), match.group(4, 5), match.group(6, 7)) if pair[0])
    return Piece(at=_time(int(hour), int(minute or 0), match[0]), strength=FAINT)


@rule(
    rf"(\d{{1,2}}|{_HOUR_WORD})(?:\s+(thirty|fifteen|forty-five))?({_TO})?(\s?o[’']?clock)?(?![:%€£$])", WEAK
)
def _hour(match: re.Match[str], _now: datetime) -> Piece | None:
    led = match["led"].lower().split()
    before = led[-1] if led else ""
    # "At" makes an hour out of a number; "by 3" may count something, and "from 3" needs an end.
    strength = {"at": WEAK, "@": WEAK, "from": WEAK if match[4] else None}.get(before, FAINT)
    if match[5]:
        strength = WEAK
    elif strength is None or before in ("", "for", "on", "in", "due", "starting", "over", "within", "during"):
        return None
    hour, minute = number_of(match[2]), number_of(match[3]) if match[3] else 0
    return Piece(
        at=_time(hour, minute, match[0]),
        is_half_day_open=1 <= hour <= 12,
        strength=strength,
        note=_note(match[4]),
    )


@rule(
    rf"(half|quarter|five|ten|twenty|twenty-five)\s+(past|to|after)\s+(\d{{1,2}}|{_HOUR_WORD})(?:\s?{_HALF})?"
)
def _spoken_clock(match: re.Match[str], _now: datetime) -> Piece:
    special = {"half": 30, "quarter": 15, "twenty-five": 25}
    word, hour = match[2].lower(), number_of(match[4])
    minute = special.get(word) or number_of(word)
    if match[3].lower() == "to":
        hour, minute = hour - 1 or 12, 60 - minute
    if match[5]:
        hour = hour % 12 + (12 if match[5].lower() == "p" else 0)
    return Piece(at=_time(hour, minute, match[0]), is_half_day_open=not match[5] and hour <= 12)


@rule(r"(noon|midday|midnight|lunchtime)", WEAK)
def _named_hour(match: re.Match[str], _now: datetime) -> Piece:
    return Piece(at=DAY_PARTS[match[2].lower()])


@rule(r"(?:in\s+)?the\s+(morning|afternoon|evening)|(?:this|at)\s+(morning|afternoon|evening|night)", WEAK)
def _day_part(match: re.Match[str], _now: datetime) -> Piece | None:
    words = match[0].lower().split()
    if words[0] not in ("in", "this", "at", "by", "for", "during", "before"):
        return None
    return Piece(part=words[-1])


@rule(r"(morning|afternoon|evening|night)", FAINT)
def _part_of_named_day(match: re.Match[str], _now: datetime) -> Piece | None:
    # "Tomorrow morning", "Friday night": only beside a day, which the run decides.
    day_before = re.search(
        r"(?:day|tomorrow|tmrw|mon|tue|wed|thu|fri|sat|sun|\d(?:st|nd|rd|th)?)\s+$",
        match.string[: match.start()],
        re.IGNORECASE,
    )
    return Piece(part=match[2].lower(), strength=FAINT) if day_before and not match["led"] else None
