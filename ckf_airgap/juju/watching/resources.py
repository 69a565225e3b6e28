"""Which resources units have, as against those that their applications have.

``Resources.ListResources`` has both. A unit has a record of those that it fetched: files, which
charms read with ``resource-get``, and of older charms also images. The images of other charms are
the cluster's matter; a unit that was given another one starts anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ckf_airgap.documents import Document, JSONValue
from ckf_airgap.juju.controller.api import Api, CallRefusedError
from ckf_airgap.juju.watching.obstacles import HeldResource


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceState:
    """What the controller says of the resources of some applications.

    Attributes:
        held: For units that have another resource than their application, which.
        changed_at: When each application got its resources, as the controller writes it.
        images: The names of each application's resources that are images.
    """

    held: Mapping[str, HeldResource] = field(default_factory=dict)
    changed_at: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    images: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


async def read_resources(api: Api, applications: Iterable[str]) -> ResourceState:
    """Return the state of the resources of some applications, but for those that are gone.

    Raises:
        ControllerError: when the controller cannot be asked.
    """
    names = list(applications)
    if not names:
        return ResourceState()
    tags: list[JSONValue] = [{"tag": f"application-{name}"} for name in names]
    try:
        results = await api.call_each("Resources", "ListResources", {"entities": tags})
    except CallRefusedError:
        return ResourceState()
    return resource_state(
        {
            name: result
            for name, result in zip(names, results, strict=False)
            if isinstance(result, dict)
        }
    )


def resource_state(results: Mapping[str, Document]) -> ResourceState:
    """Return what the results of ``ListResources`` say, each under its application. Pure."""
    held: dict[str, HeldResource] = {}
    changed_at: dict[str, tuple[str, ...]] = {}
    images: dict[str, tuple[str, ...]] = {}
    for application, result in results.items():
        own = {_str(item, "name"): item for item in _documents(result.get("resources"))}
        changed_at[application] = tuple(_str(item, "timestamp") for item in own.values())
        images[application] = tuple(
            name for name, item in own.items() if _str(item, "type") == "oci-image"
        )
        for unit in _documents(result.get("unit-resources")):
            for item in _documents(unit.get("resources")):
                name = _str(item, "name")
                new = own.get(name)
                if new is not None and _str(item, "fingerprint") != _str(new, "fingerprint"):
                    held[_unit_of_tag(_str(unit, "tag"))] = HeldResource(
                        name=name, changed_at=_str(new, "timestamp")
                    )
    return ResourceState(held=held, changed_at=changed_at, images=images)


def _unit_of_tag(tag: str) -> str:
    """Return ``kfp-api/0`` for ``unit-kfp-api-0``."""
    application, _, number = tag.removeprefix("unit-").rpartition("-")
    return f"{application}/{number}"


def _documents(section: JSONValue) -> list[Document]:
    return [item for item in section if isinstance(item, dict)] if isinstance(section, list) else []


def _str(fields: Document, key: str) -> str:
    value = fields.get(key)
    return value if isinstance(value, str) else ""
