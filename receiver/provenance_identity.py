"""Keys and certificates that sign recordings: made for one run of the receiver, or kept in a folder.

C2PA wants an end-entity certificate that some authority issued (specification 2.2, section 14.5): so each identity is a key, its
certificate, and a local authority of its own whose key is forgotten as soon as it has signed that one certificate.

Must not import c2pa. Invariant: a private key is written only where the user asked for it, readable by its owner alone.
"""

import datetime
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from shared.errors import UserError

KEY_FILE: Final = "key.pem"
CHAIN_FILE: Final = "chain.pem"
AUTHORITY_FILE: Final = "authority.pem"
"""What a verifier needs to trust this identity: `provenance-verify FILE --trust authority.pem`."""
_LIFE: Final = datetime.timedelta(days=3650)
_CLOCK_SLACK: Final = datetime.timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Identity:
    """Who signs. key: PKCS #8 in PEM, P-256. chain: certificate and then its authority's, in PEM. kept: it outlives this run."""

    key: bytes
    chain: bytes
    kept: bool


def new_identity(name: str, kept: bool = False) -> Identity:
    """A fresh key under a fresh local authority; name stands in the certificate, for people."""
    authority_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    issuer = _name("facewire local authority")
    authority = _sign(_authority(issuer, authority_key), authority_key)
    certificate = _sign(_end_entity(_name(name), issuer, key, authority_key), authority_key)
    pem = serialization.Encoding.PEM
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return Identity(secret, certificate.public_bytes(pem) + authority.public_bytes(pem), kept)


def write_identity(folder: Path, identity: Identity) -> None:
    """Keep an identity in a folder, made if needed. Raises UserError, also when one is there already."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with os.fdopen(os.open(folder / KEY_FILE, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(identity.key)
        (folder / CHAIN_FILE).write_bytes(identity.chain)
        authority = x509.load_pem_x509_certificates(identity.chain)[-1]
        (folder / AUTHORITY_FILE).write_bytes(authority.public_bytes(serialization.Encoding.PEM))
    except FileExistsError as error:
        raise UserError(
            f"{folder} already holds a key, which stays as it is. Name another folder."
        ) from error
    except OSError as error:
        raise UserError(f"Cannot write a key to {folder}: {error.strerror}. Name another folder.") from error


def load_identity(folder: Path) -> Identity:
    """The identity in a folder. Raises UserError when there is none, or its parts do not belong together."""
    try:
        identity = Identity((folder / KEY_FILE).read_bytes(), (folder / CHAIN_FILE).read_bytes(), True)
        key = serialization.load_pem_private_key(identity.key, None)
        certificates = x509.load_pem_x509_certificates(identity.chain)
        same = key.public_key() == certificates[0].public_key()
    except (OSError, ValueError, TypeError) as error:
        raise UserError(
            f"There is no usable signing key in {folder} ({type(error).__name__}). "
            f"Make one: python -m receiver provenance-key --out {folder}"
        ) from error
    if not same:
        raise UserError(
            f"{KEY_FILE} and {CHAIN_FILE} in {folder} do not belong together. Put the right pair there."
        )
    return identity


def _name(common: str) -> x509.Name:
    parts = ((NameOID.ORGANIZATION_NAME, "facewire"), (NameOID.COMMON_NAME, common))
    return x509.Name([x509.NameAttribute(kind, value) for kind, value in parts])


def _begin(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder(issuer, subject, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - _CLOCK_SLACK).not_valid_after(now + _LIFE)
    return builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)


def _authority(name: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    builder = _begin(name, name, key)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    return builder.add_extension(_usage(certificates=True), critical=True)


def _end_entity(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    authority: ec.EllipticCurvePrivateKey,
) -> x509.CertificateBuilder:
    builder = _begin(subject, issuer, key)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(_usage(certificates=False), critical=True)
    email = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION])  # what C2PA's default list allows
    builder = builder.add_extension(email, critical=False)
    by = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.public_key())
    return builder.add_extension(by, critical=False)


def _usage(certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=certificates,
        crl_sign=certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _sign(builder: x509.CertificateBuilder, key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    return builder.sign(key, hashes.SHA256())
