"""The images in a value of any shape, each judged by its text, place and neighbours. Pure.

`judge` answers for one text. Here the value is walked: lists, mappings, documents inside strings
and the words of texts; `find_candidates` returns what is an image, and what may be meant as one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache, partial
from itertools import pairwise
from typing import Final

from ckf_airgap.images.compositions import Composition, ReferencePart, compositions, role_of
from ckf_airgap.images.judge import BARE_NAME, NO, Circumstances, Known, Verdict, judge
from ckf_airgap.images.judge import parsed as parsed_reference
from ckf_airgap.images.keys import (
    NAMING_KEYS,
    NOTHING,
    VALUE_KEYS,
    Meaning,
    Part,
    meaning,
    names_images,
    split_words,
)
from ckf_airgap.images.optionrules import Composite
from ckf_airgap.images.places import KeyPath, Scalar
from ckf_airgap.images.reference import ImageReference
from ckf_airgap.images.scalars import Dialect, ValueText
from ckf_airgap.images.words import called, listed, may_call, words

MAX_NESTED: Final = 10
"""Levels of documents inside strings that are read as such; further in, words are looked at."""

_FLAG: Final = re.compile(r"--?[A-Za-z][\w.-]*\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A value that is an image, or that may be meant as one but is not taken for it.

    Attributes:
        path: The path to it in the option's value; empty when it is the whole value.
        text: The value.
        verdict: What it is; never ``no``.
    """

    path: KeyPath
    text: str
    verdict: Verdict
    composition: Composition | None = None
    """The values that make the image with this one; paths are those in the option's value."""

    @property
    def image(self) -> ImageReference | None:
        """The reference, when it is taken for an image."""
        return self.verdict.image

    @property
    def part(self) -> Part:
        """Which part of references it may be."""
        return self.verdict.part


def find_candidates(
    parsed: ValueText,
    name: str,
    *,
    said: Meaning | None = None,
    known: Known = lambda _: False,
) -> Iterator[Candidate]:
    """Yield the images and the doubtful values of an option's value, in its order.

    Documents inside strings are searched too, as are the words of texts.

    Args:
        parsed: The value.
        name: The option.
        said: What the option holds; ``None`` judges by its name.
        known: Whether a reference is in the list of images.
    """
    yield from _Walk(name, known).values(parsed, (), meaning(name) if said is None else said)


def images_in_text(value: str, name: str) -> tuple[ImageReference, ...]:
    """Return every image in an option's value of any shape, judged by the option's name."""
    found = find_candidates(ValueText.parse(value), name)
    return tuple(candidate.image for candidate in found if candidate.image is not None)


def composed_options(values: Mapping[str, str]) -> dict[str, Composition]:
    """Return the options of a charm that make a reference with others, each with what they make.

    Args:
        values: The value in force of each option, an empty one included.
    """
    fields = [ReferencePart((name,), value) for name, value in values.items()]
    return {
        str(field.path[0]): composition
        for composition in compositions(fields, options=True)
        for field in composition.fields
    }


def candidates_in_options(values: Mapping[str, str]) -> Iterator[tuple[str, Candidate]]:
    """Yield each image and each doubtful value of a charm's options, with the option's name.

    An image that options make together is that of the option with its name.

    Args:
        values: The value in force of each option, an empty one included.
    """
    composed = composed_options(values)
    for name, value in values.items():
        composition = composed.get(name)
        if composition is None:
            for candidate in _of_option(name, value):
                yield name, candidate
        elif composition.name.path == (name,):
            verdict = Verdict(certainty="sure", reference=composition.reference)
            yield name, Candidate(path=(), text=value, verdict=verdict, composition=composition)


def hub_and_names(parsed: ValueText) -> Composite | None:
    """Return the hub, tag and names that a mapping's keys suggest, for charms without a rule."""

    def ending(word: str) -> list[str]:
        return [key for key in parsed.keys or () if split_words(key)[-1:] == [word]]

    hubs, tags = ending("hub"), ending("tag")
    names = tuple(
        str(scalar.path[0])
        for scalar in parsed.scalars
        if len(scalar.path) == 1
        and names_images(str(scalar.path[0]))
        and BARE_NAME.match(scalar.text)
    )
    if len(hubs) != 1 or len(tags) != 1 or not names:
        return None
    return Composite(hub=hubs[0], tag=tags[0], names=names)


