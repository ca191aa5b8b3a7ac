"""Checks that no secret and no address ends up in files, build contexts or images."""

import re
from collections.abc import Iterator
from fnmatch import fnmatchcase

from automation.contract import formats
from automation.contract.contract import Contract
from automation.contract.environment import REGISTRY
from automation.docker.dockerfile import Dockerfile
from automation.verify.check import IMAGE, STATIC, Finding, check, no_problem
from automation.verify.facts import Config, Context, ImageLeaks, Leaks, Source, Template
from automation.verify.gather.composition import SETTINGS
from automation.verify.gather.content import Content
from automation.verify.gather.leaks import SECRET_NAME

_SECRET_FILES = {
    "settings with secrets": re.compile(r"(?:^|/)\.env(?!\.example$)(?:\.[^/]*)?$"),
    "keys": re.compile(
        r"(?:^|/)(?:\.pypirc|\.netrc|pip\.conf|id_(?:rsa|dsa|ecdsa|ed25519)|[^/]+\.(?:pem|key|p12|pfx))$"
    ),
}
_UNWANTED = {
    **_SECRET_FILES,
    "git history": re.compile(r"(?:^|/)\.git(?:/|$)"),
    "build output": re.compile(r"(?:^|/)(?:node_modules|\.venv|venv|\.next|\.run|\.data|__pycache__)/"),
    "tests": re.compile(
        r"(?:^|/)(?:tests?|__tests__)/|(?:^|/)(?:test_[^/]+\.py|[^/]+\.(?:test|spec)\.[cm]?[jt]sx?)$"
    ),
}
_TEMPLATE = {*SETTINGS, REGISTRY} - {"TRUSTED_ORIGINS", "LOG_LEVEL", "LOG_FORMAT"}
"""The settings of .env.example. Every new .env is a copy of it, so it must not set any of them."""
_EXPOSED = "replace the secret, it is exposed; then RUN --mount=type=secret, or set it at run time"
_DOCUMENTS = re.compile(r"https?://([a-z]|www\.w3\.org|react\.dev|nextjs\.org|github\.com)")
"""Addresses in the scripts of React and Next.js: of namespaces, of documents, and to parse others with."""
_ADDRESS = re.compile(r"NEXT_PUBLIC_\w+|\w*_URL|\w*_HOST")


@check(STATIC, remedy="set it when the container starts, or RUN --mount=type=secret in a build")
def no_secret_arguments(source: Source) -> Finding:
    """No ARG or ENV is named like a secret: both stay in the image's config and history."""
    found = [place for place, name, _ in _variables(source.dockerfile) if SECRET_NAME.search(name)]
    found += [
        f"ARG {name}"
        for name in source.dockerfile.arguments
        if SECRET_NAME.search(name) and not any(place.startswith(f"ARG {name} ") for place in found)
    ]
    return no_problem(found)


@check(STATIC, remedy="RUN --mount=type=secret for what a build needs, environment variables for the rest")
def no_secret_instructions(source: Source, leaks: Leaks) -> Finding:
    """No instruction contains a secret or copies a file of secrets."""
    return no_problem([*leaks.dockerfile, *_copied_secrets(source.dockerfile)])


@check(STATIC, remedy="exclude them in {name}/.dockerignore and {name}/Dockerfile.dev.dockerignore")
def context(context: Context, leaks: Leaks) -> Finding:
    """The build context has no settings, keys, history, tests or installed packages."""
    found = [
        f"{file} ({what})" for file in context.files for what, form in _UNWANTED.items() if form.search(file)
    ]
    return no_problem([*found, *leaks.context], passing=f"none among {len(context.files)} files", most=3)


@check(STATIC, remedy="include them in {name}/.dockerignore, or add what no build needs to deploy/rules.toml")
def complete_context(contract: Contract, context: Context) -> Finding:
    """The build context has every file under version control that the rules do not leave out."""
    patterns = contract.rules.not_built.get(contract.name, ())
    names = ((file, file.removeprefix(f"{contract.name}/")) for file in context.left_out)
    needed = [file for file, name in names if not any(fnmatchcase(name, pattern) for pattern in patterns)]
    return no_problem([f"no {file}" for file in needed], most=3)


