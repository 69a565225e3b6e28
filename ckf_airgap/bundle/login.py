"""The login of one image, which a bundle may give in a file. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

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
