"""Writing the files by which nodes look for public images in the private registry."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from ckf_airgap.errors import InputError, Problem, UsageError, raise_all, unreadable
from ckf_airgap.files import disk_errors, read_small_text, require_directory, write_text
from ckf_airgap.files.paths import StrPath, optional_path
from ckf_airgap.images.reference import ImageReference, Registry
from ckf_airgap.images.retag import RetagMapping
from ckf_airgap.mirrors.files import DOCUMENT, files_of_document, mirror_files
from ckf_airgap.mirrors.plan import MIRROR_FORMATS, MirrorFormat, MirrorPlan, plan_of

DIRECTORY: Final = "mirrors"
"""What the directory is called beside an archive of images: `push_images` looks for it."""

_MAX_BYTES: Final = 4 * 1024 * 1024
"""The largest size of a file in it, or of a CA's certificates."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenMirrors:
    """What was written.

    Attributes:
        directory: Where.
        plan: What is mirrored.
        formats: The kinds of nodes.
        files: The paths of all files below the directory, sorted.
        changed: How many of them were written now; the others were there already.
        warnings: What a person should look at.
    """

    directory: Path
    plan: MirrorPlan
    formats: tuple[MirrorFormat, ...]
    files: tuple[str, ...] = field(repr=False)
    changed: int
    warnings: tuple[Problem, ...] = ()


def plan_mirrors(
    registry: Registry,
    images: Iterable[ImageReference] = (),
    *,
    mapping: RetagMapping | None = None,
    ca_file: StrPath | None = None,
    plain_http: Iterable[str] = (),
) -> MirrorPlan:
    """Return what nodes are told, for `write_mirrors`; blocks on the disk.

    Args:
        registry: The private registry, with the path that images are put under.
        images: Images whose registries are mirrored besides the usual ones.
        mapping: Where images go, if not all are where ``images retag`` puts them by its rule.
        ca_file: Certificates of the registry's CA. Nothing else of the file is used, such as a key.
        plain_http: Hosts that are spoken to without TLS; only the registry's own counts.

    Raises:
        UsageError: when no image of the mapping can be had through a mirror.
        MissingError: when `ca_file` is not there.
        InputError: when it has no certificate, or when official images of Docker Hub and others
            would share a place.
    """
    path = optional_path(ca_file)
    without_tls = registry.host in frozenset(plain_http)
    plan = plan_of(
        registry,
        images,
        mapping=mapping,
        authority="" if path is None or without_tls else _authority(path),
        plain_http=without_tls,
    )
    if mapping is not None and mapping.images and len(plan.unreachable) == len(mapping.images):
        raise UsageError(
            f"no image in {registry} is where a mirror looks for it: their paths were folded",
            fix="Have images pulled by their names in the private registry, or use a registry that"
            " allows more levels.",
        )
    return plan


def write_mirrors(
    plan: MirrorPlan, directory: StrPath, formats: Sequence[MirrorFormat] = MIRROR_FORMATS
) -> WrittenMirrors:
    """Write the files of a plan; blocks on the disk.

    What an earlier run wrote there is replaced. Anything else is left alone: a file that somebody
    has changed since, such as one with a login, is refused before anything is written.

    Args:
        plan: What is mirrored; `plan_mirrors` makes it.
        directory: A new or empty directory, or one that an earlier run made.
        formats: The kinds of nodes.

    Raises:
        InputError: when other files are there; names every one.
        TransferError: when the disk is full or fails.
    """
    directory = Path(directory)
    require_directory(directory, may_be_missing=True)
    texts = mirror_files(plan, formats)
    with disk_errors(directory):
        there = _files_there(directory)
        old = _refuse_strangers(directory, there, texts)
        for path in old:
            (directory / path).unlink()
        changed = 0
        for path, text in texts.items():
            if there.get(path) == _sha256(text):
                continue
            (directory / path).parent.mkdir(parents=True, exist_ok=True)
            write_text(directory / path, text)
            changed += 1
        _remove_empty(directory)
    return WrittenMirrors(
        directory=directory,
        plan=plan,
        formats=tuple(one for one in MIRROR_FORMATS if one in formats),
        files=tuple(sorted(texts)),
        changed=changed,
        warnings=mirror_warnings(plan),
    )


def mirror_warnings(plan: MirrorPlan) -> tuple[Problem, ...]:
    """Return what a person should know of a plan."""
    if not plan.unreachable:
        return ()
    some = ", ".join(map(str, plan.unreachable[:3]))
    more = ", ..." if len(plan.unreachable) > 3 else ""
    return (
        Problem(
            f"{len(plan.unreachable)} images cannot be had through mirrors, since they are not at"
            f" the same path in {plan.registry}: {some}{more}",
            fix="Have them pulled by their names in the private registry; README.txt lists them.",
        ),
    )


def has_mirrors(archive: Path) -> bool:
    """Whether a directory of mirrors lies beside an archive of images; blocks on the disk."""
    return (archive.absolute().parent / DIRECTORY).is_dir()


def _authority(path: Path) -> str:
    """Return the certificates of a file in PEM, without anything else that is in it."""
    try:
        text = read_small_text(path, _MAX_BYTES, what="a certificate authority", pipes=True)
        found = x509.load_pem_x509_certificates(text.encode())
    except (UnicodeDecodeError, ValueError) as exc:
        raise InputError(f"{path} has no certificate authority in PEM: {exc}") from exc
    except OSError as exc:
        raise unreadable(exc, f"the certificate authority {path}") from exc
    return "".join(one.public_bytes(Encoding.PEM).decode() for one in found)


def _files_there(directory: Path) -> dict[str, str]:
    """Return the checksum of every file below a directory; an empty text for what is none."""
    found = {}
    for path in directory.rglob("*") if directory.is_dir() else ():
        name = path.relative_to(directory).as_posix()
        if path.is_symlink() or not (path.is_dir() or path.is_file()):
            found[name] = ""
        elif path.is_file():
            large = path.stat().st_size > _MAX_BYTES
            found[name] = "" if large else hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def _refuse_strangers(
    directory: Path, there: dict[str, str], texts: dict[str, str]
) -> tuple[str, ...]:
    """Return the files of an earlier run that are not needed any more."""
    known: dict[str, str] = {}
    if there.get(DOCUMENT):
        text = (directory / DOCUMENT).read_bytes().decode("utf-8", errors="replace")
        known = files_of_document(text) or {}
        if known:
            known[DOCUMENT] = there[DOCUMENT]
    wanted = {path: _sha256(text) for path, text in texts.items()}
    problems = [
        Problem(
            "somebody has changed it since it was written"
            if path in known
            else "it was not written by this command",
            path,
        )
        for path, checksum in sorted(there.items())
        if checksum not in (known.get(path), wanted.get(path)) or not checksum
    ]
    raise_all(
        InputError,
        f"{directory} has files that would be lost",
        problems,
        fix="Name another directory with -o, or remove them.",
    )
    return tuple(path for path in there if path not in wanted)


def _remove_empty(directory: Path) -> None:
    """Remove the directories that nothing is in any more."""
    for path in sorted(directory.rglob("*"), reverse=True):
        if path.is_dir() and not any(path.iterdir()):
            path.rmdir()


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def replace_mirrors(plan: MirrorPlan, directory: Path) -> None:
    """Write the files of a plan in place of whatever is there; blocks on the disk."""
    shutil.rmtree(directory, ignore_errors=True)
    for path, text in mirror_files(plan).items():
        (directory / path).parent.mkdir(parents=True, exist_ok=True)
        write_text(directory / path, text)
