"""The strings of a Python module: what they are called, and whether code uses them.

Pure; the module is parsed, never run. A string that code puts together from constants of the
module is read as one; what only a run would know is a hole.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from ckf_airgap.images.keys import NAMING_KEYS, VALUE_KEYS
from ckf_airgap.images.pytexts import ModuleTexts, constant_text

_SPEAKING: Final = frozenset(
    {"debug", "info", "warning", "warn", "error", "exception", "critical", "log", "print"}
    | {"ActiveStatus", "BlockedStatus", "MaintenanceStatus", "WaitingStatus", "ErrorStatus"}
)
"""Calls whose strings are messages for people."""

_SPEAKING_ARGUMENTS: Final = frozenset({"description", "help", "message", "summary", "doc"})
"""Arguments whose strings are for people."""

_LOOK_UPS: Final = frozenset({"get", "getattr", "getenv", "pop", "setdefault"})
"""Calls that take a name and what is used when nothing has that name."""

_DEFAULTS: Final = frozenset({"default", "default_value", "fallback", "value"})
"""Arguments that hold the value itself: ``field(default=...)``."""

_OPTION_CALLS: Final = frozenset({"add_argument", "add_option", "option"})
"""Calls that declare an option of a command line (argparse, click), with a default."""

_CALL: Final = object()
"""Marks in the stack of names that what follows is an argument of a call, not the value itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PythonString:
    """A string of a module.

    Attributes:
        text: The string, with `hole` for each value that is not known before the module runs.
        line: The line where it begins, counted from 1.
        name: The variable, argument or key that it is the value of, of those that `named` accepts.
        for_people: Whether it is written for people: a docstring, a message, a log record.
        key: The key of a mapping below `name` that it is the value of, if there is one.
        direct: Whether it is the value of `name` itself, and not something in a call that makes it.
        fallback: Whether it counts only where something else is missing or empty.
    """

    text: str
    line: int
    name: str
    for_people: bool
    key: str = ""
    direct: bool = True
    fallback: bool = False


