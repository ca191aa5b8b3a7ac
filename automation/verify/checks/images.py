"""Checks of an image: what its config says, and what its layers hold."""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import PurePosixPath
from urllib.parse import urlsplit

from automation.contract.contract import Contract
from automation.contract.models import Rules, User
from automation.docker.archive import File
from automation.verify.check import (
    IMAGE,
    Finding,
    check,
    failed,
    judged,
    listed,
    not_applicable,
    passed,
)
from automation.verify.facts import Config, Contents, Context, Locks, Names
from automation.verify.gather.content import Content, accounts
from automation.verify.gather.leaks import SECRET_NAME, Search

_MB = 10**6
_SOURCES = "backend/src/"
_INITS = {"tini", "tini-static", "dumb-init", "catatonit"}
_RELOADING = {"--reload", "dev", "--watch"}
_HTTP_CLIENTS = {"curl", "wget"}
_SHELLS = {"sh", "bash", "dash", "ash", "zsh", "busybox"}
_KIN = {
    "mksh",
    "ksh",
    "ksh93",
    "yash",
    "fish",
    "tcsh",
    "csh",
    "rbash",
    "toybox",
    "cc1",
    "cc1plus",
    "collect2",
    "tcc",
}
"""Further shells, and what compilers are made of: who forbids one kind means all of its kind."""
_HEALTH_PROGRAMS = (
    '["python", "-m", "app.healthcheck"]   or   ["node", "healthcheck.mjs"]   or   ["healthcheck"]'
)
_CACHES = re.compile(
    r"^(?:/var/lib/apt/lists/.|/var/cache/(?:apt|apk|debconf)/.|/etc/apk/cache/."
    r"|/(?:root|home/[^/]+)/\.(?:cache|npm)/.|/tmp/.|/var/tmp/.|/.*/(?:_cacache|\.npm/_logs)/.|/usr/local/share/\.cache/.)"
)
_DISTRIBUTION = re.compile(r"/((?:[^/]+/)*)([^/]+?)-[^/-]+\.(?:dist|egg)-info/")
_NODE_PACKAGE = re.compile(r"/node_modules/((?:@[^/]+/)?[^/@.][^/]*)/package\.json$")
_PACKAGE_DATABASE = re.compile(r"^/(?:var/lib/dpkg/(?:status$|status\.d/.)|(?:usr/)?lib/apk/db/installed$)")
_VERSION = re.compile(r"v?\d+\.\d+\.\d+(?:[-+][\w.+-]+)?")
_REVISION = re.compile(r"(?!0+(?:-|$))[0-9a-f]{7,64}(?:-dirty)?")
_FIRST_YEAR = 2020
"""No source of this project is older: an earlier time is a clock that was never set."""
_TESTS = re.compile(r"/(?:tests?|__tests__)/|/(?:test_[^/]+\.py|[^/]+\.(?:test|spec)\.[cm]?[jt]sx?)$")
_INSTALLED = re.compile(r"/(?:node_modules|site-packages|dist-packages)/")
_TEMPORARY = ("/tmp", "/var/tmp", "/run", "/dev", "/proc", "/sys")  # noqa: S108 - looked for, not written to


@check("size", IMAGE)
def size(asked: Contract, content: Content) -> Finding:
    """The image has at most the bytes of its budget, unpacked."""
    service = asked.service
    most = service.size_max_mb * _MB
    over = content.size - most
    observed = f"{content.size / _MB:.1f} MB"
    if over > 0:
        observed += f", {over} bytes over" if over < _MB else ""
    elif content.size > service.size_aim_mb * _MB:
        observed += ", above the aim"
    return judged(
        f"at most {service.size_max_mb} MB (aim {service.size_aim_mb})",
        observed,
        holds=over <= 0,
        remedy="invoke size-check   shows what takes the bytes",
    )


