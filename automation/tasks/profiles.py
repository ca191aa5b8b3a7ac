"""The task that shows what the profiles require."""

import shutil

from automation import paths
from automation.console.events import Emit, Notice, Result
from automation.console.runner import run
from automation.contract import comparison, profiles
from automation.settings import Settings

_NARROWEST = 120


def show(*, profile: str, schema: bool, json_lines: bool, debug: bool) -> int:
    """Show the profiles side by side, or write the schemas of their files."""

    async def work(current: Settings, emit: Emit) -> None:
        if schema:
            written = [paths.readable(file, current.root) for file in comparison.write_schemas(current.root)]
            emit(Notice((f"Written: {', '.join(written)}.",)))
            emit(Result({"written": written}))
            return
        names = (profiles.load(profile, current.root).name,) if profile else profiles.names(current.root)
        chosen = [profiles.load(name, current.root) for name in names]
        width = max(shutil.get_terminal_size((_NARROWEST, 24)).columns, _NARROWEST) - 4
        emit(Notice(comparison.as_table(comparison.compare(chosen), names, width)))
        rules = profiles.load_rules(current.root)
        found = {each.name: each.model_dump(mode="json") for each in chosen}
        emit(Result({"profiles": found, "rules": rules.model_dump(mode="json")}))

    return run(work, json_lines=json_lines, debug=debug)
