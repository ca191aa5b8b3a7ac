"""Reading profiles and rules, and the JSON Schemas of their files."""

import dataclasses
import difflib
import inspect
import itertools
import re
import tomllib
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from automation import paths
from automation.console.errors import AutomationError, UsageError
from automation.contract.models import Profile, Rules

DEFAULT_PROFILE = "standalone"

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

_T = TypeVar("_T", bound="DataclassInstance")

_TOML_NAMES: Mapping[Any, str] = {
    str: "a text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    dict: "a table",
    list: "a list",
}


class ContractError(AutomationError):
    """A profile's file that does not say what a profile must say."""


def names(root: Path = paths.ROOT) -> tuple[str, ...]:
    """Return the names of all profiles, sorted."""
    return tuple(sorted(path.stem for path in paths.profiles(root).glob("*.toml")))


# What a value must look like beyond its type, by the name of its key; of a list, each of its items.
_PORTS = ("port", "frontend_port", "backend_port", "service_port")
_COUNTS = (
    "uid",
    "gid",
    "retries",
    "replicas",
    "interval_s",
    "timeout_s",
    "period_s",
    "size_max_mb",
    "size_aim_mb",
)
_LEAST = dict.fromkeys((*_PORTS, *_COUNTS), 1)
_MOST = dict.fromkeys((*_PORTS, "node_port"), 65535)
_REFERENCE = r"^[a-z0-9][a-z0-9._/-]*:(?!latest$)[A-Za-z0-9_][A-Za-z0-9_.-]*$"
_FORMS = {
    "path": (r"^/\S*$", "a path that begins with /"),
    "workdir": (r"^/\S+$", "a path that begins with /, and not the root"),
    "writable": (r"^/\S+$", "a path that begins with /, and not the root"),
    "image": (r"^[a-z0-9]+([._-][a-z0-9]+)*$", "the name of an image: small letters, digits and dashes"),
    "tags": (r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$", "a tag: letters, digits, dots, dashes and underscores"),
    "base": (_REFERENCE, "an image with a tag that is not latest, as in python:3.13-slim"),
    "build_base": (_REFERENCE, "an image with a tag that is not latest, as in node:24-alpine"),
}
_NOT_EMPTY = ("command", "development_command", "stages")


def load(name: str = "", root: Path = paths.ROOT) -> Profile:
    """Read the profile of that name, the default one without a name.

    Raises UsageError when there is no such profile and ContractError when its file is wrong.
    """
    name = name or DEFAULT_PROFILE
    if name not in names(root):
        near = difflib.get_close_matches(name, names(root), n=1)
        raise UsageError(
            f"there is no profile {name!r}",
            why=f"the profiles are {', '.join(names(root))}",
            remedies=[f"--profile {near[0]}"] if near else [],
        )
    file = paths.profiles(root) / f"{name}.toml"
    profile = _load(Profile, file, root)
    if profile.name != name:
        shown = paths.readable(file, root)
        raise ContractError(f"{shown}: name is {profile.name!r}, and must be {name!r} like the file")
    return profile


def load_rules(root: Path = paths.ROOT) -> Rules:
    """Read what holds for every profile. Raises ContractError."""
    return _load(Rules, paths.rules(root), root)


def schema(kind: type[Any] = Profile) -> dict[str, Any]:
    """Return the JSON Schema of a file that is read into this dataclass, for completion in an editor."""
    definitions: dict[str, Any] = {}
    reference = _schema_of(kind, definitions)
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": inspect.cleandoc(kind.__doc__ or "").split("\n")[0],
        **reference,
        "definitions": dict(sorted(definitions.items())),
    }


def _load(kind: type[_T], file: Path, root: Path) -> _T:
    shown = paths.readable(file, root)
    try:
        document = tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ContractError(f"{shown} is not valid TOML", why=str(error)) from error
    except OSError as error:
        raise ContractError(
            f"{shown} cannot be read", why=error.strerror or str(error), remedies=[f"git checkout -- {shown}"]
        ) from error
    return _read(kind, document, shown, "")


def _read(kind: type[_T], table: Mapping[str, Any], file: str, prefix: str) -> _T:
    """Build the dataclass from a TOML table, or raise ContractError."""
    fields = typing.get_type_hints(kind)
    for key in table:
        if key not in fields:
            near = difflib.get_close_matches(key, fields, n=1)
            known = f"did you mean {near[0]}?" if near else f"known here: {', '.join(fields)}"
            raise ContractError(f"{file}: unknown key {prefix}{key}", why=known)
    values: dict[str, Any] = {}
    for each in dataclasses.fields(kind):
        key = f"{prefix}{each.name}"
        if each.name in table:
            values[each.name] = _value(fields[each.name], table[each.name], file, key)
            _check_form(each.name, values[each.name], file, key)
        elif _required(each):
            expected = _describe(fields[each.name])
            raise ContractError(f"{file}: {key} is missing", why=f"it must be {expected}")
    return kind(**values)


