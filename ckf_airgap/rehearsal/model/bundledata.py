"""Bundles as the controller reads and merges them: ``BundleData`` of Juju's charm library. Pure.

See ``bundledata.go``, ``bundledatasrc.go`` and ``overlay.go`` of ``github.com/juju/charm``. A
document with a single value of a wrong type is dropped entirely without an error, as in Juju.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from ckf_airgap.rehearsal.golang.formatting import quoted
from ckf_airgap.rehearsal.golang.yamlreading import decode, documents
from ckf_airgap.rehearsal.golang.yamltypes import (
    ANY,
    BOOL,
    INT,
    RAW_MAP,
    STRING,
    STRING_MAP,
    GoMap,
    GoPointer,
    GoSlice,
    GoStruct,
    GoUnmarshaler,
    GoYamlError,
)
from ckf_airgap.rehearsal.wire import NOT_VALID, ApiError

KUBERNETES: Final = "kubernetes"

_EXPOSED: Final = GoStruct(
    "charm.ExposedEndpointSpec",
    {"expose-to-spaces": GoSlice(STRING), "expose-to-cidrs": GoSlice(STRING)},
)
_OFFER: Final = GoStruct("charm.OfferSpec", {"endpoints": GoSlice(STRING), "acl": STRING_MAP})
_APPLICATION: Final = GoStruct(
    "charm.ApplicationSpec",
    {
        "charm": STRING,
        "channel": STRING,
        "revision": GoPointer(INT),
        "series": STRING,
        "base": STRING,
        "resources": GoMap(ANY),
        "num_units": INT,
        "scale": INT,
        "to": GoSlice(STRING),
        "placement": STRING,
        "expose": BOOL,
        "exposed-endpoints": GoMap(_EXPOSED),
        "options": GoMap(ANY),
        "annotations": STRING_MAP,
        "constraints": STRING,
        "storage": STRING_MAP,
        "devices": STRING_MAP,
        "bindings": STRING_MAP,
        "offers": GoMap(GoPointer(_OFFER)),
        "plan": STRING,
        "trust": BOOL,
    },
)
_MACHINE: Final = GoStruct(
    "charm.MachineSpec",
    {"constraints": STRING, "annotations": STRING_MAP, "series": STRING, "base": STRING},
)
_SAAS: Final = GoStruct("charm.SaasSpec", {"url": STRING})
_FIELDS: Final = GoStruct(
    "charm.bundleData",
    {
        "bundle": STRING,
        "applications": GoMap(GoPointer(_APPLICATION)),
        "machines": GoMap(GoPointer(_MACHINE)),
        "saas": GoMap(GoPointer(_SAAS)),
        "series": STRING,
        "default-base": STRING,
        "relations": GoSlice(GoSlice(STRING)),
        "tags": GoSlice(STRING),
        "description": STRING,
    },
)
_OVERLAY_ONLY: Final = ("exposed-endpoints", "offers")
_INCLUDES: Final = ("include-file://", "include-base64://")

BundleFields = dict[str, Any]
"""A bundle, or a part of one: every field of the struct, zero values included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """A document of a bundle: its fields, and the keys that are present."""

    data: BundleFields
    present: Mapping[Any, Any]
    is_null: bool


def read_bundle(text: str, *, bundle_url: str) -> BundleFields:
    """Return the bundle of a request, its overlays merged in.

    Args:
        text: The YAML, with an overlay in each document after the first.
        bundle_url: The URL of the bundle, which paths of charms are relative to.

    Raises:
        ApiError: ``cannot read bundle YAML: ...``.
    """
    try:
        parts = [part for root in documents(text, where="bundle") for part in [_part(root)]]
    except GoYamlError:
        parts = []  # Juju loses the error here, too
    if not parts or parts[0].is_null:
        raise _unreadable("malformed bundle: bundle is empty not valid", NOT_VALID)
    base = parts[0].data
    _refuse_overlay_fields(base)
    for number, part in enumerate(parts):
        if number:
            _apply(base, part)
        _resolve(base, bundle_url)
    return base


def _unreadable(why: str, code: str = "") -> ApiError:
    return ApiError(f"cannot read bundle YAML: {why}", code)


def _part(root: Any) -> _Part:
    data: BundleFields | None = _FIELDS.zero
    try:
        data = decode(root, _BUNDLE)
    except GoYamlError as exc:
        if not exc.mistyped:
            raise
    try:
        present = decode(root, RAW_MAP) or {}
    except GoYamlError:
        present = {}
    return _Part(data=data or _FIELDS.zero, present=present, is_null=data is None)


