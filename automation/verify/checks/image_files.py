"""Check that every file of an image has an origin, an owner and a mode that are expected.

A file comes from a package of the base image, as its database lists, from a package of the locks, from the
sources, or from a place that the build writes to. Whatever else is in an image was put there by somebody.
"""

import re
import sys
from collections.abc import Iterator

from automation.contract.contract import Contract
from automation.docker.archive import File
from automation.verify.check import IMAGE, Finding, check, no_problem
from automation.verify.checks.image_contents import SOURCES
from automation.verify.facts import Context, Packages
from automation.verify.gather.content import Content
from automation.verify.gather.origins import plain

_PROGRAMS = re.compile(
    r"/usr/(local/)?s?bin/(node|nginx|tini|launch|healthcheck|uvicorn|python3(\.\d+)?|python)"
    r"|/opt/venv/bin/(uvicorn|python3?)|/app/.+\.node|.+\.so(\.[\d.]+)?"
)
_BUILT = re.compile(
    # the distiller
    r"/etc/(passwd|group|nsswitch\.conf|(debian|alpine)[_-](version|release)|(?:usr/lib/)?os-release)"
    r"|/etc/ssl/(cert\.pem|certs/ca-certificates\.crt)|/usr/lib/(os-release|ssl/cert\.pem)"
    r"|/usr/share/(doc/[\w.+-]+(/copyright)?|(common-)?licenses/[\w.+/-]+)"
    r"|/var/lib/dpkg/status\.d/[\w.+-]+|/(usr/)?lib/apk/db/installed|/(usr/)?s?bin|/lib(64|/apk)?"
    # the interpreters, and links of libraries
    r"|/usr/(local/)?s?bin/(node|nginx|tini|python3(\.\d+)?|python)|/usr/local/LICENSE"
    r"|/(usr/)?lib(64)?/([\w-]+/)?(ld|lib)[\w.+-]*\.so[.\d]*|/usr/local/lib/libpython3[\w.]*"
    r"|/usr/local/lib/python3\.\d+/dist-packages"
    # the environment, and the launcher of nginx
    r"|/opt/venv/(pyvenv\.cfg|bin/(uvicorn|python3?)|lib64)|/usr/local/bin/(launch|healthcheck|uvicorn)"
    # Next.js and nginx
    r"|/app/(server\.js|lib/server/[\w-]+\.js|healthcheck\.mjs|package\.json|\.next/(BUILD_ID|[\w.-]+\.json))"
    r"|/app/\.next/(server|static)/[\w.()\[\]/@~-]+\.(js|json|map|css|svg|ico|png|html|rsc|meta|body|woff2?)"
    r"|/etc/nginx/(mime\.types|version|nginx\.conf|(problem|security)-headers\.conf)"
    r"|/usr/share/nginx/html/([\w.-]+/)?[\w.-]+\.(html|txt|svg|ico|png)"
    r"|/app/public/(sw\.js|icon-[\w-]+\.png)|/usr/share/nginx/html/(sw\.js|manifest\.json)"
    r"|/usr/share/nginx/html/_next/[\w.()\[\]/@~-]+\.(js|json|map|css|svg|ico|png|woff2?)"
)
"""Files that the build writes."""
_STANDARD = re.compile(r"/usr/local/lib/python3\.\d+/(?:lib-dynload/)?([\w-]+)[./].*")
_SITE = re.compile(r".*?/site-packages/(.+)")
_NODE = re.compile(r"/node_modules/((?:@[^/]+/)?[^/@.][^/]*)(?=/)")
_OTHER_VERSIONS = re.compile(
    r"aifc|audioop|cgi|cgitb|chunk|crypt|imghdr|mailcap|msilib|nis|nntplib|ossaudiodev|pipes|sndhdr|spwd|sunau|telnetlib"
    r"|uu|xdrlib|asynchat|asyncore|distutils|imp|smtpd|lib2to3|annotationlib|compression|_sysconfigdata_[\w-]+|LICENSE"
    r"|_android_support|_apple_support|_ios_support|_colorize|_pylong|_pyrepl|_pydatetime|_interp[a-z]+"
    r"|_opcode_metadata|_distutils_system_mod|_py_warnings|_ast_unparse|__hello__"
)
"""Modules that the interpreter of this program need not have."""
_DIGEST_LENGTH = 32  # of MD5, with which Debian lists the files of a package


@check(
    IMAGE, remedy="COPY only what is needed; if it is right, add its place to verify/checks/image_files.py"
)
def file_origins(contract: Contract, content: Content, context: Context, packages: Packages) -> Finding:
    """Every file comes from a package, the sources or the build; root owns it, and its mode is plain."""
    known = {*_known(contract, content, context)}
    return no_problem(
        (
            _mode(contract, file)
            or (
                "" if file.kind == "directory" or _has_origin(path, known, packages) else f"{path} is unknown"
            )
            for path, file in sorted(content.files.items())
        ),
        passing=f"{len(content.files)} files",
        most=3,
    )


def _known(contract: Contract, content: Content, context: Context) -> Iterator[str]:
    """Yield the files that the databases of packages list, and the sources."""
    for path, text in content.texts.items():
        folder = ""
        for line in text.splitlines():
            kind, _, name = line.partition("  " if path.endswith(".md5sums") else ":")
            if kind == "F":
                folder = f"{name}/"
            elif kind == "R" or len(kind) == _DIGEST_LENGTH:
                found = content.resolve(f"/{folder}{name}")
                yield found.path if found else ""
    for file in context.files:
        if contract.name == "backend" and file.startswith(SOURCES):
            yield f"{contract.service.workdir}/{file.removeprefix(SOURCES)}"


def _has_origin(path: str, known: set[str], packages: Packages) -> bool:
    if path in known or plain(path) in known:
        return True
    if found := _SITE.fullmatch(path):
        return plain(found[1]) in packages.files
    if found := _STANDARD.fullmatch(path):
        return found[1] in sys.stdlib_module_names or bool(_OTHER_VERSIONS.fullmatch(found[1]))
    if names := _NODE.findall(path):
        return {*names} <= packages.node
    return bool(_BUILT.fullmatch(path))


def _mode(contract: Contract, file: File) -> str:
    """Return what is wrong with an owner or a mode; whether root's group may write depends on git's umask."""
    user, owner, mode = contract.service.user, (0, 0), file.mode & ~0o020
    match file.kind:
        case "directory":
            allowed = {0o755}
            owner = (user.uid, user.gid) if file.path in contract.writable else owner
        case "link":
            allowed, mode = {0o777}, 0o777
        case "file":
            allowed = {0o644, 0o755} if _PROGRAMS.fullmatch(file.path) else {0o644}
        case _:
            return f"{file.path} is neither a file nor a directory or link"
    if mode in allowed and (file.uid, file.gid) == owner and not file.attributes:
        return ""
    attributes = "".join(f" {name}" for name, _ in file.attributes)
    return f"{file.path} is {file.mode:04o} {file.uid}:{file.gid}{attributes}"
