"""What an application of a model was deployed from, and what a bundle gives it. Pure.

A controller gives each uploaded charm a revision of its own and never says which image a resource
holds, so that neither can be read from the model. Two things can: the fingerprint of a resource,
which is the SHA-384 of the document or file that was uploaded, and a `DeploymentRecord` that this
tool leaves as an annotation of each application it deploys.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Final

from ckf_airgap._version import __version__
from ckf_airgap.documents import Document, JSONValue

RECORD_KEY: Final = "ckf-airgap"
"""The annotation that holds an application's `DeploymentRecord`; Juju refuses keys with dots."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedResource:
    """A resource as it was given to an application.

    Attributes:
        value: The image reference, or the name of the file.
        sha256: The SHA-256 of its document or file, in hexadecimal. The document of an image is
            taken without a login. Empty in the records of earlier versions.
        is_image: Whether it is an image.
        has_login: Whether a login to the registry went with the image.
    """

    value: str
    sha256: str = ""
    is_image: bool = True
    has_login: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Ownership:
    """The names of what this tool has set of an application, and may therefore reset.

    Attributes:
        options: Options of the charm, and those that Juju gives every application but ``trust``.
        annotations: Annotations.
        constraints: Constraints, such as ``mem``.
        exposed: Endpoints that were exposed; the empty name stands for all.
        trust: Whether the application was trusted.
    """

    options: frozenset[str] = frozenset()
    annotations: frozenset[str] = frozenset()
    constraints: frozenset[str] = frozenset()
    exposed: frozenset[str] = frozenset()
    trust: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentRecord:
    """What an application was deployed from, and what was set of it.

    Attributes:
        charm_url: The URL that the controller gave the charm, ``local:minio-0``. A record whose
            URL is no longer the application's does not tell its charm and resources any more: the
            charm has been refreshed since.
        charm_sha256: The SHA-256 of the ``.charm`` file, in hexadecimal.
        charm_file: The file's name, for messages.
        resources: The resources. Logins are never part of a record.
        release: The release that was deployed; empty for a bundle of one's own.
        owned: The names of what was set.
        storage: The storage directives, as the bundle wrote them.
        devices: The device directives, which no controller tells; ``None`` in the records of
            earlier versions, which do not tell them either.
        version: The version of ckf-airgap that deployed it.
    """

    charm_url: str
    charm_sha256: str
    charm_file: str = ""
    resources: Mapping[str, RecordedResource] = field(default_factory=dict)
    release: str = ""
    owned: Ownership = field(default_factory=Ownership)
    storage: Mapping[str, str] = field(default_factory=dict)
    devices: Mapping[str, str] | None = None
    version: str = __version__

    @property
    def images(self) -> dict[str, str]:
        """The reference of each image resource."""
        return {name: item.value for name, item in self.resources.items() if item.is_image}

    def says(self, other: DeploymentRecord) -> bool:
        """Whether two records say the same, whatever the files are called and who wrote them."""
        return _content(self) == _content(other)

    def to_text(self) -> str:
        """Return the record as the value of an annotation."""
        document: Document = {
            "charm": self.charm_url,
            "file": self.charm_file,
            "sha256": self.charm_sha256,
            "resources": {name: _written(item) for name, item in self.resources.items()},
            "owned": {
                "options": [*sorted(self.owned.options)],
                "annotations": [*sorted(self.owned.annotations)],
                "constraints": [*sorted(self.owned.constraints)],
                "exposed": [*sorted(self.owned.exposed)],
                "trust": self.owned.trust,
            },
            "storage": {**self.storage},
            "devices": None if self.devices is None else {**self.devices},
            "release": self.release,
            "version": self.version,
        }
        return json.dumps(document, separators=(",", ":"), sort_keys=True)

    @classmethod
    def parse(cls, text: JSONValue) -> DeploymentRecord | None:
        """Return the record in an annotation; ``None`` when it has none that can be read.

        Records of earlier versions have ``images`` in place of ``resources``, and do not say what
        was set: it counts as set by somebody else.
        """
        try:
            document = json.loads(text) if isinstance(text, str) else None
        except (ValueError, RecursionError):
            return None
        if not isinstance(document, dict):
            return None
        try:
            return _read(document)
        except TypeError:
            return None


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedResource:
    """A resource as the bundle gives it.

    Attributes:
        value: The image reference, or the path of the file.
        fingerprints: The SHA-384, in hexadecimal, of each form in which a client uploads it.
        without_login: The same for an image that has a login, if the login were left out.
        sha256: The SHA-256 of the file, or of the image's document without login.
        has_login: Whether a login goes with the image.
        is_image: Whether it is an image.
    """

    value: str
    fingerprints: frozenset[str]
    without_login: frozenset[str] = frozenset()
    sha256: str = ""
    has_login: bool = False
    is_image: bool = True

    def to_record(self) -> RecordedResource:
        """Return the resource as a record keeps it; of a path, the file's name alone."""
        return RecordedResource(
            value=self.value if self.is_image else PurePath(self.value).name,
            sha256=self.sha256,
            is_image=self.is_image,
            has_login=self.has_login,
        )


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
        record: Its record, unless its charm has been refreshed since.
        former: Its record, if its charm has been refreshed since.
        fingerprints: The fingerprint of each resource, in hexadecimal; empty for one that was
            never uploaded. ``None`` when the controller was not asked.
        option_types: The type of each option of the charm in the model; ``None`` when it is not
            known.
    """

    charm_url: str = ""
    record: DeploymentRecord | None = None
    former: DeploymentRecord | None = None
    fingerprints: Mapping[str, str] | None = None
    option_types: Mapping[str, str] | None = None

    @property
    def owned(self) -> Ownership:
        """The names of what this tool has set, which a refresh by hand does not change."""
        known = self.record or self.former
        return known.owned if known is not None else Ownership()


def sha384(data: bytes) -> str:
    """Return the fingerprint that a controller has of an uploaded document, in hexadecimal."""
    return hashlib.sha384(data).hexdigest()


def holds(resource: WantedResource, fingerprint: str | None) -> bool:
    """Whether a resource of a model is the one that is wanted, login and all."""
    return bool(fingerprint) and fingerprint in resource.fingerprints


def _content(record: DeploymentRecord) -> DeploymentRecord:
    """Return a record without what does not matter: names of files, and who wrote it."""
    resources = {
        name: item if item.is_image else dataclasses.replace(item, value="")
        for name, item in record.resources.items()
    }
    return dataclasses.replace(record, charm_file="", version="", resources=resources)


def _written(resource: RecordedResource) -> Document:
    document: Document = {"value": resource.value, "sha256": resource.sha256}
    if not resource.is_image:
        document["type"] = "file"
    if resource.has_login:
        document["login"] = True
    return document


def _read(document: Mapping[str, JSONValue]) -> DeploymentRecord:
    """Return the record in a document.

    Raises:
        TypeError: when something in it is not what a record has.
    """
    owned = _mapping(document.get("owned"))
    old = _texts(document.get("images"))
    if "resources" not in document and "images" not in document:
        raise TypeError("a record has resources")
    return DeploymentRecord(
        charm_url=_text(document.get("charm")),
        charm_file=_text(document.get("file")),
        charm_sha256=_text(document.get("sha256")),
        resources={name: RecordedResource(value=value) for name, value in old.items()}
        | {
            name: _resource(_mapping(item))
            for name, item in _mapping(document.get("resources")).items()
        },
        release=_text(document.get("release", "")),
        owned=Ownership(
            options=_names(owned.get("options")),
            annotations=_names(owned.get("annotations")),
            constraints=_names(owned.get("constraints")),
            exposed=_names(owned.get("exposed")),
            trust=owned.get("trust") is True,
        ),
        storage=_texts(document.get("storage")),
        devices=None if document.get("devices") is None else _texts(document.get("devices")),
        version=_text(document.get("version")),
    )


def _resource(fields: Mapping[str, JSONValue]) -> RecordedResource:
    return RecordedResource(
        value=_text(fields.get("value")),
        sha256=_text(fields.get("sha256", "")),
        is_image=fields.get("type") != "file",
        has_login=fields.get("login") is True,
    )


def _text(value: JSONValue) -> str:
    if not isinstance(value, str):
        raise TypeError("not a text")
    return value


def _mapping(value: JSONValue) -> Mapping[str, JSONValue]:
    if not isinstance(value, dict | None):
        raise TypeError("not a mapping")
    return value or {}


def _texts(value: JSONValue) -> dict[str, str]:
    return {name: _text(item) for name, item in _mapping(value).items()}


def _list(value: JSONValue) -> tuple[str, ...]:
    if not isinstance(value, list | None):
        raise TypeError("not a list")
    return tuple(_text(item) for item in value or [])


def _names(value: JSONValue) -> frozenset[str]:
    return frozenset(_list(value))
