"""Storage as clients see it: ``StorageDetails``, ``FilesystemDetails``, ``VolumeDetails``. Pure.

A Kubernetes unit runs on no machine, so a storage instance's attachment has no location; its
filesystem's attachment has one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, Protocol

from ckf_airgap.documents import Document, JSONValue
from ckf_airgap.rehearsal.entities.resources import rfc3339
from ckf_airgap.rehearsal.entities.storage import (
    Filesystem,
    StorageInstance,
    StorageStatus,
    Volume,
)

BLOCK_KIND: Final = 1
FILESYSTEM_KIND: Final = 2


class Storage(Protocol):
    """The storage of a model."""

    instances: dict[str, StorageInstance]
    filesystems: dict[str, Filesystem]

    def of_filesystem(self, filesystem: Filesystem) -> StorageInstance | None:
        """Return the instance of a filesystem, if that is still there."""


def storage_details(instance: StorageInstance) -> Document:
    """Return a storage instance."""
    details: Document = {
        "storage-tag": instance.tag,
        "owner-tag": unit_tag(instance.unit) if instance.unit else "",
        "kind": FILESYSTEM_KIND,
        "status": _entity_status(instance.filesystem.status),
        "life": instance.life,
        "persistent": False,
    }
    if instance.unit:
        details["attachments"] = {
            unit_tag(instance.unit): {
                "storage-tag": instance.tag,
                "unit-tag": unit_tag(instance.unit),
                "machine-tag": "",
                "life": instance.attachment,
            }
        }
    return details


def filesystem_details(filesystem: Filesystem, instance: StorageInstance | None) -> Document:
    """Return a filesystem, with the instance that it belongs to, if there is one."""
    details: Document = {
        "filesystem-tag": filesystem.tag,
        "info": {
            "filesystem-id": filesystem.provider_id,
            "pool": filesystem.pool if filesystem.provisioned else "",
            "size": filesystem.size_mib if filesystem.provisioned else 0,
        },
        "life": filesystem.life,
        "status": _entity_status(filesystem.status),
    }
    if filesystem.volume is not None:
        details["volume-tag"] = f"volume-{filesystem.volume.id}"
    if filesystem.mounted_by:
        attachment: Document = {"life": instance.attachment if instance else "dying"}
        if filesystem.provisioned:
            attachment["mount-point"] = filesystem.mount_point
            if filesystem.read_only:
                attachment["read-only"] = True
        details["unit-attachments"] = {unit_tag(filesystem.mounted_by): attachment}
    if instance is not None:
        details["storage"] = storage_details(instance)
    return details


def volume_details(
    volume: Volume, filesystem: Filesystem, instance: StorageInstance | None
) -> Document:
    """Return a volume, with the instance that its filesystem belongs to, if there is one."""
    provisioned = bool(volume.provider_id)
    info: Document = {
        "volume-id": volume.provider_id,
        "size": volume.size_mib if provisioned else 0,
        "persistent": provisioned,
    }
    if provisioned:
        info["pool"] = volume.pool
    details: Document = {
        "volume-tag": f"volume-{volume.id}",
        "info": info,
        "life": volume.life,
        "status": _entity_status(volume.status),
    }
    if filesystem.mounted_by:
        attachment: Document = {"life": instance.attachment if instance else "dying"}
        if filesystem.read_only:
            attachment["read-only"] = True
        details["unit-attachments"] = {unit_tag(filesystem.mounted_by): attachment}
    if instance is not None:
        details["storage"] = storage_details(instance)
    return details


def filesystems_details(storage: Storage) -> list[Document]:
    """Return every filesystem."""
    return [
        filesystem_details(filesystem, storage.of_filesystem(filesystem))
        for filesystem in storage.filesystems.values()
    ]


def volumes_details(storage: Storage) -> list[Document]:
    """Return every volume."""
    return [
        volume_details(filesystem.volume, filesystem, storage.of_filesystem(filesystem))
        for filesystem in storage.filesystems.values()
        if filesystem.volume is not None
    ]


def status_sections(storage: Storage, units: Iterable[str] | None) -> Document:
    """Return the storage sections of ``FullStatus``.

    Args:
        storage: The storage of the model.
        units: The units whose storage is meant; ``None`` for everything.
    """
    instances = [*storage.instances.values()]
    filesystems, volumes = filesystems_details(storage), volumes_details(storage)
    if units is not None:
        wanted = set(units)
        instances = [instance for instance in instances if instance.unit in wanted]
        tags = {instance.tag for instance in instances}
        filesystems = [details for details in filesystems if _storage_tag(details) in tags]
        volumes = [details for details in volumes if _storage_tag(details) in tags]
    shown: Document = {}
    for section, details in (
        ("storage", [storage_details(instance) for instance in instances]),
        ("filesystems", filesystems),
        ("volumes", volumes),
    ):
        if details:
            shown[section] = [*details]
    return shown


def units_in(status: Document) -> list[str]:
    """Return the names of the units in a ``FullStatus``."""
    applications = status.get("applications")
    names: list[str] = []
    for application in (applications if isinstance(applications, dict) else {}).values():
        units = application.get("units") if isinstance(application, dict) else None
        names += units if isinstance(units, dict) else ()
    return names


def model_status_sections(storage: Storage) -> Document:
    """Return the storage sections of ``ModelStatus``."""
    filesystems: list[JSONValue] = []
    volumes: list[JSONValue] = []
    for known in storage.filesystems.values():
        filesystems.append(_summary(known.id, known.provider_id, known.status, known.detachable))
        if known.volume is not None:
            volume = known.volume
            volumes.append(_summary(volume.id, volume.provider_id, volume.status, True))
    sections: Document = {}
    if filesystems:
        sections["filesystems"] = filesystems
    if volumes:
        sections["volumes"] = volumes
    return sections


def unit_tag(name: str) -> str:
    """Return the tag of a unit: ``unit-minio-0`` for ``minio/0``."""
    return f"unit-{name.replace('/', '-')}"


def _summary(entity_id: str, provider_id: str, status: StorageStatus, detachable: bool) -> Document:
    summary: Document = {"id": entity_id, "status": status.current}
    if provider_id:
        summary["provider-id"] = provider_id
    if status.message:
        summary["message"] = status.message
    if detachable:
        summary["detachable"] = True
    return summary


def _storage_tag(details: Mapping[str, JSONValue]) -> JSONValue:
    instance = details.get("storage")
    return instance["storage-tag"] if isinstance(instance, dict) else None


def _entity_status(status: StorageStatus) -> Document:
    return {"status": status.current, "info": status.message, "since": rfc3339(status.since)}
