"""
The cluster's own certificates: one authority, and one key and certificate per node.

A node makes its key itself and asks for a certificate; whoever holds the
authority's key signs, and decides whose uuid goes in. No Twisted here: commands
set nodes up with it. All files are for their owner alone, but for the
authority's certificate, which is no secret.

The order for a new node: L{make_request} there, L{sign_request} on the master,
L{install_certificate} there.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ganeti.errors import X509CertError
from ganeti.paths import Paths
from ganeti.utils.durable import read_limited, write_atomic

AUTHORITY_DAYS = 20 * 365
NODE_DAYS = 5 * 365
_BACKDATED = timedelta(days=1)
"""Clocks of nodes may differ."""

_URI_PREFIX = "ganeti-node:"
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_LIMIT = 64 * 1024

_Key = ec.EllipticCurvePrivateKey


@dataclass(frozen=True)
class NodeIdentity:
    """
    What a node's own certificate says.

    @ivar digest: of the certificate, as in role records.
    @ivar expires: seconds since the epoch.
    """

    uuid: str
    name: str
    digest: str
    expires: float


@dataclass(frozen=True)
class Authority:
    """A certificate authority that can sign."""

    certificate: x509.Certificate
    key: _Key


# -- Files


def init_cluster_certificates(paths: Paths, node_uuid: str, name: str, now_s: float) -> str:
    """
    Make the authority and the first node's certificate; return the digest of the latter.

    What was there is replaced.
    """
    authority = make_authority(now_s)
    key = _make_key()
    certificate = _certify(authority, key.public_key(), node_uuid, name, now_s)
    write_atomic(paths.ca_key, _key_pem(authority.key), 0o600)
    write_atomic(paths.ca_pem, _certificate_pem(authority.certificate), 0o644)
    write_atomic(paths.server_pem, _key_pem(key) + _certificate_pem(certificate), 0o600)
    return digest_of(_certificate_pem(certificate))


def make_request(paths: Paths) -> bytes:
    """
    Make a new key on this node, and a request for its certificate.

    The key waits beside C{server.pem} until L{install_certificate}.
    """
    key = _make_key()
    write_atomic(_pending_key(paths), _key_pem(key), 0o600)
    # Whose certificate it will be is for the authority to say.
    builder = x509.CertificateSigningRequestBuilder(x509.Name([]))
    request = builder.sign(key, hashes.SHA256())
    return request.public_bytes(serialization.Encoding.PEM)


def sign_request(paths: Paths, request: bytes, node_uuid: str, name: str, now_s: float) -> bytes:
    """
    The certificate of the node C{node_uuid}, for the key in its request.

    @raise X509CertError: the request is malformed, or this node does not hold the authority's key.
    """
    try:
        asked = x509.load_pem_x509_csr(request)
    except ValueError as err:
        raise X509CertError(name, f"malformed certificate request: {err}") from err
    public_key = asked.public_key()
    if not asked.is_signature_valid or not isinstance(public_key, ec.EllipticCurvePublicKey):
        raise X509CertError(name, "the certificate request is not signed by its own key")
    authority = load_authority(paths)
    return _certificate_pem(_certify(authority, public_key, node_uuid, name, now_s))


def install_certificate(paths: Paths, certificate: bytes, authority: bytes) -> str:
    """
    Use C{certificate} with the key of the last request; return its digest. Repeatable.

    @param authority: the authority's certificate.
    @raise X509CertError: the certificate is for another key, or not signed by the authority.
    """
    signer, signed = _load(authority, paths.ca_pem), _load(certificate, paths.server_pem)
    check_signed(signed, signer, paths.server_pem)
    if _own_certificate(paths) != signed:
        key = _load_key(_read(_pending_key(paths)), _pending_key(paths))
        if key.public_key() != signed.public_key():
            raise X509CertError(paths.server_pem, "the certificate is for another key")
        write_atomic(paths.server_pem, _key_pem(key) + _certificate_pem(signed), 0o600)
    write_atomic(paths.ca_pem, _certificate_pem(signer), 0o644)
    with suppress(FileNotFoundError):
        os.unlink(_pending_key(paths))
    return digest_of(certificate)


def load_identity(paths: Paths) -> NodeIdentity:
    """
    Which node this is, by its own certificate.

    @raise X509CertError: it is missing or damaged, not signed by our authority, or names no node.
    """
    own = _load(_read(paths.server_pem), paths.server_pem)
    check_signed(own, _load(_read(paths.ca_pem), paths.ca_pem), paths.server_pem)
    uuid = node_uuid_of(own)
    if uuid is None:
        raise X509CertError(paths.server_pem, "it names no node")
    return NodeIdentity(
        uuid=uuid,
        name=_common_name(own),
        digest=digest_of(_certificate_pem(own)),
        expires=own.not_valid_after_utc.timestamp(),
    )


def expiry(path: str) -> float:
    """
    Until when the certificate in a file is valid, in seconds since the epoch.

    @raise X509CertError: it is missing or damaged.
    """
    return _load(_read(path), path).not_valid_after_utc.timestamp()


def load_authority(paths: Paths) -> Authority:
    """@raise X509CertError: this node does not hold the authority's key, or it is damaged."""
    return Authority(
        certificate=_load(_read(paths.ca_pem), paths.ca_pem),
        key=_load_key(_read(paths.ca_key), paths.ca_key),
    )


