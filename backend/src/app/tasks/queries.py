"""The statements of tasks.

A list has filters, an order and a cursor. What differs between two lists is either a value, which is a bound
parameter, or the shape of the statement. Each shape is made and compiled only once.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from typing import Any, Literal, NamedTuple

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Text,
    UnaryExpression,
    and_,
    bindparam,
    case,
    column,
    delete,
    exists,
    func,
    insert,
    literal,
    null,
    or_,
    select,
    table,
    update,
)
from sqlalchemy.orm import InstrumentedAttribute, aliased
from sqlalchemy.sql.operators import custom_op

from app.database import Row, Statement, insertion
from app.instants import iso_instant
from app.pagination import CursorValue, InvalidCursorError, cursor_instant, decode_cursor, encode_cursor
from app.tasks.models import TITLE_LENGTH, Priority, Status, Task, TaskTag, tag_names
from app.tasks.schemas import TaskQuery
from app.text import folded, like_pattern

_SORTS: dict[str, tuple[InstrumentedAttribute[Any], str]] = {
    "created": (Task.created_at, "desc"),
    "due": (Task.due_at, "asc"),
    "priority": (Task.priority, "desc"),
    "title": (Task.title_key, "asc"),
    "completed": (Task.completed_at, "desc"),
    "hand": (Task.position, "asc"),
}
_WITHOUT_VALUE_LAST = {"due", "completed"}
_VALUES = (
    *("priority", "tag", "due_after", "due_before", "completed_after", "completed_before"),
    *("reminds_after", "reminds_before"),
)
"""The filters that have a value."""
_RANKS = (Priority.LOW, Priority.MEDIUM, Priority.HIGH)
_BY_RANK = dict(enumerate(_RANKS))
_SHAPES = 512
"""The shapes whose statements are kept. People use a few dozen."""

_STORED = (
    Task.id,
    Task.title,
    Task.description,
    Task.priority,
    Task.due_at,
    Task.all_day,
    Task.recurrence,
    Task.time_zone,
    Task.remind_at,
    Task.remind_before,
    Task.created_at,
    Task.updated_at,
    Task.completed_at,
    Task.title_key,
    Task.position,
)
_MINE = Task.user_id == bindparam("user_id")

MOST_FOUND = 300
"""With more tasks than this, the index of a search is slower than reading the list in its order."""
_TRIGRAM = 3
_SEARCH = table("task_search", column("rowid"), column("text"))
_SEARCH_KEY = table("task_search_key", column("number"), column("task_id"))
_IS_FOUND = _SEARCH.c.text.match(bindparam("terms"))


def _columns(task: type[Task]) -> tuple[Any, ...]:
    """Return the fields of `TaskOut` for the table, or for a selection of its rows."""
    tags = select(TaskTag.name).where(TaskTag.task_id == task.id).order_by(TaskTag.position)
    ordered = tags.correlate(task).subquery()
    return (
        task.id,
        task.title,
        task.description,
        task.priority,
        select(tag_names(ordered.c.name)).scalar_subquery().label("tags"),
        task.due_at,
        task.all_day,
        task.recurrence,
        task.time_zone,
        task.remind_at,
        task.remind_before,
        task.position,
        case((task.completed_at.is_(None), Status.OPEN.value), else_=Status.COMPLETED.value).label("status"),
        task.created_at,
        task.updated_at,
        task.completed_at,
    )


_ONE = (_MINE, Task.id == bindparam("id"))
_SEEN = Task.updated_at == bindparam("seen")
"""Nobody has changed the task since it was read: every change sets another time."""
ONE = Statement(select(*_columns(Task)).where(*_ONE))
# Without the status: SQLite 3.40 takes a column that the statement sets to NULL for `IS NOT NULL`.
_CHANGED = tuple(column for column in _columns(Task) if column.key != "status")
MANY = select(*_columns(Task)).where(_MINE, Task.id.in_(bindparam("ids", expanding=True)))
INSERT = Statement(insertion(Task))
INSERT_TAGS = Statement(insert(TaskTag))
DELETE_TAGS = Statement(delete(TaskTag).where(TaskTag.task_id == bindparam("id")))
REMOVE = Statement(delete(Task).where(*_ONE).returning(*_CHANGED))
REMOVE_SEEN = Statement(delete(Task).where(*_ONE, _SEEN).returning(Task.id))
_IS_OPEN = Task.completed_at.is_(None)
MARK = {
    completed: Statement(
        update(Task)
        .where(
            *_ONE,
            # Every change sets a later time.
            Task.updated_at < bindparam("now"),
            *((_IS_OPEN, Task.recurrence.is_(None)) if completed else (~_IS_OPEN,)),
        )
        .values(completed_at=bindparam("now") if completed else null(), updated_at=bindparam("now"))
        .returning(*_CHANGED)
    )
    for completed in (True, False)
}
"""Completes an open task that does not repeat, or reopens a completed one."""


@lru_cache(_SHAPES)
def update_statement(names: frozenset[str]) -> Statement:
    """Return the statement that sets the named columns of a task, unless somebody has changed it since."""
    # A column and a condition need parameters of different names.
    values = {name: bindparam(f"new_{name}", type_=Task.__table__.c[name].type) for name in names}
    return Statement(update(Task).where(*_ONE, _SEEN).values(**values).returning(Task.id))


FOUND = Statement(
    select(func.count().label("total")).select_from(
        select(literal(1).label("one")).select_from(_SEARCH).where(_IS_FOUND).limit(MOST_FOUND + 1).subquery()
    )
)
"""Counts the tasks of all users that SQLite's index finds for the parameter `terms`, up to MOST_FOUND + 1."""


