"""Mentions of images in the files of a charm: templates, YAML, JSON, Python, and strings in them.

Pure. A mention is graded by its place. Only a reference used as a value (after a colon or an equals
sign, or in its own quotes) counts as one that the code uses; in a comment, a docstring, a sentence,
a document or a test it is text. Templates cannot be parsed before they are rendered, so everything
but Python is read line by line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Final, Literal, TypeAlias

from ckf_airgap.errors import ReferenceSyntaxError
from ckf_airgap.images.keys import names_images
from ckf_airgap.images.pystrings import strings_of
from ckf_airgap.images.reference import ImageReference

Grade: TypeAlias = Literal["hidden", "templated", "text"]
"""``hidden``: the image is pulled as it is written. ``templated``: a variable fills in part of it,
or replaces it when set. ``text``: it is mentioned, not used."""

HOLE: Final = "\ue000"
"""Stands for what a template or a format string fills in; a private-use character of Unicode."""

MAX_LINE: Final = 20_000
"""Characters of a line that are searched; longer lines are generated data."""

MAX_EXCERPT: Final = 160

_WINDOW: Final = 80
"""Characters on either side of a reference that are read to see what it is for."""

_REGISTRIES: Final = re.compile(
    r"^(?:docker\.io|index\.docker\.io|(?:[\w-]+\.)?gcr\.io|ghcr\.io|quay\.io|nvcr\.io|"
    r"registry\.k8s\.io|k8s\.gcr\.io|public\.ecr\.aws|mcr\.microsoft\.com|registry-1\.docker\.io|"
    r"[\w.-]+\.azurecr\.io|[\w.-]+\.pkg\.dev|[\w.-]+\.amazonaws\.com|"
    r"(?:registry|docker|rocks|cr)\.[\w.-]+)(?::\d+)?$"
)
"""Hosts whose names show that they are registries, so that a path after one is an image."""

_PART = rf"[a-z0-9{HOLE}]+(?:(?:[._]|__|-+)[a-z0-9{HOLE}]+)*"
_TOKEN: Final = re.compile(
    rf"(?<![\w./:@%$\\{HOLE}+-])"
    rf"(?P<name>(?:(?:[A-Za-z0-9{HOLE}][A-Za-z0-9.{HOLE}-]*|\[[0-9a-fA-F:]+\])(?::[0-9]+)?/)?"
    rf"{_PART}(?:/{_PART})*)"
    rf"(?::(?P<tag>[\w{HOLE}](?:[\w.{HOLE}-]{{0,126}}[\w{HOLE}])?))?"
    rf"(?:@(?P<digest>sha256:(?:[0-9a-f]{{64}}|{HOLE})))?"
    rf"(?![\w/@:{HOLE}]|\.\w)"
)
_PLACEHOLDERS: Final = (
    re.compile(r"\{\{.*?\}\}"),  # Jinja, Go templates
    re.compile(r"\$\{[^}]*\}|\$\([^)]*\)"),  # shell
    re.compile(r"\{[A-Za-z_]*[\w.!:\[\]]*\}"),  # str.format
    re.compile(r"%\(\w+\)s|%s"),
)
_JINJA: Final = re.compile(r"\{\{.*?\}\}|\{%.*?%\}")
_CONTEXT: Final = re.compile(r"(?P<word>[\w.-]+)[\"'\])\\]*\s*(?:[:=]|:=|\?=|,)\s*$")
_BARE_IMAGE: Final = re.compile(
    r"(?<![\w./-])(?:image\s*:\s*[\"'\\]*|image[\"'\\]+\s*:\s*[\"'\\]+)$"
)
_FLAG: Final = re.compile(r"--(?P<word>[\w-]+)[= ]\s*$")
_DEFAULT: Final = re.compile(r"(?P<word>[\w.]+)[\"'\])]*\s*\|\s*default\(\s*$")
_VALUE_PLACE: Final = re.compile(r"(?:^|[:=\[{(,|>-])$")
_QUOTES: Final = "\"'`\\ \t"
_SENTENCE_ENDS: Final = re.compile(r"^[\"'\\]*\s*(?:$|[,\]})|;#]|%\}|\}\})")
_FILE_NAME: Final = re.compile(
    r"\.(?:py|yaml|yml|json|md|txt|sh|go|js|ts|html|css|toml|cfg|j2|tmpl|rst|svg|png|ini|tf)$"
)
_NUMBER: Final = re.compile(r"^[0-9]+$")
_PORT: Final = re.compile(r"^[0-9]{2,5}$")
_NO_IMAGE_NAMES: Final = frozenset(
    {"true", "false", "null", "none", "string", "object", "array", "str", "image", "latest"}
)
"""Values of the key ``image`` in schemas and settings that are not images."""
_LINE_CANDIDATE: Final = re.compile(r"[a-z0-9})]/.*[:@]|(?i:image)[\w\"'\])\\. -]*[:=,(|]|-image\b")
_COMMENT: Final = re.compile(r"(?:^|\s)#")
_EXAMPLE_DIRECTORIES: Final = frozenset({"test", "tests", "doc", "docs", "example", "examples"})
_PROSE: Final = frozenset({".md", ".rst", ".adoc"})
_PROSE_NAMES: Final = ("readme", "license", "licence", "contributing", "changelog", "copyright")
_DESCRIBING: Final = frozenset({"description", "summary", "message", "title", "help", "doc"})
"""Keys whose value is written for people."""

_CANDIDATE: Final = re.compile(
    rb"[a-z0-9})]/[\w.{}$%()/ -]*[:@][\w{%$]|(?i:image)|sha256:",
)
"""What a text must contain: a path with a tag, a digest, or the word image."""

_PYTHON_CANDIDATES: Final = (
    # a path with a tag, or a digest
    re.compile(
        rb"[\w})]/(?:[\w.%()$/-]|\{\{[^}\n]*\}\}|[{}])+(?::[\w{%$]|@sha256)|sha256:[0-9a-f{%]"
    ),
    # in a string: the line of a manifest, JSON, or a flag with an image
    re.compile(
        rb"(?i)image\w*[ \t]*:[ \t]*[\"'\\]*[\w.{\[]|image[\"'\\]+\s*:\s*\\?[\"'{\[]"
        rb"|image[\w\"'\])\\]*\s*[:=, ]\s*[\"'\\]*[\w.{}%-]+:[\w{%]"
        rb"|(?:value|default)[\"'\\]*\s*:[^\n]*?[\w.{}%-]+[:/][\w{%]"
        rb"|image[\w\"'\])\\]*\s*[:=, ]\s*[\"'\\]*[\w.{}%-]+/"
    ),
)
"""What a module must contain, unless it has the word image and what `_PYTHON_QUOTED` finds."""

_PYTHON_QUOTED: Final = re.compile(
    rb"[\"'][\"'`\\\s]*(?:[\w.%$()\[\]:-]|\{\{[^}\n]*\}\}|[{}])+[:/][\w{%$]"
)
"""A string that begins like a name with a tag, or like a path."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mention:
    """A reference in a file.

    Attributes:
        text: The reference as written, with ``{}`` for what a template fills in.
        reference: The same, parsed; ``None`` when a template fills in part of it.
        grade: See `Grade`.
        line: The line in the file, counted from 1.
        excerpt: The line, shortened.
    """

    text: str
    reference: ImageReference | None
    grade: Grade
    line: int
    excerpt: str


