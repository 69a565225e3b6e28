"""Bundles: the plan that python-libjuju asks the controller for, and the export of a model."""

from __future__ import annotations

import asyncio
from typing import ClassVar

from ckf_airgap.charms.charm import Base
from ckf_airgap.documents import Document, JSONValue
from ckf_airgap.rehearsal.api.facade import Facade, Scope, rpc_method
from ckf_airgap.rehearsal.entities.crossmodel import EVERYONE
from ckf_airgap.rehearsal.entities.entities import Relation
from ckf_airgap.rehearsal.model.bundlearguments import positional
from ckf_airgap.rehearsal.model.bundlechanges import ChangePlan, plan_changes
from ckf_airgap.rehearsal.model.bundlechecks import bundle_errors
from ckf_airgap.rehearsal.model.bundledata import read_bundle
from ckf_airgap.rehearsal.model.exportbundle import export_bundle
from ckf_airgap.rehearsal.model.model import Model
from ckf_airgap.rehearsal.model.modelschema import DEFAULT_BASE
from ckf_airgap.rehearsal.views.crossmodel import proxies
from ckf_airgap.rehearsal.wire import bool_field, text_field


class Bundle(Facade):
    """Plans how a bundle is deployed into an empty model, and writes a model as a bundle."""

    name: ClassVar[str] = "Bundle"
    versions: ClassVar[tuple[int, ...]] = (6,)
    scope: ClassVar[Scope] = "both"

    @rpc_method
    async def get_changes(self, params: Document) -> Document:
        """Return the changes with positional arguments; ``errors`` says why there are none."""
        plan, errors = await asyncio.to_thread(_plan, params)
        if errors:
            return {"errors": [*errors]}
        return {"changes": [positional(change) for change in plan.changes]}

    @rpc_method
    async def get_changes_map_args(self, params: Document) -> Document:
        """Return the changes with named arguments.

        When there are none, ``errors`` says why; otherwise it holds a text per change, which is
        empty unless the change has no arguments.
        """
        plan, errors = await asyncio.to_thread(_plan, params)
        if errors:
            return {"errors": [*errors]}
        known: list[JSONValue] = [
            None if error else change
            for change, error in zip(plan.changes, plan.errors, strict=True)
        ]
        return {"changes": known, "errors": [*plan.errors]}

    @rpc_method
    async def export_bundle(self, params: Document) -> Document:
        """Return the YAML of a bundle that recreates the model."""
        model = self.session.model
        base = model.config.get(DEFAULT_BASE)
        return {
            "result": export_bundle(
                model.applications.values(),
                [relation for relation in model.relations if not _is_proxied(model, relation)],
                annotations=model.annotations,
                offers=_offers(model),
                saas={
                    remote.name: remote.url
                    for remote in model.topology.remotes.values()
                    if not remote.is_proxy
                },
                default_base=Base.parse(base) if isinstance(base, str) and base else None,
                include_charm_defaults=bool_field(params, "include-charm-defaults"),
                include_series=bool_field(params, "include-series"),
            )
        }


def _is_proxied(model: Model, relation: Relation) -> bool:
    """Whether the relation is to a consumer in another model, which a bundle cannot create."""
    hidden = proxies(model.topology.remotes.values())
    return any(side.application in hidden for side in relation.sides)


def _offers(model: Model) -> dict[str, Document]:
    """Return the offers of each application, as bundles write them."""
    offers: dict[str, Document] = {}
    for offer in model.offers:
        acl: Document = {user: held for user, held in offer.access.items() if user != EVERYONE}
        offers.setdefault(offer.application, {})[offer.name] = {
            "endpoints": [*sorted(offer.endpoints.values())],
            "acl": acl,
        }
    return offers


def _plan(params: Document) -> tuple[ChangePlan, list[str]]:
    """Return the changes of a request, and the errors of its bundle."""
    bundle_url = text_field(params, "bundleURL")
    bundle = read_bundle(text_field(params, "yaml"), bundle_url=bundle_url)
    errors = bundle_errors(bundle)
    return (ChangePlan() if errors else plan_changes(bundle, bundle_url=bundle_url)), errors
