"""The formats of single values: versions, tags, registries, addresses, secrets. Each is defined once, here.

A format takes a value and returns what is wrong with it, or nothing. Its words continue the name of the
setting ("VERSION is not …") and never contain the value, which may be a secret and end in a log.
The backend judges its own settings alike; `tests/automation/contract/test_agreement.py` compares both.
"""

import re
from collections.abc import Callable
from contextlib import suppress
from urllib.parse import parse_qsl, urlsplit

from automation.contract.models import TAG

SECRET_LENGTH = 32
"""Characters that a secret has at least."""
# A version is also an image's tag, of at most 128 characters.
_VERSION = (
    r"(?=.{1,128}$)v(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)"
    r"(-[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?(\+[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?"
)
_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_HOST = r"(?:localhost|[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+|[A-Za-z0-9-]+(?=:\d)|\[[0-9a-fA-F:]+\])(?::\d{1,5})?"
_REGISTRY = re.compile(rf"(?:{_HOST}|{_COMPONENT})(?:/{_COMPONENT})*")
_IMAGE = rf"(?:{_HOST}/)?{_COMPONENT}(?:/{_COMPONENT})*(?::{TAG})?(?:@sha256:[0-9a-f]{{64}})?"
_CREDENTIAL = r"[^\s:/@?#\[\]]+"
_MAIL_SERVER = re.compile(
    rf"smtps?://(?:{_CREDENTIAL}:{_CREDENTIAL}@)?(?:[\w.-]+|\[[0-9a-fA-F:.]+\])(?::(\d{{1,5}}))?/?",
    re.ASCII,
)
_ADDRESS = r"[^\s<>@,;:\"\\()\[\]]+@[A-Za-z0-9.-]+"
_PLACEHOLDER = re.compile(
    r"|[*x.]{3,}|(.)\1{2,}|<.*>|\$?\{.*|\$\w+|%.*"
    r"|(?:your|my|the|example|sample|dummy|fake|test|insert|some)[-_ ].*"
    r"|.*(?:example|placeholder|(?:change|replace)[-_ ]?me|redacted).*|.*[-_]here"
    r"|user|pass(?:word)?|secret|token|none|null|true|false",
    re.IGNORECASE,
)
_POSTGRESQL = ("postgresql", "postgres", "postgresql+psycopg", "postgres+psycopg")
_FORM = "write postgresql://user:password@host:5432/name"
_OTHER_DATABASES = ("mysql", "mariadb", "mssql", "mongodb", "oracle", "redis")
_OTHER_DRIVERS = ("asyncpg", "psycopg2", "psycopg_async", "pg8000")
_PARAMETERS = {
    "pgbouncer": "remove it: it is Prisma's, and poolers work without it",
    "schema": "remove it: it is Prisma's; libpq has options=-csearch_path%3DNAME",
    "ssl": "write sslmode=require, or sslmode=disable for ssl=false",
}

Format = Callable[[str], str]


def _matching(expression: str, problem: str) -> Format:
    pattern = re.compile(expression, re.ASCII)
    return lambda value: "" if pattern.fullmatch(value) else problem


version = _matching(_VERSION, "is not a semantic version; write it as in v1.0.0")
tag = _matching(TAG, "is not a tag: letters, digits, dots, dashes and underscores, at most 128")
image = _matching(_IMAGE, "is not the name of an image")
model_key = _matching("[!-~]+", "contains a space or a character outside ASCII, which no key has")
# It becomes a part of a URL as it is.
database_password = _matching(
    "[A-Za-z0-9._~-]+", "contains something other than letters, digits, dots, dashes, _ and ~"
)
mail_sender = _matching(
    rf"[^<>@,;:\"\\\r\n]*[^<>@,;:\"\\\s] ?<{_ADDRESS}>|{_ADDRESS}",
    "is not a sender; write an address, or a name with one: To-do <no-reply@example.com>",
)
anything = _matching("(?s:.*)", "")


def version_tag(value: str) -> str:
    """Return the image tag of a version: a tag has no +, and Helm writes _ for it, too."""
    return value.replace("+", "_")


def registry(value: str) -> str:
    if not _REGISTRY.fullmatch(value):
        form = "in lowercase: registry.example.com/me, me, localhost:5000"
        return f"is not a registry; write a host, a user or both, {form}"
    port = re.search(r":(\d+)(?=/|$)", value)
    if port and not 1 <= int(port[1]) <= 65535:
        return f"is not a registry: port {port[1]} is not between 1 and 65535"
    return ""


def secret(value: str) -> str:
    enough = len(value) >= SECRET_LENGTH
    return "" if enough else f"has {len(value)} characters; at least {SECRET_LENGTH} are needed"


