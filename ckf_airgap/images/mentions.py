"""Mentions of images in the files of a charm: templates, YAML, JSON, Python, and strings in them.

Pure. A mention is graded by its place. Only a reference used as a value (after a colon or an equals
sign, or in its own quotes) counts as one that the code uses; in a comment, a docstring, a sentence,
a document or a test it is text. Templates cannot be parsed before they are rendered, so everything
but Python is read line by line. The work grows with the length of a file, whatever is in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Final, Literal, TypeAlias

from ckf_airgap.errors import ReferenceSyntaxError
from ckf_airgap.images.codelines import HOLE, Word, words_of_line
from ckf_airgap.images.keys import VALUE_KEYS, meaning
from ckf_airgap.images.likeness import Said, is_image, matched
from ckf_airgap.images.outline import Outline, comment_in, without_template_comments
from ckf_airgap.images.placeholders import Inside, cut_out
from ckf_airgap.images.pystrings import PythonString, strings_of
from ckf_airgap.images.quicklook import may_mention
from ckf_airgap.images.reference import ImageReference

__all__ = ["MAX_PARSED", "Grade", "Mention", "find_mentions", "may_mention"]

Grade: TypeAlias = Literal["hidden", "templated", "text"]
"""``hidden``: the image is pulled as it is written. ``templated``: a variable fills in part of it,
or replaces it when set. ``text``: it is mentioned, not used."""

MAX_PARSED: Final = 1024 * 1024
"""Characters of a Python module that is parsed; a longer one is read line by line."""

MAX_EXCERPT: Final = 160

_EXAMPLE_DIRECTORIES: Final = frozenset({"test", "tests", "doc", "docs", "example", "examples"})
_SAMPLES: Final = ("conftest", "example", "sample", "test_")
_SAMPLE_DIRECTORIES: Final = frozenset(
    {*_EXAMPLE_DIRECTORIES, "sample", "samples", "testdata", "testing"}
)
_PROSE: Final = frozenset({".adoc", ".md", ".rst"})
_PROSE_NAMES: Final = ("changelog", "contributing", "copyright", "licence", "license", "readme")
_RECIPES: Final = ("containerfile", "dockerfile")
"""Beginnings of the names of files that say how an image was made, not what a charm runs."""

_FRONT: Final = re.compile(
    r"(?m)^[ \t]{0,99}[\"']?(?:hub|registry|repository|image-?registry)[\"']?:[ \t]{0,9}[\"']?\w",
    re.IGNORECASE,
)
"""A key whose value is put before bare names in the same text, as in the values of a Helm chart."""

_CODE: Final = frozenset(
    {".c", ".css", ".go", ".htm", ".html", ".js", ".jsx", ".mjs", ".rb", ".rs", ".svg", ".ts"}
    | {".py", ".tsx", ".xml"}
)
"""Languages in which a word without quotes is a variable, not a text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mention:
    """A reference in a file.

    Attributes:
        text: The reference as written, with ``{}`` for what a template fills in.
        reference: The same, parsed; ``None`` when a template fills in part of it.
        grade: See `Grade`.
        line: The line in the file, counted from 1.
        excerpt: The line, shortened.
        called: The key, variable, argument or flag that it is the value of, or nothing.
    """

    text: str
    reference: ImageReference | None
    grade: Grade
    line: int
    excerpt: str
    called: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Context:
    """What is known of a line beside its text."""

    number: int
    shown: str
    owner: str = ""
    """What it is an item or a part of."""
    key: str = ""
    """The key below `owner` that the whole line is the value of."""
    name: str = ""
    """What a key that says nothing of its own (``value``) stands for."""
    direct: bool = True
    """Whether a text alone in the line is the value of `owner` itself."""
    code: bool = False
    """Whether a word without quotes is a variable."""


def find_mentions(path: str, text: str, *, dependency: bool = False) -> list[Mention]:
    """Return the references in a file of a charm, in the order of its lines.

    Args:
        path: Its path in the charm, which shows the language and whether it is written for people.
        text: Its content.
        dependency: Whether it belongs to a library, where samples lie beside the code.
    """
    pure = PurePosixPath(path)
    suffix = pure.suffix.lower()
    if suffix == ".py" or _is_python_script(suffix, text):
        found = _in_python(text)
    else:
        comments = suffix not in (".json", ".md")
        found = list(_in_lines(text, comments=comments, code=suffix in _CODE))
    if _is_for_people(pure, dependency=dependency):
        found = [_as_text(mention) for mention in found]
    return sorted(dict.fromkeys(found), key=lambda mention: (mention.line, mention.text))


def _is_python_script(suffix: str, text: str) -> bool:
    return not suffix and text.startswith("#!") and "python" in text.partition("\n")[0]


def _is_for_people(path: PurePosixPath, *, dependency: bool) -> bool:
    directories = _SAMPLE_DIRECTORIES if dependency else _EXAMPLE_DIRECTORIES
    return (
        path.suffix.lower() in _PROSE
        or path.name.lower().startswith(_PROSE_NAMES + _RECIPES)
        or not directories.isdisjoint(path.parts[:-1])
        or (dependency and path.name.lower().startswith(_SAMPLES))
    )


def _as_text(mention: Mention) -> Mention:
    return replace(mention, grade="text")


