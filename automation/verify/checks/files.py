"""Checks of the files that images are built from: nothing needs to be built, and no Docker be there."""

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import PurePosixPath

from automation.contract.contract import Contract
from automation.docker.dockerfile import Dockerfile, Instruction, Stage
from automation.verify.check import (
    STATIC,
    Finding,
    check,
    failed,
    judged,
    listed,
    not_applicable,
    passed,
)
from automation.verify.facts import Context, Development, Source, Sources, Template
from automation.verify.gather.leaks import SECRET_NAME, Search

_INSTALLS = re.compile(
    r"\b(?:(?:npm|pnpm)@ (?:ci|install|i)|yarn(?: install)?$|pip3?@ install|uv@ (?:pip install|sync)"
    r"|poetry@ install|apk@ add|apt(?:-get)?@ install)\b|\S*install\S*\.(?:sh|py)\b".replace(
        "@", r"(?: +-\S+(?: +[^\s;&|-][^\s;&|]*)?)*"
    )
)
_MANIFEST = re.compile(
    r"(?:package(?:-lock)?|npm-shrinkwrap)\.json|(?:requirements|constraints|bootstrap)[\w.-]*\.(?:txt|in)|.*\.lock"
    r"|pyproject\.toml|setup\.cfg|Pipfile|pnpm-(?:lock|workspace)\.yaml|\.npmrc|\.yarnrc.*|uv\.toml|.*\.sh"
)
_UNWANTED = (
    (re.compile(r"(?:^|/)\.env(?!\.example$)(?:\.[^/]*)?$"), "settings with secrets"),
    (
        re.compile(
            r"(?:^|/)(?:\.pypirc|\.netrc|pip\.conf|id_(?:rsa|dsa|ecdsa|ed25519)|[^/]+\.(?:pem|key|p12|pfx))$"
        ),
        "keys",
    ),
    (re.compile(r"(?:^|/)\.git(?:/|$)"), "git's history"),
    (
        re.compile(r"(?:^|/)(?:node_modules|\.venv|venv|\.next|\.run|\.data|__pycache__)/"),
        "what can be made again",
    ),
    (
        re.compile(
            r"(?:^|/)(?:tests?|__tests__)/|(?:^|/)(?:test_[^/]+\.py|[^/]+\.(?:test|spec)\.[cm]?[jt]sx?)$"
        ),
        "tests",
    ),
)
_SECRET_FILES = _UNWANTED[0][0], _UNWANTED[1][0]
_FETCHED = re.compile(r"[a-z]+://|git@", re.IGNORECASE)
_ADDRESS = re.compile(r"NEXT_PUBLIC_\w+|\w*_URL|\w*_HOST")


@check("multi-stage", STATIC)
def multi_stage(asked: Contract, source: Source) -> Finding:
    """The image is built in stages, and what builds stays out of what runs."""
    wanted = asked.service.stages
    dockerfile = source.dockerfile
    required = f"at least {len(wanted)} stages ({', '.join(wanted)})"
    count, names = len(dockerfile.stages), dockerfile.names
    observed = f"{count}: {', '.join(names)}" if names else f"{count}, without a name"
    copies = any(
        instruction.flag("from")
        for stage in dockerfile.lineage(dockerfile.target)
        for instruction in stage.all("COPY")
    )
    if not copies:
        observed = f"{observed}; the last takes nothing from another" if count > 1 else observed
    return judged(
        required,
        observed,
        holds=count >= len(wanted) and copies,
        remedy="build in stages of their own, and COPY --from= only the result into the last",
    )


@check("builds-together", STATIC, per_service=False)
def builds_together(asked: Contract, sources: Sources) -> Finding:
    """Both images can be built at once: neither waits for a cache or for an image of the other."""
    backend, frontend = _claims(sources.backend), _claims(sources.frontend)
    shared = sorted(backend & frontend)
    shared += [
        f"the {waiting} is made from {name}"
        for waiting, dockerfile, other in (
            ("backend", sources.backend, asked.profile.frontend.image),
            ("frontend", sources.frontend, asked.profile.backend.image),
        )
        for name in dockerfile.external
        if name.partition(":")[0] == other
    ]
    return judged(
        "nothing that one of them waits for",
        listed(shared) or "nothing",
        holds=not shared,
        remedy="another id for the cache mount, or sharing=shared",
    )