def _normalised(data: BundleFields) -> BundleFields:
    """Convert ``scale`` to ``num_units``, and ``placement`` to ``to``."""
    if data["relations"] is not None:
        data["relations"] = [relation or [] for relation in data["relations"]]
    for name, spec in (data["applications"] or {}).items():
        if spec is None:
            continue
        if spec["scale"] > 0 and spec["num_units"] > 0:
            raise GoYamlError(
                f"cannot specify both scale and num_units for application {quoted(name)}"
            )
        if spec["scale"] > 0:
            spec["num_units"], spec["scale"] = spec["scale"], 0
        if spec["placement"] and data["bundle"] != KUBERNETES:
            raise GoYamlError(
                f"placement ({spec['placement']}) not valid for non-Kubernetes application "
                f"{quoted(name)}"
            )
        if spec["placement"]:
            if spec["to"]:
                raise GoYamlError(
                    f"cannot specify both placement and to for application {quoted(name)}"
                )
            spec["to"], spec["placement"] = [spec["placement"]], ""
    return data


_BUNDLE: Final = GoUnmarshaler("charm.BundleData", _FIELDS, _normalised)


def _refuse_overlay_fields(base: BundleFields) -> None:
    found = [
        place
        for name, spec in (base["applications"] or {}).items()
        for key in _OVERLAY_ONLY
        if spec is not None and spec[key] is not None
        for place in _places(f"applications.{name}.{key}", spec[key])
    ]
    if found:
        more = f" (and {len(found) - 1} more errors)" if len(found) > 1 else ""
        raise _unreadable(f"{found[0]} can only appear in an overlay section{more}")


def _places(path: str, section: Mapping[str, BundleFields | None]) -> Iterator[str]:
    """Yield the paths of an overlay's section, and of its entries."""
    yield path
    for name, fields in section.items():
        for key, value in (fields or {}).items():
            if value is not None:
                yield f"{path}.{name}.{key}"


def _resolve(base: BundleFields, bundle_url: str) -> None:
    """Make charm paths absolute, and refuse to include files, which would be the server's."""
    for name, spec in (base["applications"] or {}).items():
        if spec is None:
            raise _unreadable(f"base application {quoted(name)} has no body")
        if spec["charm"].startswith("."):
            spec["charm"] = posixpath.normpath(posixpath.join("/", bundle_url, spec["charm"]))
        for what, section in (("option", "options"), ("annotation", "annotations")):
            for key, value in (spec[section] or {}).items():
                _refuse_include(
                    f"processing {what} {quoted(key)} for application", name, value, bundle_url
                )
    for name, machine in (base["machines"] or {}).items():
        for key, value in ((machine or {}).get("annotations") or {}).items():
            _refuse_include(
                f"processing annotation {quoted(key)} for machine", name, value, bundle_url
            )


def _refuse_include(what: str, name: str, value: object, bundle_url: str) -> None:
    directive = next((one for one in _INCLUDES if str(value).startswith(one)), None)
    if isinstance(value, str) and directive is not None:
        path = value.removeprefix(directive)
        absolute = posixpath.normpath(posixpath.join("/", bundle_url, path))
        raise _unreadable(
            f"{what} {quoted(name)}: resolving include {quoted(path)}: include file "
            f"{quoted(absolute)} not found"
        )


def _apply(base: BundleFields, part: _Part) -> None:
    """Merge an overlay into a bundle."""
    overlay, present = part.data, part.present
    if not present:
        return
    for section in ("applications", "saas"):
        named = present.get(section)
        for name, spec in (overlay[section] or {}).items():
            specs = base[section] = base[section] if base[section] is not None else {}
            if spec is None:
                specs.pop(name, None)
                base["relations"] = _without(base["relations"] or [], name)
            elif name not in specs:
                specs[name] = spec
            else:
                given = named.get(name) if isinstance(named, Mapping) else None
                _merge(specs[name], spec, set(given) if isinstance(given, Mapping) else set())
    base["series"] = overlay["series"] or base["series"]
    if overlay["relations"] is not None:
        base["relations"] = [*(base["relations"] or []), *overlay["relations"]]
    if overlay["machines"] is not None:
        base["machines"] = overlay["machines"]


def _without(relations: list[list[str]], name: str) -> list[list[str]]:
    """Return the relations that do not involve an application."""
    return [
        relation
        for relation in relations
        if len(relation) != 2 or all(end.partition(":")[0] != name for end in relation)
    ]


def _merge(spec: BundleFields, over: BundleFields, present: set[Any]) -> None:
    """Apply the fields of an overlay to an application or a SAAS."""
    if "scale" in present and "num_units" in over and not over["scale"] and over["num_units"] > 0:
        present = present | {"num_units"}
    for key in present & set(over):
        value = over[key]
        if not isinstance(_kind(key), GoMap):
            spec[key] = value
        elif value is None:
            spec[key] = {}
        else:
            merged = {**(spec[key] or {}), **value}
            spec[key] = {name: item for name, item in merged.items() if not _is_removal(key, item)}


def _kind(key: str) -> object:
    return _APPLICATION.fields.get(key)


def _is_removal(key: str, item: object) -> bool:
    return item is None or (key == "exposed-endpoints" and item == _EXPOSED.zero)
