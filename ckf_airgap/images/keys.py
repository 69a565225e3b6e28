"""What the name of an option, key, variable, argument or flag says about its value. Pure.

``worker-image`` names an image, ``custom_images`` several, ``image-registry`` and ``imageTag`` hold
a part of one, ``image-pull-policy`` and ``disk-image`` have the word in their name and hold none.
Every spelling has the same words: ``worker-image``, ``worker_image``, ``workerImage``,
``worker.image``, ``WORKER_IMAGE``, ``--worker-image``, ``workerimage``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal, TypeAlias

Kind: TypeAlias = Literal["image", "images", "part", "other", "nothing"]
"""``image``: the value is one image. ``images``: it holds several, as a list, a mapping or a text.
``part``: it is a part of one, or of several. ``other``: it is about images, or pictures, and holds
neither. ``nothing``: the name does not say."""

Part: TypeAlias = Literal[
    "", "registry", "repository", "prefix", "namespace", "name", "tag", "digest", "channel"
]
"""Which part of references a value is. ``registry``: a host, which may have a path behind it;
``repository``: a name without tag, or what names begin with; ``prefix``: what names begin with;
``namespace``: the path between registry and name."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a name says about its value.

    Attributes:
        kind: See `Kind`.
        part: See `Part`; of an image only ``name``: the tag may be elsewhere (``image-name``).
        word: The word of the name that says so, in lower case.
        certain: Whether the name speaks of images of containers: ``model-registry`` may hold
            anything.
    """

    kind: Kind
    part: Part = ""
    word: str = ""
    certain: bool = True

    @property
    def names_images(self) -> bool:
        """Whether the value is an image, or several."""
        return self.kind in ("image", "images")

    @property
    def is_front(self) -> bool:
        """Whether the value is what references begin with."""
        return self.kind == "part" and self.part in FRONTS


FRONTS: Final = frozenset({"registry", "repository", "prefix", "namespace"})
"""Parts that references begin with."""

ENDS: Final = frozenset({"tag", "digest", "channel"})
"""Parts that references end with."""

NOTHING: Final = Meaning("nothing")

_PARTS: Final[Mapping[str, Part]] = {
    **dict.fromkeys(("registry", "registries", "mirror", "mirrors"), "registry"),
    **dict.fromkeys(("host", "hosts", "hostname", "domain", "domains", "server"), "registry"),
    **dict.fromkeys(("address", "addr", "endpoint", "endpoints"), "registry"),
    **dict.fromkeys(("repo", "repos", "repository", "repositories"), "repository"),
    **dict.fromkeys(("prefix", "prefixes", "hub", "base"), "prefix"),
    **dict.fromkeys(("namespace", "namespaces", "org", "organization", "project"), "namespace"),
    **dict.fromkeys(("tag", "tags", "version", "versions", "suffix", "revision"), "tag"),
    **dict.fromkeys(("digest", "digests", "sha", "sha256", "hash", "checksum"), "digest"),
    **dict.fromkeys(("channel", "channels", "track", "risk"), "channel"),
}
"""Words behind ``image``, and the part that they name."""

_REGISTRY_PARTS: Final = frozenset(
    {"host", "hostname", "domain", "server", "mirror", "prefix", "address", "addr", "endpoint"}
    | {"url", "uri", "path", "name", "namespace", "hosts", "mirrors", "domains"}
)
"""Words behind ``registry`` that still mean the registry, or the front of names in it."""

_OTHERS: Final = frozenset(
    {"alias", "arch", "architecture", "auth", "backend", "bucket", "builder", "ca", "cache"}
    | {"cert", "certificate", "compression", "count", "credential", "credentials", "deadline"}
    | {"description", "dir", "directory", "dimensions", "disk", "enabled", "extension", "family"}
    | {"extensions", "file", "filename", "filter", "folder", "format", "formats", "gallery"}
    | {"height", "icon", "id", "ids", "insecure", "interval", "key", "label", "labels", "level"}
    | {"license", "limit", "location", "login", "metadata", "mode", "mount", "offering", "os"}
    | {"owner", "password", "path", "paths", "permission", "permissions", "platform", "platforms"}
    | {"policy", "pool", "port", "properties", "property", "protocol", "publisher", "pull"}
    | {
        "pullpolicy",
        "pullsecret",
        "pullsecrets",
        "quality",
        "quota",
        "rate",
        "region",
        "resolution",
        "retention",
        "scale",
        "schedule",
    }
    | {"secret", "secrets", "series", "service", "signature", "size", "sizes", "sku", "source"}
    | {"status", "storage", "store", "stream", "streams", "subdir", "template", "threshold"}
    | {"timeout", "title", "token", "type", "types", "ttl", "url", "urls", "user", "username"}
    | {"verification", "visibility", "volume", "width"}
)
"""Words behind ``image`` that mean neither an image nor a part of one."""

_SEVERAL: Final = frozenset(
    {"config", "configs", "configuration", "defaults", "list", "map", "mapping", "overrides"}
)
"""Words behind ``image`` that mean several: ``image-configuration``."""

_MODIFIERS: Final = frozenset(
    {"custom", "default", "external", "full", "global", "internal", "local", "new", "old"}
    | {"override", "private", "public", "ref", "reference", "spec", "upstream", "uri", "value"}
)
"""Words behind ``image`` and its parts that leave their meaning as it is."""

_PICTURES: Final = frozenset(
    {"amphora", "avatar", "background", "banner", "boot", "cloud", "cover", "disk", "favicon"}
    | {"flash", "glance", "guest", "header", "hero", "icon", "iso", "kernel", "logo", "lxd"}
    | {"machine", "nova", "picture", "placeholder", "preview", "qcow2", "raw", "rootfs", "splash"}
    | {"thumbnail", "vm", "wallpaper"}
)
"""Words before ``image`` that mean a picture, or the disk of a machine."""

_CONTAINERS: Final = frozenset({"container", "containers", "docker", "oci", "podman"})
"""Words that make a registry, hub or repository one of images."""

_IMAGE: Final = frozenset({"image", "images"})
_REGISTRY: Final = frozenset({"registry", "registries"})

_WORDS: Final = re.compile(r"[A-Z]+s?(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_GLUED: Final = re.compile(
    r"(?:(?P<before>app|base|container|default|docker|init|oci|proxy|sidecar|worker)?"
    r"(?P<image>images?)"
    r"(?P<after>digest|name|policy|prefix|pullpolicy|pullsecrets?|ref|registry|repo|repository|tag"
    r"|version)?)\Z"
)
"""Words that are often written as one: ``imagetag``, ``dockerimage``."""

_TELLING: Final = re.compile(r"image|regist|container|docker|oci|podman", re.IGNORECASE)
"""What every name has that says anything."""

MAX_NAME: Final = 300
"""Characters of a name that are read; longer ones are no names."""

NAMING_KEYS: Final = frozenset({"env", "key", "name", "option", "param", "parameter", "variable"})
"""Keys of a mapping whose value names what is under one of `VALUE_KEYS` beside it."""

VALUE_KEYS: Final = frozenset({"default", "val", "value"})
"""Keys that say nothing of their own, beside one of `NAMING_KEYS`."""


def split_words(name: str) -> list[str]:
    """Return the words of a name in lower case: ``a``, ``b`` for ``a-b``, ``a_b`` and ``aB``."""
    words: list[str] = []
    for match in _WORDS.finditer(name[:MAX_NAME]):
        word = match[0].lower()
        glued = _GLUED.match(word)
        words += filter(None, glued.groups()) if glued else [word]
    return words


def meaning(name: str) -> Meaning:
    """Return what a name says about its value, whatever the value is."""
    return _meaning(name[:MAX_NAME])


@lru_cache(maxsize=4096)
def _meaning(name: str) -> Meaning:
    if not _TELLING.search(name):
        return NOTHING
    words = split_words(name)
    image = next((i for i in reversed(range(len(words))) if words[i] in _IMAGE), None)
    if image is None:
        return _without_image(words)
    before, word, behind = words[:image], words[image], words[image + 1 :]
    if before[-1:] == ["related"] and behind:
        return Meaning("image", word=word)  # RELATED_IMAGE_x: the image of x, whatever x is
    return _behind_image(_without_numbers(behind), before, word)


def _behind_image(behind: list[str], before: list[str], word: str) -> Meaning:
    """Return what the words behind ``image`` make of it."""
    several = word == "images"
    named = behind[-1:] in (["name"], ["names"])
    several = several or behind[-1:] == ["names"]
    behind = _without_modifiers(behind[:-1] if named else behind)
    if not behind:
        if before and before[-1] in _PICTURES:
            return Meaning("other", word=before[-1])
        return Meaning("images" if several else "image", "name" if named else "", word)
    last = behind[-1]
    if "and" in behind:  # image-and-version, image-name-and-tag: all of it
        return Meaning("image", word=word)
    if last in _SEVERAL:
        return Meaning("images", word=last)
    if last in ("prefix", "suffix") and len(behind) > 1 and _PARTS.get(behind[-2]) in ENDS:
        last = behind[-2]  # image-tag-prefix
    if last in _PARTS:
        return Meaning("part", _PARTS[last], last)
    if _REGISTRY & set(behind) and last in _REGISTRY_PARTS:
        return Meaning("part", "registry", last)
    if last in _OTHERS or last.removesuffix("s") in _OTHERS:
        return Meaning("other", word=last)
    return Meaning("images" if several else "image", word=word)


def _without_image(words: list[str]) -> Meaning:
    """Return what a name without the word says: a registry is a part of images nevertheless."""
    words = _without_modifiers(_without_numbers(words))
    last, certain = words[-1], not _CONTAINERS.isdisjoint(words)
    alone = sum(word not in _MODIFIERS for word in words)
    if last in _REGISTRY:
        return Meaning("part", "registry", last, certain or alone == 1)
    if last in _REGISTRY_PARTS and _REGISTRY & set(words):
        host = alone == 2 and last not in ("name", "namespace", "path")
        return Meaning("part", "registry", last, certain or host)
    if certain and last in ("hub", "mirror", "mirrors", "prefix", "repo", "repository", "tag"):
        return Meaning("part", _PARTS[last], last)
    return NOTHING


def _without_modifiers(words: list[str]) -> list[str]:
    while words and words[-1] in _MODIFIERS:
        words = words[:-1]
    return words


def _without_numbers(words: list[str]) -> list[str]:
    """Return words without a number or version at their end: ``image2``, ``image-tag-v2``."""
    while words and words[-1].isdigit():
        words = words[:-1]
        if words and words[-1] == "v":
            words = words[:-1]
    return words


def names_images(name: str) -> bool:
    """Whether a name says that its value is an image, or several."""
    return meaning(name).names_images


def meaning_of(names: Iterable[str]) -> Meaning:
    """Return what nested names say about the value, the innermost last.

    A name that says nothing leaves it to those around it: ``agent`` below ``custom_images`` is an
    image. A part of one by its plain word (``tag`` below ``image``) needs a look at its neighbours,
    since a mapping of images may have any keys.
    """
    said = NOTHING
    for name in names:
        own = meaning(name)
        if own.kind != "nothing":
            said = own
    return said