@check(STATIC, remedy="read it from the environment when the container starts")
def no_baked_addresses(source: Source) -> Finding:
    """No ARG or ENV of the Dockerfile sets an address."""
    return no_problem(
        place
        for place, name, value in _variables(source.dockerfile)
        if _ADDRESS.fullmatch(name) and (value or place.startswith("ARG"))
    )


@check(STATIC, per_service=False, remedy="a line .env in .gitignore, and NAME= in .env.example")
def settings_template(contract: Contract, template: Template, leaks: Leaks) -> Finding:
    """git ignores .env, and .env.example lists the settings for users, all empty except VERSION."""
    environment = contract.profile.backend.environment
    wanted = {*environment.required, environment.model_key, *_TEMPLATE}
    values = template.values
    version = values.get("VERSION", "")
    return no_problem(
        [
            "" if template.ignored else ".env is not ignored",
            *(f"no {name}" for name in sorted(wanted - values.keys())),
            *(f"unknown: {name}" for name in values if name not in wanted),
            *(f"{name} has a value" for name, value in values.items() if value and name != "VERSION"),
            formats.version(version) and f"VERSION is {version or 'empty'}",
            *leaks.template,
        ],
        required=f".env ignored; {', '.join(wanted)} in .env.example, without values",
    )


@check(STATIC, per_service=False, remedy="refuse to start without it")
def no_default_secrets(leaks: Leaks) -> Finding:
    """Code, Compose files and the chart have no default value for a secret."""
    return no_problem(leaks.defaults, most=3)


@check(IMAGE, remedy="remove it from the image's ENV, and set it when the container starts")
def open_environment(contract: Contract, config: Config) -> Finding:
    """The image sets no secret and no address: those come when a container starts."""
    environment = contract.service.environment
    settable = {*environment.accepted, *contract.profile.backend.environment.required} - {*environment.fixed}
    return no_problem(
        sorted(
            name
            for name, value in config.environment.items()
            if value and (SECRET_NAME.search(name) or (name in settable and name.endswith(("_URL", "_KEY"))))
        )
    )


@check(IMAGE, only="frontend", remedy="call /api of the page's own origin; its server knows the address")
def browser_addresses(content: Content) -> Finding:
    """No file that browsers get contains the address of a service: each environment has its own."""
    return no_problem(
        (
            f"{address} in {path}"
            for address, path in content.addresses.items()
            if not _DOCUMENTS.fullmatch(address)
        ),
        passing="none",
    )


@check(IMAGE, remedy=_EXPOSED)
def no_secret_in_layers(leaks: ImageLeaks) -> Finding:
    """No layer contains a secret, not even one that a later layer deletes."""
    return no_problem(leaks.layers, most=3)


@check(IMAGE, remedy=_EXPOSED)
def no_secret_in_config(leaks: ImageLeaks) -> Finding:
    """The image's variables, labels, commands and health check contain no secret."""
    return no_problem(leaks.config, most=3)


@check(IMAGE, remedy=_EXPOSED)
def no_secret_in_history(leaks: ImageLeaks) -> Finding:
    """The commands and arguments in the image's history contain no secret."""
    return no_problem(leaks.history, most=3)


def _variables(dockerfile: Dockerfile) -> Iterator[tuple[str, str, str]]:
    """Yield the place, name and value of every ARG and ENV."""
    for stage in dockerfile.stages:
        for instruction in stage.all("ARG", "ENV"):
            for name, value in instruction.pairs.items():
                yield f"{instruction.keyword} {name} in line {instruction.line}", name, value


def _copied_secrets(dockerfile: Dockerfile) -> Iterator[str]:
    for stage in dockerfile.stages:
        for copy in stage.all("COPY", "ADD"):
            for path in copy.words[:-1] if not copy.flag("from") else ():
                if any(form.search(path) for form in _SECRET_FILES.values()):
                    yield f"{path} copied in line {copy.line}"
