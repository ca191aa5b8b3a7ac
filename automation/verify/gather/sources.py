"""Reads what the files of a checkout say; nothing is run."""

import io
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from automation.console.errors import AutomationError
from automation.contract import environment
from automation.contract.comparison import differences
from automation.contract.models import SERVICES, Profile
from automation.contract.profiles import DEFAULT_PROFILE
from automation.docker import context, dockerfile
from automation.docker.dockerfile import Dockerfile, Instruction
from automation.images.plan import Plan
from automation.process.files import read_text
from automation.project import git
from automation.settings import Settings
from automation.verify.facts import Building, Context, Leaks, Source, Template
from automation.verify.gather.leaks import SECRET_NAME, Scan

_DOCKERFILES = {service: f"{service}/Dockerfile" for service in SERVICES}
_CODE = {".py", ".yml", ".yaml", ".tpl", ".ts", ".tsx", ".mjs", ".js", ".jsx", ".cjs"}
_STEPS = {"RUN", "ADD", "SHELL"}
"""The instructions of the stages of an image whose effect its configuration does not show."""
_SHOWN = {"COPY", "WORKDIR", "ARG"}
"""The instructions of other stages whose effect its files show."""
_DEPLOYMENT = ("docker-compose*.yml", "deploy/compose/*", "deploy/helm/**/*")


def source(root: Path, plan: Plan) -> Source:
    """Return the Dockerfile of a plan."""
    written = dockerfile.load(root, plan.dockerfile)
    return Source(written.resolve(target=plan.target, arguments=plan.arguments), plan.bases)


def building(builds: Iterable[tuple[Plan, Dockerfile]]) -> Building:
    """Return what builds of a service's images, from these files, do that the images do not show."""
    steps: list[str] = []
    lines: list[str] = []
    images: list[str] = []
    deviations: list[str] = []
    for plan, written in builds:
        # As without --base: a replacement says nothing about the Dockerfile.
        originals = {replacement: base for base, replacement in plan.bases.items()}
        arguments = {name: originals.get(value, value) for name, value in plan.arguments.items()}
        made = written.resolve(target=plan.target, arguments=arguments)
        shown = made.lineage(made.target)
        lines += (_line(step) for stage in written.stages for step in stage.instructions)
        steps += [
            _line(step)
            for stage in made.stages
            for step in stage.instructions
            if (step.keyword in _STEPS if stage in shown else step.keyword not in _SHOWN)
        ]
        images += made.external
        deviations += [
            f"# {name}={value} in {plan.dockerfile}" for name, (_, value) in written.directives.items()
        ]
        if plan.profile == DEFAULT_PROFILE:
            deviations += map(str, differences(_arguments(made), _arguments(written.resolve())))
    return Building(tuple(steps), tuple(lines), tuple(dict.fromkeys(images)), tuple(deviations))


def _line(step: Instruction) -> str:
    flags = (f"--{name}={value}" for name, value in step.flags)
    return " ".join(" ".join((step.keyword, *flags, step.text)).split())


def _arguments(made: Dockerfile) -> dict[str, Any]:
    """Return what arguments change in each stage; the version is the checkout's."""
    return {
        stage.name: {
            "base": stage.base,
            **{name: value for name, value in stage.arguments.items() if name != "VERSION"},
        }
        for stage in made.stages
    }


async def tracked(settings: Settings) -> Sequence[str]:
    """Return the services' files under version control; none in a copy without its history."""
    return (await git.ask(settings, "ls-files", "-z", *SERVICES)).split("\0")[:-1]


def build_context(root: Path, file: str, tracked: Iterable[str] = ()) -> Context:
    """Return the files that a build with this Dockerfile sees, or one with its Dockerfile.dev.

    Args:
        tracked: The files under version control, to find those that the build does not see.
    """
    files = {*context.load(root, file).files()}
    folder = f"{PurePosixPath(file).parent}/"
    left_out = [path for path in tracked if path.startswith(folder) and path not in files]
    if (root / f"{file}.dev").is_file():
        files |= {*context.load(root, f"{file}.dev").files()}
    return Context(tuple(sorted(files)), tuple(left_out))


def known(settings: Settings, profile: Profile) -> Mapping[str, str]:
    """Return the secrets in the settings of this machine."""
    values = environment.read(settings, profile).values
    return {name: value for name, value in values.items() if SECRET_NAME.search(name)}


async def leaks(
    settings: Settings, profile: Profile, written: Mapping[str, str] | None = None
) -> Mapping[str, Leaks]:
    """Return the secrets in the files of each service, and under an empty name those of the whole project.

    Args:
        written: The texts of Dockerfiles by service, instead of the project's own. Only these services are
            searched then, and not the project.
    """
    root = settings.root
    texts = written or {service: read_text(root, file) for service, file in _DOCKERFILES.items()}
    with Scan(settings, known(settings, profile)) as scan:

        def add(owner: tuple[str, str], file: str, area: str, name: str = "") -> None:
            with (root / file).open("rb") as opened:
                scan.add(owner, file, opened, area=area, name=name)

        for service, text in texts.items():
            file = _DOCKERFILES[service]
            scan.add((service, "dockerfile"), file, io.BytesIO(text.encode()), area="context")
            for path in context.load(root, file).files():
                if (root / path).is_file():
                    add((service, "context"), path, "context")
        if written is None:
            add(("", "template"), environment.TEMPLATE, "context", name=".env")
            for path in _declaring(root):
                add(("", "defaults"), path, "declared")
        try:
            found = await scan.leaks()
        except AutomationError as error:
            failure = Leaks(failure=error.what, remedy=" or ".join(error.remedies))
            return dict.fromkeys(("", *texts), failure)

    def lines(service: str, part: str) -> tuple[str, ...]:
        leaks = sorted(found.get((service, part), ()), key=lambda leak: (leak.place, leak.line))
        return tuple(dict.fromkeys(f"{leak}:{leak.line}" for leak in leaks))

    services = {name: Leaks(lines(name, "dockerfile"), lines(name, "context")) for name in texts}
    return {**services, "": Leaks(template=lines("", "template"), defaults=lines("", "defaults"))}


async def template(settings: Settings) -> Template:
    """Return what the checkout says about settings."""
    root = settings.root
    if await git.ask(settings, "rev-parse", "--git-dir"):
        ignored = bool(await git.ask(settings, "check-ignore", "--no-index", ".env"))
    else:  # a copy without its history
        ignored = ".env" in read_text(root, ".gitignore").splitlines()
    pairs = re.findall(r"^([^#=\s][^=\n]*)=(.*)", read_text(root, environment.TEMPLATE), re.MULTILINE)
    return Template(ignored, dict(pairs))


def _declaring(root: Path) -> Sequence[str]:
    """Return the files that may have default values: code, Compose files and the chart."""
    files = {root / name for file in _DOCKERFILES.values() for name in context.load(root, file).files()}
    files |= {file for pattern in _DEPLOYMENT for file in root.glob(pattern)}
    return [file.relative_to(root).as_posix() for file in sorted(files) if file.suffix in _CODE]
