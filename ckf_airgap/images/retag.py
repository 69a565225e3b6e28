"""Retagging: where each image of a list goes in the private registry, and back.

Pure text. The rule is `ckf_airgap.images.reference.retag`; a registry that allows few levels gets
folded paths. The result is a `RetagMapping`, which can be written to a file, so that pushing and
rendering use the same places and every target leads back to its source.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from ckf_airgap.documents import MAX_BYTES, Document, JSONValue, as_mapping, dump_yaml, load_mapping
from ckf_airgap.errors import (
    ImageNotFoundError,
    InputError,
    Problem,
    UsageError,
    raise_all,
    unreadable,
)
from ckf_airgap.files import read_small_text
from ckf_airgap.files.paths import StrPath
from ckf_airgap.images.lists import ImageList, ListedImage, RetaggedImages
from ckf_airgap.images.reference import MAX_REPOSITORY, ImageReference, Registry, retag

SCHEMA: Final = "ckf-airgap/retag-mapping/v1"
"""The schema of a mapping file; a file with another one is refused."""

FOLD: Final = "--"
"""Replaces a slash in a folded path.

The grammar allows it inside a component of a repository, but hardly any has it, so that folded
paths seldom collide. GitLab and OpenShift, which allow few levels, accept it.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetaggedImage:
    """An image, and its place in the private registry."""

    source: ImageReference
    target: ImageReference
    folded: bool = False
    """Whether levels of the path were joined."""

    def to_json(self) -> Document:
        """Return the entry of a mapping file."""
        fields: Document = {"source": str(self.source), "target": str(self.target)}
        return {**fields, "folded": True} if self.folded else fields


@dataclass(frozen=True, slots=True, kw_only=True)
class RetagMapping:
    """Where the images of a list go.

    Attributes:
        registry: The private registry.
        images: In the order of the list; several spellings of an image share its target.
        max_depth: How many levels a path in the registry may have; ``None`` for any number.
    """

    registry: Registry
    images: tuple[RetaggedImage, ...] = field(repr=False)
    max_depth: int | None = None

    def target_of(self, source: ImageReference) -> ImageReference | None:
        """Return where an image goes, however its reference is spelled."""
        return self.places.get(source.canonical())

    @property
    def places(self) -> Mapping[ImageReference, ImageReference]:
        """The targets by the canonical form of their sources."""
        return {image.source.canonical(): image.target for image in self.images}

    def retagged(self, images: ImageList | None = None) -> RetaggedImages:
        """Return a look-up for rendering.

        Args:
            images: The list of what the registry has; ``None`` when it has all of the mapping.

        Raises:
            InputError: when the list has images outside the mapping's registry.
        """
        if images is None:
            targets = dict.fromkeys(image.target for image in self.images)
            entries = tuple(ListedImage(target, line) for line, target in enumerate(targets, 1))
            images = ImageList("the mapping", entries)
        found = RetaggedImages.from_list(images, registry=self.registry)
        return replace(found, places=self.places)

    def to_text(self) -> str:
        """Return a ``retagged-images.txt``: one reference per line."""
        return "".join(f"{target}\n" for target in dict.fromkeys(e.target for e in self.images))

    def to_json(self) -> Document:
        """Return the document of a mapping file."""
        return {
            "schema": SCHEMA,
            "registry": str(self.registry),
            "max-depth": self.max_depth,
            "images": [image.to_json() for image in self.images],
        }

    def dump(self, name: str) -> str:
        """Return the text of a mapping file: JSON if `name` ends in ``.json``, else YAML."""
        if name.endswith(".json"):
            return json.dumps(self.to_json(), indent=2) + "\n"
        return dump_yaml(self.to_json())

    @classmethod
    def from_document(cls, document: Document, *, where: str) -> RetagMapping:
        """Return the mapping that a document holds.

        Raises:
            InputError: when it has another schema, a reference is malformed or outside the
                registry, or two images share a place; lists every one.
        """
        if document.get("schema") != SCHEMA:
            raise InputError(
                f"{where} is not a mapping of retagged images: its schema is "
                f"{document.get('schema')!r}, not {SCHEMA!r}",
                fix="Write it with: ckf-airgap images retag --mapping FILE",
            )
        registry = Registry.parse(str(document.get("registry") or ""))
        # Before 0.1.0 the key was max_depth; such files are still about.
        depth = document.get("max-depth", document.get("max_depth"))
        items = document.get("images")
        images: list[RetaggedImage] = []
        problems: list[Problem] = []
        for number, item in enumerate(items if isinstance(items, list) else [], start=1):
            place = f"{where}, image {number}"
            try:
                images.append(_entry(item, registry, place))
            except InputError as exc:
                problems.append(Problem(exc.message, place))
        raise_all(InputError, f"{where} is not a mapping of retagged images", problems)
        _refuse_collisions(images)
        return cls(
            registry=registry,
            images=tuple(images),
            max_depth=depth if isinstance(depth, int) else None,
        )

    @classmethod
    def read(cls, path: StrPath) -> RetagMapping:
        """Read a mapping file, JSON or YAML.

        Raises:
            ImageNotFoundError: when the file is missing.
            InputError: when it cannot be read, and as `from_document`.
        """
        path = Path(path)
        try:
            text = read_small_text(path, MAX_BYTES, what="a mapping", pipes=True)
        except UnicodeDecodeError as exc:
            raise InputError(f"{path} is not a mapping: it is not UTF-8 text") from exc
        except OSError as exc:
            raise unreadable(
                exc,
                f"the mapping {path}",
                fix="Name the file that `images retag --mapping FILE` wrote.",
                missing=ImageNotFoundError,
            ) from exc
        return cls.from_document(load_mapping(text, where=str(path)), where=str(path))


