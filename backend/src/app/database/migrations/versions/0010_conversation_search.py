"""Search conversations by their titles and the texts of their messages.

SQLite ignores case only for ASCII, so both have a case-folded copy. Servers of the last version leave it
empty.
"""

import json
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0010_conversation_search"
down_revision = "0009_reminders"
branch_labels = None
depends_on = None

_ROWS = 500


def upgrade() -> None:
    for table in ("conversation", "message"):
        op.add_column(table, sa.Column("search_text", sa.Text, nullable=False, server_default=""))
    _fill("conversation", "title", str.casefold)
    _fill("message", "parts", _text)


def downgrade() -> None:
    for table in ("conversation", "message"):
        op.drop_column(table, "search_text")


def _fill(table: str, source: str, fold: Any) -> None:
    rows = sa.table(table, sa.column("id"), sa.column(source), sa.column("search_text"))
    connection, last = op.get_bind(), ""
    change = sa.update(rows).where(rows.c.id == sa.bindparam("row_id"))
    while found := connection.execute(
        sa.select(rows.c.id, rows.c[source]).where(rows.c.id > last).order_by(rows.c.id).limit(_ROWS)
    ).all():
        connection.execute(
            change.values(search_text=sa.bindparam("folded")),
            [{"row_id": row_id, "folded": fold(value)} for row_id, value in found],
        )
        last = found[-1][0]


def _text(parts: Any) -> str:
    stored = json.loads(parts) if isinstance(parts, str) else parts
    return "\n".join(part["text"] for part in stored if part["type"] == "text").casefold()
