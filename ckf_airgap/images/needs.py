"""An image that an application needs, and the place that names it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from ckf_airgap.images.places import KeyPath
from ckf_airgap.images.reference import ImageReference

Place: TypeAlias = "tuple[str, str]"
"""An application and one of its options or resources."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageNeed:
    """An image that an application needs, and the place that names it."""

    application: str
    where: str
    """``resource oci-image``, or ``option custom_images, key activator``."""
    source: ImageReference
    why: str = ""
    resource: str = ""
    """The resource that names it; empty when an option does."""
    option: str = ""
    """The option that names it; empty when a resource does."""
    path: KeyPath = ()
    """The path to it in the option's value."""

    def __str__(self) -> str:
        """Return ``application, place``."""
        return f"{self.application}, {self.where}"
