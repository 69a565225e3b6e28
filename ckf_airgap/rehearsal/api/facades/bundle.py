"""Bundles: how one is deployed, and the model as one."""

from __future__ import annotations

from typing import ClassVar

from ckf_airgap.bundle.merge import merge_documents
from ckf_airgap.documents import Document, JSONValue, as_mapping, load_all_yaml
from ckf_airgap.errors import InputError
from ckf_airgap.rehearsal.api.facade import Facade, Scope, rpc_method
from ckf_airgap.rehearsal.entities.crossmodel import EVERYONE
from ckf_airgap.rehearsal.model.bundlearguments import positional
from ckf_airgap.rehearsal.model.bundlechanges import bundle_errors, plan_changes
from ckf_airgap.rehearsal.model.bundleexport import Exported, export_bundle
from ckf_airgap.rehearsal.model.model import Model
from ckf_airgap.rehearsal.wire import ApiError, bool_field, text_field


class Bundle(Facade):
    """Plans how a bundle is deployed into an empty model, and exports models as bundles."""

    name: ClassVar[str] = "Bundle"
    versions: ClassVar[tuple[int, ...]] = (6,)
    scope: ClassVar[Scope] = "both"

    @rpc_method
    async def get_changes(self, params: Document) -> Document:
        """Return the changes, their arguments in a row; ``errors`` says why there are none."""
        changes, errors = _plan(params)
        if errors:
            return {"errors": [*errors]}
        return {"changes": [positional(change) for change in changes]}

    @rpc_method
    async def export_bundle(self, params: Document) -> Document:
        """Return the model as a bundle, in YAML."""
        model = self.session.model
        default_base = model.config.get("default-base")
        exported = Exported(
            applications=model.applications,
            relations=model.relations,
            annotations=model.annotations,
            saas={
                remote.name: remote.url
                for remote in model.topology.remotes.values()
                if not remote.is_proxy
            },
            offers=_offers(model),
            default_base=default_base if isinstance(default_base, str) else "",
        )
        text = export_bundle(
            exported,
            include_charm_defaults=bool_field(params, "include-charm-defaults"),
            include_series=bool_field(params, "include-series"),
        )
        return {"result": text}

    @rpc_method
    async def get_changes_map_args(self, params: Document) -> Document:
        """Return the changes, their arguments by name.

        When there are none, ``errors`` says why; else it holds one empty text per change.
        """
        changes, errors = _plan(params)
        if errors:
            return {"errors": [*errors]}
        return {"changes": [*changes], "errors": ["" for _ in changes]}


def _offers(model: Model) -> dict[str, dict[str, Document]]:
    """Return the offers of each application, as bundles write them."""
    offers: dict[str, dict[str, Document]] = {}
    for offer in model.offers:
        acl: Document = {user: held for user, held in offer.access.items() if user != EVERYONE}
        offers.setdefault(offer.application, {})[offer.name] = {
            "endpoints": [*sorted(offer.endpoints.values())],
            "acl": acl,
        }
    return offers


def _plan(params: Document) -> tuple[list[Document], list[str]]:
    """Return the changes of a request, and the errors of its bundle."""
    try:
        documents = load_all_yaml(
            text_field(params, "yaml"),
            where="bundle",
            allow_duplicate_keys=True,
            binary_as_text=True,
        )
        mappings = [as_mapping(document, where="bundle") for document in documents]
    except InputError as exc:
        raise ApiError(f"cannot read bundle YAML: {exc.message}") from exc
    if not mappings:
        raise ApiError("cannot read bundle YAML: bundle is empty")
    errors = _overlay_errors(mappings) or bundle_errors(mappings[0])
    merged = merge_documents(*mappings)
    errors = errors or bundle_errors(merged)
    if errors:
        return [], errors
    return plan_changes(merged, bundle_url=text_field(params, "bundleURL")), []


def _overlay_errors(documents: list[Document]) -> list[str]:
    """Return an error for each key that is valid in the other kind of document only."""
    errors = []
    if any("services" in overlay for overlay in documents[1:]):
        errors.append(
            "bundle overlay file used deprecated 'services' key, this is not valid for bundle "
            "overlay files"
        )
    applications: JSONValue = documents[0].get("applications")
    for name, fields in (applications if isinstance(applications, dict) else {}).items():
        errors += [
            f"applications.{name}.{key} can only appear in an overlay section"
            for key in ("offers", "exposed-endpoints")
            if isinstance(fields, dict) and key in fields
        ]
    return errors
