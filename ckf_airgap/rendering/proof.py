"""The proof that no image is pulled from outside: a check over the merged bundle, after rendering.

Pure, and independent of how rendering came to its result: what will be in force is read and judged
by code of its own (`ckf_airgap.rendering.witness`). Every image in it must be in the private
registry and in the list of what was carried there, and everything that rendering says it exchanged
must be where it says.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from ckf_airgap.bundle.bundle import Bundle
from ckf_airgap.charms.charm import Charm
from ckf_airgap.documents import Document
from ckf_airgap.errors import Problem, ProofError
from ckf_airgap.images.lists import ListedImage, RetaggedImages
from ckf_airgap.images.needs import ImageNeed, Place
from ckf_airgap.images.reference import ImageReference, Registry, retag
from ckf_airgap.rendering.witness.judging import Verdict
from ckf_airgap.rendering.witness.sightings import (
    Given,
    Sighting,
    sightings,
    texts_in_force,
)

_SETTLE: Final = (
    "Add an image that is missing to images.txt, carry it, and it is exchanged; or give the option "
    "another value with --set or an overlay: what you set stays, and is only warned of."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """A source, and the place in the private registry that replaced it everywhere."""

    source: ImageReference
    target: ImageReference
    needs: tuple[ImageNeed, ...]
    """What asked for the source."""

    def to_json(self) -> Document:
        """Return the exchange as a JSON document."""
        return {
            "source": str(self.source),
            "target": str(self.target),
            "needed-by": [str(need) for need in self.needs],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What was proved.

    Attributes:
        mapping: Every source with its target; no two images share a target.
        places: How many places of the merged bundle name an image; each is in the registry.
        used: The references of the list that the merged bundle names, or that rendering put there
            in parts.
        unused: The lines that neither the bundle nor Juju itself uses.
        warnings: What stays public because a person set it so, and parts of references that do.
    """

    mapping: tuple[Exchange, ...] = field(repr=False)
    places: int
    used: frozenset[ImageReference] = field(repr=False)
    unused: tuple[ListedImage, ...] = field(repr=False)
    warnings: tuple[Problem, ...] = ()

    def to_json(self) -> Document:
        """Return the proof as a JSON document."""
        return {
            "places": self.places,
            "mapping": [exchange.to_json() for exchange in self.mapping],
            "unused": [
                {"image": str(entry.reference), "line": entry.line} for entry in self.unused
            ],
        }


def prove(
    bundle: Bundle,
    charms: Mapping[str, Charm],
    images: RetaggedImages,
    exchanged: Iterable[tuple[ImageNeed, ImageReference]] = (),
    *,
    given: Given | None = None,
    own_resources: Container[Place] = (),
    of_no_charm: Iterable[ImageReference] = (),
    allow_public: Container[Place] = (),
) -> Proof:
    """Show that a merged bundle pulls from the private registry only what was carried there.

    Args:
        bundle: The merged bundle, as it is deployed.
        charms: The charm of each application.
        images: The list of what the registry has.
        exchanged: Each need that rendering met, with the reference it was given.
        given: What a person set, by application and option. Their images outside the registry are
            warnings, and not looked for in the list.
        own_resources: The resources that a person set, likewise.
        of_no_charm: The images that no application names, such as those of Juju itself.
        allow_public: Options in which a part of references may stay public without a warning.

    Raises:
        ProofError: naming every place with an image that is outside the registry or not in the
            list, every image that is not where rendering put it, and every two images that share a
            target.
    """
    exchanges = list(exchanged)
    mapping = _mapping(exchanges)
    private = images.registry.host
    seen = list(
        sightings(bundle, charms, private=private, given=given, own_resources=own_resources)
    )
    check = _Check(images, allow_public, _joined(seen, images))
    for sighting in seen:
        check.take(sighting)
    problems = _collisions(mapping, images) + check.problems
    problems += _not_written(exchanges, check, bundle, charms)
    if problems:
        raise ProofError(
            "check failed: the merged bundle would pull images that are not in the registry",
            problems=problems,
            fix=_SETTLE if check.problems else "",
        )
    made = map(check.listed, (target for _, target in exchanges))
    used = frozenset({*check.used, *filter(None, made)})
    juju = _names_of_no_charm(of_no_charm, images)
    unused = tuple(
        entry
        for entry in images.images.entries
        if entry.reference not in used and entry.reference.name not in juju
    )
    return Proof(
        mapping=mapping,
        places=check.places,
        used=used,
        unused=unused,
        warnings=tuple(dict.fromkeys(check.warnings)),
    )


