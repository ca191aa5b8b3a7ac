"""The check DSL: a check is a small pure function from a contract and facts to a finding.

A check is called as its function. Its parameters say what it needs, its docstring is its summary in
`invoke verify --list`:

    @check(IMAGE, remedy="EXPOSE {service.port}")
    def port(contract: Contract, config: Config) -> Comparison:
        '''The image exposes the contract's port and no other.'''
        return f"{contract.service.port}/tcp", listed(config.ports)

`Contract` is what is required. Every other parameter is a fact, gathered only when a chosen check needs it.
One called `backend` or `frontend` is that service's fact, for a check of both.
A check returns a finding, or what is required and what is observed. Its remedy may name figures, as here,
and `{flags}`: what makes a task act on the release that was observed.
"""

import importlib
import inspect
import re
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from operator import attrgetter
from typing import Any

from automation.console.errors import unknown
from automation.contract.comparison import Maybe, differences
from automation.contract.contract import Contract
from automation.contract.models import SERVICES

STATIC, IMAGE, LIVE = "static", "image", "live"
"""Groups of checks: the files, the images built from them, and running containers."""

_FIGURE = re.compile(r"\{((?:profile|rules|service|name)\b[\w.]*)\}")
_MODULES = (
    *("builds", "exposure", "compose", "chart", "image_config", "image_contents", "image_files"),
    *("health", "containers", "serving", "journeys", "cluster", "cluster_figures"),
)


Comparison = tuple[Any, Any]
"""A required document, whose values may be patterns or `Maybe`, and the one that is observed."""


class Outcome(StrEnum):
    """The result of a check."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_APPLICABLE = "not applicable"


@dataclass(frozen=True)
class Finding:
    """Result of a check."""

    required: str
    """The contract's value, or what the check's summary says."""
    observed: str
    outcome: Outcome
    remedy: str = ""
    rule: str = ""
    """The name of the check."""
    service: str = ""
    """Empty where the check is about both services."""


@dataclass(frozen=True)
class Check:
    """A check under its name."""

    name: str
    group: str
    summary: str
    takes: tuple[Any, ...]
    """The types of what it looks at, with the service where it is another's."""
    function: Callable[..., "Finding | Comparison"]
    remedy: str = ""
    """Fix for the function's finding, unless the finding has its own."""
    per_service: bool = True
    only: str = ""
    """The one service that it is about; empty for both."""

    @property
    def needs(self) -> tuple[type[Any], ...]:
        """The facts that the check looks at."""
        kinds = (key[1] if isinstance(key, tuple) else key for key in self.takes)
        return tuple(kind for kind in kinds if kind is not Contract)

    def to_mapping(self) -> dict[str, str]:
        """Return the check as plain data."""
        return {"name": self.name, "group": self.group, "service": self.only, "summary": self.summary}

    def evaluate(self, contract: Contract, facts: Mapping[Any, Any]) -> Finding:
        """Check the facts; a fact with a `failure` fails the check, one that is `absent` is not judged."""
        given = {Contract: contract, **facts}
        for fact in (given[key] for key in self.takes):
            if absent := getattr(fact, "absent", ""):
                finding = not_applicable(self.summary, absent)
                break
            if failure := getattr(fact, "failure", ""):
                finding = Finding(self.summary, failure, Outcome.FAILED, fact.remedy)
                break
        else:
            found = self.function(*(given[key] for key in self.takes))
            finding = found if isinstance(found, Finding) else compare(*found)
            if finding.outcome is Outcome.FAILED and not finding.remedy:
                flags = next((fact.flags for key in self.takes if hasattr(fact := given[key], "flags")), "")
                finding = replace(finding, remedy=filled(self.remedy, contract).replace("{flags}", flags))
        return replace(
            finding, required=finding.required or self.summary, rule=self.name, service=contract.name
        )


_registered: dict[str, Check] = {}
_Function = typing.TypeVar("_Function", bound=Callable[..., Finding | Comparison])


