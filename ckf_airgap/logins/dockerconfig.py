"""Which entry of a ``config.json`` is for an image, by the rules of those who write that file.

Docker keeps a login under the host, with or without a scheme and ``/v1/`` or ``/v2/`` behind it
(``docker/cli``, ``ConvertToHostname``); ``podman login HOST/NAMESPACE`` keeps one for what is below
a path (``containers/image``, ``pkg/docker/config``).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ckf_airgap.documents import Document, JSONValue

HUB_KEY: Final = "https://index.docker.io/v1/"
"""Under which ``docker login`` keeps the credentials of Docker Hub."""

HUB_HOSTS: Final = ("docker.io", "index.docker.io", "registry-1.docker.io")

_VERSIONS: Final = frozenset({"v1", "v2"})
"""The paths behind a host that name the registry's API, and no namespace."""


def namespace_entry(config: Document, host: str, repository: str) -> Document | None:
    """Return the entry for the repository or for a namespace above it; the longest path wins.

    Args:
        config: What the file holds.
        host: The registry.
        repository: The path of the image in it.
    """
    best: tuple[int, Document] | None = None
    for key, entry in _entries(config):
        named, path = _place(key)
        if path and named in _names(host) and f"{repository}/".startswith(f"{path}/"):
            best = max(best or (0, {}), (len(path), entry), key=lambda found: found[0])
    return best[1] if best else None


def host_entry(config: Document, host: str, *, any_path: bool) -> Document | None:
    """Return the entry for a host: its exact name wins, then whichever spelling comes first.

    Args:
        config: What the file holds.
        host: The registry.
        any_path: Whether an entry with a path is for the whole host when no other is, as it is for
            Docker.
    """
    entries = dict(_entries(config))
    for name in _names(host):
        if name in entries:
            return entries[name]
    beside = None
    for key, entry in entries.items():
        named, path = _place(key)
        if named not in _names(host):
            continue
        if not path or path in _VERSIONS:
            return entry
        beside = beside or entry
    return beside if any_path else None


def helper_name(config: Document, host: str) -> tuple[str, bool]:
    """Return the credential helper for a host, and whether the file names it for this host.

    An empty name means that the logins are in the file, also where ``credsStore`` names another.
    """
    helpers = config.get("credHelpers")
    if isinstance(helpers, dict):
        for key in _names(host):
            if key in helpers:
                return _text(helpers[key]), True
    return _text(config.get("credsStore")), False


def _entries(config: Document) -> Iterator[tuple[str, Document]]:
    """Yield the logins of a file; those that a helper has leave an empty entry behind."""
    auths = config.get("auths")
    for key, entry in auths.items() if isinstance(auths, dict) else ():
        if isinstance(entry, dict) and entry:
            yield key, entry


def _names(host: str) -> tuple[str, ...]:
    """Return the names that a registry may have as a key, the likeliest first."""
    if host in HUB_HOSTS:
        return (HUB_KEY, *HUB_HOSTS)
    return (host, f"https://{host}", f"http://{host}")


def _place(key: str) -> tuple[str, str]:
    """Return the host of a key, and the path that it is for; the path of a URL is none."""
    _, scheme, rest = key.rpartition("://")
    host, _, path = rest.partition("/")
    return host, "" if scheme else path.strip("/")


def _text(value: JSONValue) -> str:
    return value if isinstance(value, str) else ""
