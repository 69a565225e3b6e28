"""Where a registry may send a client on to, and where its login may go.

A registry answers with addresses: redirects to its storage, the place of an upload, its token
server. Each may be anywhere as long as it speaks TLS; without TLS only at a host and port that was
named for it. The login and its tokens stay with the registry's own scheme, host and port.
"""

from __future__ import annotations

from collections.abc import Iterable

from yarl import URL

from ckf_airgap.errors import TransferError
from ckf_airgap.transfer.registry.endpoint import Endpoint


class Origins:
    """The origin of a registry, and the others that it may name.

    Args:
        endpoint: The registry's address.
        plain_http: All hosts (``HOST[:PORT]``) that are contacted without TLS.
    """

    def __init__(self, endpoint: Endpoint, plain_http: Iterable[str]) -> None:
        self._registry = endpoint.host
        self._base = endpoint.base
        self._own = _origin(URL(endpoint.base))
        self._plain = {_origin(URL(f"http://{host}")) for host in plain_http}
        if endpoint.plain_http:
            self._plain.add(self._own)

    def is_own(self, url: URL) -> bool:
        """Whether a URL is of the registry itself: its scheme, host and port."""
        return _origin(url) == self._own

    def allows(self, url: URL) -> bool:
        """Whether requests may go there."""
        return bool(url.host) and (url.scheme == "https" or _origin(url) in self._plain)

    def follow(self, base: URL, location: str, what: str) -> URL:
        """Return the URL of a ``Location`` header.

        Args:
            base: The URL of the answer that has it.
            location: The header.
            what: What is sent on, for messages.

        Raises:
            TransferError: when requests may not go there.
        """
        return self._checked(self._joined(base, location, what), what)

    def upload(self, base: URL, location: str) -> str:
        """Return the URL of an upload, as the ``Location`` header of an answer names it.

        A registry behind a proxy often names itself by a wrong scheme or port, and its query may
        hold what must not be encoded again; so only path and query count for its own host.

        Raises:
            TransferError: when requests may not go there.
        """
        url = self._joined(base, location, "uploads")
        _, own_host, _ = self._own
        if (url.host or "").lower() == own_host:
            return f"{self._base}{url.raw_path_qs}"
        return str(self._checked(url, "uploads"))

    def _joined(self, base: URL, location: str, what: str) -> URL:
        try:
            url = base.join(URL(location, encoded=True))
            url = url.with_user(None) if url.raw_user else url
            address_of(url)
        except ValueError as exc:
            raise TransferError(f"{self._registry} redirects {what} to an invalid address") from exc
        return url

    def _checked(self, url: URL, what: str) -> URL:
        if self.allows(url):
            return url
        if url.scheme != "http" or not url.host:
            raise TransferError(f"{self._registry} redirects {what} to what is not a web address")
        raise TransferError(
            f"{self._registry} redirects {what} to {address_of(url)} without TLS",
            fix=how_to_allow(url),
        )


def address_of(url: URL) -> str:
    """Return ``HOST:PORT`` of a URL, the port written out.

    Raises:
        ValueError: when the URL has an invalid port.
    """
    host = url.host or ""
    return f"[{host}]:{url.port}" if ":" in host else f"{host}:{url.port}"


def how_to_allow(url: URL) -> str:
    """Return what to do about an address that is refused because it has no TLS."""
    return f"If that is meant, allow it with --plain-http {address_of(url)}."


def _origin(url: URL) -> tuple[str, str, int | None]:
    return url.scheme, (url.host or "").lower(), url.port
