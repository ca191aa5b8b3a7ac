"""Building a candidate apart from the project's own builds: for a limited time, with nothing left behind.

The context is what the project's own ignore file lets through, and the caches of steps that are not the
project's own have a place of their own. So a candidate can neither see more than the project's build nor
leave something in the caches that it uses.
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
"""What trial images are called; none outlives its review."""

_LARGEST_OUTPUT = 20 * 10**6
_LAST_LINES = 12
_WHERE = re.compile(r"^Dockerfile:(\d+)$")


@dataclass(frozen=True)
class Ingredients:
    """Everything that goes into a trial beside the text."""

    service: str
    target: str
    """The stage to build; empty for the last."""
    arguments: Mapping[str, str]
    labels: Mapping[str, str]
    bases: Mapping[str, str]
    """Images that stand in for others."""
    secrets: Mapping[str, Path]


@contextmanager
def folder(text: str, ingredients: Ingredients, root: Path) -> Iterator[Sequence[str]]:
    """Yield the arguments of a build of the text, whose file is there for as long as the block lasts.

    Raises AutomationError when the project has no ignore file for it: the whole folder would be sent.
    """
    ignore = root / ingredients.service / "Dockerfile.dockerignore"
    if not ignore.is_file():
        raise AutomationError(
            f"{ingredients.service}/Dockerfile.dockerignore is missing",
            why="without it a build would see the whole project, with .env",
            remedies=[f"git checkout -- {ingredients.service}/Dockerfile.dockerignore"],
        )
    with tempfile.TemporaryDirectory(prefix="review-") as name:
        file = Path(name, "Dockerfile")
        file.write_text(text, encoding="utf-8")
        shutil.copyfile(ignore, f"{file}.dockerignore")
        yield tuple(_arguments(ingredients, file, root))


@asynccontextmanager
async def image(
    docker: Docker, arguments: Sequence[str], running: Step, seconds: float
) -> AsyncIterator[str | Remark]:
    """Build, and yield the name of the image, or the finding that says why there is none.

    The image is there for as long as the block lasts. Raises DockerError when Docker itself fails.
    """
    reference = f"{REPOSITORY}:{uuid.uuid4().hex[:12]}"
    try:
        failure = await _build(docker, reference, arguments, running, seconds)
        yield failure or reference
    finally:
        # By name: an image that is the same as one of the project's keeps that one's names.
        await asyncio.shield(docker.complete("image", "rm", "--force", reference))


async def _build(
    docker: Docker, reference: str, arguments: Sequence[str], running: Step, seconds: float
) -> Remark | None:
    command = ("buildx", "build", "--progress=rawjson", "--provenance=false", "--sbom=false", "--load")
    told, size = Progress(), 0
    try:
        async with (
            asyncio.timeout(seconds),
            docker.running(*command, "--tag", reference, *arguments) as process,
        ):
            async for line in processes.lines(process):
                size += len(line)
                if size > _LARGEST_OUTPUT:
                    return Remark("build", "output", "writes without end", details=_tail(told))
                told.feed(line)
                running.progress(visible(told.describe())[:200])
            if await process.wait() == 0:
                return None
    except TimeoutError:
        return Remark(
            "build",
            "time",
            f"does not finish within {seconds:.0f} s, which is the most that a build may take",
            _line(told),
            details=_tail(told),
            remedy="see which step it stays in",
        )
    error = told.failed.error if told.failed else " ".join(told.rest)[-400:] or "the build failed"
    return Remark("build", "failed", visible(error), _line(told), details=_tail(told), remedy="see the line")


def _tail(told: Progress) -> tuple[str, ...]:
    """Return the last lines of the step that failed, or else of the one that was being done."""
    steps = [told.failed] if told.failed else [each for each in told.steps if each.running]
    lines = [line for step in steps for line in (step.text, *step.lines)]
    return tuple(visible(line)[:200] for line in lines[-_LAST_LINES:])


def _line(told: Progress) -> int | None:
    """Return the line that the builder points at, which it does as in Dockerfile:12."""
    found = (_WHERE.match(line.strip()) for line in told.rest)
    return next((int(each[1]) for each in found if each), None)


def _arguments(ingredients: Ingredients, file: Path, root: Path) -> Iterator[str]:
    yield from ("--file", str(file))
    if ingredients.target:
        yield from ("--target", ingredients.target)
    for name, value in ingredients.arguments.items():
        yield from ("--build-arg", f"{name}={value}")
    for name, value in ingredients.labels.items():
        yield from ("--label", f"{name}={value}")
    for old, new in ingredients.bases.items():
        yield from ("--build-context", f"{old}=docker-image://{new}")
    for name, secret in ingredients.secrets.items():
        yield from ("--secret", build.secret(name, secret))
    yield str(root)
