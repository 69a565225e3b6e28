"""What the name of an option or key says about its value, as the witness reads names. Pure."""

from __future__ import annotations

import enum
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

_HUMP: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_GAP: Final = re.compile(r"[^A-Za-z0-9]+")

FRONT_WORDS: Final = frozenset({"hub", "mirror", "prefix", "registry", "repo", "repository"})
"""Last words of names whose value references begin with."""

TAG_WORDS: Final = frozenset({"tag", "version"})
"""Last words of names whose value references end with."""

_CONTAINER_WORDS: Final = frozenset({"container", "docker", "image", "images", "oci"})

_PICTURES: Final = frozenset(
    {"avatar", "background", "banner", "boot", "cloud", "cover", "disk", "favicon", "header"}
    | {"icon", "iso", "kernel", "logo", "lxd", "machine", "picture", "qcow2", "thumbnail", "vm"}
)
"""Words of names whose images are none of containers."""

_BESIDE: Final = frozenset(
    {"arch", "auth", "channel", "dir", "directory", "description", "digest", "domain", "domains"}
    | {"enabled", "file", "format", "formats", "gallery", "id", "key", "label", "labels", "mode"}
    | {"namespace", "owner", "password", "path", "policy", "port", "pull", "secret", "secrets"}
    | {"size", "source", "timeout", "title", "token", "type", "types", "url", "user", "username"}
)
"""Last words of names that have ``image`` in them and mean something beside it."""


class Says(enum.Enum):
    """What names say about a value."""

    IMAGE = "image"
    """It is an image."""
    LOOSELY = "loosely"
    """It has to do with images, and may be one."""
    FRONT = "front"
    """References begin with it."""
    VAGUE_FRONT = "vague front"
    """The same, if it is about images at all: ``model-registry`` may not be."""
    BESIDE = "beside"
    """It is about images, and none."""
    NOTHING = "nothing"


@lru_cache(maxsize=4096)
def words(name: str) -> tuple[str, ...]:
    """Return the words of a name in lower case, without the digits at the end of each."""
    parts = _GAP.split(_HUMP.sub(" ", name[:300]))
    return tuple(filter(None, (part.lower().rstrip("0123456789") for part in parts)))


@lru_cache(maxsize=4096)
def says(name: str) -> Says:
    """Return what one name says."""
    found = words(name)
    if not found:
        return Says.NOTHING
    last = found[-1]
    if last in FRONT_WORDS:
        sure = not _CONTAINER_WORDS.isdisjoint(found) or found == ("registry",)
        return Says.FRONT if sure else Says.VAGUE_FRONT
    place = next((i for i, word in enumerate(found) if word in ("image", "images")), None)
    if place is None:
        return Says.NOTHING
    tag = last in TAG_WORDS and place == len(found) - 2
    if tag or last in _BESIDE or not _PICTURES.isdisjoint(found):
        return Says.BESIDE
    behind = [word for word in found[place + 1 :] if word not in ("name", "ref", "image", "images")]
    related = found[:2] == ("related", "image")  # RELATED_IMAGE_x is the image of x
    return Says.IMAGE if not behind or related else Says.LOOSELY


def said(names: Sequence[str]) -> Says:
    """Return what nested names say, the innermost last: it is asked first.

    In a mapping of images (``custom_images``) each value is one; below a single one
    (``image: {command: ...}``), or further down, there may be anything.
    """
    for depth, name in enumerate(reversed(names)):
        found = says(name)
        if found is Says.NOTHING:
            continue
        if found is Says.IMAGE and (depth > 1 or (depth == 1 and words(name)[-1] == "image")):
            return Says.LOOSELY
        return found
    return Says.NOTHING
