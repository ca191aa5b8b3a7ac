"""Publishing images: pushing them, and reading back from the registry what it has under their names."""

import asyncio
import base64
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from automation.console import causes
from automation.console.errors import AutomationError, UsageError
from automation.console.events import Emit, Step, step
from automation.contract import formats
from automation.docker import cli as docker_errors
from automation.docker.cli import Docker
from automation.images.plan import Plan
from automation.process import processes

LATEST = "latest"

_PUSHED = re.compile(r": digest: (sha256:[0-9a-f]{64}) size: ")
_LAYER = re.compile(r"^([0-9a-f]{12}): (.*)$")
_FINAL = ("Pushed", "Layer already exists", "Mounted from")
_LAST_LINES = 6


@dataclass(frozen=True)
class Published:
    """One name in a registry, and the digest that the registry says it has."""

    reference: str
    digest: str
    pushed: bool
    """Whether it was pushed now; the registry had it already otherwise."""


@dataclass(frozen=True)
class _Remote:
    """What a registry has under a name."""

    digest: str
    config: str
    """The digest of the image's configuration: the same however its layers are compressed."""


def check_registry(name: str) -> str:
    """Return the registry or user that a flag names. Raises UsageError when it is not one."""
    if problem := formats.registry(name):
        bare = re.sub(r"^\w+://", "", name).rstrip("/").lower()
        raise UsageError(
            f"--registry {name!r} {problem}",
            remedies=[] if formats.registry(bare) else [f"--registry {bare}"],
        )
    return name


def check_committed(plans: Sequence[Plan]) -> None:
    """Raise AutomationError when an image is made from files that no commit has."""
    dirty = [plan.service for plan in plans if plan.revision.dirty]
    if dirty:
        raise AutomationError(
            f"{plans[0].version} would be made from files that are not committed: {', '.join(dirty)}",
            why="nobody could build or read this version again",
            remedies=["git commit", "--force"],
        )


async def push_all(
    docker: Docker, plans: Sequence[Plan], registry: str, emit: Emit, *, force: bool = False
) -> tuple[Published, ...]:
    """Push each image under its version and as the latest, and compare what the registry then has.

    What the registry has already is not pushed again. Raises AutomationError, also when it has another image
    of this version, unless forced.
    """
    pushes = (_push_both(docker, plan, registry, emit, force=force) for plan in plans)
    results = await asyncio.gather(*pushes, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return tuple(each for result in results if isinstance(result, tuple) for each in result)


async def _push_both(
    docker: Docker, plan: Plan, registry: str, emit: Emit, *, force: bool
) -> tuple[Published, ...]:
    repository = f"{registry}/{plan.image}"
    names = [f"{repository}:{formats.version_tag(plan.version)}", f"{repository}:{LATEST}"]
    with step(emit, f"push {plan.service}") as running:
        running.progress("asking the registry")
        own, version, latest = await asyncio.gather(
            _own(docker, plan), _remote(docker, names[0]), _remote(docker, names[1])
        )
        if version and not own & {version.digest, version.config} and not force:
            raise AutomationError(
                f"{names[0]} is in the registry already, and is another image",
                why=f"there {version.digest[:19]}; a version that people have does not change",
                remedies=["--version with the next one", "--force"],
            )
        published = []
        for name, there in zip(names, (version, latest), strict=True):
            if there and own & {there.digest, there.config}:
                published.append(Published(name, there.digest, pushed=False))
                continue
            await docker.run("image", "tag", plan.reference, name)
            digest = await _push(docker, name, running)
            there = await _remote(docker, name)
            if there is None or there.digest != digest:
                has = there.digest if there else "nothing"
                raise AutomationError(
                    f"the registry does not have what was pushed as {name}",
                    why=f"pushed {digest}, read back {has}",
                    remedies=["the same command again", "look who else pushes there"],
                )
            published.append(Published(name, digest, pushed=True))
        done = "pushed, read back and alike" if any(each.pushed for each in published) else "is there already"
        running.detail = f"{names[0]} {done}"
        return tuple(published)


async def _own(docker: Docker, plan: Plan) -> set[str]:
    """Return every digest that identifies the local image, in either of Docker's image stores."""
    image = (await docker.images(plan.reference)).get(plan.reference)
    if image is None:
        raise AutomationError(f"there is no image {plan.reference}", remedies=["invoke build"])
    descriptor: Mapping[str, Any] = image.get("Descriptor") or {}
    config = (descriptor.get("annotations") or {}).get("config.digest", "")
    digests = (name.partition("@")[2] for name in image.get("RepoDigests") or [])
    return {each for each in (str(image["Id"]), config, *digests) if each}


async def _remote(docker: Docker, reference: str) -> _Remote | None:
    """Return what the registry has under the name, nothing when it has nothing. Raises AutomationError."""
    done = await docker.complete("buildx", "imagetools", "inspect", "--raw", reference)
    if done.code and re.search("server gave HTTP response to HTTPS client", done.errors):
        # A registry without TLS that Docker's own settings allow, which buildx does not know of.
        done = await docker.complete("manifest", "inspect", "--insecure", "--verbose", reference)
        if done.code == 0:
            raw = base64.b64decode(json.loads(done.output)["Raw"])
            return _Remote(_digest(raw), json.loads(raw).get("config", {}).get("digest", ""))
    if done.code == 0:
        raw = done.output.encode()
        return _Remote(_digest(raw), json.loads(raw).get("config", {}).get("digest", ""))
    if re.search(r"not found|manifest unknown|no such manifest|name unknown", done.errors, re.IGNORECASE):
        return None
    raise _explain(reference, done.errors, docker)


def _digest(manifest: bytes) -> str:
    return f"sha256:{hashlib.sha256(manifest).hexdigest()}"


async def _push(docker: Docker, name: str, running: Step) -> str:
    """Push the name; return the digest that Docker says it has pushed."""
    layers: dict[str, str] = {}
    said: list[str] = []
    digest = ""
    async with docker.running("push", name) as pushing:
        async for line in processes.lines(pushing):
            if layer := _LAYER.match(line):
                layers[layer[1]] = layer[2]
                done = sum(1 for state in layers.values() if state.startswith(_FINAL))
                running.progress(f"{name}: layers", done, len(layers))
            else:
                said.append(line)
            if found := _PUSHED.search(line):
                digest = found[1]
        code = await pushing.wait()
    if code or not digest:
        raise _explain(name, "\n".join(said), docker)
    return digest


def _explain(reference: str, output: str, docker: Docker) -> AutomationError:
    host = _host(reference)
    login = "docker login" if host == "docker.io" else f"docker login {host}"
    if cause := causes.find(causes.REGISTRY, output, login=login):
        return AutomationError(f"{reference} cannot be pushed", why=cause.why, remedies=cause.remedies)
    error = docker_errors.explain(output, f"pushing {reference}", docker.environ)
    error.details = error.details[-_LAST_LINES:]
    return error


def _host(reference: str) -> str:
    first = reference.partition("/")[0]
    return first if "." in first or ":" in first or first == "localhost" else "docker.io"
