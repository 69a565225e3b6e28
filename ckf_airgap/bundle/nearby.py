"""Files that a bundle names, and which of them a bundle that came in a pack may name.

Juju lets a bundle include any file that its user may read, which is right for a bundle of one's
own. One that came in a pack was written elsewhere: with ``include-file:///home/me/.ssh/id_ed25519``
as an option it would carry a secret of this machine to a charm. So what lies beside the lock of a
pack, as `unpack` lays it out, may only name what came with it: files below its own directory, none
of them hidden. (`unpack` lays out into the home directory, if nothing else is asked for.)
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from ckf_airgap.errors import BundleError

MARKS: Final = ("ckf-airgap.lock", "SHA256SUMS")
"""Files beside a bundle that show that it came in a pack: its lock, its checksums."""


def path_from_bundle(directory: Path, text: str) -> Path:
    """Return the path of a file that a bundle or overlay names.

    Args:
        directory: The directory of the bundle or overlay, from which paths start.
        text: The path as written.

    Raises:
        BundleError: when it is no path at all, or when the bundle came in a pack and the path leads
            out of its directory, by way of a symbolic link too, or to a hidden file.
    """
    if "\0" in text:
        raise BundleError("no path has a null byte in it")
    path = directory / text
    mark = next((name for name in MARKS if (directory / name).exists()), None)
    if mark is None:
        return path
    try:
        inside = path.resolve().relative_to(directory.resolve())
    except (ValueError, RuntimeError):  # elsewhere; a link to itself, before Python 3.13
        inside = None
    if inside is None or any(part.startswith(".") for part in inside.parts):
        where = "leads out of" if inside is None else "is hidden in"
        raise BundleError(
            f"it {where} {directory}, where a {mark} shows that the bundle came in a pack, which "
            "may only name files that came with it; if it is yours, put it into another directory"
        )
    return path
