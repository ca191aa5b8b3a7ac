"""What an operator does with a running application, by the backend's own modules and with any engine."""

from automation.console.errors import AutomationError, UsageError
from automation.console.events import Emit, Notice, Result
from automation.engines import lifecycle
from automation.process import logs
from automation.settings import Settings

_MODULE_SECONDS = 60.0


async def reset_password(settings: Settings, emit: Emit, *, email: str) -> None:
    """Print a link, valid once and for an hour, that sets a new password."""
    if not email:
        raise UsageError("no account is named", remedies=["invoke reset-password --email ada@example.com"])
    engine = await lifecycle.latest(settings)
    python, address = await engine.backend_python(), engine.address()
    words = (email, *(("--address", address) if address else ()))
    done = await python.run("app.accounts.reset_link", *words, seconds=_MODULE_SECONDS)
    if done.code:
        why = [logs.clean(line) for line in done.errors.splitlines() if line.strip()]
        raise AutomationError(f"no link was created with the {engine.name} engine", details=why[-8:])
    link = done.output.strip()
    emit(
        Notice(
            (link, f"It sets a new password for {email}, once and within an hour. Give it to nobody else.")
        )
    )
    emit(Result({"email": email, "link": link}))
