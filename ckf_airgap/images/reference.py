"""Image references: the grammar, the normal form, and the rule by which they are retagged.

The grammar is that of the distribution project (``regexp.go`` and ``normalize.go`` of
``distribution/reference`` v0.6.0, by which Juju and container runtimes read references)::

    reference  := name [ ":" tag ] [ "@" digest ]
    name       := [ registry "/" ] component [ "/" component ]*
    registry   := host [ ":" port ]
    component  := [a-z0-9]+ ( separator [a-z0-9]+ )*      separator := "." | "_" | "__" | "-"+
    tag        := [A-Za-z0-9_][A-Za-z0-9_.-]{0,127}
    digest     := algorithm ":" hex            algorithm := "sha256" | "sha384" | "sha512"

A digest has as many lower-case digits as its algorithm gives: others than these three cannot be
computed by what reads references (``opencontainers/go-digest``), so it refuses them.

The first part of a name is a registry only if it has a ``.`` or a ``:``, is ``localhost``, or has
an upper-case letter (``splitDockerDomain`` of the same project); without one, Docker Hub is meant.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Final

from ckf_airgap.errors import ReferenceSyntaxError

DOCKER_HUB: Final = "docker.io"
"""The registry that is meant when a reference names none."""

_HUB_ALIASES: Final = frozenset({"docker.io", "index.docker.io", "registry-1.docker.io"})

MAX_REPOSITORY: Final = 255
"""Characters that a repository may have, without the registry (RepositoryNameTotalLengthMax)."""

_OFFICIAL: Final = "library/"
"""What stands in front of Docker Hub's official images when their names are written out."""

MAX_SHOWN: Final = 100
"""Characters of a malformed text that a message quotes."""

_HOST_LABEL = r"(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])"
_REGISTRY = rf"(?:{_HOST_LABEL}(?:\.{_HOST_LABEL})*|\[(?:[a-fA-F0-9:]+)\])(?::[0-9]{{1,5}})?"
_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REPOSITORY = rf"{_COMPONENT}(?:/{_COMPONENT})*"
_TAG = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}"
_DIGEST = r"(?:sha256:[0-9a-f]{64}|sha384:[0-9a-f]{96}|sha512:[0-9a-f]{128})"

_REGISTRY_RE: Final = re.compile(rf"{_REGISTRY}\Z")
_REPOSITORY_RE: Final = re.compile(rf"{_REPOSITORY}\Z")
_TAG_RE: Final = re.compile(rf"{_TAG}\Z")
DIGEST: Final = re.compile(rf"{_DIGEST}\Z")
"""Matches a digest as a reference may have it."""
_IDENTIFIER_RE: Final = re.compile(r"[0-9a-f]{64}\Z")
_ALGORITHMS: Final = ("sha256", "sha384", "sha512")


@dataclass(frozen=True, slots=True, order=True)
class ImageReference:
    """A reference to an image, as it was written.

    Attributes:
        registry: The registry host with its port, as written; ``None`` when none was.
        repository: The path within the registry.
        tag: The tag, or ``None``.
        digest: The digest with its algorithm, or ``None``.
    """

    registry: str | None
    repository: str
    tag: str | None = None
    digest: str | None = None

    @classmethod
    def parse(cls, text: str) -> ImageReference:
        """Return the reference that a text spells.

        Raises:
            ReferenceSyntaxError: saying which part is wrong.
        """
        name, at, digest = text.partition("@")
        head, slash, last = name.rpartition("/")
        last, colon, tag = last.partition(":")
        registry, repository = _split_registry(f"{head}{slash}{last}")
        wrong = ""
        if at and not DIGEST.match(digest):
            wrong = f"bad digest {_shown(digest)}{_why_no_digest(digest)}"
        elif colon and not _TAG_RE.match(tag):
            wrong = f"bad tag {_shown(tag)}"
        elif registry is not None and not _REGISTRY_RE.match(registry):
            wrong = f"bad registry {_shown(registry)}"
        elif len(_written_out(registry, repository)) > MAX_REPOSITORY:
            wrong = f"its repository has more than {MAX_REPOSITORY} characters"
        elif not _REPOSITORY_RE.match(repository):
            wrong = f"bad repository {_shown(repository)}"
        elif not (slash or colon or at) and _IDENTIFIER_RE.match(name):
            wrong = "64 hexadecimal digits are an image ID"
        if wrong:
            raise ReferenceSyntaxError(f"{_shown(text)} is not an image reference: {wrong}")
        return cls(registry, repository, tag or None, digest or None)

    def __str__(self) -> str:
        """Return the reference as it was written."""
        return (
            self.name
            + (f":{self.tag}" if self.tag else "")
            + (f"@{self.digest}" if self.digest else "")
        )

    @property
    def name(self) -> str:
        """Registry and repository, without tag and digest."""
        return f"{self.registry}/{self.repository}" if self.registry else self.repository

    @property
    def hexadecimal(self) -> str | None:
        """The digest without its algorithm."""
        return self.digest.partition(":")[2] if self.digest else None

    def canonical(self) -> ImageReference:
        """Return the form that is equal for two references exactly when they mean the same image.

        The registry is explicit, Docker Hub's official images are under ``library/``, a reference
        with neither tag nor digest is ``:latest``, and a tag next to a digest is dropped.
        """
        hub = _is_hub(self.registry)
        return ImageReference(
            registry=DOCKER_HUB if hub else self.registry,
            repository=_written_out(self.registry, self.repository),
            tag=None if self.digest else self.tag or "latest",
            digest=self.digest,
        )

    def with_tag(self) -> ImageReference:
        """Return the same image with ``:latest`` written out if it has neither tag nor digest."""
        return self if self.tag or self.digest else replace(self, tag="latest")


