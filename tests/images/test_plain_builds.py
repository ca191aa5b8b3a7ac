"""`docker build ./backend` and `docker build ./frontend` give what `invoke build` gives."""

import hashlib
import json
import re
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from automation import settings
from automation.contract import profiles
from automation.paths import ROOT
from tests.images.containers import build, docker

NAME = "todo-plain-build-test"
OF_THE_COMMIT = {"org.opencontainers.image.revision", "org.opencontainers.image.created"}
"""The labels that plain Docker cannot know: see docs/profiles.md."""
ADDED_BY_A_CONTAINER = re.compile(r"(\.dockerenv|dev|proc|sys|etc/(hosts|hostname|resolv\.conf|mtab))(/|$)")


@pytest.fixture
def plain_image(request: pytest.FixtureRequest) -> Iterator[str]:
    """Build the image of a service with plain Docker, and remove its name afterwards."""
    service = request.getfixturevalue("service")
    given = settings.load()
    options = [
        word for name, file in given.build_secrets.items() for word in ("--secret", f"id={name},src={file}")
    ]
    dockerfile = (ROOT / service / "Dockerfile").read_text(encoding="utf-8")
    for replacement in given.bases:
        old, _, new = replacement.partition("=")
        for argument in re.findall(rf"^ARG (\w+)={re.escape(old)}$", dockerfile, re.MULTILINE):
            options += ["--build-arg", f"{argument}={new}"]
    docker("build", "--tag", f"{NAME}-{service}", *options, f"./{service}", cwd=ROOT)
    yield f"{NAME}-{service}"
    docker("image", "rm", f"{NAME}-{service}")


@pytest.mark.parametrize("service", ["backend", "frontend"])
def test_a_plain_build_gives_the_image_of_the_tasks(service: str, plain_image: str) -> None:
    image = build("--profile", profiles.DEFAULT_PROFILE, "--service", service)["reference"]
    assert configuration(plain_image) == configuration(image)
    assert files(plain_image) == files(image)


def configuration(image: str) -> dict[str, Any]:
    """Return the configuration of an image, without the labels about the commit."""
    [inspected] = json.loads(docker("image", "inspect", image).stdout)
    config: dict[str, Any] = inspected["Config"]
    labels = {name: value for name, value in config["Labels"].items() if name not in OF_THE_COMMIT}
    return {**config, "Labels": labels, "Image": ""}


def files(image: str) -> dict[str, tuple[object, ...]]:
    """Return the kind, mode, owner and content of each file."""
    found: dict[str, tuple[object, ...]] = {}
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder, "files.tar")
        container = docker("create", image).stdout.strip()
        try:
            docker("export", "--output", str(archive), container)
        finally:
            docker("rm", container)
        with tarfile.open(archive) as members:
            for member in members:
                if ADDED_BY_A_CONTAINER.match(member.name):
                    continue
                content = members.extractfile(member) if member.isreg() else None
                digest = hashlib.sha256(content.read()).hexdigest() if content else member.linkname
                found[member.name] = (member.type, oct(member.mode), member.uid, member.gid, digest)
    return found
