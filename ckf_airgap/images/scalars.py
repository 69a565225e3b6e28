"""The scalars of a YAML or JSON text with their places, so that single values can be replaced.

An option's value keeps its dialect, its order, its quotes and its spacing when an image reference
in it is replaced: only the characters of that scalar change.
"""

from __future__ import annotations

import enum
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import yaml

from ckf_airgap.documents import is_text, yaml_events
from ckf_airgap.errors import OptionError
from ckf_airgap.images.places import KeyPath, Names, Scalar, Values

_LINE_ENDS: Final = "\n\r\x85\u2028\u2029"
_PROPERTIES: Final = re.compile(r"(?:&[0-9A-Za-z_-]+\s*|!\S*(?:\s+|\Z))*")
_NULLS: Final = frozenset({"", "~", "null", "Null", "NULL"})
_NULL_TAG: Final = "tag:yaml.org,2002:null"
_STR_TAG: Final = "tag:yaml.org,2002:str"
# PyYAML rejects most of these, and reads U+0085 as a line break, so they are written as escapes.
_ESCAPED: Final = re.compile("[\x7f-\xa0\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]")
_PLAIN_KEY: Final = re.compile(r"^[A-Za-z_][\w./-]*\Z")
_NAME_WITH_PATH: Final = re.compile(
    r"[A-Za-z0-9][A-Za-z0-9._-]*(?::[0-9]+)?(?:/[A-Za-z0-9._-]+)+(?::[A-Za-z0-9_][A-Za-z0-9_.-]*)?\Z"
)
"""References whose slash makes them text in any YAML; most that are written are such."""

_JSON_TOKEN: Final = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+')


class Dialect(enum.Enum):
    """What kind of text an option's value is."""

    TEXT = "text"
    YAML = "yaml"
    JSON = "json"


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
            parsed = _YamlReader(text).read()
            if parsed is not None:
                return parsed
        return cls(text, Dialect.TEXT, (Scalar((), text, 0, len(text)),))

    def edit(
        self, values: Mapping[KeyPath, str], additions: Mapping[str, str] | None = None
    ) -> str:
        """Return the text with some scalars replaced and some keys added to the top level.

        Args:
            values: New values by path; each scalar keeps its quotes.
            additions: New keys of the top-level mapping, put after the last one.

        Raises:
            OptionError: when keys are to be added and the top level is not a mapping.
        """
        pieces: list[str] = []
        end = 0
        ours = {id(scalar) for scalar in self.scalars}
        for scalar in sorted(self.scalars, key=lambda scalar: scalar.start):
            value = values.get(scalar.path, scalar.value)
            # An alias follows its anchor: it is written out only if it needs another value.
            anchor = scalar.alias_of
            stays = scalar.value if anchor is None else anchor.value
            if anchor is not None and id(anchor) in ours:  # not one under a key that is repeated
                stays = values.get(anchor.path, anchor.value)
            if value != stays:
                written = "null" if value is None else self._written(scalar, value)
                pieces += (self.text[end : scalar.start], written)
                end = scalar.end
        text = "".join([*pieces, self.text[end:]])
        return _with_additions(ValueText.parse(text), additions) if additions else text

    def _written(self, scalar: Scalar, value: str) -> str:
        """Return a value as written in place of a scalar."""
        if self.dialect is Dialect.TEXT:
            return value
        if self.dialect is Dialect.JSON or scalar.style == '"':
            return _json_string(value)
        if scalar.style in ("|", ">"):
            raw = self.text[scalar.start : scalar.end]
            kept = _reindented(raw, scalar.value or "", value) if scalar.style == "|" else None
            return kept or scalar.lead + _json_string(value) + raw[len(raw.rstrip(_LINE_ENDS)) :]
        if scalar.style in ("'", "*") or scalar.value is None:
            return scalar.lead + _single_quoted(value)
        plain = _plain_safe(value, flow=scalar.flow)
        return scalar.lead + (value if plain else _single_quoted(value))


def render_mapping(values: Mapping[str, str]) -> str:
    """Return a block mapping of keys to single-quoted values, a line each."""
    return "".join(f"{_yaml_key(key)}: {_single_quoted(value)}\n" for key, value in values.items())


def _may_be_yaml(stripped: str) -> bool:
    """Whether a text could be a YAML collection; a single line without a mark of one is not."""
    return (
        any(end in stripped for end in _LINE_ENDS)
        or stripped.startswith(("{", "[", "&", "!", "- ", "? ", "-\t", "?\t"))
        or any(mark in stripped for mark in (": ", ":\t"))
        or stripped.endswith(":")
    )


