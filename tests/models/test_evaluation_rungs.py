"""models.evaluation on the other rungs, with galleries, and with a checkpoint in torch."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from models.evaluation.__main__ import main
from models.evaluation.fused_gallery import relative_to
from models.evaluation.gallery import NEW_REFERENCE_PX, TRAVEL_MS, Gallery, pose_distance_px
from models.evaluation.networks import CheckpointEars, CheckpointEncoder, on_cpu, open_networks
from models.evaluation.offline_call import (
    FRAME_MS,
    Coded,
    OfflineSender,
    Plan,
    code_thumbnails,
    through_bundles,
)
from models.evaluation.offline_receiver import rebuild
from models.networks.codec import Codec
from models.runtime.base import Backend, ModelInfo, Reference
from models.runtime.choose import choose_backend
from models.training.voice import read_pcm
from receiver.voice_features import VoiceFeatures
from sender.keyframe_policy import INTERVAL_MS
from sender.motion_encoder import ReferenceCode
from shared.coding.mesh_motion import shape_from_points
from shared.coding.motion_layout import ANCHOR_SYMBOLS, MASK_SIDE, SYMBOLS
from shared.errors import UserError
from shared.frames import MotionFrame
from shared.limits import VIDEO_RATE_BURST
from tests.models.clips import part_of_sample, sample_frames
from tests.models.tensors import driving

pytestmark = pytest.mark.model

COUNT = 10
NO_SOUND = np.zeros(0, np.int16)


@pytest.fixture(scope="module")
def frames() -> list[np.ndarray]:
    return sample_frames(COUNT)


@pytest.fixture(scope="module")
def sender() -> OfflineSender:
    return OfflineSender()


@pytest.fixture(scope="module")
def backend() -> Backend:
    return choose_backend("onnx", "lite", 1)


@pytest.fixture(scope="module")
def sound(sample_file: Path) -> np.ndarray:
    """Speech from the middle of the sample."""
    return read_pcm(sample_file)[48_000 : 48_000 + 48 * FRAME_MS * (COUNT + 4)]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained nano."""
    torch.manual_seed(0)
    codec = Codec("nano")
    path = tmp_path_factory.mktemp("torch") / "checkpoint.pt"
    state = codec.state_dict()
    torch.save({"codec": state, "average": state, "settings": {"size": "nano"}}, path)
    return path


def reference(points: np.ndarray) -> ReferenceCode:
    return ReferenceCode(shape_from_points(points), np.zeros(ANCHOR_SYMBOLS, np.int16),
                         np.ones((MASK_SIDE, MASK_SIDE), np.uint8))  # fmt: skip


def moved(points: np.ndarray, px: float) -> np.ndarray:
    return np.asarray(points + np.array([px / 128, 0]), np.float32)


# --- voice ------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def spoken(sender: OfflineSender, frames: list[np.ndarray], sound: np.ndarray) -> Coded:
    return sender.code(frames, sound, Plan("voice"))


def test_the_voice_rung_sends_no_motion_after_the_first_frame(spoken: Coded) -> None:
    assert [frame.media_ms for frame in spoken.motion] == [0]
    assert spoken.payload_kbps()["motion"] == pytest.approx(
        spoken.motion_bytes * 8 / 1000 / (COUNT * 0.04), abs=1e-3
    )
    assert spoken.payload_kbps()["audio"] > 0


def test_on_the_voice_rung_the_mouth_moves_and_without_the_voice_nothing_does(
    spoken: Coded, backend: Backend
) -> None:
    held = rebuild(spoken, backend, COUNT, muted=True)
    speaking = rebuild(spoken, backend, COUNT)
    assert all(np.array_equal(picture, held[0]) for picture in held)
    change = np.abs(speaking[-1].astype(int) - speaking[0]).mean(axis=2)
    assert change.max() > 4
    assert change[150:].mean() > change[:60].mean(), "the mouth's half of the picture, not the hair"


