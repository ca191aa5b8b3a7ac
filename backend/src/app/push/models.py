"""The tables of Web Push: this application's key, the browsers and what is sent to them."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Identity, Integer, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.database import Base, UtcDateTime, utc_now

ENDPOINT_LENGTH = 2000


class PushKey(Base):
    """The P-256 key pair by which push services recognise this application. There is one row.

    The private key is encrypted with the server's secret.
    """

    __tablename__ = "push_key"

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    public_key: Mapped[str] = mapped_column(Text)
    private_key: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)


class PushSubscription(Base):
    """The browser of a session, and the keys that encrypt its messages. It ends with the session."""

    __tablename__ = "push_subscription"

    session_id: Mapped[str] = mapped_column(
        Text, ForeignKey("session.id", ondelete="CASCADE"), primary_key=True
    )
    user_id: Mapped[str] = mapped_column(Text, ForeignKey("user.id", ondelete="CASCADE"), index=True)
    endpoint: Mapped[str] = mapped_column(String(ENDPOINT_LENGTH), unique=True)
    p256dh: Mapped[str] = mapped_column(String(100))
    auth: Mapped[str] = mapped_column(String(50))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    failures: Mapped[int] = mapped_column(Integer, default=0)
    """The attempts that failed since the last successful one."""
    retry_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class PushDelivery(Base):
    """A reminder for one browser. Whoever inserts it first has decided that it is sent.

    `next_at` is the time of the next attempt, or null when there is none. A server that takes the delivery
    sets it to the time at which another server may take it.
    """

    __tablename__ = "push_delivery"

    id: Mapped[int] = mapped_column(
        BigInteger().with_variant(Integer, "sqlite"), Identity(), primary_key=True
    )
    session_id: Mapped[str] = mapped_column(
        Text, ForeignKey("push_subscription.session_id", ondelete="CASCADE")
    )
    task_id: Mapped[str] = mapped_column(Text, ForeignKey("task.id", ondelete="CASCADE"), index=True)
    remind_at: Mapped[datetime] = mapped_column(UtcDateTime)
    next_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    __table_args__ = (UniqueConstraint("session_id", "task_id", "remind_at"),)
