"""The rules of preferences."""

from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import bindparam, select

from app.database import Database, Row, Statement, again_after_conflict
from app.preferences.models import Preferences

_DEFAULTS: Row = {"time_zone": None, "week_start": "monday"}
_READ = Statement(
    select(Preferences.time_zone, Preferences.week_start).where(Preferences.user_id == bindparam("user_id"))
)


async def preferences_of(database: Database, user_id: str) -> Row:
    """Return the preferences of a user."""
    rows = await database.fetch(_READ, {"user_id": user_id})
    return rows[0] if rows else dict(_DEFAULTS)


async def zone_of(database: Database, user_id: str, given: str | None) -> ZoneInfo:
    """Return the zone in which a request of a user names dates: the given one, the stored one, or UTC."""
    return ZoneInfo(given or (await preferences_of(database, user_id))["time_zone"] or "UTC")


async def update(database: Database, user_id: str, given: Mapping[str, Any]) -> Row:
    """Set the given preferences and return all."""

    async def attempt() -> Row:
        async with database.transaction() as session:
            row = await session.get(Preferences, user_id)
            if row is None:
                row = Preferences(user_id=user_id, **_DEFAULTS)
                session.add(row)
            for name, value in given.items():
                setattr(row, name, value)
        return {"time_zone": row.time_zone, "week_start": row.week_start}

    # Another request may store the first ones at the same time.
    return await again_after_conflict(attempt)
