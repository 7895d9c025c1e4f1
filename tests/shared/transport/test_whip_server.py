"""shared.transport.whip_server: connections of strangers."""

import datetime
import http.client
import ipaddress
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from shared.errors import UserError
from shared.limits import WHIP_CONNECTION_S, WHIP_CONNECTIONS_MAX
from shared.transport.whip_access import parse_access
from shared.transport.whip_http import Busy, MediaSession
from shared.transport.whip_server import WhipServer

pytestmark = pytest.mark.network


async def full(offer: str, on_end: Callable[[], None]) -> MediaSession:
    raise Busy("full")


@pytest.fixture
def server() -> Iterator[WhipServer]:
    made = WhipServer(parse_access("whep", "127.0.0.1:0"), full)
    yield made
    made.close()


def status(port: int) -> int:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=20)) as connection:
        connection.request("GET", "/whep")
        return connection.getresponse().status


def test_it_serves_until_it_is_closed_and_frees_its_address(server: WhipServer) -> None:
    assert status(server.port) == 204
    server.close()
    server.close()
    with pytest.raises(ConnectionRefusedError):
        status(server.port)


def test_an_address_that_is_taken_is_the_users_mistake(server: WhipServer) -> None:
    with pytest.raises(UserError, match="another program has this port"):
        WhipServer(parse_access("whep", f"127.0.0.1:{server.port}"), full)


def held(port: int) -> socket.socket:
    """A connection that is let in: the place of the one before is free a moment after its answer."""
    for _ in range(50):
        connection = socket.create_connection(("127.0.0.1", port))
        connection.settimeout(0.1)
        try:
            connection.recv(1)
        except TimeoutError:
            return connection
        except ConnectionResetError:
            pass
        connection.close()
    raise AssertionError("nobody was let in any more")


def test_connections_at_the_limit_are_served_and_one_more_is_closed(server: WhipServer) -> None:
    idle = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(WHIP_CONNECTIONS_MAX - 1)]
    assert status(server.port) == 204
    idle.append(held(server.port))
    with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
        status(server.port)
    for connection in idle:
        connection.close()


def test_a_connection_that_says_nothing_does_not_last() -> None:
    assert WHIP_CONNECTION_S > 0.2, "the limit that this test shortens"
    server = WhipServer(parse_access("whep", "127.0.0.1:0"), full, connection_s=0.2)
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        connection.send(b"POST /whep HTTP/1.1\r\nHost: a\r\n")
        assert connection.recv(1) == b""
    server.close()


def _certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that signs itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(minutes=1))
        .not_valid_after(now + datetime.timedelta(minutes=9))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False
        )
        .sign(key, hashes.SHA256())
    )
    pem, no_password = serialization.Encoding.PEM, serialization.NoEncryption()
    (folder / "c.pem").write_bytes(made.public_bytes(pem))
    (folder / "k.pem").write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, no_password))
    return folder / "c.pem", folder / "k.pem"


def test_it_speaks_tls_with_its_own_certificate(tmp_path: Path) -> None:
    certificate, key = _certificate(tmp_path)
    access = parse_access("whep", f"127.0.0.1:0?cert={certificate}&key={key}")
    server = WhipServer(access, full)
    context = ssl.create_default_context(cafile=str(certificate))
    with closing(
        http.client.HTTPSConnection("127.0.0.1", server.port, timeout=20, context=context)
    ) as connection:
        connection.request("GET", "/whep")
        assert connection.getresponse().status == 204
    server.close()
    assert access.url.startswith("https://")
