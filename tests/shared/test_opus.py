"""shared.opus: durations without the library, round trip, silence, concealment, and hostile packets."""

import gc
import weakref
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from shared import opus
from shared.errors import MalformedMessage, UserError
from shared.limits import OPUS_BITRATE_MAX_BPS, OPUS_BITRATE_MIN_BPS, VOICE_PACKET_MAX_BYTES


def buzz(seconds: float, level: float = 8000) -> NDArray[np.int16]:
    time_s = np.arange(int(seconds * 48_000)) / 48_000
    wave = sum(np.sin(2 * np.pi * 160 * k * time_s) / k for k in range(1, 8))
    return np.asarray(level * wave / 2).astype(np.int16)


def encode_all(encoder: opus.OpusEncoder, pcm: NDArray[np.int16]) -> list[bytes]:
    size = encoder.frame_samples
    return [encoder.encode(pcm[start : start + size]) for start in range(0, len(pcm) - size + 1, size)]


def energy_db(pcm: NDArray[np.int16]) -> float:
    return float(10 * np.log10(np.mean(pcm.astype(np.float64) ** 2) + 1e-9))


@pytest.mark.parametrize("frame_ms", opus.FRAME_DURATIONS_MS)
def test_sound_survives_with_its_length_and_its_energy(frame_ms: int) -> None:
    pcm = buzz(1.2)
    with opus.OpusEncoder(12_000, frame_ms) as encoder, opus.OpusDecoder() as decoder:
        packets = encode_all(encoder, pcm)
        heard = np.concatenate([decoder.decode(packet) for packet in packets])
    assert {opus.packet_duration_ms(packet) for packet in packets} == {frame_ms}
    assert len(heard) == len(packets) * frame_ms * 48
    assert abs(energy_db(heard[9600:]) - energy_db(pcm[9600:])) < 2


@pytest.mark.parametrize("bitrate_bps", [OPUS_BITRATE_MIN_BPS, 12_000, OPUS_BITRATE_MAX_BPS])
def test_the_rate_is_kept_and_no_packet_is_larger_than_the_limit(bitrate_bps: int) -> None:
    noise = np.random.default_rng(3).normal(0, 9000, 48_000 * 3).clip(-32768, 32767).astype(np.int16)
    with opus.OpusEncoder(bitrate_bps, 120) as encoder:
        packets = encode_all(encoder, noise)
    assert max(map(len, packets)) <= VOICE_PACKET_MAX_BYTES
    assert sum(map(len, packets)) * 8 / 3 < bitrate_bps * 1.25


def test_a_lower_bitrate_takes_effect_within_the_stream() -> None:
    with opus.OpusEncoder(24_000, 20) as encoder:
        rich = encode_all(encoder, buzz(1))
        encoder.set_bitrate(6_000)
        encoder.set_packet_loss(10)
        poor = encode_all(encoder, buzz(1))
    assert sum(map(len, poor[10:])) < 0.6 * sum(map(len, rich[10:]))