def may_mention(path: str, data: bytes) -> bool:
    """Whether a file is worth decoding and reading; quick, and never wrong when it says no."""
    if path.endswith(".py"):
        named = b"image" in data.lower() and _PYTHON_QUOTED.search(data)
        return bool(named) or any(pattern.search(data) for pattern in _PYTHON_CANDIDATES)
    return bool(_CANDIDATE.search(data))


def find_mentions(path: str, text: str) -> list[Mention]:
    """Return the references in a file of a charm, in the order of its lines.

    Args:
        path: Its path in the charm, which shows the language and whether it is written for people.
        text: Its content.
    """
    pure = PurePosixPath(path)
    if pure.suffix == ".py":
        found = _in_python(text)
    else:
        found = list(_in_lines(text, comments=pure.suffix not in (".json", ".md")))
    if _is_for_people(pure):
        found = [_as_text(mention) for mention in found]
    return sorted(dict.fromkeys(found), key=lambda mention: (mention.line, mention.text))


def _is_for_people(path: PurePosixPath) -> bool:
    return (
        path.suffix.lower() in _PROSE
        or path.name.lower().startswith(_PROSE_NAMES)
        or not _EXAMPLE_DIRECTORIES.isdisjoint(path.parts[:-1])
    )


def _as_text(mention: Mention) -> Mention:
    return replace(mention, grade="text")


