"""Checks of the files in an image: their size, what must be there and what must not."""

import re
from collections.abc import Iterable
from pathlib import PurePosixPath

from automation.contract.contract import Contract
from automation.contract.models import User
from automation.docker.archive import File
from automation.verify.check import IMAGE, Finding, at_most, check, judge, listed, no_problem
from automation.verify.facts import Config, Context, Locks
from automation.verify.gather.content import Content

_MB = 10**6
SOURCES = "backend/src/"
_RELATED = {
    *("mksh", "ksh", "ksh93", "yash", "fish", "tcsh", "csh", "rbash", "toybox"),
    *("cc1", "cc1plus", "collect2", "tcc"),
}
"""Further shells and parts of compilers: forbidding one of a kind forbids all of its kind."""
_CACHES = re.compile(
    r"^(?:/var/lib/apt/lists/.|/var/cache/(?:apt|apk|debconf)/.|/etc/apk/cache/."
    r"|/(?:root|home/[^/]+)/\.(?:cache|npm)/.|/tmp/.|/var/tmp/.|/.*/(?:_cacache|\.npm/_logs)/.|/usr/local/share/\.cache/.)"
)
_DISTRIBUTION = re.compile(r"/((?:[^/]+/)*)([^/]+?)-[^/-]+\.(?:dist|egg)-info/")
_NODE_PACKAGE = re.compile(r"/node_modules/((?:@[^/]+/)?[^/@.][^/]*)/package\.json$")
_PACKAGE_DATABASE = re.compile(r"^/(?:var/lib/dpkg/(?:status$|status\.d/.)|(?:usr/)?lib/apk/db/installed$)")
_TESTS = re.compile(r"/(?:tests?|__tests__)/|/(?:test_[^/]+\.py|[^/]+\.(?:test|spec)\.[cm]?[jt]sx?)$")
_INSTALLED = re.compile(r"/(?:node_modules|site-packages|dist-packages)/")
_TEMPORARY = ("/tmp", "/var/tmp", "/run", "/dev", "/proc", "/sys")  # noqa: S108 - looked for, not written to
_SIZE_REMEDY = "invoke size-check   shows the largest files"


@check(IMAGE, remedy=_SIZE_REMEDY)
def size(contract: Contract, content: Content) -> Finding:
    """The unpacked image stays within its size budget."""
    limit, aim = contract.service.size_max_mb, contract.service.size_aim_mb
    over = content.size - limit * _MB
    note = f", {over} bytes over" if 0 < over < _MB else ", above the aim" if content.size > aim * _MB else ""
    observed = f"{content.size / _MB:.1f} MB{note}"
    return judge(f"at most {limit} MB (aim {aim})", observed, holds=over <= 0)


@check(IMAGE, per_service=False, remedy=_SIZE_REMEDY)
def size_together(contract: Contract, backend: Content, frontend: Content) -> Finding:
    """Both unpacked images together stay within the budget of the rules."""
    together = (backend.size + frontend.size) / _MB
    return at_most(contract.rules.memory.images_together_max_mb, together, "MB", digits=1)


@check(IMAGE, only="backend", remedy="install only into it, and leave pip out of the image")
def packages(contract: Contract, content: Content) -> Finding:
    """The Python packages are in the contract's virtual environment, or in the interpreter's own folder."""
    wanted = contract.profile.backend.packages
    folders = {f"/{found[1]}" for file in content.files if (found := _DISTRIBUTION.match(file))}
    environments = sorted(file for file in content.files if file.endswith("/pyvenv.cfg"))
    if wanted == "system":
        required = "the interpreter's own, no virtual environment"
        holds = bool(folders) and not environments
    else:
        required = wanted
        holds = bool(folders) and all(folder.startswith(f"{wanted}/") for folder in folders)
    observed = listed([*(folder.rstrip("/") for folder in sorted(folders)), *environments])
    return judge(required, observed, holds=holds)


@check(IMAGE, only="backend", remedy="COPY src {service.workdir}")
def application(contract: Contract, content: Content, context: Context) -> Finding:
    """The backend's sources are in the working directory, with the agent and the MCP server."""
    workdir = contract.profile.backend.workdir
    sources = [file for file in context.files if file.startswith(SOURCES) and file.endswith(".py")]
    missing = [file for file in sources if f"{workdir}/{file.removeprefix(SOURCES)}" not in content.files]
    observed = f"no {listed(missing, 3)}" if missing else f"{len(sources)} files"
    return judge(f"{SOURCES} in {workdir}", observed, holds=bool(sources) and not missing)


