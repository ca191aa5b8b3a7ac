"""Finds default values for secrets: in Python by its syntax, elsewhere by patterns."""

import ast
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress

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
_IN_SCRIPTS, _IN_YAML = (
    [re.compile(pattern, re.MULTILINE) for pattern in (_GET, _OR, _SHELL, _LINE, *more)]
    for more in ([_ASSIGNMENT], [_KEY, _NAME_AND_VALUE])
)
_CREDENTIALS = re.compile(r"[a-z][a-z0-9+]+://[^\s:/@\"'`<>]*:(?![$<{%])[^\s:/@\"'`<>]+@", re.IGNORECASE)
_VARIABLE = re.compile(r"\$\{[^}]*\}|\{\{.*?\}\}")


def lines(name: str, text: str) -> list[int]:
    """Return the numbers of the lines of a file that give a secret a value."""
    if name.endswith(".py"):
        with suppress(SyntaxError):
            return sorted({*_in_python(ast.parse(text))})
    is_script = name.endswith(_SCRIPTS)
    found = {
        text.count("\n", 0, match.start("name")) + 1
        for pattern in (_IN_SCRIPTS if is_script else _IN_YAML)
        for match in pattern.finditer(text)
        if _is_secret(match["name"]) and not match["value"].strip("\"'").startswith(("$", "{", "?"))
    }
    if not is_script:
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


def _in_python(tree: ast.Module) -> Iterator[int]:
    constants = {
        name: node.value.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
        for target in node.targets
        for name in _names(target)
        if isinstance(node.value.value, str)
    }
    for node in ast.walk(tree):
        for name, value in _given(node, constants):
            if _is_secret(name) and _is_literal(value, constants):
                yield value.lineno


def _given(node: ast.AST, constants: Mapping[str, str]) -> Iterator[tuple[str, ast.expr]]:
    """Yield the names that a node gives values to, including defaults."""
    match node:
        case ast.Call(args=args, keywords=keywords):
            yield from ((keyword.arg, keyword.value) for keyword in keywords if keyword.arg)
            match args:
                case [ast.Constant(value=str(name)), *rest]:
                    pass
                case [ast.Name(id=known), *rest]:
                    name = constants.get(known, "")
                case _:
                    return
            yield from ((name, keyword.value) for keyword in keywords if keyword.arg == "default")
            yield from ((name, value) for value in rest[:1] if name.isupper())
        case ast.Assign(targets=targets, value=value):
            yield from ((name, value) for target in targets for name in _names(target))
        case ast.AnnAssign(target=target, value=ast.expr() as value):
            yield from ((name, value) for name in _names(target))
        case ast.Dict(keys=keys, values=values):
            yield from (
                (key.value, value)
                for key, value in zip(keys, values, strict=True)
                if isinstance(key, ast.Constant) and isinstance(key.value, str)
            )
        case ast.BoolOp(op=ast.Or(), values=[*first, last]):
            yield from ((name, last) for operand in first for name in _mentioned(operand))
        case ast.IfExp(test=test, body=body, orelse=last):
            yield from ((name, last) for operand in (test, body) for name in _mentioned(operand))
        case ast.arguments():
            names = [argument.arg for argument in (*node.posonlyargs, *node.args, *node.kwonlyargs)]
            pairs = zip(reversed(names), reversed([*node.defaults, *node.kw_defaults]), strict=False)
            yield from ((name, default) for name, default in pairs if default is not None)


def _names(node: ast.AST) -> Iterator[str]:
    match node:
        case (
            ast.Name(id=name) | ast.Attribute(attr=name) | ast.Subscript(slice=ast.Constant(value=str(name)))
        ):
            yield name


def _mentioned(node: ast.AST) -> Iterator[str]:
    for part in ast.walk(node):
        yield from _names(part)
        if isinstance(part, ast.Constant) and isinstance(part.value, str):
            yield part.value


def _is_literal(node: ast.expr, constants: Mapping[str, str]) -> bool:
    """Whether an expression is a text in the source, however it is wrapped: `SecretStr("…")`."""
    match node:
        case ast.Constant(value=str(value) | bytes(value)):
            return bool(value)
        case ast.Name(id=name):
            return bool(constants.get(name))
        case ast.JoinedStr(values=values):
            return bool(values) and all(isinstance(value, ast.Constant) for value in values)
        case ast.BinOp(left=left, right=right, op=ast.Add()):
            return _is_literal(left, constants) and _is_literal(right, constants)
        case ast.Call(func=ast.Attribute(value=inner, attr="encode")):
            return _is_literal(inner, constants)
        case ast.Call(
            func=ast.Name(id="Field" | "SecretStr" | "str" | "bytes"), args=args, keywords=keywords
        ):
            defaults = [keyword.value for keyword in keywords if keyword.arg == "default"]
            return any(_is_literal(value, constants) for value in [*args[:1], *defaults])
    return False