def _in_lines(text: str, *, comments: bool, first: int = 1, name: str = "") -> Iterator[Mention]:
    """Yield the mentions in a text whose lines are YAML, JSON, shell or a template of these.

    Args:
        text: The text.
        comments: Whether ``#`` begins a comment.
        first: The number of its first line.
        name: The name of the whole text, if it is a value.
    """
    text = _without_template_comments(text)
    described: int | None = None  # the indentation of a key whose block is written for people
    previous = name
    for number, line in enumerate(text.splitlines(), start=first):
        shown = line[:MAX_LINE]
        stripped = shown.lstrip()
        if not stripped:
            continue
        indentation = len(shown) - len(stripped)
        if described is not None and indentation <= described:
            described = None
        key = _key_of(stripped)
        word = previous if key in ("value", "default") else (key or name)
        if _LINE_CANDIDATE.search(shown) or (names_images(word) and ":" in shown):
            for mention in _in_line(shown, number, comments=comments, name=word):
                yield _as_text(mention) if described is not None else mention
        if described is None and key in _DESCRIBING:
            described = indentation
        if key == "name":
            previous = stripped.partition(":")[2].strip(" \"'")
        elif key and key not in ("value", "default", "type", "description"):
            previous = key


def _without_template_comments(text: str) -> str:
    """Return a text without Jinja's comments, whose lines keep their numbers."""
    parts, position = [], 0
    while (start := text.find("{#", position)) >= 0 and (end := text.find("#}", start + 2)) >= 0:
        comment = text[start : end + 2]
        parts += [text[position:start], "\n" * comment.count("\n")]
        position = end + 2
    return "".join([*parts, text[position:]])


def _key_of(stripped: str) -> str:
    match = re.match(r"(?:- )*[\"']?([\w./-]+)[\"']?\s*:(?:\s|$)", stripped)
    return match[1] if match else ""


def _in_line(line: str, number: int, *, comments: bool, name: str) -> Iterator[Mention]:
    """Yield the mentions in a line; see `_in_lines`."""
    comment = _COMMENT.search(line) if comments else None
    code = line[: comment.start()] if comment else line
    key = _key_of(line.lstrip())
    for_people = key in _DESCRIBING
    seen: set[str] = set()
    for holed, within in _versions(code):
        for match in _TOKEN.finditer(holed):
            mention = _graded(holed, match, number, line, name=name, keyed=bool(key), within=within)
            if mention is None or mention.text in seen:
                continue
            seen.add(mention.text)
            yield _as_text(mention) if for_people else mention
    if comment:
        for match in _TOKEN.finditer(line, comment.start()):
            mention = _graded(line, match, number, line, name="", keyed=False, within=False)
            if mention is not None and mention.text not in seen:
                yield _as_text(mention)


def _versions(line: str) -> Iterator[tuple[str, bool]]:
    """Yield a line as code to search, and whether it is the inside of a placeholder.

    First the insides of Jinja's placeholders, which may hold a default, then the line with a hole
    for each placeholder.
    """
    for match in _JINJA.finditer(line):
        yield match[0][2:-2], True
    holed = re.sub(r"\{%.*?%\}", " ", line)
    for pattern in _PLACEHOLDERS:
        holed = pattern.sub(HOLE, holed)
    yield holed, False


