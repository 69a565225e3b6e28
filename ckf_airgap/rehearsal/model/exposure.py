"""Exposed endpoints of an application, and the spaces and networks they are exposed to."""

from __future__ import annotations

import ipaddress
from typing import Final

from ckf_airgap.documents import Document, JSONValue
from ckf_airgap.rehearsal.entities.entities import Application
from ckf_airgap.rehearsal.model.bindings import ALPHA
from ckf_airgap.rehearsal.wire import (
    BAD_REQUEST,
    NOT_FOUND,
    ApiError,
    mapping_field,
    texts_field,
)

EVERYWHERE: Final = ("0.0.0.0/0", "::/0")
"""From where an endpoint is reached when nothing else is asked for."""


def expose(application: Application, endpoints: Document) -> None:
    """Expose endpoints of an application, all of them (``""``) when none is named.

    Raises:
        ApiError: for an endpoint, a space or a network that does not exist.
    """
    _check_alive(application, exposed=True)
    asked: Document = endpoints or {"": {"expose-to-cidrs": [*EVERYWHERE]}}
    for details in (mapping_field(asked, name) for name in asked):
        for space in texts_field(details, "expose-to-spaces"):
            if space != ALPHA:
                raise ApiError(f'space "{space}" not found', NOT_FOUND)
    merged = {**application.exposed_endpoints}
    for name in asked:
        _check_endpoint(application, name)
        merged[name] = _exposure(mapping_field(asked, name))
    application.exposed, application.exposed_endpoints = True, merged


def unexpose(application: Application, names: list[str]) -> None:
    """Unexpose endpoints of an application, all of them when none is named.

    Raises:
        ApiError: for an endpoint that does not exist, or is not exposed.
    """
    _check_alive(application, exposed=False)
    merged = {**application.exposed_endpoints} if names else {}
    for name in names:
        _check_endpoint(application, name)
        if name not in merged:
            raise ApiError(f'endpoint "{name}" is not exposed', BAD_REQUEST)
        del merged[name]
    application.exposed, application.exposed_endpoints = bool(merged), merged


def _exposure(details: Document) -> Document:
    cidrs = sorted(set(texts_field(details, "expose-to-cidrs")))
    spaces = sorted(set(texts_field(details, "expose-to-spaces")))
    for cidr in cidrs:
        if not _is_cidr(cidr):
            raise ApiError(f'unable to parse "{cidr}" as a CIDR: invalid CIDR address: {cidr}')
    if not cidrs and not spaces:
        cidrs = [*EVERYWHERE]
    shown_cidrs: list[JSONValue] = [*cidrs]
    shown_spaces: list[JSONValue] = [*spaces]
    shown: Document = {}
    if spaces:
        shown["expose-to-spaces"] = shown_spaces
    if cidrs:
        shown["expose-to-cidrs"] = shown_cidrs
    return shown


def _is_cidr(text: str) -> bool:
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        return False
    return "/" in text


def _check_endpoint(application: Application, name: str) -> None:
    if name and name not in application.bindings:
        raise ApiError(f'endpoint "{name}" not found', NOT_FOUND)


def _check_alive(application: Application, *, exposed: bool) -> None:
    if application.life != "alive":
        raise ApiError(
            f'cannot set exposed flag for application "{application.name}" to '
            f"{str(exposed).lower()}: application is not found or not alive"
        )