@check(IMAGE, only="frontend", remedy="copy the {profile.frontend.output} output of Next.js")
def output(contract: Contract, content: Content) -> Finding:
    """The frontend is a Node server or files for nginx, as in the contract."""
    frontend = contract.profile.frontend
    is_server = frontend.output == "server"
    page, program = ("server.js", "node") if is_server else ("index.html", "nginx")
    wanted = f"{frontend.workdir}/{page}"
    runs = any(file.endswith(f"bin/{program}") and content.is_executable(file) for file in content.files)
    problems = ["" if wanted in content.files else f"no {wanted}", "" if runs else f"no program {program}"]
    return no_problem(problems, required=f"{wanted} and {program}")


@check(IMAGE, remedy="assemble the image without them")
def programs(contract: Contract, content: Content) -> Finding:
    """The image has no shell, compiler, package manager or HTTP client."""
    forbidden = {*contract.rules.forbidden_programs, *_RELATED}
    links = (path for path, file in content.files.items() if file.kind in {"file", "link"})
    found = (path for path in links if _program_names(path) & forbidden and content.is_executable(path))
    return no_problem(sorted(found))


@check(IMAGE, remedy="RUN --mount=type=cache for caches, or remove them in the same RUN")
def caches(content: Content) -> Finding:
    """No layer has package manager caches or temporary files."""
    files = (file for layer in content.layers for file in layer.files if file.kind == "file")
    return no_problem(sorted(file.path for file in files if _CACHES.match(file.path)), most=3)


@check(IMAGE, remedy="install from backend/requirements.txt, or with   npm ci --omit=dev   and copy no tests")
def development_packages(contract: Contract, content: Content, locks: Locks) -> Finding:
    """The image has no development packages of the locks and no tests of the project."""
    python = {
        found[2].lower().replace("_", "-") for file in content.files if (found := _DISTRIBUTION.match(file))
    }
    node = {found[1] for file in content.files if (found := _NODE_PACKAGE.search(file))}
    own = (path for path in content.files if path.startswith(f"{contract.service.workdir}/"))
    tests = sorted(path for path in own if _TESTS.search(path) and not _INSTALLED.search(path))
    return no_problem(
        [*sorted((python & locks.python) | (node & locks.node)), *tests],
        passing=f"none among {len(python) + len(node)} packages",
    )


@check(
    IMAGE, remedy="keep the entries of the packages in use: /var/lib/dpkg/status.d or /lib/apk/db/installed"
)
def package_database(content: Content) -> Finding:
    """The image keeps its base's package database, in which scanners look up vulnerabilities."""
    count = sum(1 for file in content.files if _PACKAGE_DATABASE.match(file))
    return judge("entries of dpkg or apk", f"{count} files" if count else "none", holds=bool(count))


@check(IMAGE, remedy="chmod ug-s, setcap -r, or remove them")
def privileged_files(content: Content) -> Finding:
    """No program raises privileges: none is setuid or setgid, or has capabilities."""
    return no_problem(
        f"{path} {' '.join(name for name, _ in file.attributes)}".rstrip()
        for path, file in sorted(content.files.items())
        if file.kind == "file" and (file.mode & 0o6000 or file.attributes)
    )


@check(IMAGE, remedy="let root own the files, readable by all; give the user only the contract's folders")
def writable_places(contract: Contract, content: Content, config: Config) -> Finding:
    """The process may write only to the contract's folders."""
    service, places = contract.service, contract.writable
    missing = [
        f"not {place}"
        for place in service.writable
        if (file := content.resolve(place)) is None or not _may_write(file, service.user)
    ]
    extra = sorted(
        path
        for path, file in content.files.items()
        if file.kind in {"file", "directory"}
        and _may_write(file, service.user)
        and not _is_within(path, (*places, *_TEMPORARY))
    )
    volumes = (f"VOLUME {place}" for place in config.volumes if not _is_within(place.rstrip("/"), places))
    return no_problem([*missing, *extra, *volumes], required=listed(places))


def _program_names(path: str) -> set[str]:
    """Return the names of a program: its own, and the plain one without version and target."""
    name = PurePosixPath(path).name
    plain = re.sub(r"-?\d+(?:\.\d+)*$", "", name)
    return {name, re.sub(r"^\w+-linux-(?:gnu\w*|musl\w*)-", "", plain)}


def _may_write(file: File, user: User) -> bool:
    if file.uid == user.uid:
        return bool(file.mode & 0o200)
    return bool(file.mode & (0o020 if file.gid == user.gid else 0o002))


def _is_within(path: str, folders: Iterable[str]) -> bool:
    return any(path == folder or path.startswith(f"{folder}/") for folder in folders)
