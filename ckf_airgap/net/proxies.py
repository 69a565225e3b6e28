"""Proxies, as the environment names them: ``HTTPS_PROXY``, ``HTTP_PROXY``, ``NO_PROXY``.

Read as Docker and Go read them, so that what works for ``docker pull`` works here: ``NO_PROXY`` may
have domains (with their subdomains), addresses, address ranges, ports, and ``*``.
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
from collections.abc import Mapping
from dataclasses import dataclass

from yarl import URL

from ckf_airgap.documents import decimal
from ckf_airgap.errors import InputError


@dataclass(frozen=True, slots=True)
class Proxies:
    """The proxy to use for a URL.

    Attributes:
        by_scheme: The proxy's URL for ``http`` and ``https``.
        exceptions: The entries of ``NO_PROXY``.
    """

    by_scheme: Mapping[str, str]
    exceptions: tuple[str, ...] = ()

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Proxies:
        """Return the proxies that environment variables name, in either case.

        Raises:
            InputError: when one is not the address of an HTTP proxy.
        """
        env = os.environ if environment is None else environment

        def read(name: str) -> str:
            return env.get(name.lower()) or env.get(name) or ""

        named = {"http": read("HTTP_PROXY"), "https": read("HTTPS_PROXY")}
        for scheme, text in named.items():
            _check(f"{scheme.upper()}_PROXY", text)
        exceptions = tuple(part.strip() for part in read("NO_PROXY").split(",") if part.strip())
        return cls({scheme: url for scheme, url in named.items() if url}, exceptions)

    def for_url(self, url: URL) -> URL | None:
        """Return the proxy for a URL, or ``None`` to go straight."""
        proxy = self.by_scheme.get(url.scheme)
        host = url.host or ""
        if (
            not proxy
            or _is_local(host)
            or any(_matches(entry, host, url.port) for entry in self.exceptions)
        ):
            return None
        return _url(proxy)


def _url(text: str) -> URL:
    return URL(text if "://" in text else f"http://{text}")


def _check(name: str, text: str) -> None:
    """Refuse what is not a proxy; its text is not shown, since it may have a password in it."""
    if not text:
        return
    with contextlib.suppress(ValueError):
        url = _url(text)
        if url.scheme in ("http", "https") and url.host:
            return
    raise InputError(
        f"the variable {name} does not name an HTTP proxy",
        fix=f"Write {name}=http://HOST:PORT, or unset it.",
    )


def _is_local(host: str) -> bool:
    if host == "localhost":
        return True
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return False


def _matches(entry: str, host: str, port: int | None) -> bool:
    """Whether an entry of ``NO_PROXY`` means a host."""
    if entry == "*":
        return True
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(host) in ipaddress.ip_network(entry, strict=False)
    name, colon, wanted_port = entry.rpartition(":")
    if colon and wanted_port.isdigit() and "]" not in wanted_port:
        if decimal(wanted_port) != port:
            return False
        entry = name
    domain = entry.strip("[]").lower().removeprefix("*").lstrip(".")
    return host.lower() == domain or host.lower().endswith(f".{domain}")
