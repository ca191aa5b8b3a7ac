"""Checks of an image's config: account, port, command, labels, tags and variables."""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import PurePosixPath

from automation.contract import formats
from automation.contract.comparison import Maybe
from automation.contract.contract import Contract
from automation.verify.check import (
    IMAGE,
    Comparison,
    Finding,
    check,
    judge,
    listed,
    no_problem,
    not_applicable,
)
from automation.verify.facts import Config, Names
from automation.verify.gather.content import Content, accounts

SHELLS = {"sh", "bash", "dash", "ash", "zsh", "busybox"}
_INITS = {"tini", "tini-static", "dumb-init", "catatonit"}
_PREPARING = {"nginx": ["launch"]}
"""Programs that the entry point runs first."""
_START_INTERVAL_SECONDS = 0.5
_FIRST_YEAR = 2020
"""No source of this project is older; an earlier time comes from a clock that was never set."""


@check(
    IMAGE, remedy="USER {service.user.uid}:{service.user.gid}, and these names in /etc/passwd and /etc/group"
)
def user(contract: Contract, config: Config, content: Content) -> Comparison:
    """The image runs as the contract's account, which has the contract's names and no other group."""
    wanted = contract.service.user
    names, groups = accounts(content.text("/etc/passwd")), accounts(content.text("/etc/group"))
    uid, gid = _ids(config.user, names, groups, content.text("/etc/passwd"))
    observed = f"{names.get(uid, '?')}:{groups.get(gid, '?')} ({uid}:{gid})" if uid else "root (0)"
    lines = [line.split(":") for line in content.text("/etc/group").splitlines()]
    if further := [fields[0] for fields in lines if names.get(uid) in fields[-1].split(",") if uid]:
        observed += f", also in {listed(further)}"
    return f"{wanted.name}:{wanted.group} ({wanted.uid}:{wanted.gid})", observed


@check(IMAGE, remedy="EXPOSE {service.port}")
def port(contract: Contract, config: Config) -> Comparison:
    """The image exposes the contract's port and no other."""
    return f"{contract.service.port}/tcp", listed(config.ports)


@check(IMAGE, remedy="WORKDIR {service.workdir}")
def workdir(contract: Contract, config: Config) -> Comparison:
    """The image's working directory is the contract's."""
    return contract.service.workdir.rstrip("/"), config.workdir.rstrip("/") or "/"


@check(IMAGE)
def command(contract: Contract, config: Config) -> Finding:
    """The image runs the contract's command, without a shell around it and without reloading."""
    wanted = contract.service.command
    words = _without_init((*config.entrypoint, *config.command))
    # An entry point may prepare something and then start what it is given.
    starts = wanted in {words, config.command}
    indirect = {PurePosixPath(word).name for word in words[:1]} & SHELLS
    remedy = "CMD [" + ", ".join(f'"{word}"' for word in wanted) + "]"
    return judge(" ".join(wanted), " ".join(words) or "nothing", holds=starts and not indirect, remedy=remedy)


@check(IMAGE, remedy='ENTRYPOINT ["/usr/bin/tini", "--"]')
def init(config: Config) -> Finding:
    """The first process reaps orphans and forwards signals."""
    first = PurePosixPath(config.entrypoint[0]).name if config.entrypoint else "none"
    return judge("tini", first, holds=first in _INITS)


@check(IMAGE, remedy="invoke build   sets them; without it   docker build --label NAME=VALUE")
def labels(contract: Contract, config: Config) -> Finding:
    """The image's labels give its version, source, revision and creation time."""
    values = {name.rpartition(".")[2]: config.labels.get(name, "") for name in contract.rules.labels}
    wrong = (
        f"{label} is {value or 'missing'}"
        for label, value in values.items()
        if not _WELL_FORMED.get(label, str.strip)(value)
    )
    return no_problem(wrong, required=", ".join(values))


@check(IMAGE, remedy="build from a commit of this repository:   invoke build")
def label_values(config: Config, names: Names) -> Finding:
    """The labels are correct: the commit is in this repository, and the source is its address."""
    revision, source = (
        config.labels.get(f"org.opencontainers.image.{name}", "") for name in ("revision", "source")
    )
    return no_problem(
        [
            "" if names.has_revision else f"the commit {revision or 'of no label'} is not in this repository",
            "" if source == names.source else f"source is {source or 'missing'}, not {names.source}",
        ]
    )


@check(IMAGE, remedy="invoke build --profile {profile.name}")
def tags(contract: Contract, config: Config, names: Names) -> Finding:
    """The image has the tag of its profile, and after an explicit build the contract's."""
    image, own = contract.service.image, contract.profile.name
    if not names.planned:
        return not_applicable("the contract's names", "the image was given by its name")
    shared = [names.version if tag == "vX.Y.Z" else tag for tag in contract.service.tags]
    required = " ".join(f"{image}:{tag}" for tag in (own, *shared))
    missing = [tag for tag in (own, *shared) if f"{image}:{tag}" not in config.tags]
    if missing and own not in missing:
        return not_applicable(required, f"{', '.join(missing)}: only   invoke build   sets it")
    return judge(required, " ".join(config.tags) or "no name", holds=not missing)