@check("size-together", IMAGE, per_service=False)
def size_together(asked: Contract, images: Contents) -> Finding:
    """Both images together keep to the rules, also where the profile's own budgets allow more."""
    most = asked.rules.memory.images_together_max_mb
    together = images.backend.size + images.frontend.size
    return judged(
        f"at most {most} MB",
        f"{together / _MB:.1f} MB",
        holds=together <= most * _MB,
        remedy="invoke size-check   shows what takes the bytes",
    )


@check("user", IMAGE)
def user(asked: Contract, config: Config, content: Content) -> Finding:
    """The image runs as the account of the contract, known to the image by its names, and not as root."""
    wanted = asked.service.user
    names, groups = accounts(content.text("/etc/passwd")), accounts(content.text("/etc/group"))
    uid, gid = _account(config.user, names, groups, content.text("/etc/passwd"))
    observed = f"{names.get(uid, '?')}:{groups.get(gid, '?')} ({uid}:{gid})"
    return judged(
        f"{wanted.name}:{wanted.group} ({wanted.uid}:{wanted.gid})",
        "root (0)" if uid == 0 else observed,
        holds=(names.get(uid), groups.get(gid), uid, gid)
        == (wanted.name, wanted.group, wanted.uid, wanted.gid),
        remedy=f"USER {wanted.uid}:{wanted.gid}, and these names in /etc/passwd and /etc/group",
    )


@check("port", IMAGE)
def port(asked: Contract, config: Config) -> Finding:
    """The image exposes the port of the contract, and no other."""
    wanted = f"{asked.service.port}/tcp"
    return judged(
        wanted,
        ", ".join(config.ports) or "none",
        holds=config.ports == (wanted,),
        remedy=f"EXPOSE {asked.service.port}",
    )


@check("workdir", IMAGE)
def workdir(asked: Contract, config: Config) -> Finding:
    """The image works in the folder of the contract."""
    return judged(
        asked.service.workdir,
        config.workdir or "/",
        holds=config.workdir.rstrip("/") == asked.service.workdir.rstrip("/"),
        remedy=f"WORKDIR {asked.service.workdir}",
    )


@check("command", IMAGE)
def command(asked: Contract, config: Config) -> Finding:
    """The image runs the command of the contract, without a shell around it and without reloading."""
    wanted = asked.service.command
    words = _without_init((*config.entrypoint, *config.command))
    # An entry point may prepare something and then start what it is given.
    starts = wanted in {words[: len(wanted)], config.command[: len(wanted)]}
    indirect = {PurePosixPath(word).name for word in words[:1]} & _SHELLS
    return judged(
        " ".join(wanted),
        " ".join(words) or "nothing",
        holds=starts and not indirect and not _RELOADING & {*words},
        remedy="CMD [" + ", ".join(f'"{word}"' for word in wanted) + "]",
    )


@check("init", IMAGE)
def init(config: Config) -> Finding:
    """The first process is one that reaps orphans and passes signals on."""
    first = PurePosixPath(config.entrypoint[0]).name if config.entrypoint else "none"
    return judged(
        "tini",
        first,
        holds=first in _INITS,
        remedy='ENTRYPOINT ["/usr/bin/tini", "--"]',
    )


@check("health-check", IMAGE)
def health_check(config: Config) -> Finding:
    """The image says how its health is asked for."""
    if config.health is None or config.health.test[:1] == ("NONE",):
        return failed("HEALTHCHECK", "none", 'HEALTHCHECK … CMD ["python", "-m", "app.healthcheck"]')
    return passed("HEALTHCHECK", " ".join(config.health.test[1:]))


@check("health-check-times", IMAGE)
def health_check_times(asked: Contract, config: Config) -> Finding:
    """Health is asked for as often and as patiently as the contract says."""
    wanted = asked.service.health
    required = _times(wanted.interval_s, wanted.timeout_s, wanted.start_period_s, wanted.retries)
    if config.health is None:
        return not_applicable(required, "there is no HEALTHCHECK")
    asked_as = config.health
    observed = _times(asked_as.interval_s, asked_as.timeout_s, asked_as.start_period_s, asked_as.retries)
    return judged(
        required,
        observed,
        holds=observed == required,
        remedy=f"HEALTHCHECK --interval={wanted.interval_s}s --timeout={wanted.timeout_s}s"
        f" --start-period={wanted.start_period_s}s --retries={wanted.retries}",
    )


