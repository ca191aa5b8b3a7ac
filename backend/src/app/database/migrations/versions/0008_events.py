"""Announce every change to the open pages of its user, whichever server or tool makes it.

Triggers write the events in the transaction of the change. PostgreSQL also notifies the servers that listen;
others read the table.
"""

import sqlalchemy as sa
from alembic import op

from app.database import UtcDateTime

revision = "0008_events"
down_revision = "0007_calendar"
branch_labels = None
depends_on = None

_CONVERSATION = ("'conversation'", "user_id", "id", "")
_SESSION = ("'account'", '"userId"', "NULL", "")
_TRIGGERS = (
    # The table, the act, the column that must differ, the row, and the event's kind, user, subject and time,
    # which is the present without one. An undo removes its own changes, and marks the one that it undid.
    ("changes", "INSERT", "", "new", ("'tasks'", "user_id", "task_id", "created_at")),
    ("changes", "UPDATE OF undone_at", "undone_at", "new", ("'tasks'", "user_id", "task_id", "undone_at")),
    ("conversation", "INSERT", "", "new", _CONVERSATION),
    ("conversation", "UPDATE", "", "new", _CONVERSATION),
    ("conversation", "DELETE", "", "old", _CONVERSATION),
    ("message", "UPDATE OF state", "state", "new", ("'conversation'", "user_id", "conversation_id", "")),
    ("session", "INSERT", "", "new", _SESSION),
    ("session", "DELETE", "", "old", _SESSION),
    ("user", "UPDATE", "", "new", ("'account'", "id", "NULL", "")),
)
_NOW = {"sqlite": "strftime('%Y-%m-%dT%H:%M:%f000Z', 'now')", "postgresql": "clock_timestamp()"}
_DIFFERS = {"sqlite": "IS NOT", "postgresql": "IS DISTINCT FROM"}
_NOTIFY = (
    """
    CREATE FUNCTION notify_event() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM pg_notify('event', json_build_object(
            'user_id', NEW.user_id, 'kind', NEW.kind, 'subject', NEW.subject, 'at', NEW.at)::text);
        RETURN NULL;
    END $$
    """,
    "CREATE TRIGGER event_notify AFTER INSERT ON event FOR EACH ROW EXECUTE FUNCTION notify_event()",
)


def upgrade() -> None:
    op.create_table(
        "event",
        # SQLite numbers only rows of this type by itself.
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), sa.Identity(), nullable=False),
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("subject", sa.Text),
        sa.Column("at", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_event"),
        # Otherwise the numbers start again when the table is empty.
        sqlite_autoincrement=True,
    )
    dialect = op.get_bind().dialect.name
    for table, event, compared, row, (kind, user_id, subject, at) in _TRIGGERS:
        selected = ", ".join(_of(row, value) for value in (user_id, kind, subject))
        time = _of(row, at) if at else _NOW[dialect]
        insert = f"INSERT INTO event (user_id, kind, subject, at) VALUES ({selected}, {time})"  # noqa: S608 - all parts are constants of this file
        when = f"WHEN (old.{compared} {_DIFFERS[dialect]} new.{compared})" if compared else ""
        name = f"event_{table}_{event.split()[0].lower()}"
        if dialect == "sqlite":
            op.execute(f'CREATE TRIGGER {name} AFTER {event} ON "{table}" {when} BEGIN {insert}; END')
        else:
            body = f"BEGIN {insert}; RETURN NULL; END"
            op.execute(f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ {body} $$")
            op.execute(
                f'CREATE TRIGGER {name} AFTER {event} ON "{table}" FOR EACH ROW {when} '
                f"EXECUTE FUNCTION {name}()"
            )
    if dialect == "postgresql":
        for statement in _NOTIFY:
            op.execute(statement)


def _of(row: str, value: str) -> str:
    return value if value == "NULL" or value.startswith("'") else f"{row}.{value}"


def downgrade() -> None:
    on_sqlite = op.get_bind().dialect.name == "sqlite"
    for table, event, *_ in _TRIGGERS:
        name = f"event_{table}_{event.split()[0].lower()}"
        op.execute(f"DROP TRIGGER {name}" + ("" if on_sqlite else f' ON "{table}"'))
        if not on_sqlite:
            op.execute(f"DROP FUNCTION {name}()")
    op.drop_table("event")
    if not on_sqlite:
        op.execute("DROP FUNCTION notify_event()")
