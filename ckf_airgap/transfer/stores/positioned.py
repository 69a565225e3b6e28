"""Reading and writing at a place of an open file; all of it blocks on the disk."""

from __future__ import annotations

import os
from collections.abc import Sequence


def read_at(fd: int, offset: int, count: int) -> bytes:
    """Return `count` bytes from `offset` on; fewer only at the end of the file."""
    data = os.pread(fd, count, offset)
    if len(data) == count or not data:
        return data
    pieces = [data]
    left = count - len(data)
    while left > 0:
        data = os.pread(fd, left, offset + count - left)
        if not data:
            break
        pieces.append(data)
        left -= len(data)
    return b"".join(pieces)


def fill_from(fd: int, offset: int, buffers: Sequence[memoryview]) -> int:
    """Fill buffers one after the other, and return how many bytes came; fewer only at the end.

    Some file systems return less at once than was asked for.
    """
    done = os.preadv(fd, buffers, offset)
    end = 0
    for buffer in buffers:
        end += len(buffer)
        while done < end:
            count = os.preadv(fd, [buffer[done - end :]], offset + done)
            if not count:
                return done
            done += count
    return done


def write_at(fd: int, offset: int, data: bytes | memoryview) -> None:
    """Write all of some bytes from `offset` on."""
    view = memoryview(data)
    while view:
        written = os.pwrite(fd, view, offset)
        view = view[written:]
        offset += written


def begin_writing_out(fd: int, offset: int, count: int) -> None:
    """Have the system begin to bring bytes to the disk, so that an ``fsync`` has less to wait for.

    Linux does so when advised that they are not needed soon (``mm/fadvise.c``,
    ``POSIX_FADV_DONTNEED``). Systems that have no such call do so when they like.
    """
    if hasattr(os, "posix_fadvise"):
        os.posix_fadvise(fd, offset, count, os.POSIX_FADV_DONTNEED)
