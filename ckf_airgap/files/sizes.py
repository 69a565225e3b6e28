"""Sizes as people read them."""

from __future__ import annotations


def size_text(count: float) -> str:
    """Return a number of bytes as people read it: ``41.2 kB``, ``1.5 GB``."""
    if count < 1000:
        return f"{count:.0f} B"
    for unit in ("kB", "MB", "GB"):
        count /= 1000
        if count < 1000:
            return f"{count:.1f} {unit}"
    return f"{count / 1000:.1f} TB"
