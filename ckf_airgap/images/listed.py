"""Images that are in an inventory because a rule or an appended list names them. Pure.

Nothing points them at the private registry: no resource and no option of a charm has them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from ckf_airgap.images.inventory import Inventory, InventoryImage
from ckf_airgap.images.reference import ImageReference

_LISTED: Final = frozenset({"rule", "list"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedImages:
    """The images that a rule or an appended list names.

    Attributes:
        references: In canonical form.
        names: Those of them whose tag users choose, without a tag.
    """

    references: frozenset[ImageReference] = frozenset()
    names: frozenset[ImageReference] = frozenset()

    @classmethod
    def of(cls, inventory: Inventory) -> ListedImages:
        """Return those of an inventory."""
        images = [
            image for image in inventory if any(reason.asker in _LISTED for reason in image.reasons)
        ]
        return cls(
            references=frozenset(image.reference.canonical() for image in images),
            names=frozenset(untagged(image.reference) for image in images if image.user_tagged),
        )

    def __contains__(self, reference: ImageReference) -> bool:
        """Return whether an image is one of them, with any tag where users choose it."""
        return reference.canonical() in self.references or untagged(reference) in self.names


NONE_LISTED: Final = ListedImages()
"""What there is without rules and lists."""


def untagged(reference: ImageReference) -> ImageReference:
    """Return the canonical name of an image without tag and digest, to compare names."""
    return replace(reference.canonical(), tag=None, digest=None)


def with_users_tag(inventory: Inventory, reference: ImageReference) -> InventoryImage | None:
    """Return the entry of the name to which users add a tag, if the image has that name."""
    wanted = untagged(reference)
    for image in inventory:
        if image.user_tagged and untagged(image.reference) == wanted:
            return image
    return None
