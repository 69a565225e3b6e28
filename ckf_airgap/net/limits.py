"""How much at once, how long to wait, and how often to try again."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Final

MEBIBYTE: Final = 1024 * 1024

DEFAULT_LIMIT: Final = 8
"""How many things are done at once unless the caller says otherwise (``--jobs``)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much is done at once.

    Attributes:
        jobs: Blobs that are moved at the same time (``--jobs``), whichever images they are of.
        requests: Manifests and questions whether a blob is there, at the same time.
        chunk_above_bytes: Blobs larger than this are uploaded in chunks, smaller ones whole.
        chunk_bytes: The size of a chunk of an upload.
        smallest_chunk_bytes: Where halving the chunks ends, when a registry calls them too large.
    """

    jobs: int = DEFAULT_LIMIT
    requests: int = 2 * DEFAULT_LIMIT
    chunk_above_bytes: int = 256 * MEBIBYTE
    chunk_bytes: int = 64 * MEBIBYTE
    smallest_chunk_bytes: int = MEBIBYTE // 4

    def __post_init__(self) -> None:
        if min(self.jobs, self.requests, self.chunk_bytes, self.smallest_chunk_bytes) < 1:
            raise ValueError("limits must be at least 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpTimeouts:
    """How long to wait, in seconds. There is no limit on a whole transfer: only silence ends one.

    Attributes:
        connect_s: For a connection.
        stall_s: For the next bytes, in either direction, and for the answer to a small request.
        commit_s: For the answer after a blob has been sent: the registry may hash or move it.
        helper_s: For a credential helper.
    """

    connect_s: float = 15.0
    stall_s: float = 60.0
    commit_s: float = 600.0
    helper_s: float = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Retries:
    """How often and when to try again; progress in between resets the count.

    The delays double and are spread by a quarter either way; together they last longer than the 20
    seconds that a registry may be away for a restart.

    Attributes:
        attempts: How often a request is made in all, at least 1.
        first_delay_s: Seconds before the second attempt.
        longest_delay_s: Seconds that a delay is at most.
        longest_retry_after_s: Seconds that a registry's ``Retry-After`` is followed for at most.
    """

    attempts: int = 7
    first_delay_s: float = 0.5
    longest_delay_s: float = 16.0
    longest_retry_after_s: float = 120.0

    def delay_s(self, attempt: int, retry_after_s: float | None = None) -> float:
        """Return the seconds to wait after the attempt of this number, counted from 1.

        Args:
            attempt: The attempt that failed.
            retry_after_s: What the registry asked for; it is never undercut, but capped.
        """
        if retry_after_s is not None:
            asked = min(retry_after_s, self.longest_retry_after_s)
            return asked + random.uniform(0, 0.1 * asked + 0.05)  # noqa: S311 - spreads load
        delay = min(self.first_delay_s * 2.0 ** (attempt - 1), self.longest_delay_s)
        return delay * random.uniform(0.75, 1.25)  # noqa: S311 - spreads load


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Limits, timeouts and retries together."""

    limits: Limits = field(default_factory=Limits)
    timeouts: HttpTimeouts = field(default_factory=HttpTimeouts)
    retries: Retries = field(default_factory=Retries)
