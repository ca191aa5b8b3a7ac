"""Reading of a Dockerfile what a plan needs: its stages, and the arguments that it declares."""

import re
from dataclasses import dataclass
from pathlib import Path

from automation import files
from automation.errors import AutomationError

_STAGE = re.compile(r"FROM\s+(?:--\S+\s+)*(?P<base>\S+)(?:\s+AS\s+(?P<name>\S+))?", re.IGNORECASE)
_ARGUMENT = re.compile(r"""(?P<name>\w+)(?:=(?P<value>"[^"]*"|'[^']*'|\S*))?""")


@dataclass(frozen=True)
class Dockerfile:
    """What a Dockerfile declares."""

    text: str
    stages: tuple[str, ...]
    """The names of its stages."""
    arguments: dict[str, str]
    """Its arguments and their first defaults; empty without one."""


def read(file: Path, shown: str) -> Dockerfile:
    """Read the Dockerfile. Raises AutomationError, which calls it as `shown`."""
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise AutomationError(
            f"{shown} cannot be read", why=files.reason(error), remedies=[f"git checkout -- {shown}"]
        ) from error
    stages: list[str] = []
    arguments: dict[str, str] = {}
    # A comment may stand between the lines of one instruction.
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    for instruction in re.sub(r"\\[ \t]*\n", " ", "\n".join(lines)).splitlines():
        word, _, rest = instruction.strip().partition(" ")
        if word.upper() == "ARG":
            for declared in _ARGUMENT.finditer(rest):
                arguments.setdefault(declared["name"], (declared["value"] or "").strip("\"'"))
        elif (stage := _STAGE.match(instruction.strip())) and stage["name"]:
            stages.append(stage["name"])
    return Dockerfile(text, tuple(stages), arguments)
