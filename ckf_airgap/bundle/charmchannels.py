"""Channels that a bundle names, as Juju reads them. Pure."""

from __future__ import annotations

from typing import Final

_RISKS: Final = frozenset({"stable", "candidate", "beta", "edge"})


def channel_problem(text: str) -> str:
    """Return why Juju does not take a channel, in its words; nothing when it does.

    The rules are those of ``ParseChannel`` in ``channel.go`` of ``github.com/juju/charm/v12``.
    Juju reads the channel of a charm of the store before it deploys anything, and that of a local
    charm after the upload.

    Args:
        text: The channel; an empty one is none.
    """
    if not text:
        return ""
    parts = text.split("/")
    track: str | None = None
    risk: str | None = None
    branch: str | None = None
    match parts:
        case [first]:
            track = None if first in _RISKS else first
        case [first, second] if first in _RISKS:
            branch = second
        case [track, risk]:
            pass
        case [track, risk, branch]:
            pass
        case _:
            return f'channel is malformed and has too many components "{text}"'
    if risk is not None and risk not in _RISKS:
        return f'risk in channel "{text}" not valid'
    if track == "":
        return f'track in channel "{text}" not valid'
    if branch == "":
        return f'branch in channel "{text}" not valid'
    return ""
