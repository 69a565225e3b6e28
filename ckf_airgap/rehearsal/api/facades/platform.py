"""Facades that a Kubernetes model advertises, and has next to nothing to say through.

Some are refused on every such model, as a real controller does; the others answer that there are
no blocks or storage instances.
"""

from __future__ import annotations

from typing import ClassVar

from ckf_airgap.documents import Document
from ckf_airgap.rehearsal.api.facade import Facade, Scope, rpc_method
from ckf_airgap.rehearsal.wire import list_field, mappings_field


class MachineManager(Facade):
    """Machines: refused."""

    name: ClassVar[str] = "MachineManager"
    versions: ClassVar[tuple[int, ...]] = (9, 10)
    refused_on_containers: ClassVar[bool] = True


class Spaces(Facade):
    """Network spaces: refused."""

    name: ClassVar[str] = "Spaces"
    versions: ClassVar[tuple[int, ...]] = (6,)
    refused_on_containers: ClassVar[bool] = True


class Subnets(Facade):
    """Subnets: refused."""

    name: ClassVar[str] = "Subnets"
    versions: ClassVar[tuple[int, ...]] = (5,)
    refused_on_containers: ClassVar[bool] = True


class KeyManager(Facade):
    """SSH keys of machines: refused."""

    name: ClassVar[str] = "KeyManager"
    versions: ClassVar[tuple[int, ...]] = (1,)
    refused_on_containers: ClassVar[bool] = True


class Block(Facade):
    """Blocks against changes: there are none."""

    name: ClassVar[str] = "Block"
    versions: ClassVar[tuple[int, ...]] = (2,)

    @rpc_method
    async def list(self, _params: Document) -> Document:
        """Return no block."""
        return {"results": []}


class HighAvailability(Facade):
    """Several controllers: there is one."""

    name: ClassVar[str] = "HighAvailability"
    versions: ClassVar[tuple[int, ...]] = (2,)
    scope: ClassVar[Scope] = "both"


class SSHClient(Facade):
    """SSH to units: their addresses lead nowhere in a rehearsal."""

    name: ClassVar[str] = "SSHClient"
    versions: ClassVar[tuple[int, ...]] = (4, 5)


class Storage(Facade):
    """Storage instances: charms of a rehearsal store nothing."""

    name: ClassVar[str] = "Storage"
    versions: ClassVar[tuple[int, ...]] = (6, 7)

    @rpc_method
    async def list_storage_details(self, params: Document) -> Document:
        """Return no storage for each filter."""
        return {"results": [{"result": []} for _ in list_field(params, "filters")]}

    @rpc_method
    async def list_filesystems(self, params: Document) -> Document:
        """Return no filesystem for each filter."""
        return {"results": [{"result": []} for _ in list_field(params, "filters")]}

    @rpc_method
    async def list_volumes(self, params: Document) -> Document:
        """Return no volume for each filter."""
        return {"results": [{"result": []} for _ in list_field(params, "filters")]}

    @rpc_method
    async def list_pools(self, params: Document) -> Document:
        """Return the pool that every Kubernetes model has, for each filter."""
        pool: Document = {"name": "kubernetes", "provider": "kubernetes", "attrs": {}}
        return {"results": [{"storage-pools": [pool]} for _ in mappings_field(params, "filters")]}


class ModelSummaryWatcher(Facade):
    """Watches summaries of models; nothing hands out such a watcher."""

    name: ClassVar[str] = "ModelSummaryWatcher"
    versions: ClassVar[tuple[int, ...]] = (1,)
    scope: ClassVar[Scope] = "controller"


PLATFORM: tuple[type[Facade], ...] = (
    Block,
    HighAvailability,
    KeyManager,
    MachineManager,
    ModelSummaryWatcher,
    SSHClient,
    Spaces,
    Storage,
    Subnets,
)
