"""Export all tasks to a file, and import a file as one change."""

import asyncio
import hashlib
import zlib
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from sqlalchemy import insert, select

from app.database import Base, Database, again_after_conflict, utc_now
from app.errors import RefusalError
from app.problems import Problem
from app.tasks import service
from app.tasks.journal import last_step
from app.tasks.models import Status, Task, first_position
from app.tasks.queries import Page
from app.tasks.recurring import Zone
from app.tasks.schemas import Due, TaskCreate, TaskQuery

if TYPE_CHECKING:
    from app.tasks.files import ReadRow

COLUMNS = (
    *("id", "title", "description", "priority", "tags", "due_at", "all_day", "recurrence", "time_zone"),
    *("remind_at", "remind_before", "position", "status", "created_at", "updated_at", "completed_at"),
)
"""The columns of a CSV file, which are the fields of a task."""
LARGEST_FILE_MB = 8
PAGE_ROWS = 1000
_CHUNK_ROWS = 500
_SAMPLE_ROWS = 20
_REPORTED_ROWS = 200
_FORMAT = "todo-chatbot"
_LONGEST_SECONDS = 30.0
"""The time limit of an import. A slow server inserts 10,000 tasks in half of it."""
_INSERT_TASK, _INSERT_TAG = (insert(Base.metadata.tables[name]) for name in ("task", "task_tag"))


class TaskRecord(TaskCreate):
    """A task in a file: what a new task has, and what only time gives it.

    A task with `completed_at`, or with the status `completed`, is done.
    """

    id: Annotated[str, StringConstraints(max_length=64)] | None = None
    status: Status = Status.OPEN
    position: Annotated[int, Field(ge=-(2**53), le=2**53)] | None = None
    created_at: Due | None = None
    completed_at: Due | None = None


class ImportQuery(BaseModel):
    """Options of an import.

    `preview` reads the file and imports nothing. `on_error` decides about rows that are not understood:
    `refuse` imports nothing, `skip` imports the others. `time_zone` is the zone of dates in words.
    """

    model_config = ConfigDict(extra="forbid")

    preview: bool = False
    on_error: Literal["refuse", "skip"] = "refuse"
    time_zone: Zone | None = None


class ImportedRow(BaseModel):
    """Remark on a row: a problem, or how it was understood."""

    row: int = Field(description="The number of the row in a spreadsheet, or of the task in a JSON list.")
    title: str
    problem: str | None
    notes: list[str]


class Imported(BaseModel):
    """The outcome of an import. `POST /api/undo` with its step undoes it."""

    preview: bool
    imported: int = Field(description="The tasks that were imported, or would be.")
    duplicates: int = Field(description="The tasks that exist already, and were left as they are.")
    skipped: int = Field(description="The rows that were not understood.")
    step: str | None
    rows: list[ImportedRow] = Field(description=f"The first {_REPORTED_ROWS} rows with something to say.")
    tasks: list[TaskRecord] = Field(description=f"In a preview, the first {_SAMPLE_ROWS} tasks.")


class UnsupportedFileError(RefusalError):
    """The content type, or its encoding, is not supported."""

    status = 415
    title = "Unsupported file"
    code = "unsupported_file"
    detail = "Send application/json or text/csv, plain or compressed with gzip."


class FileTooLargeError(RefusalError):
    """The file is too large."""

    status = 413
    title = "File too large"
    code = "file_too_large"
    detail = f"A file has at most {LARGEST_FILE_MB} MB after decompression. Split it."


async def export(database: Database, user_id: str, kind: Literal["json", "csv"]) -> AsyncIterator[bytes]:
    """Return the parts of a file with all tasks of a user. The first page has been read."""
    files = await asyncio.to_thread(import_module, "app.tasks.files")
    query = TaskQuery(sort="created", order="asc").model_copy(update={"limit": PAGE_ROWS})
    page = await service.list_tasks(database, user_id, query)

    async def parts() -> AsyncIterator[bytes]:
        if kind == "csv":
            # Spreadsheets recognise UTF-8 by its byte order mark.
            yield ("\ufeff" + ",".join(COLUMNS) + "\r\n").encode()
        else:
            yield f'{{"format":"{_FORMAT}","version":1,"tasks":[\n'.encode()
        current: Page = page
        is_first = True
        while True:
            if kind == "csv":
                yield files.csv_text(current.items).encode()
            else:
                yield files.json_text(current.items, is_first=is_first)
            if current.next_cursor is None:
                break
            is_first = False
            following = query.model_copy(update={"cursor": current.next_cursor})
            current = await service.list_tasks(database, user_id, following)
        if kind == "json":
            yield b"\n]}\n"

    return parts()


def file_kind(content_type: str) -> Literal["json", "csv"]:
    """Return the format that a content type names.

    Raises:
        UnsupportedFileError: for another one.
    """
    name = content_type.split(";")[0].strip().lower()
    if name == "application/json":
        return "json"
    if name == "text/csv":
        return "csv"
    raise UnsupportedFileError


