"""Parse references to tasks: "the second one", "#2", "it", "all of them" or a name."""

import re
from typing import Literal

from app.agents.offline.intents import Reference
from app.language.sentences import BLANK, Sentence, compiled

_ORDINALS = {
    word: number
    for number, words in enumerate(
        (
            ("first", "1st"),
            ("second", "2nd"),
            ("third", "3rd"),
            ("fourth", "4th"),
            ("fifth", "5th"),
            ("sixth", "6th"),
            ("seventh", "7th"),
            ("eighth", "8th"),
            ("ninth", "9th"),
            ("tenth", "10th"),
        ),
        1,
    )
    for word in words
}
_COUNTS = {
    word: number
    for number, word in enumerate(
        ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"), 1
    )
}
_ORDINAL = (
    r"(?:(?:second|2nd|next)[\s-]+(?:to[\s-]+)?last|" + "|".join(_ORDINALS) + r"|last|\d{1,3}(?:st|nd|rd|th))"
)
_POSITION = (
    rf"(?:(?:the\s+)?{_ORDINAL}(?:\s+(?:one|task|item|entry|todo))?"
    r"|(?:(?:task|item|number|no\.?|nr\.?|todo)\s+)?#?\d{1,3})"
)
_POSITIONS = compiled(
    rf"^(?:(?:tasks|items|numbers)\s+)?{_POSITION}"
    rf"(?:(?:\s*,\s*|\s+and\s+|\s*&\s*|\s*,\s*and\s+|\s+){_POSITION})*$"
)
_RANGE = compiled(r"^(?:(?:tasks|items|numbers)\s+)?#?(\d{1,3})\s*(?:-|–|to|through)\s*#?(\d{1,3})$")
_FIRST = compiled(
    r"^(?:the\s+)?(first|top|last)\s+(\d{1,2}|" + "|".join(_COUNTS) + r")(?:\s+(?:ones|tasks|items))?$"
)
_IT = compiled(
    r"^(?:it|that|this|that\s+one|this\s+one|that\s+task|this\s+task|the\s+task|the\s+last\s+one\s+i\s+added|them|their|its|those|these|(?:them|it)\s+both|both)$"
)
_EVERYTHING = compiled(
    r"^(?:(?:absolutely\s+)?(?:everything|all|all\s+of\s+(?:them|it|these|those))"
    r"|(?:(?:all|every)(?:\s+(?:of\s+)?(?:my|the|these|those))?|my(?:\s+(?:whole|entire))?|the\s+(?:whole|entire))"
    r"(?:\s+(open|active|pending|overdue|completed|complete|finished|done|closed))?\s*(?:tasks?|to-?\s?dos?|to-?\s?do\s+list|items?|list|ones|things?|stuff)?"
    r"|(?:the\s+)?(open|active|pending|overdue|completed|finished|done|closed)(?:\s+(?:tasks|to-?dos|items|ones|things|stuff))"
    r"|list|the\s+list|(?:the\s+)?(?:tasks|to-?dos|items)(?=\s+(?:tagged|with|about|containing|#)))"
    r"(?:\s+(?:on|from|in)\s+(?:my|the)\s+list)?(?:\s+(?:tagged(?:\s+(?:with|as))?|with\s+(?:the\s+)?tag)\s+#?([\w-]+)|\s+#([\w-]+)"
    r"|\s+(?:about|containing|mentioning|that\s+mention)\s+(.+))?$"
)
_THAT_IS = compiled(
    r"^(?:everything|all(?:\s+(?:of\s+)?(?:my|the))?(?:\s+(?:tasks|to-?dos|items|ones))?)\s+(?:(?:that|which)(?:['’]s|\s+(?:is|are|was|were))"
    r"|i(?:\s+have|['’]ve)?)\s+(?:already\s+|still\s+)?(open|pending|overdue|completed|finished|done|closed)$"
)
_ALL_OF_A_KIND = compiled(r"^(?:all|every|everything|each)\s+(?:of\s+)?(?:my\s+|the\s+)?(.+)$")
_ARTICLES = compiled(
    r"^(?:(?:my|the|a|an|that|this)\s+)?(?:(?:task|to-?do|item|one|reminder)\s+)?(?:(?:called|named|titled|about|to|for|:)\s+)?(?:my\s+|the\s+)?"
)
_TAIL = compiled(
    r"\s+(?:from|off|on|in)\s+(?:my|the)\s+(?:to-?do\s+)?(?:list|tasks|to-?dos)$|\s+(?:task|to-?do|item|reminder)$"
)
_PLURAL = compiled(r"\b(?:tasks|taks|tsaks|taskss|to-?dos|items)\b")
_LAST = -1


def parse_reference(text: str) -> Reference:
    """Parse a reference to tasks; return a falsy reference for an empty text."""
    sentence = Sentence(text.strip(" ,.;:!?"))
    quoted = sentence.quoted()
    if quoted and not sentence.text.replace(BLANK, "").strip(" ,.;:!?"):
        return Reference(name=quoted[0])
    plain = sentence.text.lower()
    if _IT.match(plain):
        return Reference(it=True)
    everything = _EVERYTHING.match(_THAT_IS.sub(r"all \1 tasks", plain))
    if everything:
        kind = everything[1] or everything[2]
        status: Literal["all", "open", "completed", "overdue"] = "all" if kind is None else "completed"
        if kind in {"open", "active", "pending"}:
            status = "open"
        elif kind == "overdue":
            status = "overdue"
        return Reference(everything=status, tag=everything[3] or everything[4], query=everything[5])
    if kind := _ALL_OF_A_KIND.match(plain):
        return Reference(everything="all", kind=_PLURAL.sub("tasks", kind[1]), name=sentence.original)
    first = _FIRST.match(plain)
    if first:
        count = _COUNTS.get(first[2]) or int(first[2])
        return Reference(first=-count if first[1] == "last" else count)
    span = _RANGE.match(plain)
    if span:
        low, high = int(span[1]), int(span[2])
        if 0 < low <= high <= low + 99:
            return Reference(positions=tuple(range(low, high + 1)))
    if _POSITIONS.match(plain):
        words = re.findall(rf"{_ORDINAL}|\d{{1,3}}", plain)
        return Reference(positions=tuple(dict.fromkeys(_position(word) for word in words)))
    if quoted:
        return Reference(name=max(quoted, key=len))
    whole = sentence.original
    name = _TAIL.sub("", _ARTICLES.sub("", whole, count=1)).strip(" ,.;:!?") or whole or None
    if _PLURAL.search(plain):
        # "Today's tasks", unless there is a task of this name.
        return Reference(everything="all", kind=_PLURAL.sub("tasks", plain), name=name)
    return Reference(name=name)


def _position(word: str) -> int:
    if word == "last":
        return _LAST
    if word.endswith("last"):
        return _LAST - 1
    return _ORDINALS.get(word) or int(re.sub(r"\D", "", word))