# --- thumbnails -------------------------------------------------------------------------------------------------------


def test_thumbnails_are_counted_and_change_the_picture(
    sender: OfflineSender, frames: list[np.ndarray], backend: Backend
) -> None:
    coded = sender.code(frames[:4], NO_SOUND, Plan("thumbnail", thumbnail_kbps=8.0))
    size = sum(len(unit.data) for unit in coded.thumbnails)
    assert coded.payload_kbps()["thumbnail"] == pytest.approx(size * 8 / 160, abs=1e-3)
    without = replace(coded, thumbnails=())
    assert not np.array_equal(rebuild(coded, backend, 2)[1], rebuild(without, backend, 2)[1])


def test_a_long_clip_of_thumbnails_is_rebuilt_faster_than_it_was_sent(
    sender: OfflineSender, frames: list[np.ndarray]
) -> None:
    """The receiver's limit of pictures a second counts media time here."""
    coded = sender.code(frames * 14, NO_SOUND, Plan("thumbnail"))
    assert len(coded.thumbnails) > VIDEO_RATE_BURST
    assert len(rebuild(coded, choose_backend("mesh-warp"), len(frames) * 14)) == len(frames) * 14


def test_thumbnails_are_small_and_half_as_many_as_frames(frames: list[np.ndarray]) -> None:
    units = code_thumbnails(frames, 3, 5.0)
    assert [unit.media_ms for unit in units] == [120, 200, 280, 360]
    assert all(64 <= unit.side_px <= 128 for unit in units)
    assert [unit.intra for unit in units] == [True, False, False, False]


@pytest.mark.parametrize("kbps", [1.9, 501.0])
def test_a_thumbnail_rate_that_cannot_be_is_refused(kbps: float) -> None:
    with pytest.raises(UserError, match="kbit/s"):
        Plan("thumbnail", thumbnail_kbps=kbps)


# --- references -------------------------------------------------------------------------------------------------------


def test_a_reference_is_added_past_the_threshold_and_serves_after_it_travelled(mesh: np.ndarray) -> None:
    gallery = Gallery(2)
    assert gallery.wants(mesh, 0)
    first = gallery.add(reference(mesh), 0)
    near, far = moved(first.points, NEW_REFERENCE_PX - 0.1), moved(first.points, NEW_REFERENCE_PX + 0.1)
    assert not gallery.wants(near, INTERVAL_MS)
    assert gallery.wants(far, INTERVAL_MS)
    assert not gallery.wants(far, INTERVAL_MS - 1)
    second = gallery.add(reference(far), INTERVAL_MS)
    assert gallery.nearest(far, INTERVAL_MS + TRAVEL_MS - 1) is first
    assert gallery.nearest(far, INTERVAL_MS + TRAVEL_MS) is second
    assert gallery.nearest(first.points, INTERVAL_MS + TRAVEL_MS) is first
    assert not gallery.wants(moved(mesh, 60), 10 * INTERVAL_MS), "no more than two were allowed"


def test_the_distance_of_poses_is_in_pixels(mesh: np.ndarray) -> None:
    assert pose_distance_px(mesh, moved(mesh, 3.0)) == pytest.approx(3.0, rel=1e-4)


@pytest.mark.parametrize("count", [0, 5])
def test_a_gallery_of_none_or_too_many_is_refused(count: int) -> None:
    with pytest.raises(UserError, match="references"):
        Plan(references=count)


