"""Pieces: the phrases of a sentence that say a day, a time or a repetition, and where they stand.

A rule is a pattern, a strength and a function that reads a match. The strength says how much context a phrase
needs to count as a date; `dates` decides that for all rules alike.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time
from enum import IntEnum

from app.language.days import ImpossibleDateError


class Strength(IntEnum):
    """The context that a phrase needs.

    A sure phrase needs none ("tomorrow", "in 3 days"). A name needs a preposition, or the end of a phrase
    behind it ("monday"). A weak phrase always needs the end of a phrase behind it ("3 may"), and a faint one
    without a preposition the end of the sentence, because it may be anything ("27th", "sat").
    """

    FAINT = 0
    WEAK = 1
    NAME = 2
    SURE = 3


@dataclass(frozen=True, slots=True)
class Piece:
    """A phrase with its position and what it says; the fields that it does not say are None."""

    start: int = 0
    end: int = 0
    strength: Strength = Strength.SURE
    preposition: str = ""
    """The preposition before it, or an empty text."""
    day: date | None = None
    weekday: int | None = None
    """A weekday without a week: it selects the next such day, or confirms `day`."""
    month_day: int | None = None
    """A day of a month without a month."""
    at: time | None = None
    is_half_day_open: bool = False
    """"At 5" is 17:00 or 05:00; the rest of the sentence decides."""
    instant: datetime | None = None
    part: str | None = None
    """A part of the day: it selects the half of the day for an open hour; alone, it is a rough time."""
    rule: dict[str, str] = field(default_factory=dict)
    """The parts of a recurrence rule (RFC 5545)."""
    is_unclear: bool = False
    """"Twice a week" is a rule only beside the days on which it holds."""
    lasting: tuple[int, str] | None = None
    """How long a repetition lasts: "for 10 days"."""
    problem: str | None = None
    """Why there is no such date. It matters only if the phrase counts as a date."""
    note: str | None = None
    """Part of the phrase that a task cannot hold."""


Reader = Callable[[re.Match[str], datetime], "Piece | None"]


@dataclass(frozen=True, slots=True)
class _Rule:
    pattern: re.Pattern[str]
    strength: Strength
    read: Reader


_RULES: list[_Rule] = []
PREPOSITION = r"(?:due|by|before|until|till|on|for|from|starting|at|around|during|after|over|within|@)"
_LED = rf"(?P<led>(?:{PREPOSITION}\s*:?\s+|@\s*)*)"
_OPEN = r"(?<![\w’'/.:$€£#+-])"
_CLOSED = r"(?![\w’'/-]|\.\d)"


def rule(pattern: str, strength: Strength = Strength.SURE) -> Callable[[Reader], Reader]:
    """Register a function that reads the matches of a pattern, which may follow prepositions."""

    def register(read: Reader) -> Reader:
        compiled = re.compile(rf"{_OPEN}{_LED}(?:{pattern}){_CLOSED}", re.IGNORECASE)
        _RULES.append(_Rule(compiled, strength, read))
        return read

    return register


def find_pieces(text: str, now: datetime) -> list[Piece]:
    """Return the pieces of a text in order, without overlaps: the longest wins."""
    kept: list[Piece] = []
    for piece in sorted(_matches(text, now), key=lambda piece: (piece.start - piece.end, piece.start)):
        if all(piece.end <= other.start or piece.start >= other.end for other in kept):
            kept.append(piece)
    return sorted(kept, key=lambda piece: piece.start)


def _matches(text: str, now: datetime) -> Iterator[Piece]:
    for rule in _RULES:
        for match in rule.pattern.finditer(text):
            try:
                piece = rule.read(match, now)
            except ImpossibleDateError as error:
                piece = Piece(day=now.date(), problem=str(error))
            if piece is None:
                continue
            led = match["led"].lower().strip(" :")
            start = match.start()
            # The strength that a rule gives to a single match counts.
            strength = rule.strength if piece.strength is Strength.SURE else piece.strength
            yield _placed(piece, start, match.end(), strength, led)


def _placed(piece: Piece, start: int, end: int, strength: Strength, preposition: str) -> Piece:
    values = {name: getattr(piece, name) for name in Piece.__slots__}
    return Piece(**values | {"start": start, "end": end, "strength": strength, "preposition": preposition})
