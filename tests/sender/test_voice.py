"""sender.voice: packets of one length on the media clock, whatever blocks come in."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from sender.voice import GAP_MAX_MS, VoiceEncoder
from shared.frames import VoicePacket
from shared.opus import FRAME_DURATIONS_MS, OpusDecoder, OpusEncoder, is_silence, packet_duration_ms


def block(duration_ms: int, level: int = 6000) -> NDArray[np.int16]:
    times_s = np.arange(duration_ms * 48) / 48_000
    return np.asarray(level * np.sin(2 * np.pi * 300 * times_s)).astype(np.int16)


def voice(frame_ms: int = 60) -> VoiceEncoder:
    return VoiceEncoder(OpusEncoder(12_000, frame_ms))


@pytest.mark.parametrize("frame_ms", FRAME_DURATIONS_MS)
def test_blocks_become_packets_that_follow_each_other(frame_ms: int) -> None:
    encoder = voice(frame_ms)
    packets = [packet for k in range(60) for packet in encoder.push(1000 + 20 * k, block(20))]
    assert [packet.media_ms for packet in packets] == [1000 + frame_ms * k for k in range(1200 // frame_ms)]
    assert {packet.duration_ms for packet in packets} == {frame_ms}
    assert {packet_duration_ms(packet.data) for packet in packets} == {frame_ms}
    encoder.close()


@given(st.lists(st.integers(1, 130), min_size=1, max_size=30))
def test_no_block_length_makes_the_clock_drift(durations_ms: list[int]) -> None:
    encoder, packets, now_ms = voice(), [], 0
    for duration_ms in durations_ms:
        packets += encoder.push(now_ms, block(duration_ms))
        now_ms += duration_ms
    packets += encoder.flush()
    assert [packet.media_ms for packet in packets] == [60 * k for k in range(-(-now_ms // 60))]
    encoder.close()


def test_a_short_gap_is_filled_with_silence() -> None:
    encoder = voice()
    packets = encoder.push(0, block(60)) + encoder.push(120, block(60))
    assert [packet.media_ms for packet in packets] == [0, 60, 120]
    encoder.close()


def test_a_long_gap_and_a_step_back_start_a_new_count() -> None:
    encoder = voice()
    packets = (
        encoder.push(0, block(80))
        + encoder.push(80 + GAP_MAX_MS + 1, block(60))
        + encoder.push(100, block(60))
    )
    assert [packet.media_ms for packet in packets] == [0, 80 + GAP_MAX_MS + 1, 100]
    encoder.close()


def test_another_packet_length_begins_where_the_last_packet_ended() -> None:
    encoder = voice(80)
    packets = encoder.push(0, block(100))
    encoder.set_frame_ms(100)
    packets += encoder.push(100, block(190))
    assert [(packet.media_ms, packet.duration_ms) for packet in packets] == [(0, 80), (80, 100), (180, 100)]
    encoder.close()


def test_flushing_completes_the_last_packet_once() -> None:
    encoder = voice()
    assert encoder.push(0, block(20)) == []
    assert [packet.media_ms for packet in encoder.flush()] == [0]
    assert encoder.flush() == []
    encoder.close()


def test_silence_costs_next_to_nothing_and_keeps_the_time() -> None:
    encoder = voice()
    packets: list[VoicePacket] = []
    for k in range(150):
        packets += encoder.push(20 * k, block(20, level=0))
    assert sum(is_silence(packet.data) for packet in packets) > 0.6 * len(packets)
    assert [packet.media_ms for packet in packets] == list(range(0, 3000, 60))
    with OpusDecoder() as decoder:
        assert all(len(decoder.decode(packet.data)) == 2880 for packet in packets)
    encoder.close()
