"""YAML and JSON documents, read defensively.

Everything that reads YAML goes through here: duplicate keys are an error that names the line, a
document may not expand beyond a fixed number of nodes (aliases are counted as often as they are
used, so that a YAML bomb is refused before it is built), keys are text, and timestamps and times
of day stay text, as Juju reads them. Tags for values that JSON does not have are refused.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping
from typing import Final, TypeAlias, cast

import yaml

from ckf_airgap.errors import InputError

JSONValue: TypeAlias = "str | int | float | bool | list[JSONValue] | dict[str, JSONValue] | None"
"""What a YAML or JSON document holds, once read."""

Document: TypeAlias = "dict[str, JSONValue]"
"""A document whose top level is a mapping."""

MAX_NODES: Final = 500_000
"""Nodes that a document may have when all aliases are expanded; 1,000 applications need 50,000."""

MAX_DEPTH: Final = 100
"""Levels of nesting that a document may have."""

MAX_BYTES: Final = 16 * 1024 * 1024
"""Characters of the longest text that is read as YAML at all."""

_BaseLoader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


_INT: Final = "tag:yaml.org,2002:int"
_FLOAT: Final = "tag:yaml.org,2002:float"
_BOOL: Final = "tag:yaml.org,2002:bool"
_NULL: Final = "tag:yaml.org,2002:null"
_STR: Final = "tag:yaml.org,2002:str"

_NUMBERS: Final = {
    _INT: re.compile(r"^[-+]?(?:0b[01_]+|0[0-7_]+|0|[1-9][0-9_]*|0x[0-9a-fA-F_]+)\Z"),
    _FLOAT: re.compile(
        r"^(?:[-+]?[0-9][0-9_]*\.[0-9_]*(?:[eE][-+][0-9]+)?"
        r"|\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?"
        r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))\Z"
    ),
}
"""PyYAML's numbers without those to base 60, such as ``12:30``, which Juju reads as text."""

_DIGITS: Final = re.compile(r"([0-9]+)")

_KINDS: Final = frozenset(
    f"tag:yaml.org,2002:{kind}"
    for kind in ("null", "bool", "int", "float", "str", "seq", "map", "merge")
)


class _Loader(_BaseLoader):  # type: ignore[misc, valid-type]
    """The C safe loader for JSON values: without timestamps, binary data, sets and pairs."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, _NUMBERS.get(tag, pattern)) for tag, pattern in resolvers if tag in _KINDS]
    for first, resolvers in _BaseLoader.yaml_implicit_resolvers.items()
}
_Loader.yaml_constructors = {
    tag: constructor
    for tag, constructor in _BaseLoader.yaml_constructors.items()
    if tag is None or tag in _KINDS
}


class _BinaryLoader(_Loader):
    """Reads ``!!binary`` as the text that it encodes, as Juju does."""


def _construct_binary(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> str:
    text = loader.construct_scalar(node)
    try:
        return base64.b64decode("".join(str(text).split()), validate=True).decode()
    except ValueError as exc:
        raise yaml.constructor.ConstructorError(
            None, None, f"cannot decode binary data as text: {exc}", node.start_mark
        ) from exc


_BinaryLoader.add_constructor("tag:yaml.org,2002:binary", _construct_binary)

_Dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


class _BlockDumper(_Dumper):  # type: ignore[misc, valid-type]
    """The C safe dumper; multi-line text becomes a literal block, and nothing is aliased."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002
        return True


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar(_STR, text, style=style)


_BlockDumper.add_representer(str, _represent_text)


def load_yaml(
    text: str,
    *,
    where: str,
    error: type[InputError] = InputError,
    allow_duplicate_keys: bool = False,
) -> JSONValue:
    """Return the only document of `text`; an empty text is ``None``.

    Args:
        text: YAML 1.1 as PyYAML and Juju read it.
        where: The file or place, for messages.
        error: The class to raise.
        allow_duplicate_keys: Let the last of two equal keys win, as Juju does for charm metadata.

    Raises:
        InputError: (as `error`) when it is not YAML, has several documents, repeats a key, or is
            larger, deeper or more expanded than `MAX_BYTES`, `MAX_DEPTH`, `MAX_NODES` allow.
    """
    documents = load_all_yaml(
        text, where=where, error=error, allow_duplicate_keys=allow_duplicate_keys
    )
    if len(documents) > 1:
        raise error(f"{where} holds {len(documents)} YAML documents where one is expected")
    return documents[0] if documents else None


def load_all_yaml(
    text: str,
    *,
    where: str,
    error: type[InputError] = InputError,
    allow_duplicate_keys: bool = False,
    binary_as_text: bool = False,
) -> list[JSONValue]:
    """Return every document of `text`; see `load_yaml`.

    `binary_as_text` takes ``!!binary`` as the text that it encodes, which must be UTF-8.
    """
    if len(text) > MAX_BYTES:
        raise error(f"{where} is too large to be read as YAML ({len(text)} characters)")
    try:
        for _ in _events(text, where, error):
            pass
        loader = (_BinaryLoader if binary_as_text else _Loader)(text)
        try:
            documents: list[JSONValue] = []
            while loader.check_node():
                node = loader.get_node()
                _check_node(node, where, error, allow_duplicate_keys=allow_duplicate_keys)
                documents.append(cast("JSONValue", loader.construct_document(node)))
            return documents
        finally:
            loader.dispose()
    except yaml.YAMLError as exc:
        raise error(f"{where} is not valid YAML: {_one_line(exc)}") from exc
    except (ValueError, RecursionError) as exc:
        raise error(f"{where} is not valid YAML: {exc}") from exc


