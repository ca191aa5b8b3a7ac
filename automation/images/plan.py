"""From a contract and flags to a plan: everything about one image before Docker is asked for anything."""

import asyncio
import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from automation.console.errors import AutomationError, UsageError
from automation.console.values import unknown
from automation.contract import environment, formats, profiles
from automation.contract.models import SERVICES, Frontend, Profile, Rules
from automation.contract.profiles import load_rules
from automation.docker import context, dockerfile
from automation.docker.dockerfile import Dockerfile
from automation.images import revision
from automation.images.revision import Revision
from automation.settings import BUILD_SECRETS, Settings

VERSION_TAG = "vX.Y.Z"
"""What stands for the version among a contract's tags."""

_IMAGES = ("PYTHON_IMAGE", "NODE_IMAGE", "NGINX_IMAGE")
_CONTENT_LENGTH = 12
_PLATFORM = re.compile(
    r"linux/(386|amd64(/v[1-4])?|arm(/v?[5-7])?|arm64(/v?[89](\.\d)?)?|loong64|mips64(le)?|ppc64le|riscv64|s390x)",
    re.ASCII,
)
"""What Docker builds Linux for; which of them a base image is made for, its registry knows."""


@dataclass(frozen=True)
class Options:
    """What a person chose for a build."""

    development: bool = False
    """Build `Dockerfile.dev`, tagged as development images are."""
    tags: tuple[str, ...] = ()
    """Tags beside those of the contract."""
    version: str = ""
    """The version; that of the settings without one."""
    platform: str = ""
    """Platforms as Docker writes them; the machine's own without any."""
    bases: tuple[str, ...] = ()
    """Base images to use instead of others: `reference=reference` or `service=reference`."""


@dataclass(frozen=True)
class Plan:
    """One image: what it is made from, and what it is called."""

    profile: str
    service: str
    image: str
    """The repository, without a registry."""
    dockerfile: str
    """Relative to the project's root, which is the context."""
    target: str
    """The stage to build; empty for the last."""
    arguments: Mapping[str, str]
    platform: str
    content: str
    """The beginning of the hash of everything here and of every file that the build sees."""
    revision: Revision
    version: str
    tags: tuple[str, ...]
    """The tags beside the one of the content."""
    bases: Mapping[str, str]
    """The base images that are replaced, and what replaces them."""
    secrets: Mapping[str, Path] = field(default_factory=dict)

    @property
    def reference(self) -> str:
        """The name that changes with the content."""
        return f"{self.image}:{self.content}"

    @property
    def references(self) -> tuple[str, ...]:
        """Every name that the image gets."""
        return (self.reference, *(f"{self.image}:{tag}" for tag in self.tags))

    @property
    def labels(self) -> Mapping[str, str]:
        """The labels that say what the image is."""
        named = {
            "version": self.version,
            "created": self.revision.created,
            "revision": self.revision.name,
            "source": self.revision.source,
        }
        return {f"org.opencontainers.image.{name}": value for name, value in named.items() if value}


def choose(service: str) -> tuple[str, ...]:
    """Return the services that a flag names: both without one. Raises UsageError."""
    if service and service not in SERVICES:
        raise unknown("service", service, SERVICES)
    return (service,) if service else SERVICES


async def plan_all(
    settings: Settings, profiles: Sequence[Profile], services: Sequence[str], options: Options
) -> tuple[Plan, ...]:
    """Return a plan for each service of each profile.

    A name that several of them would get goes to the default profile's, or else to the first. Raises
    UsageError for options that mean nothing here, and AutomationError.
    """
    rules = load_rules(settings.root)
    _check(options, settings, services)
    made = await asyncio.gather(
        *(_plan(settings, profile, service, rules, options) for profile in profiles for service in services)
    )
    plans = tuple(each for each, _ in made)
    asked = [base.partition("=")[0] for base in options.bases]
    known = {base for _, bases in made for base in bases}
    for base in asked:
        if base not in known and base not in services:
            raise UsageError(
                f"--base {base}=…: nothing is built from {base}",
                why=f"the base images are {', '.join(sorted(known))}",
            )
    return _without_contests(plans)


def read_version(settings: Settings, profile: Profile, given: str = "") -> str:
    """Return the version to build: as given, or as the settings or pyproject.toml say.

    Raises:
        UsageError: the given version is not semantic.
        EnvironmentInvalidError: the version of the settings is not semantic.
    """
    if given:
        if problem := formats.version(given):
            raise UsageError(f"--version {given!r} {problem}")
        return given
    values = environment.read(settings, profile)
    values.require_valid(settings.env_file_name, "VERSION")
    return values.values.get("VERSION", "") or f"v{_project_version(settings.root)}"


def image_arguments(profile: Profile, service: str, version: str) -> dict[str, str]:
    """Return the build arguments that follow from the contract, whether or not a Dockerfile declares them."""
    each = profile.service(service)
    arguments = {
        "USER_NAME": each.user.name,
        "GROUP_NAME": each.user.group,
        "UID": str(each.user.uid),
        "GID": str(each.user.gid),
        "PORT": str(each.port),
        "HEALTH_PATH": each.health.path,
        "WRITABLE": " ".join(each.writable),
        "VERSION": version,
    }
    if isinstance(each, Frontend):
        arguments |= {"NODE_IMAGE": each.build_base, "OUTPUT": each.output}
        arguments["NGINX_IMAGE" if each.output == "static" else "NODE_IMAGE"] = each.base
    else:
        arguments |= {"PYTHON_IMAGE": each.base, "PACKAGES": each.packages}
    return arguments


