"""What is in an archive that is still being written, so that the next run continues it.

A file of JSON lines next to the ``.part`` file, appended to while blobs arrive. A line that was cut
by a kill or a full disk is skipped; whatever it said is then done again.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ckf_airgap.errors import IntegrityError
from ckf_airgap.transfer.oci import Digest

FORMAT: Final = "ckf-airgap/archive-journal/v1"


@dataclass(slots=True, kw_only=True)
class Region:
    """The place of a blob in the tar: its header, its bytes, and the padding to whole records.

    Attributes:
        digest: The blob.
        size: Its bytes.
        start: Where its header begins.
        header: The header.
        written: How many of its bytes are in the file, from the first on.
        checksum: The CRC-32 of the whole region, once the blob is finished.
    """

    digest: Digest
    size: int
    start: int
    header: bytes
    written: int = 0
    checksum: int | None = None

    @property
    def data(self) -> int:
        """Where the blob's bytes begin."""
        return self.start + len(self.header)

    @property
    def padding(self) -> int:
        """Zero bytes after the blob."""
        return -self.size % 512

    @property
    def end(self) -> int:
        """Where the next region may begin."""
        return self.data + self.size + self.padding

    @property
    def finished(self) -> bool:
        """Whether the blob is whole, and its digest was right."""
        return self.checksum is not None


class Journal:
    """The journal of an archive.

    Args:
        path: The file.
        gzip: Whether the archive is gzipped; a journal of the other kind is not used.
    """

    def __init__(self, path: Path, *, gzip: bool) -> None:
        self.path = path
        self._gzip = gzip
        self._fd = -1

    def replay(self) -> list[tuple[Digest, int, int, int, int | None]]:
        """Return digest, size, start, bytes written and checksum of each region; blocks.

        Of a blob that was given two regions, the one that it has now comes last.
        """
        left: list[tuple[Digest, int, int, int, int | None]] = []
        found: dict[str, tuple[Digest, int, int, int, int | None]] = {}
        try:
            lines = self.path.read_text(encoding="utf-8", errors="replace").splitlines()
        except FileNotFoundError:
            return []
        records = [record for line in lines if (record := _record(line)) is not None]
        if not records or records[0] != {"format": FORMAT, "gzip": self._gzip}:
            return []
        for record in records[1:]:
            key = str(record.get("blob"))
            match record:
                case {"blob": str(), "size": int(size), "start": int(start)}:
                    if key in found:
                        left.append((*found[key][:3], 0, None))
                    try:
                        found[key] = (Digest.parse(key), size, start, 0, None)
                    except IntegrityError:
                        continue
                case {"blob": str(), "written": int(written)} if key in found:
                    found[key] = (*found[key][:3], written, None)
                case {"blob": str(), "checksum": int(checksum)} if key in found:
                    found[key] = (*found[key][:3], found[key][1], checksum)
                case _:
                    continue
        return [*left, *found.values()]

    def start(self, *, fresh: bool) -> None:
        """Open the file for appending; blocks on the disk."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        self._fd = os.open(self.path, flags | (os.O_TRUNC if fresh else 0), 0o666)
        if fresh:
            self._append({"format": FORMAT, "gzip": self._gzip})

    def opened(self, region: Region) -> None:
        """Note that a region was set aside for a blob."""
        self._append({"blob": str(region.digest), "size": region.size, "start": region.start})

    def written(self, region: Region) -> None:
        """Note how many of a blob's bytes are in the file."""
        self._append({"blob": str(region.digest), "written": region.written})

    def finished(self, region: Region) -> None:
        """Note that a blob is whole."""
        self._append({"blob": str(region.digest), "checksum": region.checksum})

    def close(self) -> None:
        """Close the file, which stays."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def remove(self) -> None:
        """Close and remove the file."""
        self.close()
        self.path.unlink(missing_ok=True)

    def _append(self, record: dict[str, object]) -> None:
        # The line end comes first: a record that was cut does not spoil the one after it.
        line = b"\n" + json.dumps(record).encode() + b"\n"
        while line:
            line = line[os.write(self._fd, line) :]


def _record(line: str) -> dict[str, object] | None:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) else None