@check("base", STATIC)
def base(asked: Contract, source: Source) -> Finding:
    """The runtime comes from the base image of the contract."""
    return _named_base(asked.service.base, source)


@check("build-base", STATIC, only="frontend")
def build_base(asked: Contract, source: Source) -> Finding:
    """The frontend is built in the image of the contract."""
    return _named_base(asked.profile.frontend.build_base, source)


@check("base-tags", STATIC)
def base_tags(source: Source) -> Finding:
    """Every base image has a specific tag, never `latest`, also by default; what ADD fetches, a checksum."""
    return _specific(source.dockerfile)


@check("development-base-tags", STATIC)
def development_base_tags(development: Development) -> Finding:
    """Every base image of Dockerfile.dev has a specific tag, never `latest`."""
    return _specific(development.dockerfile)


@check("layer-order", STATIC)
def layer_order(source: Source) -> Finding:
    """Dependencies are installed before the sources are copied: changing a line does not reinstall them."""
    required = "dependencies first, then the sources"
    for stage in source.dockerfile.stages:
        copied: Instruction | None = None
        earlier = [each for each in source.dockerfile.stages if each.number < stage.number]
        for instruction in _instructions(source.dockerfile, stage):
            if instruction.keyword in {"COPY", "ADD"}:
                if _copies_source(source.dockerfile, stage, instruction):
                    copied = copied or instruction
            elif instruction.keyword == "RUN" and _INSTALLS.search(_command(instruction)):
                mounted = any(
                    _mounts_source(source.dockerfile, earlier, each) for each in instruction.flag("mount")
                )
                if copied is not None or mounted:
                    what = f"copied in line {copied.line}" if copied is not None else "mounted"
                    return failed(
                        required,
                        f"line {instruction.line} installs after the sources are {what}",
                        "COPY only the lock files before installing, and the sources afterwards",
                    )
    return passed(required, "in this order")


@check("no-secret-arguments", STATIC)
def no_secret_arguments(source: Source) -> Finding:
    """No ARG and no ENV of the Dockerfile is for a secret: both stay in the image's config and history."""
    found = [
        f"{instruction.keyword} {name} in line {instruction.line}"
        for stage in source.dockerfile.stages
        for instruction in stage.all("ARG", "ENV")
        for name, value in instruction.pairs.items()
        if SECRET_NAME.search(name) or any(Search({}).in_variable(name, value))
    ]
    found += [
        f"ARG {name}"
        for name in source.dockerfile.arguments
        if SECRET_NAME.search(name) and not any(f"ARG {name} " in each for each in found)
    ]
    return judged(
        "none",
        listed(found) or "none",
        holds=not found,
        remedy="give secrets to the container when it starts, or to the build with RUN --mount=type=secret",
    )


@check("no-secret-instructions", STATIC)
def no_secret_instructions(source: Source) -> Finding:
    """No instruction has a secret written into it, or copies a file of secrets."""
    found = []
    for stage in source.dockerfile.stages:
        for instruction in stage.instructions:
            kinds = (
                dict.fromkeys(Search({}).in_text(instruction.text)) if instruction.keyword == "RUN" else {}
            )
            found += [f"{kind} in line {instruction.line}" for kind in kinds]
            if instruction.keyword in {"COPY", "ADD"} and not instruction.flag("from"):
                sources = instruction.words[:-1]
                secret = [each for each in sources if any(p.search(each) for p in _SECRET_FILES)]
                found += [f"{each} copied in line {instruction.line}" for each in secret]
    return judged(
        "none",
        listed(found) or "none",
        holds=not found,
        remedy="use RUN --mount=type=secret for what a build needs, and the environment for the rest",
    )


