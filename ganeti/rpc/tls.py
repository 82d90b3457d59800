"""TLS between nodes, and whom the other side's certificate names."""

from __future__ import annotations

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from OpenSSL import crypto
from service_identity import VerificationError
from service_identity.cryptography import extract_patterns
from service_identity.hazmat import URI_ID, verify_service_identity
from twisted.internet import ssl

from ganeti.errors import X509CertError
from ganeti.paths import Paths
from ganeti.rpc.certificates import digest_of_der, node_uri, node_uuid_of
from ganeti.rpc.roles import PeerIdentity
from ganeti.utils.durable import read_limited

_LIMIT = 64 * 1024


def tls_options(own_pem: bytes, authority_pem: bytes) -> ssl.CertificateOptions:
    """
    For either side: TLS 1.3, our certificate, and only peers that the authority signed.

    No session is resumed, so that each connection shows a certificate that is valid now.

    @param own_pem: key and certificate.
    @raise X509CertError: they cannot be used.
    """
    try:
        own = ssl.PrivateCertificate.loadPEM(own_pem)
        authority = ssl.Certificate.loadPEM(authority_pem)
        return ssl.CertificateOptions(
            privateKey=own.privateKey.original,
            certificate=own.original,
            trustRoot=ssl.trustRootFromCertificates([authority]),
            raiseMinimumTo=ssl.TLSVersion.TLSv1_3,
            enableSessions=False,
            enableSessionTickets=False,
        )
    except (crypto.Error, ValueError) as err:
        raise X509CertError("server.pem", f"it cannot be used: {err}") from err


def load_tls_options(paths: Paths) -> ssl.CertificateOptions:
    """
    The same from this node's files.

    @raise X509CertError: one is missing, or they cannot be used.
    """
    return tls_options(_read(paths.server_pem), _read(paths.ca_pem))


def _read(path: str) -> bytes:
    try:
        return read_limited(path, _LIMIT)
    except OSError as err:
        raise X509CertError(path, err.strerror or str(err)) from err


def peer_identity(certificate: crypto.X509 | None) -> PeerIdentity:
    """Whom a certificate names that TLS has accepted; nobody, when it is not a node's."""
    if certificate is None:
        return PeerIdentity(uuid="", digest="")
    parsed = certificate.to_cryptography()
    return PeerIdentity(uuid=node_uuid_of(parsed) or "", digest=_digest(parsed))


def check_node(certificate: crypto.X509 | None, node_uuid: str) -> None:
    """@raise VerificationError: the certificate is not that node's."""
    if certificate is None:
        raise VerificationError(errors=[])
    patterns = extract_patterns(certificate.to_cryptography())
    verify_service_identity(patterns, [URI_ID(node_uri(node_uuid))], [])


def _digest(certificate: x509.Certificate) -> str:
    return digest_of_der(certificate.public_bytes(serialization.Encoding.DER))
