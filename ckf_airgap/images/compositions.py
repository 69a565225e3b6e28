"""References that several values make together: ``image-registry``, ``image-name``, ``image-tag``.

Pure. The values are options of one charm, or keys of one mapping (``image: {repository, tag}``).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from ckf_airgap.errors import OptionError, ReferenceSyntaxError
from ckf_airgap.images.judge import Circumstances, judge, parsed
from ckf_airgap.images.keys import Meaning, Part, meaning, split_words
from ckf_airgap.images.places import KeyPath, format_path
from ckf_airgap.images.reference import ImageReference
from ckf_airgap.images.registries import is_registry

Role: TypeAlias = Literal["registry", "prefix", "repository", "namespace", "name", "tag", "digest"]
"""What a value is in a reference. A ``repository`` is the name where nothing else is."""

_FRONTS: Final[tuple[Role, ...]] = ("registry", "prefix", "repository", "namespace")
"""What comes before the name, the outermost first."""

_SCHEME: Final = re.compile(r"\s*(?:https?|docker|oci)://")
_ROLES: Final[Mapping[Part, Role]] = {
    **{front: front for front in _FRONTS},
    "tag": "tag",
    "digest": "digest",
}

_PLAIN: Final[Mapping[str, Role]] = {
    "registry": "registry",
    "repository": "repository",
    "repo": "repository",
    "tag": "tag",
    "digest": "digest",
}
"""Words that mean a part without the word image, beside a name that has it: ``cat-tag``."""

_PLAIN_KEYS: Final[Mapping[str, Role]] = {**_PLAIN, "hub": "prefix", "name": "name"}
"""The same for keys of a mapping that is called an image; options have such names for anything."""

_AN_IMAGE: Final = Circumstances(said=Meaning("image"))


@dataclass(frozen=True, slots=True)
class ReferencePart:
    """A value that is a part of a reference.

    Attributes:
        path: The path to it; for an option its name alone.
        text: What it says.
    """

    path: KeyPath
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Composition:
    """Values that make a reference together.

    Attributes:
        reference: The reference.
        name: The value with its name, or with the end of it.
        fronts: The values that come before the name, the outermost first; they may be empty.
        tag: The value with its tag.
        digest: The value with its digest.
        options: Whether the values are options; otherwise they are keys of one mapping.
    """

    reference: ImageReference
    name: ReferencePart
    fronts: tuple[ReferencePart, ...] = ()
    tag: ReferencePart | None = None
    digest: ReferencePart | None = None
    options: bool = False

    @property
    def fields(self) -> tuple[ReferencePart, ...]:
        """All of the values."""
        ends = [field for field in (self.tag, self.digest) if field is not None]
        return (*self.fronts, self.name, *ends)

    def split(self, target: ImageReference) -> dict[KeyPath, str]:
        """Return what each value must be to make another reference together.

        Raises:
            OptionError: when these values cannot make it.
        """
        found = self._names(target)
        if found is None:
            raise self._cannot(target, "has fewer levels")
        wanted = target.tag
        if self.digest is not None and self.digest.text:
            if target.digest:
                found[self.digest.path] = target.digest
            elif self.tag is None:
                raise self._cannot(target, f"has a tag in place of the digest {self.digest.text}")
            else:  # a digest beside a tag would win
                found[self.digest.path] = ""
        if self.tag is not None:
            if self.tag.text or wanted not in (None, "latest"):
                # What joins them does so with a colon, so the tag has to be written out.
                found[self.tag.path] = wanted or "latest"
        elif wanted not in (None, "latest"):
            raise self._cannot(target, f"has the tag {wanted}, for which there is no value")
        return found

    def _names(self, target: ImageReference) -> dict[KeyPath, str] | None:
        """Return the values before the tag; ``None`` when the target has too few levels."""
        if not self.fronts:
            return {self.name.path: target.name}
        outer, *inner = self.fronts
        kept = [field for field in (*inner, self.name) if field.text.strip("/")]
        end = "/".join(field.text.strip("/") for field in kept)
        lead = outer.text[: len(outer.text) - len(_without_scheme(outer))]
        slash = "/" if outer.text.endswith("/") else ""
        front = target.name.removesuffix(f"/{end}")
        if front != target.name:
            return {outer.path: lead + front + slash}
        levels = target.name.split("/")  # a folded path, or one of a mapping file
        first = len(levels) - len(kept)
        if first < 1:
            return None
        front = "/".join(levels[:first])
        ends = {field.path: levels[level] for level, field in enumerate(kept, start=first)}
        return {outer.path: lead + front + slash, **ends}

    def _cannot(self, target: ImageReference, why: str) -> OptionError:
        if self.options:
            names = [str(field.path[0]) for field in self.fields]
            places = " and ".join(f"option {name}" for name in names)
            fix = "Set them yourself: " + " ".join(f"--set APP.{name}=..." for name in names) + "."
        else:
            places = " and ".join(format_path(field.path) for field in self.fields)
            fix = "Set the whole option with --set."
        return OptionError(f"{places} cannot make {target}: it {why}", fix=fix)


def role_of(name: str, *, key: bool = False) -> tuple[Role, tuple[str, ...]] | None:
    """Return what a value of this name is in a reference, and which reference it belongs to.

    ``cat-image``, ``cat-image-tag`` and ``cat-tag`` belong to ``cat``.

    Args:
        name: The name of an option or key.
        key: Whether it is a key.
    """
    said = meaning(name)
    words = split_words(name)
    if said.kind == "image":
        return "name", tuple(word for word in words if word not in ("image", "name"))
    role = _ROLES.get(said.part)
    if role is not None:
        about = {"image", "registry", said.word}
        return role, tuple(word for word in words if word not in about)
    plain = _PLAIN_KEYS if key and len(words) == 1 else _PLAIN
    if said.kind == "nothing" and words and words[-1] in plain:
        return plain[words[-1]], tuple(words[:-1])
    return None


def compositions(
    fields: Iterable[ReferencePart],
    *,
    options: bool,
    about_images: Callable[[ReferencePart], bool] = lambda _: True,
) -> list[Composition]:
    """Return the references that fields make together, each with at least two of them.

    Args:
        fields: The fields of one place, each named by the last part of its path.
        options: Whether they are options.
        about_images: Whether a name without a registry by name is one of an image.
    """
    groups: dict[tuple[str, ...], dict[Role, list[ReferencePart]]] = {}
    spare: list[ReferencePart] = []
    for field in fields:
        found = role_of(str(field.path[-1]), key=not options)
        if found is not None and split_words(str(field.path[-1])) == ["name"]:
            spare.append(field)  # the name of a container, where another key names its image
        elif found is not None:
            role, stem = found
            groups.setdefault(stem, {}).setdefault(role, []).append(field)
    alone = groups.get(())
    if spare and alone and not {"name", "repository"} & alone.keys():
        alone["name"] = spare
    made = [_composed(roles, options=options) for roles in groups.values()]
    return [one for one in made if one is not None and (about_images(one.name) or _is_hosted(one))]


def _is_hosted(one: Composition) -> bool:
    host = one.reference.registry
    return host is not None and is_registry(host)


def _composed(roles: Mapping[Role, list[ReferencePart]], *, options: bool) -> Composition | None:
    """Return the reference of the fields of one stem; ``None`` when they make none for sure."""
    if len(roles.get("name", ())) > 1:
        return None
    single = {role: found[0] for role, found in roles.items() if len(found) == 1}
    name, front = single.get("name"), single.get("repository")
    if name is None or (front is not None and _ends_with(front.text, name.text)):
        name, single = front, {role: one for role, one in single.items() if role != "repository"}
    if name is None or not name.text.strip():
        return None
    fronts = tuple(single[role] for role in _FRONTS if role in single)
    tag, digest = single.get("tag"), single.get("digest")
    written = parsed(name.text.strip())
    if written is None or written.tag or written.digest:
        return None
    if written.registry is not None:
        fronts = ()  # the name is whole as it is; who knows what the others are for
    if not (fronts or tag or digest):
        return None
    levels = [*map(_without_scheme, fronts), name.text]
    text = "/".join(level for given in levels if (level := given.strip().strip("/")))
    if tag is not None and tag.text.strip():
        text += f":{tag.text.strip()}"
    if digest is not None and digest.text.strip():
        text += f"@{digest.text.strip()}"
    try:
        reference = ImageReference.parse(text)
    except ReferenceSyntaxError:
        return None
    if judge(text, _AN_IMAGE).image is None:
        return None
    return Composition(
        reference=reference, name=name, fronts=fronts, tag=tag, digest=digest, options=options
    )


def _without_scheme(field: ReferencePart) -> str:
    """Return a registry without ``https://``; a repository with a scheme is one of code."""
    said = role_of(str(field.path[-1]))
    is_registry_field = said is not None and said[0] == "registry"
    return _SCHEME.sub("", field.text) if is_registry_field else field.text


def _ends_with(front: str, name: str) -> bool:
    """Whether a repository has the name at its end already."""
    return bool(name) and f"/{front}".endswith(f"/{name}")