def check(
    group: str, *, remedy: str = "", per_service: bool = True, only: str = ""
) -> Callable[[_Function], _Function]:
    """Register a function as the check of its name, with dashes."""

    def decorate(function: _Function) -> _Function:
        hints = typing.get_type_hints(function)
        names = inspect.signature(function).parameters
        takes = tuple((name, hints[name]) if name in SERVICES else hints[name] for name in names)
        summary = " ".join((function.__doc__ or "").split())
        name = function.__name__.replace("_", "-")
        register(Check(name, group, summary, takes, function, remedy, per_service, only))
        return function

    return decorate


def register(check: Check) -> None:
    """Add a check. Raises ValueError if there is one of its name."""
    if check.name in _registered:
        raise ValueError(f"two checks are called {check.name}")
    _registered[check.name] = check


def registered() -> tuple[Check, ...]:
    """Return all checks by group, in the order in which they are defined."""
    for module in _MODULES:
        importlib.import_module(f"automation.verify.checks.{module}")  # registers its checks
    return tuple(sorted(_registered.values(), key=lambda check: (STATIC, IMAGE, LIVE).index(check.group)))


def chosen(names: Sequence[str]) -> tuple[Check, ...]:
    """Return the checks of these names, or all without a name. Raises UsageError for an unknown name."""
    known = {check.name: check for check in registered()}
    for name in names:
        if name not in known:
            raise unknown("check", name, known, listing="invoke verify --list")
    return tuple(check for check in known.values() if not names or check.name in names)


def judge(required: str, observed: str, *, holds: bool, remedy: str = "") -> Finding:
    """Return a finding that passes if the rule holds."""
    return Finding(required, observed, Outcome.PASSED if holds else Outcome.FAILED, "" if holds else remedy)


def not_applicable(required: str, why: str) -> Finding:
    """Return the finding of a rule that does not apply."""
    return Finding(required, why, Outcome.NOT_APPLICABLE)


def at_most(
    limit: float,
    observed: float | None,
    unit: str,
    *,
    digits: int = 0,
    missing: str = "never",
    remedy: str = "",
) -> Finding:
    """Require a number within a limit; where there is no number, `missing` says what happened instead."""
    text = missing if observed is None else f"{observed:.{digits}f} {unit}"
    holds = observed is not None and observed <= limit
    return judge(f"at most {limit} {unit}", text, holds=holds, remedy=remedy)


def no_problem(
    problems: Iterable[str],
    *,
    required: str = "",
    passing: str = "as required",
    most: int = 5,
    remedy: str = "",
) -> Finding:
    """Require that there is no problem; an empty text is none."""
    found = list(dict.fromkeys(filter(None, problems)))
    return judge(required, listed(found, most) if found else passing, holds=not found, remedy=remedy)


def filled(text: str, contract: Contract) -> str:
    """Return a text with the figures of the contract that it names, as in `{service.port}`."""
    return _FIGURE.sub(lambda found: str(attrgetter(found[1])(contract)), text)


def listed(names: Iterable[str], most: int = 5) -> str:
    """Return the first names and how many more there are; `none` where there are none."""
    every = list(names)
    shown = ", ".join(every[:most]) or "none"
    return f"{shown} and {len(every) - most} more" if len(every) > most else shown


def compare(required: Any, observed: Any) -> Finding:
    """Require exactly a text, or that a document is as required, key by key."""
    if isinstance(required, str):
        return judge(required, observed, holds=observed == required)
    figures = ", ".join(dict.fromkeys(_figures(required)))
    return no_problem(map(str, differences(required, observed)), required=figures)


def _figures(value: Any, name: str = "") -> Iterator[str]:
    """Yield the values that are required, each with its key."""
    if isinstance(value, Mapping):
        for key, own in value.items():
            yield from _figures(own, str(key))
    elif not isinstance(value, Maybe | re.Pattern):
        text = " ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
        yield f"{name} {text}".strip()