def _in_lines(
    text: str, *, comments: bool, first: int = 1, owner: str = "", code: bool = False
) -> Iterator[Mention]:
    """Yield the mentions in a text whose lines are YAML, JSON, shell or a template of these.

    Args:
        text: The text.
        comments: Whether ``#`` begins a comment.
        first: The number of its first line.
        owner: The name of the whole text, if it is a value.
        code: Whether a word without quotes is a variable.
    """
    outline = Outline(without_template_comments(text).splitlines(), owner)
    put_before = _FRONT.search(text) is not None
    for index, line in enumerate(outline.lines):
        place = outline.enter(index)
        if place is None or not place.is_worth_reading:
            continue
        context = _Context(
            number=index + first,
            shown=line,
            owner="" if place.for_people else place.owner,
            name=place.name,
            code=code or place.for_people,
        )
        for mention in _in_line(line, context, comments=comments):
            is_bare = "/" not in mention.text and ":" not in mention.text
            if place.for_people:
                yield _as_text(mention)
            elif put_before and is_bare and mention.grade == "hidden":
                yield replace(mention, grade="templated")
            else:
                yield mention


def _in_line(line: str, context: _Context, *, comments: bool) -> Iterator[Mention]:
    """Yield the mentions in a line; see `_in_lines`."""
    comment = comment_in(line) if comments else len(line)
    seen: set[str] = set()
    holed, insides = cut_out(line[:comment])
    for inside in insides:
        for mention in _in_placeholder(inside, context):
            if mention.text not in seen:
                seen.add(mention.text)
                yield mention
    for word in words_of_line(holed, context.owner):
        found = _graded(word, context, seen)
        if found is not None:
            yield found
    if comment < len(line):
        plain = replace(context, owner="", name="")
        for word in words_of_line(line[comment:].lstrip("# ")):
            found = _graded(word, plain, seen)
            if found is not None:
                yield _as_text(found)


def _in_placeholder(inside: Inside, context: _Context) -> Iterator[Mention]:
    """Yield the mentions in what a template or a shell fills in, which are fallbacks."""
    name = inside.around
    if inside.whole:
        name = next((n for n in (inside.name, inside.around) if meaning(n).names_images), "")
        name = name or context.owner
    elif not meaning(name).names_images:
        runs = words_of_line(inside.text, "x")
        name = next((run.text for run in runs if meaning(run.text).names_images), context.owner)
    if inside.fallback and inside.whole:
        words = words_of_line(inside.text, name)
    elif inside.fallback:
        words = [
            replace(word, key=name, placed=True)
            for word in words_of_line(inside.text, name)
            if word.quoted
        ]
    else:
        words = words_of_line(inside.text)
    within = replace(context, owner=name)
    for word in words:
        mention = _graded(word, within, set())
        if mention is not None:
            templated = inside.fallback and mention.grade == "hidden"
            yield replace(mention, grade="templated") if templated else mention


def _graded(word: Word, context: _Context, seen: set[str]) -> Mention | None:
    """Return a word as a mention, or ``None`` when it is not an image, or was seen."""
    text = word.text
    if text in seen:
        return None
    match = matched(text)
    if match is None:
        return None
    called = word.key or (context.key if word.frame.owner == context.owner else "")
    if called in VALUE_KEYS:
        called = word.frame.given or context.name or called
    placed = word.placed or (word.command and (word.pulled or bool(match["tag"])))
    if word.pulled and word.command:
        called = "image"
    said = Said.of(
        called,
        word.frame.owner,
        bare=context.direct and (word.quoted or not context.code),
        direct=context.direct,
    )
    if not is_image(match, said, placed=placed):
        return None
    grade: Grade = "text" if not placed else "templated" if HOLE in text else "hidden"
    reference = None
    if HOLE not in text:
        try:
            reference = ImageReference.parse(text)
        except ReferenceSyntaxError:
            return None
    seen.add(text)
    return Mention(
        text=text.replace(HOLE, "{}"),
        reference=reference,
        grade=grade,
        line=context.number,
        excerpt=context.shown[: 4 * MAX_EXCERPT].strip()[:MAX_EXCERPT],
        called=said.called,
    )


def _in_python(text: str) -> list[Mention]:
    """Return the mentions in a Python module; one that does not parse is read line by line."""
    if len(text) > MAX_PARSED:
        return list(_in_lines(text, comments=True, code=True))
    try:
        strings = strings_of(text, hole=HOLE, named=_matters)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return list(_in_lines(text, comments=True, code=True))
    lines = text.splitlines()
    found: list[Mention] = []
    for string in strings:
        if not _may_hold_one(string):
            continue
        for mention in _in_python_string(string):
            excerpt = lines[mention.line - 1].strip() if mention.line <= len(lines) else ""
            grade = mention.grade
            if string.for_people:
                grade = "text"
            elif string.fallback and grade == "hidden":
                grade = "templated"
            found.append(
                replace(mention, grade=grade, excerpt=excerpt[:MAX_EXCERPT] or mention.excerpt)
            )
    for number, line in enumerate(lines, start=1):
        if line.lstrip().startswith("#"):
            context = _Context(number=number, shown=line)
            found += map(_as_text, _in_line(line.lstrip(" #"), context, comments=False))
    return found


def _in_python_string(string: PythonString) -> Iterator[Mention]:
    if "\n" in string.text:  # a manifest, or a script
        yield from _in_lines(string.text, comments=True, first=string.line)
        return
    begins = string.text[:1].isalnum() or string.text.startswith(("[", "{", HOLE))
    whole = begins and not any(char.isspace() for char in string.text)
    context = _Context(
        number=string.line,
        shown=string.text,
        owner=string.name,
        key=string.key,
        name=string.name,
        direct=string.direct and whole,
        code=not whole,
    )
    yield from _in_line(string.text, context, comments=False)


def _may_hold_one(string: PythonString) -> bool:
    text = string.text
    return bool(string.name) or "/" in text or ":" in text or "image" in text


def _matters(name: str) -> bool:
    return meaning(name).kind != "nothing"
