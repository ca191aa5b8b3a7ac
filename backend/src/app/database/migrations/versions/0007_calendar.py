"""Store preferences, and the secret addresses of calendars."""

import sqlalchemy as sa
from alembic import op

from app.database import UtcDateTime

revision = "0007_calendar"
down_revision = "0006_access_tokens"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name, *columns in (
        (
            "preferences",
            sa.Column("time_zone", sa.String(64)),
            sa.Column("week_start", sa.String(10), nullable=False),
        ),
        (
            "calendar_address",
            sa.Column("key_hash", sa.String(64), nullable=False),
            sa.Column("created_at", UtcDateTime, nullable=False),
            sa.UniqueConstraint("key_hash", name="uq_calendar_address_key_hash"),
        ),
    ):
        op.create_table(
            name,
            sa.Column("user_id", sa.Text, nullable=False),
            *columns,
            sa.PrimaryKeyConstraint("user_id", name=f"pk_{name}"),
            sa.ForeignKeyConstraint(
                ["user_id"], ["user.id"], name=f"fk_{name}_user_id_user", ondelete="CASCADE"
            ),
        )


def downgrade() -> None:
    op.drop_table("calendar_address")
    op.drop_table("preferences")
