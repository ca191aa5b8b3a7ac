"""Cursors: the place in an ordered list after which the next page begins.

A cursor holds the sort key of the last row, not a count of rows, so that nothing is shown twice or skipped
when rows are added or removed between two pages.
"""

import base64
import json
from datetime import UTC, datetime

from app.errors import RefusalError

CursorValue = str | int | None


class InvalidCursorError(RefusalError):
    """The cursor was not made by this list, or was made for another order."""

    status = 422
    title = "Invalid request"
    code = "invalid_cursor"
    detail = "cursor: is not a cursor of this list"


def encode_cursor(order: str, key: CursorValue, row_id: str) -> str:
    """Return a cursor for the row with this sort key; `order` names the list's order."""
    text = json.dumps([order, key, row_id], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode_cursor(cursor: str, order: str) -> tuple[CursorValue, str]:
    """Return the sort key and the row's id.

    Raises:
        InvalidCursorError: when it cannot be read, or belongs to a list in another order.
    """
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        made_for, key, row_id = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (ValueError, TypeError, RecursionError):
        raise InvalidCursorError from None
    if not isinstance(row_id, str) or not (key is None or isinstance(key, str | int)) or not row_id.isalnum():
        raise InvalidCursorError
    if made_for != order:
        raise InvalidCursorError("cursor: belongs to a list in another order")
    return key, row_id


def cursor_instant(key: CursorValue) -> datetime:
    """Return the instant in UTC that the cursor of a list ordered by time holds.

    Raises:
        InvalidCursorError: when it is none, or lies outside the years that can be told.
    """
    try:
        instant = datetime.fromisoformat(str(key))
        if instant.tzinfo is not None:
            return instant.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise InvalidCursorError
