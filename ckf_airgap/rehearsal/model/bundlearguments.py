"""The positional arguments of planned changes, as in ``Bundle.GetChanges``. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ckf_airgap.documents import Document, JSONValue

_DEPLOY: Final[tuple[tuple[str, JSONValue], ...]] = (
    ("charm", ""),
    ("base", ""),
    ("application", ""),
    ("options", {}),
    ("constraints", ""),
    ("storage", {}),
    ("devices", {}),
    ("endpoint-bindings", {}),
    ("resources", {}),
    ("num-units", 0),
    ("channel", ""),
)

_ORDER: Final[Mapping[str, tuple[tuple[str, JSONValue], ...]]] = {
    "addCharm": (("charm", ""), ("base", ""), ("channel", "")),
    "deploy": _DEPLOY,
    "addRelation": (("endpoint1", ""), ("endpoint2", "")),
    "addUnit": (("application", ""), ("to", None)),
    "expose": (("application", ""), ("exposed-endpoints", None)),
    "setAnnotations": (("id", ""), ("entity-type", ""), ("annotations", {})),
    "createOffer": (("application", ""), ("endpoints", []), ("offer-name", "")),
    "consumeOffer": (("url", ""), ("application-name", "")),
    "grantOfferAccess": (("user", ""), ("access", ""), ("offer", "")),
}
"""By method: the arguments in order, each with its value when it is not given."""


def positional(change: Document) -> Document:
    """Return a change with a list of arguments; bases become series, as in that version."""
    args = change["args"]
    given: Document = args if isinstance(args, dict) else {}
    listed: list[JSONValue] = [
        given.get("series", "") if name == "base" else given.get(name, default)
        for name, default in _ORDER[str(change["method"])]
    ]
    return {**change, "args": listed}
