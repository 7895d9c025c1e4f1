from collections import Counter
from dataclasses import fields, replace

import numpy as np
import pytest

from models.networks.mesh_maps import OVAL, RIGHT_EYE
from models.training.augment import apply_colour, colour_curve, mirror_order, mirror_points
from models.training.dataset import CachedClip
from models.training.samples import (
    VOICE_AHEAD,
    VOICE_COLUMNS,
    Augmentation,
    Batch,
    Sampler,
    coarse_thumbnail,
    driving_arrays,
    driving_indices,
    reference_arrays,
    thumbnails,
    voice_window,
    wire_mask,
    wire_shape,
)
from models.training.settings import Settings
from shared.log_mel import SILENCE, log_mel

pytestmark = pytest.mark.model

SETTINGS = Settings(references=2, frames=3, seed=5)


def equal(one: Batch, other: Batch) -> bool:
    return all(np.array_equal(getattr(one, f.name), getattr(other, f.name)) for f in fields(Batch))


def test_a_batch_is_a_function_of_seed_and_number(cached: list[CachedClip]) -> None:
    sampler = Sampler(cached, SETTINGS)
    first = [sampler.batch(number) for number in (0, 1)]
    assert equal(Sampler(cached, SETTINGS).batch(1), first[1]), "whatever was drawn before"
    assert equal(sampler.batch(0), first[0])
    assert not equal(first[0], first[1])
    assert not equal(Sampler(cached, replace(SETTINGS, seed=6)).batch(0), first[0])


def test_a_batch_has_the_shapes_it_says(cached: list[CachedClip]) -> None:
    batch = Sampler(cached, SETTINGS).batch(0)
    shapes = {f.name: getattr(batch, f.name).shape for f in fields(Batch)}
    assert shapes == {
        "image": (2, 3, 256, 256), "original": (2, 3, 256, 256), "mask": (2, 1, 32, 32),
        "reference_mask": (2, 1, 64, 64), "reference_points": (2, 468, 2), "true_reference_points": (2, 468, 2),
        "target": (2, 3, 3, 256, 256), "target_mask": (2, 3, 1, 64, 64), "driving_points": (2, 3, 468, 2),
        "true_points": (2, 3, 468, 2), "mel": (2, 3, 40, 32), "voice_present": (2, 3, 1),
        "thumbnail": (2, 3, 3, 64, 64), "thumbnail_present": (2, 3, 1), "consecutive": (2, 1), "sharpness": (2, 1),
    }  # fmt: skip
    for name in shapes:
        assert getattr(batch, name).dtype == np.float32
        assert np.isfinite(getattr(batch, name)).all()


def test_pictures_lie_between_zero_and_one(cached: list[CachedClip]) -> None:
    batch = Sampler(cached, SETTINGS).batch(3)
    for name in ("image", "original", "target", "thumbnail", "mask", "target_mask"):
        assert getattr(batch, name).min() >= 0 and getattr(batch, name).max() <= 1


def test_people_are_drawn_alike_however_many_clips_they_have(cached: list[CachedClip]) -> None:
    clips = [replace(cached[0], name=f"ana{index}", source_px=256) for index in range(9)]
    clips.append(replace(cached[1], source_px=128))
    sampler = Sampler(clips, Settings(references=1, frames=1))
    seen = Counter(float(sampler.batch(number).sharpness[0, 0]) for number in range(40))
    assert 10 <= seen[0.25] <= 30, "ben's one clip counts as much as ana's nine"


def test_an_enlarged_clip_counts_less_for_sharpness(cached: list[CachedClip]) -> None:
    for source_px, weight in ((64, 1 / 16), (256, 1.0), (900, 1.0)):
        batch = Sampler([replace(cached[0], source_px=source_px)], SETTINGS).batch(0)
        assert batch.sharpness.tolist() == [[weight]] * 2


def test_inputs_are_dropped_as_often_as_the_settings_say(cached: list[CachedClip]) -> None:
    for share, present in ((1.0, 0.0), (0.0, 1.0)):
        batch = Sampler(cached, replace(SETTINGS, voice_drop=share, thumbnail_drop=share)).batch(0)
        assert (batch.voice_present == present).all()
        assert (batch.thumbnail_present == present).all()


def test_the_networks_get_what_the_wire_delivers_and_not_the_truth(cached: list[CachedClip]) -> None:
    batch = Sampler(cached, SETTINGS).batch(0)
    for decoded, true in (
        (batch.reference_points, batch.true_reference_points),
        (batch.driving_points, batch.true_points),
    ):
        error_px = np.linalg.norm(decoded - true, axis=-1).mean() * 128
        assert 0 < error_px < 0.8
    assert 0 < np.abs(batch.image - batch.original).mean() < 0.06
    assert set(np.unique(batch.mask)) <= {0, 1}


def test_frames_that_follow_one_another_do() -> None:
    random = np.random.default_rng(0)
    for _ in range(50):
        found = driving_indices(10, 3, True, random)
        assert found == list(range(found[0], found[0] + 3))
        assert max(driving_indices(10, 3, False, random)) < 10


def test_a_mirrored_sample_is_mirrored_throughout(cached: list[CachedClip]) -> None:
    plain, mirrored = (reference_arrays(cached[0], 2, Augmentation(mirror)) for mirror in (False, True))
    assert np.array_equal(mirrored["image"], plain["image"][:, :, ::-1])
    assert np.array_equal(mirrored["mask"], plain["mask"][:, :, ::-1])
    assert np.allclose(
        mirrored["true_reference_points"][1], plain["true_reference_points"][1] * [-1, 1], atol=1e-6
    )


