"""Constraints as the controller accepts them: a JSON object with known, typed keys. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ckf_airgap.documents import Document, JSONValue
from ckf_airgap.rehearsal.entities.entities import Application
from ckf_airgap.rehearsal.wire import NOT_SUPPORTED, ApiError

ARCHITECTURES: Final = ("amd64", "arm64", "ppc64el", "s390x", "riscv64")

DEFAULT_ARCHITECTURE: Final = "amd64"

_KINDS: Final[Mapping[str, str]] = {
    "arch": "string",
    "container": "instance.ContainerType",
    "cores": "uint64",
    "cpu-power": "uint64",
    "mem": "uint64",
    "root-disk": "uint64",
    "root-disk-source": "string",
    "tags": "[]string",
    "instance-role": "string",
    "instance-type": "string",
    "spaces": "[]string",
    "virt-type": "string",
    "zones": "[]string",
    "allocate-public-ip": "bool",
    "image-id": "string",
}


def parse_constraints(document: Mapping[str, JSONValue]) -> Document:
    """Return the constraints in a request: known keys only, without ``null`` values.

    Raises:
        ApiError: when a value has the wrong type, in the words of Go's JSON decoder.
    """
    found: Document = {}
    for key, value in document.items():
        name = key.lower()
        kind = _KINDS.get(name)
        if kind is None or value is None:
            continue
        if not _fits(kind, value):
            raise ApiError(
                f"json: cannot unmarshal {_json_kind(value)} into Go struct field "
                f"Value.constraints.{name} of type {kind}"
            )
        found[name] = value
    arch = found.get("arch")
    if isinstance(arch, str) and arch and arch not in ARCHITECTURES:
        raise ApiError(f'"{arch}" not recognized')
    return found


def check_new_constraints(application: Application, constraints: Document) -> None:
    """Check that an application's constraints can be changed.

    Raises:
        ApiError: when it is a subordinate, is dying, or its architecture would change.
    """
    if application.charm.subordinate:
        raise ApiError("constraints do not apply to subordinate applications")
    wanted, held = constraints.get("arch"), application.constraints.get("arch")
    if wanted and held and wanted != held:
        raise ApiError(f"changing architecture ({held}) not supported", NOT_SUPPORTED)
    if wanted and not held and wanted != DEFAULT_ARCHITECTURE:
        raise ApiError("changing architecture not supported", NOT_SUPPORTED)
    if application.life != "alive":
        raise ApiError("cannot set constraints: application is not found or not alive")


def with_architecture(
    constraints: Mapping[str, JSONValue], model: Mapping[str, JSONValue]
) -> Document:
    """Return the constraints with an architecture: their own, the model's, or ``amd64``."""
    return {"arch": model.get("arch") or DEFAULT_ARCHITECTURE, **constraints}


def _fits(kind: str, value: JSONValue) -> bool:
    if kind == "bool":
        return isinstance(value, bool)
    if kind == "uint64":
        return isinstance(value, int) and not isinstance(value, bool) and value >= 0
    if kind == "[]string":
        return isinstance(value, list) and all(isinstance(item, str) for item in value)
    return isinstance(value, str)


def _json_kind(value: JSONValue) -> str:
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int | float):
        return f"number {value}" if isinstance(value, float) or value < 0 else "number"
    if isinstance(value, str):
        return "string"
    return "array" if isinstance(value, list) else "object"
