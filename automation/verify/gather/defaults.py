"""Finds default values for secrets, by the patterns of each language."""

import re
from collections.abc import Collection, Mapping

from automation.verify.gather.leaks import SECRET_NAME

_SCRIPTS = (".ts", ".tsx", ".mjs", ".js", ".jsx", ".cjs")
SUFFIXES = {".py", ".yml", ".yaml", ".tpl", *_SCRIPTS}

# `token_lifetime` and `secretName` are no secrets.
_SECRET_WORD = re.compile(
    r"(?:^|_)(?:SECRET|TOKEN|PASSWORD|PASSWD|PASSPHRASE|(?:API|ACCESS|PRIVATE|SIGNING|SECRET)_?KEY|CREDENTIALS?)$",
    re.IGNORECASE,
)
_GET = r"""(?:\.get|getenv)\(\s*["'](?P<name>[A-Z][A-Z0-9_]+)["']\s*,\s*["'](?P<value>[^"']+)["']"""
_OR = (
    r"""\b(?P<name>[A-Za-z]\w+)["'`]?[\])]*\s*(?:\?\?|\|\|)=?\s*"""
    r"""(?P<quote>["'`])(?P<value>(?:(?!(?P=quote)).)+)(?P=quote)"""
)
_SHELL = r"\$\{(?P<name>[A-Za-z]\w+):?-(?P<value>[^}\s]+)\}"
_LINE = (
    r"""^[ \t]*(?:-[ \t]+)?["']?(?P<name>[A-Z][A-Z0-9_]+)["']?[ \t]*[:=][ \t]*"""
    r"""["']?(?P<value>[^\s"'$]{8,})["']?[ \t]*(?:#.*)?$"""
)
# A label is a word or a sentence: { password: "Password" }.
_ASSIGNMENT = (
    r"""(?<![\w-])(?P<name>\w+)["']?\s*(?::\s*string\s*)?[:=]\s*"""
    r"""(?P<quote>["'`])(?=[A-Za-z$]*(?!(?P=quote))[^\sA-Za-z$])(?P<value>(?:(?!(?P=quote))\S){8,})(?P=quote)"""
)
_KEY = (
    r"""(?:^[ \t]*(?:-[ \t]+)?["']?|[{,][ \t]*["']?)(?P<name>\w+)["']?[ \t]*[:=][ \t]*"""
    r"""(?P<value>"[^"\n]{8,}"|'[^'\n]{8,}'|[^\s"'{}\[\],$&*|>!][^\s"',}$]{7,})"""
)
_NAME_AND_VALUE = (
    r"""\bname:[ \t]*["']?(?P<name>\w+)["']?(?:,|[ \t]*\n)\s*value:[ \t]*["']?(?P<value>[^\s"'{$][^\s"'}]*)"""
)
_LITERAL = (
    r"""(?:(?:Field|SecretStr|str|bytes)\(\s*(?:default\s*=\s*)?)*"""
    r"""(?:(?P<prefix>[bfru]{0,2})(?P<quote>["'])(?P<value>(?:(?!(?P=quote)).)+)(?P=quote)(?!\s*\*)"""
    r"""|(?P<constant>[A-Za-z_]\w*)\b(?![.(\[]))"""
)
"""A text in Python, however it is wrapped, or the name of a constant."""
_NAME = r"""(?<![\w-])(?P<name>\w+)["'\])]*"""
_IN_PYTHON = [
    re.compile(pattern + _LITERAL)
    for pattern in (
        r"""\w\(\s*["'](?P<name>[A-Z][A-Z0-9_]+)["']\s*,\s*""",  # environ.get("NAME", …
        r"""\w\(\s*["'](?P<name>\w+)["'][^)]*?,\s*default\s*=\s*""",
        rf"{_NAME}\s+or\s+",
        rf"{_NAME}\s+if\s[^\n]*?\selse\s+",
        rf"\sif\s[^\n]*?{_NAME}\s+else\s+",
        rf"{_NAME}\s*(?::[\w.| ]+(?:\[[^\]\n]*\])?[\w.| ]*)?=\s*",
        r"""["'](?P<name>\w+)["']\s*:\s*""",
    )
]
_CONSTANT = re.compile(r"""^(\w+)(?:\s*:[^=\n]+)?\s*=\s*[bfru]{0,2}["'](?!["'])""", re.MULTILINE)
_IN_SCRIPTS, _IN_YAML = (
    [re.compile(pattern, re.MULTILINE) for pattern in (_GET, _OR, _SHELL, _LINE, *more)]
    for more in ([_ASSIGNMENT], [_KEY, _NAME_AND_VALUE])
)
_CREDENTIALS = re.compile(r"[a-z][a-z0-9+]+://[^\s:/@\"'`<>]*:(?![$<{%])[^\s:/@\"'`<>]+@", re.IGNORECASE)
_VARIABLE = re.compile(r"\$\{[^}]*\}|\{\{.*?\}\}")


def lines(name: str, text: str) -> list[int]:
    """Return the numbers of the lines of a file that give a secret a value."""
    is_python, is_script = name.endswith(".py"), name.endswith(_SCRIPTS)
    patterns = _IN_PYTHON if is_python else _IN_SCRIPTS if is_script else _IN_YAML
    constants = {*_CONSTANT.findall(text)} if is_python else set()
    found = {
        text.count("\n", 0, match.start("name")) + 1
        for pattern in patterns
        for match in pattern.finditer(text)
        if _is_secret(match["name"]) and _is_value(match.groupdict(), constants)
    }
    if not is_script and not is_python:
        found |= {
            number
            for number, line in enumerate(text.splitlines(), 1)
            if not line.lstrip().startswith("#") and _CREDENTIALS.search(_VARIABLE.sub("$", line))
        }
    return sorted(found)


def _is_secret(name: str) -> bool:
    if name.isupper():  # a variable, whose name may go on after the word
        return bool(SECRET_NAME.search(name))
    return bool(_SECRET_WORD.search(re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)))


def _is_value(found: Mapping[str, str | None], constants: Collection[str]) -> bool:
    """Whether a text, or the name of a constant, is a value and no expression."""
    if constant := found.get("constant"):
        return constant in constants
    value = found["value"] or ""
    if (prefix := found.get("prefix")) is not None:
        return not ("f" in prefix and "{" in value)
    return not value.strip("\"'").startswith(("$", "{", "?"))
