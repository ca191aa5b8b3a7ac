"""Rules for texts that people write, shared by validation and the OpenAPI document."""

import re
from typing import Any

from pydantic import Field

_CONTROL = r"\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f"
"""Control characters other than tab, line feed and carriage return."""
_CONTROLS = re.compile(f"[{_CONTROL}]")


def folded(text: str) -> str:
    """Return text for searching, which ignores case."""
    return text.casefold()


def like_pattern(word: str) -> str:
    """Return the pattern of LIKE, with the escape character `/`, for texts that contain a word."""
    for character in ("/", "%", "_"):
        word = word.replace(character, f"/{character}")
    return f"%{word}%"


def refuse_controls(value: object) -> object:
    """Return a value unchanged.

    Raises:
        ValueError: when it is a text with a control character.
    """
    if isinstance(value, str) and (found := _CONTROLS.search(value)):
        raise ValueError(f"must not contain the control character U+{ord(found[0]):04X}")
    return value


def one_line(value: object) -> object:
    """Return a text with all white space as single spaces; refuse control characters."""
    return " ".join(value.split()) if isinstance(value, str) and refuse_controls(value) else value


def lines(value: object) -> object:
    """Return a text without white space around it, and with line feeds; refuse control characters."""
    if not isinstance(value, str):
        return value
    refuse_controls(value)
    return value.replace("\r\n", "\n").replace("\r", "\n").strip()


def any_text() -> Any:
    """Describe a text that may be empty."""
    return Field(json_schema_extra={"pattern": f"^[^{_CONTROL}]*$"})


def some_text(*, but: str = "") -> Any:
    """Describe a text with a visible character, other than those in `but`."""
    visible = rf"[^{_CONTROL}\s{but}]"
    return Field(json_schema_extra={"pattern": f"^[^{_CONTROL}]*{visible}[^{_CONTROL}]*$"})
