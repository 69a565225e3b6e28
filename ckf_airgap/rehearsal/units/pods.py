"""The pods of units: how long they take to come up, and their addresses. Pure."""

from __future__ import annotations

import zlib
from typing import Final

POD_S: Final = 20.0
"""Seconds until a pod is scheduled, its charm image is pulled, and its agent is up."""

POD_SPREAD_S: Final = 15.0
"""The maximum difference between pods, which is constant for each of them."""


def pod_seconds(unit: str) -> float:
    """Return how many seconds the pod of a unit takes until its agent can start."""
    return POD_S + POD_SPREAD_S * (zlib.crc32(unit.encode()) % 1000 / 1000)


def pod_address(unit: str, generation: int) -> str:
    """Return the address of a pod.

    Args:
        unit: The unit.
        generation: How many pods the unit has had before: each has another address.
    """
    name = f"pod {unit} {generation}" if generation else f"pod {unit}"
    number = zlib.crc32(name.encode())
    return f"10.1.{number // 250 % 250}.{number % 250 + 2}"