class _Check:
    """What the sightings of a bundle come to."""

    def __init__(
        self, images: RetaggedImages, allow_public: Container[Place], joined: Container[Place]
    ) -> None:
        self.images = images
        self.allow_public = allow_public
        self.joined = joined
        self.by_canonical: dict[ImageReference, ImageReference] = {}
        for target in images.targets:
            self.by_canonical.setdefault(target.canonical(), target)
        self.problems: list[Problem] = []
        self.warnings: list[Problem] = []
        self.used: set[ImageReference] = set()
        self.places = 0
        self.seen: set[tuple[str, str, str, tuple[str | int, ...], ImageReference]] = set()
        self.told: set[tuple[str, str, str, tuple[str | int, ...]]] = set()

    def listed(self, reference: ImageReference) -> ImageReference | None:
        """Return the line of an image; either may leave out ``latest``."""
        if reference in self.images.targets:
            return reference
        return self.by_canonical.get(reference.canonical())

    def take(self, sighting: Sighting) -> None:
        """Take in what was sighted."""
        found, reference, registry = sighting.found, sighting.reference, self.images.registry
        if found.judged.verdict is Verdict.PART:
            self._take_part(sighting)
        elif registry.holds(reference):
            self._take_private(sighting)
        elif found.parts and not found.certain:
            return  # the registry in front is told of as a part, and the name by itself
        elif _place(sighting) in self.joined and not found.path and reference.registry is None:
            return  # what it makes with the registry in front is in the list
        elif found.judged.verdict is Verdict.IMAGE or self.images.find(reference) is not None:
            self._take_public(sighting)

    def _take_part(self, sighting: Sighting) -> None:
        if _is_private(sighting.found.judged.text, self.images.registry):
            return
        if _place(sighting) not in self.allow_public:
            self.warnings.append(
                Problem(
                    f"{sighting.found.judged.text} stays public, and names of images may begin "
                    "with it",
                    f"application {sighting.application}, {sighting.where}",
                    f"--set it to the place in {self.images.registry}, or settle it with "
                    f"--allow-public {sighting.application}.{sighting.option}",
                )
            )

    def _take_private(self, sighting: Sighting) -> None:
        reference, found = sighting.reference, sighting.found
        line = self.listed(reference)
        if line is None and found.parts:  # a tag beside it may be of something else
            reference = replace(reference, tag=None)
            line = self.listed(reference)
        if line is not None:
            if not sighting.by_person:
                self.places += 1
                self.used.add(line)
            self.seen.add((*_full_place(sighting), reference.canonical()))
            return
        whole = found.certain and (not found.parts or sighting.reference.tag is not None)
        if sighting.by_person or found.judged.verdict is not Verdict.IMAGE or not whole:
            return
        self._problem(sighting, f"{sighting.reference} is not in {self.images.images.where}")

    def _take_public(self, sighting: Sighting) -> None:
        reference, registry = sighting.reference, self.images.registry
        if not sighting.by_person and not sighting.found.is_key:
            self._problem(sighting, f"{reference} is not in the registry {registry}")
            return
        if sighting.left_empty:
            what = f"{reference} is pulled from outside {registry}, since you left it empty"
            fix = "leave the key out, and it is put in"
        else:
            why = "stays since you set it" if sighting.by_person else "stays since it is a key"
            what, fix = f"{reference} is not in {registry}, and {why}", ""
        where = f"application {sighting.application}, {sighting.where}"
        self.warnings.append(Problem(what, where, fix))

    def _problem(self, sighting: Sighting, what: str) -> None:
        self.problems.append(Problem(what, f"{sighting.application}, {sighting.where}"))
        self.told.add(_full_place(sighting))