@check("context", STATIC)
def context(asked: Contract, seen: Context) -> Finding:
    """The build sees no settings, keys, history, tests or installed packages of this machine."""
    found = [f"{file} ({what})" for file in seen.files for pattern, what in _UNWANTED if pattern.search(file)]
    found += seen.leaks
    return judged(
        "no .env, .git, tests, node_modules",
        listed(found, 3) or f"none among {len(seen.files)} files",
        holds=not found,
        remedy=f"leave them out in {asked.name}/Dockerfile.dockerignore and Dockerfile.dev.dockerignore",
    )


@check("build-arguments", STATIC)
def build_arguments(asked: Contract, source: Source) -> Finding:
    """The Dockerfile has the build arguments of the contract, with its values as defaults."""
    wanted = asked.service.environment.build_arguments
    if not wanted:
        return not_applicable("–", "the contract names none")
    defaults = source.dockerfile.arguments
    return judged(
        " ".join(f"{name}={value}" for name, value in wanted.items()),
        " ".join(f"{name}={defaults[name]}" if name in defaults else f"no {name}" for name in wanted),
        holds=all(defaults.get(name) == value for name, value in wanted.items()),
        remedy=" and ".join(f"ARG {name}={value}" for name, value in wanted.items()),
    )


@check("no-baked-addresses", STATIC)
def no_baked_addresses(source: Source) -> Finding:
    """No address is built in: no ARG and no ENV of the Dockerfile gives one a value."""
    found = [
        f"{instruction.keyword} {name} in line {instruction.line}"
        for stage in source.dockerfile.stages
        for instruction in stage.all("ARG", "ENV")
        for name, value in instruction.pairs.items()
        if _ADDRESS.fullmatch(name) and (value or instruction.keyword == "ARG")
    ]
    return judged(
        "none",
        listed(found) or "none",
        holds=not found,
        remedy="read it from the environment when the container starts",
    )


@check("development-command", STATIC)
def development_command(asked: Contract, development: Development) -> Finding:
    """Dockerfile.dev runs the development server of the contract, which reloads what changes."""
    wanted = asked.service.development_command
    lineage = development.dockerfile.lineage(development.dockerfile.target)
    commands = [instruction for stage in lineage for instruction in stage.all("CMD")]
    words = commands[-1].words if commands else ()
    return judged(
        " ".join(wanted),
        " ".join(words) or "no CMD",
        holds=words[: len(wanted)] == wanted and commands[-1].exec_form is not None,
        remedy=f"CMD {_as_json(wanted)}, with whatever arguments it needs",
    )


@check("development-user", STATIC)
def development_user(development: Development) -> Finding:
    """The development image runs as an account that is not root, too."""
    lineage = development.dockerfile.lineage(development.dockerfile.target)
    users = [stage.expand(each.text) for stage in lineage for each in stage.all("USER")]
    user = (users or ["root"])[-1]
    return judged(
        "not root",
        user,
        holds=user.partition(":")[0] not in {"root", "0", ""},
        remedy="USER 1001:1001",
    )


@check("settings-template", STATIC, per_service=False)
def settings_template(asked: Contract, template: Template) -> Finding:
    """git leaves .env out, and .env.example names what the contract requires, without a secret."""
    wanted = (*asked.profile.backend.environment.required, asked.profile.backend.environment.model_key)
    wrong = [
        *([] if template.ignored else [".env is not ignored"]),
        *(f"no {name}" for name in wanted if name not in template.names),
        *template.leaks,
    ]
    return judged(
        f".env ignored; {', '.join(wanted)} in .env.example, without values",
        ", ".join(wrong) or "as required",
        holds=not wrong,
        remedy="a line .env in .gitignore, and NAME= in .env.example",
    )


