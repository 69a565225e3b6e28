"""The proof that no image is pulled from outside: a check over the merged bundle, after rendering.

Pure, and independent of how rendering came to its result: every image that the merged bundle names
is looked for again, from the charms' resources and options, and must be in the private registry
and in the list of what was carried there.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field

from ckf_airgap.bundle.bundle import Bundle
from ckf_airgap.charms.charm import Charm
from ckf_airgap.documents import Document
from ckf_airgap.errors import Problem, ProofError
from ckf_airgap.images.discover import ImageNeed, Place, discover_images
from ckf_airgap.images.lists import ListedImage, RetaggedImages
from ckf_airgap.images.reference import ImageReference, retag
from ckf_airgap.images.rules import ImageRules


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
        used: The references of the list that the merged bundle names.
        unused: The lines that neither the bundle nor Juju itself uses.
    """

    mapping: tuple[Exchange, ...] = field(repr=False)
    places: int
    used: frozenset[ImageReference] = field(repr=False)
    unused: tuple[ListedImage, ...] = field(repr=False)

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
    rules: ImageRules,
    images: RetaggedImages,
    exchanged: Iterable[tuple[ImageNeed, ImageReference]],
    *,
    own_options: Container[Place] = (),
    own_resources: Container[Place] = (),
) -> Proof:
    """Show that a merged bundle pulls from the private registry only what was carried there.

    Args:
        bundle: The merged bundle, as it is deployed.
        charms: The charm of each application.
        rules: What the charms do not declare.
        images: The list of what the registry has.
        exchanged: Each need that rendering met, with the reference it was given.
        own_options: Options that the user set; rendering left them unchanged and warned about
            images outside the registry, so they are not checked.
        own_resources: The same for resources.

    Raises:
        ProofError: naming every place with an image that is outside the registry or not in the
            list, and every two images that share a target.
    """
    mapping = _mapping(exchanged)
    problems = _collisions(mapping, images)
    needs = [
        need
        for entry in discover_images(
            bundle,
            charms,
            rules,
            known=images.targets.__contains__,
            skip_options=own_options,
            skip_resources=own_resources,
        )
        for need in entry.needs()
    ]
    for need in needs:
        if not images.registry.holds(need.source):
            problems.append(
                Problem(f"{need.source} is not in the registry {images.registry}", str(need))
            )
        elif _listed(need.source, images) is None:
            problems.append(Problem(f"{need.source} is not in {images.images.where}", str(need)))
    if problems:
        raise ProofError(
            "check failed: the merged bundle would pull images that are not in the registry",
            problems=problems,
        )
    used = frozenset(filter(None, (_listed(need.source, images) for need in needs)))
    juju = _names_for_juju(rules, images)
    unused = tuple(
        entry
        for entry in images.images.entries
        if entry.reference not in used and entry.reference.name not in juju
    )
    return Proof(mapping=mapping, places=len(needs), used=used, unused=unused)


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


def _listed(reference: ImageReference, images: RetaggedImages) -> ImageReference | None:
    """Return the line of an image of the merged bundle; either may leave out ``latest``."""
    if reference in images.targets:
        return reference
    wanted = reference.canonical()
    return next((target for target in images.targets if target.canonical() == wanted), None)


def _names_for_juju(rules: ImageRules, images: RetaggedImages) -> frozenset[str]:
    """Return the names under which the registry has the images that no charm names."""
    texts = [rules.charm_bases.repository] if rules.charm_bases else []
    texts += rules.juju.images("0") if rules.juju else []
    texts += [extra.image for extra in rules.extra_images]
    sources = [ImageReference.parse(text) for text in texts]
    names = {source.canonical().name for source in sources}
    placed = {target.name for source, target in images.places.items() if source.name in names}
    return frozenset(placed | {retag(source, images.registry).name for source in sources})
