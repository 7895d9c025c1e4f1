"""Odd people and odd files in front of the sender: what the receiver shows, records and says at the other end."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from receiver.disclosure import mark, waiting_picture
from receiver.session import EndReason
from sender.session import EndReason as SenderEndReason
from shared.limits import PICTURE_SIZE_PX
from tests.e2e.calls import Call, Networks, call_with
from tests.e2e.media import (
    Picture,
    faces,
    left_and_returned,
    nobody,
    side_by_side,
    steadily,
    write_clip,
)
from tests.receiver.sinks.media import pictures_of, voice_of

pytestmark = [pytest.mark.e2e, pytest.mark.network, pytest.mark.model]


def assert_ended_well(call: Call) -> None:
    assert call.sender_end.reason is SenderEndReason.SOURCE_ENDED and call.sender_end.error is None
    assert call.receiver_end.reason is EndReason.PEER_LEFT and call.receiver_end.error is None
    assert call.sender.stats.counts["malformed"] == call.receiver.stats.counts["malformed"] == 0
    assert call.receiver.stats.counts["render_failed"] == 0


async def test_without_a_face_the_voice_is_heard_and_the_receiver_waits(
    tmp_path: Path, networks: Networks
) -> None:
    clip = write_clip(tmp_path / "a.mp4", [nobody()] * 35, steadily(35))
    call = await call_with(clip, networks)
    assert_ended_well(call)
    assert set(call.faces) == {"WAITING_FACE"} and set(call.shown) == {"WAITING"}
    card = mark(waiting_picture(PICTURE_SIZE_PX)).astype(int)
    assert all(np.abs(picture - card).mean() < 3 for _, picture in pictures_of(call.film))
    assert np.abs(voice_of(call.film)).max() > 0.2


async def test_a_face_that_leaves_is_held_and_moves_again_when_it_returns(
    tmp_path: Path, networks: Networks
) -> None:
    away = range(25, 42)
    clip = write_clip(tmp_path / "a.mp4", left_and_returned(65, away), steadily(65))
    call = await call_with(clip, networks)
    assert_ended_well(call)
    states = call.faces
    assert states.index("RUNNING") < states.index("FACE_LOST") and states[-1] == "RUNNING"
    rows = {row.media_ms: row.state for row in call.receiver.stats.pictures}
    gone = {ms: state for ms, state in rows.items() if 40 * away.start + 200 < ms < 40 * away.stop}
    assert set(gone.values()) == {"CONCEALED", "HELD"}
    assert gone[max(gone)] == "HELD", "after HEAD_CONCEAL_MAX_MS nothing is made up"
    assert "FRESH" in [state for media_ms, state in rows.items() if media_ms >= 40 * away.stop + 200]


async def test_of_two_faces_one_is_sent_and_the_call_says_that_there_were_more(
    tmp_path: Path, networks: Networks
) -> None:
    clip = write_clip(tmp_path / "a.mp4", side_by_side(50), steadily(50))
    call = await call_with(clip, networks)
    assert_ended_well(call)
    assert call.sender.stats.counts["several_faces"] > 0
    assert "FRESH" in call.shown


async def test_a_file_without_sound_gives_a_picture_and_a_silent_film(
    tmp_path: Path, networks: Networks
) -> None:
    clip = write_clip(tmp_path / "a.mp4", faces(40), steadily(40), voice=False)
    call = await call_with(clip, networks)
    assert_ended_well(call)
    assert "FRESH" in call.shown and not call.receiver.stats.voice
    assert any("no sound" in warning for warning in call.sender.stats.warnings)
    assert np.abs(voice_of(call.film)).max() < 0.01


async def test_a_file_of_4k_and_60_fps_is_carried_as_25_small_pictures(
    tmp_path: Path, networks: Networks
) -> None:
    def enlarge(picture: Picture) -> Picture:
        canvas = np.full((2160, 3840, 3), 120, np.uint8)
        canvas[:, 840:3000] = cv2.resize(picture, (2160, 2160), interpolation=cv2.INTER_NEAREST)
        return canvas

    pictures = [face for face in faces(36) for _ in range(2)]
    clip = write_clip(tmp_path / "a.mp4", pictures, steadily(72, 60), change=enlarge)
    call = await call_with(clip, networks)
    assert_ended_well(call)
    assert call.receiver.stats.counts["keyframes"] >= 1
    assert [row.media_ms % 40 for row in call.sender.stats.pictures] == [0] * len(call.faces)


async def test_a_variable_rate_file_is_shown_on_a_steady_grid(tmp_path: Path, networks: Networks) -> None:
    gaps_ms = np.random.default_rng(3).choice([20, 33, 50, 90, 140], 39)
    times_ms = [0, *(int(time) for time in np.cumsum(gaps_ms))]
    clip = write_clip(tmp_path / "a.mp4", faces(40), times_ms)
    call = await call_with(clip, networks)
    assert_ended_well(call)
    media_ms = [row.media_ms for row in call.receiver.stats.pictures]
    assert "FRESH" in call.shown and {step % 40 for step in np.diff(media_ms)} == {0}
    film_s = [time_s for time_s, _ in pictures_of(call.film)]
    assert np.allclose(np.diff(film_s), 0.04)


async def test_a_file_cut_short_is_sent_as_far_as_it_goes(tmp_path: Path, networks: Networks) -> None:
    clip = write_clip(tmp_path / "a.mkv", faces(60), steadily(60))
    clip.write_bytes(clip.read_bytes()[: clip.stat().st_size * 6 // 10])
    call = await call_with(clip, networks)
    assert_ended_well(call)
    assert "FRESH" in call.shown and 10 <= len(call.faces) < 60
    assert len(pictures_of(call.film)) >= 10
