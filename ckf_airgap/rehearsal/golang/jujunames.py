"""The grammars of names, as in ``github.com/juju/names``. Pure."""

from __future__ import annotations

import re
from typing import Final

NUMBER: Final = r"(?:0|[1-9][0-9]*)"
APPLICATION: Final = r"(?:[a-z][a-z0-9]*(?:-[a-z0-9]*[a-z][a-z0-9]*)*)"
RELATION: Final = r"[a-z][a-z0-9]*(?:[_-][a-z0-9]+)*"

IS_NUMBER: Final = re.compile(rf"{NUMBER}\Z")
IS_APPLICATION: Final = re.compile(rf"{APPLICATION}\Z")
"""The names of applications, offers, charms, storage and devices."""

IS_RELATION: Final = re.compile(rf"{RELATION}\Z")
IS_ENDPOINT: Final = re.compile(rf"({APPLICATION}):({RELATION})\Z")
"""``application:relation``."""

IS_SERIES: Final = re.compile(r"[a-z]+([a-z0-9]+)?\Z")
IS_SPACE: Final = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*\Z")
IS_MODEL: Final = re.compile(r"[a-z0-9]+[a-z0-9-]*\Z")
_USER: Final = r"[a-zA-Z0-9][a-zA-Z0-9.+-]*[a-zA-Z0-9]"
IS_USER: Final = re.compile(rf"{_USER}(?:@{_USER})?\Z")

PLACEMENT: Final = re.compile(
    rf"(?:(?P<container>[a-z]+):)?(?:(?P<application>{APPLICATION})(?:/(?P<unit>{NUMBER}))?"
    rf"|(?P<machine>{NUMBER}))\Z"
)
"""The placement of a unit: ``lxd:new``, ``mysql/0``, ``3``."""

_OFFER_URL: Final = re.compile(
    r"(?:/?(?:(?P<user>[^/]+)/)?(?P<model>[^.]*)(?:\.(?P<application>[^:]*(?::.*)?))?)?"
)
_ENDPOINT_PART: Final = re.compile(r"[a-zA-Z0-9]+\Z")


def is_offer_url(text: str) -> bool:
    """Whether a text is ``[source:][user/]model.offer[:endpoint]``."""
    match = _OFFER_URL.match(_without_source(text))
    if text.startswith(":") or match is None or match.end() < len(_without_source(text)):
        return False
    user, model, application = (match[name] or "" for name in ("user", "model", "application"))
    if not model or not application or "/" in model or "/" in application:
        return False
    name = application.partition(":")[0]
    return (
        (not user or IS_USER.match(user) is not None)
        and IS_MODEL.match(model) is not None
        and (not name or IS_APPLICATION.match(name) is not None)
    )


def _without_source(text: str) -> str:
    parts = text.split(":")
    if len(parts) == 3:
        return ":".join(parts[1:])
    if len(parts) == 2 and not _ENDPOINT_PART.match(parts[1]):
        return parts[1]
    return text
