"""receiver.voice_playout."""

import numpy as np
import pytest
from numpy.typing import NDArray

from receiver.voice_playout import VoicePlayer
from shared.core.due import VoiceDue
from shared.frames import VoicePacket
from shared.limits import VOICE_CONCEAL_MS, VOICE_FADE_MS
from shared.opus import OpusEncoder

FRAME_MS = 20


def packets(count: int) -> list[VoicePacket]:
    encoder = OpusEncoder(16_000, FRAME_MS, dtx=False)
    t = np.arange(count * FRAME_MS * 48) / 48_000
    vowel = sum(np.sin(2 * np.pi * 150 * k * t) / k for k in range(1, 10)) * 6000
    blocks = vowel.astype(np.int16).reshape(count, -1)
    return [VoicePacket(i * FRAME_MS, FRAME_MS, encoder.encode(block)) for i, block in enumerate(blocks)]


def lost(media_ms: int, duration_ms: int = FRAME_MS) -> VoiceDue:
    return VoiceDue(media_ms, 0, duration_ms, None)


def energy(pcm: NDArray[np.int16]) -> float:
    return float(np.sqrt(np.mean(pcm.astype(np.float64) ** 2)))


@pytest.fixture
def player() -> VoicePlayer:
    """One that has just played 400 ms of a vowel."""
    player = VoicePlayer()
    speak(player)
    return player


def speak(player: VoicePlayer) -> NDArray[np.int16]:
    """400 ms of a vowel; returns the last piece of it."""
    return [player.play(VoiceDue(p.media_ms, 0, FRAME_MS, p)).pcm for p in packets(20)][-1]


def test_a_lost_packet_is_concealed_with_sound_of_about_the_same_level() -> None:
    player = VoicePlayer()
    spoken = energy(speak(player))
    played = player.play(lost(400))
    assert played.concealed and len(played.pcm) == 960
    assert 0.3 * spoken < energy(played.pcm) < 1.5 * spoken


def test_concealment_fades_to_silence_at_its_limit(player: VoicePlayer) -> None:
    pieces = [player.play(lost(400 + i * FRAME_MS)).pcm for i in range(20)]
    audible = (VOICE_CONCEAL_MS + VOICE_FADE_MS) // FRAME_MS
    assert energy(pieces[0]) > 100
    assert not any(piece.any() for piece in pieces[audible:]), "past the limit there is nothing"
    packet = packets(40)[39]
    assert not player.play(VoiceDue(800, 0, FRAME_MS, packet)).concealed


def test_a_broken_packet_is_concealed_and_counted(player: VoicePlayer) -> None:
    for data in (b"", b"\xff" * 50, b"\x03"):
        played = player.play(VoiceDue(400, 0, FRAME_MS, VoicePacket(400, FRAME_MS, data)))
        assert played.concealed and len(played.pcm) == FRAME_MS * 48
    assert player.broken_packets == 3


def test_a_packet_of_another_length_than_it_claims_keeps_the_clock(player: VoicePlayer) -> None:
    data = packets(1)[0].data
    for claimed_ms in (40, 20):
        due = VoiceDue(400, 0, claimed_ms, VoicePacket(400, claimed_ms, data))
        assert len(player.play(due).pcm) == claimed_ms * 48


def test_stretched_sound_has_its_length_and_says_so(player: VoicePlayer) -> None:
    played = player.play(VoiceDue(400, 0, 10, None, stretch=True))
    assert played.stretch and played.concealed and len(played.pcm) == 480
