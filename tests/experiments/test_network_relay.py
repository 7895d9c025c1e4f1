"""experiments.network.relay: two real peers that meet through the real service have the link between them."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp.test_utils import TestServer

from experiments.demo.call import Addresses
from experiments.network.links import LINKS, Link
from experiments.network.relay import Relay
from shared.signaling_messages import Candidate, Join, Role, serialise
from shared.transport.impairments import Impairment
from shared.transport.signaling_client import connect_call
from shared.transport.webrtc import WebRtcTransport
from signaling.config import ServeConfig
from signaling.keys import new_secret
from signaling.server import make_app
from signaling.service import SignalingService
from signaling.tokens import sign_token
from tests.shared.transport.pairs import collected, rt, until

pytestmark = pytest.mark.network

SLOW_FORWARD = Link("test", "", 1, Impairment(delay_ms=80), Impairment())


@asynccontextmanager
async def relayed(relay: Relay, folder: Path) -> AsyncIterator[tuple[Addresses, bytes | str]]:
    """Addresses of a relay before a real service, and the service's secret."""
    secret = new_secret()
    server = TestServer(make_app(SignalingService(ServeConfig(), secret), folder / "no-page"))
    await server.start_server()
    route = relay.route(str(server.make_url("/ws")))
    try:  # the relay waits for its thread, which talks to the service in this loop
        yield await asyncio.to_thread(route.__enter__), secret
    finally:
        await asyncio.to_thread(route.__exit__, None, None, None)
        await server.close()


async def enter(url: str, secret: bytes | str, role: Role) -> WebRtcTransport:
    token = sign_token(secret, "room", role, 60, time.time())  # type: ignore[arg-type]
    return await connect_call(url, Join("room", role, token))


async def meet(urls: Addresses, secret: bytes | str, first: Role) -> tuple[WebRtcTransport, WebRtcTransport]:
    """Sender's and receiver's transport; `first` is there first, so that the other makes the offer."""
    address = {Role.SENDER: urls.sender, Role.RECEIVER: urls.receiver}
    ends = {first: asyncio.ensure_future(enter(address[first], secret, first))}
    await asyncio.sleep(0.1)
    other = Role.RECEIVER if first is Role.SENDER else Role.SENDER
    ends[other] = asyncio.ensure_future(enter(address[other], secret, other))
    await asyncio.gather(*ends.values())
    return ends[Role.SENDER].result(), ends[Role.RECEIVER].result()


@pytest.mark.parametrize("first", [Role.RECEIVER, Role.SENDER])
async def test_forward_is_from_sender_to_receiver_whoever_offers(tmp_path: Path, first: Role) -> None:
    relay = Relay(SLOW_FORWARD)
    async with relayed(relay, tmp_path) as (urls, secret):
        sender, receiver = await meet(urls, secret, first)
        async with collected(receiver) as heard, collected(sender) as back:
            begin_s = time.monotonic()
            await sender.send(rt(b"forward"))
            await until(lambda: heard)
            forward_s = time.monotonic() - begin_s
            begin_s = time.monotonic()
            await receiver.send(rt(b"back"))
            await until(lambda: back)
            back_s = time.monotonic() - begin_s
        log = relay.log
        await asyncio.gather(sender.close(), receiver.close())
    assert forward_s >= 0.08 > back_s
    assert log is not None
    assert len(log.forward) >= 2
    assert abs(log.began_us / 1e6 - time.monotonic()) < 30


async def test_no_log_before_a_call(tmp_path: Path) -> None:
    relay = Relay(LINKS["clean"])
    async with relayed(relay, tmp_path):
        assert relay.log is None


async def test_trickled_candidates_do_not_pass_and_nonsense_is_the_services_to_refuse() -> None:
    relay = Relay(LINKS["clean"])
    candidate = serialise(Candidate("candidate:1 1 udp 1 192.0.2.1 5 typ host", "0", 0))
    assert await relay._rewritten(candidate, Role.SENDER) is None
    assert await relay._rewritten("{nonsense", Role.SENDER) == "{nonsense"
