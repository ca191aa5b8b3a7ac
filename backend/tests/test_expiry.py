"""The server deletes expired rows while it runs, even if one deletion fails."""

import asyncio
from collections.abc import Callable

import pytest
from sqlalchemy.exc import OperationalError

from app import expiry


@pytest.mark.parametrize(
    "failure",
    [OperationalError("DELETE", {}, Exception("gone")), RuntimeError("unexpected")],
    ids=["away", "unexpected"],
)
async def test_deletions_repeat_and_continue_after_a_failure(
    monkeypatch: pytest.MonkeyPatch, logged: Callable[[], str], failure: Exception
) -> None:
    monkeypatch.setattr(expiry, "INTERVAL_S", 0.001)
    calls = 0
    thrice = asyncio.Event()

    async def failing() -> None:
        raise failure

    async def counting() -> None:
        nonlocal calls
        calls += 1
        if calls == 3:
            thrice.set()

    recovered = asyncio.Event()

    async def recover() -> None:
        recovered.set()

    async with asyncio.timeout(10), expiry.expiring((failing, counting), recover, (0,)):
        await recovered.wait()
        await thrice.wait()
    assert "nothing deleted" in logged()
    assert not [task for task in asyncio.all_tasks() if task.get_name() == "expiry"]
