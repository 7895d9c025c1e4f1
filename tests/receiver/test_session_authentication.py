"""receiver.session and the short authentication string: what a peer can do to it, and what people get to see."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from hashlib import sha256

import pytest

from models.runtime.mesh_warp import MeshWarpBackend
from receiver.render_worker import RenderWorker
from receiver.session import CallEnd, EndReason, ReceiverSession
from receiver.sinks.open import SinkSet
from shared.coding.identity import coding_identity
from shared.control import (
    FEATURE_BOUND,
    AuthCommit,
    AuthReveal,
    ControlMessage,
    Hello,
    KeyframeBound,
    Pin,
    pack_control,
    parse_control,
)
from shared.core.encoder import Encoder, EncoderConfig
from shared.frames import Channel, Keyframe, Outgoing
from shared.keyframe_binding import NotBound, binding
from shared.short_authentication import End, Fingerprints, ShortAuthentication
from shared.transport.base import TransportClosed
from shared.transport.memory_link import MemoryLink
from shared.wire import PROTOCOL_VERSION, ControlFrame, parse
from tests.receiver.remote import MODEL
from tests.receiver.sinks.test_open import Kept
from tests.shared.harness import keyframe

OURS, THEIRS, NONCE = (sha256(name.encode()).digest() for name in ("ours", "theirs", "nonce"))


class Made:
    """A session with fingerprints, and the peer's end of the link."""

    def __init__(self, fingerprints: Fingerprints | None) -> None:
        self.link, self.worker, self.digits = MemoryLink(), RenderWorker(MeshWarpBackend()), list[str]()
        self.session = ReceiverSession(
            self.link.b,
            self.worker,
            SinkSet([Kept()]),
            MODEL,
            fingerprints=fingerprints,
            on_authenticated=self.digits.append,
        )
        self.heard: list[ControlMessage] = []

    async def say(self, message: ControlMessage) -> None:
        await self.link.a.send(Outgoing(Channel.CTL, bytes(ControlFrame(pack_control(message)))))

    async def hear(self, kind: type[AuthCommit] | type[AuthReveal]) -> AuthCommit | AuthReveal:
        while True:
            _, data = await self.link.a.receive()
            frame = parse(data)
            message = parse_control(frame.payload) if isinstance(frame, ControlFrame) else None
            if message is not None:
                self.heard.append(message)
            if isinstance(message, kind):
                return message


@asynccontextmanager
async def running(fingerprints: Fingerprints | None) -> AsyncIterator[tuple[Made, asyncio.Task[CallEnd]]]:
    made = Made(fingerprints)
    task = asyncio.ensure_future(made.session.run())
    try:
        yield made, task
    finally:
        made.session.stop()
        await task
        await made.link.a.close()
        made.worker.close()


async def test_people_see_the_digits_that_the_peer_sees() -> None:
    async with running(Fingerprints(OURS, THEIRS)) as (made, _):
        peer = ShortAuthentication(Fingerprints(THEIRS, OURS), NONCE)
        commit = await made.hear(AuthCommit)
        shown = peer.take(commit)
        assert shown is not None and made.heard[0] != commit, "hello comes first"
        await made.say(peer.commit())
        peer.take(await made.hear(AuthReveal))
        await made.say(shown)
        async with asyncio.timeout(5):
            while not made.digits:
                await asyncio.sleep(0.005)
    assert made.digits == [peer.digits]


async def test_the_nonce_is_not_shown_before_the_peer_has_committed_itself() -> None:
    async with running(Fingerprints(OURS, THEIRS)) as (made, _):
        with suppress(TimeoutError):
            async with asyncio.timeout(0.3):
                await made.hear(AuthReveal)
    assert not any(isinstance(message, AuthReveal) for message in made.heard)


async def test_a_peer_that_changes_its_nonce_ends_the_call() -> None:
    async with running(Fingerprints(OURS, THEIRS)) as (made, task):
        peer = ShortAuthentication(Fingerprints(THEIRS, OURS), NONCE)
        await made.say(peer.commit())
        await made.say(AuthReveal(OURS.hex()))
        assert (await task).reason is EndReason.PEER_REFUSED
    assert made.digits == []


async def authenticated(made: Made) -> tuple[End, End]:
    """Both ends, the peer's first, once they know each other's nonce."""
    peer = ShortAuthentication(Fingerprints(THEIRS, OURS), NONCE)
    shown = peer.take(await made.hear(AuthCommit))
    assert shown is not None
    await made.say(peer.commit())
    peer.take(await made.hear(AuthReveal))
    await made.say(shown)
    assert peer.ends is not None
    return peer.ends


async def show(made: Made) -> Keyframe:
    """The peer sends a keyframe."""
    encoder, sent = Encoder(EncoderConfig()), keyframe(0)
    encoder.push_keyframe(sent)
    for now_us in range(0, 2_000_000, 100_000):
        for outgoing in encoder.poll(now_us):
            await made.link.a.send(outgoing)
    return sent


@pytest.mark.parametrize("honest", [True, False])
async def test_a_keyframe_that_is_not_bound_to_the_connection_ends_the_call(
    honest: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.keyframe_binding.KEYFRAME_BOUND_MAX_MS", 100)
    async with running(Fingerprints(OURS, THEIRS)) as (made, task):
        await made.say(Hello(PROTOCOL_VERSION, MODEL, coding_identity(), (FEATURE_BOUND,)))
        peer, session = await authenticated(made)
        sent = await show(made)
        tag = binding(peer, session, sent) if honest else binding(session, peer, sent)
        await made.say(KeyframeBound(sent.keyframe_id, tag.hex()))
        await asyncio.sleep(0.3)
        await made.say(Pin(None))
        await asyncio.sleep(0.2)
        assert task.done() is not honest
        if not honest:
            end = await task
            assert end.reason is EndReason.PEER_REFUSED and isinstance(end.error, NotBound)
    assert made.session.stats.counts["keyframes_bound"] == honest


async def test_without_fingerprints_or_with_a_peer_that_knows_nothing_of_it_the_call_goes_on() -> None:
    async with running(None) as (made, task):
        await made.say(AuthReveal(OURS.hex()))
        with suppress(TimeoutError, TransportClosed):
            async with asyncio.timeout(0.2):
                await made.hear(AuthCommit)
        assert not task.done() and made.session.stats.counts["malformed"] == 0
    assert not any(isinstance(message, AuthCommit) for message in made.heard)
