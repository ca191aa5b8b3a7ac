"""Timestamps in the API: ISO 8601 in UTC, ending in Z as JavaScript writes them."""

from datetime import datetime
from typing import Annotated

from pydantic import PlainSerializer


def iso_instant(value: datetime) -> str:
    """Format an aware UTC datetime as JavaScript does, ending in Z."""
    return value.isoformat().replace("+00:00", "Z")


Instant = Annotated[datetime, PlainSerializer(iso_instant, return_type=str)]
