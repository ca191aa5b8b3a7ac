"""Publishes images in a registry and verifies their digests there (`push`)."""

import asyncio
import base64
import hashlib
import json
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from typing import Any

from automation.console import causes
from automation.console.errors import AutomationError, UsageError
from automation.console.events import Emit, Notice, Result, Step, step
from automation.contract import environment, formats, profiles
from automation.docker import cli
from automation.docker.cli import Docker
from automation.images import build, plan
from automation.images.plan import Options, Plan
from automation.process import processes
from automation.settings import Settings

_PUSHED = re.compile(r": digest: (sha256:[0-9a-f]{64}) size: ")
_LAYER = re.compile(r"^([0-9a-f]{12}): (.*)$")
_FINAL = ("Pushed", "Layer already exists", "Mounted from")
_LAST_LINES = 6


@dataclass(frozen=True)
class Published:
    """One name in a registry, and the digest that the registry has for it."""

    reference: str
    digest: str
    pushed: bool
    """Whether it was pushed now; otherwise the registry had it already."""


async def push(
    settings: Settings, emit: Emit, *, registry: str, version: str, profile: str, service: str,
    bases: Sequence[str], force: bool, dry_run: bool,
) -> None:  # fmt: skip
    """Build what is missing, push it as the version and as latest, and compare the digests.

    What the registry has already is not pushed again. Raises AutomationError, also if it has another image
    of this version, unless `force` is set.
    """
    chosen = profiles.load(profile, settings.root)
    place = registry and check_registry(registry)
    if not place:
        values = environment.read(settings, chosen)
        values.require_valid(settings.env_file_name, environment.REGISTRY)
        place = values.values.get(environment.REGISTRY, "")
    if not place:
        setting = f"{environment.REGISTRY}=HOST/USER in {settings.env_file_name}"
        raise UsageError("no registry is given", remedies=["--registry HOST/USER", setting])
    if not version:
        raise UsageError("no version is given", remedies=["--version v1.2.3"])
    options = Options(version=version, bases=tuple(bases))
    plans = await plan.plan_all(settings, [chosen], plan.choose(service), options)
    dirty = [planned.service for planned in plans if planned.revision.dirty]
    if dirty and not force:
        raise AutomationError(
            f"{version} would be built from uncommitted files: {', '.join(dirty)}",
            why="this version could not be reproduced later",
            remedies=["git commit", "--force"],
        )
    docker = Docker.find(settings)
    if dry_run:
        planned_names = [name for planned in plans for name in _names(planned, place)]
        emit(Notice(tuple(f"would be pushed: {name}" for name in planned_names)))
        emit(Result({"push": planned_names}))
        return
    for outcome in await build.converge(docker, plans, emit):
        build.record(settings, outcome)
    both = await build.all_of(
        _push_both(docker, planned, _names(planned, place), emit, force=force) for planned in plans
    )
    pushed = [image for images in both for image in images]
    emit(Notice(("", *(f"{image.reference}   {image.digest}" for image in pushed), "")))
    emit(Result({"images": [asdict(image) for image in pushed]}))


def check_registry(name: str) -> str:
    """Return the registry or user that a flag names. Raises UsageError when it is not one."""
    if problem := formats.registry(name):
        bare = re.sub(r"^\w+://", "", name).rstrip("/").lower()
        if "is not between" in formats.registry(bare):
            bare = re.sub(r":\d+(?=/|$)", ":5000", bare)
        remedies = [] if formats.registry(bare) else [f"--registry {bare}"]
        raise UsageError(f"--registry {name!r} {problem}", remedies=remedies)
    return name


def _names(planned: Plan, place: str) -> list[str]:
    return [f"{place}/{planned.image}:{tag}" for tag in (formats.version_tag(planned.version), "latest")]


