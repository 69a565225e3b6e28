"""Checks requested storage and devices against what a charm declares.

The rules are those of ``state/storage.go``, ``state/devices.go`` and the checks that
``Application.Deploy`` makes before, for applications on Kubernetes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ckf_airgap.charms.charm import Charm
from ckf_airgap.documents import Document, JSONValue
from ckf_airgap.rehearsal.entities.storage import (
    DEFAULT_SIZE_MIB,
    UNBOUNDED,
    StorageConstraints,
    StorageDeclaration,
    device_minima,
    storage_declarations,
)
from ckf_airgap.rehearsal.model.storagepools import (
    KUBERNETES,
    Pool,
    StoragePools,
    check_for_cluster,
)
from ckf_airgap.rehearsal.wire import NOT_FOUND, NOT_VALID, ApiError, mapping_field, text_field

_FIXED_SIZE: Final = ("tmpfs", "rootfs")
"""The providers whose storage is part of the pod itself."""

_SI_UNITS: Final = ("MB", "GB", "TB", "PB", "EB")
_BINARY_UNITS: Final = ("MiB", "GiB", "TiB", "PiB", "EiB")


def requested(storage: Mapping[str, JSONValue]) -> dict[str, StorageConstraints]:
    """Return the storage constraints in a request, by storage name."""
    return {
        name: StorageConstraints.from_document(mapping_field(dict(storage), name))
        for name in storage
    }


def check_workload_pools(
    application: str, storage: Mapping[str, JSONValue], *, pools: StoragePools, storage_class: str
) -> None:
    """Check the pools that a deployment names, before its options are checked.

    Raises:
        ApiError: when a pool is missing, does not exist, or makes no filesystems.
    """
    for name in storage:
        pool = text_field(mapping_field(dict(storage), name), "pool")
        if not pool and not storage_class:
            raise ApiError(
                f'storage pool for "{name}" must be specified since there\'s no model default '
                "storage class"
            )
        if pool and pool != KUBERNETES:
            try:
                _check_workload_pool(pools, pool)
            except ApiError as error:
                raise error.annotated(
                    f'getting workload storage params for "{application}"'
                ) from error


def _check_workload_pool(pools: StoragePools, name: str) -> None:
    try:
        pools.get(name)
    except ApiError:
        provider = pools.resolve(name).provider
        if not provider.filesystems:
            raise ApiError(f'storage provider "{name}" not valid', NOT_VALID) from None


def complete_constraints(
    charm: Charm,
    storage: Mapping[str, JSONValue],
    *,
    pools: StoragePools,
    config: Mapping[str, JSONValue],
) -> dict[str, StorageConstraints]:
    """Return the constraints of every storage of a charm, with the defaults of charm and model.

    Raises:
        ApiError: for the first storage that does not fit.
    """
    declared = storage_declarations(charm)
    found = requested(storage)
    for name, declaration in declared.items():
        if declaration.shared and name not in found:
            raise ApiError(f'no constraints specified for shared charm storage "{name}"')
        found[name] = with_defaults(declaration, found.get(name, StorageConstraints()), config)
    check_constraints(charm, found, pools=pools)
    return found


def refreshed_constraints(
    charm: Charm,
    before: Mapping[str, StorageConstraints],
    storage: Mapping[str, JSONValue],
    *,
    pools: StoragePools,
    config: Mapping[str, JSONValue],
) -> dict[str, StorageConstraints]:
    """Return the constraints of an application that is refreshed to a charm.

    Constraints not in the request are kept; storages the charm does not declare are left out.

    Raises:
        ApiError: for the first storage that does not fit.
    """
    declared = storage_declarations(charm)
    merged = {**before, **requested(storage)}
    found = {
        name: with_defaults(declaration, merged.get(name, StorageConstraints()), config)
        for name, declaration in declared.items()
    }
    try:
        check_constraints(charm, found, pools=pools)
    except ApiError as error:
        raise error.annotated("validating storage constraints") from error
    return found


def with_defaults(
    declaration: StorageDeclaration,
    constraints: StorageConstraints,
    config: Mapping[str, JSONValue],
) -> StorageConstraints:
    """Return constraints with their unspecified fields filled in."""
    pool = constraints.pool
    if not pool and constraints != StorageConstraints():
        keys = ["storage-default-block-source"]
        if declaration.type == "filesystem":
            keys.insert(0, "storage-default-filesystem-source")
        pool = next((str(config[key]) for key in keys if config.get(key)), "")
    return StorageConstraints(
        pool=pool or KUBERNETES,
        size_mib=constraints.size_mib or declaration.minimum_size_mib or DEFAULT_SIZE_MIB,
        count=constraints.count or declaration.least,
    )


def check_constraints(
    charm: Charm, constraints: Mapping[str, StorageConstraints], *, pools: StoragePools
) -> None:
    """Check complete constraints against a charm.

    Raises:
        ApiError: for the first one that does not fit.
    """
    declared = storage_declarations(charm)
    for name, asked in constraints.items():
        declaration = declared.get(name)
        if declaration is None:
            raise ApiError(f'charm "{charm.name}" has no store called "{name}"')
        where = f'charm "{charm.name}" store "{name}"'
        if declaration.shared:
            raise ApiError(f"{where}: shared storage support not implemented")
        _check_count(declaration, asked.count, where)
        if asked.size_mib < declaration.minimum_size_mib:
            raise ApiError(
                f"{where}: minimum storage size is {_si(declaration.minimum_size_mib)}, "
                f"{_si(asked.size_mib)} specified"
            )
        check_pool(pools, asked.pool)


def check_pool(pools: StoragePools, name: str) -> Pool:
    """Return a pool that can provide filesystems to units in a cluster; otherwise `ApiError`.

    A provider of volumes makes filesystems on them.
    """
    if not name:
        raise ApiError("pool name is required")
    pool = pools.resolve(name)
    check_for_cluster(pool)
    return pool


def check_count_change(declaration: StorageDeclaration, current: int, change: int) -> None:
    """Check that a unit may have `change` more (or fewer) instances of a storage than now.

    Raises:
        ApiError: when it would have too many or too few.
    """
    action, size, count = ("attach" if change > 0 else "detach"), abs(change), current + change
    plural = "" if size == 1 else "s"
    if declaration.least == declaration.most == 1 and count != 1:
        raise ApiError(f"cannot {action}, storage is singular")
    total = f"{action}ing {size} storage instance{plural} brings the total to {count}"
    if count < declaration.least:
        raise ApiError(f"{total}, which is less than the minimum of {declaration.least}")
    if declaration.most != UNBOUNDED and count > declaration.most:
        raise ApiError(f"{total}, exceeding the maximum of {declaration.most}")


def check_update(
    before: StorageConstraints, after: StorageConstraints, pools: StoragePools
) -> None:
    """Check that the storage constraints of a deployed application can be changed.

    Raises:
        ApiError: when the pod's template in the cluster would have to change.
    """
    old, new = (
        _provider(pools, before.pool, which="old"),
        _provider(pools, after.pool, which="new"),
    )
    if old != new:
        raise ApiError(f'changing provider type from "{old}" to "{new}" is not allowed')
    if old not in _FIXED_SIZE:
        return
    if before.size_mib != after.size_mib:
        raise ApiError(
            f"changing size from {_binary(before.size_mib)} to {_binary(after.size_mib)} for "
            f'provider type "{old}" is not allowed'
        )
    if before.count != after.count:
        raise ApiError(
            f"changing count from {before.count} to {after.count} for provider type "
            f'"{old}" is not allowed'
        )


def check_devices(charm: Charm, devices: Document) -> None:
    """Check the devices that a deployment asks for.

    Raises:
        ApiError: for a device that the charm does not have, is too few of, or is not given.
    """
    least = device_minima(charm.metadata)
    for name in devices:
        count = mapping_field(devices, name)
        asked = next((value for key, value in count.items() if key.lower() == "count"), 0)
        number = asked if isinstance(asked, int) else 0
        if name not in least:
            raise ApiError(f'charm "{charm.name}" has no device called "{name}"')
        if number < least[name]:
            raise ApiError(
                f'charm "{charm.name}" device "{name}": minimum device size is {least[name]}, '
                f"{number} specified"
            )
    for name, minimum in least.items():
        if minimum > 0 and name not in devices:
            raise ApiError(f'no constraints specified for device "{name}"')


def unknown_storage(name: str) -> ApiError:
    """Return the error for a storage that a charm does not declare."""
    return ApiError(f'charm storage "{name}" not found', NOT_FOUND)


def _check_count(declaration: StorageDeclaration, count: int, where: str) -> None:
    if declaration.least == declaration.most == 1 and count != 1:
        raise ApiError(f"{where}: storage is singular, {count} specified")
    if count < declaration.least:
        raise ApiError(f"{where}: {declaration.least} instances required, {count} specified")
    if declaration.most != UNBOUNDED and count > declaration.most:
        raise ApiError(
            f"{where}: at most {declaration.most} instances supported, {count} specified"
        )


def _provider(pools: StoragePools, pool: str, *, which: str) -> str:
    try:
        return pools.resolve(pool).provider.name
    except ApiError as error:
        raise error.annotated(f'getting {which} provider type for pool: "{pool}"') from error


def _si(mebibytes: int) -> str:
    """Return a size in the words of Juju's errors, which count a mebibyte as a megabyte."""
    return _scaled(mebibytes, 1000, _SI_UNITS, " ")


def _binary(mebibytes: int) -> str:
    return _scaled(mebibytes, 1024, _BINARY_UNITS, " ")


def _scaled(number: int, base: int, units: tuple[str, ...], space: str) -> str:
    if number == 0:
        return "0 B"
    value, unit = float(number), 0
    while value >= base and unit < len(units) - 1:
        value, unit = value / base, unit + 1
    shown = f"{value:.1f}" if value < 10 else f"{value:.0f}"
    return f"{shown}{space}{units[unit]}"
