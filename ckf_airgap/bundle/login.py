"""Logins with which a cluster pulls images, as Juju's description of an image has them. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from ckf_airgap.documents import Document


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageLogin:
    """The login to the registry of one image.

    Attributes:
        fields: What Juju's description of an image has of it, in its order.
    """

    fields: Document = field(repr=False)

    def describe(self, image: str) -> Document:
        """Return the description of an image with this login, as clients send it."""
        return {"registrypath": image, **self.fields}


class PullLogins(Protocol):
    """Knows which login an image is pulled with."""

    def login_for(self, reference: str) -> ImageLogin | None:
        """Return the login for an image, or ``None`` when it is pulled without one."""
