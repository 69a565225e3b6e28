"""Image lists: ``images.txt`` and ``retagged-images.txt``, and where an image is in the registry.

Both files have one reference per line; blank lines, ``#`` comments and surrounding blanks are
allowed. The JSON document of ``images list`` is read as a list as well, and says which images are
used later.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import takewhile
from pathlib import Path
from typing import Final, Literal, Protocol, TypeAlias

from ckf_airgap.documents import MAX_BYTES, JSONValue, load_mapping
from ckf_airgap.errors import (
    ImageNotFoundError,
    InputError,
    Problem,
    ReferenceSyntaxError,
    UsageError,
    raise_all,
    unreadable,
)
from ckf_airgap.files import read_small_text
from ckf_airgap.files.paths import StrPath
from ckf_airgap.images.reference import ImageReference, Registry, retag, retag_candidates

SCHEMA: Final = "ckf-airgap/images/v1"
"""The form of a list as a JSON document; a document of another form is refused."""

Need: TypeAlias = Literal["required", "later", "all"]
"""Which images are meant: those that active/idle takes, those used later, or both."""

CHOSEN_BY_USER: Final = "chosen-by-user"
"""What ``tag`` of an image says: whoever runs it chooses its tag, so that its name has none."""

_MOST_PROBLEMS: Final = 100
"""Lines that are no references, after which a file is not a list of images at all."""

NEEDS: Final[tuple[Need, ...]] = ("required", "later", "all")

SIMILAR: Final = 0.75
"""The `difflib` ratio from which the last part of one name may be a misspelling of another's."""


@dataclass(frozen=True, slots=True)
class ListedImage:
    """An image of a list.

    Attributes:
        reference: Its reference.
        line: Its line, counted from 1; 0 in a JSON document.
        need: What it is needed for, where the list says so.
        user_tagged: Whether it has no tag because those who run it choose one.
    """

    reference: ImageReference
    line: int
    need: Literal["required", "later", ""] = ""
    user_tagged: bool = False

    def __str__(self) -> str:
        """Return ``reference (line N)``."""
        return f"{self.reference} (line {self.line})" if self.line else str(self.reference)


@dataclass(frozen=True, slots=True)
class ImageList:
    """The references of an image list, in the file's order."""

    where: str
    entries: tuple[ListedImage, ...] = field(repr=False)

    @classmethod
    def parse(cls, text: str, *, where: str) -> ImageList:
        """Return the list that a text holds, which may be the JSON document of ``images list``.

        Raises:
            InputError: naming every line that is not a reference, a hundred at most.
        """
        if text.lstrip().startswith("{"):  # no reference does
            return cls(where, tuple(_of_document(text, where)))
        entries: list[ListedImage] = []
        problems: list[Problem] = []
        for number, line in enumerate(text.split("\n"), start=1):
            content = line.partition("#")[0].strip()
            if not content:
                continue
            try:
                entries.append(ListedImage(ImageReference.parse(content), number))
            except ReferenceSyntaxError as exc:
                problems.append(Problem(exc.message, f"{where}, line {number}"))
                if len(problems) == _MOST_PROBLEMS:
                    raise InputError(
                        f"{where} is not a list of images: line after line is no reference",
                        problems=problems,
                    ) from exc
        if problems:
            raise InputError(f"{where} has lines that are not image references", problems=problems)
        return cls(where, tuple(entries))

    @classmethod
    def read(
        cls,
        path: StrPath,
        *,
        fix: str = "Give it with --images FILE; the connected side wrote it (retagged-images.txt).",
    ) -> ImageList:
        """Read a list from a file.

        Args:
            path: The file.
            fix: What to do when it is missing.

        Raises:
            ImageNotFoundError: when the file is missing.
            InputError: when a line is not a reference, or the file cannot be read, is not text, or
                is larger than any list.
        """
        path = Path(path)
        try:
            text = read_small_text(
                path, MAX_BYTES, what="a list of images", encoding="utf-8-sig", pipes=True
            )
        except UnicodeDecodeError as exc:
            raise InputError(f"{path} is not a list of images: it is not UTF-8 text") from exc
        except OSError as exc:
            what = f"the list of images {path}"
            raise unreadable(exc, what, fix=fix, missing=ImageNotFoundError) from exc
        return cls.parse(text, where=str(path))

    def chosen(self, need: Need | None) -> ImageList:
        """Return the images that are required to reach active/idle, those used later, or all.

        ``None`` is all whose tag is known, without those whose tag their users choose.

        Raises:
            UsageError: when the list does not say what its images are needed for.
        """
        if need not in (None, "all") and not all(entry.need for entry in self.entries):
            raise UsageError(
                f"{self.where} does not say which of its images are {need}",
                fix="Make a list that has only those: ckf-airgap images list BUNDLE --need "
                f"{need} -o FILE; or give the document of: ckf-airgap images list BUNDLE --json",
            )
        kept = (entry for entry in self.entries if is_chosen(entry, need))
        return ImageList(self.where, tuple(kept))

    def with_user_tagged(self, names: Collection[ImageReference]) -> ImageList:
        """Return the list with a mark on each image without a tag whose name is in `names`.

        Args:
            names: The canonical references of images whose tags are chosen by their users.
        """
        entries = (
            replace(entry, need="later", user_tagged=True)
            if not entry.need
            and not entry.reference.tag
            and not entry.reference.digest
            and entry.reference.canonical() in names
            else entry
            for entry in self.entries
        )
        return ImageList(self.where, tuple(entries))

    def __iter__(self) -> Iterator[ImageReference]:
        """Yield the references."""
        return (entry.reference for entry in self.entries)

    def __len__(self) -> int:
        """Return the number of references."""
        return len(self.entries)


