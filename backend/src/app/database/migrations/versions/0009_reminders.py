"""Add reminders and an order by hand to tasks, and record them with every change.

A move in the order by hand sets `updated_at`, so that it can be undone. Numbering the places anew does not,
and is not recorded.
"""

import sqlalchemy as sa
from alembic import op

from app.database import UtcDateTime

revision = "0009_reminders"
down_revision = "0008_events"
branch_labels = None
depends_on = None

_NEW = ("remind_at", "remind_before", "position")
_FIELDS = (
    *("id", "title", "description", "priority", "due_at", "all_day", "completed_at", "created_at"),
    *("updated_at", "title_key", "search_text", "recurrence", "time_zone"),
)
_COMPARED = (
    *("title", "description", "priority", "due_at", "all_day", "completed_at", "search_text", "recurrence"),
)
_TAGS = "SELECT name FROM task_tag WHERE task_id = old.id ORDER BY position"
_INTO = "INSERT INTO changes (user_id, task_id, step, before, created_at)"
_NOW = "strftime('%Y-%m-%dT%H:%M:%f000Z', 'now')"
_OWNED = 'WHERE EXISTS (SELECT 1 FROM "user" WHERE id = old.user_id)'
_INDEXES = (("position", "id"), ("remind_at",), ("completed_at",))
_SECONDS = "CAST(strftime('%s', created_at) AS INTEGER)"
_PLACES = {
    "sqlite": f"-({_SECONDS} * 1000000 + CAST(substr(created_at, 21, 6) AS INTEGER))",
    "postgresql": "-(extract(epoch FROM created_at) * 1000000)::bigint",
}


def upgrade() -> None:
    dialect = op.get_bind().dialect.name
    op.add_column("task", sa.Column("remind_at", UtcDateTime))
    op.add_column("task", sa.Column("remind_before", sa.Integer))
    # The default is for servers of the last version, which run until they are replaced.
    op.add_column("task", sa.Column("position", sa.BigInteger, nullable=False, server_default="0"))
    op.execute(f"UPDATE task SET position = {_PLACES[dialect]}")  # noqa: S608 - a constant of this file
    for columns in _INDEXES:
        op.create_index(f"ix_task_user_id_{'_'.join(columns)}", "task", ["user_id", *columns])
    _record(dialect, _NEW)


def downgrade() -> None:
    _record(op.get_bind().dialect.name, ())
    for columns in _INDEXES:
        op.drop_index(f"ix_task_user_id_{'_'.join(columns)}", "task")
    for name in _NEW:
        op.drop_column("task", name)


def _record(dialect: str, new: tuple[str, ...]) -> None:
    """Create the triggers of migration 0005 again, with more fields."""
    differs = "IS NOT" if dialect == "sqlite" else "IS DISTINCT FROM"
    changed = [f"old.{name} {differs} new.{name}" for name in (*_COMPARED, *new) if name != "position"]
    if "position" in new:
        changed.append(f"(old.position {differs} new.position AND old.updated_at {differs} new.updated_at)")
    condition = " OR ".join(changed)
    if dialect == "postgresql":
        # Its function records the whole row.
        op.execute("DROP TRIGGER changes_update ON task")
        op.execute(
            f"CREATE TRIGGER changes_update AFTER UPDATE ON task FOR EACH ROW WHEN ({condition}) "
            "EXECUTE FUNCTION record_change()"
        )
        return
    old = ", ".join(f"'{name}', old.{name}" for name in (*_FIELDS, *new))
    image = f"json_object({old}, 'tags', json((SELECT json_group_array(name) FROM ({_TAGS}))))"  # noqa: S608 - all parts are constants of this file
    for name in ("update", "delete"):
        op.execute(f"DROP TRIGGER changes_{name}")
    op.execute(
        f"CREATE TRIGGER changes_update AFTER UPDATE ON task WHEN {condition} BEGIN "
        f"{_INTO} VALUES (new.user_id, new.id, new.updated_at, {image}, new.updated_at); END"
    )
    op.execute(
        "CREATE TRIGGER changes_delete BEFORE DELETE ON task BEGIN "
        f"{_INTO} SELECT old.user_id, old.id, lower(hex(randomblob(16))), {image}, {_NOW} {_OWNED}; END"
    )
