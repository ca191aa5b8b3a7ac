"""Create the tables of tasks, tags, conversations and messages."""

import sqlalchemy as sa
from alembic import op

from app.database import UtcDateTime

revision = "0002_tasks_and_chat"
down_revision = "0001_accounts"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "task",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("title", sa.String(200), nullable=False),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("priority", sa.SmallInteger, nullable=False),
        sa.Column("due_at", UtcDateTime),
        sa.Column("all_day", sa.Boolean, nullable=False),
        sa.Column("completed_at", UtcDateTime),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("updated_at", UtcDateTime, nullable=False),
        sa.Column(
            "title_key",
            sa.String(200).with_variant(sa.String(200, collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column("search_text", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_task"),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name="fk_task_user_id_user", ondelete="CASCADE"),
    )
    op.create_index("ix_task_user_id_created_at_id", "task", ["user_id", "created_at", "id"])
    op.create_index("ix_task_user_id_due_at_id", "task", ["user_id", "due_at", "id"])
    op.create_table(
        "task_tag",
        sa.Column("task_id", sa.Text, nullable=False),
        sa.Column("name", sa.String(50), nullable=False),
        sa.Column("position", sa.SmallInteger, nullable=False),
        sa.PrimaryKeyConstraint("task_id", "name", name="pk_task_tag"),
        sa.ForeignKeyConstraint(
            ["task_id"], ["task.id"], name="fk_task_tag_task_id_task", ondelete="CASCADE"
        ),
    )
    op.create_table(
        "conversation",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("title", sa.String(80), nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("updated_at", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_conversation"),
        sa.ForeignKeyConstraint(
            ["user_id"], ["user.id"], name="fk_conversation_user_id_user", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_conversation_user_id_updated_at_id", "conversation", ["user_id", "updated_at", "id"])
    op.create_table(
        "message",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("conversation_id", sa.Text, nullable=False),
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("parts", sa.JSON, nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("idempotency_key", sa.String(200)),
        sa.Column("reply_to", sa.Text),
        sa.Column("agent", sa.Text),
        sa.Column("model", sa.Text),
        sa.Column("state", sa.String(16)),
        sa.PrimaryKeyConstraint("id", name="pk_message"),
        sa.ForeignKeyConstraint(
            ["conversation_id"],
            ["conversation.id"],
            name="fk_message_conversation_id_conversation",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name="fk_message_user_id_user", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["reply_to"], ["message.id"], name="fk_message_reply_to_message", ondelete="CASCADE"
        ),
        sa.UniqueConstraint("user_id", "idempotency_key", name="uq_message_user_id_idempotency_key"),
        sa.UniqueConstraint("reply_to", name="uq_message_reply_to"),
    )
    op.create_index(
        "ix_message_conversation_id_created_at_id", "message", ["conversation_id", "created_at", "id"]
    )


def downgrade() -> None:
    for table in ("message", "conversation", "task_tag", "task"):
        op.drop_table(table)