@dataclass(frozen=True, slots=True)
class RetaggedImages:
    """The images that the private registry has, found by the references that charms use.

    Attributes:
        registry: The private registry, with its path.
        images: The list.
        targets: The list's references, for exact look-up.
        places: Where a mapping file puts images, by the canonical form of their references; the
            retag rule places all others.
    """

    registry: Registry
    images: ImageList
    targets: Mapping[ImageReference, ListedImage] = field(repr=False)
    places: Mapping[ImageReference, ImageReference] = field(default_factory=dict, repr=False)
    _found: dict[ImageReference, ImageReference | None] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )
    """What was looked for before: an option may name one image very often."""

    @classmethod
    def from_list(
        cls,
        images: ImageList,
        *,
        registry: Registry | None = None,
        needed: Iterable[ImageReference] = (),
    ) -> RetaggedImages:
        """Return a look-up over a retagged list.

        Args:
            images: The list.
            registry: The private registry. By default it is inferred from the list: the host that
                all lines share, followed by as many of their common path components as make the
                most needed images found.
            needed: References that will be looked up; used only to infer the registry's path.

        Raises:
            InputError: when the list names several registries and none is given, or a line is
                outside the registry that is given.
        """
        if registry is None:
            registry = infer_registry(images, needed)
        outside = [
            Problem(f"{entry.reference} is not in {registry}", f"{images.where}, line {entry.line}")
            for entry in images.entries
            if not registry.holds(entry.reference)
        ]
        if outside:
            raise InputError(
                f"{images.where} has images outside the registry {registry}",
                problems=outside,
                fix="Give the list that was retagged for this registry, or another --registry.",
            )
        targets: dict[ImageReference, ListedImage] = {}
        for entry in images.entries:
            targets.setdefault(entry.reference, entry)
        return cls(registry, images, targets)

    @classmethod
    def by_rule(
        cls, sources: Iterable[ImageReference], registry: Registry, *, where: str = "the retag rule"
    ) -> RetaggedImages:
        """Return the list that retagging `sources` makes, as if it had been read from a file.

        Raises:
            InputError: when two different images would share one place in the registry.
        """
        places: dict[ImageReference, dict[ImageReference, ImageReference]] = {}
        for source in sources:
            same = places.setdefault(retag(source, registry), {})
            same.setdefault(source.canonical(), source)
        collisions = [
            Problem(f"{', '.join(map(str, same.values()))} would all become {target}")
            for target, same in places.items()
            if len(same) > 1
        ]
        if collisions:
            raise InputError("different images collide in the registry", problems=collisions)
        entries = tuple(ListedImage(target, line) for line, target in enumerate(places, start=1))
        return cls.from_list(ImageList(where, entries), registry=registry)

    def find(self, reference: ImageReference) -> ImageReference | None:
        """Return the retagged image of exactly this reference, or ``None``.

        The mapping's place counts if it has one; otherwise that of the retag rule, or one that
        older lists use (`retag_candidates`). Nothing is matched by part of a name.
        """
        if reference not in self._found:
            self._found[reference] = self._look_up(reference)
        return self._found[reference]

    def _look_up(self, reference: ImageReference) -> ImageReference | None:
        placed = self.places.get(reference.canonical())
        if placed is not None:
            return placed if placed in self.targets else None
        for candidate in retag_candidates(reference, self.registry):
            if candidate in self.targets:
                return candidate
        return None

    def nearest(self, reference: ImageReference) -> ListedImage | None:
        """Return the line most similar to the place where an image should be, if any is."""
        found = nearest_image(retag(reference, self.registry), self.targets)
        return self.targets[found] if found else None