def test_other_packet_lengths_are_not_heard_as_clicks() -> None:
    pcm, size, heard = buzz(3), 0, []
    with opus.OpusEncoder(6_000, 80) as encoder, opus.OpusDecoder() as decoder:
        for frame_ms in (80, 100, 80, 120, 80, 100):
            encoder.set_frame_ms(frame_ms)
            for _ in range(480 // frame_ms):
                packet = encoder.encode(pcm[size : size + encoder.frame_samples])
                assert opus.packet_duration_ms(packet) == frame_ms
                heard.append(decoder.decode(packet))
                size += encoder.frame_samples
    steepest = np.abs(np.diff(pcm.astype(int))).max()
    assert np.abs(np.diff(np.concatenate(heard).astype(int))).max() < 1.25 * steepest
    with opus.OpusEncoder(6_000, 80) as encoder, pytest.raises(UserError, match="choose one"):
        encoder.set_frame_ms(30)


@pytest.mark.parametrize("frame_ms", opus.FRAME_DURATIONS_MS)
def test_silence_becomes_packets_without_sound_only_with_dtx(frame_ms: int) -> None:
    pcm = np.concatenate([buzz(0.96), np.zeros(48_000 * 2, np.int16)])
    silent = {}
    for dtx in (True, False):
        with opus.OpusEncoder(6_000, frame_ms, dtx=dtx) as encoder:
            silent[dtx] = sum(map(opus.is_silence, encode_all(encoder, pcm)))
    assert silent[False] == 0
    assert silent[True] > 0.5 * 2000 / frame_ms


def test_a_silent_packet_decodes_to_its_full_length() -> None:
    with opus.OpusEncoder(6_000, 60) as encoder, opus.OpusDecoder() as decoder:
        packets = encode_all(encoder, np.zeros(48_000 * 2, np.int16))
        assert any(map(opus.is_silence, packets))
        assert [len(decoder.decode(packet)) for packet in packets] == [2880] * len(packets)


def test_concealment_goes_on_with_the_voice_and_then_fades() -> None:
    with opus.OpusEncoder(16_000, 20) as encoder, opus.OpusDecoder() as decoder:
        heard = np.concatenate([decoder.decode(packet) for packet in encode_all(encoder, buzz(0.6))])
        first = decoder.conceal(20)
        later = [decoder.conceal(120) for _ in range(8)][-1]
    assert len(first) == 960 and len(later) == 5760
    assert energy_db(first) > energy_db(heard[-960:]) - 10
    assert energy_db(later) < energy_db(first) - 15


def test_concealment_before_any_packet_is_silence() -> None:
    with opus.OpusDecoder() as decoder:
        assert not decoder.conceal(60).any()


@pytest.mark.parametrize("duration_ms", [0, 4, 7, 121, 125, -20])
def test_concealment_has_bounds(duration_ms: int) -> None:
    with opus.OpusDecoder() as decoder, pytest.raises(UserError, match="steps of 5"):
        decoder.conceal(duration_ms)


@pytest.mark.parametrize(
    ("packet", "duration_ms"),
    [
        (b"\x08", 20),  # SILK narrow band, one frame of 20 ms
        (b"\x18", 60),  # one frame of 60 ms
        (b"\x19\x00", 120),  # two of 60 ms
        (b"\x6b\x06", 120),  # hybrid 20 ms, code 3 with six frames
        (b"\xfb\x02", 40),  # CELT 20 ms, code 3 with two frames
        (b"\xf3\x02", 20),  # CELT 10 ms, two frames
        (b"\xe3\x08", 20),  # CELT 2.5 ms, eight frames
    ],
)
def test_duration_is_read_from_the_first_bytes(packet: bytes, duration_ms: int) -> None:
    assert opus.packet_duration_ms(packet) == duration_ms


@pytest.mark.parametrize(
    "packet",
    [
        b"",
        b"\x1b",  # code 3 without its count
        b"\x1b\x00",  # no frames
        b"\x1b\x03",  # three of 60 ms: past 120 ms
        b"\xfb\x3f",  # 63 of 20 ms
        b"\xe0",  # one of 2.5 ms: not among the protocol's durations
        b"\x00",  # 10 ms
    ],
)
def test_other_durations_are_malformed(packet: bytes) -> None:
    with pytest.raises(MalformedMessage):
        opus.packet_duration_ms(packet)
    with opus.OpusDecoder() as decoder, pytest.raises(MalformedMessage):
        decoder.decode(packet)


@given(st.binary(max_size=VOICE_PACKET_MAX_BYTES + 2))
def test_any_bytes_give_bounded_sound_or_malformed(packet: bytes) -> None:
    with opus.OpusDecoder() as decoder:
        try:
            pcm = decoder.decode(packet)
        except MalformedMessage:
            return
    assert pcm.dtype == np.int16
    assert len(pcm) == opus.packet_duration_ms(packet) * 48 <= 5760


def test_garbage_between_packets_does_not_stop_the_decoder() -> None:
    rng = np.random.default_rng(5)
    with opus.OpusEncoder(12_000, 60) as encoder, opus.OpusDecoder() as decoder:
        for packet in encode_all(encoder, buzz(1.2)):
            garbage = bytes(rng.integers(0, 256, 30, dtype=np.uint8))
            with suppress(MalformedMessage):
                decoder.decode(garbage)
            heard = decoder.decode(packet)
    assert energy_db(heard) > 60


def test_packet_size_at_the_limit_and_one_past() -> None:
    with opus.OpusDecoder() as decoder:
        assert len(decoder.decode(b"\x18" + bytes(VOICE_PACKET_MAX_BYTES - 1))) == 2880
        with pytest.raises(MalformedMessage, match="at most"):
            decoder.decode(b"\x18" + bytes(VOICE_PACKET_MAX_BYTES))


@pytest.mark.parametrize("bitrate_bps", [OPUS_BITRATE_MIN_BPS - 1, OPUS_BITRATE_MAX_BPS + 1])
def test_bitrate_has_limits(bitrate_bps: int) -> None:
    with pytest.raises(UserError, match="6000 to 24000"):
        opus.OpusEncoder(bitrate_bps, 60)
    with opus.OpusEncoder(12_000, 60) as encoder, pytest.raises(UserError, match="6000 to 24000"):
        encoder.set_bitrate(bitrate_bps)


def test_wrong_settings_and_arrays_are_refused() -> None:
    with pytest.raises(UserError, match="choose one"):
        opus.OpusEncoder(12_000, 30)
    with pytest.raises(UserError, match="complexity"):
        opus.OpusEncoder(12_000, 60, complexity=11)
    with opus.OpusEncoder(12_000, 60) as encoder:
        with pytest.raises(UserError, match="Packet loss"):
            encoder.set_packet_loss(101)
        for pcm in (np.zeros(960, np.int16), np.zeros(2880, np.float32), np.zeros((2880, 1), np.int16)):
            with pytest.raises(UserError, match="Opus needs"):
                encoder.encode(pcm)  # type: ignore[arg-type]


def test_closing_twice_is_fine_and_use_after_it_is_said() -> None:
    encoder, decoder = opus.OpusEncoder(12_000, 20), opus.OpusDecoder()
    for codec in (encoder, decoder, encoder, decoder):
        codec.close()
    with pytest.raises(UserError, match="closed"):
        encoder.encode(np.zeros(960, np.int16))
    with pytest.raises(UserError, match="closed"):
        decoder.conceal(20)


def test_a_forgotten_codec_is_freed_with_its_object() -> None:
    decoder = opus.OpusDecoder()
    release, object_gone = decoder._release, weakref.ref(decoder)
    assert release.alive
    del decoder
    gc.collect()
    assert object_gone() is None and not release.alive


def test_a_missing_library_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opus, "_bundled_library", lambda: None)
    monkeypatch.setattr("ctypes.util.find_library", lambda name: None)
    opus._library.cache_clear()
    try:
        with pytest.raises(UserError, match="pip install"):
            opus.OpusDecoder()
    finally:
        opus._library.cache_clear()
