"""Changes how Invoke lists the tasks, explains one and reports an unknown word.

Invoke's own program is already running when it loads `tasks.py`, and it has no setting for any of this:
`adopt` gives that one program the class below, which overrides the methods that Invoke documents.
"""

import inspect
import re
import shlex
import sys
from itertools import groupby
from typing import TYPE_CHECKING, Any

from invoke.exceptions import Exit, ParseError
from invoke.main import program
from invoke.program import Program
from invoke.tasks import Task

if TYPE_CHECKING:
    from automation.console.errors import UsageError

_UNKNOWN = re.compile(r"No idea what '(.*)' is!")
_VALUE_MISSING = re.compile(r"Flag <Argument: ([^ >]+).*> needed value")
_ARGUMENT_MISSING = re.compile(r"'(.*)' did not receive required positional arguments: '(.*)'")

_CHECKS = "test"
"""The word that makes `./dev` run the checks; Invoke has no such task."""


class ProjectProgram(Program):
    """Invoke's program, with tasks by theme and mistakes explained."""

    def parse_tasks(self) -> None:
        try:
            super().parse_tasks()
        except ParseError as error:
            self._explain(error)

    def parse_cleanup(self) -> None:
        try:
            super().parse_cleanup()
        except ParseError as error:
            self._explain(error)

    def no_tasks_given(self) -> None:
        self.list_tasks()
        raise Exit

    def list_tasks(self) -> None:
        if self.list_format not in {"flat", "nested", "json"}:
            raise ParseError(f"--list-format {self.list_format!r} is not flat, nested or json")
        super().list_tasks()

    def list_flat(self) -> None:
        """Print a line for each task, by theme."""
        tasks = self.collection.tasks
        width = max(map(len, tasks))
        for theme, members in groupby(tasks.items(), key=lambda member: _theme(member[1])):
            lines = [f"  {name:<{width}}  {_summary(task)}" for name, task in members]
            sys.stdout.write("\n".join(["", theme, *lines, ""]))
        command = _command()
        if _has_checks(command):
            sys.stdout.write(
                f"\nRun the checks\n  {_CHECKS:<{width}}  List them with {command} test --list\n"
            )
        sys.stdout.write(f"\nThe flags of a task:   {command} TASK --help\n")

    def print_task_help(self, name: str) -> None:
        """Print what the task does and a line or more for each flag, in the order of the signature."""
        task = self.collection[name]
        context = self.parser.contexts[name]
        words = " ".join(argument.name.upper() for argument in context.positional_args)
        sys.stdout.write(f"Usage: {_command()} {name} {words}{' ' if words else ''}[--flags]\n\n")
        sys.stdout.write(f"{inspect.getdoc(task)}\n\n")
        rows = [context.help_for(flag) for flag in context.flags]
        for index, flag in enumerate(task.flags.values()):
            spec, text = rows[index]
            spec = f"{spec}=STRING" if flag.many else spec
            rows[index] = spec.replace("STRING", flag.value), text
        self.print_columns(rows)

    def _explain(self, error: ParseError) -> None:
        """Show what is wrong on the command line, why, and what to type. Raises Exit with code 2."""
        from automation.console.runner import run

        async def refuse(*_: object) -> None:
            raise self._mistake(error)

        raise Exit(code=run(refuse, json_lines="--json" in self.argv, debug=False))

    def _mistake(self, error: ParseError) -> "UsageError":
        from automation.console.errors import UsageError, nearest

        task = error.context.name if error.context and error.context.name else ""
        explained = f"invoke --help {task}" if task else "invoke --list"
        if missing := _VALUE_MISSING.match(str(error)):
            return UsageError(f"--{missing[1]} requires a value", remedies=[explained])
        if missing := _ARGUMENT_MISSING.match(str(error)):
            return UsageError(f"{task} requires {missing[2].upper()}", remedies=[explained])
        unknown = _UNKNOWN.match(str(error))
        if not unknown:
            return UsageError(str(error), remedies=[explained])
        word = unknown[1]
        is_flag, context = word.startswith("-"), error.context or self.initial_context
        names = [*self.collection.tasks, *([_CHECKS] if _has_checks(_command()) else [])]
        near = nearest(word, [*context.flags, *context.inverse_flags] if is_flag else names)
        if not near and f"--{word}" in context.flags:
            near = f"--{word}"
        what = f"there is no task {word!r}"
        if is_flag:
            what = f"{task or 'invoke'} has no flag {word}"
        elif task:
            what = f"{task} takes no {word!r}"
        if not near:
            return UsageError(what, remedies=[explained])
        # A word after --help is not among the words of tasks.
        given = self.core.unparsed or ["--help", word]
        corrected = [near + part[len(word) :] if part.partition("=")[0] == word else part for part in given]
        remedies = dict.fromkeys([f"invoke {shlex.join(corrected)}", explained])
        return UsageError(what, why=f"did you mean {near}?", remedies=list(remedies))


def adopt() -> None:
    """Give the running program of Invoke the class above."""
    program.__class__ = ProjectProgram


def _command() -> str:
    """Return the command that was typed: `invoke` or `./dev`."""
    from automation import settings

    return settings.load().command


def _has_checks(command: str) -> bool:
    return command != "invoke"


def _theme(task: Task[Any]) -> str:
    """Return the first line of the docstring of the task's module."""
    return str(sys.modules[task.__module__].__doc__).splitlines()[0].rstrip(".")


def _summary(task: Task[Any]) -> str:
    return str(task.__doc__).splitlines()[0].rstrip(".")
