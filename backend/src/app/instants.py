"""Instants on the wire: ISO 8601 in UTC, ending in Z as JavaScript writes it."""

from datetime import datetime
from typing import Annotated

from pydantic import PlainSerializer


def iso_instant(value: datetime) -> str:
    """Return an aware datetime in UTC the way JavaScript writes it, ending in Z."""
    return value.isoformat().replace("+00:00", "Z")


Instant = Annotated[datetime, PlainSerializer(iso_instant, return_type=str)]
