"""A candidate replaces the project's own file, and only the file that was reviewed."""

from pathlib import Path

import pytest

from automation.console.errors import AutomationError
from automation.review import adoption

OWN = "FROM python:3.11-slim AS gordon\nUSER 1001\n"
BETTER = "FROM python:3.11-slim AS gordon\nWORKDIR /app\nUSER 1001\n"
WORSE = "FROM python:latest\n"


def test_adopting_replaces_the_text_and_keeps_the_permissions(tmp_path: Path) -> None:
    own = tmp_path / "Dockerfile"
    own.write_text(OWN, encoding="utf-8")
    own.chmod(0o640)
    adoption.adopt(BETTER, own, OWN, tmp_path)
    assert own.read_text(encoding="utf-8") == BETTER
    assert own.stat().st_mode & 0o777 == 0o640
    assert list(tmp_path.iterdir()) == [own]


def test_a_file_that_changed_during_the_review_is_not_replaced(tmp_path: Path) -> None:
    own = tmp_path / "Dockerfile"
    own.write_text(WORSE, encoding="utf-8")
    with pytest.raises(AutomationError, match="has changed since the review began"):
        adoption.adopt(BETTER, own, OWN, tmp_path)
    assert own.read_text(encoding="utf-8") == WORSE


def test_a_link_in_the_place_of_the_projects_file_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text(OWN, encoding="utf-8")
    (tmp_path / "Dockerfile").symlink_to("elsewhere")
    with pytest.raises(AutomationError, match="is a link"):
        adoption.adopt(BETTER, tmp_path / "Dockerfile", OWN, tmp_path)
