"""Plans builds from a contract and flags, without calling Docker."""

import asyncio
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from automation.console.errors import AutomationError, UsageError, unknown
from automation.contract import environment, formats, profiles
from automation.contract.models import SERVICES, Frontend, Profile, Rules
from automation.contract.profiles import load_rules
from automation.docker import context, dockerfile
from automation.images import revision
from automation.images.revision import Revision
from automation.settings import BUILD_SECRETS, Settings

VERSION_TAG = "vX.Y.Z"  # stands for the version among a contract's tags

_IMAGES = ("PYTHON_IMAGE", "NODE_IMAGE", "NGINX_IMAGE")
_CONTENT_LENGTH = 12
_PLATFORM = re.compile(
    r"linux/(386|amd64(/v[1-4])?|arm(/v?[5-7])?|arm64(/v?[89](\.\d)?)?|loong64|mips64(le)?|ppc64le|riscv64|s390x)",
    re.ASCII,
)


@dataclass(frozen=True)
class Options:
    development: bool = False
    """Build `Dockerfile.dev`, with the tag of development images."""
    tags: tuple[str, ...] = ()
    """Tags in addition to those of the contract."""
    version: str = ""
    platform: str = ""
    """Platforms as Docker writes them; defaults to the machine's own."""
    bases: tuple[str, ...] = ()
    """Replacements of base images: `reference=reference` or `service=reference`."""
    explicit: bool = False
    """Whether a person builds this profile: only then names that profiles share move, such as `latest`."""


@dataclass(frozen=True)
class Plan:
    """One image: what it is made from, and its names."""

    profile: str
    service: str
    image: str
    """The repository, without a registry."""
    dockerfile: str
    """Relative to the project's root; the context is the folder of the service."""
    target: str
    """The stage to build; empty for the last."""
    arguments: Mapping[str, str]
    platform: str
    content: str
    """The beginning of the hash of everything here and of every file that the build sees."""
    revision: Revision
    version: str
    own_tag: str
    """The tag of this profile, which no other one has."""
    tags: tuple[str, ...]
    """The contract's tags, which profiles may share, and those of a flag."""
    bases: Mapping[str, str]
    secrets: Mapping[str, Path] = field(default_factory=dict)
    explicit: bool = False

    @property
    def reference(self) -> str:
        """The name that changes with the content."""
        return f"{self.image}:{self.content}"

    @property
    def references(self) -> tuple[str, ...]:
        """Every name that the image may have."""
        return (self.reference, *(f"{self.image}:{tag}" for tag in (self.own_tag, *self.tags)))

    @property
    def names(self) -> tuple[str, ...]:
        """The names that this build sets."""
        return self.references if self.explicit else self.references[:2]

    @property
    def labels(self) -> Mapping[str, str]:
        """The labels of the image, as OCI defines them."""
        named = {
            "version": self.version,
            "created": self.revision.created,
            "revision": self.revision.name,
            "source": self.revision.source,
        }
        return {f"org.opencontainers.image.{name}": value for name, value in named.items() if value}


def replaced(plans: Sequence[Plan]) -> list[str]:
    """Return a line for each base image that is replaced by another."""
    pairs = dict.fromkeys(pair for plan in plans for pair in plan.bases.items())
    return [f"base       {old} is replaced by {new}" for old, new in pairs]


def choose(service: str) -> tuple[str, ...]:
    """Return the services that a flag names; without one, all. Raises UsageError."""
    if service and service not in SERVICES:
        raise unknown("service", service, SERVICES)
    return (service,) if service else SERVICES


async def plan_all(
    settings: Settings, profiles: Sequence[Profile], services: Sequence[str], options: Options
) -> tuple[Plan, ...]:
    """Return a plan for each service of each profile.

    A name that several plans would get goes to the default profile's, or else to the first. Raises UsageError
    for invalid options, and AutomationError.
    """
    rules = load_rules(settings.root)
    _check(options, settings, services)
    made = await asyncio.gather(
        *(_plan(settings, profile, service, rules, options) for profile in profiles for service in services)
    )
    known = {base for _, bases in made for base in bases}
    for base in (wish.partition("=")[0] for wish in options.bases):
        if base not in known and base not in services:
            raise UsageError(
                f"--base {base}=…: nothing is built from {base}",
                why=f"the base images are {', '.join(sorted(known))}",
            )
    return _unique_names([plan for plan, _ in made])


def read_version(settings: Settings, profile: Profile, given: str = "") -> str:
    """Return the version to build: as given, or as the settings or pyproject.toml say.

    Raises AutomationError if it is not semantic.
    """
    if given:
        if problem := formats.version(given):
            raise UsageError(f"--version {given!r} {problem}")
        return given
    values = environment.read(settings, profile)
    values.require_valid(settings.env_file_name, "VERSION")
    project = revision.project(settings.root)
    return values.values.get("VERSION", "") or f"v{project.get('version', '0.0.0')}"


