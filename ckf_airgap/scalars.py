"""The scalars of a YAML or JSON text with their places, so that single values can be exchanged.

An option's value keeps its dialect, its order, its quotes and its spacing when an image reference
in it is replaced: only the characters of that scalar change.
"""

from __future__ import annotations

import enum
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

import yaml

from ckf_airgap.documents import compose_yaml
from ckf_airgap.errors import OptionError

KeyPath: TypeAlias = "tuple[str | int, ...]"
"""The way to a scalar: keys of mappings and indexes of lists, the outermost first."""

_PROPERTIES: Final = re.compile(r"(?:[&!]\S*\s+)*")
_PLAIN_KEY: Final = re.compile(r"^[A-Za-z_][\w./-]*\Z")
_JSON_TOKEN: Final = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+')


class Dialect(enum.Enum):
    """What kind of text an option's value is."""

    TEXT = "text"
    YAML = "yaml"
    JSON = "json"


@dataclass(frozen=True, slots=True)
class Scalar:
    """A scalar value (never a key) of a document.

    Attributes:
        path: The way to it.
        value: What it reads as; ``None`` for null and for an empty value.
        start: Index of its first character in the text, after anchors and tags.
        end: Index behind its last character.
        style: ``'``, ``"``, ``|``, ``>`` or an empty text for a plain one.
    """

    path: KeyPath
    value: str | None
    start: int
    end: int
    style: str = ""


@dataclass(frozen=True, slots=True)
class ValueText:
    """An option's value, taken apart.

    Attributes:
        text: The text.
        dialect: Whether it is a YAML or JSON document, or neither.
        scalars: The scalars; for `Dialect.TEXT` one, which is the whole text.
        keys: The keys of the top level when that is a mapping, else ``None``.
        root: Start and end of the top-level collection.
        flow: Whether the top-level collection is written in brackets.
    """

    text: str
    dialect: Dialect
    scalars: tuple[Scalar, ...]
    keys: tuple[str, ...] | None = None
    root: tuple[int, int] = (0, 0)
    flow: bool = False

    @classmethod
    def parse(cls, text: str) -> ValueText:
        """Take a text apart. Whatever is neither a JSON nor a YAML collection is plain text."""
        stripped = text.strip()
        if stripped[:1] in ("{", "["):
            parsed = _parse_json(text)
            if parsed is not None:
                return parsed
        if _may_be_yaml(stripped):
            parsed = _parse_yaml(text)
            if parsed is not None:
                return parsed
        return cls(text, Dialect.TEXT, (Scalar((), text, 0, len(text)),))

    def edit(
        self, values: Mapping[KeyPath, str], additions: Mapping[str, str] | None = None
    ) -> str:
        """Return the text with some scalars exchanged and some keys added to the top level.

        Args:
            values: New values by path; each scalar keeps its quotes.
            additions: New keys of the top-level mapping, put behind the last one.

        Raises:
            OptionError: when keys are to be added and the top level is not a mapping.
        """
        text = self._with_additions(additions) if additions else self.text
        changes = {
            (scalar.start, scalar.end): self._written(scalar, values[scalar.path])
            for scalar in self.scalars
            if scalar.path in values and values[scalar.path] != scalar.value
        }
        for (start, end), written in sorted(changes.items(), reverse=True):
            text = text[:start] + written + text[end:]
        return text

    def _written(self, scalar: Scalar, value: str) -> str:
        """Return a value as it is to stand in the place of a scalar."""
        raw = self.text[scalar.start : scalar.end]
        if self.dialect is Dialect.TEXT:
            return value
        if self.dialect is Dialect.JSON or scalar.style == '"':
            return _json_string(value)
        if scalar.style == "|":
            return _reindented(raw, value)
        if scalar.style == ">":
            return _json_string(value) + "\n" * (len(raw) - len(raw.rstrip("\n")))
        if scalar.style == "'" or scalar.value is None:
            quoted = _single_quoted(value)
            glued = scalar.value is None and not raw and self.text[: scalar.start][-1:] == ":"
            return f" {quoted}" if glued else quoted
        return value if _plain_safe(value) else _single_quoted(value)

    def _with_additions(self, additions: Mapping[str, str]) -> str:
        if self.keys is None:
            raise OptionError("keys can be added to a mapping only")
        start, end = self.root
        if self.dialect is Dialect.JSON or self.flow:
            return self._with_flow_additions(additions, start, end)
        margin = " " * (start - (self.text.rfind("\n", 0, start) + 1))
        body = self.text.rstrip("\n")
        tail = self.text[len(body) :]
        lines = [
            f"{margin}{_yaml_key(key)}: {_single_quoted(value)}" for key, value in additions.items()
        ]
        return "\n".join([body, *lines]) + tail

    def _with_flow_additions(self, additions: Mapping[str, str], start: int, end: int) -> str:
        inner = self.text[start + 1 : end - 1]
        body = inner.rstrip()
        closing = inner[len(body) :]
        first_line = re.match(r"\s*\n([ \t]*)", inner)
        separator = f",\n{first_line[1]}" if first_line else ", "
        colon = ":" if re.search(r'":\S', inner) and not re.search(r'":\s', inner) else ": "
        json_like = self.dialect is Dialect.JSON
        items = [
            f"{_json_string(key)}{colon}{_json_string(value)}"
            if json_like
            else f"{_yaml_key(key)}: {_single_quoted(value)}"
            for key, value in additions.items()
        ]
        if colon == ":" and json_like and not first_line:
            separator = ","
        joined = separator.join([body.rstrip(",") if not json_like else body, *items])
        if not body.strip():
            joined = separator.join(items)
        return self.text[: start + 1] + joined + closing + self.text[end - 1 :]


