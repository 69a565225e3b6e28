"""The storage of a model: instances, filesystems and volumes, and how they come and go with units.

As on a real cluster, a filesystem outlives its unit unless it is part of the pod, and a new unit
with the number of an earlier one reuses its claims.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import Final

from ckf_airgap.rehearsal.entities.entities import Application, Unit
from ckf_airgap.rehearsal.entities.storage import (
    Cluster,
    Filesystem,
    PersistentVolume,
    StorageConstraints,
    StorageDeclaration,
    StorageInstance,
    StorageStatus,
    Volume,
    storage_declarations,
)
from ckf_airgap.rehearsal.model.storagechecks import with_defaults
from ckf_airgap.rehearsal.model.storagepools import KUBERNETES, PROVIDERS, Provider, StoragePools
from ckf_airgap.rehearsal.units.clock import Clock
from ckf_airgap.rehearsal.wire import NOT_FOUND, ApiError

DETACHING_S: Final = 2.0
"""Seconds until a filesystem has left a unit."""

REMOVING_S: Final = 3.0
"""Seconds until a filesystem without a storage instance is gone."""


class ModelStorage:
    """The storage of one model.

    Args:
        model_uuid: The model's UUID: the names of volumes follow from it.
        clock: What it lives by.

    Attributes:
        pools: The storage pools.
        cluster: The released volumes of the cluster, which the models of a controller share.
        instances: The storage instances by id, ``minio-data/0``.
        filesystems: The filesystems by id, also of instances that are gone.
    """

    def __init__(self, *, model_uuid: str, clock: Clock) -> None:
        self.pools = StoragePools()
        self.cluster = Cluster()
        self.instances: dict[str, StorageInstance] = {}
        self.filesystems: dict[str, Filesystem] = {}
        self._model_uuid = model_uuid
        self._clock = clock
        self._next_instance = self._next_filesystem = self._next_volume = 0

    # What there is.

    def instance(self, instance_id: str) -> StorageInstance:
        """Return a storage instance; `ApiError` (not found) when there is none."""
        known = self.instances.get(instance_id)
        if known is None:
            raise ApiError(f'storage "{instance_id}" not found', NOT_FOUND)
        return known

    def of_unit(self, unit: str) -> list[StorageInstance]:
        """Return the instances that are attached to a unit."""
        return [instance for instance in self.instances.values() if instance.unit == unit]

    def of_filesystem(self, filesystem: Filesystem) -> StorageInstance | None:
        """Return the instance of a filesystem, if that is still there."""
        owners = (owner for owner in self.instances.values() if owner.filesystem is filesystem)
        return next(owners, None)

    @property
    def volumes(self) -> list[Volume]:
        """The volumes."""
        return [known.volume for known in self.filesystems.values() if known.volume is not None]

    @property
    def is_persistent(self) -> bool:
        """Whether something is left that outlives units: destroying the model needs a decision."""
        return any(filesystem.detachable for filesystem in self.filesystems.values())

    # What units do.

    def unit_added(self, unit: Unit, attach: Iterable[str] = ()) -> None:
        """Give a new unit its storage: its previous storage, storage to attach, or new storage."""
        application = unit.application
        given = [self.instance(instance_id) for instance_id in attach]
        for instance in given:
            self.attach(instance, unit)
        for name, declaration in sorted(storage_declarations(application.charm).items()):
            constraints = application.storage_constraints.get(name)
            if declaration.shared or constraints is None:
                continue
            attached = sum(1 for instance in given if instance.name == name)
            for number in range(attached, constraints.count):
                self._reattach_or_add(unit, declaration, constraints, number)

    def add(
        self, unit: Unit, declaration: StorageDeclaration, constraints: StorageConstraints
    ) -> StorageInstance:
        """Add one more instance to a unit."""
        number = sum(1 for known in self.of_unit(unit.name) if known.name == declaration.name)
        return self._add(unit, declaration, constraints, number)

    def provisioned(self, unit: Unit) -> None:
        """Mark the storage that a unit's pod mounts as provisioned by the cluster."""
        for instance in self.of_unit(unit.name):
            filesystem = instance.filesystem
            if filesystem.life != "alive":
                continue
            if not filesystem.provisioned:
                self._provision(filesystem, unit)
            self._set(filesystem, "attached", _bound_message(filesystem))

    def unit_dying(self, unit: Unit) -> None:
        """Begin to detach the storage of a dying unit."""
        for instance in self.of_unit(unit.name):
            instance.attachment = "dying"
            if unit.destroys_storage:
                instance.life = "dying"

    def unit_gone(self, unit: Unit) -> None:
        """Detach the storage of a unit; remove what is dying or not detachable."""
        for instance in self.of_unit(unit.name):
            if instance.life == "dying" or not instance.filesystem.detachable:
                self.drop(instance)
            else:
                self.detached(instance, at_once=True)

    # What users do, once it is checked.

    def attach(self, instance: StorageInstance, unit: Unit) -> None:
        """Attach a detached instance to a unit."""
        declaration = storage_declarations(unit.application.charm)[instance.name]
        number = sum(1 for known in self.of_unit(unit.name) if known.name == instance.name)
        instance.unit, instance.attachment, instance.declared = unit.name, "alive", declaration
        filesystem = instance.filesystem
        filesystem.mounted_by = unit.name
        filesystem.claim = claim_name(unit.application, unit, instance.name, number)
        filesystem.mount_point = declaration.mount_point(number)
        filesystem.read_only = declaration.read_only
        self._set(filesystem, "attaching")
        if unit.address:
            self._clock.call_later(DETACHING_S, lambda: self._attached(instance, unit))

    def detach(self, instance: StorageInstance) -> None:
        """Begin to detach an instance from its unit."""
        instance.attachment = "dying"
        if not instance.filesystem.provisioned:
            self.detached(instance, at_once=True)
            return
        self._set(instance.filesystem, "detaching")
        self._clock.call_later(DETACHING_S, lambda: self.detached(instance))

    def detached(self, instance: StorageInstance, *, at_once: bool = False) -> None:
        """Mark an instance as detached; remove it if it is dying.

        Args:
            instance: The instance.
            at_once: Whether the unit itself is gone, which nobody waits for then.
        """
        if instance.id not in self.instances or (instance.attachment != "dying" and not at_once):
            return
        instance.unit = ""
        instance.filesystem.mounted_by = ""
        if instance.life == "dying":
            self.drop(instance)
        else:
            self._set(instance.filesystem, "detached")

    def drop(self, instance: StorageInstance, *, at_once: bool = False) -> None:
        """Remove an instance; its filesystem is destroyed, or released to the cluster."""
        self.instances.pop(instance.id, None)
        filesystem = instance.filesystem
        filesystem.life, filesystem.mounted_by = "dying", ""
        if filesystem.volume is not None:
            filesystem.volume.life = "dying"
        self._set(filesystem, "destroying")
        if instance.releasing:
            self._release(filesystem)
        if at_once:
            self._forget(filesystem)
        else:
            self._clock.call_later(REMOVING_S, lambda: self._forget(filesystem))

    def clear(self, *, release: bool, at_once: bool = False) -> None:
        """Remove everything, since the model is being destroyed."""
        for instance in list(self.instances.values()):
            instance.life, instance.releasing = "dying", release
            self.drop(instance, at_once=at_once)

    def adopt(self, name: str, pool: str, volume: PersistentVolume) -> StorageInstance:
        """Create an instance from a volume in the cluster that no model manages."""
        declaration = StorageDeclaration(name=name, type="filesystem")
        constraints = StorageConstraints(pool=pool, size_mib=volume.size_mib, count=1)
        instance = self._make(declaration, constraints, owner="")
        filesystem = instance.filesystem
        filesystem.provider_id = filesystem.tag
        if filesystem.volume is not None:
            filesystem.volume.provider_id = volume.name
        self._set(filesystem, "detached")
        self.cluster.released.pop(volume.name, None)
        return instance

    # How it is done.

    def _reattach_or_add(
        self,
        unit: Unit,
        declaration: StorageDeclaration,
        constraints: StorageConstraints,
        number: int,
    ) -> None:
        claim = claim_name(unit.application, unit, declaration.name, number)
        for instance in self.instances.values():
            if (
                not instance.unit
                and instance.life == "alive"
                and instance.filesystem.claim == claim
            ):
                self.attach(instance, unit)
                return
        self._add(unit, declaration, constraints, number)

    def _add(
        self,
        unit: Unit,
        declaration: StorageDeclaration,
        constraints: StorageConstraints,
        number: int,
    ) -> StorageInstance:
        instance = self._make(
            declaration, with_defaults(declaration, constraints, {}), owner=unit.name
        )
        filesystem = instance.filesystem
        filesystem.claim = claim_name(unit.application, unit, declaration.name, number)
        filesystem.mount_point = declaration.mount_point(number)
        if unit.address:
            self._clock.call_later(DETACHING_S, lambda: self._attached(instance, unit))
        return instance

    def _make(
        self, declaration: StorageDeclaration, constraints: StorageConstraints, *, owner: str
    ) -> StorageInstance:
        provider, pool = self._provider(constraints.pool), constraints.pool
        size, now = constraints.size_mib, self._clock.now()
        filesystem_id = f"{self._next_filesystem}"
        self._next_filesystem += 1
        volume = None
        if not provider.filesystems:
            volume = Volume(
                id=str(self._next_volume),
                pool=pool,
                size_mib=size,
                status=StorageStatus(current="pending", since=now),
            )
            self._next_volume += 1
        filesystem = Filesystem(
            id=filesystem_id if provider.detachable else f"{owner}/{filesystem_id}",
            pool=pool,
            size_mib=size,
            status=StorageStatus(current="pending", since=now),
            detachable=provider.detachable,
            volume=volume,
            read_only=declaration.read_only,
            mounted_by=owner,
        )
        instance = StorageInstance(
            id=f"{declaration.name}/{self._next_instance}",
            declared=declaration,
            pool=pool,
            size_mib=size,
            filesystem=filesystem,
            unit=owner,
        )
        self._next_instance += 1
        self.instances[instance.id] = instance
        self.filesystems[filesystem.id] = filesystem
        return instance

    def _provider(self, pool: str) -> Provider:
        """Return the provider of a pool; one that was removed meanwhile was one of volumes."""
        try:
            return self.pools.resolve(pool).provider
        except ApiError:
            return PROVIDERS[KUBERNETES]

    def _provision(self, filesystem: Filesystem, unit: Unit) -> None:
        if filesystem.volume is None:
            owner = self.of_filesystem(filesystem)
            filesystem.provider_id = f"{unit.application.name}-{owner.name if owner else ''}"
            return
        claim = str(uuid.uuid5(uuid.NAMESPACE_OID, f"{self._model_uuid} {filesystem.claim}"))
        filesystem.provider_id = claim
        filesystem.volume.provider_id = f"pvc-{claim}"

    def _forget(self, filesystem: Filesystem) -> None:
        self.filesystems.pop(filesystem.id, None)

    def _attached(self, instance: StorageInstance, unit: Unit) -> None:
        """Let a running pod have mounted an instance, if that is still to be."""
        if instance.unit == unit.name and instance.attachment == "alive":
            self.provisioned(unit)

    def _release(self, filesystem: Filesystem) -> None:
        volume = filesystem.volume
        if volume is not None and volume.provider_id:
            self.cluster.released[volume.provider_id] = PersistentVolume(
                name=volume.provider_id, size_mib=volume.size_mib
            )

    def _set(self, filesystem: Filesystem, current: str, message: str = "") -> None:
        now = self._clock.now()
        if filesystem.status.current != current:
            filesystem.status = StorageStatus(current=current, message=message, since=now)
        if filesystem.volume is not None and filesystem.volume.status.current != current:
            filesystem.volume.status = StorageStatus(current=current, since=now)


def claim_name(application: Application, unit: Unit, storage: str, number: int) -> str:
    """Return the name of the claim that the pod of a unit mounts."""
    name = f"{application.name}-{storage}-{application.storage_prefix}"
    return f"{name}-{application.name}-{unit.number}" + (f"-{number}" if number else "")


def _bound_message(filesystem: Filesystem) -> str:
    """Return the cluster's message for a claim that has been bound to its volume."""
    if filesystem.volume is None:
        return ""
    return f"Successfully provisioned volume {filesystem.volume.provider_id}"
