"""The durations that messages tell, to be compared with what a test measured."""

from __future__ import annotations

import re


def seconds_told(text: str) -> float:
    """Return the only duration in seconds of a message."""
    (found,) = re.findall(r"(?:within|longer than|after|in) (\d+(?:\.\d+)?) s\b", text)
    return float(found)
