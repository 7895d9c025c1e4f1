"""Calls that meet in a real room of the real signaling service."""

import asyncio
import dataclasses
import time
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from aiohttp.test_utils import TestServer

from shared.errors import UserError
from shared.frames import Channel
from shared.signaling_messages import Answer, IceServer, Join, Joined, Offer, Role, parse, serialise
from shared.transport.base import TransportState
from shared.transport.signaling_client import Meeting, MeetTimeouts, connect_call, enter_room, with_servers
from shared.transport.webrtc import WebRtcConfig, WebRtcTransport
from signaling.config import ServeConfig
from signaling.keys import new_secret
from signaling.server import make_app
from signaling.service import SignalingService
from signaling.tokens import sign_token
from tests.shared.transport.pairs import rt, until

pytestmark = pytest.mark.network

SHORT = MeetTimeouts(join_s=2, peer_s=0.3, open_s=5)


class Service:
    """A running service and tokens for it."""

    def __init__(self, tmp_path: Path) -> None:
        self.secret = new_secret()
        self.server = TestServer(make_app(SignalingService(ServeConfig(), self.secret), tmp_path / "no-page"))

    @property
    def url(self) -> str:
        return str(self.server.make_url("/ws"))

    def join(self, role: Role = Role.PEER, room: str = "room") -> Join:
        return Join(room, role, sign_token(self.secret, room, role, 60, time.time()))

    async def meet(self) -> tuple[WebRtcTransport, WebRtcTransport]:
        return await asyncio.gather(
            connect_call(self.url, self.join(Role.SENDER)), connect_call(self.url, self.join(Role.RECEIVER))
        )


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Service]:
    running = Service(tmp_path)
    await running.server.start_server()
    yield running
    await running.server.close()


async def close_all(*transports: WebRtcTransport) -> None:
    await asyncio.gather(*(transport.close() for transport in transports))


async def test_two_peers_meet_and_talk(service: Service) -> None:
    a, b = await service.meet()
    await a.send(rt(b"hello"))
    assert await b.receive() == (Channel.RT, b"hello")
    await close_all(a, b)


async def test_the_call_goes_on_when_the_service_dies(service: Service) -> None:
    a, b = await service.meet()
    await service.server.close()
    await asyncio.sleep(0.1)
    await a.send(rt(b"still"))
    assert await b.receive() == (Channel.RT, b"still")
    assert (a.state, b.state) == (TransportState.OPEN, TransportState.OPEN)
    async with asyncio.timeout(3):
        await close_all(a, b)


async def test_closing_leaves_the_room_so_that_both_can_meet_again(service: Service) -> None:
    for _ in range(2):
        a, b = await service.meet()
        async with asyncio.timeout(3):
            await close_all(a, b)


async def test_no_task_and_no_socket_is_left_after_the_call(service: Service) -> None:
    before = asyncio.all_tasks()
    a, b = await service.meet()
    await close_all(a, b)
    await until(lambda: asyncio.all_tasks() == before, 2)


async def test_a_third_guest_is_told_so(service: Service) -> None:
    a, b = await service.meet()
    with pytest.raises(UserError, match="refused"):
        await connect_call(service.url, service.join(Role.PEER), timeouts=SHORT)
    await close_all(a, b)


async def test_a_wrong_token_is_told_so_and_not_repeated_in_the_message(service: Service) -> None:
    join = dataclasses.replace(service.join(), token="secret.token.here")
    with pytest.raises(UserError, match="bad-token") as refused:
        await connect_call(service.url, join, timeouts=SHORT)
    assert "secret.token.here" not in str(refused.value)


async def test_nobody_coming_ends_with_a_clear_message(service: Service) -> None:
    with pytest.raises(UserError, match="Nobody else came into the room"):
        await connect_call(service.url, service.join(), timeouts=SHORT)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("ws://127.0.0.1:9/ws", "cannot be reached"),
        ("no address", "no address of a signaling service"),
        ("wrong-path", "HTTP 404"),
    ],
)
async def test_a_service_that_is_not_there_is_told_so(service: Service, url: str, message: str) -> None:
    if url == "wrong-path":
        url = str(service.server.make_url("/elsewhere"))
    with pytest.raises(UserError, match=message):
        await connect_call(url, service.join(), timeouts=SHORT)


async def test_a_peer_that_leaves_before_it_was_described_is_followed_by_the_next(service: Service) -> None:
    async with aiohttp.ClientSession() as session, session.ws_connect(service.url) as quitter:
        await quitter.send_str(serialise(service.join(Role.RECEIVER)))
        await quitter.receive()
        waiting = asyncio.ensure_future(connect_call(service.url, service.join(Role.SENDER)))
        await quitter.receive()  # peer-joined
        assert isinstance(parse((await quitter.receive()).data), Offer)
    other = await connect_call(service.url, service.join(Role.RECEIVER))
    await close_all(await waiting, other)


async def test_a_peer_that_leaves_before_the_connection_is_open_is_followed_by_the_next(
    service: Service,
) -> None:
    elsewhere = WebRtcTransport()
    async with aiohttp.ClientSession() as session, session.ws_connect(service.url) as quitter:
        await quitter.send_str(serialise(service.join(Role.RECEIVER)))
        await quitter.receive()
        waiting = asyncio.ensure_future(connect_call(service.url, service.join(Role.SENDER)))
        await quitter.receive()  # peer-joined
        offer = parse((await quitter.receive()).data)
        assert isinstance(offer, Offer)
        await quitter.send_str(serialise(Answer(await elsewhere.accept_offer(offer.sdp))))
    await elsewhere.close()
    begun_s = time.monotonic()
    other = await connect_call(service.url, service.join(Role.RECEIVER))
    mine = await waiting
    assert time.monotonic() - begun_s < SHORT.open_s, (
        "it did not wait until the first connection was given up"
    )
    await close_all(mine, other)