@check(IMAGE)
def fixed_environment(contract: Contract, config: Config) -> Finding:
    """The image sets the contract's fixed variables."""
    wanted = contract.service.environment.fixed
    if not wanted:
        return not_applicable("–", "the contract has no fixed variables")
    observed = {name: config.environment.get(name, "unset") for name in wanted}
    changes = {name: value for name, value in wanted.items() if observed[name] != value}
    remedy = f"ENV {_assignments(changes)}"
    return judge(_assignments(wanted), _assignments(observed), holds=not changes, remedy=remedy)


@check(IMAGE, only="backend", remedy="ENV PATH={profile.backend.packages}/bin:…")
def path(contract: Contract, config: Config) -> Finding | Comparison:
    """The programs of the contract's virtual environment come first in PATH."""
    packages = contract.profile.backend.packages
    if packages == "system":
        return not_applicable("–", "the packages are the interpreter's own")
    first = config.environment.get("PATH", "").partition(":")[0]
    return f"{packages}/bin", first or "no PATH"


@check(IMAGE, remedy="correct the Dockerfile, or if it is right, checks/image_config.py")
def image_config(contract: Contract, config: Config, names: Names) -> Comparison:
    """The image's configuration has no unknown variable, label or key."""
    preparing = [word for word in config.entrypoint[1:] if word != "--"]
    observed = {
        "Env": config.environment,
        "Labels": config.labels,
        # A shell there is a fault of the command.
        "Entrypoint": [] if SHELLS & {PurePosixPath(word).name for word in preparing} else preparing,
        "OnBuild": list(config.on_build),
        "StartInterval": config.health.start_interval_s if config.health else _START_INTERVAL_SECONDS,
        **config.other,
    }
    version = f"{re.escape(names.version)}|(?!v?[0-9]).*"  # another word is a fault of the labels
    labels = {
        name: re.compile(version if name.endswith(".version") else ".*") for name in contract.rules.labels
    }
    required = {
        "Env": {name: re.compile(value) for name, value in _variables(contract, names).items()}
        | {name: Maybe(re.compile(".*")) for name in (*contract.service.environment.fixed, "HEALTH_PATH")},
        "Labels": {name: Maybe(value) for name, value in labels.items()},
        "Entrypoint": _PREPARING.get(contract.service.command[0], []) if config.entrypoint else [],
        "OnBuild": [],
        "StartInterval": _START_INTERVAL_SECONDS,
    }
    return required, observed


def _variables(contract: Contract, names: Names) -> Mapping[str, str]:
    """Return a pattern for the value of every variable of an image that no other check requires."""
    service, data = contract.service, contract.rules.data_folder
    packages = contract.profile.backend.packages
    folders = "|".join(("/usr/local/bin", "/usr/sbin", "/usr/bin", f"{packages}/bin"))
    common = {
        "PATH": f"(({folders})(:|$))+",
        "PORT": str(service.port),
        **{name: re.escape(value) for name, value in service.environment.build_arguments.items()},
    }
    if contract.name == "frontend":
        return common
    return {
        **common,
        "LANG": r"C\.UTF-8",
        "PYTHONUNBUFFERED": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "UVICORN_TIMEOUT_GRACEFUL_SHUTDOWN": "|".join(map(str, range(1, contract.rules.times.stop_max_s))),
        "DATA_DIR": data,
        "SQLITE_TMPDIR": data,
        "VERSION": re.escape(names.version),
        **({"PYTHONPATH": service.workdir} if packages == "system" else {}),
    }


def _ids(user: str, names: Mapping[int, str], groups: Mapping[int, str], passwd: str) -> tuple[int, int]:
    """Return what USER means as numbers; a group that it does not name is the account's own."""
    name, _, group = user.partition(":")
    uid = _number(name or "0", names)
    if group:
        return uid, _number(group, groups)
    lines = (line.split(":") for line in passwd.splitlines())
    return uid, next((int(fields[3]) for fields in lines if len(fields) > 3 and fields[2] == str(uid)), 0)


def _number(name: str, names: Mapping[int, str]) -> int:
    return int(name) if name.isdecimal() else next((uid for uid, own in names.items() if own == name), -1)


def _without_init(words: Sequence[str]) -> tuple[str, ...]:
    if words and PurePosixPath(words[0]).name in _INITS:
        return tuple(words[words.index("--") + 1 :] if "--" in words else words[1:])
    return tuple(words)


def _assignments(variables: Mapping[str, str]) -> str:
    return " ".join(f"{name}={value}" for name, value in variables.items())


def _is_recent(time: str) -> bool:
    try:
        made = datetime.fromisoformat(time)
    except ValueError:
        return False
    return made.tzinfo is not None and made.year >= _FIRST_YEAR


_WELL_FORMED: Mapping[str, Callable[[str], object]] = {
    # The specification of the label leaves the v out.
    "version": lambda version: not formats.version(f"v{version.removeprefix('v')}"),
    "revision": re.compile(r"(?!0+(?:-|$))[0-9a-f]{7,64}(?:-dirty)?").fullmatch,
    "created": _is_recent,
}
"""By label, whether a value is valid; any other label only needs a value."""
