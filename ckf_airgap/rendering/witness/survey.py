"""The references in a value of any shape: a walk through documents, texts and parts. Pure."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

from ckf_airgap.documents import JSONValue, load_all_yaml, parse_json
from ckf_airgap.errors import InputError
from ckf_airgap.rendering.witness.composing import compose
from ckf_airgap.rendering.witness.judging import (
    Judged,
    Verdict,
    is_public_registry,
    judge,
    parsed,
)
from ckf_airgap.rendering.witness.naming import Says, said
from ckf_airgap.rendering.witness.texts import Word, is_list, words_of_text

Path: TypeAlias = "tuple[str | int, ...]"
"""Keys of mappings and indexes of lists, the outermost first."""

MAX_NESTED: Final = 12
"""Documents within strings of documents that are opened; the text of a deeper one is searched."""

_NAMING: Final = ("name", "key", "variable")
_VALUES: Final = ("value", "default", "val")
_LINE: Final = re.compile(r"[\n\r\x85\u2028\u2029]|:(?:[ \t]|\Z)")


@dataclass(frozen=True, slots=True)
class Found:
    """A reference, or a part of one, in a value.

    Attributes:
        path: Where it is written; of a reference in parts, the place of its name.
        judged: What it is.
        parts: The paths of all its parts, the one that stands in front first; empty when it is
            written whole.
        certain: Whether its parts belong together beyond doubt.
        is_key: Whether it is a key of a mapping.
    """

    path: Path
    judged: Judged
    parts: tuple[Path, ...] = ()
    certain: bool = True
    is_key: bool = False


def document(text: str) -> JSONValue:
    """Return the document that a text is, as a mapping or a list; ``None`` for any other text.

    Several documents are a list of them.
    """
    stripped = text.strip()
    if stripped[:1] in ("{", "["):
        with contextlib.suppress(ValueError):
            return parse_json(text)
    if not (stripped[:1] in ("{", "[", "-", "?", "&", "!") or _LINE.search(stripped)):
        return None
    try:
        found = load_all_yaml(text, where="a text", allow_duplicate_keys=True)
    except InputError:
        return None
    kept = [value for value in found if isinstance(value, dict | list)]
    if len(found) == 1 and kept:
        return kept[0]
    return [*kept] if kept and len(kept) == len(found) else None


def survey(value: JSONValue, names: tuple[str, ...], *, private: str) -> Iterator[Found]:
    """Yield every reference in a value, and every part of one, in no special order.

    Args:
        value: A document, or a text, which may be a document itself.
        names: The option, and what else says what the value is.
        private: The host of the private registry; or nothing.
    """
    waiting: list[tuple[JSONValue, Path, tuple[str, ...], int]] = [(value, (), names, 0)]
    while waiting:
        here, path, called, depth = waiting.pop()
        if isinstance(here, dict):
            used: set[Path] = set()
            for made in _composed(here, path, called):
                used.update(made.parts)
                yield made
            called_by = next((here[key] for key in _NAMING if isinstance(here.get(key), str)), None)
            for key, item in here.items():
                yield from _key(key, (*path, key), private)
                if (*path, key) in used:
                    continue
                inner = (*called, key)
                if isinstance(called_by, str) and key in _VALUES:
                    inner = (*called, called_by)
                waiting.append((item, (*path, key), inner, depth))
        elif isinstance(here, list):
            waiting += [(item, (*path, i), called, depth) for i, item in enumerate(here)]
        elif isinstance(here, str):
            whole = judge(here.strip(), called, private=private)
            if whole is not None:
                yield Found(path, whole)
                continue
            inside = document(here) if depth < MAX_NESTED else None
            if inside is not None:
                waiting.append((inside, path, called, depth + 1))
            else:
                yield from _words(here, path, called, private)


def _composed(fields: dict[str, JSONValue], path: Path, called: tuple[str, ...]) -> Iterator[Found]:
    texts = {key: value for key, value in fields.items() if isinstance(value, str)}
    for made in compose(texts, called):
        judged = Judged(Verdict.IMAGE, str(made.reference), made.reference)
        parts = tuple((*path, key) for key in made.keys)
        yield Found((*path, made.name), judged, parts)


def _key(key: str, path: Path, private: str) -> Iterator[Found]:
    if "/" in key:
        judged = judge(key, (), private=private)
        if judged is not None and judged.verdict is Verdict.IMAGE and judged.reference.registry:
            yield Found(path, judged, is_key=True)


def _words(text: str, path: Path, called: tuple[str, ...], private: str) -> Iterator[Found]:
    listed = is_list(text)
    for word in words_of_text(text):
        named = (word.name,) if word.name else (called if listed else ())
        judged = _part(word, private) if word.cut else judge(word.text, named, private=private)
        if judged is not None:
            yield Found((*path, word.place), judged)
    if listed and said(called) in (Says.FRONT, Says.VAGUE_FRONT):
        for bare in text.replace(",", " ").split():
            judged = judge(bare, called, private=private) if "/" not in bare else None
            if judged is not None and judged.verdict is Verdict.PART and ":" not in bare:
                yield Found(path, judged)


def _part(word: Word, private: str) -> Judged | None:
    """Judge a word that a template goes on: it is a part, if it begins with a registry."""
    reference = parsed(word.text)
    host = reference.registry if reference is not None else None
    if reference is None or host is None or not (host == private or is_public_registry(host)):
        return None
    return Judged(Verdict.PART, word.text, reference)
