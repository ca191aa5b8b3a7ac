"""The files of tasks: JSON and CSV of this application, and the CSV of Todoist.

A file becomes rows, and each row a record or a problem. docs/data.md describes the formats.
"""

import csv
import io
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any, Literal
from zoneinfo import ZoneInfo

from pydantic import ValidationError
from pydantic_core import to_json

from app.database import Row
from app.errors import RefusalError
from app.language.dates import When, find_when
from app.language.days import ImpossibleDateError
from app.tasks.transfer import COLUMNS, TaskRecord

ROWS = 10_000
"""The rows that a file may have."""
_IGNORED = {"updated_at"}
"""The time of the import replaces it."""
_FORMULA = re.compile(r"'*[=+\-@\t\r＝＋－＠]")
_ISO = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d")
_LABEL = re.compile(r"(?<!\S)@(\S+)")
_PRIORITIES = {"1": "high", "2": "medium", "3": "low", "4": "low"}
_TODOIST = {"TYPE", "CONTENT"}


class UnreadableFileError(RefusalError):
    """The file as a whole is not what its content type says."""

    status = 422
    title = "Unreadable file"
    code = "unreadable_file"


class TooManyRowsError(RefusalError):
    """The file has too many rows."""

    status = 413
    title = "Too many rows"
    code = "too_many_rows"
    detail = f"A file has at most {ROWS:,} rows. Split it."


@dataclass(slots=True)
class ReadRow:
    """A row: its number as a spreadsheet shows it, the record or the problem, and what was decided.

    `source` is the text that identifies the row when the same file is imported again.
    """

    number: int
    source: str
    title: str
    values: dict[str, Any]
    record: TaskRecord | None = None
    problem: str | None = None
    notes: list[str] = field(default_factory=list)


def read_file(content: bytes, kind: Literal["json", "csv"], now: datetime) -> list[ReadRow]:
    """Return the tasks of a file.

    Args:
        content: the file.
        kind: its format.
        now: the present time on the clock of the user (aware), for dates in words.

    Raises:
        UnreadableFileError: when the file as a whole cannot be read.
        TooManyRowsError: when it has more than ROWS rows.
    """
    text = _decoded(content)
    rows = _json_rows(text) if kind == "json" else _csv_rows(text)
    for row in rows:
        if row.problem is None:
            _complete(row, now)
    return rows


def _decoded(content: bytes) -> str:
    is_wide = content.startswith((b"\xff\xfe", b"\xfe\xff"))
    try:
        return content.decode("utf-16" if is_wide else "utf-8-sig")
    except UnicodeDecodeError:
        raise UnreadableFileError("The file is not in UTF-8. Save it as “CSV UTF-8”.") from None


def _json_rows(text: str) -> list[ReadRow]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        raise UnreadableFileError("The file is not valid JSON.") from None
    items = found.get("tasks") if isinstance(found, dict) else found
    if not isinstance(items, list):
        raise UnreadableFileError("The file needs a list of tasks, or an object with the list “tasks”.")
    _check_count(len(items))
    rows = []
    for number, item in enumerate(items, 1):
        if isinstance(item, dict):
            title = item.get("title")
            source = json.dumps(item, sort_keys=True)
            rows.append(ReadRow(number, source, title if isinstance(title, str) else "", dict(item)))
        else:
            rows.append(ReadRow(number, "", "", {}, problem="must be an object"))
    return rows


def _check_count(rows: int) -> None:
    if rows > ROWS:
        raise TooManyRowsError


