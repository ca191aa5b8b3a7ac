"""Reading of a Dockerfile what a plan needs: its stages, what they are made from, and its arguments."""

import re
from dataclasses import dataclass, replace
from pathlib import Path

from automation.console import errors
from automation.console.errors import AutomationError
from automation.docker.dockerfile import instructions

_VARIABLE = re.compile(r"\$\{?(\w+)")


@dataclass(frozen=True)
class Stage:
    """One stage."""

    name: str
    """Empty for one without a name."""
    base: str
    """What stands after FROM: a stage, an image, or an argument that names one."""
    others: tuple[str, ...]
    """What else it takes files from."""


@dataclass(frozen=True)
class Dockerfile:
    """What a Dockerfile declares."""

    text: str
    stages: tuple[Stage, ...]
    arguments: dict[str, str]
    """Its arguments and their first defaults; empty without one."""

    @property
    def names(self) -> tuple[str, ...]:
        """The names of its stages."""
        return tuple(stage.name for stage in self.stages if stage.name)

    def images(self, target: str) -> tuple[str, ...]:
        """Return the arguments that name the images which this stage, or else the last, is made from."""
        by_name = {stage.name: stage for stage in self.stages}
        wanted = [by_name[target] if target else self.stages[-1]] if self.stages else []
        seen: dict[str, None] = {}
        met = set(wanted)
        while wanted:
            stage = wanted.pop()
            for used in (stage.base, *stage.others):
                if used in by_name and by_name[used] not in met:
                    met.add(by_name[used])
                    wanted.append(by_name[used])
                seen |= dict.fromkeys(_VARIABLE.findall(used))
        return tuple(name for name in self.arguments if name in seen and name.endswith("_IMAGE"))


def read(file: Path, shown: str) -> Dockerfile:
    """Read the Dockerfile. Raises AutomationError, which calls it as `shown`."""
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise AutomationError(
            f"{shown} cannot be read", why=errors.reason(error), remedies=[f"git checkout -- {shown}"]
        ) from error
    stages: list[Stage] = []
    arguments: dict[str, str] = {}
    for each in instructions(text):
        if each.keyword == "ARG":
            for name, _, value in (word.partition("=") for word in each.words):
                arguments.setdefault(name, value)
        elif each.keyword == "FROM" and each.words:
            stages.append(Stage("".join(each.words[2:3]), each.words[0], ()))
        elif stages and each.sources:
            stages[-1] = replace(stages[-1], others=(*stages[-1].others, *each.sources))
    return Dockerfile(text, tuple(stages), arguments)
