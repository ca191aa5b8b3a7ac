"""How often one address may call."""

from fastapi import FastAPI

from app.accounts.ratelimits import RateLimiter, network
from backend.tests.browsers import browser

NOBODY = {"email": "nobody@example.org", "password": "password"}


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


async def test_the_fourth_sign_in_within_ten_seconds_is_refused(app: FastAPI) -> None:
    clock = app.state.clock = Clock()
    app.state.rate_limiter = RateLimiter(clock)
    async with browser(app) as client, browser(app, address="10.0.0.1") as neighbour:
        for _ in range(3):
            assert (await client.post("/api/auth/sign-in/email", json=NOBODY)).status_code == 401
        clock.now = 3.5
        refused = await client.post("/api/auth/sign-in/email", json=NOBODY)
        assert refused.status_code == 429
        assert refused.headers["x-retry-after"] == "7"
        assert refused.json() == {"message": "Too many requests. Please try again later."}
        assert (await neighbour.post("/api/auth/sign-in/email", json=NOBODY)).status_code == 401
        assert (await client.get("/api/auth/get-session")).status_code == 200
        clock.now = 10
        assert (await client.post("/api/auth/sign-in/email", json=NOBODY)).status_code == 401


def test_other_calls_may_come_a_hundred_times_in_ten_seconds() -> None:
    limiter = RateLimiter(Clock())
    answers = [limiter.retry_after("10.0.0.1", "/get-session") for _ in range(101)]
    assert answers == [None] * 100 + [10]


def test_addresses_are_counted_by_what_one_customer_has() -> None:
    assert network("2001:db8::1") == network("2001:db8::ffff:1")
    assert network("2001:db8::1") != network("2001:db8:0:1::1")
    assert network("::ffff:10.0.0.1") == network("10.0.0.1")
    assert network("testclient") == network("")


def test_windows_that_are_over_do_not_stay_in_memory() -> None:
    clock = Clock()
    limiter = RateLimiter(clock)
    for number in range(20_000):
        clock.now = number
        limiter.retry_after(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}", "/ok")
    assert len(limiter._windows) < 11_000
