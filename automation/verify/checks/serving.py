"""Checks of how nginx serves a static frontend, judged by asking it for each kind of file."""

import re

from automation.contract.comparison import Maybe, differences
from automation.contract.contract import Contract
from automation.verify.check import IMAGE, LIVE, Finding, check, no_problem, not_applicable
from automation.verify.facts import Container, Document
from automation.verify.gather.content import Content
from automation.verify.gather.serving import PATIENCE_SECONDS, directives

_SERVER = {"server": "nginx"}
_SECURITY = {
    **_SERVER,
    "content-security-policy": "frame-ancestors 'none'; base-uri 'none'; object-src 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "strict-origin-when-cross-origin",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
}
_COMPRESSED = {"content-encoding": "gzip", "vary": "Accept-Encoding"}
_REVALIDATED, _FOREVER = "no-cache", "public, max-age=31536000, immutable"
_HTML, _JSON = "text/html; charset=utf-8", "application/json"


def _page(status: int = 200) -> Document:
    return _answer(status, _HTML, _REVALIDATED, **_COMPRESSED)


def _problem(status: int) -> Document:
    return _answer(
        status, r"application/problem\+json", "no-store", **{"x-request-id": re.compile(r"[\w.-]+")}
    )


def _answer(status: int, kind: str, cached: str, **further: object) -> Document:
    return {
        "status": status,
        "headers": {**_SECURITY, "content-type": re.compile(kind), "cache-control": cached, **further},
    }


_REFUSED = {**_SERVER, "content-type": _HTML}
ANSWERS: Document = {
    "first page": _page(),
    "page": _page(),
    "script": _answer(200, r"(application|text)/javascript(; charset=utf-8)?", _FOREVER, **_COMPRESSED),
    "style": _answer(200, r"text/css(; charset=utf-8)?", _FOREVER, **_COMPRESSED),
    "image": _answer(200, r"image/svg\+xml(; charset=utf-8)?", _REVALIDATED),
    "health": _answer(200, _JSON, "no-store"),
    "api": _answer(401, r"application/problem\+json", "no-store", **{
        "x-request-id": re.compile(r"[\w.-]+"),
        "www-authenticate": Maybe(re.compile(".*")),
    }),
    "missing page": _page(404),
    "missing script": _page(404),
    "path outside": _problem(400),
    "large body": _problem(413),
    "unknown method": {"status": 405, "headers": _REFUSED},
    "large header": {"status": 400, "headers": _REFUSED},
}  # fmt: skip


@check(LIVE, only="frontend", remedy="frontend/image/nginx/nginx.conf, and a new header in checks/serving.py")
def static_serving(contract: Contract, container: Container) -> Finding:
    """nginx sends each kind of file compressed, cached and protected, and refuses what is too large."""
    if contract.profile.frontend.output != "static":
        return not_applicable("as required of nginx", "the frontend is a Node server")
    return no_problem(map(str, differences(ANSWERS, dict(container.answers))))


@check(IMAGE, only="frontend", remedy="frontend/image/nginx, or nginx in deploy/rules.toml")
def static_configuration(contract: Contract, content: Content) -> Finding:
    """nginx's configuration has the rules' directives, in their order, and no other."""
    if contract.profile.frontend.output != "static":
        return not_applicable("", "the frontend is a Node server")
    wanted, seen = contract.rules.nginx, tuple(directives(content.texts))
    problems = [f"no {line}" for line in wanted if line not in seen]
    problems += [f"unknown: {line}" for line in seen if line not in wanted]
    return no_problem(problems or ["" if wanted == seen else "another order"], most=3)


@check(LIVE, only="frontend", remedy="client_header_timeout 10s; client_body_timeout 10s;")
def slow_clients(contract: Contract, container: Container) -> Finding:
    """nginx ends a request that a client does not finish, so that slow clients cannot occupy it."""
    required = f"ended within {PATIENCE_SECONDS:.0f} s"
    if contract.profile.frontend.output != "static":
        return not_applicable(required, "the frontend is a Node server")
    late = [part for part, seconds in container.unfinished.items() if seconds is None]
    problems = [f"still waits for the {part}" for part in late]
    return no_problem(problems or ["" if container.unfinished else "not asked"], required=required)
