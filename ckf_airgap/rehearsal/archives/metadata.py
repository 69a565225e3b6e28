"""``metadata.yaml`` as Juju's charm library reads it: the schema, and the checks after it. Pure.

See ``meta.go`` of ``github.com/juju/charm``. What only ``Meta.Check`` refuses is accepted: clients
call it, and the controller does not.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, Final

from ckf_airgap.charms.charm import ROLES, Endpoint, Resource, Role
from ckf_airgap.documents import Document, JSONValue
from ckf_airgap.rehearsal.archives.refusals import UnreadableCharmError
from ckf_airgap.rehearsal.entities.assumptions import AssumesError, parse_assumes
from ckf_airgap.rehearsal.golang import schema
from ckf_airgap.rehearsal.golang.formatting import GoValue, quoted
from ckf_airgap.rehearsal.golang.numbers import parse_float, parse_int
from ckf_airgap.rehearsal.golang.schema import OMIT, Path, SchemaError
from ckf_airgap.rehearsal.golang.versions import parse_version
from ckf_airgap.rehearsal.golang.yamlreading import unmarshal
from ckf_airgap.rehearsal.golang.yamltypes import RAW_MAP, GoYamlError

_FORMATS: Final[Mapping[str, int]] = {
    "containers": 2,
    "assumes": 2,
    "charm-user": 2,
    "series": 1,
    "deployment": 1,
    "min-juju-version": 1,
}
"""The keys that only one of the two formats of metadata has."""

_COUNT_RANGE: Final = re.compile(r"([0-9]+)([-+]|-[0-9]+)\Z")
_SIZE: Final = re.compile(r"([\d.]+)(.*)\Z", re.DOTALL)
_SIZE_SUFFIXES: Final = "MGTPEZY"
_KUBERNETES: Final = "kubernetes"
_USERS: Final = ("root", "sudoer", "non-root")
_RESERVED_IDS: Final = range(1000, 10000)
_RESOURCE_TYPES: Final = ("file", "oci-image")


def read_metadata(text: str, *, where: str) -> Document:
    """Return the metadata of a charm: every key of the schema with the type it has there.

    The short form of endpoints is expanded. Keys that are not in the schema are unchanged. An empty
    document is a charm without a name, as in Juju.

    Raises:
        UnreadableCharmError: in Juju's words.
    """
    try:
        raw = unmarshal(text, RAW_MAP, where=where)
    except GoYamlError as exc:
        raise UnreadableCharmError(exc.message) from exc
    if raw is None:
        return {}
    _check_format(raw)
    try:
        found = _SCHEMA(raw, ())
    except SchemaError as exc:
        raise UnreadableCharmError(f"metadata: {exc.message}") from exc
    _check_deployment(found)
    _check_min_version(found)
    _check_resources(found)
    _check_containers(found)
    _check_user(found)
    if "assumes" in found:
        try:
            parse_assumes(found["assumes"])
        except AssumesError as exc:
            raise UnreadableCharmError(exc.message) from exc
    metadata = {**_plain_mapping(raw), **_plain_mapping(found)}
    if "resources" in found:
        metadata["resources"] = _plain(raw["resources"])  # with keys that Juju does not know
    return metadata


def endpoints_of(metadata: Document) -> dict[str, Endpoint]:
    """Return the endpoints of parsed metadata; of two with the same name, one wins."""
    return {
        name: _endpoint(name, role, fields)
        for section, role in ROLES
        for name, fields in _mappings(metadata.get(section))
    }


def resources_of(metadata: Document) -> dict[str, Resource]:
    """Return the resources of parsed metadata."""
    return {
        name: Resource(
            name=name,
            type=str(fields.get("type", "file")),
            filename=str(fields.get("filename") or "") or None,
            description=str(fields.get("description") or ""),
            upstream_source=str(fields.get("upstream-source") or "") or None,
        )
        for name, fields in _mappings(metadata.get("resources"))
    }


def _endpoint(name: str, role: Role, fields: Document) -> Endpoint:
    limit = fields.get("limit")
    return Endpoint(
        name=name,
        role=role,
        interface=str(fields["interface"]),
        limit=limit if isinstance(limit, int) and limit else None,
        optional=fields.get("optional") is True,
        scope="container" if fields.get("scope") == "container" else "global",
    )


def _mappings(section: JSONValue) -> list[tuple[str, Document]]:
    entries = section.items() if isinstance(section, dict) else ()
    return [(name, fields) for name, fields in entries if isinstance(fields, dict)]


def _check_format(raw: Mapping[Any, GoValue]) -> None:
    """Refuse metadata with keys of both formats."""
    keys = sorted(key for key in raw if isinstance(key, str) and key in _FORMATS)
    mismatched = [key for key in keys if _FORMATS[key] != _FORMATS[keys[0]]]
    if mismatched:
        matched = [key for key in keys if key not in mismatched]
        raise UnreadableCharmError(
            f"ambiguous metadata: keys {_listed(mismatched)} cannot be used with {_listed(matched)}"
        )


def _listed(keys: list[str]) -> str:
    return ", ".join(f'"{key}"' for key in keys)


def _check_deployment(found: Mapping[str, Any]) -> None:
    if "deployment" not in found:
        return
    series = found.get("series") or []
    if not series:
        raise UnreadableCharmError(
            "charm with deployment metadata must declare at least one series"
        )
    if series[0] != _KUBERNETES:
        raise UnreadableCharmError(
            f"charms with deployment metadata only supported for {quoted(_KUBERNETES)}"
        )


def _check_min_version(found: Mapping[str, Any]) -> None:
    text = found.get("min-juju-version")
    if text is not None and parse_version(text) is None:
        raise UnreadableCharmError(f"invalid min-juju-version: invalid version {quoted(text)}")


def _check_resources(found: Mapping[str, Any]) -> None:
    for fields in found.get("resources", {}).values():
        if fields["type"] not in _RESOURCE_TYPES:
            raise UnreadableCharmError(f"unsupported resource type {quoted(fields['type'])}")


def _check_containers(found: Mapping[str, Any]) -> None:
    resources = found.get("resources", {})
    for name, container in found.get("containers", {}).items():
        resource = container.get("resource", "")
        shown = quoted(resource)
        if resource and resource not in resources:
            raise _container_error(f"referenced resource {shown} not found")
        if resource and resources[resource]["type"] != "oci-image":
            raise _container_error(f"referenced resource {shown} is not a oci-image")
        for mount in container.get("mounts", []):
            _check_mount(name, mount, found.get("storage", {}))
        for key in ("uid", "gid"):
            if container.get(key, 0) in _RESERVED_IDS:
                raise _container_error(
                    f"container {quoted(name)} has invalid {key} {container[key]}: {key} cannot be "
                    "in reserved range 1000-9999"
                )


def _check_mount(container: str, mount: Mapping[str, str], storage: Mapping[str, object]) -> None:
    opening = f"container {quoted(container)}: "
    for key in ("storage", "location"):
        if not mount.get(key):
            raise _container_error(f"{opening}{key} must be specifed on mount")
    if mount["storage"] not in storage:
        raise _container_error(f"{opening}storage {quoted(mount['storage'])} not valid")


def _container_error(message: str) -> UnreadableCharmError:
    return UnreadableCharmError(f"parsing containers: {message}")


def _check_user(found: Mapping[str, Any]) -> None:
    user = found.get("charm-user")
    if user is not None and user not in _USERS:
        raise UnreadableCharmError(
            f"parsing charm-user: invalid charm-user {quoted(user)} expected one of root, sudoer "
            "or non-root"
        )


def _interface(value: GoValue, path: Path) -> dict[str, Any]:
    """Accept an endpoint, or only its interface."""
    if isinstance(value, str):
        return {"interface": value, "limit": None, "scope": "global", "optional": False}
    given = schema.map_of(schema.anything)(value, path)
    endpoint: dict[str, Any] = _ENDPOINT({"limit": None, **given}, path)
    return endpoint


def _storage_count(value: GoValue, path: Path) -> GoValue:
    """Accept a range of storage counts: ``1``, ``0-2``, ``1+``, ``1-``."""
    count = schema.one_of(schema.integer, schema.string)(value, path)
    place = schema.place_of(path)
    if isinstance(count, int):
        if count <= 0:
            raise SchemaError(f"{place}invalid count {count}")
        return count
    match = _COUNT_RANGE.match(count)
    if match is None:
        raise SchemaError(f"{place}value {quoted(count)} does not match 'm', 'm-n', or 'm+'")
    for digits in (match[1], match[2][1:]):
        if digits and parse_int(digits) is None:
            raise SchemaError(f"strconv.Atoi: parsing {quoted(digits)}: value out of range")
    return str(count)


def _storage_size(value: GoValue, path: Path) -> str:
    """Accept a size such as ``10G``."""
    text = schema.string(value, path)
    match = _SIZE.match(text)
    digits, suffix = (match[1], match[2]) if match else (text, "")
    known = [base + end for base in _SIZE_SUFFIXES for end in ("", "B", "iB")]
    if suffix and suffix not in known:
        raise SchemaError(
            f"invalid multiplier suffix {quoted(suffix)}, expected one of {_SIZE_SUFFIXES}"
        )
    number = parse_float(digits)
    if number is None or math.copysign(1, number) < 0:
        raise SchemaError(f"expected a non-negative number, got {quoted(digits)}")
    return text


def _device_count(value: GoValue, path: Path) -> int:
    count = schema.integer(value, path)
    if count < 0:
        raise SchemaError(f"invalid device count {count}")
    return count


def _plain(value: Any) -> JSONValue:
    """Return a value with its keys converted to text."""
    if isinstance(value, Mapping):
        return _plain_mapping(value)
    if isinstance(value, list):
        return [_plain(item) for item in value]
    scalar: JSONValue = value
    return scalar


def _plain_mapping(value: Mapping[Any, Any]) -> Document:
    return {str(key): _plain(item) for key, item in value.items()}


_ENDPOINT: Final = schema.fields(
    {
        "interface": schema.string,
        "limit": schema.one_of(schema.constant(None), schema.integer),
        "scope": schema.words("global", "container"),
        "optional": schema.boolean,
    },
    {"scope": "global", "optional": False},
)

_STORAGE: Final = schema.fields(
    {
        "type": schema.words("block", "filesystem"),
        "shared": schema.boolean,
        "read-only": schema.boolean,
        "multiple": schema.fields({"range": _storage_count}, {}),
        "minimum-size": _storage_size,
        "location": schema.string,
        "description": schema.string,
        "properties": schema.list_of(schema.words("transient")),
    },
    {"shared": False, "read-only": False}
    | dict.fromkeys(("multiple", "location", "description", "properties", "minimum-size"), OMIT),
)

_DEVICE: Final = schema.fields(
    {
        "description": schema.string,
        "type": schema.string,
        "countmin": _device_count,
        "countmax": _device_count,
    },
    dict.fromkeys(("description", "countmin", "countmax"), OMIT),
)

_DEPLOYMENT: Final = schema.fields(
    {
        "type": schema.words("stateful", "stateless", "daemon"),
        "mode": schema.words("operator", "workload"),
        "service": schema.words("cluster", "loadbalancer", "external", "omit"),
        "min-version": schema.string,
    },
    {"type": OMIT, "mode": "workload", "service": OMIT, "min-version": OMIT},
)

_RESOURCE: Final = schema.fields(
    {"type": schema.string, "filename": schema.string, "description": schema.string},
    {"type": "file", "filename": "", "description": ""},
)

_MOUNT: Final = schema.fields(
    {"storage": schema.string, "location": schema.string}, {"storage": OMIT, "location": OMIT}
)

_CONTAINER_FIELDS: Final = {
    "resource": schema.string,
    "mounts": schema.list_of(_MOUNT),
    "uid": schema.integer,
    "gid": schema.integer,
}
_CONTAINER: Final = schema.fields(_CONTAINER_FIELDS, dict.fromkeys(_CONTAINER_FIELDS, OMIT))

_NEEDED: Final = {
    "name": schema.string,
    "summary": schema.string,
    "description": schema.string,
}
_OTHERS: Final = {
    "provides": schema.map_of(_interface),
    "requires": schema.map_of(_interface),
    "peers": schema.map_of(_interface),
    "extra-bindings": schema.map_of(schema.nothing, schema.non_empty("binding name")),
    "revision": schema.integer,
    "format": schema.integer,
    "subordinate": schema.boolean,
    "categories": schema.list_of(schema.string),
    "tags": schema.list_of(schema.string),
    "series": schema.list_of(schema.string),
    "storage": schema.map_of(_STORAGE),
    "devices": schema.map_of(_DEVICE),
    "deployment": _DEPLOYMENT,
    "payloads": schema.map_of(schema.fields({"type": schema.string}, {})),
    "resources": schema.map_of(_RESOURCE),
    "terms": schema.list_of(schema.string),
    "min-juju-version": schema.string,
    "assumes": schema.list_of(schema.anything),
    "containers": schema.map_of(_CONTAINER),
    "charm-user": schema.string,
}
_SCHEMA: Final = schema.fields({**_NEEDED, **_OTHERS}, dict.fromkeys(_OTHERS, OMIT))
