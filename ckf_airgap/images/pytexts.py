"""The texts that expressions of a Python module make of constants, without running it. Pure."""

from __future__ import annotations

import ast
from typing import Final

MAX_CONSTANT: Final = 1_000
"""Longest constant of a module that is put in where another text names it."""


class ModuleTexts:
    """The texts of the expressions of a module."""

    def __init__(self, tree: ast.Module, hole: str) -> None:
        """Take a module.

        Args:
            tree: The module.
            hole: What stands for a value that only a run would know.
        """
        self._hole = hole
        self._constants = _constants(tree)

    def of(self, node: ast.AST) -> str | None:
        """Return the text that an expression makes of constants, or ``None`` if it has none."""
        if isinstance(node, ast.Constant):
            return node.value if isinstance(node.value, str) else None
        if isinstance(node, ast.JoinedStr):
            return "".join(self._part(part) for part in node.values)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            return self._sum(node)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            glue = constant_text(node.func.value) if node.func.attr == "join" else None
            items = node.args[0] if glue is not None and len(node.args) == 1 else None
            if glue is not None and isinstance(items, (ast.List, ast.Tuple)):
                parts = [self._part(item) for item in items.elts]
                return glue.join(parts) if set(parts) - {self._hole} else None
        return None

    def _sum(self, node: ast.BinOp) -> str | None:
        """Return the text of a sum, whose terms on the left may be very many."""
        terms: list[ast.expr] = []
        left: ast.expr = node
        while isinstance(left, ast.BinOp) and isinstance(left.op, ast.Add):
            terms.append(left.right)
            left = left.left
        terms.append(left)
        parts = [self._part(term) for term in reversed(terms)]
        texts = [
            constant_text(term) is not None or isinstance(term, ast.JoinedStr) for term in terms
        ]
        return "".join(parts) if any(texts) else None

    def _part(self, node: ast.expr) -> str:
        """Return what one part of a text is: a constant, one of the module, or a hole."""
        if isinstance(node, ast.FormattedValue):
            plain = node.format_spec is None
            return self._part(node.value) if plain else self._hole
        if isinstance(node, ast.Name):
            return self._constants.get(node.id, self._hole)
        text = self.of(node)
        return self._hole if text is None else text


def constant_text(node: ast.AST) -> str | None:
    """Return a constant text, or ``None``."""
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def _constants(tree: ast.Module) -> dict[str, str]:
    """Return the short constant strings of a module that are given once, by name."""
    found: dict[str, str] = {}
    twice: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.Assign) and len(node.targets) == 1:
            target, value = node.targets[0], node.value
        elif isinstance(node, ast.AnnAssign) and node.value is not None:
            target, value = node.target, node.value
        else:
            continue
        if not isinstance(target, ast.Name):
            continue
        if target.id in found:
            twice.add(target.id)
        is_text = isinstance(value, ast.Constant) and isinstance(value.value, str)
        if is_text and len(value.value) <= MAX_CONSTANT:  # type: ignore[attr-defined]
            found[target.id] = value.value  # type: ignore[attr-defined]
        else:
            twice.add(target.id)
    return {name: text for name, text in found.items() if name not in twice}
