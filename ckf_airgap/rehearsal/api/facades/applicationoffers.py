"""Offers of applications to other models: create, find, share and remove them."""

from __future__ import annotations

from typing import ClassVar

from ckf_airgap.documents import Document
from ckf_airgap.rehearsal.api.facade import Facade, Scope, rpc_method
from ckf_airgap.rehearsal.api.facades.offerdetails import OfferDetails, OfferFilter
from ckf_airgap.rehearsal.entities.crossmodel import OFFER_ACCESS, OfferURL
from ckf_airgap.rehearsal.entities.macaroon import new_macaroon
from ckf_airgap.rehearsal.model.deployment import string_map
from ckf_airgap.rehearsal.model.model import Model
from ckf_airgap.rehearsal.model.usernames import is_local, user_name
from ckf_airgap.rehearsal.wire import (
    NOT_FOUND,
    NOT_VALID,
    ApiError,
    bool_field,
    mapping_field,
    mappings_field,
    results_of,
    tag_id,
    text_field,
    texts_field,
    unauthorized,
)


class ApplicationOffers(Facade):
    """The offers of all models of a controller."""

    name: ClassVar[str] = "ApplicationOffers"
    versions: ClassVar[tuple[int, ...]] = (4, 5)
    scope: ClassVar[Scope] = "controller"

    @rpc_method
    async def offer(self, params: Document) -> Document:
        """Offer endpoints of an application, or change an offer; one at a time."""
        wanted = mappings_field(params, "Offers")
        if len(wanted) != 1:
            raise ApiError(f"expected exactly one offer, got {len(wanted)}")
        return await results_of(wanted, self._offer)

    @rpc_method
    async def list_application_offers(self, params: Document) -> Document:
        """Return the matching offers, for administrators of their models."""
        filters = OfferFilter.all_from(params)
        return {"results": self._details.matching(filters, access="admin")}

    @rpc_method
    async def find_application_offers(self, params: Document) -> Document:
        """Return the matching offers that the user may see, of all models or of a single one."""
        filters = OfferFilter.all_from(params)
        if len(filters) == 1 and not filters[0].model:
            filters = [
                filters[0].of_model(model.name, model.owner) for model in self.session.controller
            ]
        return {"results": self._details.matching(filters, access="read")}

    @rpc_method
    async def application_offers(self, params: Document) -> Document:
        """Return the offers at the given URLs."""

        async def one(url: str) -> Document:
            return {"result": self._details.at(url)}

        return await results_of(texts_field(params, "offer-urls"), one)

    @rpc_method
    async def get_consume_details(self, params: Document) -> Document:
        """Return what a model needs to consume offers.

        The macaroon is there for clients that pass it on; within a single controller it is not
        required.
        """
        user = self.session.user
        tag = text_field(params, "user-tag")
        if tag:
            if not user.is_superuser:
                raise unauthorized()
            user = self.session.controller.users.find(tag)
        details = OfferDetails(self.session.controller, user)

        async def one(url: str) -> Document:
            shown = details.at(url)
            model, offer = details.located(OfferURL.parse(url))
            if details.access(model, offer) not in ("consume", "admin"):
                raise unauthorized()
            for key in ("application-name", "charm-url", "connections"):
                shown.pop(key, None)
            macaroon = new_macaroon(
                location=f"juju model {model.uuid}",
                caveats=(
                    f"declared source-model-uuid {model.uuid}",
                    f"declared offer-uuid {offer.uuid}",
                    f"declared username {user.name}",
                ),
            )
            return {
                "offer": shown,
                "macaroon": macaroon,
                "external-controller": self._controller_info(),
            }

        urls = mapping_field(params, "offer-urls")
        return await results_of(texts_field(urls, "offer-urls"), one)

    @rpc_method
    async def remote_application_info(self, params: Document) -> Document:
        """Return what the dashboard shows of offers."""

        async def one(text: str) -> Document:
            url = OfferURL.parse(text)
            shown = self._details.at(text, access="consume")
            info: Document = {
                "model-tag": shown["source-model-tag"],
                "name": url.offer,
                "description": shown["application-description"],
                "offer-url": text,
                "source-model-label": url.model,
                "endpoints": shown["endpoints"],
                "icon-url-path": f"rest/1.0/remote-application/{url.offer}/icon",
            }
            return {"result": info}

        return await results_of(texts_field(params, "offer-urls"), one)

    @rpc_method
    async def destroy_offers(self, params: Document) -> Document:
        """Remove offers; an offer with connections is only removed by force."""
        force = bool_field(params, "force")

        async def one(text: str) -> Document:
            url = OfferURL.parse(text)
            model = self._model_of(url)
            if not self.session.controller.may(self.session.user, model, "admin"):
                raise unauthorized()
            offer = model.offers.find(url.offer)
            if offer is not None:
                model.offers.remove(offer, force=force)
                self.session.controller.cross_model.offer_removed(offer)
            return {}

        return await results_of(texts_field(params, "offer-urls"), one)

    @rpc_method
    async def modify_offer_access(self, params: Document) -> Document:
        """Grant and revoke what users may do with offers."""

        async def one(change: Document) -> Document:
            self._modify_access(change)
            return {}

        return await results_of(mappings_field(params, "changes"), one)

    @property
    def _details(self) -> OfferDetails:
        return OfferDetails(self.session.controller, self.session.user)

    async def _offer(self, wanted: Document) -> Document:
        controller, user = self.session.controller, self.session.user
        model = controller.model(tag_id(text_field(wanted, "model-tag"), "model"))
        if model is None or not controller.may(user, model, "admin"):
            raise unauthorized()
        application = text_field(wanted, "application-name")
        known = model.applications.get(application)
        if known is None:
            raise ApiError(
                f'getting offered application {application}: application "{application}" not found',
                NOT_FOUND,
            )
        owner = text_field(wanted, "owner-tag")
        description = text_field(wanted, "application-description")
        model.offers.offer(
            name=text_field(wanted, "offer-name") or application,
            application=application,
            description=description or str(known.charm.metadata.get("description") or ""),
            endpoints=string_map(wanted, "endpoints"),
            owner=user_name(owner) if owner else user.name,
        )
        return {}

    def _model_of(self, url: OfferURL) -> Model:
        owner = url.user or self.session.user.name
        try:
            return self.session.controller.find(f"{owner}/{url.model}")
        except KeyError:
            raise ApiError(f'model "{owner}/{url.model}" not found', NOT_FOUND) from None

    def _controller_info(self) -> Document:
        controller = self.session.controller
        return {
            "controller-tag": f"controller-{controller.uuid}",
            "controller-alias": "",
            "addrs": [str(controller.address)],
            "ca-cert": controller.ca_cert,
        }

    def _modify_access(self, change: Document) -> None:
        url = OfferURL.parse(text_field(change, "offer-url"))
        model = self._model_of(url)
        access = text_field(change, "access")
        if access not in OFFER_ACCESS[1:]:
            raise ApiError(
                f'could not modify offer access: "{access}" offer access not valid', NOT_VALID
            )
        controller, user = self.session.controller, self.session.user
        if not controller.may(user, model, "admin"):
            offer = model.offers.get(url.offer)
            if offer.access.get(user.name) != "admin":
                raise unauthorized()
        target = user_name(text_field(change, "user-tag"))
        offer = model.offers.get(url.offer)
        action = text_field(change, "action")
        if action == "grant":
            self._check_exists(target)
            if OFFER_ACCESS.index(offer.access.get(target, "")) >= OFFER_ACCESS.index(access):
                raise ApiError(f'user already has "{access}" access or greater')
            offer.access[target] = access
        elif action == "revoke":
            self._revoke(model, url, target, access)
        else:
            raise ApiError(f'unknown action "{action}"')

    def _revoke(self, model: Model, url: OfferURL, target: str, access: str) -> None:
        offer = model.offers.get(url.offer)
        left = OFFER_ACCESS[OFFER_ACCESS.index(access) - 1]
        prefix = {
            "": "could not revoke offer access",
            "read": "could not set offer access to read-only",
            "consume": "could not set offer access to read-consume",
        }[left]
        if target not in offer.access:
            raise ApiError(f'{prefix}: offer user "{target}" not found', NOT_FOUND)
        if left:
            offer.access[target] = left
        else:
            del offer.access[target]
        if left == "consume":
            return
        controller = self.session.controller
        user = next((known for known in controller.users if known.name == target), None)
        if user is not None and controller.may(user, model, "admin"):
            return
        for connection in model.offers.connections(offer):
            if connection.user == target:
                controller.cross_model.suspend(
                    model.topology, connection.relation, suspended=True, why=""
                )

    def _check_exists(self, name: str) -> None:
        """Check that a local user exists; others, such as everyone@external, need not be known."""
        if is_local(name) and not any(user.name == name for user in self.session.controller.users):
            raise ApiError(
                f'could not grant offer access: user "{name}" does not exist locally: '
                f'user "{name}" not found',
                NOT_FOUND,
            )
