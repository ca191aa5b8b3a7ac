"""Finding values for secrets that nobody has set: in Python by its syntax, elsewhere by how it is written."""

import ast
import re
from collections.abc import Iterator, Mapping

from automation.verify.gather.leaks import SECRET_NAME

DEFAULT = re.compile(
    r"""(?:\.get|getenv)\(\s*["'](?P<python>[A-Z][A-Z0-9_]+)["']\s*,\s*["'](?P<a>[^"']+)["']"""
    r"""|\b(?P<node>[A-Za-z]\w+)["'`]?[\])]*\s*(?:\?\?|\|\|)=?\s*"""
    r"""(?P<quote>["'`])(?P<b>(?:(?!(?P=quote)).)+)(?P=quote)"""
    r"""|\$\{(?P<compose>[A-Za-z]\w+):?-(?P<c>[^}\s]+)\}"""
    r"""|^[ \t]*(?:-[ \t]+)?["']?(?P<yaml>[A-Z][A-Z0-9_]+)["']?[ \t]*[:=][ \t]*"""
    r"""["']?(?P<d>[^\s"'$]{8,})["']?[ \t]*(?:#.*)?$""",
    re.MULTILINE,
)
"""A value for a variable that nobody has set, in the ways of Python, JavaScript, Compose and YAML."""

_LAST = re.compile(
    r"(?:^|_)(?:SECRET|TOKEN|PASSWORD|PASSWD|PASSPHRASE|(?:API|ACCESS|PRIVATE|SIGNING|SECRET)_?KEY|CREDENTIALS?)$",
    re.IGNORECASE,
)
"""What is called so is a secret; `token_lifetime` and `secretName` are not."""
_YAML = re.compile(
    r"""(?:^[ \t]*(?:-[ \t]+)?["']?|[{,][ \t]*["']?)(\w+)["']?[ \t]*[:=][ \t]*"""
    r"""(?:"([^"\n]{8,})"|'([^'\n]{8,})'|([^\s"'{}\[\],$&*|>!][^\s"',}$]{7,}))""",
    re.MULTILINE,
)
_NAME_AND_VALUE = re.compile(
    r"""\bname:[ \t]*["']?(\w+)["']?(?:,|[ \t]*\n)\s*value:[ \t]*["']?([^\s"'{$][^\s"'}]*)"""
)
_ASSIGNED = re.compile(r"""(?<![\w-])(\w+)["']?\s*(?::\s*string\s*)?[:=]\s*(["'`])((?:(?!\2).)*)\2""")
_CREDENTIALS = re.compile(r"[a-z][a-z0-9+]+://[^\s:/@\"'`<>]*:(?![$<{%])[^\s:/@\"'`<>]+@", re.IGNORECASE)
_FILLED_IN = re.compile(r"\$\{[^}]*\}|\{\{.*?\}\}")
_SCRIPTS = (".ts", ".tsx", ".mjs", ".js", ".jsx", ".cjs")
SUFFIXES = {".py", ".yml", ".yaml", ".tpl", *_SCRIPTS}
"""The ends of the names of files that can be judged."""


def lines(name: str, text: str) -> list[int]:
    """Return the numbers of the lines of a file that have a value for a secret."""
    if name.endswith(".py"):
        try:
            return sorted({*_python(ast.parse(text))})
        except SyntaxError:  # a template of Python, or of a later one
            pass
    found = [each.start(0) for each in DEFAULT.finditer(text) if is_default(each)]
    found += _in_script(text) if name.endswith(_SCRIPTS) else _in_yaml(text)
    # Indentation and the line's end before a match belong to it.
    return sorted({text.count("\n", 0, at + _blank(text, at)) + 1 for at in found})


def is_default(found: re.Match[str]) -> bool:
    """Whether what matched is a value for a secret."""
    [name] = [found[kind] for kind in ("python", "node", "compose", "yaml") if found[kind]]
    [value] = [found[kind] for kind in "abcd" if found[kind]]
    return _is_secret(name) and not value.startswith(("$", "{", "?"))


def _is_secret(name: str) -> bool:
    """Whether a name is a secret's; SHOUTED names may go on after the word, as variables do."""
    return bool(SECRET_NAME.search(name)) if name.isupper() else bool(_LAST.search(_words(name)))


def _words(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)


def _blank(text: str, at: int) -> int:
    return len(text[at:]) - len(text[at:].lstrip())


def _in_yaml(text: str) -> Iterator[int]:
    for found in _YAML.finditer(text):
        value = found[2] or found[3] or found[4]
        if _is_secret(found[1]) and not value.startswith(("$", "{", "?")):
            yield found.start(1)
    for found in _NAME_AND_VALUE.finditer(text):
        if _is_secret(found[1]):
            yield found.start(1)
    at = 0
    for line in text.splitlines(keepends=True):
        if not line.lstrip().startswith("#") and _CREDENTIALS.search(_FILLED_IN.sub("$", line)):
            yield at
        at += len(line)


def _in_script(text: str) -> Iterator[int]:
    for found in _ASSIGNED.finditer(text):
        # A label is a word or a sentence: { password: "Password" }.
        if _is_secret(found[1]) and len(found[3]) >= 8 and re.search(r"^\S*[^A-Za-z\s$]\S*$", found[3]):
            yield found.start(1)


def _python(tree: ast.Module) -> Iterator[int]:
    constants = {
        target.id: each.value.value
        for each in tree.body
        if isinstance(each, ast.Assign) and isinstance(each.value, ast.Constant)
        for target in each.targets
        if isinstance(target, ast.Name) and isinstance(each.value.value, str)
    }
    for node in ast.walk(tree):
        for name, value in _given(node, constants):
            if _is_secret(name) and _is_value(value, constants):
                yield value.lineno


def _given(node: ast.AST, constants: Mapping[str, str]) -> Iterator[tuple[str, ast.expr]]:
    """Yield the names that a piece of a program gives values to, also where there is none yet."""
    match node:
        case ast.Call(args=[ast.Constant(value=str(name)), ast.expr() as value, *_]) if name.isupper():
            yield name, value
        case ast.Call(args=[ast.Name(id=known), ast.expr() as value, *_]) if constants.get(
            known, ""
        ).isupper():
            yield constants[known], value
        case ast.Assign(targets=targets, value=value):
            for target in targets:
                yield from ((name, value) for name in _called(target))
        case ast.AnnAssign(target=target, value=ast.expr() as value):
            yield from ((name, value) for name in _called(target))
        case ast.Dict(keys=keys, values=values):
            for key, value in zip(keys, values, strict=True):
                if isinstance(key, ast.Constant) and isinstance(key.value, str):
                    yield key.value, value
        case ast.BoolOp(op=ast.Or(), values=[*first, last]):
            yield from ((name, last) for each in first for name in _mentioned(each))
        case ast.IfExp(test=test, body=body, orelse=last):
            yield from ((name, last) for each in (test, body) for name in _mentioned(each))
        case ast.arguments():
            positional = [*node.posonlyargs, *node.args]
            yield from (
                (each.arg, value)
                for each, value in zip(reversed(positional), reversed(node.defaults), strict=False)
            )
            yield from (
                (each.arg, value)
                for each, value in zip(node.kwonlyargs, node.kw_defaults, strict=True)
                if value is not None
            )
        case _:
            pass
    if isinstance(node, ast.Call):
        yield from ((each.arg, each.value) for each in node.keywords if each.arg)
        if node.args and isinstance(node.args[0], ast.Constant) and isinstance(node.args[0].value, str):
            name = node.args[0].value
            yield from ((name, each.value) for each in node.keywords if each.arg == "default")


def _called(target: ast.expr) -> Iterator[str]:
    match target:
        case (
            ast.Name(id=name) | ast.Attribute(attr=name) | ast.Subscript(slice=ast.Constant(value=str(name)))
        ):
            yield name
        case _:
            pass


def _mentioned(node: ast.expr) -> Iterator[str]:
    for each in ast.walk(node):
        if isinstance(each, ast.Constant) and isinstance(each.value, str):
            yield each.value
        elif isinstance(each, ast.Name | ast.Attribute):
            yield from _called(each)


def _is_value(node: ast.expr, constants: Mapping[str, str]) -> bool:
    """Whether an expression is a text that is written there, however it is wrapped: `SecretStr("…")`."""

    def written(each: ast.expr) -> bool:
        return _is_value(each, constants)

    match node:
        case ast.Constant(value=str(value) | bytes(value)):
            return bool(value)
        case ast.Name(id=name):
            return bool(constants.get(name))
        case ast.JoinedStr(values=values):
            return bool(values) and all(isinstance(each, ast.Constant) for each in values)
        case ast.BinOp(left=left, right=right, op=ast.Add()):
            return written(left) and written(right)
        case ast.Call(func=ast.Attribute(value=inner, attr="encode")):
            return written(inner)
        case ast.Call(func=ast.Name(id=called)) if called in {"Field", "SecretStr", "str", "bytes"}:
            given = [*node.args[:1], *(each.value for each in node.keywords if each.arg == "default")]
            return any(written(each) for each in given)
    return False
