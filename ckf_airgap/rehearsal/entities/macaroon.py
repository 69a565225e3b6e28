"""Macaroons as clients pass them on, in version 1 of the JSON format. Pure."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from typing import Final

from ckf_airgap.documents import Document, JSONValue

_KEY_GENERATOR: Final = b"macaroons-key-generator"


def new_macaroon(*, location: str, caveats: Sequence[str]) -> Document:
    """Return a macaroon with first-party caveats and a random root key, which is discarded.

    Args:
        location: Its issuer.
        caveats: The conditions, such as ``declared username admin``.
    """
    identifier = secrets.token_hex(16)
    signature = _hmac(_hmac(_KEY_GENERATOR, secrets.token_bytes(24)), identifier.encode())
    for caveat in caveats:
        signature = _hmac(signature, caveat.encode())
    listed: list[JSONValue] = [{"cid": caveat} for caveat in caveats]
    return {
        "caveats": listed,
        "location": location,
        "identifier": identifier,
        "signature": signature.hex(),
    }


def _hmac(key: bytes, message: bytes) -> bytes:
    return hmac.new(key, message, hashlib.sha256).digest()
