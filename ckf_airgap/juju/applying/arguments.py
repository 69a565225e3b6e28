"""What is added to a model, as the controller's API expects it. Pure.

The shapes are those of ``Application.Deploy``, ``Application.SetCharm``,
``Resources.AddPendingResources``, ``ApplicationOffers.Offer`` and
``ApplicationOffers.ModifyOfferAccess`` of Juju 3.6.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from ckf_airgap.charms.charm import Base
from ckf_airgap.documents import Document, JSONValue, dump_yaml
from ckf_airgap.juju.planning.offers import GrantOffer, MakeOffer
from ckf_airgap.juju.planning.steps import DeployApplication, RefreshApplication, ResourceUpload

_BASE_RISK: Final = "stable"


def deploy_arguments(
    step: DeployApplication, charm_url: str, pending: Mapping[str, JSONValue], model_uuid: str
) -> Document:
    """Return an application as ``Application.Deploy`` expects it.

    Args:
        step: What to deploy.
        charm_url: The URL of its uploaded charm.
        pending: The pending id of each uploaded resource.
        model_uuid: The model, which is the scope of a node selector.
    """
    settings: Document = {**step.options}
    if step.trust:
        settings["trust"] = "true"
    arguments: Document = {
        "application": step.application,
        "charm-url": charm_url,
        "charm-origin": _origin(step.base, step.architecture),
        "channel": "",
        "num-units": step.scale,
        "config-yaml": dump_yaml({step.application: settings}),
        "constraints": step.constraints,
        "resources": {**pending},
        "Force": False,
    }
    if step.placement:
        arguments["placement"] = [
            {"scope": model_uuid, "directive": directive} for directive in step.placement
        ]
    if step.storage:
        arguments["storage"] = {**step.storage}
    if step.devices:
        arguments["devices"] = {**step.devices}
    if step.bindings:
        arguments["endpoint-bindings"] = {**step.bindings}
    return arguments


def refresh_arguments(
    step: RefreshApplication, charm_url: str, pending: Mapping[str, JSONValue]
) -> Document:
    """Return an application's new charm as ``Application.SetCharm`` expects it.

    Args:
        step: What to refresh.
        charm_url: The URL of its uploaded charm.
        pending: The pending id of each resource that is handed over with it.
    """
    arguments: Document = {
        "application": step.application,
        "generation": "",
        "charm-url": charm_url,
        "charm-origin": _origin(step.base, step.architecture),
        "channel": "",
        "force": False,
        "force-units": False,
        "force-base": step.forces_base,
    }
    if step.options:
        arguments["config-settings"] = {**step.options}
    if pending:
        arguments["resource-ids"] = {**pending}
    if step.storage:
        arguments["storage-constraints"] = {
            name: {key.lower(): value for key, value in directive.items()}
            for name, directive in step.storage.items()
        }
    if step.bindings:
        arguments["endpoint-bindings"] = {**step.bindings}
    return arguments


def _origin(base: Base, architecture: str) -> Document:
    """Return the origin of a charm that was uploaded."""
    track, _, risk = base.channel.partition("/")
    return {
        "source": "local",
        "type": "",
        "id": "",
        "architecture": architecture,
        "base": {"name": base.name, "channel": f"{track}/{risk or _BASE_RISK}"},
    }


def resource_arguments(application: str, resources: Iterable[ResourceUpload]) -> Document:
    """Return resources as ``Resources.AddPendingResources`` expects them.

    They need not wait for their charm: as with Juju's own client, an upload names none.

    Args:
        application: The application, which need not be there yet.
        resources: What will be uploaded for it.
    """
    announced: list[JSONValue] = [
        {
            "name": resource.name,
            "type": resource.type,
            "path": resource.path,
            "description": resource.description,
            "origin": "upload",
            "revision": 0,
            "fingerprint": "",
            "size": 0,
        }
        for resource in resources
    ]
    return {
        "tag": f"application-{application}",
        "url": "",
        "charm-origin": None,
        "resources": announced,
    }


def offer_arguments(step: MakeOffer, model_uuid: str, owner: str) -> Document:
    """Return an offer as ``ApplicationOffers.Offer`` expects it.

    Args:
        step: What is offered.
        model_uuid: The model of the application.
        owner: The user whose offer it will be.
    """
    offer: Document = {
        "model-tag": f"model-{model_uuid}",
        "application-name": step.application,
        "application-description": "",
        "endpoints": {name: name for name in step.endpoints},
        "offer-name": step.offer,
        "owner-tag": f"user-{owner}",
    }
    return {"Offers": [offer]}


def grant_arguments(step: GrantOffer, model: str) -> Document:
    """Return what is granted as ``ApplicationOffers.ModifyOfferAccess`` expects it.

    Args:
        step: Who may do what.
        model: The model of the offer, ``owner/name``.
    """
    change: Document = {
        "user-tag": f"user-{step.user}",
        "action": "grant",
        "access": step.access,
        "offer-url": f"{model}.{step.offer}",
    }
    return {"changes": [change]}
