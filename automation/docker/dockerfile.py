"""Reading a Dockerfile as the builder reads it: directives, and instructions with their flags.

The builder's own rules hold: the escape directive, continued lines with comments between them, heredocs,
instructions in any case. What cannot be read becomes an instruction that nothing knows, never an exception.
"""

import json
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

KEYWORDS = frozenset({
    "ADD", "ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "FROM", "HEALTHCHECK", "LABEL", "MAINTAINER",
    "ONBUILD", "RUN", "SHELL", "STOPSIGNAL", "USER", "VOLUME", "WORKDIR",
})  # fmt: skip
"""The instructions that there are."""

_DIRECTIVE = re.compile(r"^\s*#\s*([A-Za-z][A-Za-z0-9]*)\s*=\s*(.*?)\s*$")
_WORD = r"""(?:[^\s"'\\]|\\.|"(?:\\.|[^"\\])*"|'[^']*')+"""
_HEREDOC = re.compile(r"\d*<<(-?)([^<]+)")
_FLAG = re.compile(rf"--({_WORD})(?:\s+|$)")
_QUOTES = re.compile(r"[\"'\\]")
_WITH_HEREDOCS = {"RUN", "COPY", "ADD", "ONBUILD"}


@dataclass(frozen=True)
class Instruction:
    """One instruction, continued lines joined."""

    keyword: str
    """In capitals."""
    line: int
    """Where it begins, counted from one."""
    flags: tuple[tuple[str, str], ...]
    """What stands as --name=value before the arguments, in order."""
    text: str
    """The arguments on one line, variables as they are written; heredocs follow on their own lines."""

    def flag(self, name: str) -> tuple[str, ...]:
        """Return the values of a flag, in order."""
        return tuple(value for each, value in self.flags if each == name)

    @property
    def mounts(self) -> tuple[Mapping[str, str], ...]:
        """The fields of each --mount; `type` is always among them."""
        mounts = []
        for value in self.flag("mount"):
            pairs = (part.partition("=")[::2] for part in value.split(","))
            fields = {name.strip().lower(): each.strip() for name, each in pairs}
            mounts.append({**fields, "type": fields.get("type", "bind").lower()})
        return tuple(mounts)

    @property
    def sources(self) -> tuple[str, ...]:
        """The stages and images that its flags take files from."""
        mounted = (mount.get("from", "") for mount in self.mounts)
        return tuple(name for name in (*self.flag("from"), *mounted) if name)

    @property
    def words(self) -> tuple[str, ...]:
        """The arguments: the items of the exec form, or words as a shell splits them."""
        if (items := exec_form(self.text)) is not None:
            return items
        head = self.text.split("\n", 1)[0]
        try:
            return tuple(shlex.split(head))
        except ValueError:  # a quotation mark that is never closed, as in don't
            return tuple(head.split())


def instructions(text: str) -> Iterator[Instruction]:
    """Yield the instructions in the order of the file."""
    lines = text.split("\n")
    escape = "`" if directives(text).get("escape", (0, ""))[1] == "`" else "\\"
    at = 0
    while at < len(lines):
        if not lines[at].strip() or lines[at].lstrip().startswith("#"):
            at += 1
            continue
        first, joined = at, ""
        while at < len(lines):
            line, at = lines[at].rstrip(), at + 1
            # A comment, and an empty line, between continued lines do not end them.
            if joined and (not line or line.lstrip().startswith("#")):
                continue
            joined += f"{line.removesuffix(escape)} "
            if not line.endswith(escape):
                break
        if not joined.strip():
            continue
        keyword, rest = (*joined.split(None, 1), "")[:2]
        flags, rest = _flags(rest.strip())
        heredocs: list[str] = []
        for dash, word in _heredocs(rest) if keyword.upper() in _WITH_HEREDOCS else ():
            while at < len(lines) and (lines[at].lstrip("\t") if dash else lines[at]) != word:
                heredocs.append(lines[at])
                at += 1
            at += 1
        yield Instruction(keyword.upper(), first + 1, flags, "\n".join((rest, *heredocs)))


def directives(text: str) -> dict[str, tuple[int, str]]:
    """Return line and value of each parser directive, by its name in small letters."""
    found: dict[str, tuple[int, str]] = {}
    for number, line in enumerate(text.split("\n"), 1):
        if number == 1 and line.startswith("#!"):
            continue
        match = _DIRECTIVE.match(line)
        if match is None:
            break
        found.setdefault(match[1].lower(), (number, match[2]))
    return found


def exec_form(text: str) -> tuple[str, ...] | None:
    """Return the items of a JSON array, or None when it is the shell form."""
    try:
        items = json.loads(text)
    except ValueError:
        return None
    return tuple(map(str, items)) if isinstance(items, list) else None


def _heredocs(rest: str) -> list[tuple[str, str]]:
    """Return dash and end word of each heredoc. One that is part of a word, or quoted, is none."""
    found = (_HEREDOC.fullmatch(word) for word in re.findall(_WORD, rest))
    return [(match[1], _QUOTES.sub("", match[2])) for match in found if match]


def _flags(rest: str) -> tuple[tuple[tuple[str, str], ...], str]:
    flags: list[tuple[str, str]] = []
    while match := _FLAG.match(rest):
        # Quotes and backslashes may stand anywhere in a flag, and mean nothing there.
        name, _, value = _QUOTES.sub("", match[1]).partition("=")
        flags.append((name.lower(), value))
        rest = rest[match.end() :]
    return tuple(flags), rest
