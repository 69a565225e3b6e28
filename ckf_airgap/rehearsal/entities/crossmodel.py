"""Relations across models: what is offered, what is consumed, and how both look from outside."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from ckf_airgap.charms.charm import Endpoint
from ckf_airgap.documents import Document, JSONValue
from ckf_airgap.rehearsal.entities.entities import Life, Relation, StatusInfo
from ckf_airgap.rehearsal.entities.relations import RelatedApplication
from ckf_airgap.rehearsal.wire import NOT_VALID, ApiError

OFFER_ACCESS: Final = ("", "read", "consume", "admin")
"""Access to an offer, in growing order."""

EVERYONE: Final = "everyone@external"
"""The user who stands for all: every offer may be seen by everybody."""

_URL: Final = re.compile(
    r"^(?:(?P<user>[^/]+)/)?(?P<model>[^./]*)\.(?P<offer>[^/:]*)(?P<rest>:.*)?$"
)
_NAME: Final = re.compile(r"^[a-z][a-z0-9]*(-[a-z0-9]*[a-z][a-z0-9]*)*$")
_MODEL: Final = re.compile(r"^[a-z0-9]+[a-z0-9-]*$")


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferURL:
    """Where an offer is: ``[source:][user/]model.offer[:endpoint]``."""

    source: str = ""
    user: str
    model: str
    offer: str
    endpoint: str = ""

    @classmethod
    def parse(cls, text: str) -> OfferURL:
        """Return the parts of a URL.

        Raises:
            ApiError: when it is not one, in the words of ``core/crossmodel``.
        """
        source, colon, rest = text.partition(":")
        # One colon may be that of an endpoint: an endpoint has no dot.
        if not colon or ("." in source and "." not in rest):
            source, rest = "", text
        match = _URL.match(rest)
        if match is None:
            raise ApiError(
                "application offer URL has invalid form, must be "
                f'[<user/]<model>.<appname>: "{text}"'
            )
        if not match["model"]:
            raise ApiError("application offer URL is missing model")
        if not match["offer"]:
            raise ApiError("application offer URL is missing application")
        if not _MODEL.match(match["model"]):
            raise ApiError(f'model name "{match["model"]}" not valid', NOT_VALID)
        if not _NAME.match(match["offer"]):
            raise ApiError(f'application name "{match["offer"]}" not valid', NOT_VALID)
        return cls(
            source=source,
            user=match["user"] or "",
            model=match["model"],
            offer=match["offer"],
            endpoint=(match["rest"] or "").removeprefix(":"),
        )


@dataclass(slots=True, kw_only=True, eq=False)
class Offer:
    """Endpoints of an application that other models may relate to.

    Attributes:
        endpoints: The application's endpoints by the names under which they are offered.
        access: What users may do with it, one of `OFFER_ACCESS` by user name.
    """

    uuid: str
    name: str
    application: str
    description: str
    endpoints: dict[str, str]
    access: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True, eq=False)
class RemoteApplication:
    """An application of another model, as this one knows it.

    Attributes:
        url: Where it is offered; empty for the proxy of a consumer.
        source_model: The UUID of its model.
        endpoints: Those that are offered, or that the consumer relates with.
        is_proxy: It stands for a consumer, in the model with the offer.
        user: Who made the model consume it.
    """

    name: str
    offer_uuid: str
    url: str = ""
    source_model: str
    endpoints: Mapping[str, Endpoint]
    status: StatusInfo
    is_proxy: bool = False
    user: str = ""
    life: Life = "alive"
    relations: dict[int, Relation] = field(default_factory=dict, repr=False)

    @property
    def related(self) -> RelatedApplication:
        """What inference of relations has to know."""
        return RelatedApplication(name=self.name, endpoints=self.endpoints, is_remote=True)

    @property
    def is_terminated(self) -> bool:
        """Whether its offer has been removed."""
        return self.status.current == "terminated"


def remote_endpoint(name: str, endpoint: Endpoint) -> Document:
    """Return an endpoint as offers show it: ``RemoteEndpoint``."""
    return {"name": name, "role": endpoint.role, "interface": endpoint.interface, "limit": 0}


def remote_endpoints(endpoints: Mapping[str, Endpoint]) -> list[JSONValue]:
    """Return endpoints as offers show them."""
    return [remote_endpoint(name, endpoint) for name, endpoint in endpoints.items()]