# -- In memory


def make_authority(now_s: float, days: int = AUTHORITY_DAYS) -> Authority:
    """A new authority."""
    key = _make_key()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Ganeti cluster authority")])
    builder = _builder(name, name, key.public_key(), now_s, days)
    usage = x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), True)
    builder = builder.add_extension(usage, True)
    return Authority(builder.sign(key, hashes.SHA256()), key)


def make_node_pem(
    authority: Authority, node_uuid: str, name: str, now_s: float, days: int = NODE_DAYS
) -> bytes:
    """A new key and its certificate for a node, as C{server.pem} holds them."""
    key = _make_key()
    certificate = _certify(authority, key.public_key(), node_uuid, name, now_s, days)
    return _key_pem(key) + _certificate_pem(certificate)


def authority_pem(authority: Authority) -> bytes:
    """The authority's certificate, as C{ca.pem} holds it."""
    return _certificate_pem(authority.certificate)


def digest_of(certificate: bytes) -> str:
    """The digest by which role records know a certificate; in PEM, text around it is skipped."""
    return digest_of_der(_load(certificate, "certificate").public_bytes(serialization.Encoding.DER))


def digest_of_der(certificate: bytes) -> str:
    """The same, of a certificate in DER."""
    digest = hashes.Hash(hashes.SHA256())
    digest.update(certificate)
    return digest.finalize().hex()


def node_uri(node_uuid: str) -> str:
    """The name under which a certificate carries a node's uuid."""
    return _URI_PREFIX + node_uuid


def node_uuid_of(certificate: x509.Certificate) -> str | None:
    """The node that a certificate is for; None when it names none, or several."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        uris = names.get_values_for_type(x509.UniformResourceIdentifier)
    except (x509.ExtensionNotFound, ValueError):
        return None
    found = [uri.removeprefix(_URI_PREFIX) for uri in uris if uri.startswith(_URI_PREFIX)]
    return found[0] if len(found) == 1 and _UUID.fullmatch(found[0]) else None


def check_signed(certificate: x509.Certificate, authority: x509.Certificate, name: str) -> None:
    """@raise X509CertError: C{authority} did not sign C{certificate}."""
    try:
        certificate.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature) as err:
        raise X509CertError(name, "it is not signed by the cluster's authority") from err


def _certify(
    authority: Authority,
    public_key: ec.EllipticCurvePublicKey,
    node_uuid: str,
    name: str,
    now_s: float,
    days: int = NODE_DAYS,
) -> x509.Certificate:
    if not _UUID.fullmatch(node_uuid):
        raise X509CertError(name, f"'{node_uuid}' is not a node's uuid")
    # A common name has 64 characters at most (X.520); host names may have more.
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64])])
    alternative = x509.SubjectAlternativeName(
        [x509.UniformResourceIdentifier(node_uri(node_uuid)), x509.DNSName(name)]
    )
    both_sides = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    builder = _builder(subject, authority.certificate.subject, public_key, now_s, days)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), True)
    builder = builder.add_extension(alternative, False)
    builder = builder.add_extension(x509.ExtendedKeyUsage(both_sides), False)
    return builder.sign(authority.key, hashes.SHA256())


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    public_key: ec.EllipticCurvePublicKey,
    now_s: float,
    days: int,
) -> x509.CertificateBuilder:
    now = datetime.fromtimestamp(now_s, UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATED)
        .not_valid_after(now + timedelta(days=days))
    )


def _make_key() -> _Key:
    return ec.generate_private_key(ec.SECP256R1())


def _key_pem(key: _Key) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _certificate_pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _pending_key(paths: Paths) -> str:
    return f"{paths.server_pem}.new"


def _common_name(certificate: x509.Certificate) -> str:
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    dns = names.get_values_for_type(x509.DNSName)
    return dns[0] if dns else ""


def _own_certificate(paths: Paths) -> x509.Certificate | None:
    try:
        return _load(_read(paths.server_pem), paths.server_pem)
    except X509CertError:
        return None


def _read(path: str) -> bytes:
    try:
        return read_limited(path, _LIMIT)
    except OSError as err:
        raise X509CertError(path, err.strerror or str(err)) from err


def _load(data: bytes, path: str) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(data)
    except ValueError as err:
        raise X509CertError(path, "it holds no certificate that can be read") from err


def _load_key(data: bytes, path: str) -> _Key:
    try:
        key = serialization.load_pem_private_key(data, None)
    except (ValueError, TypeError) as err:
        raise X509CertError(path, "it holds no key that can be read") from err
    if not isinstance(key, _Key):
        raise X509CertError(path, "its key is of another kind than this release makes")
    return key