def test_a_mirrored_face_has_its_left_eye_where_the_right_was(mesh: np.ndarray) -> None:
    order = mirror_order()
    assert np.array_equal(order[order], np.arange(468))
    assert [order[index] for index in RIGHT_EYE[:9]] == [263, 249, 390, 373, 374, 380, 381, 382, 362]
    assert [order[index] for index in OVAL[1:18]] == list(reversed(OVAL[19:]))
    assert order[61] == 291 and order[17] == 17
    assert np.allclose(mirror_points(mirror_points(mesh)), mesh)


def test_a_mirrored_face_is_still_a_face_to_the_mesh_code(mesh: np.ndarray) -> None:
    for points in (mesh, mirror_points(mesh)):
        assert np.linalg.norm(wire_shape(points) - points, axis=1).mean() * 128 < 0.5


def test_colour_changes_light_and_nothing_else(cached: list[CachedClip]) -> None:
    picture = np.array(cached[0].frames[0])
    assert np.allclose(apply_colour(picture, None) * 255, picture)
    changed = apply_colour(picture, colour_curve(np.random.default_rng(1)))
    assert changed.dtype == np.float32 and changed.shape == picture.shape
    assert changed.min() >= 0 and changed.max() <= 1
    assert np.corrcoef(changed.mean(axis=2).ravel(), picture.mean(axis=2).ravel())[0, 1] > 0.97


def test_every_colour_of_the_picture_goes_through_the_same_curve() -> None:
    gain, curve = colour_curve(np.random.default_rng(2))
    ramp = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, axis=2)
    expected = np.clip(curve[ramp] * gain, 0, 1)
    assert np.allclose(apply_colour(ramp, (gain, curve)), expected, atol=1e-6)


def test_a_voice_window_ends_its_look_ahead_after_the_frame() -> None:
    mel = np.arange(400, dtype=np.float32)[:, None].repeat(40, axis=1)
    window = voice_window(mel, 20)
    assert window.shape == (40, VOICE_COLUMNS)
    assert window[0, -1] == 20 * 4 + 3 + VOICE_AHEAD
    assert (np.diff(window[0]) == 1).all()


@pytest.mark.parametrize("index", [0, 2, 99])
def test_a_voice_window_at_the_ends_has_its_columns_in_their_places(index: int) -> None:
    mel = np.arange(1, 401, dtype=np.float32)[:, None].repeat(40, axis=1)
    row = voice_window(mel, index)[0]
    columns = np.arange(VOICE_COLUMNS) + (index + 1) * 4 + VOICE_AHEAD - VOICE_COLUMNS
    known = (columns >= 0) & (columns < 400)
    assert np.array_equal(row[known], columns[known] + 1)
    assert (row[~known] == np.float32(SILENCE)).all()


def test_without_voice_the_window_is_silence() -> None:
    assert (voice_window(None, 3) == np.float32(SILENCE)).all()
    assert log_mel(np.zeros(400, np.float32)) == pytest.approx(SILENCE)


def test_a_wire_mask_is_the_senders(cached: list[CachedClip]) -> None:
    from sender.motion_encoder import coarse_mask

    mask = np.array(cached[0].masks[0]).astype(np.float32) / 255
    assert np.array_equal(wire_mask(mask[None])[0], coarse_mask(mask))


def test_a_clip_s_thumbnail_is_the_coded_one_that_a_receiver_has_then(cached: list[CachedClip]) -> None:
    clip = cached[0]
    assert clip.thumbnails is not None
    one = replace(clip, thumbnails=clip.thumbnails[1:2])
    got = thumbnails(one, [4, 5], Augmentation(mirror=True), np.random.default_rng(0))
    assert got is not None
    assert np.array_equal(got[0], got[1]), "frame 5 has none of its own"
    assert np.array_equal(got[0], one.thumbnails[0, 2, :, ::-1].transpose(2, 0, 1) / np.float32(255))


def test_a_clip_without_coded_thumbnails_has_rough_copies(cached: list[CachedClip]) -> None:
    without = replace(cached[0], thumbnails=None)
    assert thumbnails(without, [0], Augmentation(), np.random.default_rng(0)) is None
    batch = Sampler([without], replace(SETTINGS, thumbnail_drop=0.0)).batch(0)
    assert (
        np.abs(
            batch.thumbnail - batch.target.reshape(*batch.thumbnail.shape[:4], 4, 64, 4).mean(axis=(4, 6))
        ).mean()
        < 0.1
    )


def test_a_thumbnail_is_a_rough_small_copy(cached: list[CachedClip]) -> None:
    picture = Augmentation().picture(cached[0].frames[0])
    small = coarse_thumbnail(picture, np.random.default_rng(0))
    assert small.shape == (3, 64, 64)
    assert 0 < np.abs(small - picture.reshape(3, 64, 4, 64, 4).mean(axis=(2, 4))).mean() < 0.05


def test_a_frame_drives_itself_nearly_nowhere(cached: list[CachedClip]) -> None:
    clip, plain = cached[0], Augmentation()
    reference = reference_arrays(clip, 0, plain)["reference_points"]
    drive = driving_arrays(clip, int(clip.keyframe_indices[0]), reference, plain)
    assert np.linalg.norm(drive["driving_points"] - reference, axis=1).mean() * 128 < 0.8
