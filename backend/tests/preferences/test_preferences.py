"""The time zone and the first day of the week are stored for each person."""

from collections.abc import Awaitable, Callable

import pytest

from backend.tests.browsers import Person

SignIn = Callable[..., Awaitable[Person]]


async def test_preferences_are_stored_for_each_person(signed_in: SignIn) -> None:
    ada, bob = await signed_in("Ada"), await signed_in("Bob")
    assert (await ada.get("/api/preferences")).json() == {"time_zone": None, "week_start": "monday"}
    answer = await ada.patch("/api/preferences", json={"time_zone": "Asia/Tokyo"})
    assert answer.json() == {"time_zone": "Asia/Tokyo", "week_start": "monday"}
    await ada.patch("/api/preferences", json={"week_start": "saturday"})
    assert (await ada.get("/api/preferences")).json() == {"time_zone": "Asia/Tokyo", "week_start": "saturday"}
    assert (await ada.patch("/api/preferences", json={"time_zone": None})).json()["time_zone"] is None
    assert (await bob.get("/api/preferences")).json() == {"time_zone": None, "week_start": "monday"}


@pytest.mark.parametrize("body", [{"time_zone": "Mars/Base"}, {"week_start": "friday"}, {"zone": "UTC"}, []])
async def test_other_values_are_refused(signed_in: SignIn, body: object) -> None:
    assert (await (await signed_in("Ada")).patch("/api/preferences", json=body)).status_code == 422
