"""Whom to trust, and who we are: certificate authorities and client certificates of registries.

On top of the system's authorities (or those of ``SSL_CERT_FILE``) come ``--ca FILE`` and Docker's
layout: ``/etc/docker/certs.d/HOST:PORT/`` with ``*.crt`` as authorities and pairs of ``*.cert`` and
``*.key`` as client certificates (docs.docker.com, "Verify repository client with certificates").
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterable, Mapping
from pathlib import Path

from ckf_airgap.errors import InputError, MissingError, unreadable
from ckf_airgap.files import reads_once


def certificate_directories(environment: Mapping[str, str] | None = None) -> tuple[Path, ...]:
    """Return the directories that Docker and podman read certificates of registries from."""
    env = os.environ if environment is None else environment
    home = Path(env.get("HOME") or Path.home())
    return (
        home / ".config" / "docker" / "certs.d",
        home / ".config" / "containers" / "certs.d",
        Path("/etc/docker/certs.d"),
        Path("/etc/containers/certs.d"),
    )


class TrustStore:
    """Makes the TLS context for a registry.

    Args:
        ca_file: Certificate authorities to trust for every registry, PEM.
        directories: Directories of Docker's layout; by default those of the system.
    """

    def __init__(self, ca_file: Path | None = None, directories: Iterable[Path] | None = None):
        self._ca_file = ca_file
        self._directories = tuple(certificate_directories() if directories is None else directories)
        self._contexts: dict[str, ssl.SSLContext] = {}

    def context(self, host: str) -> ssl.SSLContext:
        """Return the context for ``HOST[:PORT]``; blocks on the disk the first time.

        Raises:
            MissingError: when a file that was named is not there.
            InputError: when a certificate cannot be read, or a client certificate has no key.
        """
        if host not in self._contexts:
            self._contexts[host] = self._make(host)
        return self._contexts[host]

    def _make(self, host: str) -> ssl.SSLContext:
        named = os.environ.get("SSL_CERT_FILE")
        if named and not Path(named).is_file():
            wrong = InputError if Path(named).exists() else MissingError
            raise wrong(f"SSL_CERT_FILE names {named}, which is not a file")
        context = ssl.create_default_context()
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        # As Docker does, and Python before 3.13: a private authority may lack extensions
        # that RFC 5280 requires, and any certificate that is trusted is an anchor.
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        if self._ca_file is not None:
            _add_authorities(context, self._ca_file)
        for directory in self._directories:
            if (directory / host).is_dir():
                _add_directory(context, directory / host)
        return context


def check_authorities(path: Path) -> None:
    """Return when a file has certificate authorities in PEM; blocks on the disk.

    Raises:
        MissingError: when it is not there.
        InputError: when it has none.
    """
    if not reads_once(path):
        _add_authorities(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), path)


def _add_directory(context: ssl.SSLContext, directory: Path) -> None:
    try:
        files = sorted(directory.iterdir())
    except OSError as exc:
        raise InputError(f"cannot read {directory}: {exc.strerror}") from exc
    for path in files:
        if path.suffix == ".crt":
            _add_authorities(context, path)
        elif path.suffix == ".cert":
            key = path.with_suffix(".key")
            if not key.is_file():
                raise InputError(f"the client certificate {path} has no key {key.name} next to it")
            try:
                context.load_cert_chain(path, key, password=_no_password)
            except (OSError, ValueError) as exc:
                raise InputError(f"the client certificate {path} cannot be used: {exc}") from exc


def _add_authorities(context: ssl.SSLContext, path: Path) -> None:
    try:
        context.load_verify_locations(cafile=path)
    except (ssl.SSLError, ValueError) as exc:
        raise InputError(f"{path} has no certificate authority in PEM: {exc}") from exc
    except OSError as exc:
        raise unreadable(exc, f"the certificate authority {path}") from exc


def _no_password() -> str:
    raise ValueError("its key is encrypted, which is not supported")