def render_mapping(values: Mapping[str, str]) -> str:
    """Return a block mapping of keys to single-quoted values, a line each."""
    return "".join(f"{_yaml_key(key)}: {_single_quoted(value)}\n" for key, value in values.items())


def format_path(path: KeyPath) -> str:
    """Return a path for a person: ``key a.b[0]``; an empty text for an empty path."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += f".{part}" if text else part
    return f"key {text}" if path and isinstance(path[0], str) else (f"item {text}" if path else "")


def _may_be_yaml(stripped: str) -> bool:
    """Whether a text could be a YAML collection; a one-line text without a mark is none."""
    return (
        "\n" in stripped
        or stripped.startswith(("{", "[", "- ", "? "))
        or ": " in stripped
        or stripped.endswith(":")
    )


def _parse_yaml(text: str) -> ValueText | None:
    root = compose_yaml(text)
    if not isinstance(root, yaml.CollectionNode):
        return None
    found: list[Scalar] = []
    seen: set[tuple[int, int]] = set()
    for path, node in _walk(root, ()):
        span = _span(text, node)
        if span in seen:
            continue
        if span[0] < span[1]:
            seen.add(span)
        null = node.tag == "tag:yaml.org,2002:null"
        style = node.style if node.style in ("'", '"', "|", ">") else ""
        found.append(Scalar(path, None if null else node.value, *span, style))
    keys = None
    if isinstance(root, yaml.MappingNode):
        keys = tuple(str(key.value) for key, _ in root.value)
    start = _span_start(text, root)
    return ValueText(
        text, Dialect.YAML, tuple(found), keys, (start, root.end_mark.index), bool(root.flow_style)
    )


def _walk(node: yaml.Node, path: KeyPath) -> Iterator[tuple[KeyPath, yaml.ScalarNode]]:
    if isinstance(node, yaml.MappingNode):
        for key, item in node.value:
            name = key.value if isinstance(key, yaml.ScalarNode) else str(key.value)
            yield from _walk(item, (*path, name))
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            yield from _walk(item, (*path, index))
    elif isinstance(node, yaml.ScalarNode):
        yield path, node


def _span_start(text: str, node: yaml.Node) -> int:
    start = node.start_mark.index
    match = _PROPERTIES.match(text, start, node.end_mark.index)
    return match.end() if match else start


def _span(text: str, node: yaml.Node) -> tuple[int, int]:
    return _span_start(text, node), node.end_mark.index


def _parse_json(text: str) -> ValueText | None:
    """Take a JSON document apart; the standard library checks it, the tokens give the places."""
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return None
    scalars: list[Scalar] = []
    keys: list[str] = []
    stack: list[list[str | int | None]] = []
    tokens = list(_JSON_TOKEN.finditer(text))
    opens = tokens[0]
    for index, token in enumerate(tokens):
        mark = token[0]
        if mark == "{":
            stack.append([None])
        elif mark == "[":
            stack.append([0])
        elif mark in "}]":
            stack.pop()
        elif mark == ",":
            top = stack[-1][0]
            stack[-1][0] = top + 1 if isinstance(top, int) else None
        elif mark != ":":
            is_key = tokens[index + 1][0] == ":" if index + 1 < len(tokens) else False
            value = json.loads(mark)
            if is_key:
                stack[-1][0] = str(value)
                if len(stack) == 1:
                    keys.append(str(value))
            else:
                path = tuple(level[0] for level in stack if level[0] is not None)
                shown = value if isinstance(value, str) or value is None else mark
                quote = '"' if isinstance(value, str) else ""
                scalars.append(Scalar(path, shown, token.start(), token.end(), quote))
    return ValueText(
        text,
        Dialect.JSON,
        tuple(scalars),
        tuple(keys) if opens[0] == "{" else None,
        (opens.start(), tokens[-1].end()),
        flow=True,
    )


def _reindented(raw: str, value: str) -> str:
    """Return a literal block with new lines; a value has as many lines as the block had."""
    header, _, body = raw.partition("\n")
    old = body.split("\n")
    sample = next((line for line in old if line.strip()), "")
    margin = sample[: len(sample) - len(sample.lstrip(" "))]
    trailing = len(body) - len(body.rstrip("\n"))
    lines = [f"{margin}{line}" if line else line for line in value.rstrip("\n").split("\n")]
    return f"{header}\n" + "\n".join(lines) + "\n" * trailing


def _json_string(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)


def _single_quoted(value: str) -> str:
    if "\n" in value:
        return _json_string(value)
    return "'" + value.replace("'", "''") + "'"


def _plain_safe(value: str) -> bool:
    """Whether a reference may stand without quotes: not when YAML would read it as a number."""
    root = compose_yaml(value)
    return (
        isinstance(root, yaml.ScalarNode)
        and root.tag == "tag:yaml.org,2002:str"
        and root.value == value
    )


def _yaml_key(key: str) -> str:
    return key if _PLAIN_KEY.match(key) and _plain_safe(key) else _json_string(key)