def test_a_moved_head_becomes_a_second_reference_whose_bytes_count(
    sender: OfflineSender, frames: list[np.ndarray], backend: Backend
) -> None:
    still, aside = frames[0], np.roll(frames[0], 16, axis=1)
    clip = [still] * 2 + [aside] * (INTERVAL_MS // FRAME_MS + TRAVEL_MS // FRAME_MS)
    one, two = (sender.code(clip, NO_SOUND, Plan(references=count)) for count in (1, 2))
    assert (len(one.keyframes), len(two.keyframes)) == (1, 2)
    assert two.keyframe_bytes > 1.5 * one.keyframe_bytes
    assert (two.motion[2].keyframe_id, two.motion[-1].keyframe_id) == (0, 1)
    last = rebuild(replace(two, motion=two.motion[-1:]), backend, len(clip))[-1]
    single = rebuild(replace(one, motion=one.motion[-1:]), backend, len(clip))[-1]
    assert np.square(last.astype(float) - aside).mean() < np.square(single.astype(float) - aside).mean()


def test_by_value_a_keyframe_is_made_when_the_light_changed_and_not_before(
    sender: OfflineSender, frames: list[np.ndarray]
) -> None:
    dark = [(frame * 0.5).astype(np.uint8) for frame in frames]
    changed_ms = 4 * COUNT * FRAME_MS
    coded = sender.code(frames * 4 + dark * 10, NO_SOUND, Plan(by_value=True))
    first, second = (keyframe.media_ms for keyframe in coded.keyframes)
    assert first == 0 and changed_ms < second <= changed_ms + 3 * INTERVAL_MS
    assert coded.motion[-1].keyframe_id == coded.keyframes[1].keyframe_id


def test_motion_is_not_predicted_across_references() -> None:
    rows = np.arange(8)[:, None] * np.ones((8, SYMBOLS), np.int64)
    motion = [MotionFrame(40 * i, int(i >= 5), rows[i].astype(np.int16) // 4) for i in range(8)]
    decoded, _ = through_bundles(motion)
    assert [(frame.media_ms, frame.keyframe_id) for frame in decoded] == [
        (frame.media_ms, frame.keyframe_id) for frame in motion
    ]
    assert all(np.array_equal(a.symbols, b.symbols) for a, b in zip(decoded, motion, strict=True))


# --- torch ------------------------------------------------------------------------------------------------------------


def test_torch_renders_a_checkpoint_with_its_own_analyser_and_ears(
    checkpoint: Path, frames: list[np.ndarray], sound: np.ndarray
) -> None:
    networks = open_networks("torch", "nano", 1, checkpoint)
    coded = OfflineSender(networks.coder).code(frames[:2], sound)
    pictures = rebuild(coded, networks.backend, 2, ears=networks.ears)
    assert len(networks.backend.model.sha256) == 64
    assert pictures[1].shape == (256, 256, 3)


def test_a_checkpoint_codes_and_hears_by_its_own_weights(checkpoint: Path, mesh: np.ndarray) -> None:
    codec = Codec("nano").eval()
    picture, mask = sample_frames(1)[0], np.ones((64, 64), np.float32)
    landmarks = np.asarray((mesh + 1) * 128, np.float32)
    before = CheckpointEncoder(codec).make_reference(picture, landmarks, mask).anchors
    with torch.no_grad():
        codec.analyser.codes.load_state_dict({
            name: value + 0.3 for name, value in codec.analyser.codes.state_dict().items()
        })  # fmt: skip
        codec.voice.mouth.bias += 0.5
    assert not np.array_equal(
        CheckpointEncoder(codec).make_reference(picture, landmarks, mask).anchors, before
    )
    ears, shipped = CheckpointEars(codec), VoiceFeatures()
    assert not np.allclose(ears.silence.expression, shipped.silence.expression)
    ears.close()
    shipped.close()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("onnx", "lite", "checkpoint"), "Only --backend torch"),
        (("torch", "lite", "checkpoint"), "add --size nano"),
    ],
)
def test_what_does_not_fit_a_checkpoint_is_said(
    checkpoint: Path, arguments: tuple[str, str, str | None], said: str
) -> None:
    backend, size, path = arguments
    with pytest.raises(UserError, match=said):
        open_networks(backend, size, 1, checkpoint if path else None)