@dataclass(frozen=True, slots=True, order=True)
class Registry:
    """A private registry: a host with its port, and the path under which images are put.

    Attributes:
        host: ``172.17.0.2:5000``, ``reg.example.com``, ``[fd00::1]:5000``.
        path: The path below it without slashes at either end, or an empty string.
    """

    host: str
    path: str = ""

    @classmethod
    def parse(cls, text: str) -> Registry:
        """Return the registry that ``HOST[:PORT][/PATH]`` names.

        A trailing slash is dropped.

        Raises:
            ReferenceSyntaxError: when host or path is malformed, a scheme is in front, or the host
                is a plain word, which in a reference means a namespace on Docker Hub.
        """
        host, _, path = text.rstrip("/").partition("/")
        if "://" in text:
            raise ReferenceSyntaxError(
                f"{text!r} is not a registry: leave out the scheme",
                fix=f"Write {text.partition('://')[2].rstrip('/')!r}.",
            )
        if not _REGISTRY_RE.match(host) or (path and not _REPOSITORY_RE.match(path)):
            raise ReferenceSyntaxError(
                f"{text!r} is not a registry",
                fix="Write HOST[:PORT][/PATH], such as registry.example.com:5000/kubeflow.",
            )
        if _split_registry(f"{host}/name")[0] is None:
            rest = f"/{path}" if path else ""
            raise ReferenceSyntaxError(
                f"{text!r} is not a registry: {host}/name would be an image on Docker Hub",
                fix=f"Write the port too, such as {host}:443{rest} or {host}:5000{rest}.",
            )
        return cls(host, path)

    def __str__(self) -> str:
        """Return ``HOST[:PORT][/PATH]``."""
        return f"{self.host}/{self.path}" if self.path else self.host

    def holds(self, reference: ImageReference) -> bool:
        """Whether a reference is in this registry, under its path."""
        inside = f"{reference.repository}/".startswith(f"{self.path}/") if self.path else True
        return reference.registry == self.host and inside

    def place(self, repository: str, tag: str | None) -> ImageReference:
        """Return the reference of a repository and tag below this registry."""
        joined = f"{self.path}/{repository}" if self.path else repository
        return ImageReference(self.host, joined, tag)


def retag(reference: ImageReference, registry: Registry) -> ImageReference:
    """Return where an image goes in the private registry.

    The registry in front is replaced, or put in front where there is none; a digest becomes the
    tag of its hexadecimal digits (a tag next to it is dropped). A reference that is already in the
    private registry keeps its place, so that retagging twice changes nothing.
    """
    tag = reference.hexadecimal or reference.tag
    if registry.holds(reference):
        return replace(reference, tag=tag, digest=None)
    return registry.place(reference.repository, tag)


def retag_candidates(reference: ImageReference, registry: Registry) -> tuple[ImageReference, ...]:
    """Return where an image may be in the private registry, the likeliest first.

    The rule of `retag` is one. The scripts that preceded this tool took the registry of a name of
    two parts for a namespace (``registry.k8s.io/busybox`` went to ``R/registry.k8s.io/busybox``);
    that place is the likelier one, since no other image can be there. Last come the other spellings
    of a Docker Hub image, and ``latest`` written out.
    """
    canonical = reference.canonical()
    repositories = []
    if reference.registry and "/" not in reference.repository:
        repositories.append(f"{reference.registry}/{reference.repository}")
    repositories.append(reference.repository)
    if canonical.registry == DOCKER_HUB and canonical.repository.startswith(_OFFICIAL):
        short = canonical.repository.removeprefix(_OFFICIAL)
        repositories += [short, f"{DOCKER_HUB}/{short}", canonical.repository]
    tag = reference.hexadecimal or reference.tag
    tags = [tag] if tag not in (None, "latest") else [tag, None if tag else "latest"]
    found = [registry.place(name, tag) for name in repositories for tag in tags]
    if registry.holds(reference):
        found.insert(0, retag(reference, registry))
    return tuple(dict.fromkeys(found))


def _shown(text: str) -> str:
    """Return a text for a message: in quotes, and shortened when it is long."""
    return repr(text) if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]!r}…"


def _why_no_digest(digest: str) -> str:
    """Return what is wrong with a digest, to be put behind it."""
    algorithm, colon, _ = digest.partition(":")
    if not colon or algorithm in _ALGORITHMS:
        return ""
    return f": its algorithm is none of {', '.join(_ALGORITHMS)}"


def _is_hub(registry: str | None) -> bool:
    return registry is None or registry in _HUB_ALIASES


def _written_out(registry: str | None, repository: str) -> str:
    """Return a repository with the ``library/`` of Docker Hub's official images in front."""
    official = _is_hub(registry) and "/" not in repository
    return f"{_OFFICIAL}{repository}" if official else repository


def _split_registry(name: str) -> tuple[str | None, str]:
    first, slash, rest = name.partition("/")
    if not slash:
        return None, name
    named = "." in first or ":" in first or first == "localhost" or first != first.lower()
    return (first, rest) if named else (None, name)
