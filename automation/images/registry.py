"""Pushes images to a registry, and reads back what the registry then has."""

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
from automation.docker import cli
from automation.docker.cli import Docker
from automation.images import build
from automation.images.plan import Plan
from automation.process import processes

LATEST = "latest"

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


@dataclass(frozen=True)
class _Remote:
    """What a registry has under a name."""

    digest: str
    config: str
    """The digest of the image's configuration: the same however its layers are compressed."""

    def is_one_of(self, digests: set[str]) -> bool:
        return not digests.isdisjoint({self.digest, self.config})


def check_registry(name: str) -> str:
    """Return the registry or user that a flag names. Raises UsageError when it is not one."""
    if problem := formats.registry(name):
        bare = re.sub(r"^\w+://", "", name).rstrip("/").lower()
        if "is not between" in formats.registry(bare):
            bare = re.sub(r":\d+(?=/|$)", ":5000", bare)
        raise UsageError(
            f"--registry {name!r} {problem}",
            remedies=[] if formats.registry(bare) else [f"--registry {bare}"],
        )
    return name


def check_committed(plans: Sequence[Plan]) -> None:
    """Raise AutomationError if an image is made from files that are not committed."""
    if dirty := [plan.service for plan in plans if plan.revision.dirty]:
        raise AutomationError(
            f"{plans[0].version} would be made from files that are not committed: {', '.join(dirty)}",
            why="nobody could build or read this version again",
            remedies=["git commit", "--force"],
        )


async def push_all(
    docker: Docker, plans: Sequence[Plan], registry: str, emit: Emit, *, force: bool = False
) -> tuple[Published, ...]:
    """Push each image under its version and as the latest, and compare what the registry then has.

    What the registry has already is not pushed again. Raises AutomationError, also if it has another image
    of this version, unless `force` is set.
    """
    pushes = (_push_both(docker, plan, registry, emit, force=force) for plan in plans)
    results = await asyncio.gather(*pushes, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return tuple(one for result in results if isinstance(result, tuple) for one in result)


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
        if version and not version.is_one_of(own) and not force:
            raise AutomationError(
                f"{names[0]} is in the registry already, and is another image",
                why=f"the registry has {version.digest[:19]}; a published version does not change",
                remedies=["--version with the next one", "--force"],
            )
        published = []
        for name, remote in zip(names, (version, latest), strict=True):
            if remote and remote.is_one_of(own):
                published.append(Published(name, remote.digest, pushed=False))
                continue
            await build.tag(docker, plan.reference, [name])
            digest = await _push(docker, name, running)
            now = await _remote(docker, name)
            if now is None or now.digest != digest:
                raise AutomationError(
                    f"the registry does not have what was pushed as {name}",
                    why=f"pushed {digest}, read back {now.digest if now else 'nothing'}",
                    remedies=["run the same command again", "check who else pushes there"],
                )
            published.append(Published(name, digest, pushed=True))
        pushed = any(one.pushed for one in published)
        running.detail = f"{names[0]} {'pushed and verified' if pushed else 'is in the registry already'}"
        return tuple(published)


async def _own(docker: Docker, plan: Plan) -> set[str]:
    """Return every digest that identifies the local image, in either of Docker's image stores."""
    image = (await docker.images(plan.reference)).get(plan.reference)
    if image is None:
        raise AutomationError(f"there is no image {plan.reference}", remedies=["invoke build"])
    descriptor: Mapping[str, Any] = image.get("Descriptor") or {}
    config = (descriptor.get("annotations") or {}).get("config.digest", "")
    digests = (name.partition("@")[2] for name in image.get("RepoDigests") or [])
    return {digest for digest in (str(image["Id"]), config, *digests) if digest}


async def _remote(docker: Docker, reference: str) -> _Remote | None:
    """Return what the registry has under the name, or None. Raises AutomationError."""
    done = await docker.complete("buildx", "imagetools", "inspect", "--raw", reference)
    raw = done.output.encode()
    if done.code and "server gave HTTP response to HTTPS client" in done.errors:
        # A registry without TLS that Docker's own settings allow; buildx does not know them.
        done = await docker.complete("manifest", "inspect", "--insecure", "--verbose", reference)
        raw = b"" if done.code else base64.b64decode(json.loads(done.output)["Raw"])
    if done.code == 0:
        digest = f"sha256:{hashlib.sha256(raw).hexdigest()}"
        return _Remote(digest, json.loads(raw).get("config", {}).get("digest", ""))
    if re.search(r"not found|manifest unknown|no such manifest|name unknown", done.errors, re.IGNORECASE):
        return None
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
