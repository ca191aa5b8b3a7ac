"""Store the key and the subscriptions of Web Push, and the reminders that are sent to them."""

import sqlalchemy as sa
from alembic import op

from app.database import UtcDateTime

revision = "0011_push"
down_revision = "0010_conversation_search"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "push_key",
        sa.Column("id", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("public_key", sa.Text, nullable=False),
        sa.Column("private_key", sa.Text, nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_push_key"),
    )
    op.create_table(
        "push_subscription",
        sa.Column("session_id", sa.Text, nullable=False),
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("endpoint", sa.String(2000), nullable=False),
        sa.Column("p256dh", sa.String(100), nullable=False),
        sa.Column("auth", sa.String(50), nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("retry_at", UtcDateTime),
        sa.PrimaryKeyConstraint("session_id", name="pk_push_subscription"),
        sa.ForeignKeyConstraint(
            ["session_id"], ["session.id"], name="fk_push_subscription_session_id_session", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["user.id"], name="fk_push_subscription_user_id_user", ondelete="CASCADE"
        ),
        sa.UniqueConstraint("endpoint", name="uq_push_subscription_endpoint"),
    )
    op.create_index("ix_push_subscription_user_id", "push_subscription", ["user_id"])
    op.create_table(
        "push_delivery",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), sa.Identity(), nullable=False),
        sa.Column("session_id", sa.Text, nullable=False),
        sa.Column("task_id", sa.Text, nullable=False),
        sa.Column("remind_at", UtcDateTime, nullable=False),
        sa.Column("next_at", UtcDateTime),
        sa.PrimaryKeyConstraint("id", name="pk_push_delivery"),
        sa.ForeignKeyConstraint(
            ["session_id"],
            ["push_subscription.session_id"],
            name="fk_push_delivery_session_id_push_subscription",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["task_id"], ["task.id"], name="fk_push_delivery_task_id_task", ondelete="CASCADE"
        ),
        sa.UniqueConstraint(
            "session_id", "task_id", "remind_at", name="uq_push_delivery_session_id_task_id_remind_at"
        ),
    )
    op.create_index("ix_push_delivery_task_id", "push_delivery", ["task_id"])


def downgrade() -> None:
    for table in ("push_delivery", "push_subscription", "push_key"):
        op.drop_table(table)
