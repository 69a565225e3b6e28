"""``charms.tar.gz``: the charm files side by side, the same bytes for the same charms.

Charms are zip archives, which hardly compress further, so the gzip stream stores them as they are.
"""

from __future__ import annotations

import contextlib
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from ckf_airgap.charmhub.download import LOCK_HASH, hash_file
from ckf_airgap.errors import AirgapError, IntegrityError
from ckf_airgap.files import replacing
from ckf_airgap.operations.lock import FILE_NAME, LockedCharm
from ckf_airgap.packing.names import CHARMS
from ckf_airgap.packing.parts import PartsReader, Watch, find_parts, ignore
from ckf_airgap.packing.tarstream import open_tar
from ckf_airgap.transfer.stores.archivefiles import is_gzip_name
from ckf_airgap.transfer.stores.region import member_header
from ckf_airgap.transfer.stores.storedgzip import StoredGzipFile

_READ_BYTES: Final = 1024 * 1024
_RECORD_BYTES: Final = 10240


def write_charms(
    charms: Iterable[LockedCharm], directory: Path, archive: Path, watch: Watch = ignore
) -> None:
    """Write the archive of charms, whole or not at all; blocks on the disk.

    Args:
        charms: The charms.
        directory: Where their files are.
        archive: The archive.
        watch: Is notified of progress while writing.

    Raises:
        IntegrityError: when a file is not the one in the lock.
    """
    with replacing(archive) as new:
        output = _Output(new.fileno())
        for charm in sorted(charms, key=lambda one: one.file):
            path = directory / charm.file
            if hash_file(path, [LOCK_HASH])[LOCK_HASH] != charm.sha384:
                raise IntegrityError(f"{path} changed while it was packed")
            output.append(member_header(charm.file, charm.size))
            with path.open("rb") as stream:
                while chunk := stream.read(_READ_BYTES):
                    output.append(chunk)
                    watch(len(chunk))
            output.append(bytes(-charm.size % 512))
        output.finish()


def salvage_charms(pack: Path, directory: Path, watch: Watch = ignore) -> None:
    """Take the charms of an earlier pack, so that they are not fetched again; blocks on the disk.

    What is damaged is passed over: every file is compared with the store's checksums anyway.

    Args:
        pack: The directory of the pack.
        directory: Where the charms go; what is there stays.
        watch: Is notified of progress while reading.
    """
    parts = find_parts(pack, CHARMS)
    if not parts:
        return
    directory.mkdir(parents=True, exist_ok=True)
    with (
        contextlib.suppress(AirgapError),
        contextlib.closing(PartsReader(parts, watch)) as reader,
    ):
        tar = open_tar(reader, str(pack / CHARMS), gzip=is_gzip_name(CHARMS))
        for file in tar:
            target = directory / file.name
            if not FILE_NAME.match(file.name) or target.exists():
                continue
            # Not forced to the disk: it is compared with the store's checksums before it is used.
            with replacing(target, durable=False) as stream:
                for chunk in tar.chunks():
                    stream.write(chunk)


class _Output:
    """A gzipped tar that is written from beginning to end."""

    def __init__(self, fd: int) -> None:
        self._file = StoredGzipFile(fd)
        self._size = 0
        self._checksum = 0

    def append(self, data: bytes) -> None:
        if data:
            self._file.pwrite(self._size, data)
            self._checksum = zlib.crc32(data, self._checksum)
            self._size += len(data)

    def finish(self) -> None:
        self.append(bytes(1024 + -(self._size + 1024) % _RECORD_BYTES))
        self._file.finish(self._size, self._checksum)
