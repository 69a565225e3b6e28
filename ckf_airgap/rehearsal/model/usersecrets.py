"""The user secrets of a model. Their content is kept in memory only."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from ckf_airgap.rehearsal.entities.entities import Application
from ckf_airgap.rehearsal.entities.secreturi import new_secret_id, parse_secret_uri, secret_uri
from ckf_airgap.rehearsal.model.lookups import found
from ckf_airgap.rehearsal.model.topology import Topology
from ckf_airgap.rehearsal.wire import ALREADY_EXISTS, ApiError

MAX_CONTENT_BYTES: Final = 1024 * 1024
"""The maximum size of a revision: that of a Kubernetes secret."""

MAX_REVISIONS: Final = 10_000
"""The maximum number of revisions in a model, across all secrets."""

_KEY: Final = re.compile(r"^[-._a-zA-Z0-9]{1,253}$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """A revision of a secret.

    Attributes:
        data: Its keys and their values in base64.
        backend: Its secret backend: ``internal``, or ``MODEL-local`` for the model's cluster.
    """

    number: int
    data: Mapping[str, str] = field(repr=False)
    backend: str
    made_at: datetime


@dataclass(slots=True, kw_only=True, eq=False)
class Secret:
    """A secret that the model owns.

    Attributes:
        revisions: Its revisions by number, oldest first.
        granted: The applications that may read it, by name.
    """

    id: str
    label: str = ""
    description: str = ""
    auto_prune: bool = False
    made_at: datetime
    updated_at: datetime
    latest: int = 1
    checksum: str = ""
    revisions: dict[int, Revision] = field(default_factory=dict, repr=False)
    granted: dict[str, Application] = field(default_factory=dict, repr=False)

    @property
    def uri(self) -> str:
        """Its URI."""
        return secret_uri(self.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretChange:
    """The changes in a request; ``None`` leaves a field unchanged."""

    data: Mapping[str, str] = field(default_factory=dict, repr=False)
    label: str | None = None
    description: str | None = None
    auto_prune: bool | None = None

    @property
    def is_empty(self) -> bool:
        """Whether it does not change anything."""
        given = (self.label, self.description, self.auto_prune)
        return not self.data and all(value is None for value in given)


class UserSecrets:
    """The secrets of a model.

    Args:
        topology: The applications that they are granted to.
        now: Returns the time.
        backend: Returns the backend of new revisions.
    """

    def __init__(
        self, *, topology: Topology, now: Callable[[], datetime], backend: Callable[[], str]
    ) -> None:
        self._topology = topology
        self._now = now
        self._backend = backend
        self._secrets: dict[str, Secret] = {}

    def __iter__(self) -> Iterator[Secret]:
        return iter(tuple(self._secrets.values()))

    def find(self, *, uri: str = "", label: str = "") -> Secret:
        """Return the secret with a URI, else the one with a label.

        Raises:
            ApiError: when the URI is invalid, or the secret does not exist.
        """
        if uri:
            secret_id = parse_secret_uri(uri)
            return found(self._secrets.get(secret_id), f'secret "{secret_uri(secret_id)}"')
        by_label = (secret for secret in self._secrets.values() if secret.label == label)
        return found(next(by_label, None), f'secret "{label}"')

    def matching(self, *, uri: str | None, label: str | None) -> list[Secret]:
        """Return the secrets with a URI and a label; ``None`` matches any."""
        wanted = None if uri is None else parse_secret_uri(uri)
        return [
            secret
            for secret in self._secrets.values()
            if wanted in (None, secret.id) and label in (None, secret.label)
        ]

    def revision(self, secret: Secret, number: int) -> Revision:
        """Return a revision; `ApiError` (not found) when it does not exist."""
        revision = secret.revisions.get(number)
        # The spelling is that of a real controller.
        return found(revision, f'revison {number} for secret "{secret.uri}"')

    def grants(self, secret: Secret) -> list[str]:
        """Return the names of the applications that may read a secret and still exist."""
        return [
            name
            for name, application in secret.granted.items()
            if self._topology.applications.get(name) is application
        ]

    def create(self, change: SecretChange) -> Secret:
        """Create a secret.

        Raises:
            ApiError: when its label is taken, or its content is not acceptable.
        """
        self._check_content(change.data)
        if change.label is not None:
            self._check_label(change.label)
        now = self._to_the_second()
        secret = Secret(id=new_secret_id(), made_at=now, updated_at=now)
        self._secrets[secret.id] = secret
        secret.latest = 0
        self._apply(secret, change)
        return secret

    def update(self, secret: Secret, change: SecretChange) -> None:
        """Change a secret; different content creates a new revision.

        Raises:
            ApiError: when its label is taken, or its content is not acceptable.
        """
        if change.data and _checksum(change.data) == secret.checksum:
            change = SecretChange(
                label=change.label, description=change.description, auto_prune=change.auto_prune
            )
        if change.is_empty:
            return
        self._check_content(change.data)
        if change.label is not None and change.label != secret.label:
            self._check_label(change.label)
        self._apply(secret, change)
        if secret.auto_prune:
            secret.revisions = {secret.latest: secret.revisions[secret.latest]}

    def remove(self, secret: Secret, revisions: Sequence[int] = ()) -> None:
        """Remove revisions; the secret is removed with the last one, or when none is given."""
        left = {n: kept for n, kept in secret.revisions.items() if revisions and n not in revisions}
        if left:
            secret.revisions = left
        else:
            del self._secrets[secret.id]

    def grant(self, secret: Secret, application: str) -> None:
        """Grant an application access to a secret.

        Raises:
            ApiError: when the application does not exist, or is dying.
        """
        try:
            subject = self._topology.application(application)
        except ApiError as error:
            raise error.annotated("invalid subject reference") from error
        if subject.life != "alive":
            raise ApiError(f'cannot grant dying "application-{application}" access to secret')
        secret.granted[application] = subject

    def revoke(self, secret: Secret, application: str) -> None:
        """Revoke an application's access to a secret; harmless when it has none."""
        secret.granted.pop(application, None)

    def _apply(self, secret: Secret, change: SecretChange) -> None:
        now = self._to_the_second()
        secret.updated_at = now
        if change.label is not None:
            secret.label = change.label
        if change.description is not None:
            secret.description = change.description
        if change.auto_prune is not None:
            secret.auto_prune = change.auto_prune
        if change.data:
            secret.latest += 1
            secret.checksum = _checksum(change.data)
            secret.revisions[secret.latest] = Revision(
                number=secret.latest,
                data=dict(change.data),
                backend=self._backend(),
                made_at=now,
            )

    def _check_label(self, label: str) -> None:
        if label and any(secret.label == label for secret in self._secrets.values()):
            raise ApiError(f'secret with name "{label}" already exists', ALREADY_EXISTS)

    def _check_content(self, data: Mapping[str, str]) -> None:
        size = 0
        for key, value in data.items():
            if not _KEY.match(key):
                raise ApiError(f'secret key "{key}" not valid for a secret of Kubernetes')
            size += len(value)
            try:
                base64.b64decode(value, validate=True)
            except (binascii.Error, ValueError):
                raise ApiError(f'value of secret key "{key}": illegal base64 data') from None
        if size > MAX_CONTENT_BYTES:
            raise ApiError(f"secret content too large: {size} bytes")
        if (
            data
            and sum(len(secret.revisions) for secret in self._secrets.values()) >= MAX_REVISIONS
        ):
            raise ApiError(
                f"a rehearsal keeps {MAX_REVISIONS} revisions of secrets in a model: remove some"
            )

    def _to_the_second(self) -> datetime:
        return self._now().replace(microsecond=0)


def _checksum(data: Mapping[str, str]) -> str:
    shown = json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(shown.encode()).hexdigest()