async def _plan(
    settings: Settings, profile: Profile, service: str, rules: Rules, options: Options
) -> tuple[Plan, set[str]]:
    """Return the plan, and the base images that it would have without replacing any."""
    each = profile.service(service)
    shown = f"{service}/Dockerfile{'.dev' if options.development else ''}"
    read = dockerfile.load(settings.root, shown)
    target = _target(read, profile.name, shown, options)
    version = read_version(settings, profile, options.version)
    wanted = image_arguments(profile, service, version)
    # Images that the contract does not speak of, such as the one with the build's tools, have the default.
    images = {name: wanted.get(name) or read.arguments[name] or "" for name in _base_arguments(read, target)}
    replaced = dict(_replacements(images, service, each.base, (*settings.bases, *options.bases)))
    arguments = {
        **{name: value for name, value in wanted.items() if name in read.arguments and name not in _IMAGES},
        **{name: replaced.get(value, value) for name, value in images.items()},
        **each.environment.build_arguments,
    }
    seen = context.load(settings.root, shown)
    paths = sorted(seen.files())
    inputs = _hash(read.text, seen.fingerprint(paths), target, sorted(arguments.items()), options.platform)
    found = await revision.find(settings, (*seen.allowed, shown), [*paths, shown], inputs)
    tags = rules.development_tag if options.development else ""
    of_contract = (
        (tags,)
        if tags
        else tuple(formats.version_tag(version) if tag == VERSION_TAG else tag for tag in each.tags)
    )
    made = Plan(
        profile=profile.name,
        service=service,
        image=each.image,
        dockerfile=shown,
        target=target,
        arguments=arguments,
        platform=options.platform,
        # The labels are a part of the image, and under one name there is never another.
        content=_hash(inputs, version, found.name, found.source),
        revision=found,
        version=version,
        tags=tuple(dict.fromkeys((*of_contract, *options.tags))),
        bases=replaced,
        secrets=settings.build_secrets,
    )
    return made, set(images.values())


def _target(read: Dockerfile, name: str, shown: str, options: Options) -> str:
    if name in read.names:
        return name
    if options.development:
        return ""  # alike for every profile
    raise AutomationError(
        f"{shown} has no stage for the profile {name}",
        why=f"its stages are {', '.join(read.names)}" if read.names else "its stages have no names",
        remedies=[f"add   FROM … AS {name}   to {shown}"],
    )


def _base_arguments(read: Dockerfile, target: str) -> Iterator[str]:
    """Yield the arguments that name the images which the target is made from."""
    references = " ".join(name for stage in read.needed(target) for name in stage.references)
    used = set(re.findall(r"\$\{?(\w+)", references))
    yield from (name for name in read.arguments if name in used and name.endswith("_IMAGE"))


def _hash(*parts: object) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:_CONTENT_LENGTH]


def _replacements(
    images: Mapping[str, str], service: str, runtime: str, given: Sequence[str]
) -> Iterator[tuple[str, str]]:
    """Yield each base image that is replaced, and by what; of several wishes the last counts."""
    for wish in given:
        old, _, new = wish.partition("=")
        old = runtime if old == service else old
        if old in images.values() and new != old:
            yield old, new


def _check(options: Options, settings: Settings, services: Sequence[str]) -> None:
    for tag in options.tags:
        if problem := formats.tag(tag):
            raise UsageError(f"--tag {tag!r} {problem}")
    for platform in options.platform.split(",") if options.platform else ():
        if not _PLATFORM.fullmatch(platform):
            raise UsageError(
                f"--platform {platform!r} is not a platform",
                why="the images are made for Linux, on a processor that Docker knows",
                remedies=["--platform linux/arm64", "--platform linux/amd64,linux/arm64"],
            )
    for origin, wishes in (("--base", options.bases), ("TODO_BASES:", settings.bases)):
        for wish in wishes:
            old, equals, new = wish.partition("=")
            if not (equals and old) or formats.image(new):
                raise UsageError(
                    f"{origin} {wish!r} does not name a base image and another",
                    why="write it as in node:24-alpine=node:24-slim, or frontend=node:24-slim",
                )
            if old in SERVICES and old not in services and origin == "--base":
                raise UsageError(f"--base {wish}: the {old} is not built here", remedies=[f"--service {old}"])
    for name, file in settings.build_secrets.items():
        if not file.exists():
            raise AutomationError(
                f"{BUILD_SECRETS[name]} names {file}, which is not there",
                why="it is the file of an optional build secret",
                remedies=[f"unset {BUILD_SECRETS[name]}"],
            )


def _without_contests(plans: Sequence[Plan]) -> tuple[Plan, ...]:
    holders: dict[str, Plan] = {}
    for each in sorted(plans, key=lambda each: each.profile != profiles.DEFAULT_PROFILE):
        for reference in each.references:
            holders.setdefault(reference, each)
    return tuple(
        replace(each, tags=tuple(tag for tag in each.tags if holders[f"{each.image}:{tag}"] is each))
        for each in plans
    )


def _project_version(root: Path) -> str:
    import tomllib

    try:
        document = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
        return str(document["project"]["version"])
    except (OSError, ValueError, KeyError):
        return "0.0.0"
