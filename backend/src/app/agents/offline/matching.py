"""Match task names to titles, with tolerance for inexact names and typing errors."""

import difflib
import re
from collections.abc import Sequence

from app.agents.protocol import JsonObject

_STOP_WORDS = frozenset(
    ("a", "an", "the", "my", "our", "to", "some", "of", "for", "task", "todo", "one", "please")
)
_WORDS_COMPARED = 40
_SIMILAR = 0.8
"""The minimum similarity of two words that differ by a typing error."""


def _words(text: str) -> list[str]:
    words = re.findall(r"\w+", text.casefold())[:_WORDS_COMPARED]
    return [word for word in words if word not in _STOP_WORDS] or words


def search_words(name: str) -> str:
    """Return the significant words of a name."""
    return " ".join(_words(name))[:200]


def _same_word(said: str, written: str) -> bool:
    if said == written:
        return True
    # "invoices" matches "invoice", "painting" matches "paint".
    stem = max(4, min(len(said), len(written)) - 2)
    if len(said) >= 4 and len(written) >= 4 and said[:stem] == written[:stem]:
        return True
    # The first letter is rarely wrong, and comparing all words letter by letter is slow.
    if min(len(said), len(written)) < 3 or said[0] != written[0] or abs(len(said) - len(written)) > 2:
        return False
    # Transposed letters ("mlik") are the most common error.
    swapped = sorted(said) == sorted(written)
    return swapped or difflib.SequenceMatcher(None, said, written).ratio() >= _SIMILAR


def matches(name: str, tasks: Sequence[JsonObject]) -> list[JsonObject]:
    """Return the best matches: those of `exact_matches`, else titles with words like those of the name."""
    said = _words(name)
    return exact_matches(name, tasks) or [
        task
        for task in tasks
        if said and all(any(_same_word(word, other) for other in _words(task["title"])) for word in said)
    ]


def exact_matches(name: str, tasks: Sequence[JsonObject]) -> list[JsonObject]:
    """Return the best matches: equal titles, else titles with the phrase, else titles with all its words."""
    said = _words(name)
    if not said:
        return [task for task in tasks if task["title"].strip() == name.strip()]
    phrase = f" {' '.join(said)} "
    titles = [(task, _words(task["title"])) for task in tasks]
    literal = [task for task in tasks if task["title"].casefold() == name.strip().casefold()]
    same = [task for task, words in titles if words == said]
    containing = [task for task, words in titles if phrase in f" {' '.join(words)} "]
    exact_words = [task for task, words in titles if set(said) <= set(words)]
    return literal or same or containing or exact_words
