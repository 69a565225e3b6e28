"""Whether a word in a file of a charm is an image, by its form and by what it is called. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from ckf_airgap.images.codelines import HOLE
from ckf_airgap.images.judge import Circumstances, judge
from ckf_airgap.images.keys import NOTHING, Meaning, meaning, split_words
from ckf_airgap.images.registries import is_registry

MAX_REFERENCE: Final = 600
"""Characters of the longest word that is looked at; no registry takes a longer reference."""

_PART = rf"[a-z0-9{HOLE}]+(?:(?:[._]|__|-+)[a-z0-9{HOLE}]+)*"
_REFERENCE: Final = re.compile(
    rf"(?P<name>(?:(?:[A-Za-z0-9{HOLE}][A-Za-z0-9.{HOLE}-]*|\[[0-9a-fA-F:.]+\])(?::[0-9]+)?/)?"
    rf"{_PART}(?:/{_PART})*)"
    rf"(?::(?P<tag>[\w{HOLE}](?:[\w.{HOLE}-]{{0,126}}[\w{HOLE}])?))?"
    rf"(?:@(?P<digest>sha256:(?:[0-9a-f]{{64}}|{HOLE})))?\Z",
    re.ASCII,
)
_FILE_NAME: Final = re.compile(
    r"\.(?:cfg|conf|css|gif|go|gz|html|ini|iso|j2|jpe?g|js|json|log|md|png|py|qcow2|rst|service|sh"
    r"|sock|svg|tar|tf|tgz|tmpl|toml|ts|txt|xz|ya?ml|zip)\Z"
)
_NUMBER: Final = re.compile(r"[0-9]+\Z")
_PORT: Final = re.compile(r"[0-9]{2,5}\Z")
_VERSION: Final = re.compile(r"v?[0-9]+(?:[._-][a-z0-9]+)*\Z")
_HASHES: Final = frozenset({"md5", "sha1", "sha224", "sha256", "sha384", "sha512"})
_NO_NAMES: Final = frozenset(
    {"always", "any", "app", "array", "auto", "blob", "bool", "boolean", "bytes", "container"}
    | {"default", "dict", "disabled", "disk", "docker", "empty", "enabled", "false", "file"}
    | {"ifnotpresent", "image", "images", "int", "integer", "latest", "list", "name", "never", "no"}
    | {"none", "null", "number", "object", "oci", "off", "on", "option", "optional", "path", "self"}
    | {"str", "string", "tag", "text", "true", "undefined", "unset", "value", "yes"}
)
"""Values of the key ``image`` in schemas and settings that are not images."""

_NAMES: Final = frozenset({"image", "name", "ref", "reference", "repo", "repository"})
"""Keys below ``image`` whose value is the name of it."""

_FOREIGN: Final = frozenset(
    {"apiversion", "args", "arguments", "class", "command", "dir", "directory", "entrypoint"}
    | {"file", "files", "group", "home", "icon", "id", "kind", "license", "link", "mount", "path"}
    | {"paths", "policy", "source", "target", "type", "uri", "url", "version", "workdir"}
)
"""Keys below ``images`` whose value is no image, though it may look like the name of one."""

_IMAGE: Final = Meaning("image")
_OTHER: Final = Meaning("other")

_MEDIA: Final = ("application/", "audio/", "font/", "image/", "multipart/", "text/", "video/")


@dataclass(frozen=True, slots=True)
class Said:
    """What the names around a word say about it.

    Attributes:
        called: The name that says most, or nothing.
        is_image: Whether an image is expected, so that a path or a tag alone will do.
        bare: Whether even a word without path and tag is one.
        other: Whether the name says that it is something else: a registry, a path, a policy.
    """

    called: str = ""
    is_image: bool = False
    bare: bool = False
    other: bool = False

    @property
    def circumstances(self) -> Circumstances:
        """What the names say, for `judge`."""
        said = _IMAGE if self.is_image else _OTHER if self.other else NOTHING
        return Circumstances(said=said, may_be_word=self.bare)

    @classmethod
    def of(cls, key: str, owner: str, *, bare: bool, direct: bool) -> Said:
        """Judge the key of a word, and the list, mapping or text that it is in.

        Args:
            key: The innermost key, variable, argument or flag.
            owner: What the word is an item or a part of.
            bare: Whether a word without path and tag may be taken for an image at all.
            direct: Whether it is the value of `owner`, and not part of how that is made.
        """
        own = meaning(key) if key else NOTHING
        if own.names_images:
            return cls(key, is_image=True, bare=bare and _is_one(own, key))
        if own.kind != "nothing" and (own.certain or own.kind == "part"):
            return cls(key, other=True)
        above = meaning(owner) if owner else NOTHING
        if not above.names_images:
            return cls(key or owner, other=above.kind != "nothing")
        if not key:
            return cls(owner, is_image=True, bare=bare) if direct else cls(owner)
        last = (split_words(key) or [""])[-1]
        behind = meaning(f"image-{key}")  # ``hub`` below ``images`` is the hub of images
        if above.kind == "images" and behind.names_images and last not in _FOREIGN:
            return cls(owner, is_image=True)
        if above.kind == "image" and last in _NAMES:
            return cls(owner, is_image=True, bare=bare and last != "name")
        return cls(key, other=True)


def _is_one(own: Meaning, key: str) -> bool:
    """Whether the value is one image by the last word of its name."""
    return own.kind == "image" and (split_words(key) or [""])[-1] in ("image", "name")


def matched(text: str) -> re.Match[str] | None:
    """Return the parts of a word that has the form of a reference, with or without holes."""
    return _REFERENCE.match(text) if len(text) <= MAX_REFERENCE else None


def is_image(match: re.Match[str], said: Said, *, placed: bool) -> bool:
    """Whether a word that has the form of a reference is an image.

    `judge` decides, as everywhere; what it doubts counts in the place of a value: a bare word where
    `Said.bare` allows it, a known registry and a path of two parts. A word with holes is no
    reference yet, and is judged by what it will be.
    """
    name, tag = match["name"], match["tag"] or ""
    _, slash, rest = name.partition("/")
    if match["digest"]:
        return True
    literal = name.replace(HOLE, "").strip("/.-_")
    if not any(letter.isalpha() for letter in literal) or name in _HASHES:
        return False
    if _FILE_NAME.search(name) and (not tag or _NUMBER.match(tag)):
        return False
    if HOLE in match[0]:
        return _will_be_image(match, said, placed=placed)
    verdict = judge(match[0], said.circumstances)
    if tag:
        return verdict.certainty == "sure"
    if not placed or verdict.part or verdict.certainty not in ("sure", "maybe"):
        return False
    if said.is_image:
        return not name.startswith(_MEDIA) if slash else said.bare and _is_bare_image(name)
    return not said.other and "/" in rest


def _will_be_image(match: re.Match[str], said: Said, *, placed: bool) -> bool:
    """Whether a word with holes is an image once these are filled.

    Under a name that says image, it needs a path or a tag; otherwise a known registry and a tag.
    """
    name, tag = match["name"], match["tag"] or ""
    first, slash, _ = name.partition("/")
    if said.is_image:
        return bool(slash) or not _PORT.match(tag) if tag else bool(slash) and placed
    return bool(slash and tag) and is_registry(first)


def _is_bare_image(name: str) -> bool:
    """Whether a word under a name that says image is one: ``busybox``, and not ``oci-image``."""
    return (
        HOLE not in name
        and len(name) > 1
        and name not in _NO_NAMES
        and "." not in name
        and not _VERSION.match(name)
        and "image" not in split_words(name)
    )
