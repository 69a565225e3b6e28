"""Offers and SAAS of bundles: what is wrong with them, and the changes that they become. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final

from ckf_airgap.documents import Document, mappings, natural

APPLICATION_NAME: Final = re.compile(r"^[a-z][a-z0-9]*(-[a-z0-9]*[a-z][a-z0-9]*)*$")
ENDPOINT_NAME: Final = re.compile(r"^[a-z][a-z0-9]*([_-][a-z0-9]+)*$")
OFFER_URL: Final = re.compile(
    r"^(?:(?P<source>[^:]+):)?(?:(?P<user>[^/]+)/)?(?P<model>[^.]+)\.(?P<offer>[^:]*)"
    r"(?::(?P<endpoint>.*))?$"
)
"""``[source:][user/]model.offer[:endpoint]``."""


def cross_model_errors(document: Document) -> Iterator[str]:
    """Yield what is wrong with the SAAS and the offers of a bundle."""
    applications = document.get("applications")
    known = applications if isinstance(applications, dict) else {}
    for name, saas in saas_of(document):
        if name in known:
            yield f'application "{name}" already exists with SAAS "{name}" name'
        if not APPLICATION_NAME.match(name):
            yield f'invalid SAAS name "{name}" found'
        url = str(saas.get("url") or "")
        if url and not OFFER_URL.match(url):
            yield f'invalid offer URL "{url}" for SAAS {name}'
    for name, application in mappings(applications):
        for offer, fields in mappings(application.get("offers")):
            if not APPLICATION_NAME.match(offer):
                yield f'invalid offer name "{offer}" in application "{name}"'
            for endpoint in _endpoints(fields):
                if not ENDPOINT_NAME.match(endpoint):
                    yield (
                        f'invalid endpoint name "{endpoint}" for offer "{offer}" in '
                        f'application "{name}"'
                    )


def plan_offers(
    document: Document, add: Callable[..., str], deployed: dict[str, str]
) -> dict[str, str]:
    """Add the changes that consume and create offers.

    Args:
        document: The bundle.
        add: Adds a change; takes its method, its arguments and what it requires.
        deployed: The change of each application, by name.

    Returns:
        `deployed`, and the change of each SAAS.
    """
    named = dict(deployed)
    for name, saas in saas_of(document):
        args: Document = {"url": str(saas.get("url") or ""), "application-name": name}
        named[name] = add("consumeOffer", args)
    applications = sorted(mappings(document.get("applications")), key=lambda item: natural(item[0]))
    for name, application in applications:
        for offer, fields in mappings(application.get("offers")):
            offered: Document = {
                "application": name,
                "endpoints": [*_endpoints(fields)],
                "offer-name": offer,
            }
            change = add("createOffer", offered, deployed[name])
            acl = fields.get("acl")
            for user, access in (acl if isinstance(acl, dict) else {}).items():
                add("grantOfferAccess", {"user": user, "access": access, "offer": offer}, change)
    return named


def saas_of(document: Document) -> list[tuple[str, Document]]:
    """Return the SAAS of a bundle by name; one without a URL is empty."""
    section = document.get("saas")
    if not isinstance(section, dict):
        return []
    return [
        (name, fields if isinstance(fields, dict) else {})
        for name, fields in sorted(section.items(), key=lambda item: natural(item[0]))
    ]


def _endpoints(fields: Document) -> list[str]:
    endpoints = fields.get("endpoints")
    return [str(endpoint) for endpoint in endpoints] if isinstance(endpoints, list) else []