@check("health-check-program", IMAGE)
def health_check_program(config: Config) -> Finding:
    """Health is asked for without a shell, curl or wget: the image needs none of them."""
    required = "exec form, without curl"
    if config.health is None:
        return not_applicable(required, "there is no HEALTHCHECK")
    form, *words = config.health.test
    first = PurePosixPath(words[0]).name if words else ""
    used = {PurePosixPath(each).name for each in re.split(r"[\s;&|]+", " ".join(words))}
    holds = form == "CMD" and first not in _SHELLS and not used & _HTTP_CLIENTS
    return judged(
        required,
        f"{'shell form: ' if form == 'CMD-SHELL' else ''}{' '.join(words)}",
        holds=holds,
        remedy=f"HEALTHCHECK CMD {_HEALTH_PROGRAMS}",
    )


@check("health-check-path", IMAGE)
def health_check_path(asked: Contract, config: Config) -> Finding:
    """The project's program asks for health at the path of the contract: in its words, or by HEALTH_PATH."""
    wanted = asked.service.health.path
    if config.health is None:
        return not_applicable(wanted, "there is no HEALTHCHECK")
    addresses = re.findall(r"https?://[^\s\"']+", " ".join(config.health.test))
    paths = [urlsplit(each).path or "/" for each in addresses] or [config.environment.get("HEALTH_PATH", "")]
    observed = ", ".join(filter(None, paths)) or "neither an address nor HEALTH_PATH"
    own = _asks_for_health(config.health.test[1:])
    return judged(
        wanted,
        observed if own else f"{' '.join(config.health.test[1:])}: not the project's own program",
        holds=set(paths) == {wanted} and own,
        remedy=f"ENV HEALTH_PATH={wanted}, and {_HEALTH_PROGRAMS}",
    )


@check("labels", IMAGE)
def labels(asked: Contract, config: Config) -> Finding:
    """The image says its version, its source, its revision and when that was made."""
    wrong = []
    for name in asked.rules.labels:
        value = config.labels.get(name, "")
        short = name.rpartition(".")[2]
        if not value:
            wrong.append(f"{short} is missing")
        elif not _is_well_formed(short, value):
            wrong.append(f"{short} is {value}")
    return judged(
        ", ".join(name.rpartition(".")[2] for name in asked.rules.labels),
        ", ".join(wrong) or "all there",
        holds=not wrong,
        remedy="invoke build   adds them; by hand   docker build --label NAME=VALUE",
    )


@check("tags", IMAGE)
def tags(asked: Contract, config: Config, names: Names) -> Finding:
    """The image is called as the contract says, and has its tags."""
    service = asked.service
    wanted = [names.version if tag == "vX.Y.Z" else tag for tag in service.tags]
    required = " ".join(f"{service.image}:{tag}" for tag in wanted)
    missing = [tag for tag in wanted if f"{service.image}:{tag}" not in config.tags]
    contested = [tag for tag in missing if f"{service.image}:{tag}" not in names.planned]
    if missing and missing == contested:
        return not_applicable(required, f"{', '.join(contested)} is another profile's here")
    return judged(required, " ".join(config.tags) or "no name", holds=not missing, remedy="invoke build")


@check("fixed-environment", IMAGE)
def fixed_environment(asked: Contract, config: Config) -> Finding:
    """The image sets the variables that the contract gives values for."""
    wanted = asked.service.environment.fixed
    if not wanted:
        return not_applicable("–", "the contract names none")
    observed = {name: config.environment.get(name, "unset") for name in wanted}
    return judged(
        _assignments(wanted),
        _assignments(observed),
        holds=observed == dict(wanted),
        remedy=f"ENV {_assignments({n: v for n, v in wanted.items() if observed[n] != v})}",
    )


