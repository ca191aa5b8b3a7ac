"""The table of preferences."""

from sqlalchemy import ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.database import Base


class Preferences(Base):
    """Preferences of a user. A user without a row has the defaults."""

    __tablename__ = "preferences"

    user_id: Mapped[str] = mapped_column(Text, ForeignKey("user.id", ondelete="CASCADE"), primary_key=True)
    time_zone: Mapped[str | None] = mapped_column(String(64))
    week_start: Mapped[str] = mapped_column(String(10))
