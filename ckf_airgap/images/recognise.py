"""What in an option's value is an image, judged by its text, its place and its neighbours.

Many texts look like a reference without being one (``12:30``, ``minio:9000``, ``nvidia.com/gpu``),
and a mistyped reference does not look like one. So each value is taken for an image, left alone,
or doubted: its `Candidate` says which.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from ckf_airgap.errors import ReferenceSyntaxError
from ckf_airgap.images.places import KeyPath
from ckf_airgap.images.reference import ImageReference
from ckf_airgap.images.scalars import Dialect, ValueText

Known: TypeAlias = "Callable[[ImageReference], bool]"
"""Whether a reference is in the list of images; decides where the text alone does not."""

BARE_NAME: Final = re.compile(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*\Z")

_WORDS: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_NUMBERS: Final = re.compile(r"[0-9]+(?:[:.][0-9]+)*\Z")
_HOST_PORT: Final = re.compile(r"[^/@]+:(?:80|[1-9][0-9]{2,4})\Z")
_PORT: Final = re.compile(r"[0-9]{2,5}\Z")
_TOKEN: Final = re.compile(
    r"""(?<![^\s"'`=,;(<>|\[])"""
    r"(?:\[[0-9A-Fa-f:]+\][:/])?[A-Za-z0-9][A-Za-z0-9._:/@-]*[A-Za-z0-9]"
    r"""(?=\.?(?:[\s"'`,;)<>|\]]|\Z))"""
)
"""A word of its own: not the rest of a URL, of a Windows path or of a template."""

_COMMA: Final = re.compile(r"[,;|]")
_QUOTES: Final = "\"'`()[]"
_MARKS: Final = re.compile(r"://|[{}$%<>=*\\]|^[/.~-]|^[A-Za-z]:[/\\]")
"""Marks found only in URLs, templates, settings, patterns, paths and flags."""

_TIME: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T|[0-9]{1,2}:[0-9]{2}(?::[0-9]{2})?\s*[A-Za-z]"
)
_ADDRESS: Final = re.compile(r"[^/@]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+(?:[:/]|\Z)")
"""An account at a host (``git@github.com:...``); a digest has no dot before its colon."""

_NO_NAMES: Final = frozenset(
    {"always", "auto", "default", "disabled", "edge", "empty", "enabled", "false", "ifnotpresent"}
    | {"latest", "never", "no", "none", "null", "off", "on", "stable", "true", "unset", "yes"}
)
_VERSION: Final = re.compile(r"v?[0-9]+(?:[._-][a-z0-9]+)*\Z")
_API_VERSION: Final = re.compile(r"v[0-9]+(?:(?:alpha|beta)[0-9]+)?\Z")
_NOT_IMAGES: Final = frozenset(
    {"dir", "directory", "file", "format", "path", "policy", "secret", "secrets", "size", "timeout"}
    | {"type", "url"}
)
"""Last words of names that contain ``image`` without meaning one (``image-pull-secrets``)."""

_FRONTS: Final = frozenset(
    {"host", "hostname", "hub", "mirror", "namespace", "prefix", "registry", "repo", "repository"}
    | {"server"}
)
"""Last words of names that contain ``image`` and mean what the names of images begin with."""

_PARTS: Final = frozenset({"digest", "tag", "version"})
"""Last words of names that contain ``image`` and mean a part of one."""

_CODE_HOSTS: Final = frozenset({"github.com", "gitlab.com", "bitbucket.org"})
"""Hosts of source code; their registries have other host names."""