def _full_place(sighting: Sighting) -> tuple[str, str, str, tuple[str | int, ...]]:
    return sighting.application, sighting.resource, sighting.option, sighting.found.path


def _place(sighting: Sighting) -> Place:
    return sighting.application, sighting.option


def _joined(seen: Iterable[Sighting], images: RetaggedImages) -> frozenset[Place]:
    """Return the options with a name that the registry of another option stands in front of.

    Nothing says that they belong together; that the list has what they make does.
    """
    return frozenset(
        _place(sighting)
        for sighting in seen
        if sighting.found.parts
        and images.registry.holds(sighting.reference)
        and images.find(sighting.reference) is not None
    )


def _is_private(text: str, registry: Registry) -> bool:
    """Whether a part of references begins in the private registry, or is the host of it."""
    return text == registry.host or f"{text}/".startswith(f"{registry}/")


def _not_written(
    exchanges: Iterable[tuple[ImageNeed, ImageReference]],
    check: _Check,
    bundle: Bundle,
    charms: Mapping[str, Charm],
) -> list[Problem]:
    """Return a problem for each image that rendering exchanged, and that is not where it says."""
    anywhere = {
        (application, resource, option, image)
        for application, resource, option, _, image in check.seen
    }
    problems = []
    for need, target in exchanges:
        where, image = (need.application, need.resource, need.option), target.canonical()
        if (*where, need.path, image) in check.seen or (*where, need.path) in check.told:
            continue
        if not _is_key(need) and (*where, image) in anywhere:
            continue
        application, charm = bundle.applications[need.application], charms[need.application]
        if need.option and any(
            _is_part_of(text, target)
            for option, text in texts_in_force(application, charm)
            if option == need.option
        ):
            continue
        problems.append(Problem(f"{target} should be there, and is not", str(need)))
    return problems


def _is_key(need: ImageNeed) -> bool:
    """Whether the place is a key of the option's mapping, rather than a word or an item."""
    if len(need.path) != 1:
        return False
    (key,) = need.path
    return isinstance(key, str) and not key.startswith("line ")


def _is_part_of(text: str, target: ImageReference) -> bool:
    """Whether a text is the name of an image without its front or tag, or the front of it."""
    name = target.name
    return bool(text) and (
        name == text or name.endswith(f"/{text}") or name.startswith(f"{text.rstrip('/')}/")
    )


def _mapping(
    exchanged: Iterable[tuple[ImageNeed, ImageReference]],
) -> tuple[Exchange, ...]:
    needs: dict[tuple[ImageReference, ImageReference], list[ImageNeed]] = {}
    for need, target in exchanged:
        needs.setdefault((need.source, target), []).append(need)
    return tuple(
        Exchange(source=source, target=target, needs=tuple(group))
        for (source, target), group in needs.items()
    )


def _collisions(mapping: Iterable[Exchange], images: RetaggedImages) -> list[Problem]:
    """Return a problem for each place that different images share.

    A source that is already in the registry is its own target, not another image.
    """
    sharing: dict[ImageReference, dict[ImageReference, Exchange]] = {}
    for exchange in mapping:
        if images.registry.holds(exchange.source):
            continue
        same = sharing.setdefault(exchange.target.canonical(), {})
        same.setdefault(exchange.source.canonical(), exchange)
    return [
        Problem(
            f"{' and '.join(str(exchange.source) for exchange in same.values())} are different "
            f"images, and both would be {next(iter(same.values())).target}",
            " and ".join(str(exchange.needs[0]) for exchange in same.values()),
            "retag them with a mapping file, or set one of them yourself",
        )
        for same in sharing.values()
        if len(same) > 1
    ]


def _names_of_no_charm(sources: Iterable[ImageReference], images: RetaggedImages) -> frozenset[str]:
    """Return the names under which the registry has the images that no charm names."""
    sources = list(sources)
    names = {source.canonical().name for source in sources}
    placed = {target.name for source, target in images.places.items() if source.name in names}
    return frozenset(placed | {retag(source, images.registry).name for source in sources})
