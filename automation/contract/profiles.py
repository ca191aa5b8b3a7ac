"""Read and compare profiles and rules; an error names the file, the key and what would be right."""

import difflib
import json
import shutil
import textwrap
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from pydantic import ValidationError

from automation import paths
from automation.console.errors import AutomationError, UsageError, unknown
from automation.console.events import Emit, Notice, Result
from automation.contract.models import Exceptions, Model, Profile, Rules
from automation.process import files
from automation.settings import Settings

DEFAULT_PROFILE = "standalone"

_Contract = TypeVar("_Contract", bound=Model)
_TYPES = {
    "string": "a text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "a table",
}
_KINDS = {str: "string", int: "integer", float: "number", bool: "boolean", list: "array", dict: "object"}


_NARROWEST = 120
ABSENT = "–"
"""Stands where a profile does not have a key."""
_SCHEMAS: Mapping[str, type[Model]] = {
    "deploy/profiles/schema.json": Profile,
    "deploy/rules.schema.json": Rules,
    "deploy/vulnerabilities.schema.json": Exceptions,
}


class ContractError(AutomationError):
    """The file of a profile, or of the rules, is invalid."""


def names(root: Path = paths.ROOT) -> tuple[str, ...]:
    return tuple(sorted(path.stem for path in paths.profiles(root).glob("*.toml")))


def load(name: str = "", root: Path = paths.ROOT) -> Profile:
    """Return the profile of that name, or the default profile.

    Raises UsageError if there is no such profile, and ContractError if its file is invalid.
    """
    name = name or DEFAULT_PROFILE
    if name not in names(root):
        raise unknown("profile", name, names(root))
    file = paths.profiles(root) / f"{name}.toml"
    profile = _load(Profile, file, root)
    if profile.name != name:
        shown = paths.readable(file, root)
        raise ContractError(f"{shown}: name is {profile.name!r}", why=f"it must be {name!r} like the file")
    return profile


def select(root: Path, name: str, *, every: bool) -> tuple[Profile, ...]:
    """Read the profile of that name, or `every` profile. Raises UsageError for both at once."""
    if name and every:
        raise UsageError("--profile and --all exclude each other")
    return tuple(load(profile, root) for profile in (names(root) if every else (name,)))


def load_rules(root: Path = paths.ROOT) -> Rules:
    """Return the rules for every profile. Raises ContractError."""
    return _load(Rules, paths.rules(root), root)


def load_exceptions(root: Path = paths.ROOT) -> Exceptions:
    """Return the vulnerabilities that are ignored. Raises ContractError."""
    return _load(Exceptions, paths.rules(root).with_name("vulnerabilities.toml"), root)


def _load(kind: type[_Contract], file: Path, root: Path) -> _Contract:
    shown = paths.readable(file, root)
    try:
        document = tomllib.loads(files.read_text(root, shown))
    except tomllib.TOMLDecodeError as error:
        raise ContractError(f"{shown} is not valid TOML", why=str(error)) from error
    try:
        # Strict validation takes a JSON array for a tuple, and no list of Python's.
        return kind.model_validate_json(json.dumps(document, default=str))
    except ValidationError as error:
        schema = kind.model_json_schema()
        unknown_first = sorted(error.errors(), key=lambda problem: problem["type"] != "extra_forbidden")
        problems = [_explain(problem, schema) for problem in unknown_first]
        (what, why), *others = problems
        raise ContractError(
            f"{shown}: {what}", why=why, details=[f"{what}; {why}" for what, why in others]
        ) from None


def _explain(error: Mapping[str, Any], schema: Mapping[str, Any]) -> tuple[str, str]:
    """Return what is wrong with a key, and what would be right."""
    *place, last = error["loc"]
    key = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error["loc"])[1:]
    given = error["input"]
    if error["type"] == "extra_forbidden":
        known = list(_at(schema, place)["properties"])
        near = difflib.get_close_matches(str(last), known, n=1)
        hint = f"did you mean {near[0]}?" if near else f"known here: {', '.join(known)}"
        return f"unknown key {key}", hint
    wanted = _at(schema, error["loc"])
    why = f"it must be {_describe(wanted, schema)}"
    if error["type"] == "missing":
        return f"{key} is missing", why
    kind = _KINDS.get(type(given), "")
    if kind != wanted.get("type", kind):
        return f"{key} is {_TYPES.get(kind, repr(given))}", why
    return (f"{key} is empty" if given == [] else f"{key} is {given!r}"), why


def _at(schema: Mapping[str, Any], place: Any) -> Mapping[str, Any]:
    """Return the part of a JSON Schema that describes the value at this place."""
    part = schema
    for step in place:
        inner = part["items"] if isinstance(step, int) else part.get("properties", {}).get(step)
        part = _resolved(inner or part["additionalProperties"], schema)
    return part


def _resolved(part: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    # An optional table is a choice between the table and nothing.
    part = part.get("anyOf", [part])[0]
    reference = part.get("$ref", "").rpartition("/")[2]
    return schema["$defs"][reference] if reference else part


def _describe(part: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    if "enum" in part:
        return f"one of {', '.join(part['enum'])}"
    if "patternErrorMessage" in part:
        return str(part["patternErrorMessage"])
    limits = [f"at least {part['minimum']}"] if "minimum" in part else []
    limits += [f"at most {part['maximum']}"] if "maximum" in part else []
    limits += ["not empty"] if "minItems" in part else []
    text = _TYPES[part["type"]] + (f", {' and '.join(limits)}" if limits else "")
    items, values = part.get("items"), part.get("additionalProperties")
    if items:
        text += f", each item {_describe(_resolved(items, schema), schema)}"
    if values:
        text += f", each value {_describe(_resolved(values, schema), schema)}"
    return text


class Row(NamedTuple):
    """One key of the contract with its value in each profile."""

    key: str
    values: tuple[str, ...]


def compare(profiles: Sequence[Profile]) -> tuple[Row, ...]:
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


def schema_text(model: type[Model]) -> str:
    return json.dumps(model.model_json_schema(), indent=2, ensure_ascii=False) + "\n"


def _flat(value: Any, prefix: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, Model):
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
    shown = (profile,) if profile else names(settings.root)
    chosen = [load(name, settings.root) for name in shown]
    width = max(shutil.get_terminal_size((_NARROWEST, 24)).columns, _NARROWEST) - 4
    emit(Notice(as_table(compare(chosen), shown, width)))
    rules = load_rules(settings.root)
    found = {contract.name: contract.model_dump(mode="json") for contract in chosen}
    emit(Result({"profiles": found, "rules": rules.model_dump(mode="json")}))