_SETTLE: Final = "add it to the list of images if it is one; if not, --set it to the same value"


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A value that is an image, or that may be meant as one but is not taken for it.

    Attributes:
        path: The path to it in the option's value; empty when it is the whole value.
        text: The value.
        reference: The reference that it is or may be; ``None`` when it is malformed.
        doubt: Why it is not taken for an image, as a sentence; empty when it is one.
        fix: What to do about the doubt.
    """

    path: KeyPath
    text: str
    reference: ImageReference | None = None
    doubt: str = ""
    fix: str = ""

    @property
    def image(self) -> ImageReference | None:
        """The reference, when it is taken for an image."""
        return None if self.doubt else self.reference


def find_candidates(
    parsed: ValueText,
    name: str,
    *,
    hinted: bool | None = None,
    known: Known = lambda _: False,
    path: KeyPath = (),
) -> Iterator[Candidate]:
    """Yield the images and the doubtful values of an option's value, in its order.

    Documents inside strings are searched too, as are the words of texts.

    Args:
        parsed: The value.
        name: The option.
        hinted: Whether the option holds images; ``None`` judges by its name.
        known: Whether a reference is in the list of images.
        path: The path to `parsed`, when it is a document inside an option's value.
    """
    hinted = names_images(name) if hinted is None else hinted
    images: dict[KeyPath, ImageReference] = {}
    for scalar in parsed.scalars:
        said = _Place(option=name, path=(*path, *scalar.path), hinted=hinted).is_hinted
        reference = image_in(scalar.value, hinted=said, known=known)
        if reference is not None:
            images[scalar.path] = reference
    hosts = _hosts_by_parent(images)
    for scalar in parsed.scalars:
        beside = hosts.get(scalar.path[:-1]) if scalar.path else None
        place = _Place(option=name, path=(*path, *scalar.path), hinted=hinted, beside=beside)
        value = scalar.value or ""
        nested = nested_in(parsed, value)
        if scalar.path in images:
            yield _whole(value, images[scalar.path], place, known)
        elif nested is not None:
            said = place.is_hinted
            yield from find_candidates(nested, name, hinted=said, known=known, path=place.path)
        else:
            yield from _of_text(value, place, known)


def image_in(
    text: str | None, *, hinted: bool, known: Known = lambda _: False
) -> ImageReference | None:
    """Return the reference that a text is, or ``None`` if it is something else.

    Where the name of the option or key says that it is an image (`hinted`), any separator will do,
    except before a port (``minio:9000``). Elsewhere it takes a digest, or a path and a tag that has
    a digit, since ``nvidia.com/gpu`` and ``application/json`` are references too. What is `known`
    is always an image, but a bare word (``busybox``) only where it is hinted as well.
    """
    if not text or _NUMBERS.match(text):
        return None
    try:
        reference = ImageReference.parse(text)
    except ReferenceSyntaxError:
        return None
    bare = BARE_NAME.match(text) is not None
    if (hinted or not bare) and known(reference):
        return reference
    if bare:
        return None
    if reference.digest:
        return reference
    if hinted:
        return None if _HOST_PORT.match(text) else reference
    tag = reference.tag or ""
    versioned = any(letter.isdigit() for letter in tag) and not _PORT.match(tag)
    return reference if "/" in text and versioned else None


def images_in_text(value: str, name: str) -> tuple[ImageReference, ...]:
    """Return every image in an option's value of any shape, judged by the option's name."""
    found = find_candidates(ValueText.parse(value), name)
    return tuple(candidate.image for candidate in found if candidate.image is not None)


def names_images(name: str) -> bool:
    """Whether an option's or key's name says that its value is an image, or several."""
    return any(word in ("image", "images") for word in words_of(name))


def holds_images(name: str) -> bool:
    """Whether a name that says image means a whole one: not a registry, a tag, a policy or path."""
    return not words_of(name) or words_of(name)[-1] not in _NOT_IMAGES | _FRONTS | _PARTS


def words_of(name: str) -> list[str]:
    """Return the words of a name in lower case: ``a``, ``b`` for ``a-b``, ``a_b`` and ``aB``."""
    return [word.lower() for word in _WORDS.findall(name)]


def syntax_doubt(text: str) -> str:
    """Return what is wrong with a text that should be a reference.

    Empty for a reference, and for what is plainly something else: a word without separators, a URL,
    a path, a template, a time, a number, a host with a port, an address.
    """
    text = text.strip()
    if not ("/" in text or ":" in text) or _is_something_else(text):
        return ""
    try:
        ImageReference.parse(text)
    except ReferenceSyntaxError as exc:
        return exc.message
    return ""


def nested_in(parsed: ValueText, value: str) -> ValueText | None:
    """Return the document inside a string of a document."""
    if parsed.dialect is Dialect.TEXT:
        return None
    nested = ValueText.parse(value)
    return None if nested.dialect is Dialect.TEXT else nested


def tokens(text: str) -> Iterator[tuple[str, int, str]]:
    """Yield place, index and text of each word that could be a reference."""
    for match in _TOKEN.finditer(text):
        line = text.count("\n", 0, match.start()) + 1
        column = match.start() - (text.rfind("\n", 0, match.start()) + 1) + 1
        yield f"line {line} column {column}", match.start(), match[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """The place of a text that is not a reference as a whole."""

    option: str
    path: KeyPath
    hinted: bool
    """Whether the option holds images."""
    beside: frozenset[str | None] | None = None
    """The hosts of the images in the same list or mapping; ``None`` when there is no image."""

    @property
    def is_hinted(self) -> bool:
        """Whether the option, or a key on the way, says that images are here."""
        return self.hinted or any(map(names_images, self.names))

    @property
    def names(self) -> list[str]:
        """The option, and the keys on the way, the innermost last."""
        return [self.option, *(part for part in self.path if isinstance(part, str))]

    @property
    def asks_for_an_image(self) -> bool:
        """Whether a value here must be an image, if it has the separators of one.

        That holds next to images in a list, and directly below a name that says image: in a mapping
        of images each value is one, but further down there may be anything (a command, a mount).
        """
        if any(names_images(name) and words_of(name)[-1] in _NOT_IMAGES for name in self.names):
            return False
        if self.beside is not None and self._in_list:
            return True
        named = [i for i, part in enumerate(self.path) if names_images(str(part))]
        below = self.path[named[-1] + 1 if named else 0 :]
        return self.is_hinted and not any(isinstance(part, str) for part in below[1:])

    @property
    def asks_for_a_name(self) -> bool:
        """Whether a word without separators may be a Docker Hub image here."""
        listed = self._in_list and self.beside is not None and self.is_hinted
        return listed or words_of(self.names[-1])[-1:] == ["image"]

    @property
    def _in_list(self) -> bool:
        return isinstance(self.path[-1], int) if self.path else False


def _whole(text: str, reference: ImageReference, place: _Place, known: Known) -> Candidate:
    """Return a text that is a reference as a whole, doubted where it may be the front of some.

    ``image-registry: rocks.canonical.com:443/cdk`` and ``image-prefix: quay.io/acme`` are
    references, too, of images that no registry has. One with a tag or digest is an image.
    """
    name = place.names[-1]
    front = names_images(name) and words_of(name)[-1] in _FRONTS
    if not front or reference.tag or reference.digest or known(reference):
        return Candidate(path=place.path, text=text, reference=reference)
    return Candidate(
        path=place.path,
        text=text,
        reference=reference,
        doubt=f"{text!r} seems to be what names of images begin with, and is left unchanged",
        fix="--set it to the place in the private registry; add it to the list if it is an image",
    )


def _of_text(value: str, place: _Place, known: Known) -> Iterator[Candidate]:
    """Yield the candidates in a text that is not, or not certainly, a reference as a whole."""
    if place.beside is not None:
        neighbour = _neighbour(value, place, place.beside)
        if neighbour is not None:
            yield neighbour
            return
    stripped = value.strip()
    parts = [part.strip() for part in _COMMA.split(stripped) if part.strip()]
    is_list = not any(letter.isspace() for part in parts for letter in part)
    whole = _TOKEN.fullmatch(value) is not None
    for where, _, token in () if whole else tokens(value):
        said = place.is_hinted and (token == stripped or is_list)
        reference = image_in(token, hinted=said, known=known)
        if reference is not None:
            yield Candidate(path=(*place.path, where), text=token, reference=reference)
    bare = _bare(stripped) if place.asks_for_a_name else None
    if bare is not None:
        yield Candidate(
            path=place.path,
            text=value,
            reference=bare,
            doubt=f"{stripped!r} may be an image on Docker Hub, but is left unchanged",
            fix=_SETTLE,
        )
    if is_list and place.asks_for_an_image:
        for part in parts:
            yield from _malformed(part, place)


def _malformed(text: str, place: _Place) -> Iterator[Candidate]:
    if not syntax_doubt(text.strip(_QUOTES)):
        return
    doubt = syntax_doubt(text)
    if not doubt:
        return
    if text.endswith("/"):
        yield Candidate(
            path=place.path,
            text=text,
            reference=_parsed(text.rstrip("/")),
            doubt=f"{text!r} ends in a slash, and is left unchanged",
            fix="set it with --set if it is a prefix of image names",
        )
        return
    yield Candidate(path=place.path, text=text, doubt=doubt)


def _neighbour(value: str, place: _Place, hosts: frozenset[str | None]) -> Candidate | None:
    """Return ``host.tld/path`` next to other images as an image, with a doubt if it is uncertain.

    ``nvidia.com/gpu`` looks the same, so a name of two parts must share the host of an image next
    to it, or have a host that is plainly a registry. ``networking.k8s.io/v1`` (an API version) and
    ``minio.svc/x:8080`` (a port) are no images.
    """
    reference = _parsed(value)
    if reference is None or reference.registry is None or _is_something_else(value):
        return None
    host, repository = reference.registry, reference.repository
    domain = host.rpartition(".")[2]
    hosted = ":" in host or host == "localhost" or domain[:1].isalpha() or _is_address(host)
    is_tag = reference.tag is None or not _PORT.match(reference.tag)
    if not (hosted and is_tag) or host in _CODE_HOSTS or _API_VERSION.match(repository):
        return None
    certain = host in hosts or "/" in repository or ":" in host or host.startswith("registry.")
    return Candidate(
        path=place.path,
        text=value,
        reference=reference,
        doubt="" if certain else f"{value!r} may be an image, but is left unchanged",
        fix=""
        if certain
        else "add it to the list of images if it is one; --set settles it either way",
    )


def _hosts_by_parent(
    images: Mapping[KeyPath, ImageReference],
) -> dict[KeyPath, frozenset[str | None]]:
    """Return the hosts of the images in each list and mapping, by its path."""
    hosts: dict[KeyPath, set[str | None]] = {}
    for path, reference in images.items():
        if path:
            hosts.setdefault(path[:-1], set()).add(reference.registry)
    return {parent: frozenset(found) for parent, found in hosts.items()}


def _is_something_else(text: str) -> bool:
    return bool(
        _MARKS.search(text)
        or _NUMBERS.match(text)
        or _HOST_PORT.match(text)
        or _TIME.match(text)
        or _ADDRESS.match(text)
        or _is_address(text)
    )


def _is_address(text: str) -> bool:
    """Whether a text is an IP address, or a network of them."""
    try:
        ipaddress.ip_interface(text.strip("[]"))
    except ValueError:
        return False
    return True


def _bare(text: str) -> ImageReference | None:
    """Return the image that a word could name: ``busybox``, but not ``true`` or ``1.9``."""
    named = BARE_NAME.match(text) is not None and "." not in text
    word = text in _NO_NAMES or _VERSION.match(text) is not None
    return _parsed(text) if named and not word else None


def _parsed(text: str) -> ImageReference | None:
    try:
        return ImageReference.parse(text)
    except ReferenceSyntaxError:
        return None