@check("open-environment", IMAGE)
def open_environment(asked: Contract, config: Config) -> Finding:
    """The image gives no value to a secret or an address: those come when a container starts."""
    environment = asked.service.environment
    settable = {*environment.accepted, *asked.profile.backend.environment.required} - {*environment.fixed}
    baked = sorted(
        name
        for name, value in config.environment.items()
        if value and (SECRET_NAME.search(name) or (name in settable and name.endswith(("_URL", "_KEY"))))
    )
    return judged(
        "no secret, no address",
        listed(baked) or "none",
        holds=not baked,
        remedy="take it out of the image's ENV, and give it to the container",
    )


@check("path", IMAGE, only="backend")
def path(asked: Contract, config: Config) -> Finding:
    """The programs of the virtual environment come first in PATH, where the contract has one."""
    packages = asked.profile.backend.packages
    if packages == "system":
        return not_applicable("–", "the packages are the interpreter's own")
    first = config.environment.get("PATH", "").partition(":")[0]
    return judged(
        f"{packages}/bin",
        first or "no PATH",
        holds=first == f"{packages}/bin",
        remedy=f"ENV PATH={packages}/bin:…",
    )


@check("packages", IMAGE, only="backend")
def packages(asked: Contract, content: Content) -> Finding:
    """The packages are where the contract says: in a virtual environment or the interpreter's own folder."""
    wanted = asked.profile.backend.packages
    folders = {found[1] for file in content.files if (found := _DISTRIBUTION.match(file))}
    environments = [file for file in content.files if file.endswith("/pyvenv.cfg")]
    if wanted == "system":
        required = "the interpreter's own, no virtual environment"
        holds = bool(folders) and not environments
    else:
        required = wanted
        holds = bool(folders) and all(f"/{each}".startswith(f"{wanted}/") for each in folders)
    return judged(
        required,
        listed([f"/{each.rstrip('/')}" for each in sorted(folders)] + sorted(environments)) or "no packages",
        holds=holds,
        remedy="install into it alone, and leave pip out of the image",
    )


@check("application", IMAGE, only="backend")
def application(asked: Contract, content: Content, seen: Context) -> Finding:
    """The backend's sources are in the folder of the contract, the agent and the MCP server among them."""
    workdir = asked.profile.backend.workdir
    sources = [file for file in seen.files if file.startswith(_SOURCES) and file.endswith(".py")]
    missing = [file for file in sources if f"{workdir}/{file.removeprefix(_SOURCES)}" not in content.files]
    return judged(
        f"{_SOURCES} in {workdir}",
        f"no {listed(missing, 3)}" if missing else f"{len(sources)} files",
        holds=bool(sources) and not missing,
        remedy=f"COPY {_SOURCES.rstrip('/')} {workdir}",
    )


@check("output", IMAGE, only="frontend")
def output(asked: Contract, content: Content) -> Finding:
    """The frontend is what the contract says: a Node server, or files for nginx."""
    frontend = asked.profile.frontend
    wanted = f"{frontend.workdir}/{'server.js' if frontend.output == 'server' else 'index.html'}"
    program = "node" if frontend.output == "server" else "nginx"
    programs = [
        file for file in content.files if file.endswith(f"bin/{program}") and content.is_executable(file)
    ]
    missing = [
        *([] if wanted in content.files else [f"no {wanted}"]),
        *([] if programs else [f"no program {program}"]),
    ]
    return judged(
        f"{wanted} and {program}",
        ", ".join(missing) or "both there",
        holds=not missing,
        remedy="copy next's standalone output"
        if frontend.output == "server"
        else "copy next's exported files",
    )


@check("programs", IMAGE)
def programs(asked: Contract, content: Content) -> Finding:
    """The image has no shell, compiler, package manager or HTTP client."""
    found = sorted(
        path
        for path, file in content.files.items()
        if file.kind in {"file", "link"}
        and _plain_name(path, asked.rules) is not None
        and content.is_executable(path)
    )
    return judged("none", listed(found) or "none", holds=not found, remedy="assemble the image without them")


