"""The storage pools of a model and their providers, as in Juju's pool manager."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from ckf_airgap.documents import Document, JSONValue
from ckf_airgap.rehearsal.wire import NOT_FOUND, NOT_SUPPORTED, NOT_VALID, ApiError

KUBERNETES: Final = "kubernetes"
"""The provider of volumes in a cluster; also the pool that is used when none is named."""

_POOL_NAME: Final = re.compile(r"^[a-zA-Z]+[-?a-zA-Z0-9]*$")
_MODES: Final = ("ReadOnlyMany", "ROX", "ReadWriteMany", "RWX", "ReadWriteOnce", "RWO")
_MEDIUMS: Final = ("Memory", "HugePages")


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """A storage provider.

    Attributes:
        name: What it is called, also as a pool.
        filesystems: Whether it makes filesystems; else it makes volumes.
        detachable: Whether its storage outlives a unit and can therefore be released.
        on_kubernetes: Whether units in a cluster can use it.
    """

    name: str
    filesystems: bool
    detachable: bool
    on_kubernetes: bool = True


PROVIDERS: Final[Mapping[str, Provider]] = {
    provider.name: provider
    for provider in (
        Provider(name=KUBERNETES, filesystems=False, detachable=True),
        Provider(name="loop", filesystems=False, detachable=False, on_kubernetes=False),
        Provider(name="rootfs", filesystems=True, detachable=False),
        Provider(name="tmpfs", filesystems=True, detachable=False),
    )
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """A pool created by a user."""

    name: str
    provider: Provider
    attributes: Mapping[str, JSONValue] = field(default_factory=dict)


class StoragePools:
    """The pools that users have created in a model, and the providers, which are pools too."""

    def __init__(self) -> None:
        self._pools: dict[str, Pool] = {}

    def create(self, name: str, provider: str, attributes: Document) -> None:
        """Create a pool.

        Raises:
            ApiError: when the name or the provider is missing, there is such a pool or no such
                provider, or the attributes do not fit it.
        """
        if not name:
            raise ApiError("pool name is missing")
        if not provider:
            raise ApiError("provider type is missing")
        pool = _checked(name, provider, attributes)
        if name in self._pools:
            raise ApiError(f'creating pool "{name}": cannot overwrite existing settings')
        self._pools[name] = pool

    def replace(self, name: str, provider: str, attributes: Document) -> None:
        """Replace a pool's attributes, and its provider if one is given.

        Raises:
            ApiError: when there is no such pool or provider, or the attributes do not fit it.
        """
        if not name:
            raise ApiError("pool name is missing")
        pool = _checked(name, provider or self.get(name).provider.name, attributes)
        if name not in self._pools:
            raise ApiError("settings not found", NOT_FOUND)
        self._pools[name] = pool

    def remove(self, name: str) -> None:
        """Remove a pool; `ApiError` (not found) when there is none."""
        if self._pools.pop(name, None) is None:
            raise ApiError(f'storage pool "{name}" not found', NOT_FOUND)

    def get(self, name: str) -> Pool:
        """Return a pool that a user created; `ApiError` (not found) when there is none."""
        pool = self._pools.get(name)
        if pool is None:
            raise ApiError(f'pool "{name}" not found', NOT_FOUND)
        return pool

    def resolve(self, name: str) -> Pool:
        """Return a pool, or the provider of that name as one; `ApiError` (not found)."""
        if name not in self._pools and name in PROVIDERS:
            return Pool(name=name, provider=PROVIDERS[name])
        return self.get(name)

    def listed(self, names: Sequence[str], providers: Sequence[str]) -> Iterator[Pool]:
        """Yield the pools and providers that match the filters.

        If both filters are given, both must match. A Kubernetes model always includes its own
        provider in the filter.

        Raises:
            ApiError: for a provider that does not exist, or a name that cannot be one.
        """
        wanted = {*providers, KUBERNETES}
        for provider in providers:
            provider_called(provider)
        for name in names:
            check_pool_name(name)
        known = [*self._pools.values(), *(self._as_pool(provider) for provider in PROVIDERS)]
        for pool in known:
            if pool.provider.name in wanted and (not names or pool.name in names):
                yield pool

    @staticmethod
    def _as_pool(provider: str) -> Pool:
        return Pool(name=provider, provider=PROVIDERS[provider])


def provider_called(name: str) -> Provider:
    """Return a provider; `ApiError` (not found) when there is none."""
    provider = PROVIDERS.get(name)
    if provider is None:
        raise ApiError(f'storage provider "{name}" not found', NOT_FOUND)
    return provider


def check_pool_name(name: str) -> None:
    """Raise `ApiError` unless this is a valid pool name."""
    if not _POOL_NAME.match(name):
        raise ApiError(f'pool name "{name}" not valid', NOT_VALID)


def check_for_cluster(pool: Pool) -> None:
    """Raise `ApiError` unless units in a cluster can use a pool."""
    provider = pool.provider
    if not provider.on_kubernetes:
        raise ApiError(
            f'invalid storage config: storage provider type "{provider.name}" not valid', NOT_VALID
        )
    try:
        _check_medium(pool.attributes)
        if pool.attributes:
            _check_attributes(pool.attributes)
    except ApiError as error:
        raise error.annotated("invalid storage config") from error


def _checked(name: str, provider: str, attributes: Document) -> Pool:
    pool = Pool(name=name, provider=provider_called(provider), attributes=dict(attributes))
    if provider == KUBERNETES:
        try:
            _check_attributes(pool.attributes)
        except ApiError as error:
            raise error.annotated("validating storage provider config") from error
    return pool


def _check_medium(attributes: Mapping[str, JSONValue]) -> None:
    medium = attributes.get("storage-medium")
    if medium is not None and str(medium) not in _MEDIUMS:
        raise ApiError(f'storage medium "{medium}" not valid', NOT_VALID)


def _check_attributes(attributes: Mapping[str, JSONValue]) -> None:
    """Raise `ApiError` unless the attributes say what a cluster can do."""
    for key in ("storage-class", "storage-provisioner"):
        value = attributes.get(key)
        if key in attributes and not isinstance(value, str):
            raise ApiError(
                f"validating storage config: {key}: expected string, got {_go_value(value)}"
            )
    if attributes.get("storage-provisioner") and not attributes.get("storage-class"):
        raise ApiError("storage-class must be specified if storage-provisioner is specified")
    mode = attributes.get("storage-mode", "ReadWriteOnce")
    if mode not in _MODES:
        raise ApiError(f'storage mode "{mode}" not supported', NOT_SUPPORTED)


def _go_value(value: JSONValue) -> str:
    """Return a value as Go's error texts show it, its type in front."""
    if isinstance(value, bool):
        return f"bool({str(value).lower()})"
    if isinstance(value, int | float):
        return f"float64({value})"
    return "nothing" if value is None else str(value)
