"""``metadata.yaml``: what the controller refuses in it (``ReadMeta`` of Juju's charm library)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from ckf_airgap.charms.checks.assumes import assumes_problems
from ckf_airgap.charms.checks.gotext import quoted
from ckf_airgap.charms.checks.schema import (
    Checker,
    FieldMap,
    MismatchError,
    anything,
    boolean,
    either,
    integer,
    list_of,
    mapping_of,
    nothing,
    one_of,
    text,
    wrong,
)
from ckf_airgap.documents import Document, JSONValue, TypedKey, mappings

_V2_KEYS: Final = frozenset({"assumes", "charm-user", "containers"})
_V1_KEYS: Final = frozenset({"deployment", "min-juju-version", "series"})
_USERS: Final = ("root", "sudoer", "non-root")
_COUNT: Final = re.compile(r"[0-9]+(?:[-+]|-[0-9]+)\Z")
_SIZE: Final = re.compile(r"(?P<number>[0-9.]*)(?P<suffix>.*)\Z", re.DOTALL)
_NUMBER: Final = re.compile(r"(?:[0-9]+\.?[0-9]*|\.[0-9]+)\Z")
_SIZE_SUFFIXES: Final = "MGTPEZY"
_VERSION: Final = re.compile(
    r"[0-9]{1,9}\.[0-9]{1,9}(?:-[a-z]+[0-9]{1,9}|\.[0-9]{1,9})(?:\.[0-9]{1,9})?\Z"
)
_RESERVED_IDS: Final = range(1000, 10000)


def metadata_problems(document: Document) -> list[str]:
    """Return everything that the controller refuses in a charm's metadata, in its words."""
    ambiguous = _ambiguous(document)
    if ambiguous:
        return [ambiguous]
    try:
        values = _CHARM(document, "")
    except MismatchError as exc:
        return [f"metadata: {found}" for found in exc.texts]
    assumes = document.get("assumes")
    return [
        *_parse_problems(values if isinstance(values, dict) else {}),
        *assumes_problems(assumes if isinstance(assumes, list) else []),
    ]


def endpoint_fields(value: JSONValue, path: str) -> JSONValue:
    """Take the fields of an endpoint, or its interface alone (``ifaceExpander``)."""
    return _ENDPOINT({"interface": value} if isinstance(value, str) else value, path)


def _ambiguous(document: Document) -> str:
    """Return the problem of metadata that is of both formats (``ensureUnambiguousFormat``)."""
    keys = [key for key in sorted(document) if key in _V1_KEYS | _V2_KEYS]
    if not keys:
        return ""
    first = _V2_KEYS if keys[0] in _V2_KEYS else _V1_KEYS
    matched = '", "'.join(key for key in keys if key in first)
    others = '", "'.join(key for key in keys if key not in first)
    return f'ambiguous metadata: keys "{others}" cannot be used with "{matched}"' if others else ""


def _parse_problems(values: dict[str, JSONValue]) -> Iterator[str]:
    """Yield what is wrong in values of the right types (``parseMeta``)."""
    if "deployment" in values:
        series = values.get("series")
        if not isinstance(series, list) or not series:
            yield "charm with deployment metadata must declare at least one series"
        elif series[0] != "kubernetes":
            yield 'charms with deployment metadata only supported for "kubernetes"'
    version = values.get("min-juju-version")
    if isinstance(version, str) and not _VERSION.match(version):
        yield f"invalid min-juju-version: invalid version {quoted(version)}"
    resources = dict(mappings(values.get("resources")))
    for fields in resources.values():
        if fields["type"] not in ("file", "oci-image"):
            yield f"unsupported resource type {quoted(str(fields['type']))}"
    storage = dict(mappings(values.get("storage")))
    for name, fields in mappings(values.get("containers")):
        for problem in _container_problems(name, fields, resources, storage):
            yield f"parsing containers: {problem}"
    user = values.get("charm-user")
    if isinstance(user, str) and user not in _USERS:
        yield (
            f"parsing charm-user: invalid charm-user {quoted(user)} expected one of "
            "root, sudoer or non-root"
        )


def _container_problems(
    name: str,
    fields: Document,
    resources: dict[str, Document],
    storage: dict[str, Document],
) -> Iterator[str]:
    resource = fields.get("resource")
    if isinstance(resource, str) and resource:
        if resource not in resources:
            yield f"referenced resource {quoted(resource)} not found"
        elif resources[resource]["type"] == "file":
            yield f"referenced resource {quoted(resource)} is not a oci-image"
    mounts = fields.get("mounts")
    for mount in mounts if isinstance(mounts, list) else []:
        problem = _mount_problem(mount if isinstance(mount, dict) else {}, storage)
        if problem:
            yield f"container {quoted(name)}: {problem}"
    for key in ("uid", "gid"):
        number = fields.get(key)
        if isinstance(number, int) and number in _RESERVED_IDS:
            yield (
                f"container {quoted(name)} has invalid {key} {number}: {key} cannot be in "
                "reserved range 1000-9999"
            )


