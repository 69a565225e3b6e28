"""Read what a model has now, once, in as few round trips as there can be."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from ckf_airgap.concurrency import bounded_map
from ckf_airgap.documents import Document, JSONValue, load_mapping, mappings
from ckf_airgap.errors import InputError
from ckf_airgap.juju.controller.api import NOT_FOUND, Api, CallRefusedError
from ckf_airgap.juju.planning.charmshape import CharmShape, shape_of_info
from ckf_airgap.juju.planning.live import LiveModel, live_model
from ckf_airgap.juju.snapshots.snapshot import ModelSnapshot
from ckf_airgap.juju.snapshots.tables import snapshot_of_status

_AT_ONCE: Final = 64
"""How many small questions are asked at once: what counts is how long an answer takes to come."""


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


async def read_live_model(
    api: Api, model: str, applications: Iterable[str], *, uuid: str = ""
) -> LiveModel:
    """Return what a plan needs to know of a model, with the settings of some of its applications.

    It takes two round trips: the status, and then everything else at once.

    Args:
        api: A connection to the model.
        model: Its name.
        applications: Those whose settings are needed, as far as they exist.
        uuid: The model's UUID.

    Raises:
        CallRefusedError: when the controller does not tell.
        ControllerError: when it cannot be called.
    """
    status = await full_status(api)
    section = status.get("applications")
    present = section if isinstance(section, dict) else {}
    names = [name for name in applications if name in present]
    if not names:
        return live_model(model, status, uuid=uuid)
    found = _Answers()

    async def resources() -> None:
        found.resources = await _by_application(api, "Resources", "ListResources", names)

    async def annotations() -> None:
        found.annotations = await _by_application(api, "Annotations", "Get", names)

    async def settings() -> None:
        found.settings = await _settings(api, names)

    async def exported() -> None:
        found.exported = await _exported(api)

    await _at_once(resources, annotations, exported, settings)
    return live_model(
        model,
        status,
        found.settings,
        uuid=uuid,
        resources=found.resources,
        annotations={
            name: fields
            for name, result in found.annotations.items()
            if isinstance(fields := result.get("annotations"), dict)
        },
        exported=found.exported,
    )


async def with_charms(api: Api, live: LiveModel, applications: Iterable[str]) -> LiveModel:
    """Return a model with the metadata of the charms of some of its applications, and its storage.

    It takes one round trip. What the controller refuses to tell is left out.

    Args:
        api: A connection to the model.
        live: What is known of the model.
        applications: Those that get another charm, or are removed.
    """
    known = [name for name in applications if name in live.applications]
    if not known:
        return live
    shapes: dict[str, CharmShape] = {}
    storage: dict[str, list[str]] = {}

    async def read_charm(url: str) -> None:
        with contextlib.suppress(CallRefusedError):
            shapes[url] = shape_of_info(await api.call("Charms", "CharmInfo", {"url": url}))

    async def read_storage() -> None:
        with contextlib.suppress(CallRefusedError):
            storage.update(await _storage(api))

    urls = dict.fromkeys(live.applications[name].identity.charm_url for name in known)
    await _at_once(read_storage, *(functools.partial(read_charm, url) for url in urls))
    changed = {
        name: dataclasses.replace(
            live.applications[name],
            shape=shapes.get(live.applications[name].identity.charm_url),
            storage_ids=tuple(storage.get(name, ())),
        )
        for name in known
    }
    return dataclasses.replace(live, applications={**live.applications, **changed})


@dataclass(slots=True)
class _Answers:
    """What a controller has told of some applications."""

    settings: dict[str, Document] = field(default_factory=dict)
    resources: dict[str, Document] = field(default_factory=dict)
    annotations: dict[str, Document] = field(default_factory=dict)
    exported: dict[str, Document] | None = None


async def _at_once(*asks: Callable[[], Awaitable[None]]) -> None:
    async def ask(one: Callable[[], Awaitable[None]]) -> None:
        await one()

    await bounded_map(ask, asks, _AT_ONCE)


async def _settings(api: Api, names: Sequence[str]) -> dict[str, Document]:
    async def one(name: str) -> Document:
        try:
            return await api.call("Application", "Get", {"application": name, "branch": ""})
        except CallRefusedError as exc:
            if exc.code == NOT_FOUND:  # removed since
                return {}
            raise

    return dict(zip(names, await bounded_map(one, names, _AT_ONCE), strict=True))


async def _by_application(
    api: Api, facade: str, method: str, names: Sequence[str]
) -> dict[str, Document]:
    """Return the result of a call that takes the tags of applications, for each of them.

    Those that are refused, since they were removed meanwhile, are left out: what is not known of
    them is then not compared.
    """
    tags: list[JSONValue] = [{"tag": f"application-{name}"} for name in names]
    results = await api.call_each(facade, method, {"entities": tags})
    return {
        name: result
        for name, result in zip(names, results, strict=False)
        if not isinstance(result, CallRefusedError)
    }


async def _exported(api: Api) -> dict[str, Document] | None:
    """Return the applications of the model as a bundle; ``None`` when they cannot be exported."""
    try:
        reply = await api.call("Bundle", "ExportBundle", {})
        text = reply.get("result")
        if not isinstance(text, str):
            return None
        bundle = load_mapping(text, where="the exported bundle", only_first=True)
    except (CallRefusedError, InputError):
        return None
    return dict(mappings(bundle.get("applications")))


async def _storage(api: Api) -> dict[str, list[str]]:
    """Return the storage instances of each application of the model, such as ``database/0``."""
    filters: list[JSONValue] = [{}]
    reply = await api.call("Storage", "ListStorageDetails", {"filters": filters})
    results = reply.get("results")
    found: dict[str, list[str]] = {}
    for listed in results if isinstance(results, list) else []:
        instances = listed.get("result") if isinstance(listed, dict) else None
        for instance in instances if isinstance(instances, list) else []:
            if isinstance(instance, dict):
                owner = str(instance.get("owner-tag") or "")
                kind, _, name = owner.partition("-")
                application = name.rpartition("-")[0] if kind == "unit" else name
                name, _, number = str(instance.get("storage-tag")).rpartition("-")
                found.setdefault(application, []).append(
                    f"{name.removeprefix('storage-')}/{number}"
                )
    return {name: sorted(ids) for name, ids in found.items()}
