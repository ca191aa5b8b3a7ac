"""Edits of a document: each key removed, each value changed, an unknown key or item added."""

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Document = dict[str, Any]
Path = tuple[str | int, ...]
UNKNOWN = "x_unknown"
"""A key that no document has."""


@dataclass(frozen=True)
class Edit:
    """One change of a document."""

    how: str
    path: Path
    value: Any = None

    def __str__(self) -> str:
        return f"{self.how} {'.'.join(map(str, self.path))}"

    def apply(self, document: Document) -> Document:
        """Return a changed copy, which shares what is not changed."""
        changed = copy.copy(document)
        *above, last = self.path
        place: Any = changed
        for key in above:
            place[key] = copy.copy(place[key])
            place = place[key]
        if self.how == "remove":
            del place[last]
        elif isinstance(place, list) and last == len(place):
            place.append(copy.deepcopy(self.value))
        else:
            place[last] = copy.deepcopy(self.value)
        return changed


def edits(document: Any, path: Path = ()) -> Iterator[Edit]:
    """Yield every single edit of a document, except of Compose's extension fields, which do nothing."""
    if isinstance(document, Mapping):
        yield Edit("add", (*path, UNKNOWN), _sibling(document))
        children = [(key, value) for key, value in document.items() if not str(key).startswith("x-")]
    elif isinstance(document, list):
        if document:
            yield Edit("add", (*path, len(document)), _changed(document[-1]))
        children = [*enumerate(document)]
    else:
        yield Edit("change", path, _changed(document))
        return
    for key, value in children:
        if value is not None:
            yield Edit("remove", (*path, key))
        yield from edits(value, (*path, key))


def _sibling(document: Mapping[str, Any]) -> Any:
    """Return a value for a further key: like the others, if they are documents."""
    values = [value for key, value in document.items() if not str(key).startswith("x-")]
    alike = bool(values) and all(value is None or isinstance(value, Mapping) for value in values)
    return values[-1] if alike else "unknown"


def _changed(value: Any) -> Any:
    match value:
        case bool():
            return not value
        case int() | float():
            return value + 1
        case str():
            return f"{value}-changed"
        case list():
            return [*value, "changed"]
        case dict():
            return {key: _changed(own) for key, own in value.items()}
    return "changed"
