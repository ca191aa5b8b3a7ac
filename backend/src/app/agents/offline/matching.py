"""Which of a person's tasks a name means, when the name is not quite the title."""

import difflib
import re
from collections.abc import Sequence

from app.agents.protocol import JsonObject

_STOP_WORDS = frozenset(
    ("a", "an", "the", "my", "our", "to", "some", "of", "for", "task", "todo", "one", "please")
)
_WORDS_COMPARED = 40
_SIMILAR = 0.8
"""The ratio above which two words count as one with a typing error."""


def _words(text: str) -> list[str]:
    words = re.findall(r"\w+", text.casefold())[:_WORDS_COMPARED]
    return [word for word in words if word not in _STOP_WORDS] or words


def search_words(name: str) -> str:
    """Return the words of a name that a title is likely to contain."""
    return " ".join(_words(name))[:200]


def _same_word(said: str, written: str) -> bool:
    if said == written:
        return True
    # "invoices" for "invoice", "painting" for "paint".
    stem = max(4, min(len(said), len(written)) - 2)
    if len(said) >= 4 and len(written) >= 4 and said[:stem] == written[:stem]:
        return True
    # Few errors hit the first letter; and comparing letter by letter is slow.
    if len(said) < 4 or said[0] != written[0] or abs(len(said) - len(written)) > 2:
        return False
    # Letters in the wrong order, "mlik", are the most common error of all.
    swapped = sorted(said) == sorted(written)
    return swapped or difflib.SequenceMatcher(None, said, written).ratio() >= _SIMILAR


def matches(name: str, tasks: Sequence[JsonObject]) -> list[JsonObject]:
    """Return the tasks that a name means best: the same title, else the phrase, else all of its words."""
    said = _words(name)
    if not said:
        return [task for task in tasks if task["title"].strip() == name.strip()]
    phrase = f" {' '.join(said)} "
    titles = [(task, _words(task["title"])) for task in tasks]
    literal = [task for task in tasks if task["title"].casefold() == name.strip().casefold()]
    same = [task for task, words in titles if words == said]
    containing = [task for task, words in titles if phrase in f" {' '.join(words)} "]
    exact_words = [task for task, words in titles if set(said) <= set(words)]
    similar = [
        task
        for task, words in titles
        if all(any(_same_word(word, other) for other in words) for word in said)
    ]
    return literal or same or containing or exact_words or similar
