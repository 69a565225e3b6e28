"""Writing the files by which nodes look for public images in the private registry."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from ckf_airgap.errors import InputError, Problem, UsageError, raise_all, unreadable
from ckf_airgap.files import disk_errors, read_small, read_small_text, require_directory, write_text
from ckf_airgap.files.paths import StrPath, optional_path
from ckf_airgap.images.reference import ImageReference, Registry
from ckf_airgap.images.retag import RetagMapping
from ckf_airgap.mirrors.files import DOCUMENT, files_of_document, mirror_files
from ckf_airgap.mirrors.formats import MIRROR_FORMATS, MirrorFormat
from ckf_airgap.mirrors.plan import MirrorPlan, plan_of

DIRECTORY: Final = "mirrors"
"""What the directory is called beside an archive of images: `push_images` looks for it."""

_MAX_BYTES: Final = 4 * 1024 * 1024
"""The largest size of a file in it, or of a CA's certificates."""

_MOST_PROBLEMS: Final = 100


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
        kept, old = _kept_and_old(directory, texts)
        # The document goes and comes last: it says which files are ours if we are stopped.
        for path in old:
            (directory / path).unlink()
            _remove_empty(directory, (directory / path).parent)
        for path, text in texts.items():
            if path not in kept:
                (directory / path).parent.mkdir(parents=True, exist_ok=True)
                write_text(directory / path, text)
    return WrittenMirrors(
        directory=directory,
        plan=plan,
        formats=tuple(one for one in MIRROR_FORMATS if one in formats),
        files=tuple(sorted(texts)),
        changed=len(texts) - len(kept),
        warnings=mirror_warnings(plan),
    )


def replace_mirrors(plan: MirrorPlan, directory: Path) -> None:
    """Write the files of a plan in place of whatever is there; blocks on the disk."""
    shutil.rmtree(directory, ignore_errors=True)
    for path, text in mirror_files(plan).items():
        (directory / path).parent.mkdir(parents=True, exist_ok=True)
        write_text(directory / path, text)


def mirror_warnings(plan: MirrorPlan) -> tuple[Problem, ...]:
    """Return what a person should know of a plan."""
    if not plan.unreachable:
        return ()
    count = len(plan.unreachable)
    what = "image is" if count == 1 else "images are"
    some = ", ".join(map(str, plan.unreachable[:3]))
    more = ", ..." if len(plan.unreachable) > 3 else ""
    return (
        Problem(
            f"{count} {what} not to be had through mirrors, being at another path in"
            f" {plan.registry}: {some}{more}",
            fix="Have these pulled by their names in the private registry; README.txt lists them.",
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


def _kept_and_old(
    directory: Path, texts: Mapping[str, str]
) -> tuple[frozenset[str], tuple[str, ...]]:
    """Return the files that are as they are to be, and those of an earlier run to be replaced.

    Only files that may be ours are read.

    Raises:
        InputError: when there are others; names a hundred at most.
    """
    wanted = {path: _sha256(text.encode()) for path, text in texts.items()}
    known = _written_before(directory)
    kept: list[str] = []
    old: list[str] = []
    problems: list[Problem] = []
    for path in directory.rglob("*") if directory.is_dir() else ():
        if path.is_dir() and not path.is_symlink():
            continue
        name = path.relative_to(directory).as_posix()
        content = _content(path) if name in wanted.keys() | known.keys() else None
        checksum = "" if content is None else _sha256(content)
        if checksum and checksum == wanted.get(name):
            kept.append(name)
        elif checksum and checksum == known.get(name):
            old.append(name)
        else:
            changed = "somebody has changed it since it was written"
            strange = "it was not written by this command"
            problems.append(Problem(changed if name in known else strange, name))
        if len(problems) == _MOST_PROBLEMS:
            break
    raise_all(
        InputError,
        f"{directory} has files that would be lost",
        sorted(problems, key=lambda problem: problem.where),
        fix="Name another directory with -o, or remove them.",
    )
    return frozenset(kept), tuple(sorted(old, key=lambda name: name == DOCUMENT))


def _written_before(directory: Path) -> dict[str, str]:
    """Return the checksums of the files of an earlier run; none where there was no such run."""
    content = _content(directory / DOCUMENT)
    known = None if content is None else files_of_document(content.decode(errors="replace"))
    return {} if known is None or content is None else {**known, DOCUMENT: _sha256(content)}


def _content(path: Path) -> bytes | None:
    """Return what is in a file; ``None`` for none, and for one that is none of ours."""
    try:
        return read_small(path, _MAX_BYTES, what="a file of mirrors", follow=False)
    except (OSError, InputError):
        return None


def _remove_empty(directory: Path, below: Path) -> None:
    """Remove a directory, and those that it lies in, as far as nothing is in them any more."""
    while below != directory and not any(below.iterdir()):
        below.rmdir()
        below = below.parent


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
