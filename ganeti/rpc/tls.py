"""TLS between nodes, and whom the other side's certificate names."""

from __future__ import annotations

from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from OpenSSL import SSL, crypto
from service_identity import VerificationError
from service_identity.cryptography import extract_patterns
from service_identity.hazmat import URI_ID, verify_service_identity
from twisted.internet.interfaces import IOpenSSLContextFactory
from zope.interface import implementer

from ganeti.errors import X509CertError
from ganeti.paths import Paths
from ganeti.rpc.certificates import digest_of_der, node_uri, node_uuid_of
from ganeti.rpc.roles import PeerIdentity
from ganeti.utils.durable import read_limited

_LIMIT = 64 * 1024


@implementer(IOpenSSLContextFactory)
class TlsOptions:
    """
    For either side: TLS 1.3, our certificate, and only peers that the authority signed.

    No session is resumed, so that each connection shows a certificate that is valid now.
    """

    def __init__(self, own_pem: bytes, authority_pem: bytes) -> None:
        """
        @param own_pem: key and certificate.
        @raise X509CertError: they cannot be used.
        """
        try:
            self._context = _context(own_pem, authority_pem)
        except (SSL.Error, ValueError, TypeError) as err:
            raise X509CertError("server.pem", f"it cannot be used: {err}") from err

    def getContext(self) -> Any:
        """What TLS connections are made from."""
        return self._context


def _context(own_pem: bytes, authority_pem: bytes) -> Any:
    context: Any = SSL.Context(SSL.TLS_METHOD)
    context.set_min_proto_version(SSL.TLS1_3_VERSION)
    context.set_options(SSL.OP_NO_TICKET | SSL.OP_NO_COMPRESSION)
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    context.set_mode(SSL.MODE_RELEASE_BUFFERS)
    context.use_certificate(x509.load_pem_x509_certificate(own_pem))
    context.use_privatekey(serialization.load_pem_private_key(own_pem, None))
    context.check_privatekey()
    store = context.get_cert_store()
    authority = x509.load_pem_x509_certificate(authority_pem)
    store.add_cert(crypto.X509.from_cryptography(authority))
    context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT)
    context.set_verify_depth(1)
    return context


def load_tls_options(paths: Paths) -> TlsOptions:
    """
    The same from this node's files.

    @raise X509CertError: one is missing, or they cannot be used.
    """
    return TlsOptions(_read(paths.server_pem), _read(paths.ca_pem))


def _read(path: str) -> bytes:
    try:
        return read_limited(path, _LIMIT)
    except OSError as err:
        raise X509CertError(path, err.strerror or str(err)) from err


def peer_identity(connection: Any) -> PeerIdentity:
    """Whom the certificate names that TLS has accepted; nobody, when it is not a node's."""
    certificate = connection.get_peer_certificate(as_cryptography=True)
    if certificate is None:
        return PeerIdentity(uuid="", digest="")
    digest = digest_of_der(certificate.public_bytes(serialization.Encoding.DER))
    return PeerIdentity(uuid=node_uuid_of(certificate) or "", digest=digest)


def check_node(connection: Any, node_uuid: str) -> None:
    """@raise VerificationError: the certificate is not that node's."""
    certificate = connection.get_peer_certificate(as_cryptography=True)
    if certificate is None:
        raise VerificationError(errors=[])
    verify_service_identity(extract_patterns(certificate), [URI_ID(node_uri(node_uuid))], [])
