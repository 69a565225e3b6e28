"""The URLs that a controller gives charms. Pure."""

from __future__ import annotations

import re
from typing import Final

_CHARM_URL: Final = re.compile(r"^(?:[a-z]+:)?(?:[a-z0-9]+/)*(?P<name>.+?)(?:-(?P<revision>\d+))?$")


def charm_name_of_url(url: str) -> str:
    """Return the charm's name in a URL such as ``local:minio-0`` or ``ch:amd64/jammy/minio-12``."""
    match = _CHARM_URL.match(url)
    return match["name"] if match else url
