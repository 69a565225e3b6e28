"""The arguments of planned changes in a row, as ``Bundle.GetChanges`` has them. Pure."""

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
"""By method: the arguments in their order, and what stands for one that is not given."""


def positional(change: Document) -> Document:
    """Return a change whose arguments are a list; bases become series, as they were then."""
    args = change["args"]
    given: Document = args if isinstance(args, dict) else {}
    listed: list[JSONValue] = [
        given.get("series", "") if name == "base" else given.get(name, default)
        for name, default in _ORDER[str(change["method"])]
    ]
    return {**change, "args": listed}
