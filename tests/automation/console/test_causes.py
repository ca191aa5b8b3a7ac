"""The table from a program's output to cause and remedy."""

import re
import string

import pytest

from automation.console import causes
from automation.console.causes import Cause

TABLES = {name: table for name, table in vars(causes).items() if re.fullmatch("[A-Z][A-Z_]+", name)}
GIVEN = {
    "host", "login", "context", "ignore", "match",
    "release", "namespace", "where", "configuration", "kubectl", "image", "memory", "error", "enable",
}  # fmt: skip


def test_the_first_cause_that_matches_is_found_and_its_placeholders_are_filled() -> None:
    table = (
        Cause(r"no (\w+) at (\S+)", "{0} is missing at {1}: {match}", ("get {0} for {person}",)),
        Cause("no", "anything"),
    )
    found = causes.find(table, "error: NO bread\nat home, no bread at home", person="Ann")
    assert found is not None
    assert found.why == "bread is missing at home: no bread at home"
    assert found.remedies == ("get bread for Ann",)
    assert found.groups == ("bread", "home")
    assert causes.find(table, "yes", person="Ann") is None


def test_a_cause_that_requires_a_value_is_skipped_without_it() -> None:
    table = (Cause("lost", "{host} is gone", requires="host"), Cause("lost", "it is gone"))
    assert [getattr(causes.find(table, "lost", host=host), "why", "") for host in ("a", "")] == [
        "a is gone", "it is gone",
    ]  # fmt: skip


def test_braces_in_the_output_are_no_placeholders() -> None:
    found = causes.find((Cause("bad (.*)", "it is bad: {0}"),), "bad {0} {nobody}")
    assert found is not None
    assert found.why == "it is bad: {0} {nobody}"


@pytest.mark.parametrize("name", TABLES)
def test_every_cause_uses_only_groups_of_its_pattern_and_values_that_its_caller_gives(name: str) -> None:
    for cause in TABLES[name]:
        groups = {str(number) for number in range(re.compile(cause.pattern).groups)}
        for text in (cause.why, cause.what, *cause.remedies):
            used = {field for _, field, _, _ in string.Formatter().parse(text) if field is not None}
            assert used <= groups | GIVEN, text
