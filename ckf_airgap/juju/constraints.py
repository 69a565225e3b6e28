"""Constraints, storage and devices: from a bundle's text to the objects of Juju's API. Pure.

libjuju's parser is not used: it keeps ``mem=1.5G`` as text, which the controller cannot decode.
Grammar and messages are those of Juju 3.6 (``core/constraints``, ``storage``, ``core/devices``).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Final

from ckf_airgap.charms.charm import Base
from ckf_airgap.documents import Document, JSONValue
from ckf_airgap.errors import BundleError

ARCHITECTURES: Final = ("amd64", "arm64", "ppc64el", "riscv64", "s390x")
"""The architectures that Juju 3.6 knows."""

DEFAULT_ARCHITECTURE: Final = "amd64"

_MIB: Final = {"M": 1, "G": 1024, "T": 1024**2, "P": 1024**3, "E": 1024**4}
_STORAGE_MIB: Final = {**_MIB, "Z": 1024**5, "Y": 1024**6}
_NUMBER: Final = re.compile(r"^[0-9]+(\.[0-9]*)?$|^\.[0-9]+$")
_STORAGE_SIZE: Final = re.compile(r"^([0-9]+(?:\.[0-9]+)?)([MGTPEZY])(?:i?B)?$")
_STORAGE_POOL: Final = re.compile(r"^[a-zA-Z]+[-?a-zA-Z0-9]*$")


def parse_constraints(text: str) -> Document:
    """Return the constraints object of the API for ``mem=2G cores=2``; sizes are in MiB.

    Raises:
        BundleError: in Juju's words, for the first thing that is wrong.
    """
    found: Document = {}
    for word in text.split():
        name, equals, value = word.partition("=")
        if not equals or not name:
            raise BundleError(f'malformed constraint "{word}"')
        key = "cores" if name == "cpu-cores" else name
        parse = _PARSERS.get(key)
        if parse is None:
            raise BundleError(f'unknown constraint "{name}"')
        if key in found:
            raise BundleError(f'bad "{name}" constraint: already set')
        try:
            found[key] = parse(value)
        except ValueError as exc:
            raise BundleError(f'bad "{name}" constraint: {exc}') from exc
    return found


def architecture_of(base: Base, constraints: Document) -> str:
    """Return the architecture: the ``arch`` constraint, amd64 where the base has it, its first."""
    wanted = constraints.get("arch")
    if isinstance(wanted, str) and wanted:
        return wanted
    known = [name for name in base.architectures if name in ARCHITECTURES]
    return DEFAULT_ARCHITECTURE if not known or DEFAULT_ARCHITECTURE in known else known[0]


def _size(value: str) -> JSONValue:
    if not value:
        return 0
    factor = _MIB.get(value[-1], 0) if value[-1] != "E" else 0
    digits = value[:-1] if factor else value
    if not _NUMBER.match(digits):
        raise ValueError("must be a non-negative float with optional M/G/T/P suffix")
    return math.ceil(float(digits) * (factor or 1))


def _integer(value: str) -> JSONValue:
    if value and not (value.isascii() and value.isdigit()):
        raise ValueError("must be a non-negative integer")
    return int(value or 0)


def _architecture(value: str) -> JSONValue:
    if value and value not in ARCHITECTURES:
        raise ValueError(f'"{value}" not recognized')
    return value


def _flag(value: str) -> JSONValue:
    if value not in ("true", "false", ""):
        raise ValueError("must be 'true' or 'false'")
    return value == "true"


def _words(value: str) -> JSONValue:
    return [*value.split(",")] if value else []


def _text(value: str) -> JSONValue:
    return value


_PARSERS: Final[Mapping[str, Callable[[str], JSONValue]]] = {
    "allocate-public-ip": _flag,
    "arch": _architecture,
    "container": _text,
    "cores": _integer,
    "cpu-power": _integer,
    "image-id": _text,
    "instance-role": _text,
    "instance-type": _text,
    "mem": _size,
    "root-disk": _size,
    "root-disk-source": _text,
    "spaces": _words,
    "tags": _words,
    "virt-type": _text,
    "zones": _words,
}


def parse_storage(text: str) -> Document:
    """Return the storage directive of the API for ``kubernetes,2,10G``, its parts in any order.

    Raises:
        BundleError: in Juju's words.
    """
    found: Document = {}
    for part in filter(None, text.split(",")):
        size = _STORAGE_SIZE.match(part)
        if size:
            key, value = "Size", math.ceil(float(size[1]) * _STORAGE_MIB[size[2]])
        elif part.isascii() and part.isdigit() and int(part) > 0:
            key, value = "Count", int(part)
        elif _STORAGE_POOL.match(part):
            if "Pool" in found:
                raise BundleError(f'storage directive "{text}": pool already specified')
            found["Pool"] = part
            continue
        else:
            raise BundleError(
                f'storage directive "{text}": unrecognized storage constraint "{part}"'
            )
        if key in found:
            raise BundleError(f'storage directive "{text}": {key.lower()} already specified')
        found[key] = value
    found.setdefault("Count", 1)
    return found


def parse_device(text: str) -> Document:
    """Return the device directive of the API for ``2,nvidia.com/gpu,model=a100;mem=40G``.

    Raises:
        BundleError: when a part is wrong.
    """
    parts = text.split(",")
    count = 1
    if parts[0].isascii() and parts[0].isdigit():
        count = int(parts.pop(0))
    if not parts or not parts[0] or len(parts) > 2 or count < 1:
        raise BundleError(f'cannot parse device constraints string "{text}"')
    attributes: Document = {}
    for pair in filter(None, parts[1].split(";") if len(parts) == 2 else ()):
        key, equals, value = pair.partition("=")
        if not equals or not key:
            raise BundleError(f'device attribute key/value pair has bad format: "{pair}"')
        attributes[key] = value
    return {"Type": parts[0], "Count": count, "Attributes": attributes}
