"""Peers that speak nonsense over a real connection, at both ends of a call, and numbers that are none."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from struct import pack
from zlib import crc32

import numpy as np
import pytest
from numpy.typing import NDArray

from receiver.session import EndReason
from sender.config import SenderConfig
from sender.motion_encoder import MotionEncoder
from sender.session import EndReason as SenderEndReason
from sender.session import SenderSession
from sender.sources.open import open_source
from shared.core.events import MotionReceived
from shared.core.keyframe_sender import split
from shared.errors import MalformedMessage, UserError
from shared.frames import Channel
from shared.keyframe_blob import pack_keyframe
from shared.limits import CALL_MALFORMED_MAX, KEYFRAME_MAX_BYTES, KEYFRAME_MAX_SIDE_PX, MESSAGE_MAX_BYTES
from shared.transport.base import TransportClosed
from shared.transport.webrtc import WebRtcTransport
from shared.wire import PROTOCOL_VERSION, KeyframePart, parse
from tests.e2e.calls import LONGEST_CALL_S, Networks, receiving
from tests.e2e.media import SAMPLE, faces, steadily, write_clip
from tests.receiver.keyframes import keyframe
from tests.receiver.remote import MODEL, Remote, send_bytes
from tests.receiver.sinks.media import pictures_of
from tests.sender.call_parts import Peer
from tests.shared.golden_wire import FOLDER as GOLDEN
from tests.shared.transport.pairs import webrtc_pair

pytestmark = [pytest.mark.e2e, pytest.mark.network]
CALL_MS = 1200
KNOWN_TYPES = (1, 2, 3, 8, 9, 10, 11, 15)


def truncated_messages() -> Iterator[bytes]:
    """Golden messages without their last bytes that this version refuses."""
    for path in sorted(GOLDEN.glob("*.bin")):
        data = path.read_bytes()
        for kept in range(1, len(data)):
            if data[0] >> 4 == PROTOCOL_VERSION and _is_malformed(data[:kept]):
                yield data[:kept]


def _is_malformed(data: bytes) -> bool:
    try:
        parse(data)
    except MalformedMessage:
        return True
    return False


def lying_keyframes() -> Iterator[KeyframePart]:
    """Parts whose claims about their own size are untrue, in every place where a size stands."""
    honest = keyframe(7)
    blob = pack_keyframe(honest)
    (part, *_), ids = split(7, blob), iter(range(100, 120))
    payload = bytes(100)
    yield KeyframePart(next(ids), 0, 1, len(payload) + 1, crc32(payload), payload)  # more bytes than came
    yield KeyframePart(next(ids), 0, 1, len(payload), crc32(payload) ^ 1, payload)  # another checksum
    yield replace(part, keyframe_id=next(ids), total_bytes=KEYFRAME_MAX_BYTES)  # one of many, never completed
    for width_px, height_px in ((65535, 65535), (1, 65535), (KEYFRAME_MAX_SIDE_PX + 1, 256), (0, 256)):
        yield from split(next(ids), resealed(blob[:1] + pack(">HH", width_px, height_px) + blob[5:]))
    yield from split(
        next(ids), resealed(blob[:9] + pack(">H", 65535) + blob[11:])
    )  # a shape as large as it goes
    # True sizes as far as the message goes; the picture inside is another one, which only the AV1 header tells.
    yield from split(next(ids), pack_keyframe(replace(honest, width_px=512, height_px=512)))
    yield from split(next(ids), pack_keyframe(replace(honest, image=honest.image[:40])))


def resealed(blob: bytes) -> bytes:
    body = blob[:-4]
    return body + pack(">I", crc32(body))


def garbage(count: int) -> Iterator[bytes]:
    rng = np.random.default_rng(5)
    for _ in range(count):
        kind = int(rng.choice(KNOWN_TYPES))
        yield bytes([PROTOCOL_VERSION << 4 | kind]) + rng.bytes(int(rng.integers(1, 300)))


def send_oversized(transport: WebRtcTransport) -> None:
    """Past this end's own check, as a peer with other code would."""
    for channel in (Channel.RT, Channel.CTL):
        transport._channels[channel].send(bytes([PROTOCOL_VERSION << 4 | 8]) + bytes(MESSAGE_MAX_BYTES))


