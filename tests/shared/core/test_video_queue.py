"""shared.core.video_queue and the encoder around it: small pictures ride along, large ones are paced, none overtakes."""

from dataclasses import replace

from shared.core.decoder import Decoder
from shared.core.encoder import Encoder, EncoderConfig
from shared.core.events import VideoReceived
from shared.core.video_queue import IN_BUNDLE_MAX_BYTES, VideoQueue
from shared.frames import VideoKind, VideoUnit, VoicePacket
from shared.limits import (
    BUNDLE_MAX_VIDEO_UNITS,
    BUNDLE_STALE_MS,
    MESSAGE_MAX_BYTES,
    VIDEO_INTRA_REST_MS,
    VIDEO_QUEUE_UNITS,
)
from shared.wire import Ack, Bundle, VideoPart, parse


def unit(
    media_ms: int, size_bytes: int = 60, intra: bool = False, kind: VideoKind = VideoKind.THUMBNAIL
) -> VideoUnit:
    return VideoUnit(
        kind, media_ms // 40 % 256, media_ms, intra, 128, bytes([media_ms // 40 % 255 + 1]) * size_bytes
    )


def messages(encoder: Encoder, now_ms: int) -> list[Bundle | VideoPart]:
    parsed = [parse(outgoing.data) for outgoing in encoder.poll(now_ms * 1000)]
    return [message for message in parsed if isinstance(message, Bundle | VideoPart)]


def test_a_thumbnail_travels_with_the_voice() -> None:
    encoder = Encoder(EncoderConfig())
    encoder.push_video(unit(0, intra=True))
    encoder.push_voice(VoicePacket(0, 80, b"voice"))
    (bundle,) = messages(encoder, 80)
    assert isinstance(bundle, Bundle)
    assert bundle.video == (unit(0, intra=True),) and bundle.voice
    assert encoder.stats.thumbnail_bytes == 65


def test_pictures_that_nothing_takes_along_leave_after_a_while() -> None:
    encoder = Encoder(EncoderConfig())
    encoder.push_video(unit(0, intra=True))
    assert messages(encoder, 0) == []
    assert encoder.next_poll_us(0) == 100_000
    (bundle,) = messages(encoder, 100)
    assert bundle == Bundle(0, video=(unit(0, intra=True),))


def test_a_large_picture_leaves_at_once_in_paced_parts_and_nothing_overtakes_it() -> None:
    encoder, decoder, seen = Encoder(EncoderConfig()), Decoder(), []
    encoder.follow(80, None, pace_kbps=100)
    encoder.push_video(unit(0, 3000, intra=True, kind=VideoKind.VIDEO))
    encoder.push_video(unit(40, 100, kind=VideoKind.VIDEO))
    for now_ms in range(0, 800, 10):
        if now_ms % 80 == 0:
            encoder.push_voice(VoicePacket(now_ms, 80, b"voice"))
        sent = encoder.poll(now_ms * 1000)
        assert sum(len(item.data) > 600 for item in sent) <= 1
        for item in sent:
            seen += [
                (now_ms, event.unit.media_ms)
                for event in decoder.receive(item.data, now_ms * 1000)
                if isinstance(event, VideoReceived)
            ]
    assert [media_ms for _, media_ms in seen] == [0, 40]
    assert 170 <= seen[0][0] <= 200, "three parts at 100 kbit/s"
    assert encoder.stats.video_bytes == 3000 + 3 * 9 + 105


def test_what_a_bundle_has_no_room_for_follows_it() -> None:
    encoder = Encoder(EncoderConfig())
    size_bytes = IN_BUNDLE_MAX_BYTES
    for index in range(3):
        encoder.push_video(unit(40 * index, size_bytes, intra=index == 0))
    encoder.push_voice(VoicePacket(0, 80, bytes(100)))
    first, *rest = messages(encoder, 80)
    assert isinstance(first, Bundle) and len(first.video) == 1
    assert len(bytes(first)) <= MESSAGE_MAX_BYTES
    later = [message for now_ms in range(90, 400, 10) for message in messages(encoder, now_ms)]
    assert [part.unit_id for part in [*rest, *later] if isinstance(part, VideoPart)] == [1, 2]


