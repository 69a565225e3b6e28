"""Uploads of blobs: mounted, whole, or in chunks, and continued where they were interrupted.

A blob goes whole (POST, PUT) when it is small, and in chunks (POST, PATCH..., PUT) when it is large
or the registry or a proxy before it calls it too large. Whichever way a registry refuses, the other
one is tried, and remembered for its other blobs. An interrupted upload is continued from the byte
that the registry says it has; one that it has forgotten is started over.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final, NoReturn

from ckf_airgap.documents import decimal
from ckf_airgap.errors import IntegrityError, LoginError, TransferError
from ckf_airgap.net.patience import TransientError
from ckf_airgap.transfer.events import BlobWay, Listener
from ckf_airgap.transfer.oci import Descriptor
from ckf_airgap.transfer.protocols import BlobSource
from ckf_airgap.transfer.registry.answers import Refusal, error_codes
from ckf_airgap.transfer.registry.auth import pull_scope, push_scope
from ckf_airgap.transfer.registry.download import PROGRESS_BYTES, Meter
from ckf_airgap.transfer.registry.remote import RemoteRegistry
from ckf_airgap.transfer.registry.session import Answer, Request
from ckf_airgap.transfer.registry.uploadbody import Body, Reader

PIECE_BYTES: Final = 256 * 1024
"""Bytes handed to the connection at once; a peer must accept that many per stall timeout."""

BUFFERED_BYTES: Final = 4 * 1024 * 1024
"""Up to this size, blobs that cannot be verified beforehand are read into memory to do so."""

_OTHER_WAY: Final = frozenset({400, 404, 405, 411, 415, 501})
"""Statuses with which registries refuse a way of uploading; 413 is about the size alone."""

_ERROR_BYTES: Final = 64 * 1024
_RANGE: Final = re.compile(r"(?:bytes=)?0-([0-9]{1,18})\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """How a blob got into a repository, and the bytes of it that were sent, repeats included."""

    way: BlobWay
    bytes_sent: int = 0


class Uploader:
    """Uploads blobs to one registry, and remembers what it accepts.

    Args:
        registry: The registry.
        listener: Is notified of progress.
    """

    def __init__(self, registry: RemoteRegistry, listener: Listener) -> None:
        limits = registry.session.policy.limits
        self.registry = registry
        self._listener = listener
        self._chunk_bytes = limits.chunk_bytes
        self._smallest = min(limits.smallest_chunk_bytes, limits.chunk_bytes)
        self._chunk_above = limits.chunk_above_bytes
        self._no_whole = False
        self._no_chunks = False
        self._no_mounts = False

    async def send(
        self, repository: str, blob: Descriptor, source: BlobSource, mount_from: str | None = None
    ) -> Sent:
        """Put a blob into a repository that does not have it.

        Args:
            repository: The repository.
            blob: The blob.
            source: Where its bytes are.
            mount_from: A repository of the same registry that has it.

        Returns:
            Whether it was mounted or copied, and the bytes that were sent.

        Raises:
            IntegrityError: when the bytes are not what the descriptor says; nothing was kept.
            TransferError: when the registry refuses or fails.
        """
        location = None
        if mount_from is not None and not self._no_mounts:
            location, mounted = await self._mount(repository, blob, mount_from)
            if mounted:
                return Sent(way=BlobWay.MOUNTED)
        upload = _Upload(
            self,
            repository=repository,
            blob=blob,
            source=source,
            meter=Meter(blob, self._listener),
            location=location,
        )
        try:
            await upload.prepare()
            await upload.run()
        finally:
            await upload.close()
        return Sent(way=BlobWay.COPIED, bytes_sent=upload.bytes_sent)

    def in_chunks(self, blob: Descriptor, *, verified: bool) -> bool:
        """Whether a blob goes in chunks."""
        if self._no_whole or self._no_chunks:
            return self._no_whole
        # An upload in chunks is closed after all bytes were hashed: wrong ones never get a name.
        return not verified or blob.size > self._chunk_above

    def chunk_bytes(self, blob: Descriptor) -> int:
        """Return the size of a chunk; a blob that is not too large is sent as one."""
        if blob.size <= self._chunk_above and not self._no_whole:
            return max(blob.size, 1)
        return self._chunk_bytes

    def at_least(self, minimum: str | None) -> None:
        """Respect the smallest chunk that a registry accepts (``OCI-Chunk-Min-Length``)."""
        wanted = decimal(minimum or "")
        if wanted is not None:
            self._smallest = max(self._smallest, wanted)
            self._chunk_bytes = max(self._chunk_bytes, self._smallest)

    def refused_whole(self) -> bool:
        """Remember that the registry accepts no whole blobs; return whether that leaves a way."""
        self._no_whole = True
        return not self._no_chunks

    def refused_chunks(self) -> bool:
        """Remember that the registry accepts no chunks; return whether that leaves a way."""
        self._no_chunks = True
        return not self._no_whole

    def refused_size(self, size: int) -> bool:
        """Remember that this many bytes were too many; return whether fewer may be accepted."""
        self._no_whole = True
        # Half of what was refused, not of the present chunk size: uploads that run at the same time
        # are refused together, and each would halve it again.
        smaller = max(self._smallest, size // 2)
        if self._no_chunks or size <= self._smallest:
            return False
        self._chunk_bytes = min(self._chunk_bytes, smaller)
        return True

    async def _mount(
        self, repository: str, blob: Descriptor, mount_from: str
    ) -> tuple[str | None, bool]:
        """Ask for a mount; return the upload that the registry opened instead, and the success."""
        request = Request(
            method="POST",
            url=f"/v2/{repository}/blobs/uploads/?mount={blob.digest}&from={mount_from}",
            what=f"a mount of {blob.digest.short} from {mount_from}",
            repository=repository,
            scopes=(push_scope(repository), pull_scope(mount_from)),
            accept=frozenset({201, 202}),
            headers={"Content-Length": "0"},
            writing=True,
        )
        try:
            answer = await self.registry.session.ask(request)
        except LoginError:
            return None, False  # this login may not read `mount_from`; another repository may do
        except TransferError:
            self._no_mounts = True  # else each blob would wait for all attempts of its mount
            return None, False  # the upload that follows reports what is wrong, if anything is
        if answer.status == 201:
            return None, True
        return self._location(answer), False

    def _location(self, answer: Answer) -> str | None:
        location = answer.headers.get("Location")
        return self.registry.session.locate(location, answer.url) if location else None


class _AnotherWayError(Exception):
    """The registry refused a way of uploading, and there is another one."""


class _Upload:
    """The upload of one blob into one repository."""

    def __init__(
        self,
        uploader: Uploader,
        *,
        repository: str,
        blob: Descriptor,
        source: BlobSource,
        meter: Meter,
        location: str | None,
    ) -> None:
        self._uploader = uploader
        self._registry = uploader.registry
        self._repository = repository
        self._blob = blob
        self._source = source
        self._meter = meter
        self._location = location
        self._what = f"the blob {blob.digest.short} of {repository}"
        self._offset = 0
        self._furthest = 0
        self._in_doubt = False
        self._digest_refused = False
        self._upload_refused = False
        self._verified = False
        self._buffer: bytes | None = None
        self._reader: Reader | None = None
        self._hasher = blob.digest.hasher()
        self._hashed = 0
        self.bytes_sent = 0

    async def prepare(self) -> None:
        """Verify the blob, as far as that can be done before it is sent."""
        self._verified = await self._source.verify(self._blob)
        if not self._verified and self._blob.size <= BUFFERED_BYTES:
            async with contextlib.aclosing(self._pieces(0, self._blob.size)) as pieces:
                self._buffer = b"".join([bytes(piece) async for piece in pieces])
            self._check_hash()
            self._verified = True
            self.bytes_sent = 0

    async def run(self) -> None:
        """Send the blob."""
        patience = self._registry.session.patience(self._what)
        while True:
            try:
                if await self._begin(patience.progressed):
                    return
                if self._uploader.in_chunks(self._blob, verified=self._verified):
                    await self._send_chunks(patience.progressed)
                    await self._finish()
                else:
                    await self._send_whole()
            except _AnotherWayError:
                self._location = None
                continue
            except TransientError as exc:
                error = exc
            else:
                return
            self._in_doubt = True
            await patience.wait(error)

    async def _begin(self, progressed: Callable[[], None]) -> bool:
        """Open an upload, or find out how far the one that was interrupted got.

        Args:
            progressed: Called when that is at least `PROGRESS_BYTES` further than before.

        Returns:
            Whether the blob is there already, since only the answer to its last request was lost.
        """
        if self._in_doubt:
            # A registry commits a blob before it answers; if that answer was lost, sending the
            # blob again would cost its whole size for nothing.
            if await self._registry.has_blob(self._repository, self._blob, writing=True):
                self._meter.at(self._blob.size)
                return True
            if self._location is not None:
                await self._ask_offset(self._location)
                if self._offset - self._furthest >= PROGRESS_BYTES:
                    progressed()
                self._furthest = max(self._furthest, self._offset)
            self._in_doubt = False
        if self._location is None:
            request = self._request("POST", f"/v2/{self._repository}/blobs/uploads/", {202})
            answer = await self._registry.session.ask(request)
            self._uploader.at_least(answer.headers.get("OCI-Chunk-Min-Length"))
            self._offset = 0
            self._follow(answer)
        return False

    async def _ask_offset(self, location: str) -> None:
        """Find out how much of an upload the registry has; drop the upload if it has dropped it."""
        if not self._uploader.in_chunks(self._blob, verified=self._verified):
            self._location = None  # a whole blob is one request: there is nothing to continue
            return
        # Registries that cannot say, or have lost the upload, answer in many ways; the blob then
        # starts from its first byte.
        request = self._request("GET", location, {200, 204, 400, 404, 405, 416, 500})
        async with self._registry.session.open(request) as response:
            match = _RANGE.match(response.headers.get("Range", ""))
            self._location = None
            if response.status in (200, 204) and match is not None:
                self._location = location
                # "0-0" is what distribution says of an empty upload, and it would say the same of
                # one byte: the last byte's number is inclusive.
                self._offset = int(match[1]) + 1 if match[1] != "0" else 0
                self._follow(Answer(response.status, response.headers, b"", response.url))

    async def _send_whole(self) -> None:
        body = Body(lambda: self._pieces(0, self._blob.size, whole=True), self._blob.size)
        request = self._put(body, {413, *_OTHER_WAY})
        answer = await self._once(request)
        if answer.status == 413:  # as nginx answers above its client_max_body_size
            if self._uploader.refused_size(self._blob.size):
                raise _AnotherWayError
            raise self._refused(answer).error()
        if answer.status in _OTHER_WAY:
            self._raise_refusal(answer, self._uploader.refused_whole)

    async def _send_chunks(self, progressed: Callable[[], None]) -> None:
        while self._offset < self._blob.size:
            start = self._offset
            length = min(self._uploader.chunk_bytes(self._blob), self._blob.size - start)
            request = self._request(
                "PATCH",
                self._location or "",
                {201, 202, 204, 413, 416, *_OTHER_WAY},
                body=Body(lambda: self._pieces(start, length), length),  # noqa: B023 - used at once
                headers={
                    "Content-Type": "application/octet-stream",
                    "Content-Range": f"{start}-{start + length - 1}",
                },
            )
            answer = await self._once(request)
            if answer.status == 413:
                if not self._uploader.refused_size(length):
                    raise self._refused(answer).error()
                continue
            if answer.status == 416:
                raise TransientError(f"the registry lacks the {start} bytes before this chunk")
            if answer.status in _OTHER_WAY:
                self._raise_refusal(answer, self._uploader.refused_chunks)
            match = _RANGE.match(answer.headers.get("Range", ""))
            # Not every registry sends a Range, and of a chunk of one byte it is ambiguous (see
            # `_ask_offset`): then a chunk that was accepted counts as kept.
            kept = int(match[1]) + 1 if match is not None and length > 1 else start + length
            if not start < kept <= start + length:
                raise TransientError(f"the registry claims to have {kept} bytes")
            self._offset = kept
            self._follow(answer)
            if kept > self._furthest:
                self._furthest = kept
                progressed()

    async def _finish(self) -> None:
        """Close an upload in chunks with the digest."""
        if not self._verified:
            try:
                self._check_hash()
            except TransferError:
                await self._abandon()
                raise
        answer = await self._once(self._put(b"", _OTHER_WAY))
        if answer.status in _OTHER_WAY:
            self._raise_refusal(answer, lambda: False)  # all chunks were accepted: no other way

    def _raise_refusal(self, answer: Answer, refuse: Callable[[], bool]) -> NoReturn:
        """Raise what a refusal of an upload means.

        Args:
            answer: The answer.
            refuse: Remembers that this way of uploading is refused; returns whether one is left.
        """
        codes = error_codes(answer.content)
        refusal = self._refused(answer)
        # The blob was verified or is hashed on its way, so a wrong digest is more likely damage
        # on the way than a wrong blob: one more try, and only one.
        if "DIGEST_INVALID" in codes and not self._digest_refused:
            self._digest_refused = True
            self._location = None
            raise TransientError(refusal.words, kind=IntegrityError)
        # Distribution says so of an upload whose state it cannot read, such as after a restart
        # or from another instance behind a load balancer that has its own http.secret.
        lost = "BLOB_UPLOAD_INVALID" in codes and not self._upload_refused
        if lost or "BLOB_UPLOAD_UNKNOWN" in codes:
            self._upload_refused = True
            self._location = None
            raise TransientError(refusal.words)
        # For these the way is not to blame, so another one would end in the same refusal.
        special = refusal.is_full or codes & {"DIGEST_INVALID", "SIZE_INVALID", "NAME_INVALID"}
        if not special and refuse():
            raise _AnotherWayError
        raise refusal.error()

    async def _abandon(self) -> None:
        """Ask the registry to drop an upload; it does not matter if it keeps it."""
        if self._location is not None:
            with contextlib.suppress(TransferError, TransientError):
                await self._once(self._request("DELETE", self._location, {202, 204, 404, 405}))

    async def _once(self, request: Request) -> Answer:
        async with self._registry.session.open(request) as response:
            content = await response.content.read(_ERROR_BYTES)
            return Answer(response.status, response.headers, content, response.url)

    async def _pieces(
        self, start: int, length: int, *, whole: bool = False
    ) -> AsyncGenerator[memoryview, None]:
        """Yield a part of the blob in small pieces, hashing what has not been hashed.

        A whole blob ends before its last bytes when its digest is wrong, so that it is never kept.
        """
        if self._buffer is not None:
            view = memoryview(self._buffer)[start : start + length]
            for piece in _cut(view):
                self.bytes_sent += len(piece)
                yield piece
            self._meter.at(start + length)
            return
        position, end = start, start + length
        reader, self._reader = self._reader, None
        if reader is None or reader.position != start:
            if reader is not None:
                await reader.close()
            reader = Reader(self._source.read(self._blob, start), start)
        try:
            while position < end and (view := await reader.take(end - position)):
                if not self._verified:
                    self._hash(view, position)
                    if whole and position + len(view) == end:
                        self._check_hash()
                for piece in _cut(view):
                    position += len(piece)
                    self.bytes_sent += len(piece)
                    yield piece
                    self._meter.at(position)
            self._reader, reader = reader, None  # the next chunk continues there
        finally:
            if reader is not None:
                await reader.close()

    async def close(self) -> None:
        """Close what the blob is read from."""
        if self._reader is not None:
            reader, self._reader = self._reader, None
            await reader.close()

    def _hash(self, chunk: memoryview, position: int) -> None:
        fresh = chunk[max(self._hashed - position, 0) :]
        self._hasher.update(fresh)
        self._hashed += len(fresh)

    def _check_hash(self) -> None:
        found = f"{self._blob.digest.algorithm}:{self._hasher.hexdigest()}"
        if self._hashed != self._blob.size or found != str(self._blob.digest):
            raise IntegrityError(
                f"the blob {self._blob.digest} was read as {found} ({self._hashed} bytes);"
                f" {self._registry.host} kept none of it"
            )

    def _follow(self, answer: Answer) -> None:
        """Remember where the next request of an upload goes; each answer may name another place."""
        location = answer.headers.get("Location")
        if location is not None:
            self._location = self._registry.session.locate(location, answer.url)
        elif self._location is None:
            raise TransferError(
                f"{self._registry.host} opened an upload for {self._what} without a Location"
            )

    def _put(self, body: bytes | Body, accept: Iterable[int]) -> Request:
        """Return the request that ends an upload."""
        location = self._location or ""
        # As text: the query in it holds the registry's state, which must not be encoded again.
        mark = "&" if "?" in location else "?"
        digest = str(self._blob.digest).replace(":", "%3A")
        request = self._request(
            "PUT",
            f"{location}{mark}digest={digest}",
            {201, 204, *accept},
            body=body,
            headers={"Content-Type": "application/octet-stream"},
        )
        return replace(request, patience_s=self._registry.session.policy.timeouts.commit_s)

    def _request(
        self,
        method: str,
        url: str,
        accept: Iterable[int],
        *,
        body: bytes | Body | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Request:
        return Request(
            method=method,
            url=url,
            what=self._what,
            repository=self._repository,
            scopes=(push_scope(self._repository),),
            accept=frozenset(accept),
            headers=headers or ({"Content-Length": "0"} if body is None else {}),
            body=body,
            writing=True,
        )

    def _refused(self, answer: Answer) -> Refusal:
        return self._registry.session.refused(
            answer, what=self._what, repository=self._repository, writing=True
        )


def _cut(view: memoryview) -> Iterator[memoryview]:
    for start in range(0, len(view), PIECE_BYTES):
        yield view[start : start + PIECE_BYTES]
