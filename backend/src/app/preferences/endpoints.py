"""The endpoints of preferences."""

from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict
from pydantic.config import JsonDict

from app.accounts.dependencies import CallerDep
from app.preferences import service
from app.tasks.endpoints import ChangingCallerDep
from app.tasks.recurring import Zone

router = APIRouter(prefix="/api/preferences", tags=["preferences"])
_EXAMPLE: JsonDict = {"time_zone": "Europe/Berlin", "week_start": "monday"}


class PreferencesUpdate(BaseModel):
    """The changes to preferences. Omitted fields remain unchanged."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_EXAMPLE]})

    time_zone: Zone | None = None
    week_start: Literal["monday", "sunday", "saturday"] = "monday"


class PreferencesOut(BaseModel):
    """Your preferences. `time_zone` is null until it is set."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    time_zone: str | None
    week_start: Literal["monday", "sunday", "saturday"]


@router.get("")
async def get_preferences(caller: CallerDep) -> PreferencesOut:
    """Retrieve your preferences."""
    return PreferencesOut.model_validate(await service.preferences_of(caller.database, caller.user_id))


@router.patch("")
async def update_preferences(caller: ChangingCallerDep, changes: PreferencesUpdate) -> PreferencesOut:
    """Update your preferences. Sentences are read, and calendars written, in their time zone."""
    given = changes.model_dump(exclude_unset=True)
    return PreferencesOut.model_validate(await service.update(caller.database, caller.user_id, given))
