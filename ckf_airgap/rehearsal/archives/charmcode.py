"""Whether a charm sets the status of its units, judged by its source: no charm code runs here.

If a charm has not set a workload status by the time its ``start`` hook has run, Juju sets it to
``unknown``, where it stays (``internal/worker/uniter/operation/runhook.go``).
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath
from typing import Final

from ckf_airgap.rehearsal.archives.members import chunks
from ckf_airgap.rehearsal.archives.refusals import UnreadableCharmError

MAX_SOURCE_BYTES: Final = 1024 * 1024
"""How much of a source file is read."""

MAX_READ_BYTES: Final = 8 * 1024 * 1024
"""How much of a charm is read; a charm with more code than that is assumed to set a status."""

_SETS_STATUS: Final = re.compile(
    rb"\b(Active|Blocked|Maintenance|Waiting)Status\b|\bstatus[-_]set\b|\bset_unit_status\b"
    rb"|\bcharmed_kubeflow_chisme\b"
)
"""Classes of ``ops``, the hook tool and its helpers, and the library of the Kubeflow charms that
sets statuses on behalf of a charm."""

_SOURCE_ROOTS: Final = frozenset({"src", "lib", "hooks", "reactive", "dispatch"})
"""Where a charm keeps its own code. ``venv`` is not included: it holds ``ops`` itself."""


def sets_status(archive: zipfile.ZipFile, root: str = "") -> bool:
    """Return whether a charm's code sets the status of its units; reads a bounded amount.

    Args:
        archive: The charm.
        root: The charm's directory in the archive, with a trailing slash; empty for the top level.
    """
    left = MAX_READ_BYTES
    for member in _sources(archive.infolist(), root):
        try:
            text = _beginning(archive, member, min(MAX_SOURCE_BYTES, left))
        except UnreadableCharmError:
            continue  # Juju accepts such a charm too: it does not read this file.
        if _SETS_STATUS.search(text):
            return True
        left -= len(text)
        if left <= 0:
            return True
    return False


def _beginning(archive: zipfile.ZipFile, member: zipfile.ZipInfo, size_bytes: int) -> bytes:
    data = bytearray()
    for chunk in chunks(archive, member):
        data += chunk
        if len(data) >= size_bytes:
            break
    return bytes(data[:size_bytes])


def _sources(members: Iterable[zipfile.ZipInfo], root: str) -> Iterator[zipfile.ZipInfo]:
    for member in members:
        if member.is_dir() or not member.filename.startswith(root):
            continue
        path = PurePosixPath(member.filename[len(root) :])
        if path.parts[:1] and path.parts[0] in _SOURCE_ROOTS:
            yield member
