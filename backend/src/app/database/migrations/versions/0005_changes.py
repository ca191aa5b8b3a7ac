"""Record every change of a task, so that it can be undone, and let tasks repeat.

Triggers write the record in the transaction of the change, whoever makes it, and cost no round trip. A
migration that recreates the table `task` on SQLite has to create them again, like those of migration 0004.
"""

import sqlalchemy as sa
from alembic import op

from app.database import UtcDateTime

revision = "0005_changes"
down_revision = "0004_search"
branch_labels = None
depends_on = None

_FIELDS = (
    *("id", "title", "description", "priority", "due_at", "all_day", "completed_at", "created_at"),
    *("updated_at", "title_key", "search_text", "recurrence", "time_zone"),
)
_COMPARED = (
    *("title", "description", "priority", "due_at", "all_day", "completed_at", "search_text", "recurrence"),
)
_TAGS = "SELECT name FROM task_tag WHERE task_id = old.id ORDER BY position"
_OLD = ", ".join(f"'{name}', old.{name}" for name in _FIELDS)
_IMAGE = f"json_object({_OLD}, 'tags', json((SELECT json_group_array(name) FROM ({_TAGS}))))"  # noqa: S608 - all parts are constants of this file
_IS_CHANGED = " OR ".join(f"old.{name} IS NOT new.{name}" for name in _COMPARED)
_IS_DISTINCT = " OR ".join(f"OLD.{name} IS DISTINCT FROM NEW.{name}" for name in _COMPARED)
_NOW = "strftime('%Y-%m-%dT%H:%M:%f000Z', 'now')"
_INTO = "INSERT INTO changes (user_id, task_id, step, before, created_at)"
# A user who is deleted takes the tasks along; then there is nobody to record for.
_OWNED = 'WHERE EXISTS (SELECT 1 FROM "user" WHERE id = old.user_id)'
_SQLITE = (
    f"""
    CREATE TRIGGER changes_insert AFTER INSERT ON task BEGIN
        {_INTO} VALUES (new.user_id, new.id, new.updated_at, NULL, new.updated_at);
    END
    """,  # noqa: S608 - all parts are constants of this file
    f"""
    CREATE TRIGGER changes_update AFTER UPDATE ON task
    WHEN {_IS_CHANGED} BEGIN
        {_INTO} VALUES (new.user_id, new.id, new.updated_at, {_IMAGE}, new.updated_at);
    END
    """,
    f"""
    CREATE TRIGGER changes_delete BEFORE DELETE ON task BEGIN
        {_INTO} SELECT old.user_id, old.id, lower(hex(randomblob(16))), {_IMAGE}, {_NOW} {_OWNED};
    END
    """,
)
_POSTGRESQL = (
    f"""
    CREATE FUNCTION record_change() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP = 'INSERT' THEN
            {_INTO} VALUES (NEW.user_id, NEW.id, NEW.updated_at::text, NULL, NEW.updated_at);
            RETURN NEW;
        ELSIF TG_OP = 'UPDATE' THEN
            {_INTO} VALUES (NEW.user_id, NEW.id, NEW.updated_at::text,
                (to_jsonb(OLD) || jsonb_build_object('tags', to_jsonb(ARRAY({_TAGS}))))::json,
                NEW.updated_at);
            RETURN NEW;
        END IF;
        {_INTO} SELECT OLD.user_id, OLD.id, gen_random_uuid()::text,
            (to_jsonb(OLD) || jsonb_build_object('tags', to_jsonb(ARRAY({_TAGS}))))::json, clock_timestamp()
            {_OWNED};
        RETURN OLD;
    END $$
    """,
    "CREATE TRIGGER changes_insert AFTER INSERT ON task FOR EACH ROW EXECUTE FUNCTION record_change()",
    f"""
    CREATE TRIGGER changes_update AFTER UPDATE ON task FOR EACH ROW
    WHEN ({_IS_DISTINCT})
    EXECUTE FUNCTION record_change()
    """,
    "CREATE TRIGGER changes_delete BEFORE DELETE ON task FOR EACH ROW EXECUTE FUNCTION record_change()",
)


def upgrade() -> None:
    op.add_column("task", sa.Column("recurrence", sa.String(200)))
    op.add_column("task", sa.Column("time_zone", sa.String(64)))
    op.create_table(
        "changes",
        # SQLite numbers only rows of this type by itself.
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), sa.Identity(), nullable=False),
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("task_id", sa.Text, nullable=False),
        sa.Column("step", sa.Text, nullable=False),
        sa.Column("before", sa.JSON),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("undone_at", UtcDateTime),
        sa.Column("undone_by", sa.Text),
        sa.PrimaryKeyConstraint("id", name="pk_changes"),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name="fk_changes_user_id_user", ondelete="CASCADE"),
    )
    op.create_index("ix_changes_user_id_id", "changes", ["user_id", "id"])
    op.create_index("ix_changes_task_id_id", "changes", ["task_id", "id"])
    op.create_index("ix_changes_created_at", "changes", ["created_at"])
    for statement in _SQLITE if op.get_bind().dialect.name == "sqlite" else _POSTGRESQL:
        op.execute(statement)


def downgrade() -> None:
    on_sqlite = op.get_bind().dialect.name == "sqlite"
    for name in ("insert", "update", "delete"):
        op.execute(f"DROP TRIGGER changes_{name}" + ("" if on_sqlite else " ON task"))
    if not on_sqlite:
        op.execute("DROP FUNCTION record_change()")
    op.drop_table("changes")
    op.drop_column("task", "time_zone")
    op.drop_column("task", "recurrence")
