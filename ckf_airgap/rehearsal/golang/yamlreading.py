"""YAML texts read into values of Go types, and what yaml.v2 says of texts that it does not read."""

from __future__ import annotations

from typing import Any

import yaml

from ckf_airgap.documents.composing import Node
from ckf_airgap.documents.reading import NodeError, load_nodes
from ckf_airgap.errors import InputError
from ckf_airgap.rehearsal.golang.yamltypes import Decoding, GoType, GoYamlError


def unmarshal(text: str, kind: GoType, *, where: str) -> Any:
    """Return the first document of a text as a value of a type; without one, the zero value.

    Args:
        text: The text.
        kind: The type.
        where: What the text is, for the messages of limits.

    Raises:
        GoYamlError: in the words of yaml.v2, or those of a limit that the text is beyond.
    """
    roots = documents(text, where=where, only_first=True)
    return decode(roots[0], kind) if roots else kind.zero


def documents(text: str, *, where: str, only_first: bool = False) -> list[Node]:
    """Return the root of each document; `GoYamlError` when the text is not YAML or too large."""
    try:
        return load_nodes(text, where=where, allow_duplicate_keys=True, only_first=only_first)
    except InputError as exc:
        raise GoYamlError(_read_error(exc)) from exc


def decode(root: Node, kind: GoType, *, strict: bool = False, present: Any = None) -> Any:
    """Return a document as a value of a type, with what is `present` in it; see `unmarshal`."""
    decoding = Decoding(strict=strict)
    try:
        value, _ = kind.read(root, decoding, present)
    except NodeError as exc:
        raise GoYamlError(f"yaml: {exc}") from exc
    if decoding.mistyped:
        lines = "\n  ".join(decoding.mistyped)
        raise GoYamlError(f"yaml: unmarshal errors:\n  {lines}", tuple(decoding.mistyped))
    return value


def _read_error(error: InputError) -> str:
    """Return what yaml.v2 says of a text that is not YAML; what a limit says stays as it is."""
    cause = error.__cause__
    if isinstance(cause, yaml.reader.ReaderError):
        return "yaml: control characters are not allowed"
    if not isinstance(cause, yaml.MarkedYAMLError):
        incompatible = "found incompatible YAML document"
        return f"yaml: {incompatible}" if incompatible in error.message else error.message
    mark = cause.problem_mark or cause.context_mark
    line = mark.line if mark is not None else 0
    if line and isinstance(cause, yaml.scanner.ScannerError):
        line += 1
    place = f"line {line}: " if line else ""
    return f"yaml: {place}{cause.problem or 'unknown problem parsing YAML content'}"
