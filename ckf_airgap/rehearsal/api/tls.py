"""The rehearsal controller's certificates: its own CA and a leaf signed by it.

Juju clients trust only the ``ca-cert`` in their store: the Go client verifies the server name
``juju-apiserver`` whatever address it dialled, python-libjuju checks only the chain, and Python
3.13 strictly enforces the X.509 rules on extensions.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import ssl
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ckf_airgap.rehearsal.privatedir import PrivateDirectory

SERVER_NAME: Final = "juju-apiserver"
"""The server name that the Go client verifies."""

_DEFAULT_NAMES: Final = (SERVER_NAME, "localhost", "127.0.0.1", "::1")
_LIFETIME: Final = dt.timedelta(days=365)
_CLOCK_SKEW: Final = dt.timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificates:
    """A CA certificate, and a leaf with its key; all PEM.

    Attributes:
        ca: The CA certificate, as clients get it in ``ca-cert``. Its key is discarded.
        leaf: The server's certificate.
        key: The server's key; it leaves the process only briefly, in a private file.
    """

    ca: str
    leaf: str
    key: str = field(repr=False)

    def server_context(self) -> ssl.SSLContext:
        """Return the server's SSL context (TLS 1.2 or newer).

        The chain it sends includes the CA: ``juju login HOST:PORT`` asks the user to trust it and
        verifies the chain against it.
        """
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        with PrivateDirectory() as directory:
            path = directory.path / "server.pem"
            path.touch(mode=0o600)
            path.write_text(self.key + self.leaf + self.ca, encoding="ascii")
            context.load_cert_chain(path)
        return context


def make_certificates(addresses: Iterable[str] = ()) -> Certificates:
    """Return a fresh CA and a leaf for `addresses`.

    Args:
        addresses: Host names and IP addresses to add to ``juju-apiserver``, ``localhost``,
            ``127.0.0.1`` and ``::1``.
    """
    now = dt.datetime.now(dt.timezone.utc)
    ca_key = ec.generate_private_key(ec.SECP256R1())
    ca_name = _name("juju-generated CA of a rehearsal")
    ca = (
        _builder(now, subject=ca_name, issuer=ca_name, key=ca_key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(ca_key.public_key()), False)
        .sign(ca_key, hashes.SHA256())
    )
    key = ec.generate_private_key(ec.SECP256R1())
    issuer_id = ca.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    leaf = (
        _builder(now, subject=_name(SERVER_NAME), issuer=ca_name, key=key.public_key())
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(issuer_id), False
        )
        .add_extension(
            x509.SubjectAlternativeName(
                [_general_name(name) for name in dict.fromkeys((*_DEFAULT_NAMES, *addresses))]
            ),
            critical=False,
        )
        .sign(ca_key, hashes.SHA256())
    )
    return Certificates(
        ca=ca.public_bytes(serialization.Encoding.PEM).decode("ascii"),
        leaf=leaf.public_bytes(serialization.Encoding.PEM).decode("ascii"),
        key=key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ).decode("ascii"),
    )


def _builder(
    now: dt.datetime, *, subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _CLOCK_SKEW)
        .not_valid_after(now + _LIFETIME)
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "ckf-airgap rehearsal"),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )
