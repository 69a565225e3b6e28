"""Channels of the store: ``1.10/stable``, ``stable``, ``latest/edge/fix``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ckf_airgap.errors import InputError

RISKS: Final = ("stable", "candidate", "beta", "edge")
"""The risks of a channel, the safest first."""

ARCHITECTURES: Final = ("amd64", "arm64", "ppc64el", "riscv64", "s390x")
"""The architectures that a charm can be asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """A channel, ``[TRACK/]RISK[/BRANCH]``.

    Attributes:
        track: The track; ``None`` for the charm's default one.
        risk: One of `RISKS`.
        branch: The branch, if any.
    """

    track: str | None = None
    risk: str = "stable"
    branch: str | None = None

    @classmethod
    def parse(cls, text: str) -> Channel:
        """Return the channel that ``risk``, ``track``, ``track/risk``... names.

        A risk that is not given is ``stable``; no track is added (Juju's ``charm.ParseChannel``).

        Raises:
            InputError: when it is not a channel.
        """
        parts = text.split("/")
        if not all(parts) or len(parts) > 3 or any(part != part.strip() for part in parts):
            raise InputError(f"{text!r} is not a channel such as 1.10/stable")
        if len(parts) == 1:
            return cls(risk=text) if text in RISKS else cls(track=text)
        if parts[0] in RISKS and len(parts) == 2:
            return cls(risk=parts[0], branch=parts[1])
        if parts[1] not in RISKS:
            raise InputError(
                f"{text!r} is not a channel: {parts[1]!r} is not a risk ({', '.join(RISKS)})"
            )
        return cls(track=parts[0], risk=parts[1], branch=parts[2] if len(parts) == 3 else None)

    def __str__(self) -> str:
        """Return the channel as it is written in full."""
        return "/".join(part for part in (self.track, self.risk, self.branch) if part)

    def matches(self, other: Channel) -> bool:
        """Whether both are the same channel; the store may leave out the track ``latest``."""
        return (self.track or "latest", self.risk, self.branch) == (
            other.track or "latest",
            other.risk,
            other.branch,
        )
