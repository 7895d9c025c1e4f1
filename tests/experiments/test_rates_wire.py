"""What arms take on the wire: ours through the shipped state machines, the rivals' by hand."""

import pytest

from experiments.rates.ordinary_call import ordinary_wire, payload_kbps
from experiments.rates.virtual_call import our_wire
from models.evaluation.offline_call import Coded
from shared.errors import UserError
from shared.frames import VoicePacket
from shared.keyframe_blob import pack_keyframe
from tests.shared.harness import frame_at, keyframe, motion_walk

SECONDS = 4.0
MESSAGE_BYTES = 85


def coded(voice_bytes: int = 60, frames: bool = True) -> Coded:
    walk = motion_walk(200)
    motion = tuple(frame_at(i, walk, 0) for i in range(100)) if frames else ()
    voice = tuple(VoicePacket(80 * i, 80, bytes(voice_bytes)) for i in range(50)) if voice_bytes else ()
    return Coded("motion", (keyframe(0),), 0, motion, 0, voice, (), SECONDS)


def test_a_voice_call_costs_its_messages_and_their_headers() -> None:
    wire = our_wire(coded(frames=False))
    bundles_bytes = 50 * (60 + MESSAGE_BYTES) + len(pack_keyframe(keyframe(0)))
    assert 1.0 < wire.forward_kbps * SECONDS * 125 / bundles_bytes < 1.15
    assert 0 < wire.back_kbps < 6


def test_more_voice_costs_what_it_weighs() -> None:
    more = our_wire(coded(100)).forward_kbps - our_wire(coded(60)).forward_kbps
    assert more == pytest.approx(40 * 50 * 8 / 1000 / SECONDS, rel=0.05)


def test_longer_bundles_cost_fewer_headers() -> None:
    assert our_wire(coded(), 160).forward_kbps < our_wire(coded(), 80).forward_kbps - 2


def test_the_same_clip_costs_the_same() -> None:
    assert our_wire(coded()) == our_wire(coded())


def test_a_bundle_interval_that_no_call_has_is_refused() -> None:
    with pytest.raises(UserError, match="Bundles"):
        our_wire(coded(), 300)


def test_an_ordinary_call_by_hand() -> None:
    wire = ordinary_wire([1000, 2300], [60] * 10, 1.0)
    packets = 1 + 3 + 10
    forward_bytes = 3300 + 600 + packets * 64 + 4 * 4 + 2 * 76 + 42
    back_bytes = packets + 2 * 80 + 4 * 72 + 42
    assert (wire.forward_kbps, wire.back_kbps) == pytest.approx((forward_bytes / 125, back_bytes / 125))
    assert wire.kbps == pytest.approx((forward_bytes + back_bytes) / 125)


def test_payload_counts_pictures_only() -> None:
    assert payload_kbps([125] * 25, 1.0) == 25.0
    assert ordinary_wire([125] * 25, [], 1.0).kbps > 25.0 + 25 * 68 * 8 / 1000


@pytest.mark.parametrize("seconds", [0.0, -1.0])
def test_a_clip_without_length_has_no_rate(seconds: float) -> None:
    with pytest.raises(ValueError, match="longer"):
        payload_kbps([1], seconds)
    with pytest.raises(ValueError, match="longer"):
        ordinary_wire([1], [], seconds)
