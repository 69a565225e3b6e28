"""Applications deployed from the charm store: ``Application.DeployFromRepository``."""

from __future__ import annotations

from typing import Final

from ckf_airgap.documents import Document, JSONValue
from ckf_airgap.rehearsal.api.facade import rpc_method
from ckf_airgap.rehearsal.api.facades.applicationunits import ApplicationUnits
from ckf_airgap.rehearsal.model.nostore import store_unreachable
from ckf_airgap.rehearsal.model.storedeployment import StoreDeployment, deploy_from_store
from ckf_airgap.rehearsal.wire import ApiError, mappings_field, text_field

_NOTHING: Final[Document] = {
    "architecture": "",
    "base": {"name": "", "channel": ""},
    "channel": "",
    "name": "",
    "revision": 0,
}


class ApplicationRepository(ApplicationUnits):
    """The method of the facade ``Application`` that deploys charms from the store."""

    @rpc_method
    async def deploy_from_repository(self, params: Document) -> Document:
        """Deploy charms from the store; report which resources the client has to upload."""
        repository = self.session.model.charms.repository
        results: list[JSONValue] = []
        for item in mappings_field(params, "Args"):
            try:
                if repository is None:
                    raise store_unreachable(text_field(item, "CharmName"))
                done = await deploy_from_store(
                    self.session.model, repository, StoreDeployment.from_document(item)
                )
            except ApiError as error:
                result: Document = {
                    "Errors": [error.as_document()],
                    "Info": _NOTHING,
                    "PendingResourceUploads": None,
                }
            else:
                result = {
                    "Errors": None,
                    "Info": done.info(),
                    "PendingResourceUploads": [*done.uploads],
                }
            results.append(result)
        return {"Results": results}