def _check_form(name: str, value: Any, file: str, key: str) -> None:
    if name in _NOT_EMPTY and not value:
        raise ContractError(f"{file}: {key} is empty", why="it must have an item")
    for item in value if isinstance(value, tuple) else (value,):
        if isinstance(item, str) and name in _FORMS and not re.search(_FORMS[name][0], item):
            raise ContractError(f"{file}: {key} is {item!r}", why=f"it must be {_FORMS[name][1]}")
        if isinstance(item, int) and not _LEAST.get(name, 0) <= item <= _MOST.get(name, item):
            most = f", and at most {_MOST[name]}" if name in _MOST else ""
            raise ContractError(
                f"{file}: {key} is {item}", why=f"it must be at least {_LEAST.get(name, 0)}{most}"
            )


def _required(each: dataclasses.Field[Any]) -> bool:
    return each.default is dataclasses.MISSING and each.default_factory is dataclasses.MISSING


def _value(kind: Any, value: Any, file: str, key: str) -> Any:
    kind = _without_none(kind)
    if dataclasses.is_dataclass(kind) and isinstance(kind, type) and isinstance(value, dict):
        return _read(kind, value, file, f"{key}.")
    origin = typing.get_origin(kind)
    if origin is tuple and isinstance(value, list):
        item_kind = typing.get_args(kind)[0]
        return tuple(_value(item_kind, item, file, f"{key}[{at}]") for at, item in enumerate(value))
    if origin is Mapping and isinstance(value, dict):
        item_kind = typing.get_args(kind)[1]
        return {name: _value(item_kind, item, file, f"{key}.{name}") for name, item in value.items()}
    if origin is Literal and value in typing.get_args(kind):
        return value
    # A whole number is a number; bool is an int in Python and is not one in TOML.
    if kind is float and type(value) is int:
        return float(value)
    if isinstance(kind, type) and isinstance(value, kind) and type(value) is kind:
        if isinstance(value, int | float) and value < 0:
            raise ContractError(f"{file}: {key} is {value}", why="it must not be below zero")
        return value
    given = repr(value) if origin is Literal else _describe(type(value))
    raise ContractError(f"{file}: {key} is {given}", why=f"it must be {_describe(kind)}")


def _without_none(kind: Any) -> Any:
    if isinstance(kind, types.UnionType):
        [kind] = [each for each in typing.get_args(kind) if each is not types.NoneType]
    return kind


def _describe(kind: Any) -> str:
    kind = _without_none(kind)
    match typing.get_origin(kind):
        case None:
            return "a table" if dataclasses.is_dataclass(kind) else _TOML_NAMES.get(kind, str(kind))
        case origin if origin is tuple:
            return f"a list, each item {_describe(typing.get_args(kind)[0])}"
        case origin if origin is Mapping:
            return f"a table, each value {_describe(typing.get_args(kind)[1])}"
        case _:
            return f"one of {', '.join(typing.get_args(kind))}"


def _schema_of(kind: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    kind = _without_none(kind)
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        if kind.__name__ not in definitions:
            definitions[kind.__name__] = {}  # named before its fields are looked at
            hints, notes = typing.get_type_hints(kind), _field_notes(kind)
            definitions[kind.__name__] = {
                "type": "object",
                "description": inspect.cleandoc(kind.__doc__ or ""),
                "additionalProperties": False,
                "required": [each.name for each in dataclasses.fields(kind) if _required(each)],
                "properties": {
                    each.name: {
                        **_with_form(each.name, _schema_of(hints[each.name], definitions)),
                        **notes.get(each.name, {}),
                    }
                    for each in dataclasses.fields(kind)
                },
            }
        return {"$ref": f"#/definitions/{kind.__name__}"}
    arguments = typing.get_args(kind)
    match typing.get_origin(kind):
        case None:
            simple = {str: "string", int: "integer", float: "number", bool: "boolean"}[kind]
            return {"type": simple, **({"minimum": 0} if kind in {int, float} else {})}
        case origin if origin is tuple:
            return {"type": "array", "items": _schema_of(arguments[0], definitions)}
        case origin if origin is Mapping:
            return {"type": "object", "additionalProperties": _schema_of(arguments[1], definitions)}
        case _:
            return {"enum": list(arguments)}


def _with_form(name: str, made: dict[str, Any]) -> dict[str, Any]:
    """Add to the schema of a key what `_check_form` asks of its values."""
    kind = made.get("type")
    if kind == "array":
        least = {"minItems": 1} if name in _NOT_EMPTY else {}
        return {**made, "items": _with_form(name, made["items"]), **least}
    if kind == "string" and name in _FORMS:
        return {**made, "pattern": _FORMS[name][0]}
    if kind == "integer":
        most = {"maximum": _MOST[name]} if name in _MOST else {}
        return {**made, "minimum": _LEAST.get(name, 0), **most}
    return made


def _field_notes(kind: type[Any]) -> dict[str, dict[str, str]]:
    """Return what the strings under the fields of a dataclass say: an editor shows them with the key."""
    import ast  # costs a hundredth of a second, and only the schema needs it

    notes: dict[str, dict[str, str]] = {}
    for base in reversed(kind.__mro__[:-1]):
        [definition] = ast.parse(inspect.getsource(base)).body
        body = typing.cast("ast.ClassDef", definition).body
        for statement, following in itertools.pairwise(body):
            if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
                match following:
                    case ast.Expr(value=ast.Constant(value=str(text))):
                        notes[statement.target.id] = {"description": inspect.cleandoc(text)}
    return notes
