"""The decorator that makes a task of a coroutine: flags in, console around it, exit code out."""

import inspect
from collections.abc import Callable, Coroutine, Mapping
from inspect import Parameter, Signature
from typing import TYPE_CHECKING, Any, NamedTuple

from invoke.exceptions import Exit
from invoke.parser.context import translate_underscores
from invoke.tasks import Task

from automation.tasks.flags import Debug, Flag, Json, Number

if TYPE_CHECKING:
    from automation.console.events import Emit
    from automation.settings import Settings


class Run(NamedTuple):
    """What every work function takes first: the settings of this moment, and where its events go."""

    settings: "Settings"
    emit: "Emit"


class ConsoleTask(Task[Any]):
    """A task whose body is a coroutine function; its flags are the parameters after `run`.

    Adds --json and --debug. Nothing of the library is imported before the task is called.
    """

    def __init__(self, body: Callable[..., Coroutine[Any, Any, int | None]]) -> None:
        given = list(inspect.signature(body).parameters.values())[1:]
        common = [
            Parameter(name, Parameter.KEYWORD_ONLY, default=False, annotation=annotation)
            for name, annotation in (("json", Json), ("debug", Debug))
        ]
        self.parameters = {parameter.name: parameter for parameter in (*given, *common)}
        self.flags: Mapping[str, Flag] = {
            name: parameter.annotation.__metadata__[0] for name, parameter in self.parameters.items()
        }
        super().__init__(
            body,
            # A short flag made from the names would change its meaning when a flag is added.
            auto_shortflags=False,
            help={name: self._help(name) for name in self.flags},
            iterable=[name for name, flag in self.flags.items() if flag.many],
            optional=[name for name, flag in self.flags.items() if flag.optional],
        )

    def argspec(self, _body: Callable[..., Any]) -> Signature:
        """Return the flags as Invoke parses them: switches, lists and text."""
        return Signature(
            [
                parameter.replace(kind=Parameter.KEYWORD_ONLY, default=self._unset(parameter))
                for parameter in self.parameters.values()
            ]
        )

    def __call__(self, *_: Any, json: bool = False, debug: bool = False, **flags: Any) -> None:
        from automation.console.runner import run

        async def work(settings: "Settings", emit: "Emit") -> int | None:
            values = {name: self._value(name, value) for name, value in flags.items()}
            code: int | None = await self.body(Run(settings, emit), **values)
            return code

        code = run(work, json_lines=json, debug=debug)
        if code:
            raise Exit(code=code)

    def _unset(self, parameter: Parameter) -> Any:
        """Return what Invoke gives for a flag that is not on the command line."""
        if self.flags[parameter.name].many:
            return None
        return parameter.default if isinstance(parameter.default, bool | type) else ""

    def _value(self, name: str, value: Any) -> Any:
        """Return what the body takes for what Invoke gave. Raises UsageError."""
        from automation.console.values import whole_number

        flag = self.flags[name]
        if isinstance(flag, Number):
            option = f"--{translate_underscores(name)}"
            default = self.parameters[name].default
            return whole_number(value, option, flag.unit, flag.lowest, flag.highest) if value else default
        return tuple(value) if flag.many else value

    def _help(self, name: str) -> str:
        flag = self.flags[name]
        if not isinstance(flag, Number):
            return flag.help
        return f"{flag.help.removesuffix('.')} (default: {self.parameters[name].default})."


task = ConsoleTask
"""The decorator."""