async def test_truncated_and_oversized_messages_cost_the_receiver_nothing_but_a_count(tmp_path: Path) -> None:
    film = tmp_path / "a.mp4"
    async with webrtc_pair() as (a, b), receiving(b, film) as receiver:
        short = list(truncated_messages())
        sent = [short[index] for index in range(0, len(short), -(-len(short) // (CALL_MALFORMED_MAX // 2)))]
        for data in sent:
            await send_bytes(a, data, Channel.CTL)  # the channel on which nothing is dropped for being late
        send_oversized(a)
        remote = Remote(a)
        async with asyncio.timeout(LONGEST_CALL_S):
            end, _ = await asyncio.gather(receiver.run(), remote.talk(CALL_MS))
        await remote.leave()
        assert b.stats.dropped_oversized == 2
    assert end.reason is EndReason.PEER_LEFT
    assert receiver.stats.counts["malformed"] == len(sent) >= CALL_MALFORMED_MAX // 3
    assert "FRESH" in [row.state for row in receiver.stats.pictures] and len(pictures_of(film)) >= 20


async def test_keyframes_that_lie_about_their_size_are_never_shown_and_the_honest_one_is(
    tmp_path: Path,
) -> None:
    film = tmp_path / "a.mp4"
    parts = list(lying_keyframes())
    async with webrtc_pair() as (a, b), receiving(b, film) as receiver:
        for part in parts:
            await send_bytes(a, bytes(part), Channel.CTL)
        remote = Remote(a, keyframe_after_ms=200)
        async with asyncio.timeout(LONGEST_CALL_S):
            end, _ = await asyncio.gather(receiver.run(), remote.talk(CALL_MS))
        await remote.leave()
    assert end.reason is EndReason.PEER_LEFT
    assert len(receiver.stats.references) == 1, "only the honest keyframe became a reference"
    assert receiver.stats.counts["malformed"] >= 8
    states = [row.state for row in receiver.stats.pictures]
    assert states[0] == "WAITING" and "FRESH" in states


async def test_a_sender_that_speaks_garbage_is_hung_up_on_and_the_film_is_whole(tmp_path: Path) -> None:
    film = tmp_path / "a.mp4"
    async with webrtc_pair() as (a, b), receiving(b, film) as receiver:
        remote = Remote(a)
        running = asyncio.gather(receiver.run(), remote.talk(60_000))
        await asyncio.sleep(1.0)
        async with asyncio.timeout(LONGEST_CALL_S):
            await flood(a)
            end, _ = await running
        await remote.leave()
    assert end.reason is EndReason.PEER_REFUSED
    assert receiver.stats.counts["malformed"] > CALL_MALFORMED_MAX
    assert len(pictures_of(film)) >= 15, "what was shown before is kept"


@pytest.mark.model
async def test_a_receiver_that_speaks_garbage_is_hung_up_on(networks: Networks) -> None:
    async with webrtc_pair() as (a, b):
        sender = SenderSession(SenderConfig(), open_source(str(SAMPLE)), a, networks.pipeline(), MODEL)
        running = asyncio.ensure_future(sender.run())
        await asyncio.sleep(0.5)
        async with asyncio.timeout(LONGEST_CALL_S):
            await flood(b)
            end = await running
    assert end.reason is SenderEndReason.PEER_REFUSED
    assert sender.stats.counts["malformed"] > CALL_MALFORMED_MAX


@pytest.mark.model
async def test_a_sender_survives_truncated_oversized_and_lying_messages(
    tmp_path: Path, networks: Networks
) -> None:
    clip = write_clip(tmp_path / "a.mp4", faces(40), steadily(40))
    async with webrtc_pair() as (a, b):
        peer = Peer(b)
        short = list(truncated_messages())[: CALL_MALFORMED_MAX // 2]
        for data in (*short, *map(bytes, lying_keyframes())):
            await send_bytes(b, data, Channel.CTL)
        send_oversized(b)
        sender = SenderSession(SenderConfig(), open_source(str(clip)), a, networks.pipeline(), MODEL)
        async with asyncio.timeout(LONGEST_CALL_S):
            end = await sender.run()
        await peer.leave()
        assert a.stats.dropped_oversized == 2
    assert end.reason is SenderEndReason.SOURCE_ENDED
    assert sender.stats.counts["malformed"] >= len(short) and peer.of(MotionReceived)


class NoNumbers:
    """A network that fails the way networks do: with NaN."""

    def run(self, names: list[str], feeds: dict[str, NDArray[np.float32]]) -> list[NDArray[np.float32]]:
        return [np.full((1, 8, 2), np.nan, np.float32), np.full((1, 8), np.nan, np.float32)]


@pytest.mark.model
async def test_keypoints_that_are_no_numbers_never_leave_the_sender(
    tmp_path: Path, networks: Networks
) -> None:
    film = tmp_path / "a.mp4"
    coder = MotionEncoder()
    pipeline = replace(networks, coder=coder).pipeline()
    async with webrtc_pair() as (a, b), receiving(b, film) as receiver:
        sender = SenderSession(SenderConfig(), open_source(str(SAMPLE)), a, pipeline, MODEL)
        running = asyncio.ensure_future(receiver.run())
        asyncio.get_running_loop().call_later(1.2, setattr, coder, "_session", NoNumbers())
        async with asyncio.timeout(LONGEST_CALL_S):
            with pytest.raises(UserError, match="NaN"):
                await sender.run()
            end = await running
    assert end.reason is EndReason.PEER_LEFT
    assert receiver.stats.counts["malformed"] == receiver.stats.counts["render_failed"] == 0
    assert len(pictures_of(film)) >= 10


async def flood(transport: WebRtcTransport) -> None:
    """Garbage until the other end hangs up."""
    try:
        while True:
            for data in garbage(20):
                await send_bytes(transport, data)
            await asyncio.sleep(0.02)
    except TransportClosed:
        return
