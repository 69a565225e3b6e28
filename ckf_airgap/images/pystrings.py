"""The strings of a Python module: what they are called, and whether code uses them.

Pure; the module is parsed, never run.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

_SPEAKING: Final = frozenset(
    {
        "debug",
        "info",
        "warning",
        "warn",
        "error",
        "exception",
        "critical",
        "log",
        "print",
        "ActiveStatus",
        "BlockedStatus",
        "MaintenanceStatus",
        "WaitingStatus",
        "ErrorStatus",
    }
)
"""Calls whose strings are messages for people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PythonString:
    """A string of a module.

    Attributes:
        text: The string, with `hole` for each value that an f-string inserts.
        line: The line where it begins, counted from 1.
        name: The variable, argument or key that it is the value of, of those that `named` accepts.
        for_people: Whether it is written for people: a docstring, a message, a log record.
    """

    text: str
    line: int
    name: str
    for_people: bool


def strings_of(source: str, *, hole: str, named: Callable[[str], bool]) -> list[PythonString]:
    """Return the strings of a module, in the order of the syntax tree.

    Args:
        source: The module.
        hole: What stands for a value in an f-string.
        named: Whether a name matters; the innermost one that does is noted.

    Raises:
        SyntaxError: when it is not Python, or Python of another version.
        ValueError: when it has null bytes.
        RecursionError: when it is nested too deeply.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about the charm's code, such as bad escapes
        tree = ast.parse(source)
    collector = _Collector(hole, named)
    collector.visit(tree)
    return collector.found


class _Collector(ast.NodeVisitor):
    """Walks a syntax tree."""

    def __init__(self, hole: str, named: Callable[[str], bool]) -> None:
        self.found: list[PythonString] = []
        self._hole = hole
        self._matters = named
        self._names: list[str] = []
        self._for_people = 0

    def visit_Expr(self, node: ast.Expr) -> None:
        if isinstance(node.value, ast.Constant):  # a docstring, or a string that nothing uses
            self._for_people += 1
            self.generic_visit(node)
            self._for_people -= 1
        else:
            self.generic_visit(node)

    def visit_Assign(self, node: ast.Assign) -> None:
        self._named(_target(node.targets[0]), node.value)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self._named(_target(node.target), node.value)

    def visit_keyword(self, node: ast.keyword) -> None:
        self._named(node.arg or "", node.value)

    def visit_Dict(self, node: ast.Dict) -> None:
        for key, value in zip(node.keys, node.values, strict=True):
            called = key.value if isinstance(key, ast.Constant) else None
            if key is not None and called is None:
                self.visit(key)
            if isinstance(called, str) and self._matters(called):
                self._named(called, value)
            else:
                self.visit(value)

    def visit_arguments(self, node: ast.arguments) -> None:
        positional = [*node.posonlyargs, *node.args]
        for argument, default in zip(reversed(positional), reversed(node.defaults), strict=False):
            self._named(argument.arg, default)
        for argument, given in zip(node.kwonlyargs, node.kw_defaults, strict=True):
            if given is not None:
                self._named(argument.arg, given)

    def visit_Call(self, node: ast.Call) -> None:
        called = _target(node.func) if not isinstance(node.func, ast.Call) else ""
        if called in _SPEAKING:
            self._for_people += 1
            self.generic_visit(node)
            self._for_people -= 1
        elif called in ("get", "getenv", "setdefault", "getattr") and len(node.args) > 1:
            key = next((a.value for a in node.args[:2] if isinstance(a, ast.Constant)), "")
            self.visit(node.func)
            for argument in node.args:
                self._named(str(key), argument)
        else:
            self.generic_visit(node)

    def visit_BoolOp(self, node: ast.BoolOp) -> None:
        name = _target(node.values[0])
        for value in node.values:
            self._named(name, value)

    def visit_Raise(self, node: ast.Raise) -> None:
        self._for_people += 1
        self.generic_visit(node)
        self._for_people -= 1

    def visit_Constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, str):
            self._add(node.value, node.lineno)

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        parts = [
            str(part.value) if isinstance(part, ast.Constant) else self._hole
            for part in node.values
        ]
        self._add("".join(parts), node.lineno)
        for part in node.values:
            if isinstance(part, ast.FormattedValue):
                self.visit(part.value)

    def _named(self, name: str, value: ast.AST) -> None:
        self._names.append(name)
        self.visit(value)
        self._names.pop()

    def _add(self, text: str, line: int) -> None:
        name = next((name for name in reversed(self._names) if self._matters(name)), "")
        self.found.append(
            PythonString(text=text, line=line, name=name, for_people=self._for_people > 0)
        )


def _target(node: ast.AST) -> str:
    """Return the name of a variable, attribute or key; of a call, its first argument."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return node.attr
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
        return str(node.slice.value)
    if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
        return str(node.args[0].value)
    return ""