def _of_option(name: str, value: str) -> Iterator[Candidate]:
    """Yield what `find_candidates` finds, and the images of a hub with a tag and names."""
    parsed = ValueText.parse(value)
    composite = hub_and_names(parsed) if names_images(name) else None
    parts: set[KeyPath] = set()
    if composite is not None:
        values = {scalar.path: scalar.text for scalar in parsed.scalars}
        parts = {(key,) for key in (composite.hub, composite.tag, *composite.names)}
        for key in composite.names:
            hub, tag = (values.get((part,), "") for part in (composite.hub, composite.tag))
            text = f"{hub}/{values[key,]}:{tag}"
            reference = parsed_reference(text)
            if reference is not None:
                verdict = Verdict(certainty="sure", reference=reference)
                yield Candidate(path=(key,), text=text, verdict=verdict)
    for candidate in find_candidates(parsed, name):
        if candidate.path not in parts:
            yield candidate


def nested_in(parsed: ValueText, value: str, depth: int) -> ValueText | None:
    """Return the document inside a string of a document, `depth` documents further in."""
    if parsed.dialect is Dialect.TEXT or depth >= MAX_NESTED:
        return None
    nested = ValueText.parse(value)
    return None if nested.dialect is Dialect.TEXT else nested


class _Walk:
    """The search through one value; what was judged once is not judged again."""

    def __init__(self, option: str, known: Known) -> None:
        self._option = option
        self._judged = cache(partial(judge, known=known))

    def values(
        self, parsed: ValueText, path: KeyPath, said: Meaning, depth: int = 0
    ) -> Iterator[Candidate]:
        """Yield the candidates of a document; `path` leads to it, and `said` is of its place."""
        titles = _titles(parsed)
        saids = [(scalar, self._said_of(scalar.path, said, titles)) for scalar in parsed.scalars]
        composed = _compositions(saids)
        beside: dict[KeyPath, set[str | None]] = {}
        for scalar, own in saids:
            found = self._judged(scalar.text, Circumstances(said=own)).image
            if found is not None and scalar.path not in composed:
                beside.setdefault(scalar.path[:-1], set()).add(found.registry)
        hosts = {parent: frozenset(found) for parent, found in beside.items()}
        for scalar, own in saids:
            composition = composed.get(scalar.path)
            if composition is not None:
                if composition.name.path == scalar.path:
                    yield _composed(composition, path)
                continue
            within = (*path, *scalar.path)
            nested = nested_in(parsed, scalar.text, depth)
            if nested is not None:
                yield from self.values(nested, within, own, depth + 1)
            else:
                around = self._around(scalar, path, own, hosts, titles)
                yield from self._text(scalar.text, within, around)

    def _said_of(self, path: KeyPath, outer: Meaning, titles: Mapping[KeyPath, Meaning]) -> Meaning:
        """Return what the innermost name that says something says about a value."""
        title = titles.get(path, NOTHING)
        if title.kind != "nothing":
            return title
        for part in reversed(path):
            own = meaning(part) if isinstance(part, str) else NOTHING
            if own.kind != "nothing":
                return own
        return outer

    def _around(
        self,
        scalar: Scalar,
        path: KeyPath,
        said: Meaning,
        hosts: Mapping[KeyPath, frozenset[str | None]],
        titles: Mapping[KeyPath, Meaning],
    ) -> Circumstances:
        beside = hosts.get(scalar.path[:-1])
        whole = (*path, *scalar.path)
        in_list = bool(scalar.path) and isinstance(scalar.path[-1], int)
        named = titles.get(scalar.path, NOTHING).kind == "image" or _ends_in_image(
            next((part for part in reversed(whole) if isinstance(part, str)), self._option)
        )
        return Circumstances(
            said=said,
            must_be_image=_must_be_image(whole, said, beside=beside is not None and in_list),
            may_be_word=(in_list and beside is not None and said.names_images) or named,
            beside=beside,
        )

    def _text(self, value: str, path: KeyPath, around: Circumstances) -> Iterator[Candidate]:
        """Yield the candidates in a text: it as a whole, or its words."""
        whole = self._judged(value, around)
        if whole.certainty in ("sure", "maybe"):
            yield Candidate(path=path, text=value, verdict=whole)
            return
        parts = listed(value)
        found: set[str] = set()
        usual = Circumstances(said=around.said if parts else NOTHING)
        named = may_call(value)
        for where, start, word in words(value):
            said = called(value, start) if named else NOTHING
            own = usual if said.kind == "nothing" else Circumstances(said=said)
            verdict = self._judged(word, own)
            if verdict is not NO:
                found.add(word)
                yield Candidate(path=(*path, where), text=word, verdict=verdict)
        for part in parts:
            if part in found:
                continue
            alone = Circumstances(
                said=around.said,
                must_be_image=around.must_be_image,
                may_be_word=around.may_be_word and len(parts) == 1,
            )
            verdict = self._judged(part, alone)
            if verdict is not NO:
                shown = value if verdict.certainty == "maybe" and len(parts) == 1 else part
                yield Candidate(path=path, text=shown, verdict=verdict)


