"""Whether a text is a reference to an image, as the witness judges it. Pure.

It is one *surely* where no other thing is written so: with a digest; below a registry that is known
by its name; below any host, with a tag; as ``namespace/name:version``; or under a name that says
image. It is a *part* where a name says that references begin with it. Everything else that has the
form of a reference is *perhaps* one: the list of images decides.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ckf_airgap.errors import ReferenceSyntaxError
from ckf_airgap.images.reference import ImageReference
from ckf_airgap.rendering.witness.naming import Says, said

MAX_TEXT: Final = 700
"""Characters that a reference has at most: a repository of 255, a host, a tag, a digest."""

_FORM: Final = re.compile(r"(?:\[[0-9A-Fa-f:]+\][:/])?[A-Za-z0-9][A-Za-z0-9._:/@-]*\Z")
_TRANSPORTS: Final = ("docker://", "oci://")
_DIGITS_ONLY: Final = re.compile(r"[0-9./:_-]+\Z")
_ALGORITHMS: Final = frozenset({"sha256", "sha384", "sha512"})
_API: Final = re.compile(r"v[0-9]+(?:(?:alpha|beta)[0-9]+)?\Z")

_PUBLIC: Final = re.compile(
    r"(?:(?:index|registry-1)\.)?docker\.io"
    r"|(?:[a-z0-9-]+\.)*gcr\.io|[a-z0-9-]+-docker\.pkg\.dev|ghcr\.io|quay\.io"
    r"|registry\.[a-z0-9.-]+|rocks\.[a-z0-9-]+\.[a-z]+|cgr\.dev|nvcr\.io|lscr\.io|icr\.io"
    r"|mcr\.microsoft\.com|[a-z0-9]+\.azurecr\.io|public\.ecr\.aws"
    r"|[0-9]+\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com|docker\.[a-z0-9-]+\.[a-z]+"
)
"""Registries that are known by their hosts."""

_OTHER_REGISTRIES: Final = re.compile(r"registry\.(?:npmjs|yarnpkg|terraform|opentofu)\.")
_SHORT_NAMES: Final = re.compile(
    r"(?:(?:index|registry-1)\.)?docker\.io|registry\.[a-z0-9.-]+|k8s\.gcr\.io"
    r"|mcr\.microsoft\.com|rocks\.[a-z0-9-]+\.[a-z]+"
)
"""Registries in which images have names of one part; in the others that is an owner."""

_CODE: Final = frozenset({"github.com", "gitlab.com", "bitbucket.org", "golang.org", "go.uber.org"})
"""Hosts of source code."""


_ANNOTATIONS: Final = re.compile(r"(?:\A|\.)(?:k8s|kubernetes)\.io\Z")
"""Domains of annotations and of groups of the Kubernetes API."""

_TAGS: Final = frozenset(
    {"alpine", "beta", "candidate", "dev", "develop", "edge", "latest", "lts", "main", "master"}
    | {"nightly", "release", "slim", "stable"}
)
"""Words that are tags."""


class Verdict(enum.Enum):
    """What a text is."""

    IMAGE = "image"
    PERHAPS = "perhaps"
    PART = "part"


@dataclass(frozen=True, slots=True)
class Judged:
    """A text that is, may be, or is a part of a reference.

    Attributes:
        verdict: Which of these.
        text: The text.
        reference: The reference that it spells; of a part, what that spells itself.
    """

    verdict: Verdict
    text: str
    reference: ImageReference


def judge(text: str, names: Sequence[str], *, private: str) -> Judged | None:
    """Return what a text is, or ``None`` when it is nothing of an image.

    Args:
        text: The text, without blanks around it.
        names: The option, and the keys on the way to the text.
        private: The host of the private registry, which is a registry by its name, too; or nothing.
    """
    for transport in _TRANSPORTS:
        text = text.removeprefix(transport)
    if len(text) > MAX_TEXT or not _FORM.match(text) or _DIGITS_ONLY.match(text):
        return None
    says = said(names)
    if says in (Says.FRONT, Says.VAGUE_FRONT):
        part = _part(text.rstrip("/"), private, vague=says is Says.VAGUE_FRONT)
        if part is not None:
            return part
    reference = parsed(text)
    if reference is None or (reference.digest is None and reference.repository in _ALGORITHMS):
        return None  # the latter is a digest alone
    verdict = _verdict(reference, says, private)
    return Judged(verdict, text, reference) if verdict else None


def parsed(text: str) -> ImageReference | None:
    """Return the reference that a text spells, or ``None``."""
    try:
        return ImageReference.parse(text)
    except ReferenceSyntaxError:
        return None


def is_public_registry(host: str) -> bool:
    """Whether a host, which may have a port, is a registry by its name."""
    name = host.lower().partition(":")[0]
    return _PUBLIC.fullmatch(name) is not None and not _OTHER_REGISTRIES.match(name)


def is_hostlike(host: str) -> bool:
    """Whether the first part of a name looks like a host: with a port, or a domain."""
    name, _, port = host.rpartition(":")
    if port.isdigit():
        return bool(name)
    domain, _, last = host.rpartition(".")
    return bool(domain) and last.isalpha() and len(last) > 1


def _verdict(reference: ImageReference, says: Says, private: str) -> Verdict | None:
    if reference.digest:
        return Verdict.IMAGE
    if reference.registry is None:
        return _of_hub(reference, says)
    host, tag = reference.registry, reference.tag
    if host in _CODE:
        return None
    known = host == private or is_public_registry(host)
    if tag is not None:
        sure = known or says is Says.IMAGE or _is_sure_with_tag(host, tag)
        return Verdict.IMAGE if sure else Verdict.PERHAPS
    if _API.match(reference.repository) or says is Says.BESIDE:
        return Verdict.PERHAPS
    if says is Says.IMAGE:
        return Verdict.IMAGE
    if host == private:
        return Verdict.PERHAPS
    if known:
        whole = "/" in reference.repository or _SHORT_NAMES.fullmatch(host) is not None
        return Verdict.IMAGE if whole or says is Says.LOOSELY else Verdict.PART
    return Verdict.PERHAPS


def _of_hub(reference: ImageReference, says: Says) -> Verdict | None:
    """Judge a name without a host: an image of Docker Hub, if it is one."""
    tag, path = reference.tag, "/" in reference.repository
    version = tag is not None and _is_version(tag)
    if path and version and not reference.repository.partition("/")[0].isdigit():
        return Verdict.IMAGE
    if says is Says.IMAGE:
        return Verdict.IMAGE if path or tag else Verdict.PERHAPS
    if says is Says.LOOSELY and version:
        return Verdict.IMAGE
    return Verdict.PERHAPS if path or tag else None


def _part(text: str, private: str, *, vague: bool) -> Judged | None:
    """Judge what references begin with: a host, with or without a path."""
    whole = parsed(f"{text}/name")
    host = whole.registry if whole is not None else None
    if whole is None or host is None:
        return None
    known = host == private or is_public_registry(host)
    return Judged(Verdict.PART, text, whole) if known or (not vague and is_hostlike(host)) else None


def _is_sure_with_tag(host: str, tag: str) -> bool:
    """Whether any path behind a host and before a tag is an image.

    ``cert-manager.io/issuer:letsencrypt`` is an annotation with its value.
    """
    if _ANNOTATIONS.search(host) or _is_port(tag):
        return False
    port = host.rpartition(":")[2].isdigit()
    return port or ((is_hostlike(host) or bool(_DIGITS_ONLY.match(host))) and _is_version(tag))


def _is_version(tag: str) -> bool:
    """Whether a tag is a version rather than a port or a word."""
    return tag in _TAGS or (any(mark.isdigit() for mark in tag) and not _is_port(tag))


def _is_port(tag: str) -> bool:
    return tag.isdigit() and (len(tag) > 2 or tag == "80") and len(tag) <= 5