@check("no-default-secrets", STATIC, per_service=False)
def no_default_secrets(template: Template) -> Finding:
    """Nowhere in the code, in Compose or in the chart is there a value for a secret that nobody has set."""
    return judged(
        "none",
        listed(template.defaults, 3) or "none",
        holds=not template.defaults,
        remedy="refuse to start without it",
    )


def _claims(dockerfile: Dockerfile) -> set[str]:
    """Return the caches that a build has for itself while it runs."""
    found = set()
    for stage in dockerfile.stages:
        for instruction in stage.all("RUN"):
            for mount in instruction.flag("mount"):
                fields = dict(part.partition("=")[::2] for part in mount.split(","))
                if fields.get("type") == "cache" and fields.get("sharing") == "locked":
                    place = fields.get("target") or fields.get("dst") or fields.get("destination", "")
                    found.add(f"the cache {fields.get('id') or place}")
    return found


def _named_base(wanted: str, source: Source) -> Finding:
    if wanted in source.replaced:
        return not_applicable(wanted, f"built on {source.replaced[wanted]} instead of {wanted}")
    external = source.dockerfile.external
    return judged(
        wanted,
        wanted if wanted in external else listed(external) or "no image at all",
        holds=wanted in external,
        remedy=f"FROM {wanted}, or change base in the contract",
    )


def _specific(dockerfile: Dockerfile) -> Finding:
    images = dict.fromkeys((*dockerfile.external, *filter(None, dockerfile.default_images)))
    vague = [name for name in images if _is_vague(name)]
    vague += [
        f"ADD {each}"
        for stage in dockerfile.stages
        for instruction in stage.all("ADD")
        for each in map(stage.expand, instruction.words[:-1])
        if _FETCHED.match(each) and not instruction.flag("checksum")
    ]
    return judged(
        "a tag other than latest",
        listed(vague or dockerfile.external) or "no image at all",
        holds=not vague,
        remedy="name the version: python:3.13-slim, not python or python:latest",
    )


def _is_vague(reference: str) -> bool:
    name, _, digest = reference.partition("@")
    tag = name.rpartition("/")[2].partition(":")[2]
    return not digest and tag in {"", "latest"}


def _instructions(dockerfile: Dockerfile, stage: Stage) -> Iterator[Instruction]:
    for each in dockerfile.lineage(stage):
        yield from each.instructions


def _is_source(path: str) -> bool:
    """Whether a path of the context holds sources, and not a list of dependencies or a tool of the build."""
    pure = PurePosixPath(path)
    return not (_MANIFEST.fullmatch(pure.name) or {"requirements", "deploy"} & {*pure.parts[:1]})


def _command(instruction: Instruction) -> str:
    return instruction.text if instruction.exec_form is None else " ".join(instruction.words)


def _copies_source(dockerfile: Dockerfile, stage: Stage, instruction: Instruction) -> bool:
    """Whether a COPY brings sources, from the context or from a stage that has them."""
    if names := instruction.flag("from"):
        return _has_source(dockerfile, dockerfile.stages[: dockerfile.stages.index(stage)], names[0])
    return any(_is_source(stage.expand(each)) for each in instruction.words[:-1])


def _has_source(dockerfile: Dockerfile, earlier: Sequence[Stage], name: str) -> bool:
    found = [each for each in earlier if name.lower() == each.name.lower() or name == str(each.number)]
    return any(
        _copies_source(dockerfile, stage, instruction)
        for each in found
        for stage in dockerfile.lineage(each)
        for instruction in stage.all("COPY", "ADD")
    )


def _mounts_source(dockerfile: Dockerfile, earlier: Sequence[Stage], mount: str) -> bool:
    fields = dict(part.partition("=")[::2] for part in mount.split(","))
    if fields.get("type", "bind") != "bind":
        return False
    if fields.get("from"):
        return _has_source(dockerfile, earlier, fields["from"])
    return _is_source(fields.get("source") or fields.get("src") or ".")


def _as_json(words: Iterable[str]) -> str:
    return "[" + ", ".join(f'"{word}"' for word in words) + "]"
