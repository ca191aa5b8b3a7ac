"""The endpoints of the calendar. Programs read it without a session; its address is the secret."""

from typing import Annotated

from fastapi import APIRouter, Header, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from app.accounts.dependencies import session_owner
from app.calendar import service
from app.dependencies import DatabaseDep, SettingsDep
from app.instants import Instant
from app.ratelimits import Limit

router = APIRouter(prefix="/api/calendar", tags=["calendar"])
Owner = Annotated[str, session_owner("calendar", Limit(calls=30, window_s=60))]


class CalendarStatus(BaseModel):
    """Whether your calendar has an address, which cannot be shown again."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"created_at": "2026-11-28T09:00:00Z"}]})

    created_at: Instant | None


class NewCalendarAddress(BaseModel):
    """The address of your calendar. It is shown only once."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "url": "https://todo.example.org/api/calendar/feed.ics?key=Zk3…",
                    "created_at": "2026-11-28T09:00:00Z",
                }
            ]
        }
    )

    url: str
    created_at: Instant


@router.get(
    "/feed.ics", responses={200: {"content": {"text/calendar": {}}}, 304: {"description": "Unchanged."}}
)
async def read_calendar(
    request: Request,
    database: DatabaseDep,
    key: Annotated[str, Query(max_length=200), Field(description="The secret of the address.")] = "",
    if_none_match: Annotated[str, Header(max_length=1000)] = "",
) -> Response:
    """Read a calendar in iCalendar format (RFC 5545): the open tasks with a date, as events.

    It needs no session: the key in the address is the credential. A wrong key returns 404.
    """
    limiter = request.app.state.rate_limiter
    tag, content = await service.read(database, limiter, key, if_none_match)
    headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
    if content is None:
        return Response(status_code=304, headers=headers)
    return Response(content, headers=headers, media_type="text/calendar")


@router.get("")
async def calendar_status(user_id: Owner, database: DatabaseDep) -> CalendarStatus:
    """Report whether your calendar has an address."""
    return CalendarStatus(created_at=await service.created_at(database, user_id))


@router.post("", status_code=201)
async def create_calendar_address(
    user_id: Owner, database: DatabaseDep, settings: SettingsDep
) -> NewCalendarAddress:
    """Create the secret address of your calendar. An earlier address stops working.

    The response is the only one that contains the address.
    """
    key, created_at = await service.create(database, user_id)
    url = f"{settings.public_url}{router.prefix}/feed.ics?key={key}"
    return NewCalendarAddress(url=url, created_at=created_at)


@router.delete("", status_code=204)
async def revoke_calendar_address(user_id: Owner, database: DatabaseDep) -> None:
    """Revoke the address of your calendar. Has no effect without one."""
    await service.revoke(database, user_id)
