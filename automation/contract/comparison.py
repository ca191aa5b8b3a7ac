"""The profiles side by side: every key of the contracts with its value in each of them."""

import dataclasses
import json
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from automation import paths
from automation.contract import models, profiles
from automation.process import files

ABSENT = "–"
"""What stands where a profile does not say something."""


@dataclass(frozen=True)
class Row:
    """One key of the contract, and what each profile says there, in the order of the profiles."""

    key: str
    values: tuple[str, ...]


def compare(profiles: Sequence[models.Profile]) -> tuple[Row, ...]:
    """Return a row for each key that any of the profiles has, in the order of the contract."""
    tables = [dict(_flat(profile, "")) for profile in profiles]
    # The one with the most keys first, so that its order holds; the others add what it lacks.
    keys = dict.fromkeys(key for table in sorted(tables, key=len, reverse=True) for key in table)
    return tuple(Row(key, tuple(table.get(key, ABSENT) for table in tables)) for key in keys if key != "name")


def as_table(rows: Sequence[Row], names: Sequence[str], width: int) -> tuple[str, ...]:
    """Return the rows as lines of at most `width` columns; a value that is alike everywhere stands once."""
    key_width = max(len(row.key) for row in rows)
    column = max((width - key_width) // len(names) - 2, 16)
    lines = [_line("", [each.upper() for each in names], key_width, column)]
    for row in rows:
        if len(set(row.values)) == 1:
            lines.append(f"{row.key:<{key_width}}  {row.values[0]}")
        else:
            lines += _wrapped(row, key_width, column)
    return tuple(lines)


def write_schemas(root: Path = paths.ROOT) -> tuple[Path, ...]:
    """Write the JSON Schemas of the contracts beside them; return the files."""
    for file, kind in _SCHEMAS.items():
        files.write_text(root / file, schema_text(kind))
    return tuple(root / file for file in _SCHEMAS)


def schema_text(kind: type[Any]) -> str:
    """Return the text of the schema file for this dataclass."""
    return json.dumps(profiles.schema(kind), indent=2, ensure_ascii=False) + "\n"


_SCHEMAS: Mapping[str, type[Any]] = {
    "deploy/profiles/schema.json": models.Profile,
    "deploy/rules.schema.json": models.Rules,
}


def _flat(value: Any, prefix: str) -> Iterator[tuple[str, str]]:
    if dataclasses.is_dataclass(value):
        for each in dataclasses.fields(value):
            inner = getattr(value, each.name)
            if inner is not None:
                yield from _flat(inner, f"{prefix}.{each.name}" if prefix else each.name)
    elif isinstance(value, Mapping):
        yield prefix, " ".join(f"{name}={item}" for name, item in value.items()) or ABSENT
    elif isinstance(value, tuple):
        yield prefix, " ".join(value) or ABSENT
    else:
        yield prefix, str(value)


def _wrapped(row: Row, key_width: int, column: int) -> Iterator[str]:
    cells = [textwrap.wrap(value, column) for value in row.values]
    for at in range(max(len(cell) for cell in cells)):
        parts = [cell[at] if at < len(cell) else "" for cell in cells]
        yield _line(row.key if at == 0 else "", parts, key_width, column)


def _line(key: str, parts: Sequence[str], key_width: int, column: int) -> str:
    return f"{key:<{key_width}}  {'  '.join(f'{part:<{column}}' for part in parts)}".rstrip()
