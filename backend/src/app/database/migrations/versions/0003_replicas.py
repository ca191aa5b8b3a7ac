"""Share rate limits between servers, and let a server resume another server's reply."""

import sqlalchemy as sa
from alembic import op

from app.database import UtcDateTime

revision = "0003_replicas"
down_revision = "0002_tasks_and_chat"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "rateLimit",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("count", sa.Integer, nullable=False),
        sa.Column("lastRequest", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_rateLimit"),
        sa.UniqueConstraint("key", name="uq_rateLimit_key"),
    )
    op.create_table(
        "idempotency_key",
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("outcome", sa.JSON, nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("user_id", "key", name="pk_idempotency_key"),
        sa.ForeignKeyConstraint(
            ["user_id"], ["user.id"], name="fk_idempotency_key_user_id_user", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_idempotency_key_created_at", "idempotency_key", ["created_at"])
    op.add_column("message", sa.Column("attempt", sa.Integer, nullable=False, server_default="1"))
    op.add_column("message", sa.Column("leased_until", UtcDateTime))
    running = sa.text("state = 'running'")
    op.create_index(
        "ix_message_user_id", "message", ["user_id"], postgresql_where=running, sqlite_where=running
    )


def downgrade() -> None:
    op.drop_index("ix_message_user_id", "message")
    op.drop_column("message", "leased_until")
    op.drop_column("message", "attempt")
    op.drop_table("idempotency_key")
    op.drop_table("rateLimit")
