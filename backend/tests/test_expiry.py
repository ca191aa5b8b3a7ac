"""What has expired is deleted while the server runs, whatever happens to one of the deletions."""

import asyncio

import pytest
from sqlalchemy.exc import OperationalError

from app import expiry


async def test_deletions_are_repeated_and_outlive_a_failure(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(expiry, "INTERVAL_S", 0.001)
    calls = 0
    thrice = asyncio.Event()

    async def failing() -> None:
        raise OperationalError("DELETE", {}, Exception("gone"))

    async def counting() -> None:
        nonlocal calls
        calls += 1
        if calls == 3:
            thrice.set()

    async with asyncio.timeout(10), expiry.expiring((failing, counting)):
        await thrice.wait()
    assert "nothing deleted" in caplog.text
    assert not [task for task in asyncio.all_tasks() if task.get_name() == "expiry"]
