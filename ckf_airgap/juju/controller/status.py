"""Read what a model has now, once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ckf_airgap.concurrency import bounded_map
from ckf_airgap.documents import Document, JSONValue
from ckf_airgap.juju.controller.api import NOT_FOUND, Api, CallRefusedError
from ckf_airgap.juju.planning.live import LiveModel, live_model
from ckf_airgap.juju.snapshots.snapshot import ModelSnapshot
from ckf_airgap.juju.snapshots.tables import snapshot_of_status
from ckf_airgap.net.limits import DEFAULT_LIMIT


async def full_status(api: Api) -> Document:
    """Return the response of ``Client.FullStatus`` for the whole model."""
    return await api.call("Client", "FullStatus", {"patterns": []})


async def read_status(api: Api, model: str) -> ModelSnapshot:
    """Return the applications, units and relations of a model, as ``juju status`` shows them.

    Args:
        api: A connection to the model.
        model: Its name.
    """
    return snapshot_of_status(model, await full_status(api))


async def read_live_model(api: Api, model: str, applications: Iterable[str]) -> LiveModel:
    """Return what a plan needs to know of a model, with the options of some of its applications.

    Args:
        api: A connection to the model.
        model: Its name.
        applications: Those whose options are needed, as far as they exist.
    """
    status = await full_status(api)
    section = status.get("applications")
    present = section if isinstance(section, dict) else {}
    names = [name for name in applications if name in present]

    async def settings(name: str) -> Document:
        try:
            return await api.call("Application", "Get", {"application": name, "branch": ""})
        except CallRefusedError as exc:
            if exc.code == NOT_FOUND:  # removed since
                return {}
            raise

    replies = await bounded_map(settings, names, DEFAULT_LIMIT)
    return live_model(
        model,
        status,
        dict(zip(names, replies, strict=True)),
        resources=await _by_application(api, "Resources", "ListResources", names),
        annotations={
            name: annotations
            for name, result in (await _by_application(api, "Annotations", "Get", names)).items()
            if isinstance(annotations := result.get("annotations"), dict)
        },
    )


async def _by_application(
    api: Api, facade: str, method: str, names: Sequence[str]
) -> dict[str, Document]:
    """Return the result of a call that takes the tags of applications, for each of them.

    If one was removed meanwhile, the whole call fails and all of them are left out; what is not
    known of them is then reported as unknown.
    """
    if not names:
        return {}
    tags: list[JSONValue] = [{"tag": f"application-{name}"} for name in names]
    try:
        reply = await api.call(facade, method, {"entities": tags})
    except CallRefusedError:
        return {}
    results = reply.get("results")
    return {
        name: result
        for name, result in zip(names, results if isinstance(results, list) else [], strict=False)
        if isinstance(result, dict)
    }
