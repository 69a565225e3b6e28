"""Whether a text is an image: surely, maybe, or not. Pure.

Many texts look like a reference without being one (``12:30``, ``minio:9000``, ``nvidia.com/gpu``),
and a mistyped reference does not look like one. `judge` decides from the text, what its name says
(`keys`), whether its host is a registry by name (`registries`), and what is in the list of images.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from ckf_airgap.errors import ReferenceSyntaxError
from ckf_airgap.images.keys import NOTHING, Meaning, Part
from ckf_airgap.images.reference import DIGEST, MAX_SHOWN, ImageReference
from ckf_airgap.images.registries import is_registry, names_registry

Known: TypeAlias = "Callable[[ImageReference], bool]"
"""Whether a reference is in the list of images; decides where the text alone does not."""

Certainty: TypeAlias = "Literal['sure', 'maybe', 'malformed', 'no']"
"""``sure``: it is an image. ``maybe``: it may be meant as one, or is what names of images begin
with; it is left unchanged, with a warning. ``malformed``: an image must be there, and it is no
reference. ``no``: it is something else."""

BARE_NAME: Final = re.compile(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*\Z")
"""A word that could be the name of an image: no slash, tag or digest."""

_NUMBERS: Final = re.compile(r"[0-9]+(?:[:.][0-9]+)*\Z")
_HOST_PORT: Final = re.compile(r"[^/@]+:(?:80|[1-9][0-9]{2,4})\Z")
_PORT: Final = re.compile(r"[0-9]{2,5}\Z")
_MARKS: Final = re.compile(r"://|[{}$%<>=*\\]|^[/.~-]|^[A-Za-z]:[/\\]")
"""Marks found only in URLs, templates, settings, patterns, paths and flags."""

_TIME: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T|[0-9]{1,2}:[0-9]{2}(?::[0-9]{2})?\s*[A-Za-z]"
)
_ADDRESS: Final = re.compile(r"[^/@]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+(?:[:/]|\Z)")
"""An account at a host (``git@github.com:...``); a digest has no dot before its colon."""

_QUOTES: Final = "\"'`()[]"
_LONGEST_ADDRESS: Final = 60
"""Characters of the longest network that is written with an IP address."""

_NO_NAMES: Final = frozenset(
    {"always", "auto", "default", "disabled", "edge", "empty", "enabled", "false", "ifnotpresent"}
    | {"latest", "never", "no", "none", "null", "off", "on", "stable", "true", "unset", "yes"}
)
_VERSION: Final = re.compile(r"v?[0-9]+(?:[._-][a-z0-9]+)*\Z")
_API_VERSION: Final = re.compile(r"v[0-9]+(?:(?:alpha|beta)[0-9]+)?\Z")
_WORD_TAGS: Final = frozenset(
    {"beta", "develop", "devel", "edge", "latest", "main", "master", "nightly", "rc", "stable"}
)
"""Tags without a digit that versions of images often have."""

_FILE: Final = re.compile(
    r".*\.(?:avif|bmp|gif|gz|ico|img|iso|jpe?g|json|png|qcow2|raw|svg|tar|tgz|vmdk|webp|xz|ya?ml"
    r"|zip)\Z",
    re.IGNORECASE,
)
"""Files that are called images: pictures and disks."""

_FRONT: Final = re.compile(
    r"(?:[a-z][a-z0-9+.-]*://)?(?P<front>[A-Za-z0-9\[][A-Za-z0-9._:\[\]-]*(?:/[a-z0-9._-]+)*)/?\Z"
)
"""What names of images begin with: a host, a path, or both; some write a scheme before it."""

_CODE_HOSTS: Final = frozenset({"github.com", "gitlab.com", "bitbucket.org"})
"""Hosts of source code; their registries have other host names."""

_SETTLE: Final = "add it to the list of images if it is one; if not, --set it to the same value"
_SETTLE_EITHER_WAY: Final = "add it to the list of images if it is one; --set settles it either way"
_SETTLE_FRONT: Final = (
    "--set it to the place in the private registry; add it to the list if it is an image"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a text is.

    Attributes:
        certainty: See `Certainty`.
        reference: The reference that it is or may be, if it is one in form.
        part: Which part of references it is or may be; empty for a whole one.
        reason: Why it may be an image, or is malformed, as a sentence.
        fix: What to do about that.
    """

    certainty: Certainty
    reference: ImageReference | None = None
    part: Part = ""
    reason: str = ""
    fix: str = ""

    @property
    def image(self) -> ImageReference | None:
        """The reference, when the text surely is an image."""
        return self.reference if self.certainty == "sure" else None


