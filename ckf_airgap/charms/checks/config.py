"""``config.yaml``: options, and defaults of their types (``ReadConfig``)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from ckf_airgap.charms.checks.gotext import go_value, quoted
from ckf_airgap.charms.checks.schema import (
    Checker,
    MismatchError,
    boolean,
    floating,
    integer,
    text,
    wrong,
)
from ckf_airgap.documents import ANY, TEXT, Document, JSONValue, MappingOf, Record, mappings

SHAPE: Final = Record(
    {"options": MappingOf(Record({"type": TEXT, "description": TEXT, "default": ANY}))}
)
"""The types of the fields of ``config.yaml``."""

_EMPTY: Final = "invalid config: empty configuration"


def config_problems(document: JSONValue) -> list[str]:
    """Return everything that the controller refuses in a charm's options, in its words.

    Args:
        document: What `SHAPE` gives; ``None`` for an empty file.
    """
    if not isinstance(document, dict) or "options" not in document:
        return [_EMPTY]
    problems = []
    for name, fields in mappings(document["options"]):
        kind = fields.get("type") or "string"
        checker = _CHECKERS.get(str(kind))
        if checker is None:
            problems.append(
                f"invalid config: option {quoted(name)} has unknown type {quoted(str(kind))}"
            )
            continue
        problem = _default_problem(name, str(kind), fields, checker)
        problems += [problem] if problem else []
    return problems


def _default_problem(name: str, kind: str, fields: Document, checker: Checker) -> str:
    default = fields.get("default")
    if default is None or (default == "" and kind in ("string", "secret")):
        return ""
    try:
        checker(default, "")
    except MismatchError:
        return (
            f"invalid config default: option {quoted(name)} expected {kind}, "
            f"got {go_value(default)}"
        )
    return ""


def _secret(value: JSONValue, path: str) -> JSONValue:
    """Take the URI of a secret."""
    written = text(value, path)
    try:
        if not written or urlsplit(str(written)).scheme == "secret":
            return written
    except ValueError:
        pass
    raise wrong(path, "secret", value)


_CHECKERS: Final[Mapping[str, Checker]] = {
    "string": text,
    "int": integer,
    "float": floating,
    "boolean": boolean,
    "secret": _secret,
}
