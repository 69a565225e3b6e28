"""Storage: instances, filesystems, volumes and pools."""

from __future__ import annotations

from typing import ClassVar, Final

from ckf_airgap.documents import Document, JSONValue
from ckf_airgap.rehearsal.api.facade import Facade, rpc_method
from ckf_airgap.rehearsal.entities.storage import (
    StorageConstraints,
    StorageInstance,
    storage_id,
)
from ckf_airgap.rehearsal.model import storageoperations
from ckf_airgap.rehearsal.model.lookups import unit_name
from ckf_airgap.rehearsal.views.storage import (
    FILESYSTEM_KIND,
    filesystems_details,
    storage_details,
    volumes_details,
)
from ckf_airgap.rehearsal.wire import (
    NOT_SUPPORTED,
    ApiError,
    bool_field,
    field,
    int_field,
    mapping_field,
    mappings_field,
    results_of,
    tags_field,
    text_field,
    texts_field,
)

_FORCES_IMPORT: Final = 7
"""The first version whose Import has ``force``."""

_KINDS: Final = {1: "block", FILESYSTEM_KIND: "filesystem"}


class Storage(Facade):
    """The storage of a model."""

    name: ClassVar[str] = "Storage"
    versions: ClassVar[tuple[int, ...]] = (6, 7)

    @rpc_method
    async def storage_details(self, params: Document) -> Document:
        """Return the details of storage instances."""

        async def one(tag: str) -> Document:
            return {"result": storage_details(self._instance(tag))}

        return await results_of(tags_field(params), one)

    @rpc_method
    async def list_storage_details(self, params: Document) -> Document:
        """Return every storage instance, for each filter."""
        instances = self.session.model.storage.instances.values()
        return self._lists(params, [storage_details(instance) for instance in instances])

    @rpc_method
    async def list_filesystems(self, params: Document) -> Document:
        """Return every filesystem, for each filter; there are none on machines."""
        return self._lists(params, filesystems_details(self.session.model.storage))

    @rpc_method
    async def list_volumes(self, params: Document) -> Document:
        """Return every volume, for each filter; there are none on machines."""
        return self._lists(params, volumes_details(self.session.model.storage))

    @rpc_method
    async def list_pools(self, params: Document) -> Document:
        """Return the pools that match the filters, and the cluster's own provider."""

        async def one(item: Document) -> Document:
            pools = self.session.model.storage.pools.listed(
                texts_field(item, "names"), texts_field(item, "providers")
            )
            shown: list[JSONValue] = [
                {
                    "name": pool.name,
                    "provider": pool.provider.name,
                    "attrs": dict(pool.attributes) or None,
                }
                for pool in pools
            ]
            return {"storage-pools": shown} if shown else {}

        return await results_of(mappings_field(params, "filters"), one)

    @rpc_method
    async def create_pool(self, params: Document) -> Document:
        """Create storage pools."""

        async def one(item: Document) -> Document:
            self.session.model.storage.pools.create(
                text_field(item, "name"), text_field(item, "provider"), mapping_field(item, "attrs")
            )
            return {}

        return await results_of(mappings_field(params, "pools"), one)

    @rpc_method
    async def update_pool(self, params: Document) -> Document:
        """Replace the attributes of storage pools."""

        async def one(item: Document) -> Document:
            self.session.model.storage.pools.replace(
                text_field(item, "name"), text_field(item, "provider"), mapping_field(item, "attrs")
            )
            return {}

        return await results_of(mappings_field(params, "pools"), one)

    @rpc_method
    async def remove_pool(self, params: Document) -> Document:
        """Remove storage pools that nothing uses."""

        async def one(item: Document) -> Document:
            storageoperations.remove_pool(self.session.model, text_field(item, "name"))
            return {}

        return await results_of(mappings_field(params, "pools"), one)

    @rpc_method
    async def add_to_unit(self, params: Document) -> Document:
        """Add storage to units."""

        async def one(item: Document) -> Document:
            added = storageoperations.add_to_unit(
                self.session.model,
                unit_name(text_field(item, "unit")),
                text_field(item, "name"),
                StorageConstraints.from_document(mapping_field(item, "storage")),
            )
            return {"result": {"storage-tags": [instance.tag for instance in added]}}

        return await results_of(mappings_field(params, "storages"), one)

    @rpc_method
    async def remove(self, params: Document) -> Document:
        """Remove storage instances, and destroy or release their backing storage."""

        async def one(item: Document) -> Document:
            storageoperations.remove(
                self.session.model,
                storage_id(text_field(item, "tag")),
                attachments=bool_field(item, "destroy-attachments"),
                release=not bool_field(item, "destroy-storage"),
                force=bool_field(item, "force"),
            )
            return {}

        return await results_of(mappings_field(params, "storage"), one)

    @rpc_method
    async def detach_storage(self, params: Document) -> Document:
        """Detach storage instances from units."""
        force = bool_field(params, "force")

        async def one(item: Document) -> Document:
            instance = storage_id(text_field(item, "storage-tag"))
            tag = text_field(item, "unit-tag")
            unit = unit_name(tag) if tag else ""
            storageoperations.detach(self.session.model, instance, unit, force=force)
            return {}

        ids = field(params, "ids")
        wrapped = ids if isinstance(ids, dict) else {"ids": ids}
        return await results_of(mappings_field(wrapped, "ids"), one)

    @rpc_method
    async def attach(self, params: Document) -> Document:
        """Attach storage instances to units."""

        async def one(item: Document) -> Document:
            instance = storage_id(text_field(item, "storage-tag"))
            storageoperations.attach(
                self.session.model, instance, unit_name(text_field(item, "unit-tag"))
            )
            return {}

        return await results_of(mappings_field(params, "ids"), one)

    @rpc_method("Import")
    async def import_storage(self, params: Document) -> Document:
        """Import volumes of the cluster into the model."""

        async def one(item: Document) -> Document:
            kind = int_field(item, "kind")
            if kind != FILESYSTEM_KIND:
                raise ApiError(
                    f'storage kind "{_KINDS.get(kind, "unknown")}" not supported', NOT_SUPPORTED
                )
            instance = storageoperations.import_volume(
                self.session.model,
                pool=text_field(item, "pool"),
                volume_name=text_field(item, "provider-id"),
                storage_name=text_field(item, "storage-name"),
                force=self.version >= _FORCES_IMPORT and bool_field(item, "force"),
            )
            return {"result": {"storage-tag": instance.tag}}

        return await results_of(mappings_field(params, "storage"), one)

    def _instance(self, tag: str) -> StorageInstance:
        return self.session.model.storage.instance(storage_id(tag))

    @staticmethod
    def _lists(params: Document, details: list[Document]) -> Document:
        """Return all details for each filter, none for a filter by machines."""
        results: list[JSONValue] = []
        for item in mappings_field(params, "filters"):
            shown = [] if texts_field(item, "machines") else details
            results.append({"result": [*shown]} if shown else {})
        return {"results": results}
