"""The decorator that makes a task of a coroutine function: flags in, console around it, exit code out."""

import inspect
from collections.abc import Callable, Coroutine
from inspect import Parameter, Signature
from typing import TYPE_CHECKING, Any, NamedTuple

from invoke.exceptions import Exit
from invoke.parser.context import translate_underscores
from invoke.tasks import Task

from automation.tasks.flags import Flag

if TYPE_CHECKING:
    from automation.console.events import Emit
    from automation.settings import Settings

_COMMON = {
    "json": Flag("Print events and the result as JSON lines."),
    "debug": Flag("Print the traceback of an error."),
}


class Run(NamedTuple):
    """The first arguments of every work function: the current settings, and the receiver of its events."""

    settings: "Settings"
    emit: "Emit"


class ConsoleTask(Task[Any]):
    """A task whose body is a coroutine function; its flags are the parameters after `run`.

    Adds --json and --debug. Nothing of the library is imported before the task is called.
    """

    def __init__(self, body: Callable[..., Coroutine[Any, Any, int | None]]) -> None:
        given = list(inspect.signature(body).parameters.values())[1:]
        self.flags: dict[str, Flag] = {flag.name: flag.annotation.__metadata__[0] for flag in given}
        self.flags |= _COMMON
        self.defaults = {flag.name: flag.default for flag in given} | dict.fromkeys(_COMMON, False)
        super().__init__(
            body,
            # A short flag made from the names would change its meaning when a flag is added.
            auto_shortflags=False,
            help={name: flag.text(self.defaults[name]) for name, flag in self.flags.items()},
            iterable=[name for name, flag in self.flags.items() if flag.many],
            optional=[name for name, flag in self.flags.items() if flag.optional],
        )

    def argspec(self, _body: Callable[..., Any]) -> Signature:
        """Return the flags as Invoke parses them: switches, lists, and text, which numbers are at first."""
        unset = {
            name: None if self.flags[name].many else default if isinstance(default, bool | type) else ""
            for name, default in self.defaults.items()
        }
        return Signature(
            [Parameter(name, Parameter.KEYWORD_ONLY, default=default) for name, default in unset.items()]
        )

    def __call__(self, *_: Any, json: bool = False, debug: bool = False, **given: Any) -> None:
        from automation.console.runner import run

        async def work(settings: "Settings", emit: "Emit") -> int | None:
            values = {
                name: self.flags[name].read(f"--{translate_underscores(name)}", value, self.defaults[name])
                for name, value in given.items()
            }
            code: int | None = await self.body(Run(settings, emit), **values)
            return code

        if code := run(work, json_lines=json, debug=debug):
            raise Exit(code=code)


task = ConsoleTask
"""The decorator."""
