"""signaling.tls: the service with a certificate of its own, and a certificate that is renewed while it runs."""

import datetime
import logging
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from shared.errors import UserError
from shared.signaling_messages import Join, Role
from shared.transport.signaling_client import enter_room
from signaling import keys
from signaling.config import checked_config
from signaling.tls import Certificate, renew, server_context
from signaling.tokens import sign_token

START_S = 20.0


def make_certificate(folder: Path, name: str = "one", password: bytes | None = None) -> Certificate:
    """A certificate for 127.0.0.1, signed by itself, so that it is its own authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    host = x509.SubjectAlternativeName([x509.DNSName("localhost")])
    made = (
        x509.CertificateBuilder()
        .subject_name(subject).issuer_name(subject).public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1)).not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(host, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    hidden = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    chain, private = folder / f"{name}.pem", folder / f"{name}.key"
    chain.write_bytes(made.public_bytes(pem))
    private.write_bytes(key.private_bytes(pem, pkcs8, hidden))
    return Certificate(chain, private)


def test_files_that_are_no_certificate_and_its_key_are_refused_with_what_to_do(tmp_path: Path) -> None:
    one, other = make_certificate(tmp_path), make_certificate(tmp_path, "other")
    secret = make_certificate(tmp_path, "secret", b"a password")
    nothing = tmp_path / "nothing.pem"
    nothing.write_text("nothing")
    server_context(one)
    for wrong, words in (
        (Certificate(tmp_path / "none.pem", one.key), "There is no file"),
        (Certificate(one.chain, other.key), "cannot be used"),
        (Certificate(nothing, one.key), "cannot be used"),
        (secret, "has a password"),
    ):
        with pytest.raises(UserError, match=words):
            server_context(wrong)


def test_one_of_both_is_not_enough(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="both"):
        checked_config("127.0.0.1", 8443, "file s", tls_certificate=tmp_path / "a.pem")
    config = checked_config(
        "127.0.0.1", 8443, "file s", tls_certificate=tmp_path / "a.pem", tls_key=tmp_path / "a.key"
    )
    assert "https://localhost:8443" in config.allowed_origins, "the page that it serves itself may connect"


def test_a_renewed_certificate_that_cannot_be_used_leaves_the_one_in_use(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    certificate, next_one = make_certificate(tmp_path), make_certificate(tmp_path, "next")
    context = server_context(certificate)
    caplog.set_level(logging.INFO, "facewire.signaling")
    certificate.key.write_text("half a key")
    assert not renew(context, certificate)
    certificate.chain.write_bytes(next_one.chain.read_bytes())
    certificate.key.write_bytes(next_one.key.read_bytes())
    assert renew(context, certificate)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[int, Certificate, str, "subprocess.Popen[bytes]"]]:
    """A service with TLS in a process of its own: port, certificate, secret, process."""
    certificate, secret = make_certificate(tmp_path), keys.new_secret()
    file = tmp_path / "secret"
    file.write_text(secret)
    file.chmod(0o600)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "signaling", "serve", "--port", str(port), "--secret-file", str(file)]
    command += ["--tls-certificate", str(certificate.chain), "--tls-key", str(certificate.key)]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        until_s = time.monotonic() + START_S
        while not listens(port):
            assert time.monotonic() < until_s and process.poll() is None
            time.sleep(0.05)
        yield port, certificate, secret, process
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(10)


def listens(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), 0.2):
            return True
    except OSError:
        return False


def shown(port: int) -> bytes:
    """The certificate that the service shows, DER."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection(("127.0.0.1", port), 2) as plain, context.wrap_socket(plain) as secure:
        found = secure.getpeercert(binary_form=True)
        assert found is not None
        return found


@pytest.mark.network
@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
async def test_the_service_speaks_tls_and_takes_a_renewed_certificate(
    served: tuple[int, Certificate, str, "subprocess.Popen[bytes]"],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    port, certificate, secret, process = served
    url, token = f"wss://localhost:{port}/ws", sign_token(secret, "r", Role.SENDER, 60, time.time())
    with pytest.raises(UserError, match=r"does not trust.*SSL_CERT_FILE"):
        await enter_room(url, Join("r", Role.SENDER, token))
    with pytest.raises(UserError, match=r"cannot be reached|refused|does not trust"):
        await enter_room(f"ws://localhost:{port}/ws", Join("r", Role.SENDER, token))

    trusting = ssl.create_default_context(cafile=str(certificate.chain))
    async with aiohttp.ClientSession() as session:
        async with session.get(f"https://localhost:{port}/healthz", ssl=trusting) as answer:
            assert answer.status == 200 and "max-age" in answer.headers["Strict-Transport-Security"]
        async with session.ws_connect(url, ssl=trusting, origin=f"https://localhost:{port}") as room:
            before, renewed = shown(port), make_certificate(tmp_path, "renewed")
            os.replace(renewed.chain, certificate.chain)
            os.replace(renewed.key, certificate.key)
            process.send_signal(signal.SIGHUP)
            until_s = time.monotonic() + 5
            while shown(port) == before:
                assert time.monotonic() < until_s, "the old certificate is still shown"
            await room.ping()
            assert not room.closed, "who is there stays"
