"""The models of a controller: find one by name, or create it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ckf_airgap.documents import Document, JSONValue
from ckf_airgap.errors import ControllerError, ModelNotFoundError, capitalised, nearest
from ckf_airgap.juju.controller.api import ALREADY_EXISTS, Api, CallRefusedError

CONTROLLER_MODEL: Final = "controller"
"""The model that the controller itself runs in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelEntry:
    """A model as its controller lists it."""

    name: str
    owner: str
    uuid: str

    @property
    def qualified_name(self) -> str:
        """Return ``owner/name``."""
        return f"{self.owner}/{self.name}"


async def list_models(api: Api, user: str) -> list[ModelEntry]:
    """Return the models that a user may use."""
    reply = await api.call("ModelManager", "ListModels", {"tag": f"user-{user}"})
    found = []
    for item in _documents(reply.get("user-models")):
        fields = item.get("model")
        if isinstance(fields, dict):
            found.append(
                ModelEntry(
                    name=str(fields.get("name")),
                    owner=str(fields.get("owner-tag")).removeprefix("user-"),
                    uuid=str(fields.get("uuid")),
                )
            )
    return found


async def find_model(
    api: Api, name: str, *, controller: str, user: str, create: bool, ssh_key: str | None
) -> ModelEntry:
    """Return a model of the controller, created if need be.

    Args:
        api: A connection to the controller.
        name: The model's name, or ``owner/name``; a bare name prefers the user's own model.
        controller: The controller's name, for messages.
        user: Who is logged in.
        create: Whether to create the model when it does not exist.
        ssh_key: The public key for a new model, as ``juju add-model`` sets it.

    Raises:
        ModelNotFoundError: when it does not exist and is not to be created.
        ControllerError: when it cannot be created.
    """
    models = await list_models(api, user)
    found = _find(models, name, user)
    if found is not None:
        return found
    names = [model.name if model.owner == user else model.qualified_name for model in models]
    if not create:
        usable = sorted(item for item in names if item != CONTROLLER_MODEL)
        hint = nearest(name, usable)
        has = f"It has {', '.join(usable) or 'no model yet'}."
        raise ModelNotFoundError(
            f"controller {controller} has no model {name!r}",
            fix=f"{capitalised(hint)} {has}".strip(),
        )
    owner, slash, bare = name.rpartition("/")
    try:
        reply = await api.call(
            "ModelManager",
            "CreateModel",
            {
                "name": bare,
                "owner-tag": f"user-{owner if slash else user}",
                "cloud-tag": await _cloud_tag(api, models),
                "config": {"authorized-keys": ssh_key} if ssh_key else {},
            },
        )
    except CallRefusedError as exc:
        if exc.code == ALREADY_EXISTS:  # another client was quicker
            found = _find(await list_models(api, user), name, user)
            if found is not None:
                return found
        raise ControllerError(
            f"controller {controller} refused to create the model {name!r}: {exc.message}",
            fix=f"Create it yourself: juju add-model {bare}.",
        ) from exc
    return ModelEntry(
        name=str(reply.get("name")),
        owner=str(reply.get("owner-tag")).removeprefix("user-"),
        uuid=str(reply.get("uuid")),
    )


async def ask_model_info(api: Api, uuid: str) -> Document | CallRefusedError:
    """Return the controller's description of a model, or why it does not give one.

    Raises:
        ControllerError: when the controller cannot be called.
    """
    try:
        found = await api.call_each(
            "ModelManager", "ModelInfo", {"entities": [{"tag": f"model-{uuid}"}]}
        )
    except CallRefusedError as exc:
        return exc
    return found[0] if found else {}


def usable_model_info(entry: ModelEntry, described: Document | CallRefusedError) -> Document:
    """Return the description of a model that can be deployed to.

    Args:
        entry: The model.
        described: What `ask_model_info` returned.

    Raises:
        ControllerError: when it may not be used, is being removed, or is not on Kubernetes.
    """
    if isinstance(described, CallRefusedError):
        raise ControllerError(
            f"model {entry.qualified_name} cannot be used: {described.message}",
            fix="Use an account that may read and write it, or another model.",
        ) from described
    info = described.get("result")
    if not isinstance(info, dict):
        raise ControllerError(
            f"the controller has no details of model {entry.qualified_name}",
            fix="Check that the address is that of a Juju 3.6 controller.",
        )
    if info.get("life") not in (None, "", "alive"):
        raise ControllerError(
            f"model {entry.qualified_name} is {info.get('life')}: it is being removed",
            fix="Wait until it is gone, or use another model.",
        )
    if info.get("type") != "caas":
        raise ControllerError(
            f"model {entry.qualified_name} is on a cloud of type {info.get('provider-type')}, not "
            "on Kubernetes",
            fix="Charmed Kubeflow needs a Kubernetes cloud.",
        )
    return info


def _find(models: list[ModelEntry], name: str, user: str) -> ModelEntry | None:
    wanted = name if "/" in name else f"{user}/{name}"
    for model in models:
        if model.qualified_name == wanted:
            return model
    others = [model for model in models if model.name == name]
    return others[0] if len(others) == 1 else None


async def _cloud_tag(api: Api, models: list[ModelEntry]) -> str:
    """Return the cloud for a new model: the controller's own, else another Kubernetes cloud."""
    clouds = (await api.call("Cloud", "Clouds")).get("clouds")
    known: Document = clouds if isinstance(clouds, dict) else {}
    kubernetes = [
        tag
        for tag, fields in known.items()
        if isinstance(fields, dict) and fields.get("type") == "kubernetes"
    ]
    own = next((model for model in models if model.name == CONTROLLER_MODEL), None)
    if own is not None:
        reply = await api.call(
            "ModelManager", "ModelInfo", {"entities": [{"tag": f"model-{own.uuid}"}]}
        )
        results = _documents(reply.get("results"))
        info = results[0].get("result") if results else None
        tag = str(info.get("cloud-tag")) if isinstance(info, dict) else ""
        if tag in kubernetes:
            return tag
    if not kubernetes:
        raise ControllerError(
            f"the controller has no Kubernetes cloud (it has {', '.join(known) or 'none'})",
            fix="Add one: juju add-k8s.",
        )
    return kubernetes[0]


def _documents(section: JSONValue) -> list[Document]:
    if not isinstance(section, list):
        return []
    return [fields for fields in section if isinstance(fields, dict)]
