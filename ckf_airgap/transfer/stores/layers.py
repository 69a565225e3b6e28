"""Layers as registries want them: raw tars of Docker's archives, compressed on all cores.

The result is the same for the same layer, run after run: pieces of one length, each a gzip member
of its own without a time stamp (RFC 1952 allows any number of members; all container tools take
them). So a second run finds the blob of the first one.
"""

from __future__ import annotations

import os
import threading
import zlib
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final, final

from ckf_airgap.errors import IntegrityError
from ckf_airgap.transfer.oci import Digest

PIECE_BYTES: Final = 4 * 1024 * 1024
"""Bytes of a layer that are compressed at once."""

LEVEL: Final = 5
"""Compression level: 2 % larger than Docker's 6, in two thirds of the time."""

_GZIP_MAGIC: Final = b"\x1f\x8b"


@dataclass(frozen=True, slots=True)
class PackedLayer:
    """A layer, compressed.

    Attributes:
        diff_id: The digest of the raw layer.
        digest: The digest of the compressed one.
        size: Its bytes.
        path: The file with them.
    """

    diff_id: Digest
    digest: Digest
    size: int
    path: Path


@final
class LayerPacker:
    """Compresses layers into a directory; blocks, so it is called in threads.

    Args:
        directory: Where the files go.
        stopped: Asked between two pieces whether to give up.
    """

    def __init__(self, directory: Path, stopped: Callable[[], bool] = lambda: False) -> None:
        self._directory = directory
        self._stopped = stopped
        self._pool = ThreadPoolExecutor(os.cpu_count() or 1, thread_name_prefix="pack-layer")
        self._numbers = iter(range(1 << 62))
        self._lock = threading.Lock()

    def close(self) -> None:
        """End the threads."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def __enter__(self) -> LayerPacker:
        """Return the packer, to be closed at the end of the block."""
        return self

    def __exit__(self, *_exception: object) -> None:
        """Close it."""
        self.close()

    def pack(self, chunks: Iterator[bytes]) -> PackedLayer:
        """Compress a layer, or keep it as it is when it is gzipped already.

        Raises:
            IntegrityError: when it is gzipped, and damaged.
            OSError: when the disk fails; the file is removed.
        """
        with self._lock:
            path = self._directory / f"layer-{next(self._numbers)}.gz"
        raw, packed, size = Digest("sha256", "").hasher(), Digest("sha256", "").hasher(), 0
        pieces = _pieces(chunks)
        first = next(pieces, b"")
        gzipped = first.startswith(_GZIP_MAGIC)
        try:
            with path.open("wb") as stream:
                for before, after in (
                    self._kept(first, pieces) if gzipped else self._packed(first, pieces)
                ):
                    self._check()
                    raw.update(before)
                    packed.update(after)
                    size += len(after)
                    stream.write(after)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        return PackedLayer(
            Digest("sha256", raw.hexdigest()), Digest("sha256", packed.hexdigest()), size, path
        )

    def _check(self) -> None:
        if self._stopped():
            raise InterruptedError

    def _packed(self, first: bytes, rest: Iterator[bytes]) -> Iterator[tuple[bytes, bytes]]:
        """Yield each piece with what it is compressed, in order."""
        window: deque[tuple[bytes, Future[bytes]]] = deque()
        ahead = 2 * (os.cpu_count() or 1)
        piece: bytes | None = first
        while piece is not None or window:
            if piece is not None:
                window.append((piece, self._pool.submit(_compress, piece)))
                piece = next(rest, None)
            if piece is None or len(window) >= ahead:
                before, future = window.popleft()
                yield before, future.result()

    def _kept(self, first: bytes, rest: Iterator[bytes]) -> Iterator[tuple[bytes, bytes]]:
        """Yield the raw bytes of a gzipped layer together with the bytes that they came as."""
        inflater = zlib.decompressobj(31)
        piece: bytes | None = first
        while piece is not None:
            given, data = piece, piece
            while data:
                try:
                    before = inflater.decompress(data, PIECE_BYTES)
                except zlib.error as exc:
                    raise IntegrityError(f"a layer is gzipped and damaged: {exc}") from exc
                data = inflater.unused_data if inflater.eof else inflater.unconsumed_tail
                if inflater.eof:
                    inflater = zlib.decompressobj(31)
                yield before, given
                given = b""
            piece = next(rest, None)


def _pieces(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the same bytes in pieces of one length, whatever the chunks are."""
    held: list[bytes] = []
    size = 0
    for chunk in chunks:
        view = memoryview(chunk)
        while size + len(view) >= PIECE_BYTES:
            taken = PIECE_BYTES - size
            held.append(bytes(view[:taken]))
            yield b"".join(held)
            held, size, view = [], 0, view[taken:]
        if view:
            held.append(bytes(view))
            size += len(view)
    if held:
        yield b"".join(held)


def _compress(piece: bytes) -> bytes:
    compressor = zlib.compressobj(LEVEL, zlib.DEFLATED, 31)
    return compressor.compress(piece) + compressor.flush()
