"""The URIs of secrets: ``secret:cvj0v7...`` as ``core/secrets`` of Juju reads them. Pure."""

from __future__ import annotations

import re
import secrets
from typing import Final
from urllib.parse import urlsplit

from ckf_airgap.rehearsal.wire import NOT_VALID, ApiError

SCHEME: Final = "secret"

_DIGITS: Final = "0123456789abcdefghijklmnopqrstuv"
_UUID: Final = r"[a-f0-9]{8}-[a-f0-9]{4}-[a-f0-9]{4}-[a-f0-9]{4}-[a-f0-9]{12}"
_PATH: Final = re.compile(rf"^(?:{_UUID}/)?(?P<id>[0-9a-v]{{19}}[0g])$")
_ID_BYTES: Final = 12


def new_secret_id() -> str:
    """Return the id of a new secret: 96 random bits in 20 digits."""
    number = int.from_bytes(secrets.token_bytes(_ID_BYTES), "big") << 4
    return "".join(_DIGITS[(number >> shift) & 31] for shift in range(95, -1, -5))


def secret_uri(secret_id: str) -> str:
    """Return the URI of a secret of this model."""
    return f"{SCHEME}:{secret_id}"


def parse_secret_uri(text: str) -> str:
    """Return the id that a URI, or a bare id, names.

    Raises:
        ApiError: (not valid) when it is neither.
    """
    try:
        parts = urlsplit(text)
    except ValueError as exc:
        raise ApiError(f'parse "{text}": {exc}') from exc
    if parts.scheme not in ("", SCHEME):
        raise ApiError(f'secret URI scheme "{parts.scheme}" not valid', NOT_VALID)
    if parts.netloc and not re.search(_UUID, parts.netloc):
        raise ApiError(f'host controller UUID "{parts.netloc}" not valid', NOT_VALID)
    match = _PATH.match(parts.path.lstrip("/"))
    if match is None:
        raise ApiError(f'secret URI "{text}" not valid', NOT_VALID)
    return match["id"]
