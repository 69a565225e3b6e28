"""All files of a directory of mirrors, and the document that says what they are."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from ckf_airgap.documents import Document
from ckf_airgap.mirrors.containerd import containerd_files
from ckf_airgap.mirrors.crio import crio_files
from ckf_airgap.mirrors.formats import MIRROR_FORMATS, MirrorFormat
from ckf_airgap.mirrors.plan import MirrorPlan
from ckf_airgap.mirrors.rancher import rancher_files
from ckf_airgap.mirrors.readme import mirrors_readme

SCHEMA: Final = "ckf-airgap/mirrors/v1"

DOCUMENT: Final = "mirrors.json"
"""What is mirrored where, and the checksums of the other files."""

README: Final = "README.txt"

_CERTS: Final = "certs.d/"

_WRITERS: Final[Mapping[MirrorFormat, tuple[str, Callable[[MirrorPlan], dict[str, str]]]]] = {
    "containerd": (_CERTS, containerd_files),
    "k3s": ("", rancher_files),
    "microk8s": (_CERTS, containerd_files),
    "crio": ("", crio_files),
}


def mirror_files(
    plan: MirrorPlan, formats: Sequence[MirrorFormat] = MIRROR_FORMATS
) -> dict[str, str]:
    """Return the texts of all files by their paths in the directory of mirrors.

    The same plan gives the same texts. No path has a character that a file system of a disk that is
    carried about might refuse.

    Args:
        plan: What is mirrored.
        formats: The kinds of nodes, in any order.
    """
    wanted = [one for one in MIRROR_FORMATS if one in formats]
    files: dict[str, str] = {}
    for one in wanted:
        below, write = _WRITERS[one]
        files |= {f"{one}/{below}{path}": text for path, text in write(plan).items()}
    files[README] = mirrors_readme(plan, wanted)
    sums = {path: hashlib.sha256(text.encode()).hexdigest() for path, text in files.items()}
    document: Document = {
        "schema": SCHEMA,
        "registry": str(plan.registry),
        "plain-http": plan.plain_http,
        "formats": [*wanted],
        "hosts": list(plan.hosts),
        "unreachable": [str(image) for image in plan.unreachable],
        "files": dict(sorted(sums.items())),
    }
    return {**files, DOCUMENT: json.dumps(document, indent=1) + "\n"}


def files_of_document(text: str) -> dict[str, str] | None:
    """Return the checksums that a document has, or ``None`` when it is none of ours."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        return None
    files = document.get("files")
    if not isinstance(files, dict):
        return None
    return {str(path): str(checksum) for path, checksum in files.items()}