def _mount_problem(mount: Document, storage: dict[str, Document]) -> str:
    if not mount.get("storage"):
        return "storage must be specifed on mount"  # codespell:ignore - as Juju writes it
    if not mount.get("location"):
        return "location must be specifed on mount"  # codespell:ignore
    if mount["storage"] not in storage:
        return f"storage {quoted(str(mount['storage']))} not valid"
    return ""


def _count(value: JSONValue, path: str) -> JSONValue:
    """Take how many storages there may be: ``2``, ``1-3``, ``2+``, ``2-``."""
    found = either(integer, text)(value, path)
    if isinstance(found, str) and not _COUNT.match(found):
        raise MismatchError([f"{path}: value {quoted(found)} does not match 'm', 'm-n', or 'm+'"])
    if isinstance(found, int) and found <= 0:
        raise MismatchError([f"{path}: invalid count {found}"])
    return found


def _size(value: JSONValue, path: str) -> JSONValue:
    """Take a size such as ``10G`` (``utils.ParseSize``)."""
    written = text(value, path)
    match = _SIZE.match(str(written))
    number, suffix = (match["number"], match["suffix"]) if match else ("", "")
    if suffix and number and suffix not in _suffixes():
        expected = " ".join(str(ord(letter)) for letter in _SIZE_SUFFIXES)
        raise MismatchError(
            [f"invalid multiplier suffix {quoted(suffix)}, expected one of [{expected}]"]
        )
    if not _NUMBER.match(number or str(written)):
        shown = number or str(written)
        raise MismatchError([f"expected a non-negative number, got {quoted(shown)}"])
    return written


def _suffixes() -> frozenset[str]:
    return frozenset(letter + unit for letter in _SIZE_SUFFIXES for unit in ("", "B", "iB"))


def _device_count(value: JSONValue, path: str) -> JSONValue:
    number = integer(value, path)
    if isinstance(number, int) and number >= 0:
        return number
    raise MismatchError([f"invalid device count {number}"])


def _binding(value: JSONValue, path: str) -> JSONValue:
    """Take extra bindings: names without values."""
    if not isinstance(value, dict):
        raise wrong(path, "map", value)
    for name, item in value.items():
        if isinstance(name, TypedKey) or not name:
            written = name.value if isinstance(name, TypedKey) else name
            raise wrong(path, "non-empty binding name", written)
        nothing()(item, f"{path}.{name}")
    return value


_SCOPES: Final = one_of("global", "container")

_ENDPOINT: Final = FieldMap(
    {
        "interface": text,
        "limit": either(one_of(None), integer),
        "scope": _SCOPES,
        "optional": boolean,
    },
    {"scope": "global", "optional": False, "limit": None},
)

_STORAGE: Final = FieldMap(
    {
        "type": one_of("block", "filesystem"),
        "shared": boolean,
        "read-only": boolean,
        "multiple": FieldMap({"range": _count}),
        "minimum-size": _size,
        "location": text,
        "description": text,
        "properties": list_of(one_of("transient")),
    },
    {"shared": False, "read-only": False},
    frozenset({"multiple", "minimum-size", "location", "description", "properties"}),
)

_DEVICE: Final = FieldMap(
    {"description": text, "type": text, "countmin": _device_count, "countmax": _device_count},
    left_out=frozenset({"description", "countmin", "countmax"}),
)

_DEPLOYMENT: Final = FieldMap(
    {
        "type": one_of("stateful", "stateless", "daemon"),
        "mode": one_of("operator", "workload"),
        "service": one_of("cluster", "loadbalancer", "external", "omit"),
        "min-version": text,
    },
    {"mode": "workload"},
    frozenset({"type", "service", "min-version"}),
)

_RESOURCE: Final = FieldMap(
    {"type": text, "filename": text, "description": text},
    {"type": "file", "filename": "", "description": ""},
)

_MOUNT: Final = FieldMap(
    {"storage": text, "location": text}, left_out=frozenset({"storage", "location"})
)

_CONTAINER: Final = FieldMap(
    {"resource": text, "mounts": list_of(_MOUNT), "uid": integer, "gid": integer},
    left_out=frozenset({"resource", "mounts", "uid", "gid"}),
)

_FIELDS: Final[dict[str, Checker]] = {
    "name": text,
    "summary": text,
    "description": text,
    "peers": mapping_of(endpoint_fields),
    "provides": mapping_of(endpoint_fields),
    "requires": mapping_of(endpoint_fields),
    "extra-bindings": _binding,
    "revision": integer,
    "format": integer,
    "subordinate": boolean,
    "categories": list_of(text),
    "tags": list_of(text),
    "series": list_of(text),
    "storage": mapping_of(_STORAGE),
    "devices": mapping_of(_DEVICE),
    "deployment": _DEPLOYMENT,
    "payloads": mapping_of(FieldMap({"type": text})),
    "resources": mapping_of(_RESOURCE),
    "terms": list_of(text),
    "min-juju-version": text,
    "assumes": list_of(anything),
    "containers": mapping_of(_CONTAINER),
    "charm-user": text,
}

_CHARM: Final = FieldMap(_FIELDS, left_out=frozenset(_FIELDS) - {"name", "summary", "description"})
