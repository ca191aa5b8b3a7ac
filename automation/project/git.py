"""Query git, which may be missing, in a project that may not be a checkout."""

from automation.console.errors import AutomationError
from automation.process import processes
from automation.settings import Settings

_TIMEOUT_SECONDS = 60.0


async def ask(settings: Settings, *arguments: str) -> str:
    """Return git's output, or nothing if git is missing or fails. Raises AutomationError on a timeout."""
    program = processes.find("git", settings.environ, settings.root)
    if program is None:
        return ""
    try:
        done = await program.complete("--no-optional-locks", *arguments, seconds=_TIMEOUT_SECONDS)
    except TimeoutError:
        raise AutomationError(
            f"git {arguments[0]} took more than {_TIMEOUT_SECONDS:.0f} s", remedies=["git status"]
        ) from None
    except OSError:
        return ""
    return "" if done.code else done.output
