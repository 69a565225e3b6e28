"""Every reference that a merged bundle puts in force, with its place and with who set it. Pure."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from ckf_airgap.bundle.bundle import Application, Bundle
from ckf_airgap.charms.charm import Charm
from ckf_airgap.documents import JSONValue
from ckf_airgap.images.reference import ImageReference
from ckf_airgap.rendering.witness.composing import compose
from ckf_airgap.rendering.witness.inforce import (
    OptionInForce,
    images_in_force,
    is_empty,
    options_in_force,
)
from ckf_airgap.rendering.witness.judging import Judged, Verdict, parsed
from ckf_airgap.rendering.witness.naming import Says, says
from ckf_airgap.rendering.witness.survey import Found, Path, document, survey

Given: TypeAlias = "Mapping[tuple[str, str], JSONValue]"
"""What a person set: by application and option, the value."""

_IMAGES: Final = "images"
"""What says that an option holds images whose name does not: it has a file of them."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """A reference, or a part of one, that is in force.

    Attributes:
        application: The application.
        resource: The resource that names it; empty when an option does.
        option: The option; empty when a resource names it.
        found: Where it is in the option, and what it is.
        by_person: Whether a person set it, with ``--set``, an overlay or a resource of their own.
        left_empty: Whether they set it to nothing, so that the charm's default counts.
    """

    application: str
    resource: str
    option: str
    found: Found
    by_person: bool = False
    left_empty: bool = False

    @property
    def reference(self) -> ImageReference:
        """The reference."""
        return self.found.judged.reference

    @property
    def where(self) -> str:
        """The place, in words: ``option custom_images, key activator``."""
        if self.resource:
            return f"resource {self.resource}"
        shown = _in_words(self.found.path)
        return f"option {self.option}, {shown}" if shown else f"option {self.option}"


def sightings(
    bundle: Bundle,
    charms: Mapping[str, Charm],
    *,
    private: str,
    given: Given | None = None,
    own_resources: Container[tuple[str, str]] = (),
) -> Iterator[Sighting]:
    """Yield every sighting in a merged bundle.

    Args:
        bundle: The merged bundle.
        charms: The charm of each application.
        private: The host of the private registry.
        given: What a person set.
        own_resources: The resources that a person set.
    """
    for name, application in bundle.applications.items():
        charm = charms[name]
        for resource, text in images_in_force(application, charm).items():
            reference = parsed(text)
            if reference is not None:
                found = Found((), Judged(Verdict.IMAGE, text, reference))
                yield Sighting(name, resource, "", found, (name, resource) in own_resources)
        yield from _of_options(application, charm, private, given or {})


def texts_in_force(application: Application, charm: Charm) -> Iterator[tuple[str, str]]:
    """Yield option and text of every text that is in force, whatever it means."""
    for option in options_in_force(application, charm):
        waiting: list[JSONValue] = [option.value]
        while waiting:
            here = waiting.pop()
            if isinstance(here, dict):
                waiting += here.values()
            elif isinstance(here, list):
                waiting += here
            elif isinstance(here, str):
                inside = document(here)
                if inside is None:
                    yield option.name, here.strip()
                else:
                    waiting.append(inside)


def _of_options(
    application: Application, charm: Charm, private: str, given: Given
) -> Iterator[Sighting]:
    name = application.name
    options = {option.name: option for option in options_in_force(application, charm)}
    texts = {key: option.value for key, option in options.items() if isinstance(option.value, str)}
    used: set[str] = set()
    for made in compose(texts):
        judged = Judged(Verdict.IMAGE, str(made.reference), made.reference)
        found = Found((), judged, tuple((key,) for key in made.keys), made.certain)
        if made.certain:
            used.update(made.keys)
        person = (name, made.keys[0]) in given
        yield Sighting(name, "", made.name, found, person)
    for key, option in options.items():
        hinted = option.filled is None or charm.defaults_for(key) is not None
        names = (key, _IMAGES) if hinted and says(key) is Says.NOTHING else (key,)
        own = given.get((name, key))
        written = document(own) if isinstance(own, str) else None
        for found in survey(option.value, names, private=private):
            if key not in used or found.judged.verdict is Verdict.PART:
                person, empty = False, False
                if (name, key) in given:
                    person, empty = _set_by_person(option, found, written)
                yield Sighting(name, "", key, found, person, empty)


def _set_by_person(option: OptionInForce, found: Found, written: JSONValue) -> tuple[bool, bool]:
    """Return whether a person set a place of an option of theirs, and whether they left it empty.

    Of a mapping only the keys that they wrote are theirs: what was missing is put in for them.
    """
    front: Path = found.parts[0] if found.parts else found.path
    if isinstance(written, dict) and front:
        key = str(front[0])
        return key in written, key in written and is_empty(written[key])
    return True, option.filled is None


def _in_words(path: Path) -> str:
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += f".{part}" if text else part
    if not path:
        return ""
    return f"key {text}" if isinstance(path[0], str) else f"item {text}"