def decompressed(content: bytes, encoding: str) -> bytes:
    """Return a body as it was before its encoding.

    Raises:
        UnsupportedFileError: for an encoding other than gzip.
        FileTooLargeError: when it is too large.
    """
    if encoding.strip().lower() in ("", "identity"):
        return content
    if encoding.strip().lower() != "gzip":
        raise UnsupportedFileError
    limit = LARGEST_FILE_MB * 1_000_000
    unpacking = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    try:
        found = unpacking.decompress(content, limit + 1)
    except zlib.error:
        raise UnsupportedFileError("The body is not valid gzip.") from None
    if len(found) > limit:
        raise FileTooLargeError
    if not unpacking.eof:
        raise UnsupportedFileError("The body is not valid gzip.")
    return found


async def import_file(
    database: Database,
    user_id: str,
    content: bytes,
    kind: Literal["json", "csv"],
    query: ImportQuery,
    zone: ZoneInfo,
) -> Imported:
    """Import the tasks of a file in one transaction, which is one step to undo.

    Raises:
        RefusalError: when the file cannot be read.
        Problem: 422 when a row is not understood, with the problem of each; then nothing was imported.
    """
    files = await asyncio.to_thread(import_module, "app.tasks.files")
    now = utc_now()
    local = now.astimezone(zone)
    rows: list[ReadRow] = await asyncio.to_thread(files.read_file, content, kind, local)
    problems = [row for row in rows if row.problem is not None]
    if problems and query.on_error == "refuse" and not query.preview:
        raise _not_understood(problems, len(rows))
    # When the same file is imported at the same time, its tasks are duplicates the next time.
    return await again_after_conflict(lambda: _store(database, user_id, rows, now, query))


async def _store(
    database: Database, user_id: str, rows: Sequence["ReadRow"], now: datetime, query: ImportQuery
) -> Imported:
    records = _identified(user_id, rows)
    step = None
    async with database.transaction(read_only=query.preview, limit_seconds=_LONGEST_SECONDS) as session:
        names = [name for new_id, (_, given) in records.items() for name in (new_id, given) if name]
        existing: set[str] = set()
        for start in range(0, len(names), _CHUNK_ROWS):
            mine = select(Task.id).where(
                Task.user_id == user_id, Task.id.in_(names[start : start + _CHUNK_ROWS])
            )
            existing |= set(await session.scalars(mine))
        new = {
            new_id: record
            for new_id, (record, given) in records.items()
            if new_id not in existing and given not in existing
        }
        if new and not query.preview:
            tasks = await asyncio.to_thread(_columns, user_id, new, now)
            connection = await session.connection()
            # A server that works on one large statement reads nothing, and its silence ends the connection.
            for start in range(0, len(tasks), _CHUNK_ROWS):
                await connection.execute(_INSERT_TASK, tasks[start : start + _CHUNK_ROWS])
            tags = [
                {"task_id": new_id, "name": name, "position": place}
                for new_id, record in new.items()
                for place, name in enumerate(record.tags)
            ]
            for start in range(0, len(tags), _CHUNK_ROWS):
                await connection.execute(_INSERT_TAG, tags[start : start + _CHUNK_ROWS])
            step = await last_step(session, user_id, next(iter(new)))
    read = sum(row.record is not None for row in rows)
    said = [row for row in rows if row.problem is not None or row.notes][:_REPORTED_ROWS]
    return Imported(
        preview=query.preview,
        imported=len(new),
        duplicates=read - len(new),
        skipped=len(rows) - read,
        step=step,
        rows=[
            ImportedRow(row=row.number, title=row.title[:200], problem=row.problem, notes=row.notes)
            for row in said
        ],
        tasks=list(new.values())[:_SAMPLE_ROWS] if query.preview else [],
    )


def _identified(user_id: str, rows: Sequence["ReadRow"]) -> dict[str, tuple[TaskRecord, str | None]]:
    """Return the records by the ids that they get, with the ids that they have in the file.

    The id follows from the row, so that a file that is imported again meets its own tasks. Rows without an id
    that are alike are different tasks.
    """
    alike: Counter[str] = Counter()
    records: dict[str, tuple[TaskRecord, str | None]] = {}
    for row in rows:
        if row.record is None:
            continue
        given = row.record.id
        alike[row.source] += 1
        source = given or f"{row.source} {alike[row.source]}"
        identity = f"{user_id}\0{source}".encode("utf-8", "surrogatepass")
        records.setdefault(hashlib.sha256(identity).hexdigest()[:32], (row.record, given))
    return records


def _columns(user_id: str, records: dict[str, TaskRecord], now: datetime) -> list[dict[str, Any]]:
    """Return the rows of the table. With the same time of change, they are one step."""
    rows = []
    for new_id, record in records.items():
        completed_at = record.completed_at or (now if record.status is Status.COMPLETED else None)
        created_at = record.created_at or now
        place = first_position(created_at) if record.position is None else record.position
        own = {"id": new_id, "completed_at": completed_at, "created_at": created_at, "position": place}
        rows.append({**service.new_columns(user_id, record, now), **own})
    return rows


def _not_understood(problems: Sequence["ReadRow"], total: int) -> Problem:
    errors = [{"field": f"row {row.number}", "message": str(row.problem)} for row in problems[:50]]
    detail = (
        f"{len(problems):,} of {total:,} rows are not understood, and nothing was imported. "
        "Correct them, or send on_error=skip to import the others."
    )
    return Problem(422, "Rows not understood", detail, "rows_not_understood", fields={"errors": errors})