def _csv_rows(text: str) -> list[ReadRow]:
    first = text.split("\n", 1)[0]
    # Spreadsheets of many countries separate with a semicolon.
    delimiter = max(",;\t", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        header = [cell.strip() for cell in next(reader, [])]
        lines = []
        for number, cells in enumerate(reader, 2):
            if any(cell.strip() for cell in cells):
                lines.append((number, cells))
                _check_count(len(lines))
    except csv.Error as error:
        raise UnreadableFileError(f"Line {reader.line_num} is not valid CSV: {error}.") from None
    if set(header) >= _TODOIST:
        return _todoist_rows(header, lines)
    names = [name.lower() for name in header]
    if "title" not in names:
        raise UnreadableFileError("The first row needs the column “title”, or Todoist's TYPE and CONTENT.")
    unknown = [name for name in names if name not in COLUMNS and name]
    rows = []
    for number, cells in lines:
        row = ReadRow(number, json.dumps(cells), "", {})
        if len(cells) > len(names):
            row.problem = f"has {len(cells)} cells, and the first row has {len(names)}"
        row.values = {
            name: _without_apostrophe(cell)
            for name, cell in zip(names, cells, strict=False)
            if name in COLUMNS and (cell.strip() or name == "title")
        }
        row.title = row.values.get("title", "")
        if "tags" in row.values:
            row.values["tags"] = _tags(row.values["tags"])
        if "all_day" in row.values:
            row.values["all_day"] = row.values["all_day"].strip().lower() in ("true", "1", "yes")
        if re.fullmatch(r"\s*\d{1,9}\s*", minutes := row.values.get("remind_before", "")):
            row.values["remind_before"] = int(minutes)
        rows.append(row)
    if unknown and rows:
        rows[0].notes.append(f"The file's columns {', '.join(unknown[:10])} are unknown and left out.")
    return rows


def _todoist_rows(header: Sequence[str], lines: Sequence[tuple[int, Sequence[str]]]) -> list[ReadRow]:
    rows: list[ReadRow] = []
    section = ""
    parents: list[str] = []
    for number, cells in lines:
        cell = {name: value.strip() for name, value in zip(header, cells, strict=False)}
        kind, content = cell["TYPE"], cell.get("CONTENT", "")
        if kind == "section":
            section = content
        elif kind == "note" and rows:
            described = rows[-1].values.get("description", "")
            rows[-1].values["description"] = f"{described}\n\n{content}".strip()
        elif kind == "task":
            rows.append(_todoist_task(number, cell, section, parents))
        elif not kind.startswith("meta"):
            rows.append(ReadRow(number, "", content, {}, problem=f"TYPE “{kind[:20]}” is unknown"))
    return rows


def _todoist_task(number: int, cell: dict[str, str], section: str, parents: list[str]) -> ReadRow:
    """Return the row of a task. `parents` are the tasks above it, by indent."""
    content = cell["CONTENT"].removeprefix("* ")
    title = " ".join(_LABEL.sub("", content).split()) or content
    tags = [label for label in _LABEL.findall(content) if title != content]
    row = ReadRow(number, json.dumps(cell, sort_keys=True), title, {"title": title})
    if section:
        tags.append(section)
        row.notes.append(f"The section “{section}” became a tag.")
    depth = int(cell["INDENT"]) if re.fullmatch("[1-9]", cell.get("INDENT", "")) else 1
    del parents[depth - 1 :]
    if parents:
        row.notes.append(f"This subtask of “{parents[-1]}” became a task of its own.")
    parents.append(title)
    if priority := cell.get("PRIORITY"):
        row.values["priority"] = _PRIORITIES.get(priority, priority)
    row.values |= {"description": cell.get("DESCRIPTION", ""), "tags": tags}
    if said := cell.get("DATE") or cell.get("DEADLINE"):
        row.values["due_at"] = said
    if zone := cell.get("TIMEZONE"):
        row.values["time_zone"] = zone
    if cell.get("DATE") and (deadline := cell.get("DEADLINE")):
        row.notes.append(f"A task has one date; the deadline {deadline} was left out.")
    return row


def _tags(cell: str) -> list[str] | str:
    """Return the tags of a cell; a cell that is no list of tags remains, for the validation."""
    if not cell.lstrip().startswith("["):
        return re.split(r"[\s,]+", cell.strip(" ,"))
    try:
        return list(json.loads(cell))
    except (ValueError, TypeError, RecursionError):
        return cell


def _without_apostrophe(cell: str) -> str:
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell


def _complete(row: ReadRow, now: datetime) -> None:
    """Validate a row, and read its date."""
    values = {name: value for name, value in row.values.items() if name not in _IGNORED}
    try:
        due = values.get("due_at")
        if isinstance(due, str) and not _ISO.match(due):
            values |= _due(due, values, now, row)
        row.record = TaskRecord.model_validate(values)
    except ImpossibleDateError as error:
        row.problem = f"due_at: {error}"
    except ValidationError as error:
        problems = error.errors(include_url=False, include_input=False)
        row.problem = "; ".join(_said(problem["loc"], problem["msg"]) for problem in problems[:5])


def _said(location: Sequence[int | str], message: str) -> str:
    return f"{'.'.join(str(part) for part in location)}: {message.removeprefix('Value error, ')}"


def _due(said: str, values: dict[str, Any], now: datetime, row: ReadRow) -> dict[str, Any]:
    """Return the fields of a date in words.

    Raises:
        ImpossibleDateError: when it does not exist, or is not understood.
    """
    given, zone = values.get("time_zone"), now.tzinfo
    if isinstance(given, str):
        try:
            zone = ZoneInfo(given)
        except (KeyError, ValueError, OSError):
            # The validation reports it.
            return {}
    when, notes = _when(said, now.astimezone(zone))
    row.notes += notes
    has_rule = when.recurrence and "recurrence" not in values
    name = given or getattr(zone, "key", "UTC")
    return {
        "due_at": when.instant_in(zone or now.tzinfo or ZoneInfo("UTC")),
        "all_day": when.at is None,
        **({"recurrence": when.recurrence, "time_zone": name} if has_rule else {}),
    }


@lru_cache(1000)
def _when(said: str, now: datetime) -> tuple[When, tuple[str, ...]]:
    found = find_when(said[:200], now)
    left = said
    for start, end in reversed(found.spans if found else ()):
        left = left[:start] + left[end:]
    if found is None or left.strip(" ,"):
        raise ImpossibleDateError(f"“{said[:50]}” is not understood.")
    return found.when, found.notes


def json_text(rows: Sequence[Row], *, is_first: bool) -> bytes:
    """Return tasks as a part of a JSON list, one a line."""
    lines = b",\n".join(to_json(row) for row in rows)
    return lines if is_first or not rows else b",\n" + lines


def csv_text(rows: Sequence[Row]) -> str:
    """Return tasks as lines of CSV. No cell begins like a formula, which a spreadsheet would calculate."""
    text = io.StringIO()
    writer = csv.writer(text)
    for row in rows:
        plain = json.loads(to_json(row))
        names = " ".join(plain["tags"])
        # A tag may contain what separates tags.
        plain["tags"] = json.dumps(plain["tags"]) if "," in names or names.startswith("[") else names
        cells = (_cell(plain[name]) for name in COLUMNS)
        writer.writerow([f"'{cell}" if _FORMULA.match(cell) else cell for cell in cells])
    return text.getvalue()


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)