async def test_an_answer_to_a_peer_that_has_left_ends_nothing(service: Service) -> None:
    waiting, left = (
        asyncio.ensure_future(connect_call(service.url, service.join(Role.SENDER))),
        WebRtcTransport(),
    )
    async with aiohttp.ClientSession() as session, session.ws_connect(service.url) as quitter:
        await quitter.send_str(serialise(service.join(Role.RECEIVER)))
        await quitter.receive()
        await quitter.send_str(serialise(Offer(await left.create_offer())))
    await asyncio.sleep(0.2)
    assert not waiting.done()
    other = await connect_call(service.url, service.join(Role.RECEIVER))
    await close_all(await waiting, other, left)


async def test_a_peer_without_a_path_is_told_so(service: Service) -> None:
    """The answer names an address at which nobody is."""
    elsewhere = WebRtcTransport()
    async with aiohttp.ClientSession() as session, session.ws_connect(service.url) as peer:
        await peer.send_str(serialise(service.join(Role.RECEIVER)))
        await peer.receive()
        times = dataclasses.replace(SHORT, open_s=0.5)
        calling = asyncio.ensure_future(connect_call(service.url, service.join(Role.SENDER), timeouts=times))
        await peer.receive()
        offer = parse((await peer.receive()).data)
        assert isinstance(offer, Offer)
        answer = await elsewhere.accept_offer(offer.sdp)
        await elsewhere.close()
        await peer.send_str(serialise(Answer(answer)))
        with pytest.raises(UserError, match="no connection to it came about"):
            await calling


async def test_a_restarted_peer_ends_the_old_call_within_its_sign_of_life(service: Service) -> None:
    a, b = await service.meet()
    room = b._leavers[0].__self__  # type: ignore[attr-defined]  # the room that b sits in
    await room.leave()
    for protocol in b._sctp.transport.transport._connection._protocols:
        protocol.transport.abort()  # as if b's process were gone
    again = asyncio.ensure_future(connect_call(service.url, service.join(Role.RECEIVER)))
    await until(lambda: a.state is TransportState.CLOSED, 2)
    await a.close()
    renewed = await connect_call(service.url, service.join(Role.SENDER))
    other = await again
    await other.send(rt(b"again"))
    assert await renewed.receive() == (Channel.RT, b"again")
    await close_all(b, renewed, other)


async def vanish(transport: WebRtcTransport) -> None:
    """As if its process were gone."""
    room = transport._leavers[0].__self__  # type: ignore[attr-defined]
    await room.leave()
    for protocol in transport._sctp.transport.transport._connection._protocols:
        protocol.transport.abort()


@pytest.mark.parametrize("first", [True, False])
async def test_a_kept_seat_meets_a_restarted_peer_again_without_a_fresh_token(
    service: Service, first: bool
) -> None:
    async def sit() -> tuple[Meeting, WebRtcTransport]:
        meeting = await enter_room(service.url, service.join(Role.RECEIVER))
        return meeting, await meeting.call()

    async def come() -> WebRtcTransport:
        return await connect_call(service.url, service.join(Role.SENDER))

    early, late = (sit, come) if first else (come, sit)
    begun = asyncio.ensure_future(early())
    await asyncio.sleep(0.1)
    done = [await late(), await begun]
    (meeting, a), b = reversed(done) if first else done
    await vanish(b)
    begin_s = asyncio.get_running_loop().time()
    again = asyncio.ensure_future(come())
    await until(lambda: a.state is TransportState.CLOSED, 3)
    await a.close()
    assert not meeting.lost
    async with asyncio.timeout(3):
        renewed, other = await asyncio.gather(meeting.call(), again)
    assert asyncio.get_running_loop().time() - begin_s < 3
    await other.send(rt(b"again"))
    assert await renewed.receive() == (Channel.RT, b"again")
    await close_all(b, renewed, other)
    await meeting.leave()


async def test_when_both_ends_lost_the_call_the_second_to_come_offers_again(service: Service) -> None:
    seats = [await enter_room(service.url, service.join(role)) for role in (Role.SENDER, Role.RECEIVER)]
    for _ in range(2):
        async with asyncio.timeout(4):
            a, b = await asyncio.gather(*(seat.call() for seat in seats))
        await a.send(rt(b"here"))
        assert await b.receive() == (Channel.RT, b"here")
        await close_all(a, b)
    for seat in seats:
        await seat.leave()


async def test_a_seat_whose_service_is_gone_says_so(service: Service) -> None:
    meeting = await enter_room(service.url, service.join(Role.RECEIVER))
    await meeting._room._socket.close()
    with pytest.raises(UserError, match="closed the connection"):
        await meeting.call()
    assert meeting.lost
    await meeting.leave()


@pytest.mark.parametrize("own", [(), (IceServer(("stun:own.test:2",)),)])
def test_ones_own_ice_servers_come_before_those_of_the_service(own: tuple[IceServer, ...]) -> None:
    joined = Joined(
        Role.PEER, peer_present=False, polite=True, ice_servers=(IceServer(("stun:theirs.test:1",)),)
    )
    assert with_servers(WebRtcConfig(ice_servers=own), joined).ice_servers == (own or joined.ice_servers)
