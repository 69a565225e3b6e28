"""YAML texts as values of no declared type, which is how yaml.v2 fills an ``interface{}``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Final

import yaml

from ckf_airgap.documents.composing import (
    Composer,
    ListNode,
    MappingNode,
    Node,
    ScalarNode,
    events,
)
from ckf_airgap.documents.resolving import TAG_PREFIX, WrongTagError
from ckf_airgap.documents.values import Document, JSONValue, as_mapping
from ckf_airgap.errors import InputError

_MAX_EVENTS: Final = 200_000
_LAST_COLON: Final = "found unexpected ':'"
_COLON: Final = (
    ": between brackets a key ends in a colon and a blank, {key: }, and a text that ends in a colon"
    " has quotes, ['text:']"
)
"""What to write instead of ``{key:}`` and ``[text:]``; to yaml.v2 both are names with a colon."""

_BINARY_TAG: Final = TAG_PREFIX + "binary"


class TypedKey(str):
    """A key that is no text to yaml.v2: as text what was written, which `value` is."""

    __slots__ = ("value",)

    value: int | float | bool | None


class NodeError(ValueError):
    """A node that nothing can be made of.

    Attributes:
        line: Its line.
    """

    def __init__(self, message: str, line: int) -> None:
        super().__init__(f"{message} (line {line})")
        self.line = line


def load_yaml(
    text: str,
    *,
    where: str,
    error: type[InputError] = InputError,
    allow_duplicate_keys: bool = False,
    only_first: bool = False,
    typed_keys: bool = False,
) -> JSONValue:
    """Return the only document of `text`; an empty text is ``None``.

    Args:
        text: YAML 1.1 as Juju reads it, with its yaml.v2.
        where: The file or place, for messages.
        error: The class to raise.
        allow_duplicate_keys: Let the last of two equal keys win, as Juju does for charm metadata.
        only_first: Leave out what follows the first document, as Juju does for charm metadata.
        typed_keys: Make keys that are no text to yaml.v2, such as ``1`` and ``on``, a `TypedKey`,
            which tells what they are: Juju refuses them in most sections of charm metadata.

    Raises:
        InputError: (as `error`) when it is not YAML, has several documents, repeats a key, or is
            larger, deeper or more expanded than `MAX_BYTES`, `MAX_DEPTH`, `MAX_NODES` allow.
    """
    composer = Composer(text, where=where, error=error, allow_duplicate_keys=allow_duplicate_keys)
    with reading(where, error):
        roots = islice(composer.documents(), 1 if only_first else None)
        documents = [plain_value(root, typed_keys=typed_keys) for root in roots]
    if len(documents) > 1:
        raise error(f"{where} holds {len(documents)} YAML documents where one is expected")
    return documents[0] if documents else None


def load_all_yaml(
    text: str,
    *,
    where: str,
    error: type[InputError] = InputError,
    allow_duplicate_keys: bool = False,
) -> list[JSONValue]:
    """Return every document of `text`; see `load_yaml`."""
    composer = Composer(text, where=where, error=error, allow_duplicate_keys=allow_duplicate_keys)
    with reading(where, error):
        return [plain_value(root) for root in composer.documents()]


def load_mapping(
    text: str,
    *,
    where: str,
    error: type[InputError] = InputError,
    allow_duplicate_keys: bool = False,
    only_first: bool = False,
    typed_keys: bool = False,
) -> Document:
    """Return the document of `text`, which must be a mapping (an empty text is an empty one)."""
    value = load_yaml(
        text,
        where=where,
        error=error,
        allow_duplicate_keys=allow_duplicate_keys,
        only_first=only_first,
        typed_keys=typed_keys,
    )
    return as_mapping(value, where=where, error=error)


def load_nodes(
    text: str,
    *,
    where: str,
    error: type[InputError] = InputError,
    allow_duplicate_keys: bool = False,
    only_first: bool = False,
) -> list[Node]:
    """Return the root of every document of `text`, for what gives each field its type."""
    composer = Composer(text, where=where, error=error, allow_duplicate_keys=allow_duplicate_keys)
    with reading(where, error):
        return list(islice(composer.documents(), 1 if only_first else None))


def yaml_events(text: str) -> list[yaml.Event] | None:
    """Return the events of a YAML text in which nothing is expanded, or ``None`` if it is not YAML.

    It is also ``None`` for a text beyond `MAX_BYTES`, nested deeper than `MAX_DEPTH`, or with more
    than 200,000 events.
    """
    try:
        found = list(islice(events(text, "text", InputError), _MAX_EVENTS + 1))
        return found if len(found) <= _MAX_EVENTS else None
    except (yaml.YAMLError, InputError, ValueError):
        return None


def plain_value(node: Node, *, typed_keys: bool = False) -> JSONValue:
    """Return what a node is without a declared type.

    Keys are the text that was written: ``1`` and ``true`` are names, and with `typed_keys` each is
    a `TypedKey`. ``<<`` merges at its place, so that it wins over the keys before it and not over
    those after it, as in yaml.v2.

    Raises:
        NodeError: when a tag does not fit, a key is no scalar, or ``<<`` has no mapping.
    """
    if type(node) is ScalarNode:
        return scalar_value(node)
    if type(node) is ListNode:
        return [plain_value(item, typed_keys=typed_keys) for item in node.items]
    found: Document = {}
    if type(node) is MappingNode:
        _fill(found, node, typed_keys=typed_keys)
    return found


def scalar_value(node: ScalarNode) -> str | int | float | bool | None:
    """Return what a scalar is; see `plain_value`."""
    try:
        return node.value
    except WrongTagError as exc:
        raise NodeError(str(exc), node.line) from exc


def key_text(key: Node) -> str:
    """Return a key as it was written.

    Raises:
        NodeError: when it is a list or a mapping, or its tag does not fit.
    """
    if not isinstance(key, ScalarNode):
        what = "a list" if isinstance(key, ListNode) else "a mapping"
        raise NodeError(f"{what} cannot be a key", key.line)
    if key.tag is None:
        return key.text
    value = scalar_value(key)
    return str(value) if key.tag == _BINARY_TAG else key.text


def merged_mappings(value: Node) -> list[MappingNode]:
    """Return the mappings that ``<<: value`` merges, the last to be applied at the end.

    Raises:
        NodeError: when it is neither a mapping nor a list of mappings.
    """
    parts = value.items[::-1] if isinstance(value, ListNode) else [value]
    found = [part for part in parts if isinstance(part, MappingNode)]
    if len(found) != len(parts):
        raise NodeError("map merge requires map or sequence of maps as the value", value.line)
    return found


@contextmanager
def reading(where: str, error: type[InputError]) -> Iterator[None]:
    """Turn what the parser and nodes raise into an error that names the file."""
    try:
        yield
    except yaml.YAMLError as exc:
        raise error(f"{where} is not valid YAML: {one_line(exc)}") from exc
    except ValueError as exc:
        raise error(f"{where} is not valid YAML: {exc}") from exc


def _fill(found: Document, node: MappingNode, *, typed_keys: bool) -> None:
    for key, value in node.pairs:
        if type(key) is ScalarNode and key.text == "<<" and key.is_merge:
            for part in merged_mappings(value):
                _fill(found, part, typed_keys=typed_keys)
        else:
            name = key_text(key)
            if typed_keys and type(key) is ScalarNode and not isinstance(key.value, str):
                typed = TypedKey(name)
                typed.value = key.value
                name = typed
            found[name] = plain_value(value, typed_keys=typed_keys)


def one_line(error: yaml.YAMLError) -> str:
    """Return a YAML error as one line with its place."""
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        mark = error.problem_mark
        context = f"{error.context}, " if error.context else ""
        place = f"(line {mark.line + 1}, column {mark.column + 1})"
        return f"{context}{error.problem} {place}{_COLON if error.problem == _LAST_COLON else ''}"
    return " ".join(str(error).split())
