"""The charm store as seen from behind an air gap: unreachable."""

from __future__ import annotations

from ckf_airgap.rehearsal.wire import ApiError


def store_unreachable(reference: str) -> ApiError:
    """Return the error of a request for a charm of the store.

    Args:
        reference: The charm as the client named it: ``minio`` or ``ch:amd64/minio-42``.
    """
    return ApiError(
        f'resolving "{reference}": the charm store cannot be reached: this controller is '
        "behind an air gap; deploy the charm from a local file"
    )
