"""Backup and restore by the tasks, while the application serves and a person works."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest
from playwright.sync_api import Page

from tests.e2e.application import Application
from tests.e2e.person import Person


def test_a_backup_is_restored_while_people_write(
    application: Application, sign_up: Callable[[str], Person], tmp_path: Path
) -> None:
    if application.invoke is None:
        pytest.fail("needs an application that the test has started")
    file = tmp_path / "saved.gz"
    page = sign_up("Ada").page
    _add(page, "Kept")
    before = _tasks(page)
    ended, statuses = threading.Event(), list[int]()
    writing = threading.Thread(target=_write, args=(application.address, ended, statuses))
    writing.start()
    try:
        saved = application.invoke("backup", "--to", str(file))
        assert saved.returncode == 0, saved.stdout + saved.stderr
        _add(page, "Lost by the restore")
        restored = application.invoke("restore", "--from", str(file), "--yes")
        assert restored.returncode == 0, restored.stdout + restored.stderr
    finally:
        ended.set()
        writing.join()
    assert file.stat().st_mode & 0o777 == 0o600
    assert _tasks(page) == before
    # The account of the one who writes may be newer than the backup.
    assert statuses[0] == 201
    assert {*statuses} <= {201, 401, 429, 503}
    refused = application.invoke("restore", "--from", __file__, "--yes")
    assert refused.returncode == 1
    assert "is not a backup" in refused.stdout + refused.stderr
    assert _tasks(page) == before


def _write(address: str, ended: threading.Event, statuses: list[int]) -> None:
    person = {"name": "Bob", "email": f"bob-{id(ended)}@example.com", "password": "correct horse"}
    with httpx2.Client(base_url=address, headers={"Origin": address}, timeout=20) as client:
        client.post("/api/auth/sign-up/email", json=person)
        while not ended.is_set():
            statuses.append(client.post("/api/tasks", json={"title": "Busy"}).status_code)


def _add(page: Page, title: str) -> None:
    answer = page.request.post("/api/tasks", data={"title": title}, headers=_origin(page))
    assert answer.status == 201


def _origin(page: Page) -> dict[str, str]:
    return {"Origin": page.evaluate("location.origin")}


def _tasks(page: Page) -> list[dict[str, Any]]:
    answer = page.request.get("/api/tasks?status=all")
    assert answer.status == 200
    items: list[dict[str, Any]] = answer.json()["items"]
    return items