def strings_of(source: str, *, hole: str, named: Callable[[str], bool]) -> list[PythonString]:
    """Return the strings of a module, in the order of the syntax tree.

    Args:
        source: The module.
        hole: What stands for a value that is inserted.
        named: Whether a name matters; the innermost one that does is noted.

    Raises:
        SyntaxError: when it is not Python, or Python of another version.
        ValueError: when it has null bytes.
        RecursionError: when it is nested too deeply.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about the charm's code, such as bad escapes
        tree = ast.parse(source)
    collector = _Collector(named, ModuleTexts(tree, hole))
    collector.visit(tree)
    return collector.found


class _Collector(ast.NodeVisitor):
    """Walks a syntax tree."""

    def __init__(self, named: Callable[[str], bool], texts: ModuleTexts) -> None:
        self.found: list[PythonString] = []
        self._matters = named
        self._texts = texts
        self._names: list[object] = []
        """Names that matter, as texts; keys that do not, in tuples; `_CALL`."""
        self._functions: list[str] = []
        self._for_people = 0
        self._fallback = 0

    def visit_Expr(self, node: ast.Expr) -> None:
        if isinstance(node.value, ast.Constant):  # a docstring, or a string that nothing uses
            with self._speaking():
                self.generic_visit(node)
        else:
            self.generic_visit(node)

    def visit_Assign(self, node: ast.Assign) -> None:
        self._named(_target(node.targets[0]), node.value)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self._named(_target(node.target), node.value)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        self._named(_target(node.target), node.value)

    def visit_NamedExpr(self, node: ast.NamedExpr) -> None:
        self._named(_target(node.target), node.value)

    def visit_keyword(self, node: ast.keyword) -> None:
        self._named(node.arg or "", node.value)

    def visit_Return(self, node: ast.Return) -> None:
        if node.value is not None:  # called by the name of the function, as in a property
            self._named(self._functions[-1] if self._functions else "", node.value)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self._function(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self._function(node)

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self._functions.append(node.name)
        self.generic_visit(node)
        self._functions.pop()

    def visit_Dict(self, node: ast.Dict) -> None:
        keys = [key.value if isinstance(key, ast.Constant) else None for key in node.keys]
        given = _name_beside(zip(keys, node.values, strict=True))
        for key, called, value in zip(node.keys, keys, node.values, strict=True):
            if key is not None and called is None:
                self.visit(key)
            if given and called in VALUE_KEYS:
                self._named(given, value)
            elif isinstance(called, str) and self._matters(called):
                self._named(called, value)
            elif isinstance(called, str):
                self._names.append((called,))
                self.visit(value)
                self._names.pop()
            else:
                self._named(_target(key) if key is not None else "", value)

    def visit_List(self, node: ast.List) -> None:
        self._items(node.elts)

    def visit_Set(self, node: ast.Set) -> None:
        self._items(node.elts)

    def visit_Tuple(self, node: ast.Tuple) -> None:
        first = constant_text(node.elts[0]) if len(node.elts) == 2 else None
        if first and self._matters(first):  # ("WORKER_IMAGE", "a/b")
            self.visit(node.elts[0])
            self._named(first, node.elts[1])
        else:
            self._items(node.elts)

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
            with self._speaking():
                self.generic_visit(node)
            return
        joined = self._texts.of(node)
        if joined is not None:
            self._add(joined, node.lineno)
            return
        self.visit(node.func)
        if called in _LOOK_UPS and len(node.args) > 1:
            self._look_up(node)
        elif called in _OPTION_CALLS:
            self._option(node)
        else:
            self._arguments(node)

    def _look_up(self, node: ast.Call) -> None:
        """Visit ``get("name", fallback)`` or ``getattr(x, "name", fallback)``."""
        names = [text for text in map(constant_text, node.args[:2]) if text]
        key = names[0] if names else ""
        with self._inside_call():
            for argument in node.args[:-1]:
                self.visit(argument)
            for keyword in node.keywords:
                self.visit(keyword)
        with self._falling_back():
            self._named(key, node.args[-1])

    def _option(self, node: ast.Call) -> None:
        """Visit ``add_argument("--worker-image", default=...)``."""
        flags = [text for text in map(constant_text, node.args) if text]
        name = max(flags, key=len, default="").lstrip("-")
        for argument in node.args:
            self.visit(argument)
        for keyword in node.keywords:
            if keyword.arg in _DEFAULTS:
                with self._falling_back():
                    self._named(name, keyword.value)
            elif keyword.arg in _SPEAKING_ARGUMENTS:
                with self._speaking():
                    self.visit(keyword.value)
            else:
                self.visit(keyword)

    def _arguments(self, node: ast.Call) -> None:
        first = constant_text(node.args[0]) if len(node.args) == 2 else None
        with self._inside_call():
            if first and self._matters(first):  # setenv("WORKER_IMAGE", "a/b")
                self.visit(node.args[0])
                self._named(first, node.args[1])
            else:
                self._items(node.args)
        given = _name_beside((keyword.arg, keyword.value) for keyword in node.keywords)
        for keyword in node.keywords:
            if keyword.arg in _DEFAULTS:
                self._named(given, keyword.value)
            else:
                with self._inside_call():
                    self.visit(keyword)

    def visit_BoolOp(self, node: ast.BoolOp) -> None:
        name = _target(node.values[0])
        for value in node.values:
            if value is node.values[0] or isinstance(node.op, ast.And):
                self._named(name, value)
            else:
                with self._falling_back():
                    self._named(name, value)

    def visit_IfExp(self, node: ast.IfExp) -> None:
        self.visit(node.test)
        constant = [constant_text(value) is not None for value in (node.body, node.orelse)]
        name = _target(node.body) or _target(node.orelse)
        for value, is_constant in zip((node.body, node.orelse), constant, strict=True):
            if all(constant) or not is_constant:  # each of two constants is used as it is written
                self._named(name, value)
            else:
                with self._falling_back():
                    self._named(name, value)

    def visit_If(self, node: ast.If) -> None:
        """Visit ``if not image: image = ...``, too, whose value is a fallback."""
        missing = _missing(node.test)
        self.visit(node.test)
        for statement in node.body:
            target = statement.targets[0] if isinstance(statement, ast.Assign) else None
            if missing and target is not None and _target(target) == missing:
                with self._falling_back():
                    self.visit(statement)
            else:
                self.visit(statement)
        for statement in node.orelse:
            self.visit(statement)

    def visit_Raise(self, node: ast.Raise) -> None:
        with self._speaking():
            self.generic_visit(node)

    def visit_Compare(self, node: ast.Compare) -> None:
        with self._inside_call():  # what is compared is not the value
            self.generic_visit(node)

    def visit_Subscript(self, node: ast.Subscript) -> None:
        self.visit(node.value)
        with self._inside_call():  # a key is not the value
            self.visit(node.slice)

    def visit_Constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, str):
            self._add(node.value, node.lineno)

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        self._add(self._texts.of(node) or "", node.lineno)
        for part in node.values:
            if isinstance(part, ast.FormattedValue):
                with self._inside_call():
                    self.visit(part.value)

    def visit_BinOp(self, node: ast.BinOp) -> None:
        text = self._texts.of(node)
        if text is None:
            self.generic_visit(node)
        else:
            self._add(text, node.lineno)

    def _items(self, nodes: list[ast.expr]) -> None:
        """Visit values in a row, of which one may be a flag and the next its value."""
        flag = ""
        for node in nodes:
            if flag:
                self._named(flag, node)
            else:
                self.visit(node)
            text = constant_text(node) or ""
            is_flag = text.startswith("-") and not any(mark in text for mark in "= /:")
            flag = text.lstrip("-") if is_flag else ""

    @contextmanager
    def _inside_call(self) -> Iterator[None]:
        self._names.append(_CALL)
        yield
        self._names.pop()

    @contextmanager
    def _speaking(self) -> Iterator[None]:
        self._for_people += 1
        yield
        self._for_people -= 1

    @contextmanager
    def _falling_back(self) -> Iterator[None]:
        self._fallback += 1
        yield
        self._fallback -= 1

    def _named(self, name: str, value: ast.AST) -> None:
        if not name or not self._matters(name):
            self.visit(value)
            return
        self._names.append(name)
        self.visit(value)
        self._names.pop()

    def _add(self, text: str, line: int) -> None:
        name, key, direct = "", "", True
        for entry in reversed(self._names):
            if isinstance(entry, str):
                name = entry
                break
            if isinstance(entry, tuple):
                key = key or entry[0]
            else:
                direct = False
        self.found.append(
            PythonString(
                text=text,
                line=line,
                name=name,
                for_people=self._for_people > 0,
                key=key if name else "",
                direct=direct,
                fallback=self._fallback > 0,
            )
        )


def _name_beside(entries: Iterator[tuple[object, ast.expr]]) -> str:
    """Return the name that an entry gives its value: ``{"name": "X_IMAGE", "value": ...}``."""
    given, has_value = "", False
    for key, value in entries:
        text = constant_text(value) if key in NAMING_KEYS else None
        given = text or given
        has_value = has_value or key in VALUE_KEYS
    return given if has_value else ""


def _missing(test: ast.expr) -> str:
    """Return the name that a condition finds missing: ``not x``, ``x is None``, ``x == ""``."""
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        return _target(test.operand)
    if isinstance(test, ast.Compare) and isinstance(test.ops[0], (ast.Is, ast.Eq)):
        other = test.comparators[0]
        return _target(test.left) if isinstance(other, ast.Constant) and not other.value else ""
    return ""


def _target(node: ast.AST) -> str:
    """Return the name of a variable, attribute or key; of a call, its first argument."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return node.attr
    if isinstance(node, ast.NamedExpr):
        return _target(node.target)
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
        return str(node.slice.value)
    if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
        return str(node.args[0].value)
    return ""
