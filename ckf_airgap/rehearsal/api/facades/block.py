"""Disabled commands: ``juju disable-command`` and related commands."""

from __future__ import annotations

from typing import ClassVar

from ckf_airgap.documents import Document
from ckf_airgap.rehearsal.api.facade import Facade, rpc_method
from ckf_airgap.rehearsal.wire import ApiError, text_field


class Block(Facade):
    """The blocks of a model."""

    name: ClassVar[str] = "Block"
    versions: ClassVar[tuple[int, ...]] = (2,)

    @rpc_method
    async def list(self, _params: Document) -> Document:
        """Return the blocks that are set."""
        model = self.session.model
        return {
            "results": [
                {
                    "result": {
                        "id": block.id,
                        "tag": f"model-{model.uuid}",
                        "type": block.kind,
                        "message": block.message,
                    }
                }
                for block in model.blocks
            ]
        }

    @rpc_method
    async def switch_block_on(self, params: Document) -> Document:
        """Set a block."""
        try:
            self.session.model.blocks.switch_on(
                text_field(params, "type"), text_field(params, "message")
            )
        except ApiError as error:
            return {"error": error.as_document()}
        return {}

    @rpc_method
    async def switch_block_off(self, params: Document) -> Document:
        """Remove a block; a no-op if it is not set."""
        try:
            self.session.model.blocks.switch_off(text_field(params, "type"))
        except ApiError as error:
            return {"error": error.as_document()}
        return {}
