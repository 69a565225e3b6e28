"""Lookups by name or tag, and their not-found errors. Pure."""

from __future__ import annotations

import zlib
from typing import TypeVar

from ckf_airgap.rehearsal.wire import NOT_FOUND, ApiError, tag_id

Known = TypeVar("Known")


def found(known: Known | None, what: str) -> Known:
    """Return the entity; `ApiError` (not found) when it is ``None``."""
    if known is None:
        raise ApiError(f"{what} not found", NOT_FOUND)
    return known


def unit_name(tag: str) -> str:
    """Return ``minio/0`` for ``unit-minio-0``; `ApiError` when it is not a unit tag."""
    application, dash, number = tag_id(tag, "unit").rpartition("-")
    if not (application and dash and number.isdecimal()):
        raise ApiError(f'"{tag}" is not a valid unit tag')
    return f"{application}/{number}"


def service_address(application: str) -> str:
    """Return the address of an application's service, which depends only on the name."""
    number = zlib.crc32(application.encode())
    return f"10.152.183.{number % 250 + 2}"
