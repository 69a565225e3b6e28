"""What users do to the storage of a model: add, attach, detach, remove, import."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ckf_airgap.documents import Document
from ckf_airgap.rehearsal.entities.entities import Application, Unit
from ckf_airgap.rehearsal.entities.storage import (
    StorageConstraints,
    StorageInstance,
    storage_declarations,
)
from ckf_airgap.rehearsal.model.storagechecks import (
    check_constraints,
    check_count_change,
    check_update,
    unknown_storage,
    with_defaults,
)
from ckf_airgap.rehearsal.model.storagepools import check_pool_name, provider_called
from ckf_airgap.rehearsal.wire import (
    NOT_FOUND,
    NOT_SUPPORTED,
    NOT_VALID,
    STORAGE_ATTACHED,
    ApiError,
    mapping_field,
)

if TYPE_CHECKING:
    from ckf_airgap.rehearsal.model.model import Model


def add_to_unit(
    model: Model, unit_name: str, name: str, constraints: StorageConstraints
) -> list[StorageInstance]:
    """Add instances of a storage to a unit.

    Unspecified constraints default to those the application was deployed with.

    Raises:
        ApiError: when the charm declares no such storage, or does not allow so many instances.
    """
    unit = model.topology.unit(unit_name)
    if unit.life != "alive":
        raise ApiError("unit is not alive")
    charm = unit.application.charm
    declaration = storage_declarations(charm).get(name)
    if declaration is None:
        raise unknown_storage(name)
    known = unit.application.storage_constraints.get(name, StorageConstraints())
    count = constraints.count
    asked = StorageConstraints(
        pool=constraints.pool or known.pool,
        size_mib=constraints.size_mib or known.size_mib,
        count=count,
    )
    if not (asked.pool and asked.size_mib):
        asked = with_defaults(declaration, asked, model.config)
    if asked.count == 0:
        raise ApiError("adding storage where instance count is 0 not valid", NOT_VALID)
    current = _count(model, unit, name)
    check_count_change(declaration, current, asked.count)
    total = StorageConstraints(
        pool=asked.pool, size_mib=asked.size_mib, count=current + asked.count
    )
    check_constraints(charm, {name: total}, pools=model.storage.pools)
    added = [model.storage.add(unit, declaration, asked) for _ in range(asked.count)]
    for _ in added:
        model.topology.storage_attached(unit, name)
    return added


def attach(model: Model, instance_id: str, unit_name: str) -> None:
    """Attach a detached instance to a unit; a no-op if it is attached to that unit already.

    Raises:
        ApiError: when it cannot be attached.
    """
    try:
        instance, unit = model.storage.instance(instance_id), model.topology.unit(unit_name)
        is_new = _check_attachment(model, instance, unit)
    except ApiError as error:
        raise error.annotated(f"cannot attach storage {instance_id} to unit {unit_name}") from error
    if not is_new:
        return
    model.storage.attach(instance, unit)
    model.topology.storage_attached(unit, instance.name)


def _check_attachment(model: Model, instance: StorageInstance, unit: Unit) -> bool:
    """Return whether an instance has yet to be attached to a unit; `ApiError` if it cannot be."""
    if unit.life != "alive":
        raise ApiError("unit not alive")
    if instance.unit == unit.name and instance.life == "alive":
        return False
    check_attachable(instance, unit.application, unit.name)
    declaration = storage_declarations(unit.application.charm)[instance.name]
    check_count_change(declaration, _count(model, unit, instance.name), 1)
    return True


def check_attachable(instance: StorageInstance, application: Application, unit_name: str) -> None:
    """Raise `ApiError` unless an instance can be attached to a unit of an application."""
    if instance.life != "alive":
        raise ApiError("storage not alive")
    if instance.unit:
        raise ApiError(f"cannot attach storage owned by unit {instance.unit} to unit {unit_name}")
    if instance.name not in storage_declarations(application.charm):
        raise ApiError(f"charm {application.charm.name} has no storage called {instance.name}")


def detach(model: Model, instance_id: str, unit_name: str = "", *, force: bool = False) -> None:
    """Detach an instance from a unit, or from whichever unit it is attached to.

    Raises:
        ApiError: when there is no such attachment, or the unit needs the storage.
    """
    if not unit_name:
        instance = model.storage.instance(instance_id)
        if not instance.unit or instance.attachment == "dying":
            return
        unit_name = instance.unit
    where = f"cannot destroy storage attachment {instance_id}:{unit_name}"
    known = model.storage.instances.get(instance_id)
    if known is None or known.unit != unit_name:
        raise ApiError(
            f'{where}: storage attachment "{instance_id}" on "{unit_name}" not found', NOT_FOUND
        )
    if known.attachment == "dying":
        return
    try:
        _check_removable(model, known, force=force)
    except ApiError as error:
        raise error.annotated(where) from error
    model.topology.storage_detaching(model.topology.unit(unit_name), known.name)
    model.storage.detach(known)


def remove(
    model: Model, instance_id: str, *, attachments: bool, release: bool, force: bool
) -> None:
    """Remove an instance, and destroy or release its backing storage.

    Args:
        model: The model.
        instance_id: The instance.
        attachments: Whether it may be detached first.
        release: Whether the volume is kept in the cluster.
        force: Whether a unit may be left with less than its charm needs.

    Raises:
        ApiError: when there is no such instance, or it is attached (``storage is attached``).
    """
    try:
        instance = model.storage.instance(instance_id)
        if instance.life == "dying" and not force:
            return
        _check_removal(model, instance, attachments=attachments, release=release, force=force)
    except ApiError as error:
        verb = "release" if release else "destroy"
        raise error.annotated(f'cannot {verb} storage "{instance_id}"') from error
    instance.life, instance.releasing = "dying", release
    if not instance.unit:
        model.storage.drop(instance)
    elif instance.attachment == "alive":
        model.topology.storage_detaching(model.topology.unit(instance.unit), instance.name)
        model.storage.detach(instance)


def _check_removal(
    model: Model, instance: StorageInstance, *, attachments: bool, release: bool, force: bool
) -> None:
    if instance.unit and not attachments:
        raise ApiError("storage is attached", STORAGE_ATTACHED)
    if instance.unit:
        _check_removable(model, instance, force=force)
    if release and not instance.filesystem.detachable:
        provider = model.storage.pools.resolve(instance.pool).provider.name
        raise ApiError(f'storage provider "{provider}" does not support releasing storage')


def import_volume(
    model: Model, *, pool: str, volume_name: str, storage_name: str, force: bool
) -> StorageInstance:
    """Import a volume that this controller's models have released.

    Args:
        model: The model.
        pool: The storage pool, or the provider.
        volume_name: The name of the persistent volume.
        storage_name: The storage that it becomes an instance of.
        force: Whether the volume is unbound from its claim, and retained, first.

    Raises:
        ApiError: when the provider does not support imports, or the volume cannot be imported.
    """
    check_pool_name(pool)
    pools = model.storage.pools
    try:
        provider = pools.get(pool).provider
    except ApiError:
        provider = provider_called(pool)
    if provider.filesystems or not provider.on_kubernetes:
        what = "filesystem" if provider.filesystems else "volume"
        raise ApiError(
            f'importing {what} with storage provider "{provider.name}" not supported', NOT_SUPPORTED
        )
    where = "importing volume"
    volume = model.storage.cluster.released.get(volume_name)
    if volume is None:
        raise ApiError(f'{where}: persistent volume "{volume_name}" not found', NOT_FOUND)
    if force:
        volume.retained, volume.claimed = True, False
    if not volume.retained:
        raise ApiError(
            f'{where}: importing volume "{volume_name}" with reclaim policy "Delete" not supported '
            '(must be "Retain")',
            NOT_SUPPORTED,
        )
    if volume.claimed:
        raise ApiError(
            f'{where}: importing volume "{volume_name}" already bound to a claim not supported',
            NOT_SUPPORTED,
        )
    return model.storage.adopt(storage_name, pool, volume)


def update_constraints(model: Model, application: Application, changes: Document) -> None:
    """Change the storage constraints that apply to an application's future units.

    Raises:
        ApiError: when the charm or the cluster does not allow it.
    """
    if not changes:
        return
    pools = model.storage.pools
    updated = dict(application.storage_constraints)
    try:
        for name in changes:
            before = updated.get(name, StorageConstraints())
            updated[name] = before.updated(mapping_field(changes, name))
            check_update(before, updated[name], pools)
        try:
            check_constraints(application.charm, updated, pools=pools)
        except ApiError as error:
            raise error.annotated("validating storage constraints") from error
    except ApiError as error:
        raise error.annotated("cannot update storage constraints") from error
    application.storage_constraints = updated


def remove_pool(model: Model, name: str) -> None:
    """Remove a storage pool.

    Raises:
        ApiError: when it is in use, or there is none.
    """
    if model.config.get("operator-storage") == name:
        in_use = bool(model.applications)
    else:
        in_use = any(instance.pool == name for instance in model.storage.instances.values())
    if in_use:
        raise ApiError(f'storage pool "{name}" in use')
    model.storage.pools.remove(name)


def _count(model: Model, unit: Unit, name: str) -> int:
    return sum(1 for instance in model.storage.of_unit(unit.name) if instance.name == name)


def _check_removable(model: Model, instance: StorageInstance, *, force: bool) -> None:
    """Raise `ApiError` when the unit of an instance requires it."""
    unit = model.topology.unit(instance.unit)
    declaration = storage_declarations(unit.application.charm).get(instance.name)
    if unit.life == "alive" and declaration is not None and not force:
        check_count_change(declaration, _count(model, unit, instance.name), -1)