@check("caches", IMAGE)
def caches(content: Content) -> Finding:
    """No layer has a package manager's cache or temporary files."""
    found = sorted(
        {
            file.path
            for layer in content.layers
            for file in layer.files
            if file.kind == "file" and _CACHES.match(file.path)
        }
    )
    return judged(
        "none",
        listed(found, 3) or "none",
        holds=not found,
        remedy="RUN --mount=type=cache for caches, or remove them in the same RUN",
    )


@check("development-packages", IMAGE)
def development_packages(asked: Contract, content: Content, locks: Locks) -> Finding:
    """The image has no package that the locks have for development alone, and none of the project's tests."""
    python = {
        found[2].lower().replace("_", "-") for file in content.files if (found := _DISTRIBUTION.match(file))
    }
    node = {found[1] for file in content.files if (found := _NODE_PACKAGE.search(file))}
    kept = sorted((python & locks.python) | (node & locks.node))
    kept += sorted(
        path
        for path in content.files
        if path.startswith(f"{asked.service.workdir}/")
        and _TESTS.search(path)
        and not _INSTALLED.search(path)
    )
    return judged(
        "none",
        listed(kept) or f"none among {len(python) + len(node)} packages",
        holds=not kept,
        remedy="install from backend/requirements.txt, or with   npm ci --omit=dev   and copy no tests",
    )


@check("package-database", IMAGE)
def package_database(content: Content) -> Finding:
    """The image keeps the entries of its base's packages, by which scanners find known weaknesses."""
    found = sorted(file for file in content.files if _PACKAGE_DATABASE.match(file))
    return judged(
        "dpkg's or apk's entries",
        f"{len(found)} files" if found else "none",
        holds=bool(found),
        remedy="keep /var/lib/dpkg/status.d or /lib/apk/db/installed of what is kept",
    )


@check("privileged-files", IMAGE)
def privileged_files(content: Content) -> Finding:
    """No program gives more rights to whom runs it: neither setuid nor setgid."""
    found = sorted(path for path, file in content.files.items() if file.kind == "file" and file.mode & 0o6000)
    return judged("none", listed(found) or "none", holds=not found, remedy="chmod ug-s, or leave them out")


@check("writable-places", IMAGE)
def writable_places(asked: Contract, content: Content, config: Config) -> Finding:
    """The process may write to the folders of the contract, and to no other place of the image."""
    service = asked.service
    places = asked.writable
    missing = [
        place
        for place in service.writable
        if (file := content.resolve(place)) is None or not _may_write(file, service.user)
    ]
    extra = sorted(
        path
        for path, file in content.files.items()
        if file.kind in {"file", "directory"}
        and _may_write(file, service.user)
        and not _within(path, (*places, *_TEMPORARY))
    )
    extra += [f"VOLUME {each}" for each in config.volumes if not _within(each.rstrip("/"), places)]
    wrong = [*(f"not {each}" for each in missing), *extra]
    return judged(
        ", ".join(places) or "none",
        listed(wrong) or "as required",
        holds=not wrong,
        remedy="leave files to root, readable by all; give the user only the folders of the contract",
    )


@check("no-secret-in-layers", IMAGE)
def no_secret_in_layers(content: Content) -> Finding:
    """No layer holds a secret, not even one that a later layer deletes."""
    found = [f"{leak.kind} in {leak.place}" for leak in content.leaks]
    return _no_leak(found)


@check("no-secret-in-config", IMAGE)
def no_secret_in_config(config: Config, search: Search) -> Finding:
    """The image's variables, labels and commands hold no secret, its health check's among them."""
    variables = {**config.environment, **config.labels}
    found = [kind for name, value in variables.items() for kind in search.in_variable(name, value)]
    health = config.health.test if config.health is not None else ()
    for words in (config.entrypoint, config.command, health, config.on_build):
        found += search.in_text(" ".join(words))
    return _no_leak(found)


