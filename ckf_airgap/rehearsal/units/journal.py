"""The log of a model, as ``juju debug-log`` shows it: a bounded buffer and its followers."""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from ckf_airgap.rehearsal.units.clock import Clock

LOG_LEVELS: Final = ("UNSPECIFIED", "TRACE", "DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
"""The levels of records, in growing order."""

MAX_RECORDS: Final = 10_000
"""How many records a model remembers; the oldest are forgotten first."""

MAX_MESSAGE: Final = 1024
"""How long a text of a record may be, in characters; the rest is cut off."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogRecord:
    """One line of the log.

    Attributes:
        number: Its place in the log: 0 for the first record of the model.
        entity: The tag of the agent that wrote it, ``unit-minio-0``.
        at: When.
        level: One of `LOG_LEVELS`.
        module: The logging module, ``juju.worker.uniter.operation``.
        location: Where in Juju's source such a line is written; may be empty.
        message: What happened.
        labels: Logging labels.
    """

    number: int
    entity: str
    at: datetime
    level: str
    module: str
    location: str
    message: str
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LogFilter:
    """Which records are shown, as ``state/logs.go`` chooses them.

    Attributes:
        level: The least level.
        since: The time of the oldest record.
        include_entities: Tags, in which ``*`` stands for anything; none for all.
        exclude_entities: Tags to leave out.
        include_modules: Modules, with those below them; none for all.
        exclude_modules: Modules to leave out.
        include_labels: Labels, one of which a record must have; none for all.
        exclude_labels: Labels that a record must not have.
    """

    level: str = "UNSPECIFIED"
    since: datetime | None = None
    include_entities: Sequence[str] = ()
    exclude_entities: Sequence[str] = ()
    include_modules: Sequence[str] = ()
    exclude_modules: Sequence[str] = ()
    include_labels: Sequence[str] = ()
    exclude_labels: Sequence[str] = ()
    _compiled: dict[str, re.Pattern[str]] = field(default_factory=dict, repr=False, compare=False)

    def shows(self, record: LogRecord) -> bool:
        """Whether a record is shown."""
        if LOG_LEVELS.index(record.level) < LOG_LEVELS.index(self.level):
            return False
        if self.since is not None and record.at < self.since:
            return False
        for wanted, patterns, text, pattern in (
            (True, self.include_entities, record.entity, _entities),
            (False, self.exclude_entities, record.entity, _entities),
            (True, self.include_modules, record.module, _modules),
            (False, self.exclude_modules, record.module, _modules),
        ):
            if patterns and bool(self._pattern(patterns, pattern).match(text)) is not wanted:
                return False
        if self.include_labels and not set(self.include_labels) & set(record.labels):
            return False
        return not set(self.exclude_labels) & set(record.labels)

    def _pattern(
        self, patterns: Sequence[str], pattern: Callable[[Sequence[str]], str]
    ) -> re.Pattern[str]:
        text = pattern(patterns)
        if text not in self._compiled:
            self._compiled[text] = re.compile(text)
        return self._compiled[text]


class Journal:
    """The log of one model.

    Args:
        clock: What records are stamped with.
        threshold: Returns the least level that a module's records are kept from.
        capacity: How many records are remembered.
    """

    def __init__(
        self, clock: Clock, *, threshold: Callable[[str], str], capacity: int = MAX_RECORDS
    ) -> None:
        self._clock = clock
        self._threshold = threshold
        self._records: deque[LogRecord] = deque(maxlen=capacity)
        self._count = 0
        self._followers: set[asyncio.Event] = set()
        self._closed = False

    def write(
        self, entity: str, level: str, module: str, message: str, *, location: str = ""
    ) -> None:
        """Add a record, unless its level is below what is kept of its module."""
        if LOG_LEVELS.index(level) < LOG_LEVELS.index(self._threshold(module)):
            return
        record = LogRecord(
            number=self._count,
            entity=entity[:MAX_MESSAGE],
            at=self._clock.now(),
            level=level,
            module=module[:MAX_MESSAGE],
            location=location,
            message=message[:MAX_MESSAGE],
        )
        self._count += 1
        self._records.append(record)
        self._wake()

    def records(self, chosen: LogFilter, *, newest: int = 0) -> list[LogRecord]:
        """Return what a filter shows, oldest first; at most the `newest` unless that is 0."""
        found = [record for record in self._records if chosen.shows(record)]
        return found[-newest:] if newest > 0 else found

    @property
    def next_number(self) -> int:
        """The number that the next record will have."""
        return self._count

    @property
    def followers(self) -> int:
        """How many wait for the next record."""
        return len(self._followers)

    async def after(self, number: int) -> list[LogRecord] | None:
        """Return the records from a number on; wait for one, and return ``None`` at the end.

        Records that have been forgotten in the meantime are left out.
        """
        event = asyncio.Event()
        self._followers.add(event)
        try:
            while True:
                event.clear()
                found = list(self._from(number))
                if found:
                    return found
                if self._closed:
                    return None
                await event.wait()
        finally:
            self._followers.discard(event)

    def close(self) -> None:
        """End the log: its model is gone."""
        self._closed = True
        self._wake()

    def _from(self, number: int) -> Iterator[LogRecord]:
        return (record for record in self._records if record.number >= number)

    def _wake(self) -> None:
        for event in self._followers:
            event.set()


def _entities(tags: Sequence[str]) -> str:
    return f"^({'|'.join(re.escape(tag).replace(re.escape('*'), '.*') for tag in tags)})$"


def _modules(modules: Sequence[str]) -> str:
    return rf"^({'|'.join(re.escape(module) for module in modules)})(\..+)?$"
