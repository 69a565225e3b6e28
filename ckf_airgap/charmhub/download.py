"""Fetch charms into a directory: each once, verified, and resumed where a run was cut off."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import BinaryIO, Final, TypeAlias, TypeVar, final

from ckf_airgap.charmhub.refresh import StoreCharm, WantedCharm
from ckf_airgap.charmhub.store import CharmStore, ExpiredAddressError
from ckf_airgap.charms.charm import Base
from ckf_airgap.concurrency import bounded_outcomes, in_thread, in_thread_to_end
from ckf_airgap.errors import AirgapError, IntegrityError, Problem, TransferError
from ckf_airgap.files import disk_error, disk_errors, open_locked, open_regular, publish

_T = TypeVar("_T")

PART_SUFFIX: Final = ".part"
"""The suffix of a charm file that is not complete yet."""

LOCK_HASH: Final = "sha384"
"""The checksum that is computed for each charm, whichever ones the store has."""

_READ_BYTES: Final = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchedCharm:
    """A charm that is in the directory, complete and verified.

    Attributes:
        name: The charm.
        channel: The channel that it was requested from; ``None`` for a revision.
        revision: Its revision.
        bases: The bases that it runs on.
        path: The file.
        size: Its size in bytes.
        sha384: Its checksum.
        received: Bytes that came over the network; 0 when it was there.
        resumed: Bytes that an earlier run had fetched.
    """

    name: str
    channel: str | None
    revision: int
    bases: tuple[Base, ...]
    path: Path
    size: int
    sha384: str
    received: int = 0
    resumed: int = 0

    @property
    def was_there(self) -> bool:
        """Whether nothing had to be fetched."""
        return self.received == 0 and self.resumed == 0


@dataclass(frozen=True, slots=True, kw_only=True)
class CharmsPlanned:
    """What will be fetched is known: how many files, and their bytes."""

    count: int
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CharmBytes:
    """Bytes of a charm arrived, or were found in what an earlier run left."""

    name: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CharmDone:
    """A charm is complete."""

    fetched: FetchedCharm


CharmEvent: TypeAlias = CharmsPlanned | CharmBytes | CharmDone
CharmListener: TypeAlias = Callable[[CharmEvent], None]
"""Takes the events of a download; called on the event loop."""


def ignore_charm(_event: CharmEvent) -> None:
    """Ignore the event."""


async def fetch_charms(
    store: CharmStore,
    wanted: Sequence[WantedCharm],
    directory: Path,
    *,
    expected: Mapping[str, str] | None = None,
    jobs: int = 4,
    listener: CharmListener = ignore_charm,
) -> list[FetchedCharm]:
    """Fetch charms, each file once; one that fails does not stop the others.

    Args:
        store: The store, open.
        wanted: The charms.
        directory: Where to; created if it does not exist.
        expected: The sha384 that files must have, by file name, as recorded in a lock.
        jobs: How many are fetched at the same time.
        listener: Called with the progress.

    Returns:
        One for each file, in the order in which they were first wanted.

    Raises:
        CharmNotFoundError: when the store lacks some; nothing is fetched then.
        IntegrityError: when a file's checksum is not that of the store or the lock.
        TransferError: when some could not be fetched; all others were, and all are named.
    """
    asked = list(dict.fromkeys(wanted))
    charms = await store.resolve(asked)
    files = {charm.file_name: (charm, want) for charm, want in zip(charms, asked, strict=True)}
    size = sum(charm.download.size for charm, _ in files.values())
    listener(CharmsPlanned(count=len(files), size=size))
    try:
        await in_thread(directory.mkdir, parents=True, exist_ok=True)
    except OSError as exc:
        raise disk_error(exc, directory) from exc

    async def fetch(name: str) -> FetchedCharm:
        charm, want = files[name]
        one = _Fetch(store, charm, want, directory / name, listener)
        fetched = await one.run((expected or {}).get(name))
        listener(CharmDone(fetched=fetched))
        return fetched

    outcomes = await bounded_outcomes(fetch, files, jobs)
    _raise_failures([(one.item, one.error) for one in outcomes if one.error is not None])
    return [one.unwrap() for one in outcomes]


def hash_file(path: Path, algorithms: Iterable[str]) -> dict[str, str]:
    """Return a file's checksums in hexadecimal, by algorithm; reads it once, and blocks.

    Raises:
        InputError: when it is not a regular file.
        OSError: when it cannot be read.
    """
    digests = {name: hashlib.new(name) for name in algorithms}
    with open_regular(path) as stream:
        while chunk := stream.read(_READ_BYTES):
            for digest in digests.values():
                digest.update(chunk)
    return {name: digest.hexdigest() for name, digest in digests.items()}


@dataclass(slots=True)
class _Part:
    """The file that a charm is written to, with the checksums of what is in it."""

    path: Path
    stream: BinaryIO
    algorithms: tuple[str, ...]
    size: int = 0
    digests: dict[str, hashlib._Hash] = field(default_factory=dict)

    @classmethod
    def open(cls, path: Path, algorithms: Iterable[str], most: int) -> _Part:
        """Open the file, take the lock on it, and hash what is in it; blocks on the disk."""
        descriptor = open_locked(path, os.O_RDWR | os.O_CREAT | os.O_APPEND)
        if descriptor is None:
            raise TransferError(f"{path} is being written by another run", fix="Wait for it.")
        stream = os.fdopen(descriptor, "a+b", buffering=0)
        part = cls(path, stream, tuple(algorithms))
        try:
            part.digests = {name: hashlib.new(name) for name in part.algorithms}
            if stream.seek(0, os.SEEK_END) > most:
                part.clear()
            stream.seek(0)
            while chunk := stream.read(_READ_BYTES):
                part._count(chunk)
        except BaseException:
            stream.close()
            raise
        return part

    def append(self, chunk: bytes) -> None:
        left = memoryview(chunk)
        try:
            while left:
                left = left[self.stream.write(left) :]
        except OSError:
            with contextlib.suppress(OSError):
                self.stream.truncate(self.size)
            raise
        self._count(chunk)

    def clear(self) -> None:
        self.stream.truncate(0)
        self.size = 0
        self.digests = {name: hashlib.new(name) for name in self.algorithms}

    def finish(self, path: Path) -> None:
        """Give the file its name."""
        publish(self.stream.fileno(), self.path, path)

    def close(self) -> None:
        if self.size == 0:
            with contextlib.suppress(OSError):
                self.path.unlink(missing_ok=True)
        self.stream.close()

    def _count(self, chunk: bytes) -> None:
        self.size += len(chunk)
        for digest in self.digests.values():
            digest.update(chunk)


@final
class _Fetch:
    """Fetches one charm."""

    def __init__(
        self,
        store: CharmStore,
        charm: StoreCharm,
        wanted: WantedCharm,
        path: Path,
        listener: CharmListener,
    ) -> None:
        self._store = store
        self._charm = charm
        self._wanted = wanted
        self._path = path
        self._hashes = dict(charm.download.hashes)
        self._listener = listener
        self._expected: str | None = None
        self._reached = 0

    async def run(self, expected: str | None) -> FetchedCharm:
        """Fetch it; `expected` is the sha384 of a lock."""
        self._expected = expected
        self._check_lock()
        there = await _disk(self._look, self._path)
        if there is not None:
            self._tell(self._charm.download.size)
            return self._fetched(there)
        path = self._path.with_name(self._path.name + PART_SUFFIX)
        with contextlib.ExitStack() as stack:
            part = await _disk(lambda: self._open(path, stack), path)
            return await self._fetch(part)

    def _open(self, path: Path, stack: contextlib.ExitStack) -> _Part:
        part = _Part.open(path, {*self._hashes, LOCK_HASH}, self._charm.download.size)
        stack.callback(part.close)
        return part

    def _check_lock(self) -> None:
        """Refuse a file that cannot be the one of the lock, before it is fetched."""
        told = self._hashes.get(LOCK_HASH)
        if self._expected is not None and told is not None and told != self._expected:
            raise IntegrityError(
                f"the store's {self._charm.file_name} is not the file of the lock:"
                f" sha384 {told[:16]}… instead of {self._expected[:16]}…",
                fix="Revisions never change; find out which of the two is right.",
            )

    def _look(self) -> str | None:
        """Return the sha384 of the file that is there, if it is intact."""
        try:
            if self._path.stat().st_size != self._charm.download.size:
                return None
            found = hash_file(self._path, {*self._hashes, LOCK_HASH})
        except FileNotFoundError:
            return None
        return found[LOCK_HASH] if not self._wrong(found) else None

    async def _fetch(self, part: _Part) -> FetchedCharm:
        resumed, received, renewed = part.size, 0, 0
        what = self._charm.file_name
        while True:
            self._tell(part.size)
            try:
                chunks = self._store.read(self._charm.download, what, part.size)
                async for chunk in chunks:
                    if chunk is None:
                        resumed = 0
                        await _disk(part.clear, part.path)
                        continue
                    await _disk(partial(part.append, chunk), part.path)
                    received += len(chunk)
                    self._tell(part.size)
            except ExpiredAddressError:
                renewed += 1
                if renewed > 1:
                    raise
                await self._renew()
                continue
            found = {name: digest.hexdigest() for name, digest in part.digests.items()}
            wrong = self._wrong(found)
            if not wrong:
                await _disk(lambda: part.finish(self._path), self._path)
                return self._fetched(found[LOCK_HASH], received=received, resumed=resumed)
            await _disk(part.clear, part.path)
            if not resumed:
                raise IntegrityError(
                    f"{what} arrived with the wrong checksum: {wrong}",
                    fix="Nothing of it was kept. Something between here and the store alters "
                    "files; try again, or use another network.",
                )
            resumed = 0  # what an earlier run left may be damaged: once more, from the start

    async def _renew(self) -> None:
        """Ask for the file's address again."""
        (charm,) = await self._store.resolve([self._wanted])
        if charm.file_name != self._charm.file_name or charm.download.hashes != self._hashes:
            raise TransferError(
                f"the store has replaced {self._charm.file_name} meanwhile",
                fix="Run the same command again.",
            )
        self._charm = charm

    def _wrong(self, found: Mapping[str, str]) -> str:
        """Return which checksum differs, or an empty string."""
        wanted = dict(self._hashes)
        if self._expected is not None:
            wanted[LOCK_HASH] = self._expected
        for name, value in wanted.items():
            if found[name] != value:
                return f"{name} {found[name][:16]}… instead of {value[:16]}…"
        return ""

    def _fetched(self, sha384: str, *, received: int = 0, resumed: int = 0) -> FetchedCharm:
        wanted, charm = self._wanted, self._charm
        return FetchedCharm(
            name=charm.name,
            channel=str(wanted.channel) if wanted.revision is None else None,
            revision=charm.revision,
            bases=charm.bases,
            path=self._path,
            size=charm.download.size,
            sha384=sha384,
            received=received,
            resumed=resumed,
        )

    def _tell(self, reached: int) -> None:
        if reached > self._reached:
            self._listener(CharmBytes(name=self._charm.file_name, count=reached - self._reached))
            self._reached = reached


async def _disk(work: Callable[[], _T], path: Path) -> _T:
    """Run disk work in a thread, and raise what the disk refuses as an `AirgapError`."""
    with disk_errors(path):
        return await in_thread_to_end(work)


def _raise_failures(failures: Sequence[tuple[str, Exception]]) -> None:
    """Raise what went wrong: one error as it is, several as one that names all files."""
    for _, error in failures:
        if not isinstance(error, AirgapError):
            raise error
    if len(failures) == 1:
        raise failures[0][1]
    if failures:
        all_damaged = all(isinstance(error, IntegrityError) for _, error in failures)
        kind = IntegrityError if all_damaged else TransferError
        raise kind(
            f"{len(failures)} charms could not be fetched",
            problems=[
                Problem(error.message, name, error.fix.rstrip("."))
                for name, error in failures
                if isinstance(error, AirgapError)
            ],
            fix="All others were; the next run fetches only what is missing.",
        )
