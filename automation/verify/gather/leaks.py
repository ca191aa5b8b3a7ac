"""Finds secrets by their shape, by the name of their variable, and by their known value.

Nothing here returns a secret: findings name its kind, because they go into reports and logs.

Libraries are full of examples that look like secrets. Every file is searched only for shapes that no example
has (a complete key) and for the values that this machine keeps secret. Names with values (`API_KEY=…`) are
judged only in files where people write settings.
"""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from automation.contract import formats

_SHORTEST = 12  # characters; a shorter value would be found by chance

SECRET_NAME = re.compile(
    r"(?:^|[_.-])(?:SECRET|TOKEN|(?:PG)?PASSWORD|PASSWD|PASSPHRASE|CREDENTIALS?"
    r"|(?:API|ACCESS|PRIVATE|SIGNING|ENCRYPTION|MASTER)[_-]?KEY)(?:$|[_.-])|(?<!proxy)_PASS$",
    re.IGNORECASE,
)
# Too many other things are called keys to look for this name in texts.
_KEY = re.compile(r"(?<!GPG)(?<!PUBLIC)(?<!PUB)(?<!HOST)(?<!CACHE)(?<!SORT)[_-]KEY$", re.IGNORECASE)
_ASSIGNED = re.compile(
    r"""(?:(?<![\w.-])|(?<=[\s"']--))["']?([A-Za-z][\w.-]{2,60})["']?[ \t]*[=:][ \t]*"""
    r"""(?:"([^"\n]*)"|'([^'\n]*)'|([^\s"',;}&]+))"""
)
_AUTHORIZATION = re.compile(
    r"Authorization[\"']?\s*[:=]\s*[\"']?(?:Bearer|Basic|Token)\s+([A-Za-z0-9._~+/-]{12,}=*)", re.IGNORECASE
)
_CREDENTIALS = re.compile(r"\b[a-z][a-z0-9+]{2,20}://[^\s:/@'\"<>{}$]*:([^\s:/@'\"<>{}$]+)@", re.IGNORECASE)


@dataclass(frozen=True)
class _Shape:
    kind: str
    beginning: bytes  # found fifty times faster than the pattern, which is then tried only there
    rest: re.Pattern[bytes]
    is_random: bool = True


_PASSWORD = re.compile(rb"(?:ql|s)?(?:\+\w+)?://[^\s:/@]+:([!-9;-?A-~]{%d,})@" % _SHORTEST)
_PRIVATE_KEY = re.compile(rb"(?:[A-Z]+ )?PRIVATE KEY-----\s+([A-Za-z0-9+/=]{40,})")
_SHAPES = (
    _Shape("a model provider's key", b"sk-", re.compile(rb"([\w-]{20,200})(?![\w-])")),
    _Shape("a Google key", b"AIza", re.compile(rb"([\w-]{35})(?![\w-])")),
    _Shape("an AWS key", b"AKIA", re.compile(rb"([A-Z0-9]{16})(?![A-Z0-9])")),
    _Shape("a GitHub token", b"ghp_", re.compile(rb"(\w{36,})")),
    _Shape("a GitHub token", b"github_pat_", re.compile(rb"(\w{40,})")),
    _Shape("a GitLab token", b"glpat-", re.compile(rb"([\w-]{20,})")),
    _Shape("an npm token", b"npm_", re.compile(rb"([A-Za-z0-9]{36})(?!\w)")),
    _Shape("a Slack token", b"xox", re.compile(rb"[abprs]-([\w-]{20,})")),
    _Shape("a private key", b"-----BEGIN ", _PRIVATE_KEY, is_random=False),
    *(
        _Shape("a password in an address", scheme, _PASSWORD)
        for scheme in (b"postgres", b"mysql", b"mongodb", b"redis")
    ),
)
# Digests and paths do not have upper case, lower case and digits.
_OPAQUE = re.compile(r"(?=.*[A-Z])(?=.*[a-z])(?=.*[0-9])[A-Za-z0-9+/_-]{32,}=*")
_WORD = re.compile(rb"[\w-]")


@dataclass(frozen=True)
class Search:
    """A search for secrets, and for the values of the known settings."""

    known: Mapping[str, str]

    def in_bytes(self, data: bytes) -> Iterator[str]:
        """Yield the kinds of secrets in any file."""
        for name, value in self.known.items():
            if len(value) >= _SHORTEST and value.encode() in data:
                yield f"the value of {name}"
        for shape in _SHAPES:
            if any(not shape.is_random or _is_random(text) for text in _occurrences(shape, data)):
                yield shape.kind

    def in_variable(self, name: str, value: str) -> Iterator[str]:
        """Yield the kinds of secrets in the value of a variable."""
        yield from self.in_bytes(value.encode())
        named = SECRET_NAME.search(name) or _KEY.search(name)
        if named and len(value) >= 8 and not formats.is_placeholder(value):
            yield f"a value of {name}"
        elif (found := _CREDENTIALS.search(value)) and not formats.is_placeholder(found[1]):
            yield f"a password in {name}"
        elif _OPAQUE.fullmatch(value) and _entropy(value) > 4.2:
            yield f"what looks like a key in {name}"

    def in_text(self, text: str) -> Iterator[str]:
        """Yield the kinds of secrets in what people write: settings, instructions, history."""
        yield from self.in_bytes(text.encode())
        for found in _ASSIGNED.finditer(text):
            value = found[2] or found[3] or found[4] or ""
            # An expression is no value: `secret = load_secret()`.
            is_value = len(value) >= 8 and not re.search(r"[()\[\]<>$]", value)
            if is_value and SECRET_NAME.search(found[1]) and not formats.is_placeholder(value):
                yield f"a value of {found[1]}"
        for found in _AUTHORIZATION.finditer(text):
            if not formats.is_placeholder(found[1]):
                yield "a value of Authorization"
        for found in _CREDENTIALS.finditer(text):
            if not formats.is_placeholder(found[1]):
                yield "a password in an address"


def _occurrences(shape: _Shape, data: bytes) -> Iterator[str]:
    at = data.find(shape.beginning)
    while at >= 0:
        after = at + len(shape.beginning)
        inside = at > 0 and _WORD.match(data, at - 1)  # "task-" ends like the beginning of a key
        found = None if inside else shape.rest.match(data, after)
        if found:
            yield found[1].decode("latin-1")
        at = data.find(shape.beginning, after)


def _entropy(text: str) -> float:
    """Return the bits that a character of the text carries: 3 for words, above 4 for random letters."""
    counts = [text.count(character) for character in set(text)]
    return -sum(count / len(text) * math.log2(count / len(text)) for count in counts)


def _is_random(text: str) -> bool:
    return _entropy(text) > 3.2 and bool(re.search(r"\d", text)) and "EXAMPLE" not in text.upper()
