"""Compares a document with what it must be, key by key: what is not named is not allowed."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

_LONGEST = 60  # characters of a value in a difference


@dataclass(frozen=True)
class Maybe:
    """A required value of a key that may be absent."""

    value: Any


@dataclass(frozen=True)
class Difference:
    """A place where a document is not as required."""

    path: str
    required: Any
    observed: Any

    def __str__(self) -> str:
        if self.required is None:
            return f"{self.path} is unknown: {_brief(self.observed)}"
        wanted = self.required.pattern if isinstance(self.required, re.Pattern) else self.required
        return f"{self.path} is {_brief(self.observed)}, not {_brief(wanted)}"


def differences(required: Any, observed: Any, path: str = "") -> Iterator[Difference]:
    """Yield every place where a document is not as required, also each unknown key.

    A required value may be a pattern, or a `Maybe` where the key may be absent. Documents in a list are
    compared one by one, other lists as a whole.
    """
    if isinstance(required, list) and isinstance(observed, list) and _documents(required):
        required, observed = _items(required, observed)
    if isinstance(required, Maybe):
        if observed is not None:
            yield from differences(required.value, observed, path)
    elif isinstance(required, Mapping) and isinstance(observed, Mapping):
        for key in dict.fromkeys((*required, *observed)):
            below = f"{path}.{key}" if path else str(key)
            yield from differences(required.get(key), observed.get(key), below)
    elif isinstance(required, re.Pattern) and isinstance(observed, str):
        if not required.fullmatch(observed):
            yield Difference(path, required, observed)
    elif required != observed or type(required) is not type(observed):
        yield Difference(path, required, observed)


def _items(required: list[Any], observed: list[Any]) -> Iterator[dict[Any, Any]]:
    """Return the items of both lists by name, as far as that keeps their order, otherwise by position."""
    names = [_names(items) for items in (required, observed)]
    common = [[name for name in own if name in names[0] and name in names[1]] for own in names]
    named = all(names) and common[0] == common[1]
    for own, items in zip(names, (required, observed), strict=True):
        yield dict(zip(own if named else range(len(items)), items, strict=True))


def _names(items: list[Any]) -> list[str]:
    """Return the names of the items, none unless each has its own."""
    names = [item["name"] for item in items if isinstance(item, Mapping) and "name" in item]
    return names if len(set(names)) == len(items) else []


def _documents(values: list[Any]) -> bool:
    return any(isinstance(value, Mapping) for value in values)


def _brief(value: Any) -> str:
    text = (
        "missing" if value is None else " ".join(map(str, value)) if isinstance(value, list) else str(value)
    )
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