def test_a_bundle_takes_so_many_pictures_and_no_more() -> None:
    queue = VideoQueue()
    for index in range(BUNDLE_MAX_VIDEO_UNITS):
        queue.push(unit(40 * index, 3))
    assert len(queue.take_small(0, 1000, 0)) == BUNDLE_MAX_VIDEO_UNITS == VIDEO_QUEUE_UNITS


def test_one_too_many_costs_the_oldest_and_all_that_rest_on_it() -> None:
    queue = VideoQueue()
    for index in range(VIDEO_QUEUE_UNITS):
        queue.push(unit(40 * index, 3, intra=index == 0))
    assert not queue.take_wish(VideoKind.THUMBNAIL)
    queue.push(unit(40 * VIDEO_QUEUE_UNITS, 3))
    assert queue.dropped == VIDEO_QUEUE_UNITS + 1
    assert queue.take_wish(VideoKind.THUMBNAIL)
    queue.push(unit(1000, 3))
    assert queue.take_small(1000, 1000, 0) == ()
    queue.push(unit(1040, 3, intra=True))
    assert [taken.media_ms for taken in queue.take_small(1000, 1000, 0)] == [1040]
    assert not queue.take_wish(VideoKind.THUMBNAIL)


def test_stale_pictures_are_dropped_and_those_of_the_other_kind_are_not_harmed() -> None:
    queue = VideoQueue()
    queue.push(unit(0, 3, intra=True))
    queue.push(unit(200, 3, intra=True, kind=VideoKind.VIDEO))
    queue.push(unit(BUNDLE_STALE_MS, 3))
    assert queue.dropped == 0
    queue.push(unit(BUNDLE_STALE_MS + 1, 3))
    assert queue.dropped == 3
    assert [taken.kind for taken in queue.take_small(200, 1000, 0)] == [VideoKind.VIDEO]


def test_a_wish_is_passed_on_once_and_not_while_one_is_on_its_way() -> None:
    encoder = Encoder(EncoderConfig())
    wish = Ack(wants_intra=(VideoKind.THUMBNAIL,))
    encoder.receive_ack(wish, 0)
    assert not encoder.take_intra_wish(VideoKind.VIDEO)
    assert encoder.take_intra_wish(VideoKind.THUMBNAIL)
    assert not encoder.take_intra_wish(VideoKind.THUMBNAIL)
    encoder.push_video(unit(0, intra=True))
    encoder.receive_ack(wish, 1000)
    assert not encoder.take_intra_wish(VideoKind.THUMBNAIL), "one waits"
    messages(encoder, 0)
    messages(encoder, 100)
    encoder.receive_ack(wish, (100 + VIDEO_INTRA_REST_MS) * 1000 - 1)
    assert not encoder.take_intra_wish(VideoKind.THUMBNAIL), "one was just sent"
    encoder.receive_ack(wish, (100 + VIDEO_INTRA_REST_MS) * 1000)
    assert encoder.take_intra_wish(VideoKind.THUMBNAIL)


def test_a_receiver_that_asks_gets_a_picture_that_stands_alone() -> None:
    encoder, decoder = Encoder(EncoderConfig()), Decoder()
    decoder.want_intra(VideoKind.THUMBNAIL)
    for outgoing in decoder.poll(0):
        ack = parse(outgoing.data)
        assert isinstance(ack, Ack) and ack.wants_intra == (VideoKind.THUMBNAIL,)
        encoder.receive_ack(ack, 0)
    encoder.push_video(replace(unit(0), intra=encoder.take_intra_wish(VideoKind.THUMBNAIL)))
    encoder.push_voice(VoicePacket(0, 80, b"x"))
    for outgoing in encoder.poll(80_000):
        decoder.receive(outgoing.data, 100_000)
    (answer,) = decoder.poll(600_000)
    parsed = parse(answer.data)
    assert isinstance(parsed, Ack) and parsed.wants_intra == ()
    assert decoder.stats.video_units == 1
