"""Lists every text that dockbook shows to a person, from its code: `python docs/messages.py`.

That is every text of two words or more that is no docstring, pattern, SQL or style, and what stands where shorter ones
are shown: names of keys and answers, titles, labels.
"""

import ast
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

APP: Final = Path(__file__).parents[1] / "app"

#: Names of people and places, and modules whose texts are SQL only.
_NO_MESSAGES: Final = (
    "service/sample/",
    "text/countries.py",
    "mirror/search/",
    "mirror/rows.py",
    "service/database/schema.py",
)
#: Calls whose texts nobody sees, except those named below.
_NOT_SHOWN: Final = frozenset(
    {
        *("compile", "sub", "split", "startswith", "endswith", "removeprefix", "removesuffix"),
        *("execute", "executemany", "executescript", "AssertionError", "Binding", "run_action"),
    }
)
#: The arguments of these calls, by place or name, that are shown, also when they are one word.
_SHOWN: Final[dict[str, Sequence[int | str]]] = {
    "Binding": (2, "description", "tooltip"),
    "Choice": (1, 2, "label", "remark"),
    "Field": (1, "label"),
    "ConfirmDialog": (0, 1, 2),
    "SelectDialog": (0,),
    "KeyPair": (2,),
}
#: Class variables that are shown, also when they are one word.
_SHOWN_NAMES: Final = frozenset({"title", "HEADINGS", "KEYS"})
_WORDS: Final = re.compile(r"[^\W\d_]{2,}\S*\s|\s\S*[^\W\d_]{2,}")
_NOT_WORDS: Final = re.compile(
    r"\s*(INSERT|UPDATE|DELETE|CREATE|PRAGMA|BEGIN|PRIMARY)\b|.*\b(SELECT|WHERE)\b|(bold|dim|reverse)\b|.*\(\?|\w+\[",
    re.DOTALL,
)
_PLACEHOLDER: Final = re.compile(r"\{[^{}]*\}")


class Message(NamedTuple):
    """A text, with `{name}` for what is put in, and where it stands."""

    file: str
    line: int
    text: str


def messages() -> Iterator[Message]:
    """Every text of the program, file by file, in the order of the code."""
    for path in sorted(APP.rglob("*.py")):
        file = path.relative_to(APP).as_posix()
        if not file.startswith(_NO_MESSAGES):
            found = {
                (node.lineno, node.col_offset): node for node in _texts(ast.parse(path.read_text(encoding="utf-8")))
            }
            for place in sorted(found):
                yield Message(file, place[0], " ".join(_text(found[place]).split()))


def _texts(node: ast.AST) -> Iterator[ast.expr]:
    """The texts in a part of the code, each as a whole."""
    if isinstance(node, ast.Constant | ast.JoinedStr):
        if _is_text(node) and _WORDS.search(_PLACEHOLDER.sub("", _text(node))) and not _NOT_WORDS.match(_text(node)):
            yield node
    else:
        yield from _labels(node)
    for part in _children(node):
        yield from _texts(part)


def _children(node: ast.AST) -> Sequence[ast.AST]:
    """The parts that may hold texts, which keys of dicts, annotations and what is compared with are not."""
    match node:
        case ast.JoinedStr(values=values):
            return [value.value for value in values if isinstance(value, ast.FormattedValue)]
        case ast.Expr(value=ast.Constant()) | ast.Compare() | ast.arg() | ast.Subscript(value=ast.Name(id="Literal")):
            return []
        case ast.Call(func=function) if ast.unparse(function).rpartition(".")[2] in _NOT_SHOWN:
            return []
        case ast.Dict(values=values):
            return values
        case ast.AnnAssign(value=value):
            return [] if value is None else [value]
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            return [*node.decorator_list, *node.args.defaults, *node.body]
    return list(ast.iter_child_nodes(node))


def _labels(node: ast.AST) -> Iterator[ast.expr]:
    """The texts that are shown, also when they are one word."""
    match node:
        case ast.Call(func=function):
            shown = _SHOWN.get(ast.unparse(function).rpartition(".")[2], ())
            yield from (part for place in shown for part in _argument(node, place) if _text(part).strip())
        case (
            ast.Assign(targets=[ast.Name(id=name)], value=value)
            | ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value)
        ) if name in _SHOWN_NAMES:
            yield from _parts(value)


def _argument(call: ast.Call, place: int | str) -> Iterator[ast.expr]:
    """The texts of an argument, which may be a list or the values of a dict."""
    if isinstance(place, int):
        found = call.args[place : place + 1]
    else:
        found = [word.value for word in call.keywords if word.arg == place]
    for value in found:
        yield from _parts(value)


def _parts(value: ast.expr) -> Iterator[ast.expr]:
    if isinstance(value, ast.Dict | ast.List | ast.Tuple):
        yield from (part for part in (value.values if isinstance(value, ast.Dict) else value.elts) if _is_text(part))
    elif _is_text(value):
        yield value


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))


def _text(node: ast.AST) -> str:
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(part) for part in node.values)
    named = node.value if isinstance(node, ast.FormattedValue) else node
    while isinstance(named, ast.Call) and named.args:
        named = named.args[0]
    return f"{{{named.attr if isinstance(named, ast.Attribute) else named.id if isinstance(named, ast.Name) else '…'}}}"


def main() -> None:
    """Print the texts below the names of their files."""
    file = ""
    for message in messages():
        if message.file != file:
            file = message.file
            sys.stdout.write(f"\n{file}\n")
        sys.stdout.write(f"{message.line:5}  {message.text}\n")


if __name__ == "__main__":
    main()
