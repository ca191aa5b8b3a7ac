"""The application's next version, built from a modified copy of the sources."""

import asyncio
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import httpx2

from automation import settings
from automation.contract import profiles
from automation.contract.models import SERVICES
from automation.docker import context
from automation.docker.cli import Docker
from automation.images import build
from automation.images.plan import Options, Plan, plan_all
from automation.kubernetes import load
from automation.kubernetes.load import KindLoader, Loaded, Loader, MinikubeLoader
from automation.kubernetes.target import PROFILE, Target, kubernetes
from automation.settings import Settings

VERSION = "v999.0.0"
CHANGES: Mapping[str, tuple[str, str]] = {
    "backend/src/app/main.py": ('title="To-do chatbot"', 'title="To-do chatbot, renewed"'),
    "frontend/app/sign-in/page.tsx": ('title: "Sign in"', 'title: "Sign in anew"'),
    # A script that browsers load, so its name changes too.
    "frontend/features/accounts/components/account-form.tsx": ('submit: "Sign in"', 'submit: "Sign in anew"'),
}
"""The replacements that create the next version, by file."""
PROJECT = ("deploy/profiles", "deploy/rules.toml", "pyproject.toml")
"""The files that plan a build, in addition to its context."""


@dataclass(frozen=True)
class Answering:
    """The versions that the public address serves."""

    api: str
    """The name and version of the API."""
    page: str
    """The title of a page."""

    @classmethod
    def at(cls, address: str) -> "Answering":
        """Query both servers over new connections."""
        with httpx2.Client(base_url=address, trust_env=False) as client:
            about = client.get("/api/openapi.json").json()["info"]
            title = re.search(r"<title>([^<]*)</title>", client.get("/sign-in").text)
        assert title, "a page has a title"
        return cls(f"{about['title']} {about['version']}", title[1])


NEXT = Answering(f"To-do chatbot, renewed {VERSION.removeprefix('v')}", "Sign in anew · To-do")


@contextmanager
def next_version(current: Settings, folder: Path, target: Target) -> Iterator[Mapping[str, Loaded]]:
    """Add the next version's images to the cluster; remove them from it and from Docker at the end."""
    changed = settings.load(current.environ, copy(current.root, folder))
    profile = profiles.load(PROFILE, changed.root)
    # The tags of the latest build stay with the current version.
    plans = [
        replace(plan, own_tag=plan.content, tags=())
        for plan in asyncio.run(plan_all(changed, [profile], SERVICES, Options(version=VERSION)))
    ]
    docker = Docker.find(changed)
    loader = load.loader_of(target, changed, docker)
    try:
        yield asyncio.run(bring(plans, docker, loader, kubernetes(profile).image_load_max_s))
    finally:
        asyncio.run(take_away([plan.reference for plan in plans], docker, loader))


async def bring(
    plans: Sequence[Plan], docker: Docker, loader: Loader, limit_seconds: int
) -> Mapping[str, Loaded]:
    """Build the images and load them into the nodes."""
    await build.converge(docker, plans, print)
    return {
        plan.service: await load.converge(
            loader, plan.service, plan.reference, print, limit_seconds=limit_seconds
        )
        for plan in plans
    }


async def take_away(references: Sequence[str], docker: Docker, loader: Loader) -> None:
    """Remove images from the nodes and from Docker. No pod may use them."""
    for reference in references:
        if isinstance(loader, MinikubeLoader):
            await loader.program.complete("--profile", loader.profile, "image", "rm", reference, seconds=60)
        if isinstance(loader, KindLoader):
            nodes = await loader.program.complete("get", "nodes", "--name", loader.cluster, seconds=60)
            for node in nodes.output.split():
                await docker.complete("exec", node, "crictl", "rmi", f"docker.io/library/{reference}")
        await docker.complete("image", "rm", reference)
        assert not await loader.has(reference), f"the nodes still have {reference}"
    assert not await docker.images(*references)


def copy(root: Path, folder: Path) -> Path:
    """Copy the build's sources with the next version's changes."""
    for service in SERVICES:
        dockerfile = f"{service}/Dockerfile"
        seen = context.load(root, dockerfile).files()
        for name in (*seen, dockerfile, f"{service}/.dockerignore"):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(root / name, folder / name)
    for name in PROJECT:
        put = shutil.copytree if (root / name).is_dir() else shutil.copy2
        put(root / name, folder / name)
    for file, (before, after) in CHANGES.items():
        text = (folder / file).read_text(encoding="utf-8")
        assert before in text, f"{file} has no {before} any more"
        (folder / file).write_text(text.replace(before, after), encoding="utf-8")
    return folder