class Needed(Protocol):
    """What has a need, and a tag that is known or not."""

    @property
    def need(self) -> str:
        """What it is needed for: ``required`` or ``later``."""

    @property
    def user_tagged(self) -> bool:
        """Whether it has no tag because those who run it choose one."""


def is_chosen(image: Needed, need: Need | None) -> bool:
    """Return whether an image is one of those that are needed so.

    ``None`` is every image whose tag is known.
    """
    if need is None:
        return not image.user_tagged
    return need in ("all", image.need)


def _of_document(text: str, where: str) -> Iterator[ListedImage]:
    """Yield the images of the JSON document that ``images list`` prints."""
    document = load_mapping(text, where=where)
    items = document.get("images")
    if document.get("schema") != SCHEMA or not isinstance(items, list):
        raise InputError(
            f"{where} is not a list of images: its schema is {document.get('schema')!r}, "
            f"not {SCHEMA!r}",
            fix="Write it with: ckf-airgap images list BUNDLE --json > FILE",
        )
    problems = []
    for number, item in enumerate(items, start=1):
        try:
            yield _of_item(item)
        except InputError as exc:
            problems.append(Problem(exc.message, f"{where}, image {number}"))
    raise_all(InputError, f"{where} has entries that are not images", problems)


def _of_item(item: JSONValue) -> ListedImage:
    match item:
        # Before 0.1.0 the key was set, and its values required and optional.
        case {"image": str(image), "need": "required"} | {"image": str(image), "set": "required"}:
            return ListedImage(ImageReference.parse(image), 0, "required")
        case {"image": str(image), "need": "later", "tag": str(tag)} if tag == CHOSEN_BY_USER:
            return ListedImage(ImageReference.parse(image), 0, "later", user_tagged=True)
        case {"image": str(image), "need": "later"} | {"image": str(image), "set": "optional"}:
            return ListedImage(ImageReference.parse(image), 0, "later")
        case _:
            raise InputError("image must be a reference, and need required or later")


def nearest_image(wanted: ImageReference, known: Iterable[ImageReference]) -> ImageReference | None:
    """Return the reference that may have been meant, or ``None`` when none is similar.

    The last part of the name decides, since registry and path are alike in most lists: it must be
    the same or similar. Of several, one with the same whole name comes first, then the most similar
    text.
    """
    by_last: dict[str, list[ImageReference]] = {}
    for reference in known:
        by_last.setdefault(_last_name(reference), []).append(reference)
    match = difflib.get_close_matches(_last_name(wanted), by_last, n=1, cutoff=SIMILAR)
    if not match:
        return None
    candidates = by_last[match[0]]
    same = [reference for reference in candidates if reference.name == wanted.name]
    by_text = {str(reference): reference for reference in same or candidates}
    return by_text[difflib.get_close_matches(str(wanted), by_text, n=1, cutoff=0.0)[0]]


def _last_name(reference: ImageReference) -> str:
    return reference.repository.rpartition("/")[2]


def possible_registries(images: ImageList) -> tuple[Registry, ...]:
    """Return the registries that all lines of a retagged list share, the shortest path first.

    Raises:
        InputError: when the list is empty, or its lines name different registries or none.
    """
    hosts = {entry.reference.registry for entry in images.entries}
    if len(hosts) != 1 or None in hosts:
        named = ", ".join(sorted(str(host or "no registry") for host in hosts)) or "no image"
        raise InputError(
            f"cannot infer the private registry from {images.where}: it names {named}",
            fix="Name the registry with --registry HOST[:PORT][/PATH].",
        )
    (host,) = hosts
    parents = [entry.reference.repository.split("/")[:-1] for entry in images.entries]
    shared = [
        parts[0]
        for parts in takewhile(lambda parts: len(set(parts)) == 1, zip(*parents, strict=False))
    ]
    return tuple(Registry(str(host), "/".join(shared[:depth])) for depth in range(len(shared) + 1))


def infer_registry(images: ImageList, needed: Iterable[ImageReference] = ()) -> Registry:
    """Return the registry that all lines of a retagged list share.

    Of several it is the one with which most of the needed images are found.

    Raises:
        InputError: when the list is empty, or its lines name different registries or none.
    """
    registries = possible_registries(images)
    targets = {entry.reference for entry in images.entries}
    wanted = dict.fromkeys(needed)
    best, most = registries[0], -1
    for registry in registries:
        found = sum(
            not targets.isdisjoint(retag_candidates(reference, registry)) for reference in wanted
        )
        if found > most:
            best, most = registry, found
    return best
