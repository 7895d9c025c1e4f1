"""The sample clip that the repository ships, and the parts that made it."""

from fractions import Fraction

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from experiments.demo.recording import read_voice
from experiments.sample import SAMPLE_PATH
from experiments.sample.motion import FPS, REST, mouth_track, poses, viseme
from experiments.sample.speech import Phoneme, speak
from sender.face.tracker import FaceModels, FaceTracker
from shared.errors import UserError

Picture = NDArray[np.uint8]


def test_the_clip_is_ten_seconds_of_256_px_at_25_fps_in_600_kilobytes() -> None:
    assert SAMPLE_PATH.stat().st_size <= 600_000
    with av.open(str(SAMPLE_PATH)) as container:
        video, audio = container.streams.video[0], container.streams.audio[0]
        assert (video.width, video.height) == (256, 256)
        assert video.average_rate == Fraction(25)
        assert video.frames == 250
        assert (video.codec_context.name, audio.codec_context.name) == ("h264", "aac")
        assert (audio.codec_context.sample_rate, audio.codec_context.layout.name) == (16_000, "mono")


def test_the_clip_has_a_voice() -> None:
    pcm, rate_hz = read_voice(SAMPLE_PATH)
    loud = [np.abs(pcm[i : i + rate_hz // 10]).mean() > 300 for i in range(0, len(pcm), rate_hz // 10)]
    assert 9.5 < len(pcm) / rate_hz < 10.5
    assert sum(loud) > 50


@pytest.mark.model
def test_one_face_is_found_in_every_frame_and_it_moves_and_speaks_and_blinks(
    sample_pictures: list[Picture],
) -> None:
    tracker = FaceTracker(FaceModels.load())
    meshes = []
    for picture in sample_pictures[::3]:
        face = tracker.update(picture)
        assert face is not None and face.count == 1
        meshes.append(face.landmarks)
    points = np.array(meshes)
    width = np.linalg.norm(points[:, 454, :2] - points[:, 234, :2], axis=1).mean()
    mouth = np.linalg.norm(points[:, 13, :2] - points[:, 14, :2], axis=1)
    eye = np.linalg.norm(points[:, 159, :2] - points[:, 145, :2], axis=1)
    assert 90 < width < 160
    assert np.ptp(points[:, 1, 0]) > 8
    assert np.ptp(mouth) > 8
    assert eye.min() < 0.75 * np.median(eye)


def test_the_background_does_not_move(sample_pictures: list[Picture]) -> None:
    corner = np.array([picture[:40, :30] for picture in sample_pictures[::10]], np.float64)
    assert corner.std(axis=0).mean() < 1.5


def test_a_phoneme_falls_back_to_its_longest_known_beginning() -> None:
    assert viseme("oU#") == viseme("oU")
    assert viseme("m-") == viseme("m")
    assert viseme("?") == REST


def test_the_mouth_closes_for_m_and_opens_for_a() -> None:
    track = mouth_track([Phoneme(0.2, "m"), Phoneme(0.5, "A:"), Phoneme(0.8, "_")], 0.0, 50)
    assert track[int(0.34 * FPS), 0] < 0.03
    assert track[int(0.66 * FPS), 0] > 0.3
    assert track[40, 0] == pytest.approx(REST[0], abs=0.01)


def test_the_first_frame_is_the_portrait_as_it_was_taken() -> None:
    pose = poses([], 0.5, 10)[0]
    assert (pose.yaw, pose.pitch, pose.roll, pose.scale) == (0, 0, 0, 1)
    assert pose.opening == REST[0]
    assert pose.blink < 0.01


def test_the_same_speech_gives_the_same_motion() -> None:
    phonemes = [Phoneme(0.1, "h"), Phoneme(0.3, "oU")]
    assert poses(phonemes, 0.5, 30) == poses(phonemes, 0.5, 30)


def test_speech_times_lie_inside_the_speech_or_espeak_is_said_to_be_missing() -> None:
    try:
        speech = speak("Hello.", "en-us", 170)
    except UserError as error:
        assert "espeak-ng" in str(error)
        pytest.skip("eSpeak NG is not installed")
    assert speech.rate_hz == 22_050
    starts = [phoneme.start_s for phoneme in speech.phonemes]
    assert starts == sorted(starts)
    assert {"h", "l"} <= {phoneme.name for phoneme in speech.phonemes}
    assert starts[-1] <= len(speech.pcm) / speech.rate_hz + 0.05
