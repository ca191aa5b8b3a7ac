"""Builds a candidate apart from the project's own builds: in limited time, and without a trace.

The project's own ignore file limits the context, and steps that are not the project's own have separate
caches. So a candidate can neither see more than the project's build nor change the caches that it uses.
"""

import asyncio
import re
import shutil
import tempfile
import uuid
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from automation.console.errors import AutomationError
from automation.console.events import Step
from automation.docker.cli import Docker
from automation.images import build
from automation.images.progress import Progress
from automation.process import processes
from automation.review.candidate import Remark, visible

REPOSITORY = "todo-review"
"""The repository of trial images; each is removed at the end of its review."""

_BUILD = ("buildx", "build", "--progress=rawjson", "--provenance=false", "--sbom=false", "--load")
_MAX_OUTPUT_BYTES = 20 * 10**6
_LAST_LINES = 12
_LOCATION = re.compile(r"^Dockerfile:(\d+)$")


@dataclass(frozen=True)
class Ingredients:
    """The inputs of a trial in addition to the text."""

    service: str
    target: str
    """The stage to build; empty for the last."""
    arguments: Mapping[str, str]
    labels: Mapping[str, str]
    bases: Mapping[str, str]
    """Base images and their replacements."""
    secrets: Mapping[str, Path]


@contextmanager
def folder(text: str, ingredients: Ingredients, root: Path) -> Iterator[Sequence[str]]:
    """Write the text to a temporary file and yield the arguments that build it.

    Raises AutomationError if the project has no ignore file: the whole folder would be sent.
    """
    name = f"{ingredients.service}/Dockerfile.dockerignore"
    if not (root / name).is_file():
        raise AutomationError(
            f"{name} is missing",
            why="without it a build would see the whole project, with .env",
            remedies=[f"git checkout -- {name}"],
        )
    with tempfile.TemporaryDirectory(prefix="review-") as directory:
        file = Path(directory, "Dockerfile")
        file.write_text(text, encoding="utf-8")
        shutil.copyfile(root / name, f"{file}.dockerignore")
        yield tuple(_arguments(ingredients, file, root))


@asynccontextmanager
async def image(
    docker: Docker, arguments: Sequence[str], running: Step, seconds: float
) -> AsyncIterator[str | Remark]:
    """Build, and yield the name of the image, or a remark that explains why there is none.

    The image is removed at the end of the block. Raises DockerError if Docker itself fails.
    """
    reference = f"{REPOSITORY}:{uuid.uuid4().hex[:12]}"
    try:
        yield await _build(docker, (*_BUILD, "--tag", reference, *arguments), running, seconds) or reference
    finally:
        # By name: an image that is identical to one of the project's keeps that one's names.
        await asyncio.shield(docker.complete("image", "rm", "--force", reference))


async def _build(docker: Docker, command: Sequence[str], running: Step, seconds: float) -> Remark | None:
    progress, size = Progress(), 0
    try:
        async with asyncio.timeout(seconds), docker.running(*command) as process:
            async for line in processes.lines(process):
                size += len(line)
                if size > _MAX_OUTPUT_BYTES:
                    return Remark("build", "output", "writes without end", details=_tail(progress))
                progress.feed(line)
                running.progress(visible(progress.describe())[:200])
            if await process.wait() == 0:
                return None
        error = progress.failed.error if progress.failed else " ".join(progress.rest)[-400:]
        rule, message, remedy = "failed", visible(error or "the build failed"), "correct the line"
    except TimeoutError:
        rule, message = "time", f"does not finish within {seconds:.0f} s, the limit of a build"
        remedy = "shorten the step at which it stopped"
    locations = (_LOCATION.match(line.strip()) for line in progress.rest)
    number = next((int(location[1]) for location in locations if location), None)
    return Remark("build", rule, message, number, details=_tail(progress), remedy=remedy)


def _tail(progress: Progress) -> tuple[str, ...]:
    """Return the last lines of the step that failed, or else of the steps that were running."""
    steps = [progress.failed] if progress.failed else [step for step in progress.steps if step.running]
    lines = [line for step in steps for line in (step.text, *step.lines)]
    return tuple(visible(line)[:200] for line in lines[-_LAST_LINES:])


def _arguments(ingredients: Ingredients, file: Path, root: Path) -> Iterator[str]:
    yield from ("--file", str(file))
    if ingredients.target:
        yield from ("--target", ingredients.target)
    for name, value in ingredients.arguments.items():
        yield from ("--build-arg", f"{name}={value}")
    for name, value in ingredients.labels.items():
        yield from ("--label", f"{name}={value}")
    for base, replacement in ingredients.bases.items():
        yield from ("--build-context", f"{base}=docker-image://{replacement}")
    for name, secret in ingredients.secrets.items():
        yield from ("--secret", build.secret(name, secret))
    yield str(root)
