"""Names that Juju keeps for itself."""

from __future__ import annotations


def reserved_reason(charm: str, name: str) -> str:
    """Return why a charm may not use a name; an empty text when it may (``reservedName``)."""
    if charm.startswith("juju-"):
        return ""
    if name == "juju":
        return '"juju" is a reserved name'
    return 'the "juju-" prefix is reserved' if name.startswith("juju-") else ""
