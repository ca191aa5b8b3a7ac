"""Reads what the files of a checkout say; nothing is run."""

import re
from pathlib import Path

from automation.contract import environment
from automation.contract.models import Profile
from automation.docker import context, dockerfile
from automation.images.plan import Plan
from automation.process.files import read_text
from automation.project import git
from automation.settings import Settings
from automation.verify.facts import Context, Source, Template
from automation.verify.gather import content, defaults
from automation.verify.gather.leaks import SECRET_NAME, Search

_DOCKERFILES = ("backend/Dockerfile", "frontend/Dockerfile")
_DEPLOYMENT = ("docker-compose*.yml", "deploy/compose/*", "deploy/helm/**/*")


def source(root: Path, plan: Plan) -> Source:
    """Return the Dockerfile of a plan."""
    written = dockerfile.load(root, plan.dockerfile)
    return Source(written.resolve(target=plan.target, arguments=plan.arguments), plan.bases)


def build_context(root: Path, file: str, search: Search) -> Context:
    """Return the files that a build with this Dockerfile sees, or one with its Dockerfile.dev."""
    files = {*context.load(root, file).files()}
    leaks: dict[str, None] = {}
    for name in filter(content.SETTINGS.search, sorted(files)):
        text = (root / name).read_bytes().decode("utf-8", "replace")
        leaks |= {f"{kind} in {name}": None for kind in search.in_text(text)}
    if (root / f"{file}.dev").is_file():
        files |= {*context.load(root, f"{file}.dev").files()}
    return Context(tuple(sorted(files)), tuple(leaks))


def search(settings: Settings, profile: Profile) -> Search:
    """Return the search for secrets, which knows those in the settings of this machine."""
    values = environment.read(settings, profile).values
    return Search({name: value for name, value in values.items() if SECRET_NAME.search(name)})


async def template(settings: Settings, search: Search) -> Template:
    """Return what the checkout says about settings, and where it has secrets."""
    root = settings.root
    text = read_text(root, environment.TEMPLATE)
    if await git.ask(settings, "rev-parse", "--git-dir"):
        ignored = bool(await git.ask(settings, "check-ignore", "--no-index", ".env"))
    else:  # a copy without its history
        ignored = ".env" in read_text(root, ".gitignore").splitlines()
    files = {root / name for file in _DOCKERFILES for name in context.load(root, file).files()}
    files |= {file for pattern in _DEPLOYMENT for file in root.glob(pattern)}
    names = [file.relative_to(root).as_posix() for file in sorted(files) if file.suffix in defaults.SUFFIXES]
    return Template(
        ignored=ignored,
        names=tuple(re.findall(r"^([A-Z][A-Z0-9_]*)=", text, re.MULTILINE)),
        leaks=tuple(f"{kind} in {environment.TEMPLATE}" for kind in dict.fromkeys(search.in_text(text))),
        defaults=tuple(
            f"{name}:{number}" for name in names for number in defaults.lines(name, read_text(root, name))
        ),
    )
