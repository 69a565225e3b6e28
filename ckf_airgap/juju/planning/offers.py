"""Offers of a bundle: what a model has of them, and what is missing. Pure.

As ``handleOffers`` of ``core/bundle/changes`` of Juju 3.6, but for what is so already: an offer
whose endpoints are those of the bundle is not made again, and nobody is granted what they have.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from ckf_airgap.bundle.bundle import Application
from ckf_airgap.bundle.exposure import Offer
from ckf_airgap.charms.charm import Charm
from ckf_airgap.documents import Document, JSONValue
from ckf_airgap.errors import Problem, nearest
from ckf_airgap.juju.planning.differences import Difference

ACCESS: Final = ("read", "consume", "admin")
"""What a user may do with an offer; each includes those before it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveOffer:
    """An offer of the model: its application, endpoints, and what each user may do with it."""

    application: str
    endpoints: frozenset[str] = frozenset()
    access: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class MakeOffer:
    """Offer endpoints of an application to other models, or change an offer.

    Attributes:
        application: The application.
        offer: The offer's name.
        endpoints: What is offered; with those that are left out, an offer is changed.
        changes: Whether the model has the offer, with other endpoints.
    """

    application: str
    offer: str
    endpoints: tuple[str, ...]
    changes: bool = False
    differences: tuple[Difference, ...] = field(default=(), repr=False)

    def describe(self) -> str:
        """Return the step as one line."""
        names = ", ".join(self.endpoints)
        if self.changes:
            return f"change offer {self.offer} of {self.application} to {names}"
        return f"offer {names} of {self.application} as {self.offer}"

    def to_json(self) -> Document:
        """Return the step as JSON."""
        return {
            "step": "offer",
            "application": self.application,
            "offer": self.offer,
            "endpoints": [*self.endpoints],
            "changes": self.changes,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantOffer:
    """Let a user see, consume or administer an offer of an application."""

    application: str
    offer: str
    user: str
    access: str
    differences: tuple[Difference, ...] = field(default=(), repr=False)

    def describe(self) -> str:
        """Return the step as one line."""
        return f"grant {self.user} {self.access} access to offer {self.offer}"

    def to_json(self) -> Document:
        """Return the step as JSON."""
        return {
            "step": "grant-offer",
            "application": self.application,
            "offer": self.offer,
            "user": self.user,
            "access": self.access,
        }


def offer_steps(
    application: Application, live: Mapping[str, LiveOffer]
) -> Iterator[MakeOffer | GrantOffer]:
    """Yield what is missing of the offers of an application.

    Args:
        application: The application of the bundle.
        live: The offers of the model, by name.
    """
    for name, offer in application.offers.items():
        present = live.get(name)
        if present is None or present.endpoints != {*offer.endpoints}:
            yield MakeOffer(
                application=application.name,
                offer=name,
                endpoints=tuple(dict.fromkeys(offer.endpoints)),
                changes=present is not None,
                differences=(
                    Difference(
                        application=application.name,
                        kind="offer",
                        name=name,
                        old=", ".join(sorted(present.endpoints)) if present is not None else None,
                        new=", ".join(sorted({*offer.endpoints})),
                    ),
                ),
            )
        held = present.access if present is not None else {}
        for user, access in offer.access.items():
            if not _includes(held.get(user, ""), access):
                yield GrantOffer(
                    application=application.name,
                    offer=name,
                    user=user,
                    access=access,
                    differences=(
                        Difference(
                            application=application.name,
                            kind="offer",
                            name=f"{name}, user {user}",
                            old=held.get(user) or None,
                            new=access,
                        ),
                    ),
                )


def offer_problems(
    application: Application, charm: Charm, live: Mapping[str, LiveOffer], users: Mapping[str, bool]
) -> Iterator[Problem]:
    """Yield what a controller would refuse of the offers of an application.

    Args:
        application: The application of the bundle.
        charm: Its charm.
        live: The offers of the model, by name.
        users: Whether the controller has each user, where that is known.
    """
    for name, offer in application.offers.items():
        where = f"offer {name}"
        present = live.get(name)
        if present is not None and present.application != application.name:
            yield Problem(
                f"the model has an offer of that name of another application: "
                f"{present.application}",
                where,
                f"remove it (juju remove-offer {name}), or rename the offer in the bundle",
            )
        if not offer.endpoints:
            yield Problem("it offers no endpoint", where, "write endpoints: [ENDPOINT]")
        yield from _endpoint_problems(offer, charm, where)
        for user, access in offer.access.items():
            if access not in ACCESS:
                yield Problem(
                    f'"{access}" offer access not valid',
                    f"{where}, user {user}",
                    f"write {', '.join(ACCESS[:-1])} or {ACCESS[-1]}",
                )
            if users.get(user) is False:
                yield Problem(
                    f'user "{user}" not found',
                    where,
                    f"add the user (juju add-user {user}), or take it out of acl",
                )


def live_offers(results: JSONValue) -> dict[str, LiveOffer]:
    """Return the offers that ``ApplicationOffers.ListApplicationOffers`` lists."""
    found = {}
    for item in results if isinstance(results, list) else []:
        if not isinstance(item, dict):
            continue
        endpoints, users = item.get("endpoints"), item.get("users")
        found[str(item.get("offer-name"))] = LiveOffer(
            application=str(item.get("application-name")),
            endpoints=frozenset(
                str(endpoint.get("name"))
                for endpoint in (endpoints if isinstance(endpoints, list) else [])
                if isinstance(endpoint, dict)
            ),
            access={
                str(user.get("user")): str(user.get("access"))
                for user in (users if isinstance(users, list) else [])
                if isinstance(user, dict)
            },
        )
    return found


def _endpoint_problems(offer: Offer, charm: Charm, where: str) -> Iterator[Problem]:
    for endpoint in offer.endpoints:
        known = charm.endpoints.get(endpoint)
        if known is None and endpoint != "juju-info":
            yield Problem(
                f'charm {charm.name} has no endpoint "{endpoint}"',
                where,
                nearest(endpoint, charm.endpoints),
            )
        elif known is not None and known.scope != "global":
            yield Problem(
                f'can only offer endpoints with global scope, provided scope "{known.scope}"',
                f"{where}, endpoint {endpoint}",
            )


def _includes(held: str, access: str) -> bool:
    return held in ACCESS and access in ACCESS and ACCESS.index(held) >= ACCESS.index(access)
