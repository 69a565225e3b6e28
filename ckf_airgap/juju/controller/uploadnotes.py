"""Read what earlier deployments noted of their uploads."""

from __future__ import annotations

from ckf_airgap.documents import JSONValue
from ckf_airgap.juju.controller.api import Api, CallRefusedError
from ckf_airgap.juju.planning.uploadnotes import NOTES_KEY, UploadNotes


async def read_notes(api: Api, model_uuid: str) -> UploadNotes:
    """Return what earlier runs noted in a model; nothing when the controller does not tell.

    Raises:
        ControllerError: when it cannot be called.
    """
    entities: list[JSONValue] = [{"tag": f"model-{model_uuid}"}]
    try:
        entries = await api.call_each("Annotations", "Get", {"entities": entities})
    except CallRefusedError:
        return UploadNotes()
    for entry in entries:
        annotations = None if isinstance(entry, CallRefusedError) else entry.get("annotations")
        if isinstance(annotations, dict):
            return UploadNotes.parse(annotations.get(NOTES_KEY))
    return UploadNotes()
