from __future__ import annotations

import ipaddress
import ssl

import pytest
from cryptography import x509

from ckf_airgap.rehearsal.api.tls import Certificates, make_certificates


@pytest.fixture(scope="module")
def certificates() -> Certificates:
    return make_certificates(["10.1.2.3", "juju.example"])


def test_the_leaf_names_every_address(certificates: Certificates) -> None:
    leaf = x509.load_pem_x509_certificate(certificates.leaf.encode())
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == [
        "juju-apiserver",
        "localhost",
        "juju.example",
    ]
    assert names.get_values_for_type(x509.IPAddress) == [
        ipaddress.ip_address(address) for address in ("127.0.0.1", "::1", "10.1.2.3")
    ]


def test_the_ca_has_what_strict_checks_ask_for(certificates: Certificates) -> None:
    ca = x509.load_pem_x509_certificate(certificates.ca.encode())
    leaf = x509.load_pem_x509_certificate(certificates.leaf.encode())
    constraints = ca.extensions.get_extension_for_class(x509.BasicConstraints)
    usage = ca.extensions.get_extension_for_class(x509.KeyUsage)
    assert constraints.critical
    assert constraints.value.ca
    assert usage.critical
    assert usage.value.key_cert_sign
    own = ca.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    issuer = leaf.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
    assert issuer.key_identifier == own.key_identifier
    leaf.verify_directly_issued_by(ca)


def handshake(certificates: Certificates, ca: str, name: str) -> None:
    """Shake hands in memory, strictly."""
    client = ssl.create_default_context(cadata=ca)
    client.verify_flags |= ssl.VERIFY_X509_STRICT
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    near = client.wrap_bio(to_client, to_server, server_hostname=name)
    far = certificates.server_context().wrap_bio(to_server, to_client, server_side=True)
    done = [False, False]
    for _ in range(10):
        for index, side in enumerate((near, far)):
            if done[index]:
                continue
            try:
                side.do_handshake()
                done[index] = True
            except ssl.SSLWantReadError:
                pass
    assert all(done)


def test_the_ca_is_shown_to_clients_that_do_not_have_it(certificates: Certificates) -> None:
    """So that ``juju login HOST:PORT`` can ask whether to trust it; TLS 1.2 shows it in clear."""
    client = ssl.create_default_context(cadata=certificates.ca)
    client.maximum_version = ssl.TLSVersion.TLSv1_2
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    near = client.wrap_bio(to_client, to_server, server_hostname="localhost")
    far = certificates.server_context().wrap_bio(to_server, to_client, server_side=True)
    for side in (near, far):
        with pytest.raises(ssl.SSLWantReadError):
            side.do_handshake()
    shown = to_client.read()
    for pem in (certificates.leaf, certificates.ca):
        assert ssl.PEM_cert_to_DER_cert(pem) in shown


@pytest.mark.parametrize("name", ["juju-apiserver", "localhost", "127.0.0.1", "::1", "10.1.2.3"])
def test_clients_that_have_the_ca_shake_hands(certificates: Certificates, name: str) -> None:
    handshake(certificates, certificates.ca, name)


def test_another_name_is_refused(certificates: Certificates) -> None:
    with pytest.raises(ssl.SSLCertVerificationError, match="not valid for 'elsewhere'"):
        handshake(certificates, certificates.ca, "elsewhere")


def test_another_ca_is_refused(certificates: Certificates) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(certificates, make_certificates().ca, "localhost")


def test_the_key_is_not_shown(certificates: Certificates) -> None:
    assert "PRIVATE" in certificates.key
    assert "PRIVATE" not in repr(certificates)