def _compositions(saids: Iterable[tuple[Scalar, Meaning]]) -> dict[KeyPath, Composition]:
    """Return the values of mappings that make a reference with others beside them.

    In a mapping of images any key may be a word such as ``registry``, so that only these keys
    count which are nothing but such a word, or have the word image: ``{repository: a/b, tag: 1}``.
    """
    siblings: dict[KeyPath, list[ReferencePart]] = {}
    about: dict[KeyPath, bool] = {}
    for scalar, said in saids:
        role = role_of(scalar.key, key=True)
        if role is not None and not role[1]:
            siblings.setdefault(scalar.path[:-1], []).append(
                ReferencePart(scalar.path, scalar.text)
            )
            about[scalar.path] = said.kind in ("image", "images") or said.part == "repository"
    found: dict[KeyPath, Composition] = {}
    for fields in siblings.values():
        made = compositions(fields, options=False, about_images=lambda one: about[one.path])
        for composition in made:
            found.update({field.path: composition for field in composition.fields})
    return found


def _composed(composition: Composition, path: KeyPath) -> Candidate:
    """Return the image that values make together, with paths that lead through the whole value."""

    def within(field: ReferencePart) -> ReferencePart:
        return ReferencePart((*path, *field.path), field.text)

    whole = replace(
        composition,
        name=within(composition.name),
        fronts=tuple(map(within, composition.fronts)),
        tag=within(composition.tag) if composition.tag else None,
        digest=within(composition.digest) if composition.digest else None,
    )
    return Candidate(
        path=whole.name.path,
        text=whole.name.text,
        verdict=Verdict(certainty="sure", reference=whole.reference),
        composition=whole,
    )


def _ends_in_image(name: str) -> bool:
    return "image" in name.lower() and split_words(name)[-1:] == ["image"]


def _must_be_image(path: KeyPath, said: Meaning, *, beside: bool) -> bool:
    """Whether a value must be an image, if it has the separators of one.

    That holds next to images in a list, and directly below a name that says image: in a mapping
    of images each value is one, but further down there may be anything (a command, a mount).
    """
    if said.kind in ("part", "other"):
        return False
    if beside:
        return True
    if not said.names_images:
        return False
    below = 0
    for index, part in enumerate(path):
        if isinstance(part, str) and meaning(part).names_images:
            below = index + 1
    return not any(isinstance(part, str) for part in path[below + 1 :])


def _titles(parsed: ValueText) -> dict[KeyPath, Meaning]:
    """Return what values beside others call them.

    ``{name: X_IMAGE, value: acme/x}`` is how containers get variables, and ``["--image",
    "acme/x"]`` how they get arguments.
    """
    titles: dict[KeyPath, Meaning] = {}
    names: dict[KeyPath, str] = {}
    for scalar in parsed.scalars:
        if scalar.key.lower() in NAMING_KEYS:
            names.setdefault(scalar.path[:-1], scalar.text)
    for scalar in parsed.scalars:
        if scalar.key.lower() in VALUE_KEYS and scalar.path[:-1] in names:
            titles[scalar.path] = meaning(names[scalar.path[:-1]])
    for before, scalar in pairwise(parsed.scalars):
        *parent, last = scalar.path
        if (
            isinstance(last, int)
            and before.path == (*parent, last - 1)
            and _FLAG.match(before.text)
        ):
            titles[scalar.path] = meaning(before.text)
    return titles
