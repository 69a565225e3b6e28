"""The space each endpoint of an application is bound to; a Kubernetes model only has ``alpha``.

As in ``state/endpoint_bindings.go``, every endpoint that a charm declares has a binding, whether or
not one was requested; ``juju-info`` has none.
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
"""The key for the default binding, of all endpoints without a binding of their own."""


def bindable(charm: Charm) -> list[str]:
    """Return the bindable names: the declared endpoints and the extra bindings."""
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
    """Return bindings with others merged in, restricted to a charm's endpoints.

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
    """Raise `ApiError` unless every binding names the only space, by name or id."""
    spaces = set(bindings.values()) - {""}
    if not (spaces <= {ALPHA} or spaces <= {_ALPHA_ID}):
        raise ApiError("space not found", NOT_FOUND)
