"""Normalise sentences: remove politeness and blank out quoted parts."""

import re
import unicodedata

BLANK = "\ufffc"
"""Replaces each character of a quoted part; no rule matches it."""


def compiled(text: str) -> re.Pattern[str]:
    return re.compile(text, re.IGNORECASE | re.DOTALL)


def clean(message: str) -> str:
    """Remove control and formatting characters and normalise spaces; keep the line breaks."""
    kept = (
        character
        for character in unicodedata.normalize("NFC", message)
        if character in "\n\t\u200c\u200d" or unicodedata.category(character) not in {"Cc", "Cs", "Cf"}
    )
    lines = (" ".join(line.split()) for line in "".join(kept).splitlines())
    return "\n".join(line for line in lines if line)


_QUOTED = compiled(
    r'"([^"\n]+)"|“([^”\n]+)”|‘([^\n]+?)’(?!\w)|«([^»\n]+)»|(?<!\w)\'([^\'\n]+)\'(?!\w)|`([^`\n]+)`'
)


class Sentence:
    """A sentence with its quoted parts blanked out."""

    def __init__(self, text: str) -> None:
        self.original = text
        self.text = _QUOTED.sub(lambda match: BLANK * len(match[0]), text)

    def quoted(self, start: int = 0, end: int | None = None) -> list[str]:
        """Return the quoted parts between two positions, without their quotation marks."""
        matches = _QUOTED.finditer(self.original[start:end])
        return [next(group for group in match.groups() if group is not None) for match in matches]


_POLITE_START = compiled(
    r"^(?:(?:hey|hi|hello|ok|okay|so|well|and|then|now|also|please|pls|plz|kindly|just|quickly|actually|oops|sorry|oh|wait|hmm|alright"
    r"|great|thanks|yes,?\s+please)(?:\s+there)?[\s,!.]+"
    r"|(?:can|could|would|will)\s+you\s+(?:please\s+)?|i(?:['’]d|\s+would)\s+like\s+(?:you\s+)?to\s+"
    r"|i\s+(?:want|need)\s+you\s+to\s+|i\s+want\s+to\s+(?=add|create|delete|remove|complete|mark|rename|change|move|list|see|show|update)|let['’]?s\s+)+"
)
_POLITE_END = compiled(
    r"[\s,]*(?:(?:\bplease|\bpls|\bplz|\bthanks|\bthank\s+you|\bfor\s+me|\bright\s+now)[\s.!?]*)+$"
)


def without_politeness(text: str) -> str:
    polite = _POLITE_START.match(text)
    if polite:
        text = text[polite.end() :]
        # "Could you add …?" is a request, not a question.
        text = text.rstrip("?") if "you" in polite[0].lower() else text
    return _POLITE_END.sub("", text).strip()
