"""Cursor pagination: a cursor marks the position in an ordered list after which the next page starts.

A cursor contains the sort key of the last row instead of an offset, so that no row is repeated or skipped
when rows are added or deleted between two pages.
"""

import base64
import json
from datetime import UTC, datetime

from app.errors import RefusalError

CursorValue = str | int | None


class InvalidCursorError(RefusalError):
    """The cursor is invalid, or belongs to a list in another order."""

    status = 422
    title = "Invalid request"
    code = "invalid_cursor"
    detail = "cursor: is not a cursor of this list"


def encode_cursor(order: str, key: CursorValue, row_id: str) -> str:
    """Encode a cursor for the row with this sort key; `order` identifies the list's order."""
    text = json.dumps([order, key, row_id], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode_cursor(cursor: str, order: str) -> tuple[CursorValue, str]:
    """Decode a cursor to the sort key and the id of its row.

    Raises:
        InvalidCursorError: when the cursor is invalid, or belongs to a list in another order.
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
    """Return the UTC datetime in the cursor of a list that is ordered by time.

    Raises:
        InvalidCursorError: when the cursor contains no valid datetime in the supported range.
    """
    try:
        instant = datetime.fromisoformat(str(key))
        if instant.tzinfo is not None:
            return instant.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise InvalidCursorError
