"""A container reaches this machine under a name other than localhost."""

import pytest

from automation.process.addresses import seen_from_inside


@pytest.mark.parametrize(
    ("url", "inside"),
    [
        ("postgresql://me:pw@localhost:5432/todo", "postgresql://me:pw@gateway:5432/todo"),
        ("postgresql://localhost:5432,db:5433,[::1]/x", "postgresql://gateway:5432,db:5433,gateway/x"),
        ("http://127.0.0.1:11434/v1", "http://gateway:11434/v1"),
        ("postgresql://me:localhost@db/todo", "postgresql://me:localhost@db/todo"),
        ("postgresql:///todo?host=/run", "postgresql:///todo?host=/run"),
        ("", ""),
    ],
)
def test_every_local_host_is_renamed(url: str, inside: str) -> None:
    assert seen_from_inside(url, "gateway") == inside