@dataclass(frozen=True, slots=True)
class Overdue:
    """Overdue: due before `now`; for a whole day, before the day that starts at `today`."""

    now: datetime
    today: datetime


class Page(NamedTuple):
    """A page of tasks, with the fields of `TaskPage`."""

    items: list[Row]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class Shape:
    """The parts of a query that change the text of its statement."""

    sort: str
    descending: bool
    status: Literal["open", "completed", "all"]
    filters: frozenset[str]
    words: int
    overdue: bool
    cursor: Literal["none", "value", "null"]
    by_index: bool = False
    """Read what SQLite's index finds. PostgreSQL itself decides whether to use its index."""

    @property
    def order(self) -> str:
        """The name of the order, which a cursor contains."""
        return f"{self.sort} {'desc' if self.descending else 'asc'}"


def shape_of(query: TaskQuery, overdue: Overdue | None) -> tuple[Shape, dict[str, Any]]:
    """Return the shape of a query, and its values.

    Raises:
        InvalidCursorError: when the cursor does not belong to this order.
    """
    values: dict[str, Any] = {name: value for name in _VALUES if (value := getattr(query, name)) is not None}
    filters = frozenset({*values, *(["undated"] if query.undated else [])})
    values["rows"] = query.limit + 1
    words = folded(query.q).split()
    for number, word in enumerate(words):
        values[f"word{number}"] = like_pattern(word)
    if overdue is not None:
        values |= {"now": overdue.now, "today": overdue.today}
    descending = (query.order or _SORTS[query.sort][1]) == "desc"
    shape = Shape(query.sort, descending, query.status, filters, len(words), overdue is not None, "none")
    if query.cursor is None:
        return shape, values
    key, values["id"] = decode_cursor(query.cursor, shape.order)
    if (value := _sort_value(query.sort, key)) is None:
        return replace(shape, cursor="null"), values
    return replace(shape, cursor="value"), values | {"key": value}


def index_terms(query: TaskQuery) -> str:
    """Return the words of a search for SQLite's index, which has no shorter words than trigrams."""
    words = (word.replace('"', '""') for word in folded(query.q).split() if len(word) >= _TRIGRAM)
    return " ".join(f'"{word}"' for word in words)


@lru_cache(_SHAPES)
def page_statement(shape: Shape) -> Statement:
    """Return the statement of a page. It reads one row more than the page has."""
    column = _SORTS[shape.sort][0]
    statement = select(*_STORED).where(*_matching(shape))
    if shape.cursor != "none":
        statement = statement.where(_after(column, shape))
    rows = statement.order_by(*_ordering(Task, shape)).limit(bindparam("rows")).subquery()
    # Only these rows get their tags. SQLite would read the tags of all tasks before it sorts them.
    page = aliased(Task, rows)
    return Statement(select(*_columns(page)).order_by(*_ordering(page, shape)))


def _ordering(task: type[Task], shape: Shape) -> tuple[ColumnElement[Any], ColumnElement[Any]]:
    column = getattr(task, _SORTS[shape.sort][0].key)
    direction = column.desc() if shape.descending else column.asc()
    return (
        direction.nulls_last() if shape.sort in _WITHOUT_VALUE_LAST else direction,
        task.id.desc() if shape.descending else task.id.asc(),
    )


