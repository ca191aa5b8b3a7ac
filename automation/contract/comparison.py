"""Compare profiles key by key, and write the JSON Schemas of the contract's files."""

import json
import shutil
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import Any, NamedTuple

from automation.console.events import Emit, Notice, Result
from automation.contract import models, profiles
from automation.process import files
from automation.settings import Settings

_NARROWEST = 120
ABSENT = "–"
"""Stands where a profile does not have a key."""
_SCHEMAS: Mapping[str, type[models.Model]] = {
    "deploy/profiles/schema.json": models.Profile,
    "deploy/rules.schema.json": models.Rules,
}


class Row(NamedTuple):
    """One key of the contract with its value in each profile."""

    key: str
    values: tuple[str, ...]


def compare(profiles: Sequence[models.Profile]) -> tuple[Row, ...]:
    """Return a row for each key that any profile has, in the order of the contract."""
    tables = [dict(_flat(profile, "")) for profile in profiles]
    # The longest table first, so that its order holds; the others add the keys it lacks.
    keys = dict.fromkeys(key for table in sorted(tables, key=len, reverse=True) for key in table)
    return tuple(Row(key, tuple(table.get(key, ABSENT) for table in tables)) for key in keys if key != "name")


def as_table(rows: Sequence[Row], names: Sequence[str], width: int) -> tuple[str, ...]:
    """Return the rows as lines of at most `width` columns; a value that all profiles share stands once."""
    key_width = max(len(row.key) for row in rows)
    column = max((width - key_width) // len(names) - 2, 16)
    lines = [_line("", [name.upper() for name in names], key_width, column)]
    for row in rows:
        if len(set(row.values)) == 1:
            lines.append(f"{row.key:<{key_width}}  {row.values[0]}")
        else:
            lines += _wrapped(row, key_width, column)
    return tuple(lines)


def schema_text(model: type[models.Model]) -> str:
    return json.dumps(model.model_json_schema(), indent=2, ensure_ascii=False) + "\n"


def _flat(value: Any, prefix: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, models.Model):
        for name, inner in value:
            if inner is not None:
                yield from _flat(inner, f"{prefix}.{name}" if prefix else name)
    elif isinstance(value, Mapping):
        yield prefix, " ".join(f"{name}={item}" for name, item in value.items()) or ABSENT
    elif isinstance(value, tuple):
        yield prefix, " ".join(value) or ABSENT
    else:
        yield prefix, str(value)


def _wrapped(row: Row, key_width: int, column: int) -> Iterator[str]:
    cells = zip_longest(*(textwrap.wrap(value, column) for value in row.values), fillvalue="")
    for at, parts in enumerate(cells):
        yield _line("" if at else row.key, parts, key_width, column)


def _line(key: str, parts: Sequence[str], key_width: int, column: int) -> str:
    return f"{key:<{key_width}}  {'  '.join(f'{part:<{column}}' for part in parts)}".rstrip()


async def show(settings: Settings, emit: Emit, *, profile: str, schema: bool) -> None:
    """Show the profiles side by side, or with `schema` write the schemas of their files."""
    if schema:
        for file, model in _SCHEMAS.items():
            files.write_text(settings.root / file, schema_text(model))
        emit(Notice((f"Written: {', '.join(_SCHEMAS)}.",)))
        emit(Result({"written": [*_SCHEMAS]}))
        return
    names = (profiles.load(profile, settings.root).name,) if profile else profiles.names(settings.root)
    chosen = [profiles.load(name, settings.root) for name in names]
    width = max(shutil.get_terminal_size((_NARROWEST, 24)).columns, _NARROWEST) - 4
    emit(Notice(as_table(compare(chosen), names, width)))
    rules = profiles.load_rules(settings.root)
    found = {contract.name: contract.model_dump(mode="json") for contract in chosen}
    emit(Result({"profiles": found, "rules": rules.model_dump(mode="json")}))
