"""Which space each endpoint of an application is bound to; a Kubernetes model has ``alpha`` only.

Every endpoint that a charm declares has a binding, whether or not somebody asked for one, as
``state/endpoint_bindings.go`` has it; ``juju-info`` has none.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ckf_airgap.charms.charm import Charm
from ckf_airgap.rehearsal.wire import NOT_FOUND, NOT_VALID, ApiError

ALPHA: Final = "alpha"
"""The only space."""

_ALPHA_ID: Final = "0"
DEFAULT: Final = ""
"""The endpoint that stands for all that are not bound themselves."""


def bindable(charm: Charm) -> list[str]:
    """Return the names that can be bound: the declared endpoints and the extra bindings."""
    extra = charm.metadata.get("extra-bindings")
    return [*charm.endpoints, *(extra if isinstance(extra, dict) else ())]


def initial_bindings(charm: Charm, asked: Mapping[str, str]) -> dict[str, str]:
    """Return the bindings of a new application.

    Raises:
        ApiError: for a space or an endpoint that does not exist.
    """
    return merge_bindings({}, asked, charm)


def merge_bindings(
    before: Mapping[str, str], asked: Mapping[str, str], charm: Charm
) -> dict[str, str]:
    """Return bindings with others merged in, narrowed to the endpoints of a charm.

    Raises:
        ApiError: for a space or an endpoint that does not exist.
    """
    check_spaces(asked)
    names = bindable(charm)
    for endpoint in asked:
        if endpoint != DEFAULT and endpoint not in names:
            raise ApiError(f'unknown endpoint "{endpoint}" not valid', NOT_VALID)
    return {name: before.get(name) or ALPHA for name in (DEFAULT, *names)}


def check_spaces(bindings: Mapping[str, str]) -> None:
    """Raise `ApiError` unless every binding is to the only space, by name or by id."""
    spaces = set(bindings.values()) - {""}
    if not (spaces <= {ALPHA} or spaces <= {_ALPHA_ID}):
        raise ApiError("space not found", NOT_FOUND)