@lru_cache(_SHAPES)
def count_statement(shape: Shape) -> Statement:
    """Return the statement that counts all tasks on all pages."""
    return Statement(select(func.count().label("total")).select_from(Task).where(*_matching(shape)))


def cursor_after(shape: Shape, row: Row) -> str:
    """Return the cursor of the page after a row."""
    key: CursorValue
    if shape.sort == "title":
        key = title_key(row["title"])
    elif shape.sort == "hand":
        key = row["position"]
    elif shape.sort == "priority":
        key = _RANKS.index(row["priority"])
    else:
        instant = row[_SORTS[shape.sort][0].key]
        key = None if instant is None else iso_instant(instant)
    return encode_cursor(shape.order, key, row["id"])


def title_key(title: str) -> str:
    """Return the text that sorts a title."""
    return folded(title)[:TITLE_LENGTH]


def _matching(shape: Shape) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = [_MINE]
    if shape.by_index:
        # The plus sign prevents SQLite from reading all tasks of the user by the index of an order.
        user_id: ColumnElement[str] = UnaryExpression(Task.__table__.c.user_id, operator=custom_op("+"))
        found = select(_SEARCH_KEY.c.task_id).join(_SEARCH, _SEARCH.c.rowid == _SEARCH_KEY.c.number)
        conditions = [user_id == bindparam("user_id"), Task.id.in_(found.where(_IS_FOUND))]
    if shape.status != "all":
        done = Task.completed_at.is_not(None)
        conditions.append(done if shape.status == "completed" else ~done)
    if "priority" in shape.filters:
        conditions.append(Task.priority == bindparam("priority"))
    if "tag" in shape.filters:
        conditions.append(exists().where(TaskTag.task_id == Task.id, TaskTag.name == bindparam("tag")))
    if "due_after" in shape.filters:
        conditions.append(Task.due_at >= bindparam("due_after"))
    if "due_before" in shape.filters:
        conditions.append(Task.due_at < bindparam("due_before"))
    if "undated" in shape.filters:
        conditions.append(Task.due_at.is_(None))
    if "completed_after" in shape.filters:
        conditions.append(Task.completed_at >= bindparam("completed_after"))
    if "completed_before" in shape.filters:
        conditions.append(Task.completed_at < bindparam("completed_before"))
    if "reminds_after" in shape.filters:
        conditions.append(Task.remind_at >= bindparam("reminds_after"))
    if "reminds_before" in shape.filters:
        conditions.append(Task.remind_at < bindparam("reminds_before"))
    if shape.overdue:
        conditions.append(
            or_(
                and_(Task.all_day.is_(True), Task.due_at < bindparam("today")),
                and_(Task.all_day.is_(False), Task.due_at < bindparam("now")),
            )
        )
    # Every word must occur, in any order.
    conditions += [
        Task.search_text.like(bindparam(f"word{number}", type_=Text), escape="/")
        for number in range(shape.words)
    ]
    return conditions


def _sort_value(sort: str, key: CursorValue) -> Any:
    """Return the value of a sort column from a cursor.

    Raises:
        InvalidCursorError: when the value is invalid for the column.
    """
    try:
        if sort == "priority":
            return _BY_RANK[int(str(key))]
        if sort == "hand":
            return _place(key)
        if sort == "title":
            if isinstance(key, str) and "\0" not in key:
                return key.encode().decode()
            raise ValueError(key)
    except (ValueError, KeyError):
        raise InvalidCursorError from None
    return None if key is None and sort in _WITHOUT_VALUE_LAST else cursor_instant(key)


def _place(key: CursorValue) -> int:
    if isinstance(key, int) and abs(key) < 2**63:
        return key
    raise ValueError(key)


def _after(column: InstrumentedAttribute[Any], shape: Shape) -> ColumnElement[bool]:
    """Return the condition for the rows after a cursor. Rows without a value come last in both directions."""
    row_id: BindParameter[Any] = bindparam("id")
    key: BindParameter[Any] = bindparam("key")
    id_behind = Task.id < row_id if shape.descending else Task.id > row_id
    if shape.cursor == "null":
        return and_(column.is_(None), id_behind)
    behind = or_(column < key if shape.descending else column > key, and_(column == key, id_behind))
    return or_(behind, column.is_(None)) if shape.sort in _WITHOUT_VALUE_LAST else behind
