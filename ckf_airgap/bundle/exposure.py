"""What a bundle shows of its applications, and takes from other models. Pure.

Offers, exposed endpoints and ``saas``, checked as ``bundledata.go`` of
``github.com/juju/charm/v12`` does.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from ckf_airgap.documents import Document, mappings
from ckf_airgap.errors import Problem

NAME: Final = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]*[a-z][a-z0-9]*)*\Z")
"""The grammar of the names of applications, offers, storage and devices."""

ENDPOINT: Final = re.compile(r"[a-z][a-z0-9]*(?:[_-][a-z0-9]+)*\Z")
"""The grammar of the names of endpoints (``names.RelationSnippet``)."""

_OFFER_URL: Final = re.compile(r"/?(?:([^/]+)/)?([^.]*)(?:\.([^:]*(?::.*)?))?\Z")
_OFFER_ENDPOINT: Final = re.compile(r"[a-zA-Z0-9]+\Z")
_USER_PART: Final = r"[a-zA-Z0-9][a-zA-Z0-9.+-]*[a-zA-Z0-9]"
_USER: Final = re.compile(rf"{_USER_PART}(?:@{_USER_PART})?\Z")
_MODEL: Final = re.compile(r"[a-z0-9]+[a-z0-9-]*\Z")
_CIDR: Final = re.compile(r"[^/]+/[0-9]{1,3}\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """An offer of endpoints to other models.

    Attributes:
        name: The offer's name.
        endpoints: The endpoints.
        access: What each user may do with it: ``read``, ``consume``, ``admin``.
    """

    name: str
    endpoints: tuple[str, ...] = ()
    access: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExposedEndpoint:
    """From where an endpoint can be reached.

    Attributes:
        spaces: The spaces.
        cidrs: The networks.
    """

    spaces: tuple[str, ...] = ()
    cidrs: tuple[str, ...] = ()


def read_offers(fields: Document) -> dict[str, Offer]:
    """Return the offers of an application, by name."""
    return {
        name: Offer(
            name=name,
            endpoints=_texts(offer, "endpoints"),
            access={user: str(access or "") for user, access in _mapping(offer, "acl").items()},
        )
        for name, offer in mappings(fields.get("offers"))
    }


def read_exposed_endpoints(fields: Document) -> dict[str, ExposedEndpoint]:
    """Return the exposed endpoints of an application; the empty name stands for all."""
    return {
        name: ExposedEndpoint(
            spaces=_texts(details, "expose-to-spaces"), cidrs=_texts(details, "expose-to-cidrs")
        )
        for name, details in (
            (name, item if isinstance(item, dict) else {})
            for name, item in _mapping(fields, "exposed-endpoints").items()
        )
    }


def exposure_problems(
    application: str,
    offers: Mapping[str, Offer],
    endpoints: Mapping[str, ExposedEndpoint],
    *,
    expose: bool,
) -> Iterator[Problem]:
    """Yield what is wrong with the offers and exposed endpoints of an application."""
    for name, offer in offers.items():
        if not NAME.match(name):
            yield Problem(f'invalid offer name "{name}" in application "{application}"')
        for endpoint in offer.endpoints:
            if not ENDPOINT.match(endpoint):
                yield Problem(
                    f'invalid endpoint name "{endpoint}" for offer "{name}" in application '
                    f'"{application}"'
                )
    if endpoints and expose:
        yield Problem(
            'exposed-endpoints cannot be specified together with "exposed:true" in application '
            f'"{application}" as this poses a security risk when deploying bundles to older '
            "controllers",
            fix="write one of the two",
        )
        return
    for name, details in endpoints.items():
        for cidr in details.cidrs:
            if not _is_cidr(cidr):
                yield Problem(
                    f'invalid CIDR "{cidr}" for expose to CIDRs field for endpoint "{name}" in '
                    f'application "{application}"'
                )


def saas_problems(document: Document) -> Iterator[Problem]:
    """Yield what is wrong with the offers of other models that a bundle consumes."""
    applications = _mapping(document, "applications")
    for name, item in _mapping(document, "saas").items():
        if name in applications:
            yield Problem(f'application "{name}" already exists with SAAS "{name}" name')
        if not NAME.match(name):
            yield Problem(f'invalid SAAS name "{name}" found')
        url = item.get("url") if isinstance(item, dict) else None
        if isinstance(url, str) and url and not is_offer_url(url):
            yield Problem(
                f'invalid offer URL "{url}" for SAAS {name}',
                fix="write [CONTROLLER:]USER/MODEL.OFFER",
            )


def is_offer_url(url: str) -> bool:
    """Whether a text is the URL of an offer, such as ``admin/cos.prometheus``."""
    parts = url.split(":")
    rest = url
    if len(parts) == 3 or (len(parts) == 2 and not _OFFER_ENDPOINT.match(parts[1])):
        rest = ":".join(parts[1:])
    match = None if url.startswith(":") else _OFFER_URL.match(rest)
    if match is None:
        return False
    user, model, offer = (part or "" for part in match.groups())
    if not model or not offer or "/" in model or "/" in offer:
        return False
    name = offer.split(":")[0]
    return bool(
        (not user or _USER.match(user)) and _MODEL.match(model) and (not name or NAME.match(name))
    )


def _is_cidr(text: str) -> bool:
    if not _CIDR.match(text):
        return False
    try:
        ipaddress.ip_interface(text)
    except ValueError:
        return False
    return True


def _mapping(fields: Document, key: str) -> Document:
    value = fields.get(key)
    return value if isinstance(value, dict) else {}


def _texts(fields: Document, key: str) -> tuple[str, ...]:
    value = fields.get(key)
    return tuple(str(item or "") for item in value) if isinstance(value, list) else ()
