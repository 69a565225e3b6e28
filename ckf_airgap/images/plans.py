"""The images of one option, and how its value is written with others in their place. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from ckf_airgap.errors import OptionError, Problem
from ckf_airgap.images.compositions import Composition
from ckf_airgap.images.optionrules import Composite
from ckf_airgap.images.places import KeyPath, format_path
from ckf_airgap.images.recognise import nested_in
from ckf_airgap.images.reference import ImageReference
from ckf_airgap.images.scalars import ValueText
from ckf_airgap.images.words import exchange_words

Origin: TypeAlias = Literal["bundle", "option", "file", "rule"]
"""Where the image is named: in the bundle, the option's default, a file of the charm, the rules."""

Find: TypeAlias = "Callable[[ImageReference], ImageReference]"
"""Returns the retagged reference of one that is known to be in the registry."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageUse:
    """A place in an option that names an image."""

    option: str
    path: KeyPath
    """The path to it in the option's value; empty when the whole value is the reference."""
    reference: ImageReference
    origin: Origin
    why: str = ""
    composition: Composition | None = None
    """The values of the same mapping that make it together (``repository`` and ``tag``)."""

    @property
    def where(self) -> str:
        """The place in words: ``option custom_images, key activator``."""
        return place_of(self.option, self.path)


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionPlan:
    """The images of one option, and how to write its value with others in their place."""

    option: str
    value: str
    """The value in force, or the text that replaces an empty one."""
    uses: tuple[ImageUse, ...]
    composite: Composite | None = None
    composition: Composition | None = None
    """The options that make an image with this one; the use is that of the option with the name."""
    put_before: tuple[ImageReference, ...] = ()
    """The names that the charm puts this option's value before, without it."""
    warnings: tuple[Problem, ...] = ()

    @property
    def is_written(self) -> bool:
        """Whether rendering may change the value."""
        return bool(self.uses) or self.composition is not None

    def render(self, find: Find) -> str:
        """Return the value with every image replaced by the one that `find` returns.

        Raises:
            OptionError: when the values that make an image together cannot name it where it is.
        """
        if not self.is_written:
            return self.value
        if self.composition is not None:
            return self._render_part(self.composition, find)
        if self.put_before:
            return self._render_front(find)
        if self.composite is not None:
            return self._render_composite(self.composite, find)
        parsed = ValueText.parse(self.value)
        values: dict[KeyPath, str] = {}
        for use in self.uses:
            if use.composition is not None:
                values.update(use.composition.split(find(use.reference)))
            else:
                values[use.path] = self._written(parsed, use, find)
        return rewrite(parsed, values)

    def _written(self, parsed: ValueText, use: ImageUse, find: Find) -> str:
        """Return a target as text; in a mapping it always has a tag.

        kserve-controller, seldon-core and kfp-profile-controller split values at the last colon
        (``image, tag = value.rsplit(":", 1)``), which without a tag is that of the registry's port.
        """
        target = find(use.reference)
        return str(target.with_tag() if parsed.keys is not None else target)

    def _render_part(self, composition: Composition, find: Find) -> str:
        """Return the part that this option holds; the option with the name tells what is wrong."""
        try:
            parts = composition.split(find(composition.reference))
        except OptionError:
            if self.uses:
                raise
            return self.value
        return parts.get((self.option,), self.value)

    def _render_front(self, find: Find) -> str:
        """Return what the names of all images must begin with."""
        fronts: dict[str, list[str]] = {}
        for use, name in zip(self.uses, self.put_before, strict=True):
            target = find(use.reference)
            same_tag = (target.tag or "latest") == (name.tag or "latest") and not name.digest
            front = target.name.removesuffix(f"/{name.name}")
            if not same_tag or front == target.name:
                raise OptionError(
                    f"option {self.option}: {target} does not end in {name}, which the charm puts "
                    "the value before",
                    fix="Push it under that name and tag, or set the option with --set.",
                )
            fronts.setdefault(front, []).append(str(target))
        if len(fronts) > 1:
            raise OptionError(
                f"option {self.option}: the images whose names begin with it are in different "
                "places",
                problems=[
                    Problem(f"{front}: {', '.join(images)}") for front, images in fronts.items()
                ],
                fix="Push them to one path.",
            )
        (front,) = fronts
        return f"{front}/" if self.value.strip().endswith("/") else front

    def _render_composite(self, composite: Composite, find: Find) -> str:
        parsed = ValueText.parse(self.value)
        names = {scalar.path: scalar.value for scalar in parsed.scalars}
        values: dict[KeyPath, str] = {}
        places: dict[tuple[str, str | None], list[str]] = {}
        for use in self.uses:
            target = find(use.reference)
            composed = use.path not in names or use.path[0] in composite.names
            if composed and len(use.path) == 1:
                name = names.get(use.path) or str(use.path[-1])
                parent = target.name.removesuffix(f"/{name}")
                if parent == target.name and use.path in names:
                    parent, _, values[use.path] = target.name.rpartition("/")  # a folded path
                elif parent == target.name:
                    raise OptionError(
                        f"option {self.option}: {target} does not end in the name {name}, "
                        f"so {composite.hub} and {composite.tag} cannot name it"
                    )
                places.setdefault((parent, target.tag), []).append(str(target))
            else:
                values[use.path] = str(target.with_tag())
        if len(places) > 1:
            raise OptionError(
                f"option {self.option}: the images that share {composite.hub} and {composite.tag} "
                f"are in different places",
                problems=[
                    Problem(f"{hub} with tag {tag}: {', '.join(images)}")
                    for (hub, tag), images in places.items()
                ],
                fix="Push them to one path under one tag.",
            )
        for hub, tag in places:
            # The workload joins the parts with a colon, so the tag has to be written out.
            values[(composite.hub,)] = hub
            values[(composite.tag,)] = tag or "latest"
        return rewrite(parsed, values)


def rewrite(parsed: ValueText, values: Mapping[KeyPath, str]) -> str:
    """Return a value's text with other values by path, in documents and words of texts inside too.

    Keys of the top level that it lacks are added.
    """
    inner = {path[:end] for path in values for end in range(len(path))}
    return _rewrite(parsed, (), values, inner, 0)


def _rewrite(
    parsed: ValueText, path: KeyPath, values: Mapping[KeyPath, str], inner: set[KeyPath], depth: int
) -> str:
    edits: dict[KeyPath, str] = {}
    for scalar in parsed.scalars:
        here = (*path, *scalar.path)
        if here in values:
            edits[scalar.path] = values[here]
        elif here in inner:
            value = str(scalar.value)  # a text, since it has others in it
            nested = nested_in(parsed, value, depth)
            if nested is not None:
                edits[scalar.path] = _rewrite(nested, here, values, inner, depth + 1)
            else:
                edits[scalar.path] = exchange_words(value, here, values)
    if path or parsed.keys is None:
        return parsed.edit(edits)
    present = frozenset(parsed.keys)
    added = {
        str(given[0]): text
        for given, text in values.items()
        if len(given) == 1 and given[0] not in present
    }
    return parsed.edit(edits, added)


def place_of(option: str, path: KeyPath) -> str:
    """Return a place in words: ``option custom_images, key activator``."""
    return f"option {option}" + (f", {format_path(path)}" if path else "")