def _graded(
    line: str,
    match: re.Match[str],
    number: int,
    shown: str,
    *,
    name: str,
    keyed: bool,
    within: bool,
) -> Mention | None:
    """Return a token as a mention, or ``None`` when it is not an image."""
    token = match[0]
    before = line[max(0, match.start() - _WINDOW) : match.start()]
    bare_image = "image" in before and bool(_BARE_IMAGE.search(before))
    if not (match["tag"] or match["digest"] or "/" in token or bare_image):
        return None
    after = line[match.end() : match.end() + _WINDOW]
    bare = before.rstrip(_QUOTES)
    alone = not bare or (keyed and bare[-1] in "[,")
    called = _called(before, bare) or (name if alone and _SENTENCE_ENDS.match(after) else "")
    if called in ("value", "default"):
        called = name
    if not _is_image(match, called=called, bare_image=bare_image):
        return None
    behind = _VALUE_PLACE.search(bare) or _FLAG.search(before) or (within and bare.endswith(" or"))
    in_place = bool(behind) and bool(_SENTENCE_ENDS.match(after))
    grade: Grade = "hidden"
    if not in_place:
        if bare_image and not (match["tag"] or match["digest"]):
            return None
        grade = "text"
    elif HOLE in token or within:
        grade = "templated"
    reference = None
    if HOLE not in token:
        try:
            reference = ImageReference.parse(token)
        except ReferenceSyntaxError:
            return None
    return Mention(
        text=token.replace(HOLE, "{}"),
        reference=reference,
        grade=grade,
        line=number,
        excerpt=shown.strip()[:MAX_EXCERPT],
    )


def _called(before: str, bare: str) -> str:
    """Return the word that names a value: the key, variable or flag in front of it."""
    flag = _FLAG.search(before) if "--" in before else None
    if flag:
        return flag["word"]
    if bare[-1:] in ("", ":", "=", ","):
        match = _CONTEXT.search(bare)
        return match["word"] if match else ""
    default = _DEFAULT.search(bare) if "default" in bare else None
    return default["word"] if default else ""


def _is_image(match: re.Match[str], *, called: str, bare_image: bool) -> bool:
    """Whether a token that looks like a reference is an image.

    Args:
        match: The token.
        called: The key, variable or flag that it is the value of.
        bare_image: Whether the key is ``image`` and nothing else, as in the manifest of a pod,
            where any name will do.

    Under a name that says image, it needs a path or a tag, and must not be a number, time or port.
    Otherwise it needs a digest, or a known registry and a tag, or a path and a tag that has a digit
    without being a plain number.
    """
    name, tag = match["name"], match["tag"] or ""
    first, slash, _ = name.partition("/")
    literal = name.replace(HOLE, "").strip("/.-_")
    if match["digest"]:
        return True
    if not any(letter.isalpha() for letter in literal):
        return False
    if _FILE_NAME.search(name) and (not tag or _NUMBER.match(tag)):
        return False
    if bare_image:
        return name not in _NO_IMAGE_NAMES and not name.startswith("image/")
    if names_images(called):
        if tag:
            return bool(slash) or not _PORT.match(tag)
        last = re.findall(r"[A-Za-z][a-z]*", called.lower())[-1:]
        return bool(slash) and last in (["image"], ["images"]) and not name.startswith("image/")
    if not slash or not tag or HOLE in first:
        return False
    if _REGISTRIES.match(first):
        return True
    versioned = any(letter.isdigit() for letter in tag) and not _NUMBER.match(tag)
    return versioned and HOLE not in match[0]


def _in_python(text: str) -> list[Mention]:
    """Return the mentions in a Python module; one that does not parse is read line by line."""
    try:
        strings = strings_of(text, hole=HOLE, named=names_images)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return list(_in_lines(text, comments=True))
    lines = text.splitlines()
    found: list[Mention] = []
    for string in strings:
        if not (":" in string.text or "@" in string.text or (string.name and "/" in string.text)):
            continue  # no tag, no digest, and no path that is called an image
        manifest = "\n" in string.text
        for mention in _in_lines(
            string.text,
            comments=manifest,
            first=string.line,
            name="" if manifest else string.name,
        ):
            excerpt = lines[mention.line - 1].strip() if mention.line <= len(lines) else ""
            found.append(
                replace(
                    mention,
                    grade="text" if string.for_people else mention.grade,
                    excerpt=excerpt[:MAX_EXCERPT] or mention.excerpt,
                )
            )
    for number, line in enumerate(lines, start=1):
        if line.lstrip().startswith("#"):
            found += map(_as_text, _in_line(line.lstrip(" #"), number, comments=False, name=""))
    return found
