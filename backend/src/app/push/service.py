"""The rules of subscriptions: one for a session, and not too many for a user."""

from dataclasses import dataclass

from sqlalchemy import delete, select

from app.accounts.models import Session
from app.database import Database, again_after_conflict, utc_now
from app.push.models import PushSubscription

SUBSCRIPTIONS = 20
"""The subscriptions of a user. A further one replaces the oldest."""


@dataclass(frozen=True)
class Browser:
    """Where and how to reach a browser: its address at a push service and its keys, in base64url."""

    endpoint: str
    p256dh: str
    auth: str


async def subscribe(database: Database, token: str, browser: Browser) -> bool:
    """Store the browser of the session with this token, instead of an earlier one.

    A browser belongs to the session that has subscribed it last. Returns whether the session is active.
    """

    async def attempt() -> bool:
        async with database.transaction() as transaction:
            active = (Session.token == token, Session.expires_at > utc_now())
            found = (await transaction.execute(select(Session.id, Session.user_id).where(*active))).first()
            if found is None:
                return False
            session_id, user_id = found
            await transaction.execute(
                delete(PushSubscription).where(
                    PushSubscription.endpoint == browser.endpoint, PushSubscription.session_id != session_id
                )
            )
            row = await transaction.get(PushSubscription, session_id)
            if row is None:
                row = PushSubscription(session_id=session_id, user_id=user_id)
                transaction.add(row)
            if row.endpoint != browser.endpoint:
                row.failures, row.retry_at = 0, None
            row.endpoint, row.p256dh, row.auth = browser.endpoint, browser.p256dh, browser.auth
            await transaction.flush()
            oldest = (
                select(PushSubscription.session_id)
                .where(PushSubscription.user_id == user_id)
                .order_by(PushSubscription.created_at.desc(), PushSubscription.session_id)
                .offset(SUBSCRIPTIONS)
            )
            await transaction.execute(delete(PushSubscription).where(PushSubscription.session_id.in_(oldest)))
        return True

    # The same browser may be subscribed twice at the same time, from two pages.
    return await again_after_conflict(attempt)


async def unsubscribe(database: Database, token: str) -> None:
    """Delete the subscription of the session with this token, if there is one."""
    mine = select(Session.id).where(Session.token == token)
    async with database.transaction() as transaction:
        await transaction.execute(delete(PushSubscription).where(PushSubscription.session_id.in_(mine)))
