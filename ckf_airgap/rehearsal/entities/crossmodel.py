"""Cross-model relations: offers, consumed applications, and how the API shows both."""

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
"""The access levels of an offer, in ascending order."""

EVERYONE: Final = "everyone@external"
"""The user that stands for everyone: every offer is readable by everyone."""

_URL: Final = re.compile(
    r"^(?:(?P<user>[^/]+)/)?(?P<model>[^./]*)\.(?P<offer>[^/:]*)(?P<rest>:.*)?$"
)
_NAME: Final = re.compile(r"^[a-z][a-z0-9]*(-[a-z0-9]*[a-z][a-z0-9]*)*$")
_MODEL: Final = re.compile(r"^[a-z0-9]+[a-z0-9-]*$")


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferURL:
    """The URL of an offer: ``[source:][user/]model.offer[:endpoint]``."""

    source: str = ""
    user: str
    model: str
    offer: str
    endpoint: str = ""

    @classmethod
    def parse(cls, text: str) -> OfferURL:
        """Return the parts of a URL.

        Raises:
            ApiError: when it is not an offer URL, in the words of ``core/crossmodel``.
        """
        source, colon, rest = text.partition(":")
        # A single colon may introduce an endpoint, whose name has no dot.
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
        endpoints: The application's endpoints, by the name each is offered under.
        access: The access level of each user, one of `OFFER_ACCESS` by user name.
    """

    uuid: str
    name: str
    application: str
    description: str
    endpoints: dict[str, str]
    access: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True, eq=False)
class RemoteApplication:
    """A remote application: an application of another model, as this model sees it.

    Attributes:
        url: The offer URL; empty for a consumer proxy.
        source_model: The UUID of its model.
        endpoints: The offered endpoints, or those the consumer relates with.
        is_proxy: Whether it stands for a consumer, in the offering model.
        user: The user who consumed the offer.
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
        """What relation inference needs to know about it."""
        return RelatedApplication(name=self.name, endpoints=self.endpoints, is_remote=True)

    @property
    def is_terminated(self) -> bool:
        """Whether its offer has been removed."""
        return self.status.current == "terminated"


def remote_endpoint(name: str, endpoint: Endpoint) -> Document:
    """Return an endpoint as it appears in offers: ``RemoteEndpoint``."""
    return {"name": name, "role": endpoint.role, "interface": endpoint.interface, "limit": 0}


def remote_endpoints(endpoints: Mapping[str, Endpoint]) -> list[JSONValue]:
    """Return endpoints as they appear in offers."""
    return [remote_endpoint(name, endpoint) for name, endpoint in endpoints.items()]
