"""What Helm complains of when values break a chart's schema, in the words of any of its versions."""

import re
from collections.abc import Iterator

_RECORDED = re.compile(r"^(?P<place>\(root\)|[\w./-]+): (?P<what>.+)$")
"""As in `config.LOG_LEVEL: Invalid type. Expected: string, given: array`, of Helm 3.17."""
_LATER = re.compile(r"^\s*- at '(?P<place>[^']*)': (?P<what>.+)$")
"""As in `- at '/config/LOG_LEVEL': got array, want string`."""
_KEYS = re.compile(
    r"^(?:Additional property (?P<extra>\S+) is not allowed|(?P<missing>\S+) is required"
    r"|(?:additional|missing) propert(?:y|ies) (?P<several>'.+'))"
)


def says(error: str, line: str) -> bool:
    """Return whether an error contains a line of Helm 3.17, or complains of the same place in other words.

    An unknown or a missing key is a place too, by its own name.
    """
    if line in error:
        return True
    own = _RECORDED.match(line)
    later = {
        place for text in error.splitlines() if (match := _LATER.match(text)) for place in _places(match)
    }
    return own is not None and {*_places(own)} <= later


def _places(match: re.Match[str]) -> Iterator[str]:
    place = match["place"].removeprefix("(root)").strip("/").replace("/", ".").replace("~1", "/")
    keys = _KEYS.match(match["what"])
    if keys is None:
        yield place
        return
    for key in re.findall(r"'([^']+)'", keys["several"] or "") or [keys["extra"] or keys["missing"]]:
        yield f"{place}.{key}".lstrip(".")
