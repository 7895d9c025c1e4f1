"""What no call would bring: random media for a playout, random messages for a decoder, both written down.

Invariant: every answer is Python's, to any order of events; nothing here says what is right.
"""

import random
from typing import Any
from zlib import crc32

from shared.core.keyframe_sender import split
from shared.errors import RemoteError
from shared.frames import MotionFrame, VideoKind, VideoUnit, VoicePacket
from shared.keyframe_blob import pack_keyframe
from shared.wire import Ack, Bundle, KeyframePart, MotionSection, VideoPart
from tests.shared.harness import keyframe, motion_walk
from tests.web.described import plain
from tests.web.taped_call import TapedDecoder, TapedPlayout

STEPS = 120
BLOBS = [pack_keyframe(keyframe(number, image_bytes=1200 * (1 + number % 3))) for number in range(6)]


def wild_playout(seed: int) -> dict[str, Any]:
    """Voice and poses with jumps of the media clock, silence, lateness, repeats, and a poll only now and then."""
    rng, playout = random.Random(seed), TapedPlayout()
    walk = motion_walk(STEPS, seed)
    media_ms, now_us, keyframe_id = rng.randrange(2000), rng.randrange(10**9), 0
    for step in range(STEPS):
        now_us += 1000 * rng.choice((0, 5, 20, 40, 40, 40, 80, 80, rng.choice((300, 1200, 12_000))))
        now_us += rng.randrange(1000) * (seed % 2)
        media_ms = max(0, media_ms + rng.choice((20, 40, 40, 40, 60, 80, 80, rng.choice((-4000, 500, 5000)))))
        if rng.random() < 0.1:
            keyframe_id = rng.randrange(6)
        if rng.random() < 0.15:
            playout.push_still(media_ms, now_us)
            playout.add_keyframe(rng.choice((keyframe_id, rng.randrange(6))))
        if rng.random() < 0.8:
            start_ms = max(0, media_ms + rng.choice((0, 0, 0, 7, 10, 15, -30, -200)))
            size = rng.choice((1, 8, 9, 60)) if seed % 3 else 4
            playout.push_voice(VoicePacket(start_ms, rng.choice((20, 40, 80)), bytes(size)), now_us)
        if rng.random() < 0.8:
            pose_ms = max(0, media_ms + rng.choice((0, 0, 0, 20, 40, -40, -80, -400)))
            playout.push_motion(MotionFrame(pose_ms, keyframe_id, walk[step]), now_us)
        if rng.random() < 0.1:
            playout.push_video(media_ms, now_us)
        if rng.random() < 0.05:
            playout.expect_motion(rng.random() < 0.5)
        if rng.random() < 0.9:
            playout.picture_at(now_us)
            while playout.voice_at(now_us) is not None:
                pass
    counted = {"late": playout.late, "skipped_pictures": playout.skipped_pictures}
    return {"playout": playout.tape, "counted": counted}


def wild_decoder(seed: int) -> dict[str, Any]:
    """Bundles out of order, on unknown bases and far apart, parts of many keyframes at once, requests."""
    rng, decoder = random.Random(seed), TapedDecoder(seed)
    seq, media_ms, now_us = rng.randrange(65_536), rng.randrange(1 << 24), rng.randrange(10**9)
    for _ in range(STEPS):
        now_us += 1000 * rng.choice((0, 8, 24, 40, 80, 80, 160, 400))
        seq = (seq + rng.choice((1, 1, 1, 1, 2, 5, -3, -62, -63, -64, -65, 63, 64, 65, 200))) % 65_536
        media_ms = (media_ms + rng.choice((80, 80, 80, 80, 40, 0, -120, 9000))) % (1 << 24)
        message = _message(rng, seq, media_ms)
        try:
            decoder.receive(message, now_us)
        except RemoteError as error:
            decoder.tape.append(["receive", [message.hex(), now_us], type(error).__name__])
        _ask(rng, decoder)
        if rng.random() < 0.7:
            decoder.poll(now_us)
    return {"decoder": decoder.tape, "stats": plain(decoder.stats)}


def _message(rng: random.Random, seq: int, media_ms: int) -> bytes:
    """A bundle, or now and then a part of a keyframe, perhaps one that contradicts the others."""
    number = rng.randrange(len(BLOBS))
    if rng.random() < 0.25:
        return _video_part(rng, media_ms // 400 * 400)
    if rng.random() < 0.35:
        part = rng.choice(split(number, BLOBS[number]))
        return bytes(part) if rng.random() < 0.9 else _forged(part)
    voice = (VoicePacket(media_ms, 80, rng.randbytes(5)),) if rng.random() < 0.6 else ()
    base_ms = rng.choice((0, 0, 40, 80, 120, 400))
    sections = [
        MotionSection(None if base_ms else number // 3, media_ms, 40, rng.randint(1, 3), base_ms, b"")
    ]
    if rng.random() < 0.3:
        sections.append(MotionSection(None, (media_ms + 120) % (1 << 24), 40, 1, 40, b""))
    ack = Ack(keyframes_held=(number,)) if rng.random() < 0.1 else None
    pictures = _pictures(rng, media_ms) if rng.random() < 0.3 else ()
    return bytes(Bundle(seq, voice, tuple(sections), ack, pictures))


def _pictures(rng: random.Random, media_ms: int) -> tuple[VideoUnit, ...]:
    return tuple(
        VideoUnit(
            rng.choice(list(VideoKind)),
            rng.randrange(256),
            (media_ms + rng.choice((0, 40, -40, 400))) % (1 << 24),
            rng.random() < 0.3,
            rng.choice((64, 128, 256)),
            rng.randbytes(rng.randint(1, 90)),
        )
        for _ in range(rng.randint(1, 3))
    )


def _video_part(rng: random.Random, media_ms: int) -> bytes:
    """A part of one of a few pictures of two to three parts; one in ten of them contradicts the others."""
    which = rng.randrange(8)
    count = 2 + which % 2
    index = rng.randrange(count)
    kind, intra = VideoKind(which % 2), which % 3 == 0
    at_ms = (media_ms + 40 * (which % 4) - rng.choice((0, 0, 0, 9000))) % (1 << 24)
    total = 10 * count + (rng.random() < 0.1)
    return bytes(VideoPart(kind, which, at_ms, intra, 256, index, count, total, bytes([which]) * 10))


def _forged(part: KeyframePart) -> bytes:
    claims = (part.keyframe_id, 0, 1, len(part.payload), crc32(part.payload), part.payload)
    return bytes(KeyframePart(*claims))


def _ask(rng: random.Random, decoder: TapedDecoder) -> None:
    if rng.random() < 0.03:
        decoder.want_keyframe()
        decoder.tape.append(["want_keyframe", [], None])
    if rng.random() < 0.05:
        kind = rng.choice(list(VideoKind))
        decoder.want_intra(kind)
        decoder.tape.append(["want_intra", [int(kind)], None])
    if rng.random() < 0.05:
        keyframe_id = rng.randrange(6)
        decoder.refuse_keyframe(keyframe_id)
        decoder.tape.append(["refuse_keyframe", [keyframe_id], None])
