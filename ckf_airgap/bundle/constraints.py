"""Constraints, storage and devices: from a bundle's text to the objects of Juju's API. Pure.

libjuju's parser is not used: it keeps ``mem=1.5G`` as text, which the controller cannot decode.
Grammar and messages are those of Juju 3.6 (``core/constraints``, ``storage``, ``core/devices``);
numbers are read as Go's ``strconv`` reads them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Final

from ckf_airgap.charms.bases import ARCHITECTURES, DEFAULT_ARCHITECTURE
from ckf_airgap.charms.charm import Base
from ckf_airgap.documents import Document, JSONValue
from ckf_airgap.errors import BundleError

_MIB: Final = {"M": 1, "G": 1024, "T": 1024**2, "P": 1024**3}
_STORAGE_MIB: Final = {**_MIB, "E": 1024**4, "Z": 1024**5, "Y": 1024**6}
_DECIMAL: Final = re.compile(
    r"[+-]?(?:[0-9]+(?:_[0-9]+)*(?:\.(?:[0-9]+(?:_[0-9]+)*)?)?|\.[0-9]+(?:_[0-9]+)*)"
    r"(?:[eE][+-]?[0-9]+(?:_[0-9]+)*)?\Z"
)
_HEXADECIMAL: Final = re.compile(
    r"[+-]?0[xX](?:_?[0-9a-fA-F])+(?:\.[0-9a-fA-F]*)?[pP][+-]?[0-9]+\Z"
)
_UNSIGNED: Final = re.compile(r"[0-9]+\Z")
_SIGNED: Final = re.compile(r"[+-]?[0-9]+\Z")
_STORAGE_SIZE: Final = re.compile(r"(-?[0-9]+(?:\.[0-9]+)?)([MGTPEZY])(?:i?B)?\Z")
_STORAGE_COUNT: Final = re.compile(r"-?[0-9]+\Z")
_STORAGE_POOL: Final = re.compile(r"[a-zA-Z]+[-?a-zA-Z0-9]*\Z")
_SPACE: Final = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*\Z")

_CONTAINERS: Final = ("none", "lxd", "kvm")
_TRUE: Final = frozenset({"1", "t", "T", "TRUE", "true", "True"})
_FALSE: Final = frozenset({"0", "f", "F", "FALSE", "false", "False", ""})
_MAX_UINT64: Final = 2**64 - 1
_MAX_INT64: Final = 2**63 - 1


def parse_constraints(text: str) -> Document:
    """Return the constraints object of the API for ``mem=2G cores=2``; sizes are in MiB.

    Only blanks separate constraints, and a backslash before a blank keeps it in the value.

    Raises:
        BundleError: in Juju's words, for the first thing that is wrong.
    """
    found: Document = {}
    for raw in text.replace("\\ ", "\0").strip().split(" "):
        word = raw.replace("\0", " ").strip()
        if not word or word == "allocate-public-ip=":
            continue
        name, equals, value = word.partition("=")
        if not equals or not name:
            raise BundleError(f'malformed constraint "{word}"')
        key = "cores" if name == "cpu-cores" else name
        parse = _PARSERS.get(key)
        if parse is None:
            raise BundleError(f'unknown constraint "{name}"')
        if key in found:
            raise BundleError(f'bad "{key}" constraint: already set')
        try:
            found[key] = parse(value)
        except ValueError as exc:
            raise BundleError(f'bad "{key}" constraint: {exc}') from exc
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
    factor = _MIB.get(value[-1])
    number = _float(value if factor is None else value[:-1])
    if number is None or number < 0:
        raise ValueError("must be a non-negative float with optional M/G/T/P suffix")
    return min(math.ceil(number * (factor or 1)), _MAX_UINT64)


def _float(text: str) -> float | None:
    """Return the number that Go's ParseFloat reads; ``None`` for others, and infinite ones."""
    if _HEXADECIMAL.match(text):
        try:
            number = float.fromhex(text.replace("_", ""))
        except OverflowError:
            return None
    elif _DECIMAL.match(text):
        number = float(text.replace("_", ""))
    else:
        return None
    return number if math.isfinite(number) else None


def _integer(value: str) -> JSONValue:
    number = _whole(value, _MAX_UINT64) if _UNSIGNED.match(value or "0") else None
    if number is None:
        raise ValueError("must be a non-negative integer")
    return number


def _whole(text: str, limit: int) -> int | None:
    """Return the number that digits are, zero for none; ``None`` for one beyond a limit."""
    digits = text.lstrip("+-").lstrip("0") or "0"
    if len(digits) > 20 or int(digits) > limit:
        return None
    return -int(digits) if text.startswith("-") else int(digits)


def _architecture(value: str) -> JSONValue:
    if value and value not in ARCHITECTURES:
        raise ValueError(f'"{value}" not recognized')
    return value


def _flag(value: str) -> JSONValue:
    if value not in _TRUE | _FALSE:
        raise ValueError("must be 'true' or 'false'")
    return value in _TRUE


def _container(value: str) -> JSONValue:
    if value and value not in _CONTAINERS:
        raise ValueError(f'invalid container type "{value}"')
    return value


def _spaces(value: str) -> JSONValue:
    names = value.split(",") if value else []
    for name in names:
        if not _SPACE.match(name.removeprefix("^")):
            raise ValueError(f'"{name.removeprefix("^")}" is not a valid space name')
    return [*names]


def _words(value: str) -> JSONValue:
    return [*value.split(",")] if value else []


def _text(value: str) -> JSONValue:
    return value


_PARSERS: Final[Mapping[str, Callable[[str], JSONValue]]] = {
    "allocate-public-ip": _flag,
    "arch": _architecture,
    "container": _container,
    "cores": _integer,
    "cpu-power": _integer,
    "image-id": _text,
    "instance-role": _text,
    "instance-type": _text,
    "mem": _size,
    "root-disk": _size,
    "root-disk-source": _text,
    "spaces": _spaces,
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
        key, value = _storage_part(part)
        present = found.get(key)
        if present:
            what = {
                "Pool": f'pool name is already set to "{present}", new value "{value}"',
                "Count": f"storage instance count is already set to {present}, new value {value}",
                "Size": f"storage size is already set to {present}, new value {value}",
            }
            raise BundleError(f"{what[key]} not valid")
        found[key] = value
    if not any(found.values()):
        raise BundleError("storage constraints require at least one field to be specified")
    found.setdefault("Count", 1)
    return found


def _storage_part(part: str) -> tuple[str, str | int]:
    """Return which part of a storage directive a text is, and its value."""
    if _STORAGE_POOL.match(part):
        return "Pool", part
    if _STORAGE_COUNT.match(part):
        count = _whole(part, _MAX_UINT64)
        if part.startswith("-") or count == 0:
            raise BundleError(
                f'parsing storage count: count must be greater than zero, got "{part}"'
            )
        if count is not None:
            return "Count", count
    size = _STORAGE_SIZE.match(part)
    if size is None:
        raise BundleError(f'unrecognized storage constraint "{part}" not valid')
    number = _float(size[1])
    if number is None or size[1].startswith("-"):
        raise BundleError(f'cannot parse size: expected a non-negative number, got "{part}"')
    return "Size", min(math.ceil(number * _STORAGE_MIB[size[2]]), _MAX_UINT64)


def parse_device(text: str) -> Document:
    """Return the device directive of the API for ``2,nvidia.com/gpu,model=a100;mem=40G``.

    Raises:
        BundleError: in Juju's words.
    """
    parts = text.split(",")
    if len(parts) == 1:
        return {"Type": text, "Count": 1, "Attributes": {}}
    if len(parts) > 3:
        raise BundleError(
            "cannot parse device constraints string, supported format is "
            "[<count>,]<device-class>|<vendor/type>[,<key>=<value>;...]"
        )
    count = _whole(parts[0], _MAX_INT64) if _SIGNED.match(parts[0]) else None
    if count is None or count <= 0:
        raise BundleError(f'count must be greater than zero, got "{parts[0]}"')
    attributes: Document = {}
    for pair in parts[2].split(";") if len(parts) == 3 else ():
        if pair.count("=") != 1:
            raise BundleError(f'device attribute key/value pair has bad format: "{pair}"')
        key, _, value = pair.partition("=")
        attributes[key] = value
    return {"Type": parts[1], "Count": count, "Attributes": attributes}