def retag_images(
    sources: Iterable[ImageReference], registry: Registry, *, max_depth: int | None = None
) -> RetagMapping:
    """Return where images go in a private registry.

    An image that is already in the registry keeps its place, so that a retagged list is retagged
    to itself. Of several spellings of an image, the first one counts.

    Args:
        sources: The references, as charms name them.
        registry: The private registry.
        max_depth: How many levels a path may have, including those of the registry's own path. The
            front of a longer path is folded into one level, its last part stays as it is:
            ``knative-releases/knative.dev/serving/cmd/queue`` with two levels becomes
            ``knative-releases--knative.dev--serving--cmd/queue``. With one level left, the whole
            path is joined.

    Raises:
        UsageError: when the registry's own path leaves no level free.
        InputError: when two images would share a place, or a name would be too long; lists every
            one.
    """
    own = len(registry.path.split("/")) if registry.path else 0
    if max_depth is not None and max_depth <= own:
        raise UsageError(
            f"{registry} itself has {own} levels, so --max-depth {max_depth} leaves none free",
            fix=f"Allow {own + 1} or more, or name a registry with a shorter path.",
        )
    places: dict[ImageReference, tuple[ImageReference, bool]] = {}
    images = []
    for source in sources:
        image = source.canonical()
        if image not in places:
            target = retag(source, registry)
            folded = _folded(target, registry, max_depth) if max_depth is not None else target
            places[image] = (folded, folded != target)
        target, was_folded = places[image]
        images.append(RetaggedImage(source=source, target=target, folded=was_folded))
    _refuse_long_names(images)
    _refuse_collisions(images)
    return RetagMapping(registry=registry, images=tuple(images), max_depth=max_depth)


def _folded(target: ImageReference, registry: Registry, max_depth: int) -> ImageReference:
    """Return a place with no more levels than allowed; see `retag_images`."""
    prefix = f"{registry.path}/" if registry.path else ""
    levels = target.repository.removeprefix(prefix).split("/")
    free = max_depth - prefix.count("/")
    if len(levels) <= free:
        return target
    front = len(levels) - free + 1  # as many levels become one
    path = [FOLD.join(levels[:front]), *levels[front:]]
    return replace(target, repository=prefix + "/".join(path))


def _refuse_long_names(images: Iterable[RetaggedImage]) -> None:
    problems = [
        Problem(
            f"{image.source} would become {image.target}, whose repository has more than "
            f"{MAX_REPOSITORY} characters"
        )
        for image in images
        if len(image.target.canonical().repository) > MAX_REPOSITORY
    ]
    raise_all(InputError, "names in the registry are too long", problems)


def _refuse_collisions(images: Iterable[RetaggedImage]) -> None:
    sharing: dict[ImageReference, dict[ImageReference, RetaggedImage]] = {}
    for image in images:
        same = sharing.setdefault(image.target.canonical(), {})
        same.setdefault(image.source.canonical(), image)
    problems = [
        Problem(
            f"{' and '.join(str(image.source) for image in same.values())} would all become "
            f"{next(iter(same.values())).target}"
        )
        for same in sharing.values()
        if len(same) > 1
    ]
    if problems:
        raise InputError(
            "different images collide in the registry",
            problems=problems,
            fix="Leave out the images that are not needed, or retag them one by one for registries "
            "with different paths.",
        )


def _entry(item: JSONValue, registry: Registry, where: str) -> RetaggedImage:
    fields = as_mapping(item, where=where)
    source, target = fields.get("source"), fields.get("target")
    if not isinstance(source, str) or not isinstance(target, str):
        raise InputError("source and target must be references")
    image = RetaggedImage(
        source=ImageReference.parse(source),
        target=ImageReference.parse(target),
        folded=fields.get("folded") is True,
    )
    if not registry.holds(image.target):
        raise InputError(f"{target} is not in {registry}")
    return image