def openai_key(value: str) -> str:
    return model_key(value) if value.startswith("sk-") else "does not begin with sk-, as OpenAI's keys do"


def web_address(value: str) -> str:
    with suppress(ValueError):
        parts = urlsplit(value)
        whole = parts.hostname and parts.port != 0 and not parts.username and not parts.fragment
        if parts.scheme in {"http", "https"} and whole and not re.search(r"\s", value):
            return ""
    return "is not an http or https address; write it as in https://todo.example.com"


def origins(value: str) -> str:
    for origin in filter(None, (item.strip() for item in value.split(","))):
        host = origin.removesuffix(":*")  # every port of the host
        wrong = web_address(host) or urlsplit(host).path not in {"", "/"} or {"?", "*"} & {*host}
        if wrong or (host != origin and (urlsplit(host).port is not None or host.endswith("/"))):
            return "is not a list of origins; write it as in https://a.example,https://b.example"
    return ""


def mail_server(value: str) -> str:
    """Judge the URL of a mail server, which may contain a password."""
    if re.search(r"%(?![0-9A-Fa-f]{2})", value) or not (match := _MAIL_SERVER.fullmatch(value)):
        return "is not a mail server; write smtp://user:password@host:587, with special characters as %40"
    if match[1] and not 1 <= int(match[1]) <= 65535:
        return "has a port that is not between 1 and 65535"
    return ""


def one_of(*allowed: str) -> Format:
    return lambda value: "" if value in allowed else f"must be one of {', '.join(allowed)}"


def log_level(value: str) -> str:
    return one_of("debug", "info", "warning", "error")(value.lower())


def database_url(value: str) -> str:
    """Judge a PostgreSQL URL as libpq reads it, which takes several hosts, too."""
    scheme, separator, rest = value.partition("://")
    scheme = scheme.lower() if separator else ""
    kind, _, driver = scheme.partition("+")
    if kind == "sqlite":
        return "is a SQLite URL; leave it empty for the embedded SQLite database"
    if kind in _POSTGRESQL and scheme not in _POSTGRESQL:
        named = f"the driver {driver}" if driver in _OTHER_DRIVERS else "a driver"
        return f"names {named}, which is not used here; write postgresql:// without a driver"
    if scheme not in _POSTGRESQL:
        named = f" but one of {kind}" if kind in _OTHER_DATABASES else ""
        choice = f"{_FORM}, or nothing for the embedded database"
        return f"is not a PostgreSQL connection string{named}; {choice}"
    if re.search(r"\s", value):
        return f"contains a space; percent-encode it as %20, and {_FORM}"
    if re.search(r"%(?![0-9A-Fa-f]{2})", value):
        return "contains a % that is not percent-encoded; write it as %25"
    if "#" in value:
        return "contains a #; percent-encode it as %23"
    authority = re.split(r"[/?]", rest, maxsplit=1)[0]
    if authority.count("@") > 1 or "@" in rest[len(authority) :]:
        return "has a password with a character to percent-encode: @ as %40, / as %2F, ? as %3F"
    return _libpq_problem(f"postgresql://{rest}")


def _libpq_problem(url: str) -> str:
    import psycopg  # only a database of one's own needs the driver
    from psycopg.pq import Conninfo

    known = {option.keyword.decode() for option in Conninfo.get_defaults()}
    for name, setting in parse_qsl(url.partition("?")[2], keep_blank_values=True):
        if name not in known and (name, setting) != ("ssl", "true"):
            shown = f"the parameter {name}" if re.fullmatch(r"[a-zA-Z_]{1,40}", name) else "a parameter"
            return f"has {shown}, which PostgreSQL does not know; {_PARAMETERS.get(name, 'remove it')}"
    invalid = f"has a port or an address that is not valid, or a password to percent-encode; {_FORM}"
    try:
        options = {
            option.keyword.decode(): option.val.decode()
            for option in Conninfo.parse(url.encode())
            if option.val
        }
    except (psycopg.Error, UnicodeDecodeError):
        return invalid
    for port in filter(None, options.get("port", "").split(",")):
        if not re.fullmatch(r"\d{1,5}", port, re.ASCII) or int(port) > 65535:
            return invalid
        if int(port) == 0:
            return f"has port 0; {_FORM}"
    if not (options.get("host") or options.get("hostaddr")):
        return f"names no host; {_FORM}"
    return "" if options.get("dbname") else f"names no database; {_FORM}"


def is_placeholder(value: str) -> bool:
    """Return whether a secret is an example's text, as in `sk-your-key-here` or `changeme`."""
    return _PLACEHOLDER.fullmatch(re.sub(r"^sk-(?:proj-)?", "", value)) is not None
