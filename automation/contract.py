"""A profile is a TOML file that says what one way of shipping this application requires.

The file is read strictly into frozen dataclasses: a key that is not known, is missing, or has the wrong
type is an error that names the file, the key and what would be right. Everything that needs a figure or a
name of a profile takes it from here.
"""

import dataclasses
import difflib
import tomllib
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from automation import paths
from automation.errors import AutomationError, UsageError

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


@dataclass(frozen=True)
class BackendEnvironment:
    """The variables that the backend of a profile is given."""

    model_key: str
    """The variable that holds the key of the model's provider; without it the offline agent answers."""
    provider: str
    """The provider whose key that is: the value of AGENT_PROVIDER."""
    required: tuple[str, ...]
    """The variables without which the backend does not start."""


@dataclass(frozen=True)
class Backend:
    """The backend service of a profile."""

    environment: BackendEnvironment


@dataclass(frozen=True)
class Profile:
    """One way of shipping the application."""

    name: str
    summary: str
    backend: Backend


class ContractError(AutomationError):
    """A profile's file that does not say what a profile must say."""


def names(root: Path = paths.ROOT) -> tuple[str, ...]:
    """Return the names of all profiles, sorted."""
    return tuple(sorted(path.stem for path in paths.profiles(root).glob("*.toml")))


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
    shown = paths.readable(file, root)
    try:
        document = tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ContractError(f"{shown} is not valid TOML", why=str(error)) from error
    profile = _read(Profile, document, shown, "")
    if profile.name != name:
        raise ContractError(f"{shown}: name is {profile.name!r}, and must be {name!r} like the file")
    return profile


def _read(kind: type[_T], table: Mapping[str, Any], file: str, prefix: str) -> _T:
    """Build the dataclass from a TOML table, or raise ContractError."""
    fields = typing.get_type_hints(kind)
    for key in table:
        if key not in fields:
            near = difflib.get_close_matches(key, fields, n=1)
            known = f"did you mean {near[0]}?" if near else f"known here: {', '.join(fields)}"
            raise ContractError(f"{file}: unknown key {prefix}{key}", why=known)
    values: dict[str, Any] = {}
    for field in dataclasses.fields(kind):
        key = f"{prefix}{field.name}"
        if field.name in table:
            values[field.name] = _value(fields[field.name], table[field.name], file, key)
        elif field.default is dataclasses.MISSING:
            expected = _describe(fields[field.name])
            raise ContractError(f"{file}: {key} is missing", why=f"it must be {expected}")
    return kind(**values)


def _value(kind: Any, value: Any, file: str, key: str) -> Any:
    if dataclasses.is_dataclass(kind) and isinstance(kind, type) and isinstance(value, dict):
        return _read(kind, value, file, f"{key}.")
    if isinstance(kind, types.GenericAlias) and isinstance(value, list):
        return tuple(_value(kind.__args__[0], item, file, f"{key}[{at}]") for at, item in enumerate(value))
    # bool is an int in Python and is not one in TOML.
    if isinstance(kind, type) and isinstance(value, kind) and type(value) is kind:
        return value
    raise ContractError(f"{file}: {key} is {_describe(type(value))}", why=f"it must be {_describe(kind)}")


def _describe(kind: Any) -> str:
    if isinstance(kind, types.GenericAlias):
        return f"a list, each item {_describe(kind.__args__[0])}"
    if dataclasses.is_dataclass(kind):
        return "a table"
    return _TOML_NAMES.get(kind, str(kind))
