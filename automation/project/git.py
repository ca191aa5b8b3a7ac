"""Asking git, which not everybody has, of a project that not everybody has cloned."""

from automation.console.errors import AutomationError
from automation.process import programs
from automation.settings import Settings

_PATIENCE_S = 60.0


async def ask(settings: Settings, *arguments: str) -> str:
    """Return what git prints in the project; nothing without git, outside a checkout, or where it fails.

    Raises AutomationError when it takes too long: what it would have said is not nothing.
    """
    program = programs.find("git", settings.environ, settings.root)
    if program is None:
        return ""
    try:
        done = await program.complete("--no-optional-locks", *arguments, seconds=_PATIENCE_S)
    except TimeoutError:
        raise AutomationError(
            f"git {arguments[0]} took more than {_PATIENCE_S:.0f} s", remedies=["git status"]
        ) from None
    except OSError:
        return ""
    return "" if done.code else done.output