def image_arguments(profile: Profile, service: str, version: str) -> dict[str, str]:
    """Return the build arguments that follow from the contract, whether or not a Dockerfile declares them."""
    contract = profile.service(service)
    arguments = {
        "USER_NAME": contract.user.name,
        "GROUP_NAME": contract.user.group,
        "UID": str(contract.user.uid),
        "GID": str(contract.user.gid),
        "PORT": str(contract.port),
        "HEALTH_PATH": contract.health.path,
        "WRITABLE": " ".join(contract.writable),
        "VERSION": version,
    }
    if isinstance(contract, Frontend):
        arguments |= {"NODE_IMAGE": contract.build_base, "OUTPUT": contract.output}
        arguments["NGINX_IMAGE" if contract.output == "static" else "NODE_IMAGE"] = contract.base
    else:
        arguments |= {"PYTHON_IMAGE": contract.base, "PACKAGES": contract.packages}
    return arguments


async def _plan(
    settings: Settings, profile: Profile, service: str, rules: Rules, options: Options
) -> tuple[Plan, set[str]]:
    """Return the plan, and the base images that it has without replacements."""
    contract = profile.service(service)
    path = f"{service}/Dockerfile{'.dev' if options.development else ''}"
    read = dockerfile.load(settings.root, path)
    # A development image without such a stage is the same for every profile.
    target = profile.name if profile.name in read.names else ""
    if not target and not options.development:
        raise AutomationError(
            f"{path} has no stage for the profile {profile.name}",
            why=f"its stages are {', '.join(read.names)}" if read.names else "its stages have no names",
            remedies=[f"add   FROM … AS {profile.name}   to {path}"],
        )
    version = read_version(settings, profile, options.version)
    wanted = image_arguments(profile, service, version)
    # Images that the contract does not name, such as the one with the build's tools, have the default.
    references = " ".join(name for stage in read.needed(target) for name in stage.references)
    used = set(re.findall(r"\$\{?(\w+_IMAGE)\b", references))
    images = {
        name: wanted.get(name, default or "") for name, default in read.arguments.items() if name in used
    }
    replaced = {}
    for replacement in (*settings.bases, *options.bases):
        old, _, new = replacement.partition("=")
        old = contract.base if old == service else old
        if old in images.values() and new != old:
            replaced[old] = new
    arguments = {
        **{name: value for name, value in wanted.items() if name in read.arguments and name not in _IMAGES},
        **{name: replaced.get(value, value) for name, value in images.items()},
        **contract.environment.build_arguments,
    }
    files = context.load(settings.root, path)
    paths = sorted(files.files())
    inputs = _hash(read.text, files.fingerprint(paths), target, sorted(arguments.items()), options.platform)
    commit = await revision.find(settings, (*files.allowed, path), [*paths, path], inputs)
    versioned = (formats.version_tag(version) if tag == VERSION_TAG else tag for tag in contract.tags)
    image, own_tag, tags = contract.image, profile.name, tuple(versioned)
    if options.development:
        # The overlay of Compose for development cannot know the profile.
        image = profiles.load(root=settings.root).service(service).image
        own_tag, tags = f"{profile.name}-{rules.development_tag}", (rules.development_tag,)
    plan = Plan(
        profile=profile.name,
        service=service,
        image=image,
        dockerfile=path,
        target=target,
        arguments=arguments,
        platform=options.platform,
        # Labels are a part of the image, and a name always means the same image.
        content=_hash(inputs, version, commit.name, commit.source),
        revision=commit,
        version=version,
        own_tag=own_tag,
        tags=tuple(dict.fromkeys((*tags, *options.tags))),
        explicit=options.explicit,
        bases=replaced,
        secrets=settings.build_secrets,
    )
    return plan, set(images.values())


def _hash(*parts: object) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:_CONTENT_LENGTH]


def _check(options: Options, settings: Settings, services: Sequence[str]) -> None:
    for tag in options.tags:
        if problem := formats.tag(tag):
            raise UsageError(f"--tag {tag!r} {problem}")
    for platform in options.platform.split(",") if options.platform else ():
        if not _PLATFORM.fullmatch(platform):
            raise UsageError(
                f"--platform {platform!r} is not a platform",
                why="the images are built for Linux, on a processor that Docker supports",
                remedies=["--platform linux/arm64", "--platform linux/amd64,linux/arm64"],
            )
    for origin, replacements in (("--base", options.bases), ("TODO_BASES:", settings.bases)):
        for replacement in replacements:
            old, _, new = replacement.partition("=")
            if not old or formats.image(new):
                raise UsageError(
                    f"{origin} {replacement!r} does not name a base image and its replacement",
                    why="write it as in node:24-alpine=node:24-slim, or frontend=node:24-slim",
                )
            if old in SERVICES and old not in services and origin == "--base":
                what = f"--base {replacement}: the {old} is not built here"
                raise UsageError(what, remedies=[f"--service {old}"])
    for name, file in settings.build_secrets.items():
        if not file.exists():
            raise AutomationError(
                f"{BUILD_SECRETS[name]} names {file}, which does not exist",
                why="it is the file of an optional build secret",
                remedies=[f"unset {BUILD_SECRETS[name]}"],
            )


def _unique_names(plans: Sequence[Plan]) -> tuple[Plan, ...]:
    """Leave each name to one plan."""
    owners: dict[str, Plan] = {}
    for plan in sorted(plans, key=lambda plan: plan.profile != profiles.DEFAULT_PROFILE):
        for reference in plan.references:
            owners.setdefault(reference, plan)
    return tuple(
        replace(plan, tags=tuple(tag for tag in plan.tags if owners[f"{plan.image}:{tag}"] is plan))
        for plan in plans
    )