@dataclass(slots=True)
class _Level:
    """A collection that is being read."""

    path: KeyPath
    is_mapping: bool
    flow: bool
    names: Names = field(default_factory=Names)
    key: str | None = None
    """The key whose value comes next."""
    index: int = 0


class _YamlReader:
    """Reads the scalars of a YAML document from its events, so that nothing is expanded."""

    def __init__(self, text: str) -> None:
        self.text = text
        # libyaml leaves a byte order mark out of its positions.
        self.shift = 1 if text.startswith("\ufeff") else 0
        self.levels: list[_Level] = []
        self.scalars = Values()
        self.anchors: dict[str, Scalar | None] = {}
        self.keys: list[str] | None = None
        self.root = (0, 0)
        self.flow = False

    def read(self) -> ValueText | None:
        """Return the document, or ``None`` when it is not a single collection with scalar keys."""
        events = yaml_events(self.text) or []
        if sum(isinstance(event, yaml.DocumentStartEvent) for event in events) != 1:
            return None
        for event in events:
            if isinstance(event, yaml.NodeEvent) and not self._node(event):
                return None
            if isinstance(event, yaml.CollectionEndEvent):
                self.levels.pop()
                if not self.levels:
                    self.root = (self.root[0], self._span(event)[1])
        keys = None if self.keys is None else tuple(dict.fromkeys(self.keys))
        return ValueText(
            self.text, Dialect.YAML, self.scalars.kept(), keys, self.root, flow=self.flow
        )

    def _node(self, event: yaml.NodeEvent) -> bool:
        """Take in the next key or value; return ``False`` when this reader cannot handle it."""
        top = self.levels[-1] if self.levels else None
        if top is None and not isinstance(event, yaml.CollectionStartEvent):
            return False
        if top is not None and top.is_mapping and top.key is None:
            return self._key(top, event)
        path: KeyPath = ()
        if top is not None:
            path = (*top.path, top.index if top.key is None else top.key)
            top.key, top.index = None, top.index + 1
        if isinstance(event, yaml.CollectionStartEvent):
            self._open(event, path)
            return True
        scalar = self._scalar(event, path, flow=top is not None and top.flow)
        if scalar is not None:
            self.scalars.add(scalar)
            return True
        return isinstance(event, yaml.AliasEvent) and event.anchor in self.anchors

    def _key(self, level: _Level, event: yaml.NodeEvent) -> bool:
        if not isinstance(event, yaml.ScalarEvent):
            return False
        name = str(event.value)
        level.names.take(name, self.scalars)
        level.key = name
        if self.keys is not None and len(self.levels) == 1:
            self.keys.append(name)
        if event.anchor:
            self.anchors[event.anchor] = Scalar((), name, 0, 0)
        return True

    def _open(self, event: yaml.CollectionStartEvent, path: KeyPath) -> None:
        is_mapping = isinstance(event, yaml.MappingStartEvent)
        if not self.levels:
            start = self._behind_properties(event)
            self.root, self.flow = (start, start), bool(event.flow_style)
            self.keys = [] if is_mapping else None
        if event.anchor:
            self.anchors[event.anchor] = None
        self.levels.append(_Level(path, is_mapping, bool(event.flow_style)))

    def _scalar(self, event: yaml.NodeEvent, path: KeyPath, *, flow: bool) -> Scalar | None:
        """Return a value; ``None`` for the alias of a collection and for ``? key`` alone."""
        start, end = self._span(event)
        if not isinstance(event, yaml.ScalarEvent):
            anchor = self.anchors.get(str(event.anchor))
            if anchor is None:
                return None
            return Scalar(path, anchor.value, start, end, "*", "", flow, anchor)
        style = event.style if event.style in ("'", '"', "|", ">") else ""
        null = event.tag == _NULL_TAG or (event.tag is None and not style and event.value in _NULLS)
        value = None if null else str(event.value)
        lead = ""
        if event.tag not in (None, "!", _STR_TAG):
            # A tag such as !!null would change the new value, so it is replaced as well; the
            # anchor in the same place has to stay for its aliases.
            lead = f"&{event.anchor} " if event.anchor else ""
        else:
            inside = self._behind_properties(event)
            if start == end:  # nothing is written: `key:`, `- `, `? key`, or `{key}`
                if flow and path[-1:] == ("",):
                    return None  # the colon may be the end of a tag that is all of the key
                mark = ":" if self.levels[-1].is_mapping else "-"
                if not self._is_behind(mark, start, flow=flow):
                    if not flow or not _ends_with_key(self.text, start, str(path[-1])):
                        return None
                    lead = ": "
                elif not self.text[start - 1 : start].isspace():
                    lead = " "
            elif inside > start and not self.text[inside - 1].isspace():
                lead = " "  # an anchor or a tag, and nothing or no blank after it
            elif style in ("|", ">") and self.text[inside - 1] in _LINE_ENDS:
                lead = " "  # a block may begin where a text in quotes may not
            start = inside
        scalar = Scalar(path, value, start, end, style, lead, flow)
        if event.anchor:
            self.anchors[event.anchor] = scalar
        return scalar

    def _span(self, event: yaml.Event) -> tuple[int, int]:
        marks = event.start_mark, event.end_mark
        start, end = (0 if mark is None else mark.index + self.shift for mark in marks)
        return start, end

    def _is_behind(self, mark: str, start: int, *, flow: bool) -> bool:
        """Whether nothing but blanks is between a mark and an index; in a block, nothing at all.

        The value of ``? key`` alone has its place behind the comments of the lines that follow,
        and a comment may end in a colon.
        """
        end = len(self.text[:start].rstrip(" \t")) if flow else start
        return self.text[end - 1 : end] == mark

    def _behind_properties(self, event: yaml.ScalarEvent | yaml.CollectionStartEvent) -> int:
        start, end = self._span(event)
        match = _PROPERTIES.match(self.text, start, max(start, end))
        return match.end() if match and (event.anchor or event.tag) else start


