"""TLS with one's own certificate: what is served, and how a renewed certificate is taken without a restart.

Invariant: nothing below TLS 1.2 is spoken; a renewed certificate that cannot be used leaves the one in use.
"""

import logging
import ssl
from dataclasses import dataclass
from pathlib import Path

from shared.errors import UserError
from signaling.logs import LOGGER_NAME

_log = logging.getLogger(LOGGER_NAME)


@dataclass(frozen=True, slots=True)
class Certificate:
    """Places of the certificate with its chain, and of its key, both PEM."""

    chain: Path
    key: Path


def server_context(certificate: Certificate) -> ssl.SSLContext:
    """What the service listens with. Raises UserError for files that are no certificate and its key."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    _load(context, certificate)
    return context


def renew(context: ssl.SSLContext, certificate: Certificate) -> bool:
    """Use what the files hold now, for connections that come from now on; False, and told, when it cannot be used."""
    try:
        server_context(
            certificate
        )  # in a context of its own first: half a certificate must not replace a whole one
        _load(context, certificate)
    except UserError as error:
        _log.error("certificate kept", extra={"reason": str(error)})
        return False
    _log.info("certificate renewed")
    return True


def _load(context: ssl.SSLContext, certificate: Certificate) -> None:
    for path in (certificate.chain, certificate.key):
        if not path.is_file():
            raise UserError(f"There is no file {path}. Give --tls-certificate and --tls-key, PEM files.")
    try:
        # A key with a password would ask for it on the terminal, where a service has none.
        context.load_cert_chain(certificate.chain, certificate.key, password=_no_password)
    except (ssl.SSLError, OSError, ValueError) as error:
        raise UserError(
            f"{certificate.chain} and {certificate.key} cannot be used ({_reason(error)}). Both are PEM, the chain begins with "
            "the certificate of this host, and the key is its own and has no password."
        ) from None


def _no_password() -> str:
    raise ValueError("the key has a password")


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLError):
        return error.reason or "no certificate, or no key"
    return error.strerror or "not readable" if isinstance(error, OSError) else str(error)
