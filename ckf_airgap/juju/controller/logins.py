"""Logins that the ``juju`` client has recorded: macaroons, kept as cookies beside the client store.

After ``juju login``, ``juju register`` and ``juju change-user-password`` the store has no password
any more. What lets its user in, for a day, is a macaroon with its discharge.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Final

from ckf_airgap.documents import JSONValue
from ckf_airgap.errors import ControllerError
from ckf_airgap.files import read_small_text

_MAX_JAR_BYTES: Final = 4 * 1024 * 1024
_NAME_PREFIX: Final = "macaroon-"
_MOMENT: Final = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d+)?(Z|[+-]\d\d:\d\d)")


def read_macaroons(
    juju_data: Path, controller: str, uuid: str, *, now: datetime | None = None
) -> dict[str, str]:
    """Return the macaroons that let a user in, as cookies: name to value.

    Args:
        juju_data: The directory of the client store.
        controller: The controller's name there.
        uuid: The controller's UUID, which stands for its host in the jar.
        now: The time; cookies that have expired by then are left out.

    Raises:
        ControllerError: when there is a jar that cannot be read.
    """
    path = juju_data / "cookies" / f"{controller}.json"
    try:
        text = read_small_text(path, _MAX_JAR_BYTES, what="a cookie jar", error=ControllerError)
        jar: JSONValue = json.loads(text)
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as exc:
        raise ControllerError(
            f"cannot read the logins in {path}: {exc}",
            fix=f"Log in again: juju logout -c {controller}, then juju login -c {controller}.",
        ) from exc
    moment = now if now is not None else datetime.now(timezone.utc)
    return {
        str(cookie["Name"]): str(cookie.get("Value") or "")
        for cookie in (jar if isinstance(jar, list) else [])
        if isinstance(cookie, dict) and _is_login(cookie, uuid) and _is_current(cookie, moment)
    }


def as_login_field(cookies: Mapping[str, str]) -> list[JSONValue]:
    """Return the field ``macaroons`` of a login request; anything else is left out."""
    found: list[JSONValue] = []
    for value in cookies.values():
        try:
            found.append(json.loads(base64.b64decode(value + "=" * (-len(value) % 4))))
        except (binascii.Error, ValueError, RecursionError):
            continue
    return found


def as_header(cookies: Mapping[str, str]) -> str:
    """Return the header ``Cookie`` of an HTTP request; empty without macaroons."""
    return "; ".join(f"{name}={value}" for name, value in cookies.items())


def _is_login(cookie: Mapping[str, JSONValue], uuid: str) -> bool:
    name, domain = cookie.get("Name"), cookie.get("Domain")
    return isinstance(name, str) and name.startswith(_NAME_PREFIX) and domain == uuid


def _is_current(cookie: Mapping[str, JSONValue], now: datetime) -> bool:
    found = _MOMENT.fullmatch(str(cookie.get("Expires") or ""))
    if found is None:
        return True
    return datetime.fromisoformat(found[1] + found[2].replace("Z", "+00:00")) > now