def _visible_before(text: str, end: int) -> str:
    """Return the last character before an index that is no blank or line end."""
    while end > 0 and text[end - 1].isspace():
        end -= 1
    return text[end - 1 : end]


def _ends_with_key(text: str, end: int, key: str) -> bool:
    """Whether a key in brackets ends the text before an index so that ``:`` may follow it.

    It may not behind a key of several lines, or behind a tag.
    """
    while end > 0 and text[end - 1] in " \t":
        end -= 1
    for written in (f"'{key}'", f'"{key}"', key if _PLAIN_KEY.match(key) else None):
        if written and text.endswith(written, 0, end):
            return _visible_before(text, end - len(written)) in ("{", ",")
    return False


def _parse_json(text: str) -> ValueText | None:
    """Take a JSON document apart; the standard library validates it, the tokens have the places."""
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return None
    scalars = Values()
    keys: list[str] = []
    stack: list[list[str | int | None]] = []
    names: list[Names] = []
    tokens = list(_JSON_TOKEN.finditer(text))
    opens = tokens[0]
    for index, token in enumerate(tokens):
        mark = token[0]
        if mark in "{[":
            stack.append([None if mark == "{" else 0])
            names.append(Names())
        elif mark in "}]":
            stack.pop()
            names.pop()
        elif mark == ",":
            top = stack[-1][0]
            stack[-1][0] = top + 1 if isinstance(top, int) else None
        elif mark != ":":
            is_key = tokens[index + 1][0] == ":" if index + 1 < len(tokens) else False
            value = json.loads(mark)
            if is_key:
                stack[-1][0] = name = str(value)
                names[-1].take(name, scalars)
                if len(stack) == 1:
                    keys.append(name)
            else:
                path = tuple(level[0] for level in stack if level[0] is not None)
                shown = value if isinstance(value, str) or value is None else mark
                quote = '"' if isinstance(value, str) else ""
                scalars.add(Scalar(path, shown, token.start(), token.end(), quote))
    return ValueText(
        text,
        Dialect.JSON,
        scalars.kept(),
        tuple(dict.fromkeys(keys)) if opens[0] == "{" else None,
        (opens.start(), tokens[-1].end()),
        flow=True,
    )


def _with_additions(given: ValueText, additions: Mapping[str, str]) -> str:
    """Return the text with more keys: after the last one, or in front where that fails.

    It fails where the text after the last value belongs to it or ends the document: a block scalar
    that keeps its line ends (``|+``), a ``...`` line, a comment before the closing bracket.
    """
    if given.keys is None:
        raise OptionError("keys can only be added to a mapping")
    bracketed = given.dialect is Dialect.JSON or given.flow
    behind, in_front = (
        _bracketed_additions(given, additions) if bracketed else _block_additions(given, additions)
    )
    found = ValueText.parse(behind)
    before = [(scalar.path, scalar.value) for scalar in given.scalars]
    after = [(scalar.path, scalar.value) for scalar in found.scalars]
    wanted: list[tuple[KeyPath, str]] = [((key,), value) for key, value in additions.items()]
    return behind if after == [*before, *wanted] else in_front