async def _push_both(
    docker: Docker, planned: Plan, names: Sequence[str], emit: Emit, *, force: bool
) -> list[Published]:
    with step(emit, f"push {planned.service}") as running:
        running.progress("querying the registry")
        own = await _own(docker, planned)
        remotes = await asyncio.gather(*(_remote(docker, name) for name in names))
        if remotes[0] and own.isdisjoint(remotes[0]) and not force:
            raise AutomationError(
                f"{names[0]} is already in the registry, with another image",
                why=f"the registry has {remotes[0][0][:19]}; a published version does not change",
                remedies=["choose a new --version", "--force"],
            )
        published = []
        for name, remote in zip(names, remotes, strict=True):
            if not own.isdisjoint(remote):
                published.append(Published(name, remote[0], pushed=False))
                continue
            async with _tagged(docker, planned.reference, name):
                digest = await _push(docker, name, running)
                now = (*await _remote(docker, name), "nothing")[0]
                if now != digest:
                    raise AutomationError(
                        f"the registry does not return the image that was pushed as {name}",
                        why=f"pushed {digest}, read back {now}",
                        remedies=["run the same command again", "check who else pushes there"],
                    )
            published.append(Published(name, digest, pushed=True))
        pushed = any(image.pushed for image in published)
        running.detail = f"{names[0]} {'pushed and verified' if pushed else 'is already in the registry'}"
        return published


@asynccontextmanager
async def _tagged(docker: Docker, reference: str, name: str) -> AsyncIterator[None]:
    """Give the image a name, which after a failure means again what it meant before."""
    before = (await docker.images(name)).get(name)
    await build.tag(docker, reference, [name])
    try:
        yield
    except BaseException:
        undo = ("tag", str(before["Id"]), name) if before else ("rm", name)
        await asyncio.shield(docker.complete("image", *undo))
        raise


async def _own(docker: Docker, planned: Plan) -> set[str]:
    """Return every digest that identifies the local image, in either of Docker's image stores."""
    image = (await docker.images(planned.reference)).get(planned.reference)
    if image is None:
        raise AutomationError(f"there is no image {planned.reference}", remedies=["invoke build"])
    descriptor: Mapping[str, Any] = image.get("Descriptor") or {}
    config = (descriptor.get("annotations") or {}).get("config.digest", "")
    digests = (name.partition("@")[2] for name in image.get("RepoDigests") or [])
    return {digest for digest in (str(image["Id"]), config, *digests) if digest}


async def _remote(docker: Docker, reference: str) -> tuple[str, ...]:
    """Return the digest that the registry has under the name, and that of the image's configuration.

    The latter is the same however the layers are compressed. Returns nothing if there is no such name.
    """
    done = await docker.complete("buildx", "imagetools", "inspect", "--raw", reference)
    raw = done.output.encode()
    if done.code and "server gave HTTP response to HTTPS client" in done.errors:
        # A registry without TLS that Docker's own settings allow; buildx does not know them.
        done = await docker.complete("manifest", "inspect", "--insecure", "--verbose", reference)
        raw = b"" if done.code else base64.b64decode(json.loads(done.output)["Raw"])
    if done.code == 0:
        digest = f"sha256:{hashlib.sha256(raw).hexdigest()}"
        return digest, json.loads(raw).get("config", {}).get("digest", "")
    if re.search(r"not found|manifest unknown|no such manifest|name unknown", done.errors, re.IGNORECASE):
        return ()
    raise _explain(reference, done.errors, docker)


async def _push(docker: Docker, name: str, running: Step) -> str:
    """Push the name; return the digest that Docker reports."""
    layers: dict[str, str] = {}
    output: list[str] = []
    async with docker.running("push", name) as pushing:
        async for line in processes.lines(pushing):
            if layer := _LAYER.match(line):
                layers[layer[1]] = layer[2]
                done = sum(state.startswith(_FINAL) for state in layers.values())
                running.progress(f"{name}: layers", done, len(layers))
            else:
                output.append(line)
        code = await pushing.wait()
    digest = _PUSHED.search("\n".join(output))
    if code or not digest:
        raise _explain(name, "\n".join(output), docker)
    return digest[1]


def _explain(reference: str, output: str, docker: Docker) -> AutomationError:
    host = reference.partition("/")[0]
    own = "." in host or ":" in host or host == "localhost"
    login = f"docker login {host}" if own else "docker login"
    if cause := causes.find(causes.REGISTRY, output, login=login):
        return AutomationError(f"{reference} cannot be pushed", why=cause.why, remedies=cause.remedies)
    error = cli.explain(output, f"pushing {reference}", docker.environ)
    error.details = error.details[-_LAST_LINES:]
    return error
