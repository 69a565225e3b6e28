"""Status, and the stream of a model's changes."""

from __future__ import annotations

from typing import ClassVar

from ckf_airgap.documents import Document
from ckf_airgap.rehearsal.api.facade import Facade, rpc_method
from ckf_airgap.rehearsal.api.facades.statushistory import status_histories
from ckf_airgap.rehearsal.views.storage import status_sections, units_in
from ckf_airgap.rehearsal.wire import bool_field, texts_field


class Client(Facade):
    """The model as a whole."""

    name: ClassVar[str] = "Client"
    versions: ClassVar[tuple[int, ...]] = (6, 7, 8)

    @rpc_method
    async def full_status(self, params: Document) -> Document:
        """Return everything ``juju status`` shows, narrowed by ``patterns``."""
        model, patterns = self.session.model, texts_field(params, "patterns")
        status = model.full_status(patterns)
        if bool_field(params, "include-storage"):
            units = units_in(status) if patterns else None
            status.update(status_sections(model.storage, units))
        return status

    @rpc_method
    async def status_history(self, params: Document) -> Document:
        """Return the status history of the model, an application or a unit."""
        return status_histories(self.session.model, params)

    @rpc_method
    async def watch_all(self, _params: Document) -> Document:
        """Return the id of a new all-watcher, for ``AllWatcher.Next``."""
        return {"watcher-id": self.session.add_watcher(self.session.model.watch())}


class AllWatcher(Facade):
    """A model watcher created by `Client.watch_all`; the envelope's id says which."""

    name: ClassVar[str] = "AllWatcher"
    versions: ClassVar[tuple[int, ...]] = (3,)

    @rpc_method
    async def next(self, _params: Document) -> Document:
        """Return what changed since the last call, waiting for a change if there is none."""
        return {"deltas": await self.session.watcher(self.object_id).next()}

    @rpc_method
    async def stop(self, _params: Document) -> Document:
        """End the watcher; a pending `next` is answered with an error."""
        self.session.stop_watcher(self.object_id)
        return {}