NO: Final = Verdict(certainty="no")


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """What is known of a text but the text.

    Attributes:
        said: What its name says.
        must_be_image: Whether it must be an image if it has the separators of one.
        may_be_word: Whether a word without separators may be an image of Docker Hub.
        beside: The hosts of the images in the same list or mapping; ``None`` without images there.
    """

    said: Meaning = NOTHING
    must_be_image: bool = False
    may_be_word: bool = False
    beside: frozenset[str | None] | None = None


ANYWHERE: Final = Circumstances()


def judge(
    text: str, around: Circumstances = ANYWHERE, *, known: Known = lambda _: False
) -> Verdict:
    """Return whether a text as a whole is an image.

    It is one surely when it has a digest, a path and a tag that has a digit, a registry by name and
    a tag, or when its name says so or it is listed. A registry by name and a path alone may be one.

    Args:
        text: The text, without blanks around it.
        around: What else is known of it.
        known: Whether a reference is in the list of images; a bare word (``busybox``) that is
            listed is one only where its name says so, too.
    """
    if not text or _NUMBERS.match(text) or DIGEST.match(text):
        return NO
    reference = parsed(text)
    bare = BARE_NAME.match(text) is not None
    said = around.said
    if reference is not None:
        if (said.names_images or said.is_front or not bare) and known(reference):
            return Verdict(certainty="sure", reference=reference)
        if _is_sure(text, reference, said, bare=bare):
            return Verdict(certainty="sure", reference=reference)
    if said.is_front:
        return _front(text, reference, said)
    if reference is not None and not bare:
        doubtful = _beside(text, reference, around) or _hosted(text, reference)
        if doubtful is not None:
            return doubtful
    word = _bare(text) if around.may_be_word else None
    if word is not None:
        return Verdict(
            certainty="maybe",
            reference=word,
            reason=f"{_shown(text)} may be an image on Docker Hub, but is left unchanged",
            fix=_SETTLE,
        )
    return _malformed(text) if reference is None and around.must_be_image else NO


def parsed(text: str) -> ImageReference | None:
    """Return the reference that a text spells, or ``None``."""
    try:
        return ImageReference.parse(text)
    except ReferenceSyntaxError:
        return None


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


def _is_sure(text: str, reference: ImageReference, said: Meaning, *, bare: bool) -> bool:
    """Whether the form of a reference, with what its name says, leaves no doubt."""
    if bare:
        return False
    if reference.digest:
        return True
    if said.names_images:
        return not (_HOST_PORT.match(text) or (not reference.tag and _is_file(reference)))
    tag = reference.tag or ""
    if "/" not in text or not tag:
        return False
    if reference.registry is not None and is_registry(reference.registry):
        return True
    return any(letter.isdigit() for letter in tag) and not _PORT.match(tag)


def _is_file(reference: ImageReference) -> bool:
    return _FILE.match(reference.repository) is not None and not (
        reference.registry is not None and is_registry(reference.registry)
    )


