"""A throw-away certificate for a test service: signed by an authority that is forgotten at once."""

from __future__ import annotations

import ipaddress
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_DAYS = 30
_CLOCKS_DIFFER = timedelta(hours=1)


def write_certificate(directory: Path, host: str) -> tuple[Path, Path]:
    """Make a certificate for ``localhost``, the loopback addresses and ``host`` in ``directory``.

    Returns the paths of the authority's certificate, which clients are to trust, and of the service's with
    its private key (0600). The authority's key is kept nowhere, so that it never signs another.
    """
    authority_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    authority = _sign(_named("keyrig throw-away authority"), authority_key, None, authority_key, names=())
    certificate = _sign(_named("keyrig test service"), key, authority, authority_key, names=_names(host))
    trusted, served = directory / "ca.pem", directory / "service.pem"
    trusted.write_bytes(authority.public_bytes(serialization.Encoding.PEM))
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    with os.fdopen(os.open(served, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(certificate.public_bytes(serialization.Encoding.PEM) + private)
    return trusted, served


def _sign(
    subject: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    issuer: x509.Certificate | None,
    issuer_key: ec.EllipticCurvePrivateKey,
    names: tuple[x509.GeneralName, ...],
) -> x509.Certificate:
    """RFC 5280 §4.2.1: an authority (``issuer`` is ``None``) or a server's certificate, by its extensions."""
    is_authority, now = issuer is None, datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject if issuer is None else issuer.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _CLOCKS_DIFFER)
        .not_valid_after(now + timedelta(days=_DAYS))
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=0 if is_authority else None), True)
        .add_extension(_key_usage(is_authority), True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), False)
    )
    if not is_authority:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), False).add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False
        )
    return builder.sign(issuer_key, hashes.SHA256())


def _key_usage(is_authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not is_authority,
        key_cert_sign=is_authority,
        crl_sign=is_authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _names(host: str) -> tuple[x509.GeneralName, ...]:
    names: dict[str, x509.GeneralName] = {"localhost": x509.DNSName("localhost")}
    names |= {text: x509.IPAddress(ipaddress.ip_address(text)) for text in ("127.0.0.1", "::1")}
    try:
        names[host] = x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        names[host] = x509.DNSName(host)
    return tuple(names.values())
