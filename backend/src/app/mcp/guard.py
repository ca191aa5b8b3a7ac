"""The tools as a model may use them: it changes one task a reply, and anything more needs a yes.

A model may obey instructions in a task's title or in its own training, so this does not depend on the prompt.
"""

from collections.abc import Sequence

from sqlalchemy.exc import SQLAlchemyError

from app.agents.confirmation import held_outcome
from app.agents.protocol import (
    Effect,
    JsonObject,
    ToolDescription,
    ToolOutcome,
    ToolPart,
    Tools,
    ToolsUnavailableError,
)
from app.database import Database
from app.tasks import service
from app.tasks.service import TaskNotFoundError

_TITLE_CHARACTERS = 60


class GuardedTools:
    """Tools that hold deletions, and all changes but those of one task.

    Args:
        tools: the tools of the same user.
        database: stores the tasks.
        user_id: the owner of the tasks.
        begun: the calls of this reply from before an interruption.
    """

    def __init__(self, tools: Tools, database: Database, user_id: str, begun: Sequence[ToolPart]) -> None:
        self._tools = tools
        self._database = database
        self._user_id = user_id
        self._changed = {
            call.output["task"]["id"]
            for call in begun
            if call.output is not None and "task" in call.output and call.name != "add_task"
        }
        self._effects: dict[str, Effect] = {}

    async def describe(self) -> Sequence[ToolDescription]:
        """Return every tool."""
        described = await self._tools.describe()
        self._effects = {tool.name: tool.effect for tool in described}
        return described

    async def call(self, name: str, arguments: JsonObject, call_id: str | None = None) -> ToolOutcome:
        """Call one tool, or hold the call.

        Raises:
            ToolsUnavailableError: when the tools are unavailable.
        """
        if not self._effects:
            await self.describe()
        effect = self._effects.get(name)
        task_id = str(arguments.get("id", ""))
        if effect in ("changes", "removes"):
            what = await self._in_words(name, arguments, task_id)
            # Without a task, the tool refuses the call and tells the model why.
            if what is not None and (effect == "removes" or self._changed - {task_id}):
                return held_outcome(what)
        outcome = await self._tools.call(name, arguments, call_id)
        if effect == "changes" and outcome.error is None:
            self._changed.add(task_id)
        return outcome

    async def _in_words(self, name: str, arguments: JsonObject, task_id: str) -> str | None:
        if name == "undo":
            return "Undo the last change of your tasks"
        try:
            task = await service.get_task(self._database, self._user_id, task_id)
        except TaskNotFoundError:
            return None
        except (SQLAlchemyError, TimeoutError) as error:
            raise ToolsUnavailableError("The tasks cannot be reached at the moment.") from error
        title = f"‘{_short(task.title)}’"
        if name == "update_task":
            changes = [
                f"{field} to ‘{_short(str(value))}’" for field, value in arguments.items() if field != "id"
            ]
            return f"Change {title}: set {', '.join(changes)}"
        if name == "complete_task":
            return f"{'Reopen' if arguments.get('completed') is False else 'Complete'} {title}"
        return f"Delete {title}" if name == "delete_task" else f"Run {name} on {title}"


def _short(text: str) -> str:
    """Return a text of the model or of a task as one printable line that cannot pretend to be another."""
    line = " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
    return line if len(line) <= _TITLE_CHARACTERS else line[: _TITLE_CHARACTERS - 1] + "…"
