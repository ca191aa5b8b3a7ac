"""The endpoint of live updates."""

from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse
from sqlalchemy.exc import SQLAlchemyError

from app.accounts.dependencies import CurrentUserId, get_current_user_id
from app.events.feed import Feed
from app.problems import Problem

router = APIRouter(prefix="/api", tags=["events"])


@router.get("/events", response_class=StreamingResponse)
async def stream_events(request: Request, user_id: CurrentUserId) -> StreamingResponse:
    """Stream what changes in your data, as server-sent events without content.

    Each event is a JSON object with a `kind`: `tasks` or `conversation` (with the `id` of what changed and
    the time `at`, unless much has changed at once), `account`, or `ready`: read your lists again, because
    you may have missed changes before it. A comment every 15 seconds keeps the stream open. It ends when the
    session ends, or when the server shuts down; then connect again, after a random time of a few seconds.
    """
    feed: Feed = request.app.state.feed
    feed.check_room(user_id)

    async def is_active() -> bool:
        try:
            return await get_current_user_id(request) == user_id
        except Problem:
            return False
        except (SQLAlchemyError, TimeoutError):
            # Unknown while the database is away.
            return True

    return StreamingResponse(
        feed.stream(user_id, is_active),
        media_type="text/event-stream",
        # Disables nginx's buffering, which would delay the events.
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )
