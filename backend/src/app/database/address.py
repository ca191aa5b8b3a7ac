"""Parse the database URL as libpq does, and convert it for SQLAlchemy.

The automation's `env-check` accepts the same values; tests/automation/contract/test_agreement.py verifies
this.
"""

import re
from urllib.parse import parse_qsl

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

POSTGRESQL_FORM = "is not of the form postgresql://user:password@host:5432/name"
_SCHEMES = ("postgresql", "postgres", "postgresql+psycopg", "postgres+psycopg")


def database_url(url: str) -> URL:
    """Return the URL with this project's driver. The rest remains unchanged.

    Raises:
        ValueError: when it is invalid, or neither SQLite nor PostgreSQL. The message contains nothing of the
            URL except the names of unknown parameters, because the rest may contain a password.
    """
    scheme, _, rest = url.partition("://")
    if scheme.lower() in _SCHEMES:
        return _postgresql_url(rest)
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise ValueError(POSTGRESQL_FORM) from None
    if parsed.get_backend_name() == "sqlite" and parsed.database:
        return parsed.set(drivername="sqlite+aiosqlite")
    raise ValueError(POSTGRESQL_FORM)


def _postgresql_url(rest: str) -> URL:
    authority = re.split(r"[/?]", rest, maxsplit=1)[0]
    misplaced = authority.count("@") > 1 or "@" in rest[len(authority) :]
    if misplaced or re.search(r"[\s#]|%(?![0-9A-Fa-f]{2})", rest):
        raise ValueError(
            "has a character to percent-encode: "
            "@ as %40, / as %2F, ? as %3F, # as %23, % as %25, a space as %20"
        )
    options = _libpq_options(f"postgresql://{rest}")
    user, password, database = (options.pop(name, None) for name in ("user", "password", "dbname"))
    host, ports = options.pop("host", ""), options.pop("port", "").split(",")
    if not (host or "hostaddr" in options) or not database:
        raise ValueError(POSTGRESQL_FORM)
    if not all(re.fullmatch(r"\d{1,5}", port) and 0 < int(port) <= 65535 for port in ports if port):
        raise ValueError("has a port that is not between 1 and 65535")
    if len(hosts := host.split(",")) == 1 and not host.startswith("/"):
        port = int(ports[0]) if ports[0] else None
        return URL.create("postgresql+psycopg", user, password, host or None, port, database, options)
    # SQLAlchemy accepts several hosts, and a socket directory, only as parameters.
    options["host"] = host
    if any(ports):
        options["port"] = ",".join(ports * len(hosts) if len(ports) == 1 else ports)
    return URL.create("postgresql+psycopg", user, password, database=database, query=options)


def _libpq_options(url: str) -> dict[str, str]:
    # Importing this takes 0.1 s, which SQLite does not need.
    import psycopg
    from psycopg.pq import Conninfo

    given = parse_qsl(url.partition("?")[2], keep_blank_values=True)
    known = {option.keyword.decode() for option in Conninfo.get_defaults()}
    unknown = {name for name, value in given if name not in known and (name, value) != ("ssl", "true")}
    if unknown:
        raise ValueError(f"has parameters that PostgreSQL does not know: {', '.join(sorted(unknown))}")
    try:
        parsed = Conninfo.parse(url.encode())
        return {option.keyword.decode(): option.val.decode() for option in parsed if option.val}
    except (psycopg.Error, UnicodeDecodeError):
        raise ValueError(POSTGRESQL_FORM) from None
