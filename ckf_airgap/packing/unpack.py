"""Laying a pack out on the other side: nothing unsafe, nothing incomplete, nothing overwritten."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from ckf_airgap.errors import CharmNotFoundError, InputError, IntegrityError, Problem, raise_all
from ckf_airgap.files import disk_error, open_regular, read_small, replacing, require_directory
from ckf_airgap.files.paths import StrPath, optional_path
from ckf_airgap.operations.lock import FILE_NAME, MAX_LOCK_BYTES, Lock, LockedCharm
from ckf_airgap.packing.checksums import Checksums, FileSum, check_signature, read_public_key
from ckf_airgap.packing.names import (
    ASSUMES,
    CHARMS,
    IMAGES,
    LAID_OUT,
    LOCK_NAME,
    MIRRORS,
    RESOURCES,
    SIGNATURE,
)
from ckf_airgap.packing.parts import PartsReader, Watch, find_parts, ignore, join
from ckf_airgap.packing.resources import lay_out
from ckf_airgap.packing.since import Assumes
from ckf_airgap.packing.tarstream import TarFile, TarReader, open_tar
from ckf_airgap.transfer.stores.archivefiles import is_gzip_name

CHARMS_DIRECTORY = "charms"
_READ_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Unpacked:
    """What was laid out.

    Attributes:
        directory: Where.
        charms: How many charms are there now.
        written: Files that were written.
        kept: Files that were already there and intact.
        images: The archive of images, for ``images push``.
        assumes: What must be on this side already.
    """

    directory: Path
    charms: int
    written: int
    kept: int
    images: Path | None
    assumes: Assumes | None


def unpack_pack(
    directory: StrPath,
    target: StrPath,
    *,
    force: bool = False,
    key: StrPath | None = None,
    watch: Watch = ignore,
) -> Unpacked:
    """Lay out ``charms/``, ``retagged-images.txt`` and the rest; blocks on the disk.

    The archive of images is joined there when it came in parts; one that is whole stays where it
    is, and is not read. `ckf_airgap.packing.verify` reads everything.

    Args:
        directory: The pack.
        target: Where to; ``~/charms`` is where the guide has the charms.
        force: Whether to overwrite files that differ.
        key: The public key that the pack must be signed with.
        watch: Is notified of progress while reading.

    Raises:
        MissingError: when the directory or the key is not there.
        CharmNotFoundError: when it is made ``--since`` a pack whose charms are not there.
        InputError: when the directory is not a pack, the key is not one, `target` is not a
            directory, or files are there that differ; nothing is written then.
        IntegrityError: when the pack is damaged, hostile or not signed with the key.
        TransferError: when the disk is full or fails.
    """
    directory, target, key = Path(directory), Path(target), optional_path(key)
    require_directory(directory)
    require_directory(target, may_be_missing=True)
    public = read_public_key(key) if key is not None else None
    checksums, content = Checksums.read(directory)
    if public is not None and (wrong := check_signature(directory, content, public)):
        raise IntegrityError(
            f"the signature of {directory} cannot be trusted: {wrong}",
            problems=[Problem(wrong, SIGNATURE)],
        )
    try:
        return _Unpacking(directory, target, checksums, force=force, watch=watch).run()
    except OSError as exc:
        raise disk_error(exc, Path(exc.filename or target)) from exc


class _Unpacking:
    """One run of `unpack_pack`."""

    def __init__(
        self, directory: Path, target: Path, checksums: Checksums, *, force: bool, watch: Watch
    ) -> None:
        self._directory = directory
        self._target = target
        self._charms = target / CHARMS_DIRECTORY
        self._checksums = checksums
        self._force = force
        self._watch = watch
        self._written = 0
        self._kept = 0

    def run(self) -> Unpacked:
        small = {name: self._small(name) for name in LAID_OUT if name in self._checksums.files}
        if LOCK_NAME not in small:
            raise IntegrityError(f"{self._directory} has no {LOCK_NAME}")
        text = small[LOCK_NAME].decode("utf-8", errors="replace")
        try:
            lock = Lock.from_text(text, where=str(self._directory / LOCK_NAME))
        except InputError as exc:  # it is a file of the pack, not one that somebody named
            raise IntegrityError(exc.message, problems=exc.problems, fix=exc.fix) from exc
        assumes = self._assumes()
        left_out = assumes.charms if assumes is not None else frozenset()
        if assumes is not None:
            self._require(assumes, lock)
        wanted = {one.file: one for one in lock.charms if one.file not in left_out}
        states = {
            file: _state(self._charms / file, "sha384", one.sha384) for file, one in wanted.items()
        }
        parts = self._parts()
        trees = {
            name: one
            for name, one in self._checksums.files.items()
            if name.startswith((f"{RESOURCES}/", f"{MIRRORS}/"))
        }
        self._refuse_differing(small, trees, states, parts)
        self._charms.mkdir(parents=True, exist_ok=True)
        self._extract(wanted, states)
        images = self._images(parts)
        for name, content in small.items():
            self._write(self._target / name, content)
        for name, expected in trees.items():
            if _state(self._target / name, "sha256", expected.sha256) == "same":
                self._kept += 1
            else:
                lay_out(self._directory / name, self._target / name, expected)
                self._written += 1
        return Unpacked(
            directory=self._target,
            charms=len(lock.charms),
            written=self._written,
            kept=self._kept,
            images=images,
            assumes=assumes,
        )

    def _assumes(self) -> Assumes | None:
        """Return what the pack assumes; a file without a checksum is not one of the pack's."""
        if ASSUMES not in self._checksums.files:
            return None
        text = self._small(ASSUMES).decode("utf-8", errors="replace")
        return Assumes.from_text(text, where=str(self._directory / ASSUMES))

    def _small(self, name: str) -> bytes:
        """Return a small file of the pack, checked."""
        expected = self._checksums.files[name]
        path = self._directory / name
        try:
            content = read_small(
                path,
                MAX_LOCK_BYTES,
                what=f"the {name} of a pack",
                follow=False,
                error=IntegrityError,
            )
        except FileNotFoundError:
            raise IntegrityError(f"{self._directory} lacks {name}") from None
        if FileSum(hashlib.sha256(content).hexdigest(), len(content)) != expected:
            raise IntegrityError(
                f"{path} is not the file that was packed",
                fix="Copy the pack again; `ckf-airgap verify DIR` names all that is wrong.",
            )
        return content

    def _require(self, assumes: Assumes, lock: Lock) -> None:
        """Refuse a pack whose base is not here."""
        checksums = lock.charm_checksums
        missing = [
            Problem("it is missing, or is a different file", str(self._charms / file))
            for file in sorted(assumes.charms)
            if _state(self._charms / file, "sha384", checksums.get(file, "")) != "same"
        ]
        raise_all(
            CharmNotFoundError,
            f"this pack holds only what is new since {assumes}, whose charms are not here",
            missing,
        )

    def _parts(self) -> tuple[str, list[Path]] | None:
        """Return the archive of images, and the parts that it came in."""
        for name in IMAGES:
            parts = find_parts(self._directory, name)
            if parts:
                return name, parts
        return None

    def _refuse_differing(
        self,
        small: dict[str, bytes],
        trees: dict[str, FileSum],
        charms: dict[str, str],
        images: tuple[str, list[Path]] | None,
    ) -> None:
        if self._force:
            return
        differing = [self._charms / file for file, state in charms.items() if state == "differs"]
        sums = {name: hashlib.sha256(content).hexdigest() for name, content in small.items()}
        sums |= {name: one.sha256 for name, one in trees.items()}
        for name, expected in sums.items():
            path = self._target / name
            if _state(path, "sha256", expected) == "differs":
                differing.append(path)
        if images is not None and (whole := self._checksums.wholes.get(images[0])):
            path = self._target / images[0]
            if _state(path, "sha256", whole.sha256) == "differs":
                differing.append(path)
        raise_all(
            InputError,
            "files that are already there differ from those in the pack",
            [
                Problem("it is a different file", str(path), "remove it, or use --force")
                for path in sorted(differing)
            ],
        )

    def _extract(self, wanted: dict[str, LockedCharm], states: dict[str, str]) -> None:
        """Write the charms, each under its name when its checksum is right."""
        parts = find_parts(self._directory, CHARMS)
        if not parts:
            raise IntegrityError(f"{self._directory} lacks {CHARMS}")
        seen: set[str] = set()
        with contextlib.closing(PartsReader(parts, self._watch)) as reader:
            tar = open_tar(reader, str(self._directory / CHARMS), gzip=is_gzip_name(CHARMS))
            for file in tar:
                if not FILE_NAME.match(file.name) or file.name not in wanted:
                    raise IntegrityError(
                        f"{self._directory / CHARMS} holds {file.name!r}, which the lock does not"
                    )
                seen.add(file.name)
                if states[file.name] == "same":
                    self._kept += 1
                else:
                    self._extract_one(file, tar, wanted[file.name])
        missing = [Problem("it is missing", file) for file in sorted(wanted.keys() - seen)]
        raise_all(IntegrityError, f"{self._directory / CHARMS} lacks charms", missing)

    def _extract_one(self, file: TarFile, tar: TarReader, locked: LockedCharm) -> None:
        target = self._charms / file.name
        wrong = IntegrityError(
            f"the charm {file.name} is not the one in the lock",
            fix="Copy the pack again; `ckf-airgap verify DIR` names all that is wrong.",
        )
        if file.size != locked.size:  # before it fills the disk
            raise wrong
        digest = hashlib.sha384()
        with replacing(target) as stream:
            for chunk in tar.chunks():
                digest.update(chunk)
                stream.write(chunk)
            if digest.hexdigest() != locked.sha384:
                raise wrong
        self._written += 1

    def _images(self, images: tuple[str, list[Path]] | None) -> Path | None:
        if images is None:
            return None
        name, parts = images
        whole = self._checksums.wholes.get(name)
        if whole is None:
            return parts[0]
        target = self._target / name
        if _state(target, "sha256", whole.sha256) == "same":
            self._kept += 1
            return target
        join(parts, target, whole, self._watch)
        self._written += 1
        return target

    def _write(self, path: Path, content: bytes) -> None:
        if _state(path, "sha256", hashlib.sha256(content).hexdigest()) == "same":
            self._kept += 1
            return
        with replacing(path) as stream:
            stream.write(content)
        self._written += 1


def _state(path: Path, algorithm: str, expected: str) -> str:
    """Return ``absent``, ``same`` or ``differs``."""
    if path.is_symlink() and not path.exists():
        return "differs"
    try:
        digest = hashlib.new(algorithm)
        with open_regular(path) as stream:
            for chunk in _chunks(stream.read):
                digest.update(chunk)
    except FileNotFoundError:
        return "absent"
    except (IsADirectoryError, InputError):  # a directory, or a pipe, which is not waited for
        return "differs"
    return "same" if digest.hexdigest() == expected else "differs"


def _chunks(read: Callable[[int], bytes]) -> Iterable[bytes]:
    while chunk := read(_READ_BYTES):
        yield chunk
