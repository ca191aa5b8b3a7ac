"""What is shipped has licences that are allowed, and any other licence is named."""

import pytest

from docs.reference import licences
from docs.reference.licences import Licensed, is_allowed


def test_every_shipped_package_has_an_allowed_licence() -> None:
    found = licences.packages()
    assert {package.part for package in found} == {"backend", "frontend"}
    assert {"fastapi", "next", "react"} <= {package.name for package in found}
    assert licences.refused(found) == []


@pytest.mark.parametrize(
    ("name", "expression", "allowed"),
    [
        ("one", "MIT", True),
        ("one", "GPL-3.0-only OR MIT", True),
        ("one", "MIT AND GPL-3.0-only", False),
        ("one", "AGPL-3.0-only", False),
        ("one", "", False),
        ("one", "LGPL-3.0-only", False),
        ("psycopg", "LGPL-3.0-only", True),
        ("psycopg", "GPL-3.0-only", False),
        ("one", "(MIT", False),
    ],
)
def test_a_licence_is_allowed_by_the_list_alone(name: str, expression: str, *, allowed: bool) -> None:
    assert is_allowed(Licensed("backend", name, expression)) is allowed
