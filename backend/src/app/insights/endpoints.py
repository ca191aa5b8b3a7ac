"""The endpoint of insights."""

from datetime import date

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict
from pydantic.config import JsonDict

from app.accounts.dependencies import CallerDep
from app.errors import TooManyRequestsError
from app.insights import service
from app.ratelimits import Limit

router = APIRouter(prefix="/api/insights", tags=["insights"])
_READS = Limit(calls=60, window_s=60)
_EXAMPLE: JsonDict = {
    "time_zone": "Europe/Berlin",
    "days": [{"day": "2026-12-24", "done": 3, "overdue": 1}],
    "hours": [0, 0, 0, 0, 0, 0, 0, 0, 2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    "tags": [{"name": "home", "done": 2, "open": 4}],
}


class DayOut(BaseModel):
    """A day, the tasks done on it, and those that were overdue when it ended; today, those overdue now."""

    day: date
    done: int
    overdue: int


class TagOut(BaseModel):
    """A tag, its tasks done in the last 30 days, and its open tasks."""

    name: str
    done: int
    open: int


class InsightsOut(BaseModel):
    """The last 30 days in your time zone; `hours` has the tasks done in each of the 24 hours of the day."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    time_zone: str
    days: list[DayOut]
    hours: list[int]
    tags: list[TagOut]


@router.get("")
async def get_insights(caller: CallerDep, request: Request) -> InsightsOut:
    """Retrieve what you got done in the last 30 days: by day, by hour, by tag, and what was overdue.

    Days and hours are in the time zone of your preferences.
    """
    limiter = request.app.state.rate_limiter
    if (seconds := await limiter.retry_after(f"insights {caller.user_id}", _READS)) is not None:
        raise TooManyRequestsError(retry_after_seconds=seconds)
    zone = await request.app.state.zone_of(caller.user_id, None)
    found = await service.insights_of(caller.database, caller.user_id, zone)
    return InsightsOut(
        time_zone=zone.key,
        days=[DayOut(**day._asdict()) for day in found.days],
        hours=list(found.hours),
        tags=[TagOut(**tag._asdict()) for tag in found.tags],
    )
