"""What users may see of offers, and which offers a filter matches."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ckf_airgap.documents import Document, JSONValue
from ckf_airgap.rehearsal.entities.crossmodel import (
    EVERYONE,
    OFFER_ACCESS,
    Offer,
    OfferURL,
    remote_endpoints,
)
from ckf_airgap.rehearsal.entities.resources import rfc3339
from ckf_airgap.rehearsal.model.model import Model
from ckf_airgap.rehearsal.model.state import ControllerState
from ckf_airgap.rehearsal.model.usernames import user_name
from ckf_airgap.rehearsal.model.users import User
from ckf_airgap.rehearsal.wire import (
    NOT_FOUND,
    NOT_SUPPORTED,
    ApiError,
    mappings_field,
    text_field,
    texts_field,
    unauthorized,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferFilter:
    """Which offers are requested; an empty field matches any value."""

    owner: str = ""
    model: str = ""
    offer: str = ""
    application: str = ""
    description: str = ""
    endpoints: tuple[Document, ...] = ()
    connected: tuple[str, ...] = ()
    allowed: tuple[str, ...] = ()

    @classmethod
    def all_from(cls, params: Document) -> list[OfferFilter]:
        """Return the filters of a request."""
        return [
            cls(
                owner=text_field(item, "owner-name"),
                model=text_field(item, "model-name"),
                offer=text_field(item, "offer-name"),
                application=text_field(item, "application-name"),
                description=text_field(item, "application-description"),
                endpoints=tuple(mappings_field(item, "endpoints")),
                connected=tuple(map(user_name, texts_field(item, "connected-users"))),
                allowed=tuple(map(user_name, texts_field(item, "allowed-users"))),
            )
            for item in mappings_field(params, "Filters")
        ]

    def of_model(self, model: str, owner: str) -> OfferFilter:
        """Return the filter for one model."""
        return replace(self, model=model, owner=owner)

    def matches(self, model: Model, offer: Offer) -> bool:
        """Whether an offer of a model matches; offer names match partially, as in Juju."""
        if self.application and offer.application != self.application:
            return False
        if self.offer and not _searches(self.offer, offer.name):
            return False
        if self.description and self.description not in offer.description:
            return False
        known = model.offers.endpoints(offer)
        if self.endpoints and not any(
            all(
                not text_field(wanted, key) or text_field(wanted, key) == value
                for key, value in (
                    ("name", name),
                    ("interface", endpoint.interface),
                    ("role", endpoint.role),
                )
            )
            for wanted in self.endpoints
            for name, endpoint in known.items()
        ):
            return False
        users = {connection.user for connection in model.offers.connections(offer)}
        if self.connected and not users.intersection(self.connected):
            return False
        return not self.allowed or any(
            offer.access.get(user) in ("consume", "admin") for user in self.allowed
        )


class OfferDetails:
    """Shows offers to a user.

    Args:
        controller: The controller.
        user: Who asks.
    """

    def __init__(self, controller: ControllerState, user: User) -> None:
        self._controller = controller
        self._user = user

    def access(self, model: Model, offer: Offer) -> str:
        """Return what the user may do with an offer, one of `OFFER_ACCESS`."""
        if self._controller.may(self._user, model, "admin"):
            return "admin"
        own, all_have = offer.access.get(self._user.name, ""), offer.access.get(EVERYONE, "")
        return max(own, all_have, key=OFFER_ACCESS.index)

    def matching(self, filters: Sequence[OfferFilter], *, access: str) -> list[JSONValue]:
        """Return the details of the offers that match a filter.

        Args:
            filters: The filters, each for a single model.
            access: ``admin`` for only the models that the user administers; otherwise the access
                to an offer that the user must have.

        Raises:
            ApiError: when a filter does not name a model, the model does not exist, or the user
                does not administer it.
        """
        if not filters:
            raise ApiError("at least one offer filter is required")
        found: dict[tuple[str, str], Document] = {}
        for wanted in filters:
            if not wanted.model:
                raise ApiError("application offer filter must specify a model name")
            model = self._model(wanted.owner or self._user.name, wanted.model)
            if access == "admin" and not self._controller.may(self._user, model, "admin"):
                raise unauthorized()
            for offer in model.offers:
                if wanted.matches(model, offer) and self.access(model, offer):
                    found[model.uuid, offer.name] = self._shown(model, offer)
        return [found[key] for key in sorted(found)]

    def located(self, url: OfferURL) -> tuple[Model, Offer]:
        """Return the offer at a URL; `ApiError` (not found) when there is none."""
        owner = url.user or self._user.name
        model = self._model(owner, url.model)
        offer = model.offers.find(url.offer)
        if offer is None or not self.access(model, offer):
            raise ApiError(
                f'application offer "{owner}/{url.model}.{url.offer}" not found', NOT_FOUND
            )
        return model, offer

    def at(self, text: str, *, access: str = "read") -> Document:
        """Return the details of the offer at a URL.

        Raises:
            ApiError: when there is no offer that the user may see, or the URL is not an offer URL.
        """
        url = OfferURL.parse(text)
        if url.endpoint:
            raise ApiError(f'saas application "{text}" shouldn\'t include endpoint')
        if url.source:
            raise ApiError("query for non-local application offers not supported", NOT_SUPPORTED)
        model, offer = self.located(url)
        if OFFER_ACCESS.index(self.access(model, offer)) < OFFER_ACCESS.index(access):
            raise unauthorized()
        return self._shown(model, offer)

    def _model(self, owner: str, name: str) -> Model:
        try:
            return self._controller.find(f"{owner}/{name}")
        except KeyError:
            raise ApiError(f'model "{owner}/{name}" not found', NOT_FOUND) from None

    def _shown(self, model: Model, offer: Offer) -> Document:
        access = self.access(model, offer)
        users: list[JSONValue] = [_user(self._user.name, self._user.display_name, access)]
        shown: Document = {
            "source-model-tag": f"model-{model.uuid}",
            "offer-uuid": offer.uuid,
            "offer-url": f"{model.owner}/{model.name}.{offer.name}",
            "offer-name": offer.name,
            "application-description": offer.description,
            "endpoints": remote_endpoints(model.offers.endpoints(offer)),
            "users": users,
            "application-name": offer.application,
            "charm-url": "",
        }
        if access != "admin":
            return shown
        application = model.applications.get(offer.application)
        shown["charm-url"] = application.charm_url if application else ""
        names = {user.name: user.display_name for user in self._controller.users}
        users += [
            _user(name, names.get(name, ""), held)
            for name, held in offer.access.items()
            if name != self._user.name
        ]
        shown["connections"] = [
            {
                "source-model-tag": f"model-{connection.source_model}",
                "username": connection.user,
                "relation-id": connection.relation.id,
                "endpoint": connection.relation.side(offer.application).endpoint.name,
                "status": {
                    "status": connection.relation.status.current,
                    "info": connection.relation.status.message,
                    "data": {},
                    "since": rfc3339(connection.relation.status.since),
                },
                "ingress-subnets": [],
            }
            for connection in model.offers.connections(offer)
        ]
        return shown


def _user(name: str, display_name: str, access: str) -> Document:
    return {"user": name, "display-name": display_name, "access": access}


def _searches(pattern: str, name: str) -> bool:
    """Whether a name matches partially: the pattern is a regular expression in Juju, too."""
    try:
        return re.search(pattern, name) is not None
    except re.error:
        return pattern in name