@check("no-secret-in-history", IMAGE)
def no_secret_in_history(content: Content, search: Search) -> Finding:
    """What the build's history repeats of its commands and arguments holds no secret."""
    found: list[str] = []
    for step in content.history:
        # BuildKit writes the arguments of a RUN as |2 NAME=value NAME=value before the command.
        kinds = list(search.in_text(step))
        for word in step.split()[1:] if step.startswith(("|", "RUN |", "ARG", "ENV")) else ():
            name, assigned, value = word.partition("=")
            if assigned and name.isidentifier():
                kinds += search.in_variable(name, value)
        found += dict.fromkeys(kinds)
    return _no_leak(found)


def _no_leak(found: Sequence[str]) -> Finding:
    unique = list(dict.fromkeys(found))
    return judged(
        "none",
        listed(unique, 3) or "none",
        holds=not unique,
        remedy="change it, it counts as known; then RUN --mount=type=secret, or the environment at run time",
    )


def _account(user: str, names: dict[int, str], groups: dict[int, str], passwd: str) -> tuple[int, int]:
    """Return the numbers of what USER says: names or numbers, the group that of the account by default."""
    name, _, group = user.partition(":")
    uid = int(name) if name.isdecimal() else next((n for n, each in names.items() if each == name), -1)
    uid = uid if name else 0
    if group:
        gid = (
            int(group) if group.isdecimal() else next((n for n, each in groups.items() if each == group), -1)
        )
        return uid, gid
    own = [line.split(":") for line in passwd.splitlines()]
    return uid, next((int(each[3]) for each in own if len(each) > 3 and each[2] == str(uid)), 0)


def _asks_for_health(words: Sequence[str]) -> bool:
    """Whether a health check runs the project's own program; clients of HTTP have a check of their own."""
    match [PurePosixPath(each).name for each in " ".join(words).split()]:
        case [("healthcheck" | "curl" | "wget"), *_]:
            return True
        case [interpreter, "-m", "app.healthcheck", *_] if interpreter.startswith("python"):
            return True
        case ["node", "healthcheck.mjs", *_]:
            return True
        case ["sh" | "bash", "-c", *rest]:
            return _asks_for_health(rest)
    return False


def _without_init(words: Sequence[str]) -> tuple[str, ...]:
    if words and PurePosixPath(words[0]).name in _INITS:
        return tuple(words[words.index("--") + 1 :] if "--" in words else words[1:])
    return tuple(words)


def _times(interval: float, timeout: float, start_period: float, retries: int) -> str:
    return f"{interval:g} s, timeout {timeout:g} s, start {start_period:g} s, {retries} retries"


def _is_well_formed(label: str, value: str) -> bool:
    match label:
        case "version":
            return _VERSION.fullmatch(value) is not None
        case "revision":
            return _REVISION.fullmatch(value) is not None
        case "source":
            return bool(value.strip())
        case "created":
            try:
                made = datetime.fromisoformat(value)
                return made.tzinfo is not None and made.year >= _FIRST_YEAR
            except ValueError:
                return False
    return True


def _assignments(variables: Mapping[str, str]) -> str:
    return " ".join(f"{name}={value}" for name, value in variables.items())


def _plain_name(path: str, rules: Rules) -> str | None:
    """Return which of the forbidden programs the path is, under whatever version or target it is called."""
    name = PurePosixPath(path).name
    plain = re.sub(r"-?\d+(?:\.\d+)*$", "", name)
    plain = re.sub(r"^\w+-linux-(?:gnu\w*|musl\w*)-", "", plain)
    return next((each for each in (name, plain) if each in _KIN or each in rules.forbidden_programs), None)


def _may_write(file: File, user: User) -> bool:
    if file.uid == user.uid:
        return bool(file.mode & 0o200)
    return bool(file.mode & (0o020 if file.gid == user.gid else 0o002))


def _within(path: str, folders: Iterable[str]) -> bool:
    return any(path == folder or path.startswith(f"{folder}/") for folder in folders)
