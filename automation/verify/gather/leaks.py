"""Finding secrets by what they look like, where they are called, and what they are known to be.

Nothing here ever returns a secret: a leak says of what kind it is, and that goes into reports and logs.

Libraries are full of examples that look like secrets. So what is searched in every file are shapes that
nobody's example has (a whole key, a whole private key) and the very values that this machine keeps secret;
names with values (`API_KEY=…`) are judged only where people write settings.
"""

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

_SHORTEST = 12
"""Characters below which a value that is known would be found by chance."""

SECRET_NAME = re.compile(
    r"(?:^|[_.-])(?:SECRET|TOKEN|(?:PG)?PASSWORD|PASSWD|PASSPHRASE|CREDENTIALS?"
    r"|(?:API|ACCESS|PRIVATE|SIGNING|ENCRYPTION|MASTER)[_-]?KEY)(?:$|[_.-])|(?<!proxy)_PASS$",
    re.IGNORECASE,
)
"""Names of variables that hold secrets."""

_KEY = re.compile(r"(?<!GPG)(?<!PUBLIC)(?<!PUB)(?<!HOST)(?<!CACHE)(?<!SORT)[_-]KEY$", re.IGNORECASE)
"""Names of variables that hold keys; too many other things are called so to look for it in texts."""

_PLACEHOLDER = re.compile(
    r"|[*x.]+|<.*>|\$?\{.*|\$\w+|%.*|(?:your|my|the|example|sample|dummy|fake|test|insert|some)[-_ ].*"
    r"|.*(?:example|placeholder|change_?me|redacted).*|user|pass(?:word)?|secret|token|none|null|true|false",
    re.IGNORECASE,
)
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
    """What a kind of secret looks like."""

    kind: str
    beginning: bytes
    """Found fifty times faster than a pattern, which is then tried only there."""
    rest: re.Pattern[bytes]
    plausible: Callable[[str], bool]


def entropy(text: str) -> float:
    """Return the bits that a character of the text carries: 3 for words, above 4 for random letters."""
    counts = [text.count(character) for character in set(text)]
    return -sum(count / len(text) * math.log2(count / len(text)) for count in counts)


def _random(text: str) -> bool:
    return entropy(text) > 3.2 and any(each.isdigit() for each in text) and "EXAMPLE" not in text.upper()


def _strong_password(text: str) -> bool:
    return len(text) >= _SHORTEST and _random(text)


def _any(_: str) -> bool:
    return True


_PASSWORD = re.compile(rb"(?:ql|s)?(?:\+\w+)?://[^\s:/@]+:([!-9;-?A-~]+)@")
_SHAPES = (
    _Shape("a model provider's key", b"sk-", re.compile(rb"([\w-]{20,200})(?![\w-])"), _random),
    _Shape("a Google key", b"AIza", re.compile(rb"([\w-]{35})(?![\w-])"), _random),
    _Shape("an AWS key", b"AKIA", re.compile(rb"([A-Z0-9]{16})(?![A-Z0-9])"), _random),
    _Shape("a GitHub token", b"ghp_", re.compile(rb"(\w{36,})"), _random),
    _Shape("a GitHub token", b"github_pat_", re.compile(rb"(\w{40,})"), _random),
    _Shape("a GitLab token", b"glpat-", re.compile(rb"([\w-]{20,})"), _random),
    _Shape("an npm token", b"npm_", re.compile(rb"([A-Za-z0-9]{36})(?!\w)"), _random),
    _Shape("a Slack token", b"xox", re.compile(rb"[abprs]-([\w-]{20,})"), _random),
    _Shape(
        "a private key",
        b"-----BEGIN ",
        re.compile(rb"(?:[A-Z]+ )?PRIVATE KEY-----\s+([A-Za-z0-9+/=]{40,})"),
        _any,
    ),
    *(
        _Shape("a password in an address", scheme, _PASSWORD, _strong_password)
        for scheme in (b"postgres", b"mysql", b"mongodb", b"redis")
    ),
)
_WORD = re.compile(rb"[\w-]")


@dataclass(frozen=True)
class Search:
    """What is looked for."""

    known: Mapping[str, str]
    """The values that must not appear anywhere, by the name of the setting that holds them."""

    def in_bytes(self, data: bytes) -> Iterator[str]:
        """Yield the kinds of secrets that any file may not hold."""
        for name, value in self.known.items():
            if len(value) >= _SHORTEST and value.encode() in data:
                yield f"the value of {name}"
        for shape in _SHAPES:
            if any(shape.plausible(text) for text in _occurrences(shape, data)):
                yield shape.kind

    def in_variable(self, name: str, value: str) -> Iterator[str]:
        """Yield the kinds of secrets that a variable's value is."""
        yield from self.in_bytes(value.encode())
        named = SECRET_NAME.search(name) or _KEY.search(name)
        if named and len(value) >= 8 and not _PLACEHOLDER.fullmatch(value):
            yield f"a value of {name}"
        elif (found := _CREDENTIALS.search(value)) and not _PLACEHOLDER.fullmatch(found[1]):
            yield f"a password in {name}"
        elif re.fullmatch(r"[A-Za-z0-9+/_-]{32,}=*", value) and _mixed(value) and entropy(value) > 4.2:
            yield f"what looks like a key in {name}"

    def in_text(self, text: str) -> Iterator[str]:
        """Yield the kinds of secrets in what people write: settings, instructions, history."""
        yield from self.in_bytes(text.encode())
        for found in _ASSIGNED.finditer(text):
            value = found[2] or found[3] or found[4] or ""
            # An expression is no value: `secret = load_secret()`.
            is_value = len(value) >= 8 and not re.search(r"[()\[\]<>$]", value)
            if is_value and SECRET_NAME.search(found[1]) and not _PLACEHOLDER.fullmatch(value):
                yield f"a value of {found[1]}"
        for found in _AUTHORIZATION.finditer(text):
            if not _PLACEHOLDER.fullmatch(found[1]):
                yield "a value of Authorization"
        for found in _CREDENTIALS.finditer(text):
            if not _PLACEHOLDER.fullmatch(found[1]):
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


def _mixed(value: str) -> bool:
    """Whether upper and lower case and figures appear: digests and paths do not have all three."""
    return all(any(test(each) for each in value) for test in (str.isupper, str.islower, str.isdigit))
