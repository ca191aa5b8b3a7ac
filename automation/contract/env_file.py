"""Create the settings file and validate it: what `env-init` and `env-check` do."""

from dataclasses import asdict

from automation.console.events import Emit, Notice, Result
from automation.contract import environment, profiles
from automation.settings import Settings


async def initialise(settings: Settings, emit: Emit, *, profile: str, dry_run: bool) -> None:
    """Create the settings file, or generate the secrets that an existing one lacks."""
    chosen = profiles.load(profile, settings.root)
    made = environment.initialise(settings, chosen, dry_run=dry_run)
    added = () if made or dry_run else environment.complete(settings, chosen)
    name = settings.env_file_name
    if made:
        done = "would be made" if dry_run else "made"
        text = f"{name} {done} from {environment.TEMPLATE}, with a generated {' and '.join(made)}."
    elif added:
        text = f"{name} exists; {' and '.join(added)} generated, the rest is left as it is."
    else:
        text = f"{name} exists and is left as it is."
    emit(Notice((text,)))
    emit(Result({"file": str(settings.env_file), "made": bool(made), "generated": made or added}))


async def check(settings: Settings, emit: Emit, *, profile: str) -> None:
    """Report every problem of the settings by name, at once. Raises AutomationError when one blocks."""
    chosen = profiles.load(profile, settings.root)
    values = environment.read(settings, chosen)
    notes = [str(problem) for problem in values.problems if not problem.blocking]
    if notes:
        emit(Notice(tuple(f"note: {note}" for note in notes)))
    result = Result({"profile": chosen.name, "problems": [asdict(problem) for problem in values.problems]})
    if values.blocking:
        emit(result)
    values.require_valid(settings.env_file_name)
    if values.from_shell:
        emit(Notice((f"From the shell, not from the file: {', '.join(values.from_shell)}.",)))
    emit(Notice((f"{settings.env_file_name} is valid for the {chosen.name} profile.",)))
    emit(result)
