"""Whether an application of a model has the charm and the images that a bundle gives it. Pure.

A controller gives each uploaded charm a revision of its own and never says which image a resource
holds, so that neither can be read from the model. Two things can: the fingerprint of a resource,
which is the SHA-384 of the document or file that was uploaded, and a `DeploymentRecord` that this
tool leaves as an annotation of each application it deploys.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from ckf_airgap._version import __version__
from ckf_airgap.charms.charm import Charm
from ckf_airgap.documents import Document, JSONValue
from ckf_airgap.errors import Problem

RECORD_KEY: Final = "ckf-airgap"
"""The annotation that holds an application's `DeploymentRecord`; Juju refuses keys with dots."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentRecord:
    """What an application was deployed from.

    Attributes:
        charm_url: The URL that the controller gave the charm, ``local:minio-0``. A record whose
            URL is no longer the application's is void: the charm has been refreshed since.
        charm_sha256: The SHA-256 of the ``.charm`` file, in hexadecimal.
        charm_file: The file's name, for messages.
        images: The reference of each image resource. Logins are never part of a record.
        version: The version of ckf-airgap that deployed it.
    """

    charm_url: str
    charm_sha256: str
    charm_file: str = ""
    images: Mapping[str, str] = field(default_factory=dict)
    version: str = __version__

    def to_text(self) -> str:
        """Return the record as the value of an annotation."""
        document: Document = {
            "charm": self.charm_url,
            "file": self.charm_file,
            "sha256": self.charm_sha256,
            "images": {**self.images},
            "version": self.version,
        }
        return json.dumps(document, separators=(",", ":"), sort_keys=True)

    @classmethod
    def parse(cls, text: JSONValue) -> DeploymentRecord | None:
        """Return the record in an annotation; ``None`` when it has none that can be read."""
        try:
            document = json.loads(text) if isinstance(text, str) else None
        except (ValueError, RecursionError):
            return None
        if not isinstance(document, dict):
            return None
        texts = {key: document.get(key) for key in ("charm", "file", "sha256", "version")}
        images = document.get("images")
        if not all(isinstance(value, str) for value in texts.values()):
            return None
        if not isinstance(images, dict) or not all(isinstance(v, str) for v in images.values()):
            return None
        return cls(
            charm_url=str(texts["charm"]),
            charm_file=str(texts["file"]),
            charm_sha256=str(texts["sha256"]),
            images=images,
            version=str(texts["version"]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedResource:
    """A resource as the bundle gives it.

    Attributes:
        value: The image reference, or the path of the file.
        fingerprints: The SHA-384, in hexadecimal, of each form in which a client uploads it.
        without_login: The same for an image that has a login, if the login were left out.
        is_image: Whether it is an image.
    """

    value: str
    fingerprints: frozenset[str]
    without_login: frozenset[str] = frozenset()
    is_image: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedIdentity:
    """The charm and the resources that the bundle gives an application.

    Attributes:
        charm_file: The name of the ``.charm`` file.
        charm_sha256: Its SHA-256, in hexadecimal; empty when it was not needed.
        resources: The resources that the bundle gives it.
    """

    charm_file: str
    charm_sha256: str = ""
    resources: Mapping[str, WantedResource] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldIdentity:
    """The charm and the resources of an application of the model, as far as the controller says.

    Attributes:
        charm_url: The URL of its charm.
        record: Its record, unless it is void.
        fingerprints: The fingerprint of each resource, in hexadecimal; empty for one that was
            never uploaded. ``None`` when the controller was not asked.
        option_types: The type of each option of the charm in the model; ``None`` when it is not
            known.
    """

    charm_url: str = ""
    record: DeploymentRecord | None = None
    fingerprints: Mapping[str, str] | None = None
    option_types: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """How an application of a model differs from the bundle in its charm and resources.

    Attributes:
        differences: What is known to differ.
        unknown: What cannot be compared: ``charm``, ``resource oci-image``.
    """

    differences: tuple[Problem, ...] = ()
    unknown: tuple[str, ...] = ()


def sha384(data: bytes) -> str:
    """Return the fingerprint that a controller has of an uploaded document, in hexadecimal."""
    return hashlib.sha384(data).hexdigest()


def compare(
    application: str, charm: Charm, wanted: WantedIdentity, held: HeldIdentity
) -> Comparison:
    """Compare an application's charm and resources with those that the bundle gives it.

    Args:
        application: Its name.
        charm: The charm of the bundle.
        wanted: What the bundle gives it.
        held: What the model has.
    """
    differences: list[Problem] = []
    unknown: list[str] = []
    where = f"application {application}"
    other = _other_charm(charm, wanted, held)
    if other:
        differences.append(Problem(other, where))
    elif held.record is None:
        unknown.append("charm")
    for name, resource in wanted.resources.items():
        what = _other_resource(name, resource, held)
        if what is None:
            unknown.append(f"resource {name}")
        elif what:
            differences.append(Problem(what, f"{where}, resource {name}"))
    return Comparison(differences=tuple(differences), unknown=tuple(unknown))


def holds(resource: WantedResource, fingerprint: str | None) -> bool:
    """Whether a resource of a model is the one that is wanted, login and all."""
    return bool(fingerprint) and fingerprint in resource.fingerprints


def _other_charm(charm: Charm, wanted: WantedIdentity, held: HeldIdentity) -> str:
    """Return how the charm differs; empty when it does not, or when that is not known."""
    record = held.record
    if record is not None:
        if record.charm_sha256 == wanted.charm_sha256:
            return ""
        was = record.charm_file
        same_name = was == wanted.charm_file
        return (
            f"its charm {held.charm_url} was deployed from "
            + (f"another {was}" if same_name or not was else was)
            + f", not from {'this file' if same_name else wanted.charm_file}"
        )
    if held.option_types is None:
        return ""
    # Juju reads options from config.yaml alone; in charmcraft.yaml it sees none.
    unseen = charm.documents is not None and "config.yaml" not in charm.documents
    options = {} if unseen else charm.options
    declared = {name: option.type for name, option in options.items()}
    differing = sorted(_differing(declared, held.option_types))
    if not differing:
        return ""
    return (
        f"its charm {held.charm_url} is not the one in {wanted.charm_file}: they declare different "
        f"options ({', '.join(differing)})"
    )


def _differing(one: Mapping[str, str], other: Mapping[str, str]) -> Iterator[str]:
    for name in one.keys() | other.keys():
        if one.get(name) != other.get(name):
            yield name


def _other_resource(name: str, resource: WantedResource, held: HeldIdentity) -> str | None:
    """Return how a resource differs; empty when it does not, ``None`` when that is not known."""
    if held.fingerprints is None:
        return None
    if name not in held.fingerprints:
        return f"the charm in the model has no such resource, so it cannot have {resource.value}"
    fingerprint = held.fingerprints[name]
    if holds(resource, fingerprint):
        return ""
    if not fingerprint:
        return f"it was never uploaded, but should be {resource.value}"
    if not resource.is_image:
        return f"the file in the model differs from {resource.value}"
    known = held.record.images.get(name) if held.record is not None else None
    if fingerprint in resource.without_login:
        return "the model has no login for pulling it from the registry"
    if known is None:
        return None
    if known != resource.value:
        return f"the image is {known}, not {resource.value}"
    return (
        f"{known} was deployed with a different login, or the resource has been attached again "
        "since"
    )
