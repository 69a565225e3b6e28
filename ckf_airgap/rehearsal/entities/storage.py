"""Storage: what charms declare, what deployments ask for, and what exists in a model.

A storage instance is owned by a unit while it is attached. In a Kubernetes pool, which provides
only volumes, its filesystem is backed by a volume: the filesystem is then the persistent volume
claim and the volume the persistent volume.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal, TypeAlias

from ckf_airgap.charms.charm import Charm
from ckf_airgap.documents import Document, JSONValue
from ckf_airgap.rehearsal.wire import ApiError, text_field

StorageLife: TypeAlias = Literal["alive", "dying"]

STORAGE_ROOT: Final = "/var/lib/juju/storage"
"""Where storage is mounted when the charm sets no location."""

UNBOUNDED: Final = -1
"""The maximum number of instances when a charm sets no limit."""

DEFAULT_SIZE_MIB: Final = 1024

_INSTANCE_ID: Final = re.compile(r"^[a-z][a-z0-9]*(-[a-z0-9]*[a-z][a-z0-9]*)*/(0|[1-9][0-9]*)$")


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageDeclaration:
    """A storage declared by a charm (``storage:`` in its metadata)."""

    name: str
    type: str
    shared: bool = False
    read_only: bool = False
    least: int = 1
    most: int = 1
    """The maximum number of instances per unit; `UNBOUNDED` for no limit."""
    minimum_size_mib: int = 0
    location: str = ""
    description: str = ""
    properties: tuple[str, ...] = ()

    @classmethod
    def from_document(cls, name: str, document: Document) -> StorageDeclaration:
        """Parse the declaration in a charm's metadata."""
        least, most = _count_range(document)
        properties = document.get("properties")
        return cls(
            name=name,
            type=str(document.get("type") or ""),
            shared=document.get("shared") is True,
            read_only=document.get("read-only") is True,
            least=least,
            most=most,
            minimum_size_mib=mebibytes(document.get("minimum-size")),
            location=str(document.get("location") or ""),
            description=str(document.get("description") or ""),
            properties=tuple(map(str, properties)) if isinstance(properties, list) else (),
        )

    def mount_point(self, number: int) -> str:
        """Return the mount point of the instance with this number (from 0, per unit).

        As in ``state.FilesystemMountPoint``: the location itself for a single instance, otherwise
        a directory below it.
        """
        if self.location and self.most == 1:
            return self.location
        return f"{self.location or STORAGE_ROOT}/{self.name}/{number}"


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageConstraints:
    """The constraints requested for a storage; empty or 0 where unspecified."""

    pool: str = ""
    size_mib: int = 0
    count: int = 0

    @classmethod
    def from_document(cls, document: Document) -> StorageConstraints:
        """Parse the constraints in a request; a missing field is empty or 0."""
        return cls(
            pool=text_field(document, "pool"),
            size_mib=_natural_or_none(document, "size") or 0,
            count=_natural_or_none(document, "count") or 0,
        )

    def updated(self, document: Document) -> StorageConstraints:
        """Return these constraints, overridden by the fields present in a request."""
        size, count = _natural_or_none(document, "size"), _natural_or_none(document, "count")
        return StorageConstraints(
            pool=text_field(document, "pool") or self.pool,
            size_mib=self.size_mib if size is None else size,
            count=self.count if count is None else count,
        )

    def as_document(self) -> Document:
        """Return the constraints as ``params.StorageConstraints``."""
        return {"pool": self.pool, "size": self.size_mib, "count": self.count}


@dataclass(slots=True, kw_only=True, eq=False)
class StorageStatus:
    """The status of a filesystem or volume, and when it was set."""

    current: str
    message: str = ""
    since: datetime


@dataclass(slots=True, kw_only=True, eq=False)
class Volume:
    """A persistent volume."""

    id: str
    pool: str
    size_mib: int
    status: StorageStatus
    provider_id: str = ""
    """The name of the volume in the cluster; empty until it has been provisioned."""
    life: StorageLife = "alive"


@dataclass(slots=True, kw_only=True, eq=False)
class Filesystem:
    """A filesystem, and its backing volume if the pool provides volumes.

    Attributes:
        id: Its number, prefixed with the unit if the filesystem lives and dies with the pod.
        detachable: Whether it outlives its unit.
        claim: The name of the claim in the cluster; the next unit with the same number reuses it.
        mounted_by: The unit that mounts it, if any.
    """

    id: str
    pool: str
    size_mib: int
    status: StorageStatus
    detachable: bool = True
    provider_id: str = ""
    volume: Volume | None = None
    claim: str = ""
    mount_point: str = ""
    read_only: bool = False
    mounted_by: str = ""
    life: StorageLife = "alive"

    @property
    def tag(self) -> str:
        """Its tag, ``filesystem-0``."""
        return f"filesystem-{self.id.replace('/', '-')}"

    @property
    def provisioned(self) -> bool:
        """Whether the cluster has provisioned it."""
        return bool(self.provider_id)


@dataclass(slots=True, kw_only=True, eq=False)
class StorageInstance:
    """A storage instance, such as ``minio-data/0``.

    Attributes:
        unit: The unit that owns it and that it is attached to; empty when it is detached.
        attachment: The life of the attachment.
    """

    id: str
    declared: StorageDeclaration
    pool: str
    size_mib: int
    filesystem: Filesystem
    unit: str = ""
    attachment: StorageLife = "alive"
    life: StorageLife = "alive"
    releasing: bool = False

    @property
    def name(self) -> str:
        """The storage's name in the charm."""
        return self.declared.name

    @property
    def tag(self) -> str:
        """Its tag, ``storage-minio-data-0``."""
        return storage_tag(self.id)


@dataclass(slots=True, kw_only=True)
class PersistentVolume:
    """A volume in the cluster that no model manages.

    Attributes:
        claimed: Whether a claim is still bound to it.
        retained: Whether it is kept when its claim is deleted.
    """

    name: str
    size_mib: int
    claimed: bool = True
    retained: bool = False


@dataclass(slots=True)
class Cluster:
    """The persistent volumes that models have released to the cluster, by name."""

    released: dict[str, PersistentVolume] = field(default_factory=dict)


def storage_tag(instance_id: str) -> str:
    """Return the tag of a storage instance: ``storage-data-0`` for ``data/0``."""
    return f"storage-{instance_id.replace('/', '-')}"


def storage_id(tag: str) -> str:
    """Return the id of a storage instance: ``data/0`` for ``storage-data-0``.

    Raises:
        ApiError: when it is not a storage tag.
    """
    kind, _, rest = tag.partition("-")
    name, _, number = rest.rpartition("-")
    found = f"{name}/{number}"
    if kind != "storage" or not is_storage_id(found):
        raise ApiError(f'"{tag}" is not a valid storage tag')
    return found


def is_storage_id(text: str) -> bool:
    """Whether a string is a storage instance id, such as ``data/0``."""
    return _INSTANCE_ID.match(text) is not None


def storage_declarations(charm: Charm) -> dict[str, StorageDeclaration]:
    """Return the storages that a charm declares, by name."""
    section = charm.metadata.get("storage")
    return {
        name: StorageDeclaration.from_document(name, document if isinstance(document, dict) else {})
        for name, document in (section.items() if isinstance(section, dict) else ())
    }


def device_declarations(charm: Charm) -> dict[str, tuple[str, str, int, int]]:
    """Return the devices that a charm declares: description, type, least and most, by name."""
    section = charm.metadata.get("devices")
    found: dict[str, tuple[str, str, int, int]] = {}
    for name, device in section.items() if isinstance(section, dict) else ():
        fields = device if isinstance(device, dict) else {}
        counts = [fields.get(key) for key in ("countmin", "countmax")]
        least, most = (value if isinstance(value, int) else 1 for value in counts)
        description, kind = (str(fields.get(key) or "") for key in ("description", "type"))
        found[name] = description, kind, least, most
    return found


def deployment_of(charm: Charm) -> tuple[str, str, str, str] | None:
    """Return how a charm of the first format is deployed: type, mode, service and version."""
    section = charm.metadata.get("deployment")
    if not isinstance(section, dict):
        return None
    kind, service, version = (
        str(section.get(key) or "") for key in ("type", "service", "min-version")
    )
    return kind, str(section.get("mode") or "workload"), service, version


def device_minima(metadata: Mapping[str, JSONValue]) -> dict[str, int]:
    """Return the devices that a charm declares, with the minimum count of each."""
    section = metadata.get("devices")
    least: dict[str, int] = {}
    for name, device in section.items() if isinstance(section, dict) else ():
        count = device.get("countmin", 1) if isinstance(device, dict) else 1
        least[name] = count if isinstance(count, int) else 1
    return least


def mebibytes(size: JSONValue) -> int:
    """Return a size such as ``10G`` in MiB."""
    match = re.match(r"^([0-9.]+)\s*([MGTPEZY]?)", str(size or ""))
    if match is None:
        return 0
    power = max("MGTPEZY".find(match[2]), 0)
    return math.ceil(float(match[1]) * float(1024**power))


def _count_range(document: Document) -> tuple[int, int]:
    """Return the allowed number of instances: one, or ``multiple: {range: 0-2}``."""
    multiple = document.get("multiple")
    if not isinstance(multiple, dict):
        return 1, 1
    text = str(multiple.get("range", "1"))
    if text.endswith("+"):
        return int(text[:-1]), UNBOUNDED
    least, dash, most = text.partition("-")
    return int(least or 0), (int(most) if most else UNBOUNDED) if dash else int(least)


def _natural_or_none(document: Document, name: str) -> int | None:
    """Return a number from a request, or ``None`` if it is missing."""
    for key, value in document.items():
        if key.lower() == name and isinstance(value, int) and not isinstance(value, bool):
            return max(value, 0)
    return None