def test_a_torch_backend_of_the_same_weights_gives_the_same_picture_as_its_graphs(
    sender: OfflineSender, frames: list[np.ndarray], tmp_path: Path
) -> None:
    from models.export.graphs import ReferenceGraph, RenderGraph
    from models.export.onnx_files import export_graph
    from models.runtime.onnx_backend import open_onnx

    codec = Codec("nano").eval()
    model = ModelInfo("nano", "")
    export_graph(ReferenceGraph(codec.renderer), tmp_path / "encode.onnx")
    export_graph(RenderGraph(codec.renderer), tmp_path / "render.onnx")
    coded = sender.code(frames[:2], NO_SOUND)
    one = rebuild(coded, on_cpu(codec.renderer, model), 2)[1]
    other = rebuild(coded, open_onnx(tmp_path / "encode.onnx", tmp_path / "render.onnx", model, 1), 2)[1]
    assert np.abs(one.astype(int) - other).max() <= 1


def test_the_shipped_weights_run_in_torch_too(sender: OfflineSender, frames: list[np.ndarray]) -> None:
    coded = sender.code(frames[:2], NO_SOUND)
    in_torch, in_onnx = (open_networks(name, "lite", 1, None).backend for name in ("torch", "onnx"))
    one, other = rebuild(coded, in_torch, 2)[1], rebuild(coded, in_onnx, 2)[1]
    difference = np.abs(one.astype(int) - other)
    assert difference.mean() < 1.5, "int8 against float32"
    assert difference.any()


def test_one_reference_fused_is_that_reference(sender: OfflineSender, frames: list[np.ndarray]) -> None:
    coded = sender.code(frames[:2], NO_SOUND)
    networks = open_networks("torch", "lite", 1, None, fused=True)
    assert networks.gallery is not None
    one, other = rebuild(coded, networks.gallery(), 2)[1], rebuild(coded, networks.backend, 2)[1]
    assert np.abs(one.astype(int) - other).max() <= 1


def test_a_frame_is_the_same_frame_from_another_reference(mesh: np.ndarray) -> None:
    frame = driving(mesh, shift=0.1)
    other = Reference(
        np.zeros((256, 256, 3), np.uint8), np.float32(mesh + 0.05), np.full((8, 2), 0.3, np.float32),
        np.full(8, 0.2, np.float32), np.ones((32, 32), np.uint8),
    )  # fmt: skip
    seen = relative_to(other, frame)
    assert torch.equal(seen.driving_points, frame.driving_points)
    assert torch.equal(seen.driving_keypoints, frame.driving_keypoints)
    assert torch.allclose(seen.codes + seen.reference_codes, frame.codes + frame.reference_codes)
    assert torch.allclose(seen.reference_points[0], torch.from_numpy(np.float32(mesh + 0.05)))


def test_fusing_needs_torch() -> None:
    with pytest.raises(UserError, match="fuses references"):
        open_networks("onnx", "lite", 1, None, fused=True)


# --- the command line -------------------------------------------------------------------------------------------------


def test_a_report_of_the_voice_rung_has_a_held_mouth_beside(tmp_path: Path) -> None:
    (tmp_path / "clips").mkdir()
    part_of_sample(tmp_path / "clips" / "sample.mp4", 6)
    out = tmp_path / "report.json"
    assert main(["--clips", str(tmp_path / "clips"), "--out", str(out), "--backend", "onnx", "--every", "4",
                 "--no-rivals", "--rung", "voice"]) == 0  # fmt: skip
    result = json.loads(out.read_text())
    assert result["settings"]["rung"] == "voice"
    assert result["mean"]["held_mouth"]["mouth_px"] is not None
    assert str(tmp_path) not in out.read_text()


def test_rivals_only_asks_for_a_cache_and_needs_no_out(tmp_path: Path) -> None:
    with pytest.raises(SystemExit):
        main(["--clips", str(tmp_path), "--rivals-only"])
    with pytest.raises(SystemExit):
        main(["--clips", str(tmp_path)])
