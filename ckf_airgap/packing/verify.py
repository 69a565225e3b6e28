"""Checking a pack: everything is read once, and everything that is wrong is named."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from ckf_airgap.errors import AirgapError, IntegrityError, Problem
from ckf_airgap.files import require_directory
from ckf_airgap.files.paths import StrPath, optional_path
from ckf_airgap.operations.lock import Lock
from ckf_airgap.packing.checksums import Checksums, FileSum, check_signature, read_public_key
from ckf_airgap.packing.names import (
    ASSUMES,
    CHARMS,
    CHECKSUMS,
    IMAGES,
    LOCK_NAME,
    SIGNATURE,
    whole_of,
)
from ckf_airgap.packing.parts import PartsReader, Watch, find_parts, ignore
from ckf_airgap.packing.since import Assumes
from ckf_airgap.packing.tarstream import TarFile, TarReader, open_tar
from ckf_airgap.transfer.stores.archivefiles import is_gzip_name

_FIX: Final = (
    "Copy the pack again; if it was made like this, do not use it, and ask whoever made it."
)
_MAX_INDEX_BYTES: Final = 64 * 1024 * 1024


@dataclass(slots=True, kw_only=True)
class VerifiedPack:
    """What a check found.

    Attributes:
        files: How many files were read.
        size: Their bytes.
        charms: How many charms are in the pack.
        blobs: How many blobs of images.
        signed: Whether the signature was checked and is right.
        has_signature: Whether there is one.
        assumes: What is left out, in a pack that was made ``--since``.
        problems: What is wrong.
    """

    files: int = 0
    size: int = 0
    charms: int = 0
    blobs: int = 0
    signed: bool = False
    has_signature: bool = False
    assumes: Assumes | None = None
    problems: list[Problem] = field(default_factory=list)


def verify_pack(
    directory: StrPath, *, key: StrPath | None = None, watch: Watch = ignore
) -> VerifiedPack:
    """Read everything in a pack once, and return what is wrong with it; blocks on the disk.

    Args:
        directory: The pack.
        key: The public key that it must be signed with.
        watch: Is notified of progress while reading.

    Returns:
        What was found; `VerifiedPack.problems` is empty when all is right.

    Raises:
        MissingError: when the directory or the key is not there.
        InputError: when the directory is not a pack, or the key is not one.
        IntegrityError: when the checksums themselves are damaged.
    """
    directory, key = Path(directory), optional_path(key)
    require_directory(directory)
    public = read_public_key(key) if key is not None else None
    checksums, content = Checksums.read(directory)
    return _Verification(directory, checksums, watch).run(
        lambda: check_signature(directory, content, public) if public is not None else None
    )


def raise_problems(directory: Path, verified: VerifiedPack) -> None:
    """Raise `IntegrityError` with everything that is wrong, or return when nothing is."""
    if verified.problems:
        raise IntegrityError(
            f"{directory} is not the pack that was made", problems=verified.problems, fix=_FIX
        )


class _Verification:
    """One check."""

    def __init__(self, directory: Path, checksums: Checksums, watch: Watch) -> None:
        self._directory = directory
        self._checksums = checksums
        self._watch = watch
        self._found = VerifiedPack()
        self._lock: Lock | None = None

    def run(self, signature: Callable[[], str | None]) -> VerifiedPack:
        self._found.has_signature = (self._directory / SIGNATURE).exists()
        wrong = signature()
        if wrong:
            self._wrong(f"the signature cannot be trusted: {wrong}", SIGNATURE)
        self._found.signed = wrong == ""
        self._listing()
        self._read_documents()
        done = self._charms() | self._images()
        for name in sorted(set(self._checksums.files) - done):
            path = self._directory / name
            if self._is_plain(path):
                with contextlib.closing(self._reader([path])) as reader:
                    reader.drain()
                    self._compare(reader)
        return self._found

    def _listing(self) -> None:
        """Name the files that are missing, and those that are not part of the pack."""
        known = set(self._checksums.files)
        there = set(_files(self._directory)) - {CHECKSUMS, SIGNATURE}
        for name in sorted(known - there):
            self._wrong("the file is missing", name)
        for name in sorted(known & there):
            if not self._is_plain(self._directory / name):
                self._wrong("it is not a regular file", name)
        for name in sorted(there - known):
            self._wrong("the file is not part of the pack", name)

    def _read_documents(self) -> None:
        for name, read in ((LOCK_NAME, self._read_lock), (ASSUMES, self._read_assumes)):
            try:
                read()
            except AirgapError as exc:
                self._wrong(exc.message, name)

    def _read_lock(self) -> None:
        path = self._directory / LOCK_NAME
        if self._is_plain(path):
            self._lock = Lock.read(path, pipes=False)

    def _read_assumes(self) -> None:
        self._found.assumes = Assumes.read(self._directory)

    def _charms(self) -> set[str]:
        """Read the archive of charms, and compare it with the lock."""
        found: dict[str, str] = {}

        def member(file: TarFile, tar: TarReader) -> None:
            digest = hashlib.sha384()
            for chunk in tar.chunks():
                digest.update(chunk)
            found[file.name] = digest.hexdigest()

        paths, whole = self._archive([CHARMS], member)
        self._found.charms = len(found)
        if self._lock is not None:
            self._compare_charms(found, whole=whole)
        return paths

    def _compare_charms(self, found: dict[str, str], *, whole: bool) -> None:
        assert self._lock is not None  # noqa: S101 - the caller looked
        assumed = self._found.assumes.charms if self._found.assumes else frozenset()
        wanted = {
            file: sha384
            for file, sha384 in self._lock.charm_checksums.items()
            if file not in assumed
        }
        names = {sha384: file for file, sha384 in self._lock.charm_checksums.items()}
        for file in sorted(wanted.keys() - found.keys()) if whole else ():
            self._wrong(f"the charm {file} is missing", CHARMS)
        for file in sorted(found.keys() - wanted.keys()):
            self._wrong(f"{file} is not expected there", CHARMS)
        for file in sorted(found.keys() & wanted.keys()):
            if found[file] == wanted[file]:
                continue
            other = names.get(found[file])
            what = f"holds the charm {other}" if other else "is not the charm in the lock"
            self._wrong(f"{file} {what}", CHARMS)

    def _images(self) -> set[str]:
        """Read the archive of images: each blob must be what its name says."""
        found: dict[str, int] = {}
        damaged: list[str] = []
        index: list[bytes] = []

        def member(file: TarFile, tar: TarReader) -> None:
            folder, _, rest = file.name.partition("/")
            algorithm, _, digits = rest.partition("/")
            if folder == "blobs" and algorithm in ("sha256", "sha512"):
                digest = hashlib.new(algorithm)
                for chunk in tar.chunks():
                    digest.update(chunk)
                name = f"{algorithm}:{digits}"
                found[name] = file.size
                if digest.hexdigest() != digits:
                    damaged.append(name)
            elif file.name == "index.json" and file.size <= _MAX_INDEX_BYTES:
                index.append(b"".join(tar.chunks()))

        present = [name for name in IMAGES if find_parts(self._directory, name)]
        paths, whole = self._archive(present[:1] or list(IMAGES[:1]), member)
        self._found.blobs = len(found)
        where = present[0] if present else IMAGES[0]
        for name in damaged:
            self._wrong(f"the blob {name} is altered", where)
        if whole and self._lock is not None:
            self._compare_images(found, index, where)
        return paths

    def _compare_images(self, found: dict[str, int], index: list[bytes], where: str) -> None:
        assert self._lock is not None  # noqa: S101 - the caller looked
        assumed = self._found.assumes.blobs if self._found.assumes else frozenset()
        entries = _entries(index[0]) if index else {}
        if not index and self._lock.images:
            self._wrong("index.json is missing", where)
        named = {name: digest for name, digest in entries.items() if name}
        users: dict[str, str] = {}
        for image in self._lock.images:
            for digest in (image.digest, *image.blobs):
                users.setdefault(digest, image.source)
            if index and named.get(image.source) != image.digest:
                self._wrong(f"the image {image.source} is not the one in the lock", where)
        for digest in sorted(users.keys() - found.keys() - assumed):
            self._wrong(f"the blob {digest} of {users[digest]} is missing", where)
        for digest in sorted(found.keys() & self._lock.blobs.keys()):
            if found[digest] != self._lock.blobs[digest]:
                self._wrong(f"the blob {digest} has a different size than in the lock", where)
        for digest in sorted(found.keys() - users.keys() - set(_digests(index))):
            self._wrong(f"the blob {digest} is not expected there", where)

    def _archive(
        self, names: list[str], member: Callable[[TarFile, TarReader], None]
    ) -> tuple[set[str], bool]:
        """Read an archive or its parts once; return its files, and whether it was read whole."""
        name = names[0]
        listed = self._listed_parts(name)
        paths = [self._directory / one for one in listed]
        if not listed:
            if self._lock is not None and (self._lock.images or name == CHARMS):
                self._wrong("the pack has no such archive", name)
            return set(), False
        if not all(self._is_plain(path) for path in paths):
            for path in paths:
                if self._is_plain(path):
                    with contextlib.closing(self._reader([path])) as reader:
                        reader.drain()
                        self._compare(reader)
            return set(listed), False
        with contextlib.closing(self._reader(paths)) as reader:
            whole = True
            try:
                tar = open_tar(reader, name, gzip=is_gzip_name(name))
                for file in tar:
                    member(file, tar)
            except IntegrityError as exc:
                whole = False
                self._wrong(exc.message.removeprefix(name).strip(), name)
            reader.drain()
            self._compare(reader)
            expected = self._checksums.wholes.get(name)
            if expected is not None and reader.whole != expected:
                self._wrong("its parts do not add up to the file that was split", name)
        return set(listed), whole

    def _listed_parts(self, name: str) -> list[str]:
        """Return the files of the checksums that make up an archive, in order."""
        if name in self._checksums.files:
            return [name]
        parts = {
            part[1]: file
            for file in self._checksums.files
            if (part := whole_of(file)) is not None and part[0] == name
        }
        return [parts[number] for number in sorted(parts)]

    def _reader(self, paths: list[Path]) -> PartsReader:
        return PartsReader(paths, self._watch)

    def _compare(self, reader: PartsReader) -> None:
        """Compare the files that were read with their checksums."""
        for path, found in reader.sums.items():
            name = path.relative_to(self._directory).as_posix()
            self._found.files += 1
            self._found.size += found.size
            expected = self._checksums.files[name]
            if found == expected:
                continue
            self._wrong(_difference(found, expected), name)

    def _is_plain(self, path: Path) -> bool:
        return path.is_file() and not path.is_symlink()

    def _wrong(self, what: str, where: str) -> None:
        self._found.problems.append(Problem(what, where))


def _difference(found: FileSum, expected: FileSum) -> str:
    if found.size < expected.size:
        return f"the file is truncated: {found.size} of {expected.size} bytes"
    if found.size > expected.size:
        return f"the file is longer than it was: {found.size} instead of {expected.size} bytes"
    return "the file is altered: its sha256 differs"


def _files(directory: Path) -> Iterator[str]:
    """Yield the paths of everything below a directory except directories."""
    for folder, names, files in os.walk(directory):
        links = [name for name in names if (Path(folder) / name).is_symlink()]
        for name in (*files, *links):
            yield (Path(folder) / name).relative_to(directory).as_posix()


def _manifests(content: bytes) -> list[dict[str, object]]:
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        return []
    found = document.get("manifests") if isinstance(document, dict) else None
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _entries(content: bytes) -> dict[str, str]:
    """Return the digest of each name in an ``index.json``; stand-ins for older tools are passed."""
    entries: dict[str, str] = {}
    for one in _manifests(content):
        annotations = one.get("annotations")
        marks = annotations if isinstance(annotations, dict) else {}
        name = marks.get("org.opencontainers.image.ref.name")
        if isinstance(name, str) and "ckf-airgap.stands-in-for" not in marks:
            entries[name] = str(one.get("digest"))
    return entries


def _digests(index: list[bytes]) -> Iterator[str]:
    for content in index:
        for one in _manifests(content):
            yield str(one.get("digest"))
