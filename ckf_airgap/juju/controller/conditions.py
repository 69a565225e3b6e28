"""Read what a plan is checked against beyond the applications of a model, as far as it matters."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Final

from ckf_airgap.bundle.bundle import Bundle
from ckf_airgap.bundle.constraints import parse_storage
from ckf_airgap.documents import Document, JSONValue
from ckf_airgap.errors import BundleError, ControllerError
from ckf_airgap.juju.controller.api import Api, ConnectionLostError
from ckf_airgap.juju.controller.connection import Session, connect
from ckf_airgap.juju.controller.models import CONTROLLER_MODEL
from ckf_airgap.juju.controller.store import JujuTarget
from ckf_airgap.juju.planning.live import LiveModel
from ckf_airgap.juju.planning.offers import live_offers
from ckf_airgap.juju.planning.requirements import BUILT_IN_POOLS

_READINGS: Final = 3
"""How often offers are read when the connection breaks each time."""


async def new_model(target: JujuTarget) -> LiveModel:
    """Return a model that is not there yet, as its controller would make it: empty, without pools.

    What it supports is what the controller's own model does; nothing is known of that when the
    user may not look at it.
    """
    try:
        its_own = dataclasses.replace(target, model=CONTROLLER_MODEL)
        async with connect(its_own, watch=False) as session:
            features = _features(session.info) or {"juju": session.juju_version}
    except ControllerError:
        return LiveModel(name=target.model, pools=frozenset())
    return LiveModel(name=target.model, features=features, pools=frozenset())


async def with_conditions(session: Session, bundle: Bundle, live: LiveModel) -> LiveModel:
    """Return a model with its features, and with pools and offers if the bundle has such.

    Args:
        session: The model.
        bundle: The merged bundle.
        live: What is known of the model already.

    Raises:
        CallRefusedError: when the controller does not tell.
        ControllerError: when it cannot be called.
    """
    features = _features(session.info) or {"juju": session.juju_version}
    live = dataclasses.replace(live, features=features)
    if _names_pools(bundle):
        live = dataclasses.replace(live, pools=await _pools(session.api))
    users = {
        user
        for application in bundle.applications.values()
        for offer in application.offers.values()
        for user in offer.access
    }
    if any(application.offers for application in bundle.applications.values()):
        live = await _with_offers(session, live, users)
    return live


async def _with_offers(session: Session, live: LiveModel, users: set[str]) -> LiveModel:
    """Return a model with its offers, and which of some users there are.

    The connection to the controller itself is not restored when it breaks: another one is made.
    """
    for attempt in range(1, _READINGS + 1):
        try:
            async with session.controller_api() as api:
                reply = await api.call(
                    "ApplicationOffers",
                    "ListApplicationOffers",
                    {
                        "Filters": [
                            {"owner-name": session.entry.owner, "model-name": session.entry.name}
                        ]
                    },
                )
                return dataclasses.replace(
                    live,
                    offers=live_offers(reply.get("results")),
                    users=await _existing(api, users, session.controller.user),
                )
        except ConnectionLostError:
            if attempt == _READINGS:
                raise
            await session.reconnected()
    raise AssertionError("unreachable")


def _features(info: Mapping[str, JSONValue]) -> dict[str, str]:
    listed = info.get("supported-features")
    return {
        str(item.get("name")): str(item.get("version") or "")
        for item in (listed if isinstance(listed, list) else [])
        if isinstance(item, dict)
    }


def _names_pools(bundle: Bundle) -> bool:
    for application in bundle.applications.values():
        for text in application.storage.values():
            try:
                pool = parse_storage(text).get("Pool")
            except BundleError:
                continue  # the plan refuses it
            if pool and pool not in BUILT_IN_POOLS:
                return True
    return False


async def _pools(api: Api) -> frozenset[str]:
    wanted: Document = {"names": [], "providers": [*sorted(BUILT_IN_POOLS)]}
    reply = await api.call("Storage", "ListPools", {"filters": [wanted]})
    results = reply.get("results")
    first = results[0] if isinstance(results, list) and results else None
    pools = first.get("storage-pools") if isinstance(first, dict) else None
    return frozenset(
        str(pool.get("name"))
        for pool in (pools if isinstance(pools, list) else [])
        if isinstance(pool, dict)
    )


async def _existing(api: Api, users: set[str], caller: str) -> dict[str, bool]:
    """Return whether a controller has each local user; nothing when it does not tell the caller."""
    local = {user for user in users if "@" not in user}  # others are known to who vouches for them
    if not local:
        return {}
    reply = await api.call("UserManager", "UserInfo", {"entities": [], "include-disabled": True})
    results = reply.get("results")
    known: dict[str, str] = {}
    for item in results if isinstance(results, list) else []:
        found = item.get("result") if isinstance(item, dict) else None
        if isinstance(found, dict):
            known[str(found.get("username"))] = str(found.get("access"))
    if known.get(caller) != "superuser":  # others see themselves alone
        return {}
    return {user: user in known for user in sorted(local)}
