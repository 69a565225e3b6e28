"""The checksums of a pack, as ``sha256sum -c`` reads them, and the signature over them."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from ckf_airgap.errors import InputError, IntegrityError, unreadable
from ckf_airgap.files import read_small, require_directory
from ckf_airgap.packing.names import BEGUN, CHECKSUMS, SIGNATURE, safe_path

HEADER: Final = "# ckf-airgap checksums v1"

_LINE: Final = re.compile(r"^(?P<hex>[0-9a-f]{64}) [ *](?P<name>.+)\Z")
_SIZE: Final = re.compile(r"^# size (?P<size>[0-9]{1,18}) (?P<name>.+)\Z")
_WHOLE: Final = re.compile(r"^# whole (?P<hex>[0-9a-f]{64}) (?P<size>[0-9]{1,18}) (?P<name>.+)\Z")
_MAX_BYTES: Final = 16 * 1024 * 1024
"""Of the checksums: a pack has some fifty files, and a line has less than 200 bytes."""

_MAX_KEY_BYTES: Final = 64 * 1024
"""Of a key: one in PEM has less than 200 bytes, and may have text around it."""

_MAX_SIGNATURE_BYTES: Final = 1024
"""Of the signature: it has 89."""


@dataclass(frozen=True, slots=True)
class FileSum:
    """Checksum and size of a file."""

    sha256: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Checksums:
    """The checksums of a pack.

    Attributes:
        files: Those of each file, by its path in the pack.
        wholes: Those of files that were split into parts.
    """

    files: Mapping[str, FileSum] = field(default_factory=dict)
    wholes: Mapping[str, FileSum] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str, *, where: str) -> Checksums:
        """Return the checksums that a file holds.

        Raises:
            IntegrityError: when it holds something else.
        """
        sums: dict[str, str] = {}
        sizes: dict[str, int] = {}
        wholes: dict[str, FileSum] = {}
        lines = text.splitlines()
        if not lines or lines[0] != HEADER:
            raise IntegrityError(f"{where} does not begin with {HEADER!r}")
        for number, line in enumerate(lines[1:], start=2):
            if match := _LINE.match(line):
                name = safe_path(match["name"], where)
                if name in sums:
                    raise IntegrityError(f"{where} names {name} twice (line {number})")
                sums[name] = match["hex"]
            elif match := _SIZE.match(line):
                sizes[safe_path(match["name"], where)] = int(match["size"])
            elif match := _WHOLE.match(line):
                name = safe_path(match["name"], where)
                wholes[name] = FileSum(match["hex"], int(match["size"]))
            elif line.strip():
                raise IntegrityError(f"{where} has a line that is not a checksum (line {number})")
        if set(sums) != set(sizes):
            raise IntegrityError(f"{where} lacks sizes or checksums of some files")
        return cls(files={name: FileSum(sums[name], sizes[name]) for name in sums}, wholes=wholes)

    @classmethod
    def read(cls, directory: Path) -> tuple[Checksums, bytes]:
        """Return the checksums of a pack, and their file; blocks on the disk.

        Raises:
            MissingError: when there is no such directory.
            InputError: when nothing in it is of a pack.
            IntegrityError: when the checksums are damaged, or absent from what is there of a pack.
        """
        require_directory(directory)
        path = directory / CHECKSUMS
        try:
            content = read_small(
                path, _MAX_BYTES, what="a list of checksums", follow=False, error=IntegrityError
            )
            text = content.decode("utf-8")
        except FileNotFoundError as exc:
            if not any((directory / name).exists() for name in BEGUN):
                raise InputError(
                    f"{directory} is not a pack: it has no {CHECKSUMS}",
                    fix="Name the directory that `ckf-airgap pack` wrote.",
                ) from exc
            raise IntegrityError(
                f"{directory} has no {CHECKSUMS}: the pack is unfinished, or the file was lost",
                fix="Make it again with: ckf-airgap pack BUNDLE --registry R -o DIR",
            ) from exc
        except UnicodeDecodeError as exc:
            raise IntegrityError(f"{path} is damaged: it is not UTF-8") from exc
        except OSError as exc:
            raise InputError(f"cannot read {path}: {exc.strerror}") from exc
        return cls.parse(text, where=str(path)), content

    def to_text(self) -> str:
        """Return the file; sizes are comments, which ``sha256sum -c`` passes over."""
        lines = [HEADER]
        lines += [f"# size {one.size} {name}" for name, one in sorted(self.files.items())]
        lines += [
            f"# whole {one.sha256} {one.size} {name}" for name, one in sorted(self.wholes.items())
        ]
        lines += [f"{one.sha256}  {name}" for name, one in sorted(self.files.items())]
        return "\n".join(lines) + "\n"


def sign(content: bytes, key: Path) -> str:
    """Return the signature of the checksums, as the file holds it; blocks on the disk.

    Args:
        content: The checksums' file.
        key: The private key, PEM (``openssl genpkey -algorithm ed25519``), not encrypted.

    Raises:
        MissingError: when it is not there.
        InputError: when it is not such a key.
    """
    return base64.b64encode(read_private_key(key).sign(content)).decode() + "\n"


def read_private_key(key: Path) -> Ed25519PrivateKey:
    """Return the private key that a file holds; see `sign`."""
    try:
        private = load_pem_private_key(_read_key(key), password=None)
    except OSError as exc:
        raise unreadable(exc, f"the key {key}") from exc
    except (ValueError, TypeError, UnsupportedAlgorithm) as exc:
        raise InputError(
            f"{key} is not a usable private key: {_first_line(exc)}", fix=_KEY_FIX
        ) from exc
    if not isinstance(private, Ed25519PrivateKey):
        raise InputError(f"{key} is not an Ed25519 key", fix=_KEY_FIX)
    return private


def read_public_key(key: Path) -> Ed25519PublicKey:
    """Return the public key that a file holds, PEM; blocks on the disk.

    Raises:
        MissingError: when it is not there.
        InputError: when it is not one.
    """
    try:
        public = load_pem_public_key(_read_key(key))
    except OSError as exc:
        raise unreadable(exc, f"the key {key}") from exc
    except (ValueError, UnsupportedAlgorithm) as exc:
        raise InputError(f"{key} is not a public key: {_first_line(exc)}", fix=_PUBLIC_FIX) from exc
    if not isinstance(public, Ed25519PublicKey):
        raise InputError(f"{key} is not an Ed25519 key", fix=_PUBLIC_FIX)
    return public


def _read_key(key: Path) -> bytes:
    return read_small(key, _MAX_KEY_BYTES, what="a key", pipes=True)


def check_signature(directory: Path, content: bytes, key: Ed25519PublicKey) -> str:
    """Return what is wrong with the signature of a pack, or an empty text; blocks on the disk."""
    try:
        text = read_small(
            directory / SIGNATURE, _MAX_SIGNATURE_BYTES, what="a signature", follow=False
        )
    except InputError:
        return "its file cannot hold a signature"
    except OSError:
        return "the pack has no signature, although a key was given"
    try:
        key.verify(base64.b64decode(text, validate=False), content)
    except (InvalidSignature, binascii.Error, ValueError):
        return f"it was not made by that key for {CHECKSUMS}"
    return ""


_KEY_FIX: Final = "Make one with: openssl genpkey -algorithm ed25519 -out key.pem"
_PUBLIC_FIX: Final = "Take it from the private one: openssl pkey -in key.pem -pubout -out pub.pem"


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0][:200] if str(error) else type(error).__name__
