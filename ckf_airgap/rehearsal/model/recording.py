"""The requests and uploads that a model has received, for tests and reports."""

from __future__ import annotations

from collections import deque
from typing import Final

from ckf_airgap.documents import Document
from ckf_airgap.rehearsal.entities.entities import RecordedRequest, RecordedUpload
from ckf_airgap.rehearsal.model.redaction import redacted
from ckf_airgap.rehearsal.units.clock import Clock

MAX_REQUESTS: Final = 100_000


class Recording:
    """The part of a model that records what it receives; `Model` is the rest.

    Args:
        clock: The clock of the model.

    Attributes:
        clock: That clock.
        requests: The requests on connections to the model, `MAX_REQUESTS` at most.
        uploads: The charms and resources uploaded over HTTP, `MAX_REQUESTS` at most.
    """

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.requests: deque[RecordedRequest] = deque(maxlen=MAX_REQUESTS)
        self.uploads: deque[RecordedUpload] = deque(maxlen=MAX_REQUESTS)

    def record_request(
        self, *, facade: str, version: int, method: str, params: Document, user: str
    ) -> None:
        """Record a request; the RPC layer calls this for every request on a model connection.

        Passwords and the content of secrets are left out; see `redaction`.
        """
        request = RecordedRequest(
            facade=facade,
            version=version,
            method=method,
            params=redacted(facade, method, params),
            user=user,
            at=self.clock.now(),
        )
        self.requests.append(request)

    def record_upload(
        self,
        *,
        method: str,
        path: str,
        size_bytes: int,
        sha256: str,
        user: str,
        made: str = "",
        refusal: str = "",
    ) -> None:
        """Record an upload; the HTTP layer calls this for every upload whose body arrived."""
        upload = RecordedUpload(
            method=method,
            path=path,
            size_bytes=size_bytes,
            sha256=sha256,
            made=made,
            refusal=refusal,
            user=user,
            at=self.clock.now(),
        )
        self.uploads.append(upload)