def _block_additions(given: ValueText, additions: Mapping[str, str]) -> tuple[str, str]:
    start = given.root[0]
    margin = " " * (start - (given.text.rfind("\n", 0, start) + 1))
    body = given.text.rstrip("\n")
    tail = given.text[len(body) :]
    lines = [f"{_yaml_key(key)}: {_single_quoted(value)}" for key, value in additions.items()]
    behind = "\n".join([body, *(f"{margin}{line}" for line in lines)]) + tail
    head = "".join(f"{line}\n{margin}" for line in lines)
    return behind, given.text[:start] + head + given.text[start:]


def _bracketed_additions(given: ValueText, additions: Mapping[str, str]) -> tuple[str, str]:
    start, end = given.root
    inner = given.text[start + 1 : end - 1]
    body = inner.rstrip()
    closing = inner[len(body) :]
    json_like = given.dialect is Dialect.JSON
    compact = json_like and re.search(r'":\S', inner) and not re.search(r'":\s', inner)
    items = [
        f"{_json_string(key)}{':' if compact else ': '}{_json_string(value)}"
        if json_like
        else f"{_yaml_key(key)}: {_single_quoted(value)}"
        for key, value in additions.items()
    ]
    first_line = re.match(r"\s*\n([ \t]*)", inner)
    separator = f",\n{first_line[1]}" if first_line else ("," if compact else ", ")
    ends = given.text[: start + 1], given.text[end - 1 :]
    if not given.keys:
        joined = separator.join(items)
        return (joined + closing).join(ends), (joined + inner).join(ends)
    behind = separator.join([body if json_like else body.rstrip(","), *items]) + closing
    return behind.join(ends), separator.join([*items, inner]).join(ends)


def _reindented(raw: str, old: str, value: str) -> str | None:
    """Return a literal block with new lines, or ``None`` when they do not fit its header.

    A header with an indentation of its own (``|2``) or lines that begin with blanks would need
    another header, and so would a block that is empty.
    """
    header, _, body = raw.partition("\n")
    trailing = len(body) - len(body.rstrip("\n"))
    ending = len(old) - len(old.rstrip("\n"))
    lines = value.rstrip("\n").split("\n")
    fits = (
        len(value) - len(value.rstrip("\n")) == ending
        and not any(end in raw for end in _LINE_ENDS[1:])
        and not any(letter.isdigit() for letter in header.partition("#")[0])
        and lines[0][:1] not in ("", " ")
        and all(line.isprintable() for line in lines)
    )
    if not fits:
        return None
    sample = next((line for line in body.split("\n") if line.strip()), "")
    margin = sample[: len(sample) - len(sample.lstrip(" "))]
    if not margin:  # a block without lines has no indentation to go by
        return None
    indented = [f"{margin}{line}" if line else line for line in lines]
    return f"{header}\n" + "\n".join(indented) + "\n" * trailing


def _json_string(value: str) -> str:
    """Return a text in double quotes, as JSON and YAML read it."""
    quoted = json.dumps(value, ensure_ascii=False)
    return _ESCAPED.sub(lambda match: f"\\u{ord(match[0]):04x}", quoted)


def _single_quoted(value: str) -> str:
    if not value.isprintable():
        return _json_string(value)
    return "'" + value.replace("'", "''") + "'"


def _plain_safe(value: str, *, flow: bool) -> bool:
    """Whether a value without quotes is still read as this text, by PyYAML and by Go's yaml.v2.

    Without quotes, PyYAML reads ``12:30`` as a number, yaml.v2 ``y`` as true and ``1e-5`` as one;
    inside brackets, a question mark ends a text for yaml.v2.
    """
    if _NAME_WITH_PATH.match(value):
        return True
    if not value.isprintable() or not is_text(value) or (flow and "?" in value):
        return False
    events = yaml_events(f"[{value}, x]" if flow else f"k: {value}\n") or []
    scalars = [event for event in events if isinstance(event, yaml.ScalarEvent)]
    if len(scalars) != 2 or len(events) != 8:
        return False
    found = scalars[0] if flow else scalars[1]
    return found.value == value and found.style in (None, "")


def _yaml_key(key: str) -> str:
    return key if _PLAIN_KEY.match(key) and _plain_safe(key, flow=True) else _json_string(key)
