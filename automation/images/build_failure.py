"""The error for a failed build: the step's own last lines, with cause and remedy where they are known."""

import os
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from automation.console import causes
from automation.console.errors import AutomationError
from automation.docker import cli
from automation.images.plan import Plan
from automation.images.progress import Lint, Progress
from automation.settings import Settings

_LAST_LINES = 12
_INSTRUCTION_WIDTH = 60
_MOST_PATHS = 3
_GENERATED = {"node_modules", "__pycache__"}


class BaseImageError(AutomationError):
    """A base image cannot be used, so no image can be built."""


def explain(plan: Plan, progress: Progress, settings: Settings) -> AutomationError:
    """Return the error for a failed build from what the builder wrote."""
    step = progress.failed
    if step is None:
        output = "\n".join(progress.rest)
        if cause := causes.find(causes.BUILD, output):
            return AutomationError(cause.what, why=cause.why, remedies=cause.remedies)
        return cli.explain(output, f"building {plan.dockerfile}", settings.environ)
    if base := re.match(r"\[internal\] load metadata for (\S+)", step.name):
        return _base_failed(plan, base[1], step.error)
    written = [*step.lines, *([step.partial] if step.partial.strip() else [])]
    code = re.search(r"exit code: (\d+)", step.error)
    where = f"{plan.dockerfile}, {step.stage} {step.position}" if step.position else plan.dockerfile
    what = f"{where}: {_short(step.text)} {f'ended with exit code {code[1]}' if code else 'failed'}"
    details = written[-_LAST_LINES:] or [step.error.strip()]
    cause = causes.find(
        causes.BUILD_STEP,
        "\n".join((*written, step.error)),
        context=f"./{plan.service}",
        ignore=_ignore_file(plan, settings.root),
    )
    if cause is None:
        return AutomationError(what, why="its last lines:" if written else "", details=details)
    missing = cause.groups[0] if cause.kind == "missing file" else ""
    remedies = _instead_of(missing, plan, settings.root) if missing else cause.remedies
    return AutomationError(what, why=cause.why, details=details, remedies=remedies)


def wrong_platform(plan: Plan, lint: Lint) -> AutomationError:
    """Return the error for a base image that this machine has for another platform."""
    found = re.search(r"image (\S+) was pulled .*expected \"(\S+)\"", lint.text)
    base, platform = found.groups() if found else ("IMAGE", plan.platform)
    return AutomationError(
        f"{plan.dockerfile}: the local base image {base} is for another platform than {platform}",
        why=lint.text.partition(": ")[2],
        remedies=[f"docker pull --platform {platform} {base}", "leave out --platform"],
    )


def _base_failed(plan: Plan, base: str, error: str) -> AutomationError:
    name = base.removeprefix("docker.io/library/").removeprefix("docker.io/")
    cause = causes.find(causes.BASE_IMAGE, error)
    replace = (
        f"set TODO_BASES={name}=OTHER, then run the same command again"
        "   (docker image ls lists the images on this machine)"
    )
    return BaseImageError(
        f"{plan.dockerfile}: the base image {name} cannot be used",
        why=cause.why if cause else " ".join(error.split()),
        remedies=(*(cause.remedies if cause else ()), replace),
    )


def _instead_of(path: str, plan: Plan, root: Path) -> tuple[str, ...]:
    """Return what to write instead of a path that the build context does not have."""
    relative, context = path.lstrip("/"), root / plan.service
    if (context / relative).exists():
        return (f"add   !{relative}   to {_ignore_file(plan, root)}",)
    found = sorted(_named(PurePosixPath(relative).name, context))
    near = [
        path for path in found if f"/{path}".endswith(f"/{relative}") or f"/{relative}".endswith(f"/{path}")
    ]
    found = near or found
    return tuple(f"COPY {other}" for other in found[:_MOST_PATHS]) or (
        f"correct the path in {plan.dockerfile}",
    )


def _ignore_file(plan: Plan, root: Path) -> str:
    own = f"{plan.dockerfile}.dockerignore"
    return own if (root / own).is_file() else f"{plan.service}/.dockerignore"


def _named(name: str, context: Path) -> Iterator[str]:
    """Yield the paths of the context's files and folders of this name."""
    for folder, folders, files in os.walk(context):
        folders[:] = [child for child in folders if not child.startswith(".") and child not in _GENERATED]
        if name in files or name in folders:
            yield Path(folder, name).relative_to(context).as_posix()


def _short(instruction: str) -> str:
    wide = len(instruction) > _INSTRUCTION_WIDTH
    return f"{instruction[: _INSTRUCTION_WIDTH - 1]}…" if wide else instruction
