"""The fields of a bundle and their types, those that are not deployed included.

They are the fields of ``BundleData`` in ``bundledata.go`` of ``github.com/juju/charm/v12``: with a
value of another type in any of them, ``juju deploy`` leaves the whole document out.
"""

from __future__ import annotations

from typing import Final

from ckf_airgap.documents import (
    ANY,
    BOOLEAN,
    INTEGER,
    TEXT,
    TEXT_OR_NULL,
    Document,
    JSONValue,
    ListOf,
    MappingOf,
    Record,
    Remark,
    Shaped,
    as_mapping,
    load_shaped,
    shaped,
)
from ckf_airgap.errors import BundleError

_TEXTS: Final = MappingOf(TEXT_OR_NULL)
_LIST: Final = ListOf(TEXT)

OFFER: Final = Record({"endpoints": _LIST, "acl": _TEXTS})
"""An offer of an application."""

EXPOSED_ENDPOINT: Final = Record({"expose-to-spaces": _LIST, "expose-to-cidrs": _LIST})
"""From where an endpoint of an exposed application can be reached."""

APPLICATION: Final = Record(
    {
        "charm": TEXT_OR_NULL,
        "channel": TEXT_OR_NULL,
        "revision": INTEGER,
        "series": TEXT_OR_NULL,
        "base": TEXT_OR_NULL,
        "resources": MappingOf(ANY),
        "num_units": INTEGER,
        "scale": INTEGER,
        "to": _LIST,
        "placement": TEXT_OR_NULL,
        "expose": BOOLEAN,
        "exposed-endpoints": MappingOf(EXPOSED_ENDPOINT),
        "options": MappingOf(ANY),
        "annotations": _TEXTS,
        "constraints": TEXT_OR_NULL,
        "storage": _TEXTS,
        "devices": _TEXTS,
        "bindings": _TEXTS,
        "offers": MappingOf(OFFER),
        "plan": TEXT_OR_NULL,
        "trust": BOOLEAN,
    }
)
"""An application."""

MACHINE: Final = Record(
    {
        "constraints": TEXT_OR_NULL,
        "annotations": _TEXTS,
        "series": TEXT_OR_NULL,
        "base": TEXT_OR_NULL,
    }
)
"""A machine, which bundles for Kubernetes do not have."""

BUNDLE: Final = Record(
    {
        "bundle": TEXT_OR_NULL,
        "applications": MappingOf(APPLICATION),
        "machines": MappingOf(MACHINE),
        "saas": MappingOf(Record({"url": TEXT_OR_NULL})),
        "series": TEXT_OR_NULL,
        "default-base": TEXT_OR_NULL,
        "relations": ListOf(_LIST),
        "tags": _LIST,
        "description": TEXT_OR_NULL,
        "name": Remark(),
    }
)
"""A document of a bundle or an overlay."""


def load_parts(text: str, *, where: str) -> Shaped:
    """Return the documents of a bundle or overlay, each field of its type.

    A field that is null stays ``None``, which overlays give a meaning to. Keys that Juju does not
    know are kept, and listed in the result.

    Raises:
        BundleError: when it is not YAML, a key is repeated, a limit of `documents` is passed, or
            values have a wrong type.
    """
    return load_shaped(text, BUNDLE, where=where, error=BundleError)


def as_bundle_document(value: JSONValue, *, where: str) -> Document:
    """Return a document that was not read by `load_parts` with each field of its type.

    Raises:
        BundleError: with every value of a wrong type.
    """
    try:
        document = shaped(value, BUNDLE, where=where, error=BundleError)
    except BundleError as exc:
        raise BundleError(
            f"the bundle {where} cannot be used", problems=exc.problems, fix=exc.fix
        ) from exc
    return as_mapping(document, where=where, error=BundleError)
