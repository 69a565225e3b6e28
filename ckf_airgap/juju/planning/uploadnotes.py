"""What a controller has received and no application uses yet, as an annotation of the model. Pure.

A deployment that is interrupted leaves charms and announced resources behind. The next one finds
them here, and neither sends the charms again nor announces the resources again. A note says which
file a charm is, by its checksum; of resources, whose documents may hold logins, it has no checksum.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from ckf_airgap.documents import Document, JSONValue
from ckf_airgap.juju.planning.identity import DeploymentRecord, HeldIdentity
from ckf_airgap.juju.planning.live import LiveModel

NOTES_KEY: Final = "ckf-airgap-uploads"
"""The annotation of the model; Juju refuses keys with dots."""

_LONGEST: Final = 1_000_000
"""Characters of an annotation that is read at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadNotes:
    """What a controller has received.

    Attributes:
        charms: The URL of each charm, by the SHA-256 of its file in hexadecimal.
        resources: The pending id of each resource, by ``application/resource``.
        release: The release that they were sent for; empty for a bundle of one's own.
    """

    charms: Mapping[str, str] = field(default_factory=dict)
    resources: Mapping[str, str] = field(default_factory=dict)
    release: str = ""

    def to_text(self) -> str:
        """Return the notes as the value of an annotation; empty when there is nothing to note."""
        if not self.charms and not self.resources:
            return ""
        document: Document = {**self.charms}
        if self.resources:
            document["pending"] = {**self.resources}
        if self.release:
            document["release"] = self.release
        return json.dumps(document, separators=(",", ":"), sort_keys=True)

    @classmethod
    def parse(cls, text: JSONValue) -> UploadNotes:
        """Return the notes in an annotation; what cannot be read is left out."""
        if not isinstance(text, str) or len(text) > _LONGEST:
            return cls()
        try:
            document = json.loads(text)
        except (ValueError, RecursionError):
            return cls()
        if not isinstance(document, dict):
            return cls()
        pending, release = document.pop("pending", None), document.pop("release", "")
        return cls(
            release=release if isinstance(release, str) else "",
            charms={sha256: url for sha256, url in document.items() if isinstance(url, str)},
            resources={
                name: pending_id
                for name, pending_id in (pending if isinstance(pending, dict) else {}).items()
                if isinstance(pending_id, str)
            },
        )

    def sha256_of(self, charm_url: str) -> str:
        """Return the checksum of the charm with that URL; empty when it is not noted."""
        return next((sha256 for sha256, url in self.charms.items() if url == charm_url), "")


def with_notes(live: LiveModel, notes: UploadNotes) -> LiveModel:
    """Return a model in which the charms are known that an interrupted run has sent.

    It noted them before it used them, and could not note any more what it had deployed.
    """
    known = {
        name: dataclasses.replace(
            application, identity=_noted(application.identity, sha256, notes.release)
        )
        for name, application in live.applications.items()
        if application.identity.record is None
        for sha256 in [notes.sha256_of(application.identity.charm_url)]
        if sha256
    }
    return dataclasses.replace(live, applications={**live.applications, **known})


def _noted(held: HeldIdentity, sha256: str, release: str) -> HeldIdentity:
    record = DeploymentRecord(
        charm_url=held.charm_url, charm_sha256=sha256, release=release, owned=held.owned
    )
    return dataclasses.replace(held, record=record)
