"""Where a registry answers: the hosts behind its name, mirrors included."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from yarl import URL

from ckf_airgap.errors import InputError
from ckf_airgap.images.reference import DOCKER_HUB, Registry
from ckf_airgap.net.limits import Policy

_HUB_HOST: Final = "registry-1.docker.io"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A registry's address.

    Attributes:
        host: ``HOST[:PORT]``, as its login and its certificates are named.
        plain_http: Whether to talk to it without TLS.
    """

    host: str
    plain_http: bool = False

    @property
    def base(self) -> str:
        """The URL of its root, without a slash at the end."""
        host = _HUB_HOST if self.host == DOCKER_HUB else self.host
        return f"{'http' if self.plain_http else 'https'}://{host}"


@dataclass(frozen=True, slots=True)
class Location:
    """A repository at an address."""

    endpoint: Endpoint
    repository: str

    def __str__(self) -> str:
        """Return ``HOST[:PORT]/REPOSITORY``."""
        return f"{self.endpoint.host}/{self.repository}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientOptions:
    """How to talk to registries.

    Attributes:
        plain_http: Hosts (``HOST[:PORT]``) that are contacted without TLS; all others with it.
            They may be registries, and what these name: storage, token servers.
        mirrors: For a registry's host the registries to try before it, as ``HOST[:PORT][/PATH]``.
        ca_file: Certificate authorities to trust besides the system's.
        trust_env: Whether the environment's proxies are used.
        policy: Limits, timeouts, retries.
    """

    plain_http: frozenset[str] = frozenset()
    mirrors: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    ca_file: Path | None = None
    trust_env: bool = True
    policy: Policy = field(default_factory=Policy)

    def __post_init__(self) -> None:
        strange = [host for host in self.plain_http if not _is_host(host)]
        if strange:
            raise InputError(
                f"{strange[0]!r} is not a valid host for plain HTTP",
                fix="Write HOST[:PORT], without scheme and path.",
            )

    def endpoint(self, host: str) -> Endpoint:
        """Return the address of a registry."""
        return Endpoint(host, host in self.plain_http)

    def locations(self, host: str, repository: str) -> tuple[Location, ...]:
        """Return where a repository may be read: in the mirrors of its registry, then there."""
        mirrors = [Registry.parse(mirror) for mirror in self.mirrors.get(host, ())]
        places = [(one.host, one.place(repository, None).repository) for one in mirrors]
        return tuple(
            Location(self.endpoint(name), path) for name, path in (*places, (host, repository))
        )


def _is_host(text: str) -> bool:
    """Whether a text is ``HOST[:PORT]``."""
    try:
        url = URL(f"http://{text}")
    except ValueError:
        return False
    return bool(url.host) and not url.user and "/" not in text and not url.query_string
