"""Composes the prompt for Docker's AI agent: the structure, the dependencies and the required image.

Everything comes from committed files and the contract. The prompt has the names of files and the present
Dockerfile; it has no setting, no secret and no other content of a file.
"""

import re
import tomllib
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from automation.contract.models import Frontend, Profile, Rules
from automation.process import files
from automation.project import git
from automation.settings import Settings

MAX_CHARACTERS = 24_000
"""Windows accepts 32 767 on a command line."""

_FORM = (
    "Answer with the complete Dockerfile in one Markdown code block and with nothing else: no other code"
    " block, no tool, no question. Everything you need is below."
)
_DEPTH = 4
_DIRECTORIES = 60


async def compose(settings: Settings, profile: Profile, rules: Rules, service: str, present: str) -> str:
    """Return the prompt for the service's Dockerfile."""
    requirements = "\n".join(f"- {requirement}" for requirement in _requirements(profile, rules, service))
    dependencies = "\n".join(_dependencies(settings.root, service))
    structure = "\n".join(await _structure(settings, service))
    parts = [
        f"Write the production Dockerfile of this project's {service}. The repository's root is the context.",
        _FORM,
        f"Requirements for the image:\n{requirements}",
        f"Dependencies:\n{dependencies}",
        f"Folders, with their number of files:\n{structure}",
    ]
    if present:
        parts.append(f"The present Dockerfile:\n{present}")
    text = "\n\n".join(parts)
    return text if len(text) <= MAX_CHARACTERS else text[:MAX_CHARACTERS] + "\n…"


def _requirements(profile: Profile, rules: Rules, service: str) -> Iterator[str]:
    image = profile.service(service)
    builds = f", built in {image.build_base}" if isinstance(image, Frontend) else ""
    yield f"based on {image.base}{builds}, as the default of an ARG; no other image, no latest"
    yield f"several stages, at least {', '.join(image.stages)}; install the locks before you copy sources"
    yield f"the last stage is called {profile.name}; working directory {image.workdir}; port {image.port}"
    user = image.user
    yield f"runs as {user.name}:{user.group} ({user.uid}:{user.gid}) on a read-only root file system"
    yield f"command {' '.join(image.command)}, in exec form"
    health = image.health
    yield (
        f"HEALTHCHECK of {health.path} every {health.interval_s} s, timeout {health.timeout_s} s, "
        f"start period {health.start_period_s} s, {health.retries} retries, without curl or a shell"
    )
    yield f"at most {image.size_max_mb} MB unpacked"
    yield f"none of {', '.join(rules.forbidden_programs)} in the image"
    yield "no secret in ENV, ARG or a layer; nothing that differs between environments is built in"
    yield "no syntax line, no ADD from an address, no ssh mount, no pragma that switches off a linter"


def _dependencies(root: Path, service: str) -> Iterator[str]:
    if service == "frontend":
        manifest = files.read_json(root / "frontend" / "package.json") or {}
        for part in ("dependencies", "devDependencies"):
            packages = ", ".join(f"{name} {version}" for name, version in manifest.get(part, {}).items())
            yield f"- frontend/package.json, {part}: {packages}"
        return
    try:
        document = tomllib.loads((root / "backend" / "pyproject.toml").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return
    yield f"- backend/pyproject.toml: {', '.join(document.get('project', {}).get('dependencies', ()))}"
    yield "- backend/requirements.txt: their lock, with hashes"


async def _structure(settings: Settings, service: str) -> Sequence[str]:
    """Return the folders with their number of committed files, and the service's top files by name."""
    listed = await git.ask(settings, "ls-files", "-z", "--", service, "requirements", "deploy/images")
    if not listed:
        return []
    names = [name for name in listed.split("\0") if name]
    folders = Counter("/".join(name.split("/")[:-1][:_DEPTH]) for name in names)
    top = [name for name in names if name.count("/") == 1 and not re.search(r"(^|/)\.", name)]
    return [
        *(f"- {folder}/: {count}" for folder, count in sorted(folders.items())[:_DIRECTORIES]),
        f"- by name: {', '.join(top)}",
    ]