def _front(text: str, reference: ImageReference | None, said: Meaning) -> Verdict:
    """Return what a text is whose name says that names of images begin with it.

    ``image-registry: rocks.canonical.com:443/cdk`` and ``image-prefix: quay.io/acme`` are
    references in form, too, of images that no registry has.
    """
    match = _FRONT.match(text)
    if match is None or text in _NO_NAMES:
        return NO
    front = match["front"]
    if "://" in text or not said.certain:
        if not names_registry(front):
            return NO
    elif said.part == "namespace" and "." not in front.partition("/")[0]:
        return NO  # a namespace of Kubernetes, more likely
    if "://" not in text and text.endswith("/"):
        return Verdict(
            certainty="maybe",
            reference=parsed(front),
            part=said.part,
            reason=f"{_shown(text)} ends in a slash, and is left unchanged",
            fix="set it with --set if it is a prefix of image names",
        )
    return Verdict(
        certainty="maybe",
        reference=reference,
        part=said.part,
        reason=f"{_shown(text)} seems to be what names of images begin with, and is left unchanged",
        fix=_SETTLE_FRONT,
    )


def _beside(text: str, reference: ImageReference, around: Circumstances) -> Verdict | None:
    """Return ``host.tld/path`` next to other images as an image, with a doubt if it is uncertain.

    ``nvidia.com/gpu`` looks the same, so a name of two parts must share the host of an image next
    to it, or have a host that is plainly a registry. ``networking.k8s.io/v1`` (an API version) and
    ``minio.svc/x:8080`` (a port) are no images.
    """
    hosts, host, repository = around.beside, reference.registry, reference.repository
    if hosts is None or host is None or around.said.kind in ("part", "other"):
        return None
    domain = host.rpartition(".")[2]
    hosted = ":" in host or domain[:1].isalpha() or _is_address(host)
    is_tag = reference.tag is None or not _PORT.match(reference.tag)
    if not (hosted and is_tag) or _is_no_image(text, reference):
        return None
    if host in hosts or "/" in repository or ":" in host or is_registry(host):
        return Verdict(certainty="sure", reference=reference)
    return _perhaps(text, reference, _SETTLE_EITHER_WAY)


def _hosted(text: str, reference: ImageReference) -> Verdict | None:
    """Return a registry by name with a path, or a path with a tag of a known word, as a doubt."""
    host = reference.registry
    by_name = host is not None and is_registry(host) and not reference.tag
    by_tag = "/" in text and reference.tag in _WORD_TAGS
    if not (by_name or by_tag) or _is_no_image(text, reference):
        return None
    return _perhaps(text, reference, _SETTLE)


def _perhaps(text: str, reference: ImageReference, fix: str) -> Verdict:
    return Verdict(
        certainty="maybe",
        reference=reference,
        reason=f"{_shown(text)} may be an image, but is left unchanged",
        fix=fix,
    )


def _is_no_image(text: str, reference: ImageReference) -> bool:
    """Whether a text in the form of a reference is a file, an API version or a place of code."""
    return (
        reference.registry in _CODE_HOSTS
        or _API_VERSION.match(reference.repository) is not None
        or _is_something_else(text)
        or (not reference.tag and _FILE.match(reference.repository) is not None)
    )


def _malformed(text: str) -> Verdict:
    doubt = syntax_doubt(text)
    if not doubt or not syntax_doubt(text.strip(_QUOTES)):
        return NO
    if text.endswith("/"):
        return Verdict(
            certainty="maybe",
            reference=parsed(text.rstrip("/")),
            part="prefix",
            reason=f"{_shown(text)} ends in a slash, and is left unchanged",
            fix="set it with --set if it is a prefix of image names",
        )
    return Verdict(certainty="malformed", reason=doubt)


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
    if len(text) > _LONGEST_ADDRESS:
        return False
    try:
        ipaddress.ip_interface(text.strip("[]"))
    except ValueError:
        return False
    return True


def _bare(text: str) -> ImageReference | None:
    """Return the image that a word could name: ``busybox``, but not ``true`` or ``1.9``."""
    named = BARE_NAME.match(text) is not None and "." not in text
    word = text in _NO_NAMES or _VERSION.match(text) is not None
    return parsed(text) if named and not word else None


def _shown(text: str) -> str:
    return repr(text) if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]!r}…"
