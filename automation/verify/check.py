"""What a check is, and what it finds: pure functions from a contract and from facts, known by their names.

A check says with its parameters what it looks at:

    @check("port", IMAGE)
    def port(asked: Contract, config: Config) -> Finding:
        '''The image exposes the port of the contract, and no other.'''

`Contract` is what is required. Everything else is a fact, gathered only when a chosen check needs it.
"""

import importlib
import inspect
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from automation.console.values import unknown
from automation.contract.contract import Contract

STATIC, IMAGE, LIVE = "static", "image", "live"
"""What is looked at: the files, what was built from them, and what runs."""


class Outcome(StrEnum):
    """What became of a rule."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_APPLICABLE = "not applicable"


@dataclass(frozen=True)
class Finding:
    """A rule held against what was observed."""

    required: str
    observed: str
    outcome: Outcome
    remedy: str = ""
    """How to mend it, where it failed."""
    rule: str = ""
    """The name of the check."""
    service: str = ""
    """Which of the two services; empty where the rule is about both."""


@dataclass(frozen=True)
class Check:
    """A named check."""

    name: str
    group: str
    per_service: bool
    only: str
    """The one service that it is about; empty for both."""
    takes: tuple[type[Any], ...]
    """What its parameters are: what is asked, and facts."""
    summary: str
    function: Callable[..., Finding]

    @property
    def needs(self) -> tuple[type[Any], ...]:
        """The facts that it looks at."""
        return tuple(kind for kind in self.takes if kind is not Contract)

    def to_mapping(self) -> dict[str, str]:
        """Return the check as plain data."""
        return {"name": self.name, "group": self.group, "service": self.only, "summary": self.summary}

    def evaluate(self, asked: Contract, facts: Mapping[type[Any], Any]) -> Finding:
        """Hold the facts against what is asked; a fact that could not be had fails the check."""
        for kind in self.needs:
            if getattr(facts[kind], "failure", ""):
                found = failed(self.summary, facts[kind].failure, facts[kind].remedy)
                break
        else:
            found = self.function(*(asked if kind is Contract else facts[kind] for kind in self.takes))
        return replace(found, rule=self.name, service=asked.name)


_registered: dict[str, Check] = {}
_Function = typing.TypeVar("_Function", bound=Callable[..., Finding])


def check(
    name: str, group: str, *, per_service: bool = True, only: str = ""
) -> Callable[[_Function], _Function]:
    """Register a check under this name; its docstring is what `--list` shows."""

    def register(function: _Function) -> _Function:
        hints = typing.get_type_hints(function)
        takes = tuple(hints[each] for each in inspect.signature(function).parameters)
        summary = inspect.cleandoc(function.__doc__ or "").split("\n\n")[0].replace("\n", " ")
        if name in _registered:
            raise ValueError(f"two checks are called {name}")
        _registered[name] = Check(name, group, per_service, only, takes, summary, function)
        return function

    return register


def registered() -> tuple[Check, ...]:
    """Return all checks, grouped, in the order in which they are defined."""
    for module in ("files", "compose", "images", "containers", "cluster"):
        importlib.import_module(f"automation.verify.checks.{module}")  # registers its checks
    order = (STATIC, IMAGE, LIVE)
    return tuple(sorted(_registered.values(), key=lambda each: order.index(each.group)))


def chosen(names: Sequence[str]) -> tuple[Check, ...]:
    """Return the checks of these names, all without a name. Raises UsageError for a name that none has."""
    everything = registered()
    known = {each.name: each for each in everything}
    for name in names:
        if name not in known:
            raise unknown("check", name, known, listing="invoke verify --list")
    return tuple(each for each in everything if not names or each.name in names)


def judged(required: str, observed: str, *, holds: bool, remedy: str) -> Finding:
    """Return the finding of a rule that holds or does not."""
    return passed(required, observed) if holds else failed(required, observed, remedy)


def passed(required: str, observed: str) -> Finding:
    """Return the finding of a rule that holds."""
    return Finding(required, observed, Outcome.PASSED)


def failed(required: str, observed: str, remedy: str) -> Finding:
    """Return the finding of a rule that does not hold."""
    return Finding(required, observed, Outcome.FAILED, remedy)


def not_applicable(required: str, why: str) -> Finding:
    """Return the finding of a rule that cannot be held against anything here."""
    return Finding(required, why, Outcome.NOT_APPLICABLE)


def listed(names: Sequence[str], most: int = 5) -> str:
    """Return the first names of many as a text, and how many more there are."""
    shown = ", ".join(names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown
