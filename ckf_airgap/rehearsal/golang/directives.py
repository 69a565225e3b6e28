"""Constraints, storage and device directives as Juju parses them. Pure.

See ``core/constraints``, ``storage/constraints.go`` and ``core/devices`` of Juju 3.6.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Final

from ckf_airgap.rehearsal.golang.formatting import quoted
from ckf_airgap.rehearsal.golang.jujunames import IS_SPACE
from ckf_airgap.rehearsal.golang.numbers import parse_bool, parse_float, parse_int, parse_uint

_ARCHITECTURES: Final = ("amd64", "i386", "armhf", "arm64", "ppc64el", "s390x", "riscv64")
_CONTAINERS: Final = ("", "none", "lxd", "kvm")
_ALIASES: Final = {"cpu-cores": "cores"}
_SIZE_SUFFIXES: Final = "MGTP"
_POOL: Final = re.compile(r"[a-zA-Z]+[-?a-zA-Z0-9]*\Z")
_COUNT: Final = re.compile(r"-?[0-9]+\Z")
_STORAGE_SIZE: Final = re.compile(r"(-?[0-9]+(?:\.[0-9]+)?)([MGTPEZY])(?:i?B)?\Z")
_BLANKS: Final = " \t\n\v\f\r\x85\xa0"


class DirectiveError(ValueError):
    """A malformed directive.

    Attributes:
        message: What is wrong, in Juju's words.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


def check_constraints(text: str) -> None:
    """Check constraints such as ``mem=2G cores=2``, separated by blanks only.

    Raises:
        DirectiveError: for the first invalid constraint.
    """
    seen: set[str] = set()
    for raw in text.replace("\\ ", "\0").strip(_BLANKS).split(" "):
        written = raw.replace("\0", " ").strip(_BLANKS)
        if not written:
            continue
        given, equals, value = written.partition("=")
        if not equals or not given:
            raise DirectiveError(f"malformed constraint {quoted(written)}")
        name = _ALIASES.get(given, given)
        check = _CONSTRAINTS.get(name)
        if check is None:
            raise DirectiveError(f"unknown constraint {quoted(name)}")
        if name == "allocate-public-ip" and not value:
            continue
        problem = "already set" if name in seen else check(value) if value else ""
        if problem:
            raise DirectiveError(f"bad {quoted(name)} constraint: {problem}")
        seen.add(name)


def check_storage(text: str) -> None:
    """Check storage such as ``pool,10G,2``; `DirectiveError` when it is malformed."""
    pool, count, size = "", 0, 0
    for each in filter(None, text.split(",")):
        number = parse_uint(each) if _COUNT.match(each) else None
        if _POOL.match(each):
            if pool:
                raise DirectiveError(
                    f"pool name is already set to {quoted(pool)}, new value {quoted(each)} not "
                    "valid"
                )
            pool = each
        elif number is not None or (_COUNT.match(each) and each.startswith("-")):
            if not number:
                raise DirectiveError(
                    f"parsing storage count: count must be greater than zero, got {quoted(each)}"
                )
            if count:
                raise DirectiveError(
                    f"storage instance count is already set to {count}, new value {number} not "
                    "valid"
                )
            count = number
        elif match := _STORAGE_SIZE.match(each):
            if size:
                raise DirectiveError(
                    f"storage size is already set to {size}, new value {_mebibytes(match)} not "
                    "valid"
                )
            size = _mebibytes(match)
        else:
            raise DirectiveError(f"unrecognized storage constraint {quoted(each)} not valid")
    if not pool and not count and not size:
        raise DirectiveError("storage constraints require at least one field to be specified")


def check_devices(text: str) -> None:
    """Check devices such as ``2,nvidia.com/gpu,a=b;c=d``; `DirectiveError` when malformed."""
    fields = text.split(",")
    if len(fields) > 3:
        raise DirectiveError(
            "cannot parse device constraints string, supported format is "
            "[<count>,]<device-class>|<vendor/type>[,<key>=<value>;...]"
        )
    if len(fields) == 1:
        return
    count = parse_int(fields[0])
    if count is None or count <= 0:
        raise DirectiveError(f"count must be greater than zero, got {quoted(fields[0])}")
    for attribute in fields[2].split(";") if len(fields) == 3 else ():
        if attribute.count("=") != 1:
            raise DirectiveError(
                f"device attribute key/value pair has bad format: {quoted(attribute)}"
            )


def _mebibytes(match: re.Match[str]) -> int:
    if match[1].startswith("-"):
        raise DirectiveError(
            f"cannot parse size: expected a non-negative number, got {quoted(match[0])}"
        )
    power = "MGTPEZY".index(match[2])
    return math.ceil(float(match[1]) * float(1024**power))


def _architecture(value: str) -> str:
    return "" if value in _ARCHITECTURES else f"{quoted(value)} not recognized"


def _container(value: str) -> str:
    return "" if value in _CONTAINERS else f"invalid container type {quoted(value)}"


def _count(value: str) -> str:
    return "" if parse_uint(value) is not None else "must be a non-negative integer"


def _size(value: str) -> str:
    number = parse_float(value[:-1] if value[-1] in _SIZE_SUFFIXES else value)
    if number is None or number < 0:
        return "must be a non-negative float with optional M/G/T/P suffix"
    return ""


def _boolean(value: str) -> str:
    return "" if parse_bool(value) is not None else "must be 'true' or 'false'"


def _spaces(value: str) -> str:
    names = [name.removeprefix("^") for name in value.split(",")]
    wrong = next((name for name in names if not IS_SPACE.match(name)), None)
    return "" if wrong is None else f"{quoted(wrong)} is not a valid space name"


def _anything(_value: str) -> str:
    return ""


_CONSTRAINTS: Final[Mapping[str, Callable[[str], str]]] = {
    "arch": _architecture,
    "container": _container,
    "cores": _count,
    "cpu-power": _count,
    "mem": _size,
    "root-disk": _size,
    "root-disk-source": _anything,
    "tags": _anything,
    "instance-role": _anything,
    "instance-type": _anything,
    "spaces": _spaces,
    "virt-type": _anything,
    "zones": _anything,
    "allocate-public-ip": _boolean,
    "image-id": _anything,
}
"""By constraint, the function that says what is wrong with a value, if there is a value."""