def yaml_events(text: str) -> list[yaml.Event] | None:
    """Return the events of a YAML text in which nothing is expanded, or ``None`` if it is not YAML.

    It is also ``None`` for a text beyond `MAX_BYTES`, or nested deeper than `MAX_DEPTH`.
    """
    if len(text) > MAX_BYTES:
        return None
    try:
        return list(_events(text, "text", InputError))
    except (yaml.YAMLError, InputError, ValueError):
        return None


def load_mapping(
    text: str,
    *,
    where: str,
    error: type[InputError] = InputError,
    allow_duplicate_keys: bool = False,
) -> Document:
    """Return the document of `text`, which must be a mapping (an empty text is an empty one)."""
    value = load_yaml(text, where=where, error=error, allow_duplicate_keys=allow_duplicate_keys)
    return as_mapping(value, where=where, error=error)


def as_mapping(value: JSONValue, *, where: str, error: type[InputError] = InputError) -> Document:
    """Return `value` as a mapping with text keys; ``None`` is an empty one.

    Raises:
        InputError: (as `error`) when it is something else.
    """
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise error(f"{where} must be a mapping, not {type_name(value)}")
    return value


def mappings(section: JSONValue) -> list[tuple[str, Document]]:
    """Return the entries of a mapping that are mappings themselves; none of anything else."""
    if not isinstance(section, dict):
        return []
    return [(name, fields) for name, fields in section.items() if isinstance(fields, dict)]


def natural(name: str) -> tuple[str | int, ...]:
    """Return a key that sorts names as people do: ``a/9`` before ``a/10``."""
    return tuple(int(part) if part.isdecimal() else part for part in _DIGITS.split(name))


def dump_yaml(value: JSONValue | Mapping[str, JSONValue]) -> str:
    """Return `value` as YAML: keys in order, literal blocks for multi-line text."""
    return yaml.dump(
        value,
        Dumper=_BlockDumper,
        sort_keys=False,
        allow_unicode=True,
        default_flow_style=False,
        width=10_000,
    )


def type_name(value: object) -> str:
    """Return the name of a YAML value's type for a message."""
    names: dict[type, str] = {
        dict: "a mapping",
        list: "a list",
        str: "text",
        bool: "a boolean",
        int: "an integer",
        float: "a number",
        type(None): "nothing",
    }
    return names.get(type(value), type(value).__name__)


def _one_line(error: yaml.YAMLError) -> str:
    """Return a YAML error as one line with its place."""
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        mark = error.problem_mark
        context = f"{error.context}, " if error.context else ""
        return f"{context}{error.problem} (line {mark.line + 1}, column {mark.column + 1})"
    return " ".join(str(error).split())


def _events(text: str, where: str, error: type[InputError]) -> Iterator[yaml.Event]:
    """Yield events and refuse deep nesting, which would overflow the C stack when composed."""
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MAX_DEPTH:
                raise error(f"{where} is nested deeper than {MAX_DEPTH} levels")
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        yield event


def _check_node(
    root: yaml.Node, where: str, error: type[InputError], *, allow_duplicate_keys: bool
) -> None:
    """Refuse repeated keys, recursion, and what expands beyond `MAX_NODES`; make keys text."""
    weights: dict[int, int] = {}
    open_nodes: set[int] = set()

    def weigh(node: yaml.Node) -> int:
        known = weights.get(id(node))
        if known is not None:
            return known
        if id(node) in open_nodes:
            raise error(f"{where} contains itself (line {node.start_mark.line + 1})")
        open_nodes.add(id(node))
        total = 1
        if isinstance(node, yaml.MappingNode):
            seen: set[str] = set()
            for key, item in node.value:
                if isinstance(key, yaml.ScalarNode) and not allow_duplicate_keys:
                    if key.value in seen and key.value != "<<":
                        line = key.start_mark.line + 1
                        raise error(f"{where} has the key {key.value!r} twice (line {line})")
                    seen.add(key.value)
                total += weigh(key) + weigh(item)
            node.value = [(_text_key(key), item) for key, item in node.value]
        elif isinstance(node, yaml.SequenceNode):
            total += sum(weigh(item) for item in node.value)
        if total > MAX_NODES:
            raise error(
                f"{where} expands to more than {MAX_NODES} nodes (line {node.start_mark.line + 1})"
            )
        open_nodes.discard(id(node))
        weights[id(node)] = total
        return total

    weigh(root)


def _text_key(key: yaml.Node) -> yaml.Node:
    """Return a key as the text that was written: ``1`` and ``true`` are names."""
    if isinstance(key, yaml.ScalarNode) and key.tag in (_INT, _FLOAT, _BOOL, _NULL):
        return yaml.ScalarNode(_STR, key.value, key.start_mark, key.end_mark)
    return key
