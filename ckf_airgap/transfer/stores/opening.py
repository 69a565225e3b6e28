"""What images are read from, whoever made it: a layout, an archive, tars of ``docker save``."""

from __future__ import annotations

import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias, final

from ckf_airgap.errors import InputError, MissingError
from ckf_airgap.transfer.stores.archive import Archive
from ckf_airgap.transfer.stores.dockersave import SavedImage, distinct_images, saved_images
from ckf_airgap.transfer.stores.layout import LayoutDirectory
from ckf_airgap.transfer.stores.tarindex import TarIndex
from ckf_airgap.transfer.stores.volume import Volume, open_volume


@final
@dataclass(frozen=True, slots=True)
class DockerTars:
    """Tars of ``docker save``, which have to be imported into a store before they are pushed.

    Attributes:
        path: The file, or the directory with the files.
        images: Their images.
        indexes: The open files.
    """

    path: Path
    images: tuple[SavedImage, ...]
    indexes: tuple[TarIndex, ...]

    def close(self) -> None:
        """Close the files."""
        for index in self.indexes:
            index.volume.close()


ImageSource: TypeAlias = "LayoutDirectory | Archive | DockerTars"
"""What `open_source` returns."""


def open_source(path: Path) -> ImageSource:
    """Open images by their path; blocks on the disk.

    Args:
        path: An OCI image layout, an archive of ckf-airgap or ``docker save``, the guide's
            ``images.tar.gz`` of tars, or a directory with such tars in it.

    Raises:
        MissingError: when nothing is there.
        InputError: when something else is there.
        IntegrityError: when it is damaged, truncated or hostile.
    """
    if not path.exists():
        raise MissingError(
            f"there is no archive {path}",
            fix="Name what `ckf-airgap images save` or `images pull` made.",
        )
    if path.is_dir():
        if (path / "oci-layout").is_file():
            return LayoutDirectory.open(path)
        return _tars(path, sorted(path.glob("*.tar")))
    volume = open_volume(path)
    try:
        _refuse_other_files(volume, path)
        index = TarIndex.scan(volume, str(path))
        if index.find("index.json") is not None:
            return Archive.of(index)
        return DockerTars(path, distinct_images(saved_images(index), str(path)), (index,))
    except BaseException:
        volume.close()
        raise


def _refuse_other_files(volume: Volume, path: Path) -> None:
    """Refuse what is not an archive at all, so that it is not taken for a damaged one."""
    block = volume.pread(0, tarfile.BLOCKSIZE)
    cut = len(block) < tarfile.BLOCKSIZE and (not block or b"\0" in block)
    if cut or block[257:].startswith(b"ustar"):
        return  # a tar, whole or not
    try:
        tarfile.TarInfo.frombuf(block, tarfile.ENCODING, "surrogateescape")
    except tarfile.TarError as exc:
        if block == bytes(tarfile.BLOCKSIZE):
            return  # a tar without members
        raise InputError(
            f"{path} is not an archive: it is not a tar, gzipped or not",
            fix="Name what `ckf-airgap images save` wrote.",
        ) from exc


def _tars(path: Path, files: list[Path]) -> DockerTars:
    """Open the directory that the guide's ``images.tar.gz`` unpacks to."""
    if not files:
        raise InputError(
            f"{path} holds no images: neither an OCI image layout nor docker save archives",
            fix="Name what `ckf-airgap images pull` or `images save` made.",
        )
    opened: list[TarIndex] = []
    images: list[SavedImage] = []
    try:
        for file in files:
            volume = open_volume(file)
            try:
                index = TarIndex.scan(volume, str(file))
            except BaseException:
                volume.close()
                raise
            opened.append(index)
            images += saved_images(index)
        return DockerTars(path, distinct_images(images, str(path)), tuple(opened))
    except BaseException:
        for index in opened:
            index.volume.close()
        raise
