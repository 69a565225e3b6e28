"""Lists of images as people name them: read, with what the shipped facts know about their lines."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final

from ckf_airgap.facts.releases import extra_images
from ckf_airgap.images.lists import ImageList
from ckf_airgap.images.reference import ImageReference

LIST_FIX: Final = "Write it with: ckf-airgap images list BUNDLE -o images.txt"
"""What to do about a list that is missing."""


def read_image_list(path: Path, *, fix: str = LIST_FIX) -> ImageList:
    """Read a list of images as charms name them; blocks on the disk.

    A line is a reference and nothing else, so that it does not say whether a name without a tag is
    ``:latest`` or one to which users add a tag. It is the latter if a shipped release says so.

    Args:
        path: The file.
        fix: What to do when it is missing.

    Raises:
        ImageNotFoundError: when the file is missing.
        InputError: when a line is not a reference, or the file cannot be read.
    """
    images = ImageList.read(path.expanduser(), fix=fix)
    if all(one.reference.tag or one.reference.digest for one in images.entries):
        return images
    return images.with_user_tagged(_user_tagged())


@cache
def _user_tagged() -> frozenset[ImageReference]:
    return frozenset(
        ImageReference.parse(extra.image).canonical()
        for extra in extra_images()
        if extra.user_tagged
    )
