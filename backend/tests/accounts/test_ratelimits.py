"""Rate limits by client address, shared by all servers."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from sqlalchemy import func, select

from app.accounts.ratelimits import STRICT, USUAL, network
from app.database import Call, Database, Row
from app.ratelimits import LONGEST_WINDOW_S, Limit, RateLimit, RateLimiter
from backend.tests.browsers import browser

NOBODY = {"email": "nobody@example.org", "password": "correct horse"}


class Clock:
    now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def limiters(database_url: str, clock: Clock) -> AsyncIterator[list[RateLimiter]]:
    """The limiters of two servers with one database."""
    databases = [Database(database_url) for _ in range(2)]
    yield [RateLimiter(database, clock) for database in databases]
    for database in databases:
        await database.close()


async def test_the_fourth_sign_in_within_ten_seconds_is_refused(app: FastAPI, clock: Clock) -> None:
    app.state.rate_limiter = RateLimiter(app.state.database, clock)
    async with browser(app) as client, browser(app, address="10.0.0.1") as neighbour:
        for _ in range(3):
            assert (await client.post("/api/auth/sign-in/email", json=NOBODY)).status_code == 401
        clock.now += 3.5
        refused = await client.post("/api/auth/sign-in/email", json=NOBODY)
        assert refused.status_code == 429
        assert refused.headers["x-retry-after"] == "7"
        assert refused.json() == {"message": "Too many requests. Please try again later."}
        assert (await neighbour.post("/api/auth/sign-in/email", json=NOBODY)).status_code == 401
        assert (await client.get("/api/auth/get-session")).status_code == 200
        clock.now += 6.5
        assert (await client.post("/api/auth/sign-in/email", json=NOBODY)).status_code == 401


async def test_other_routes_allow_a_hundred_requests_in_ten_seconds(limiters: list[RateLimiter]) -> None:
    answers = [await limiters[number % 2].retry_after("somebody", USUAL) for number in range(101)]
    assert answers == [None] * 100 + [10]


async def test_concurrent_requests_to_one_server_are_each_counted_once(limiters: list[RateLimiter]) -> None:
    limiter = limiters[0]
    for number in (40, 60):
        answers = await asyncio.gather(*(limiter.retry_after("somebody", USUAL) for _ in range(number)))
        assert answers == [None] * number
    assert await limiter.retry_after("somebody", USUAL) == 10


def test_requests_that_arrive_while_a_count_ends_do_not_stop_the_server(tmp_path: Path) -> None:
    answers: list[int | None] = []

    async def ask_for_all() -> None:
        late: list[asyncio.Task[int | None]] = []

        class Counting(Database):
            async def execute(self, *_calls: Call) -> list[list[Row]]:
                # They run after this count is done, and before whoever waits for it hears of that.
                if not late:
                    late.extend(
                        asyncio.create_task(limiter.retry_after("somebody", USUAL))
                        for _ in range(3 * USUAL.block)
                    )
                return [[{"count": USUAL.block, "lastRequest": int(time.time() * 1000)}]]

        limiter = RateLimiter(Counting(f"sqlite:///{tmp_path / 'todo.db'}"))
        answers.append(await limiter.retry_after("somebody", USUAL))
        answers.extend(await asyncio.gather(*late))

    # A loop that never yields can be seen from another thread alone.
    server = threading.Thread(target=lambda: asyncio.run(ask_for_all()), daemon=True)
    server.start()
    server.join(20)
    assert answers == [None] * (3 * USUAL.block + 1)


async def test_concurrent_requests_to_several_servers_are_each_counted_once(
    limiters: list[RateLimiter],
) -> None:
    calls = (limiters[number % 2].retry_after("somebody", STRICT) for number in range(20))
    answers = await asyncio.gather(*calls)
    assert sorted(answers, key=str) == [10] * 17 + [None] * 3


async def test_a_request_every_few_seconds_is_never_refused(
    limiters: list[RateLimiter], clock: Clock
) -> None:
    for _ in range(20):
        assert await limiters[0].retry_after("somebody", STRICT) is None
        clock.now += 4


async def test_a_clock_that_was_set_back_ends_a_window(limiters: list[RateLimiter], clock: Clock) -> None:
    for _ in range(4):
        await limiters[0].retry_after("somebody", STRICT)
    clock.now -= 86_400
    assert await limiters[1].retry_after("somebody", STRICT) is None


def test_ipv6_addresses_are_counted_by_network() -> None:
    assert network("2001:db8::1") == network("2001:db8::ffff:1")
    assert network("2001:db8::1") != network("2001:db8:0:1::1")
    assert network("::ffff:10.0.0.1") == network("10.0.0.1")
    assert network("testclient") == network("")


async def test_expired_windows_are_deleted(
    limiters: list[RateLimiter], clock: Clock, database: Database
) -> None:
    await limiters[0].retry_after("past", STRICT)
    clock.now += LONGEST_WINDOW_S
    await limiters[0].retry_after("present", Limit(1, LONGEST_WINDOW_S))
    clock.now += 1
    await limiters[0].forget_past()
    async with database.transaction(read_only=True) as session:
        assert (await session.scalars(select(RateLimit.key))).all() == ["present"]
        assert await session.scalar(select(func.sum(RateLimit.count))) == 1
