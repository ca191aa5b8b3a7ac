"""Core statements that the driver executes itself.

SQLAlchemy takes many times as long to execute a statement as the driver does. A statement that most requests
execute is therefore compiled once for each kind of database, and only the driver runs for each request. The
models remain the only description of the tables: their column types convert parameters and results.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from sqlalchemy import ColumnElement, Dialect, Executable, Insert, Table, bindparam, insert, select

Parameters = Mapping[str, Any]
Row = dict[str, Any]
_Convert = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Compiled:
    """A statement in the form that one driver accepts.

    `defaults` are the values in the statement itself. `binds` and `results` convert the values whose types
    the driver does not know.
    """

    sql: str
    defaults: Parameters
    binds: Sequence[tuple[str, _Convert]]
    columns: Sequence[str]
    results: Sequence[tuple[str, _Convert]]

    def arguments(self, parameters: Parameters) -> dict[str, Any]:
        """Return the parameters as the driver accepts them."""
        values = {**self.defaults, **parameters}
        for name, convert in self.binds:
            values[name] = convert(values[name])
        return values

    def rows(self, found: Iterable[Sequence[Any]]) -> list[Row]:
        """Return the driver's rows with the names and types of the columns."""
        columns = self.columns
        rows = [dict(zip(columns, row, strict=True)) for row in found]
        for name, convert in self.results:
            for row in rows:
                row[name] = convert(row[name])
        return rows


@dataclass(frozen=True, eq=False)
class Condition:
    """A condition that other statements are restricted to; it has bound parameters of its own."""

    core: ColumnElement[bool]


@dataclass(frozen=True, eq=False)
class Statement:
    """A statement of SQLAlchemy Core; what varies between executions is a bound parameter."""

    core: Executable
    _compiled: dict[str, Compiled] = field(default_factory=dict, init=False, repr=False)
    _restricted: "dict[Condition, Statement]" = field(default_factory=dict, init=False, repr=False)

    def compiled(self, dialect: Dialect) -> Compiled:
        """Return the statement for a dialect. Compiles it on first use."""
        if (compiled := self._compiled.get(dialect.name)) is None:
            compiled = self._compiled[dialect.name] = _compile(self.core, dialect)
        return compiled

    def where(self, condition: Condition) -> "Statement":
        """Return the statement that reads, changes or inserts nothing unless a condition holds."""
        if (restricted := self._restricted.get(condition)) is None:
            restricted = self._restricted[condition] = Statement(_where(self.core, condition.core))
        return restricted


@dataclass(frozen=True, slots=True)
class Call:
    """A statement with its parameters.

    A list of parameters executes the statement once for each, without results.
    """

    statement: Statement
    parameters: Parameters | Sequence[Parameters]

    def where(self, condition: Condition, parameters: Parameters) -> "Call":
        """Return the call, with one set of parameters, that does nothing unless a condition holds."""
        return Call(self.statement.where(condition), {**cast("Parameters", self.parameters), **parameters})


@dataclass(frozen=True, slots=True)
class DriverCall:
    """A call in the form that one driver accepts."""

    compiled: Compiled
    arguments: dict[str, Any] | list[dict[str, Any]]

    @classmethod
    def of(cls, call: Call, dialect: Dialect) -> "DriverCall":
        """Convert a call for a dialect."""
        compiled, parameters = call.statement.compiled(dialect), call.parameters
        if isinstance(parameters, Mapping):
            return cls(compiled, compiled.arguments(parameters))
        return cls(compiled, [compiled.arguments(values) for values in parameters])


def insertion(table: Any) -> Insert:
    """Return a statement that inserts one row, has a parameter for each column and returns the primary key.

    It inserts what a SELECT returns, so that it can have a condition.
    """
    columns: Table = table.__table__
    values = [bindparam(column.key, type_=column.type) for column in columns.c]
    return (
        insert(columns)
        .from_select([column.key for column in columns.c], select(*values))
        .returning(*columns.primary_key)
    )


def _where(core: Any, condition: ColumnElement[bool]) -> Any:
    if isinstance(core, Insert):
        values: Any = core.select
        return core.from_select(values.selected_columns.keys(), values.where(condition))
    return core.where(condition)


def _compile(core: Any, dialect: Dialect) -> Compiled:
    compiled: Any = core.compile(dialect=dialect)
    bound = {name: compiled.binds[name].type for name in compiled.params}
    columns = {column.key: column.type for column in getattr(core, "exported_columns", ())}
    converted = {name: kind.dialect_impl(dialect).bind_processor(dialect) for name, kind in bound.items()}
    results = {
        name: kind.dialect_impl(dialect).result_processor(dialect, None) for name, kind in columns.items()
    }
    return Compiled(
        str(compiled),
        {name: value for name, value in compiled.params.items() if value is not None},
        [(name, convert) for name, convert in converted.items() if convert],
        list(columns),
        [(name, convert) for name, convert in results.items() if convert],
    )
