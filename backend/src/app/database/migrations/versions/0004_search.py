"""Sort tasks by priority and by title, and search them, with an index.

SQLite's index of a search is a table of its own, which triggers keep up to date. A migration that recreates
the table `task` there has to create the triggers again.
"""

import sys

from alembic import op
from sqlalchemy.exc import DBAPIError

revision = "0004_search"
down_revision = "0003_replicas"
branch_labels = None
depends_on = None

_SQLITE = (
    # The index needs a number that never changes. VACUUM changes the row numbers of `task`.
    "CREATE TABLE task_search_key (number INTEGER PRIMARY KEY, task_id TEXT NOT NULL UNIQUE)",
    "CREATE VIRTUAL TABLE task_search USING fts5(text, tokenize = 'trigram')",
    "INSERT INTO task_search_key (task_id) SELECT id FROM task",
    """
    INSERT INTO task_search (rowid, text)
    SELECT number, search_text FROM task_search_key JOIN task ON task.id = task_id
    """,
    """
    CREATE TRIGGER task_search_insert AFTER INSERT ON task BEGIN
        INSERT INTO task_search_key (task_id) VALUES (new.id);
        INSERT INTO task_search (rowid, text)
        SELECT number, new.search_text FROM task_search_key WHERE task_id = new.id;
    END
    """,
    """
    CREATE TRIGGER task_search_update AFTER UPDATE OF search_text ON task
    WHEN new.search_text <> old.search_text BEGIN
        UPDATE task_search SET text = new.search_text
        WHERE rowid = (SELECT number FROM task_search_key WHERE task_id = new.id);
    END
    """,
    """
    CREATE TRIGGER task_search_delete AFTER DELETE ON task BEGIN
        DELETE FROM task_search WHERE rowid = (SELECT number FROM task_search_key WHERE task_id = old.id);
        DELETE FROM task_search_key WHERE task_id = old.id;
    END
    """,
)
# Without the list of pending entries, which every search would read.
_TRIGRAM_INDEX = (
    "CREATE INDEX ix_task_search_text ON task USING gin (search_text gin_trgm_ops) WITH (fastupdate = off)"
)
_NO_TRIGRAMS = (
    "The extension pg_trgm is not available, so a search reads all tasks of a user. To change this, run as a"
    f" superuser: CREATE EXTENSION pg_trgm; {_TRIGRAM_INDEX}\n"
)


def upgrade() -> None:
    op.create_index("ix_task_user_id_priority_id", "task", ["user_id", "priority", "id"])
    op.create_index("ix_task_user_id_title_key_id", "task", ["user_id", "title_key", "id"])
    connection = op.get_bind()
    if connection.dialect.name == "sqlite":
        for statement in _SQLITE:
            op.execute(statement)
        return
    try:
        with connection.begin_nested():
            op.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
            op.execute(_TRIGRAM_INDEX)
    except DBAPIError:
        sys.stderr.write(_NO_TRIGRAMS)


def downgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        for name in ("insert", "update", "delete"):
            op.execute(f"DROP TRIGGER task_search_{name}")
        op.drop_table("task_search")
        op.drop_table("task_search_key")
    else:
        op.execute("DROP INDEX IF EXISTS ix_task_search_text")
    op.drop_index("ix_task_user_id_title_key_id", "task")
    op.drop_index("ix_task_user_id_priority_id", "task")
