"""The times that a controller writes, and how long ago by its own clock they were. Pure.

Its clock and this machine's may differ by hours, so that times of the controller are only compared
with each other: a full status says what the controller's clock said when it was made.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

_RFC3339: Final = re.compile(
    r"(?P<at>\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d)(?P<part>\.\d+)?"
    r"(?:[Zz]|(?P<sign>[+-])(?P<hours>\d\d):(?P<minutes>\d\d))"
)


def seconds_of(text: str) -> float | None:
    """Return a time as Juju writes it (RFC 3339, to the nanosecond) in seconds since 1970.

    ``None`` when it is none, as of an entity that has no status yet.
    """
    match = _RFC3339.fullmatch(text)
    if match is None:
        return None
    try:
        moment = datetime.fromisoformat(f"{match['at'].upper()}+00:00")
        offset = timedelta(hours=int(match["hours"] or 0), minutes=int(match["minutes"] or 0))
        whole = moment.timestamp()
    except (ValueError, OverflowError):
        return None
    seconds = whole + float(match["part"] or 0)
    return seconds + offset.total_seconds() * (1 if match["sign"] == "-" else -1)


@dataclass(frozen=True, slots=True, kw_only=True)
class ControllerClock:
    """What the controller's clock said, and this process's monotonic clock when that was received.

    What it says of an age errs on the side of too young, by as long as the answer was on its way.

    Attributes:
        controller_s: The controller's time, in seconds since 1970.
        monotonic_s: The monotonic time.
    """

    controller_s: float
    monotonic_s: float

    @classmethod
    def read(cls, timestamp: str, *, received_at: float) -> ControllerClock | None:
        """Return the clock of a full status with this ``controller-timestamp``."""
        seconds = seconds_of(timestamp)
        if seconds is None:
            return None
        return cls(controller_s=seconds, monotonic_s=received_at)

    def monotonic_of(self, text: str) -> float | None:
        """Return the monotonic time of something that the controller noted at the time `text`."""
        seconds = seconds_of(text)
        return None if seconds is None else self.monotonic_s - (self.controller_s - seconds)
