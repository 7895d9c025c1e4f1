"""One point of a sweep on one clip: coded as the settings say, sent over their link in virtual time, rebuilt, measured.

    Material --OfflineSender--> Coded --settings--> through_link --> rebuild_arrived --> measures against the clip itself
            --(components, step)--> experiments.motion_table: coded, decoded, compared, without any picture

Must not import torch. Invariant: a clip is coded once for all points that code it alike; what cannot be measured without a real
call is absent with its reason, not estimated.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from experiments.measures.clip import Tools, compare
from experiments.measures.voice import compare_voice
from experiments.motion_table import measure as motion_measure
from experiments.motion_table_clips import ClipMotion, motion_of_frames
from experiments.motion_table_coding import Setting
from experiments.rates.clips import Material
from experiments.rates.driver import LiveThumbnails
from experiments.rates.encodings import resized
from experiments.rates.measured import OPUS_DELAY_SAMPLES, settled
from experiments.rates.virtual_call import through_link
from experiments.rates.virtual_receiver import Arrived, Rebuilt, rebuild_arrived
from experiments.sweeps.settings import CODER_SETTINGS, CallSettings, link_of_settings
from models.evaluation.offline_call import VOICE_BPS, VOICE_MS, Coded, OfflineSender, Plan
from models.runtime.base import Backend
from models.training.cache import track_faces
from sender.face.tracker import FaceModels
from sender.motion_encoder import MotionEncoder
from shared.coding.motion_layout import KEYPOINT_SLICE
from shared.core.bundler import longest_packet_ms
from shared.frames import MotionFrame, VoicePacket
from shared.limits import PICTURE_SIZE_PX
from shared.opus import SAMPLE_RATE_HZ, SAMPLES_PER_MS, OpusEncoder

FULL_FPS: Final = 25.0
NO_VIDEO: Final = "the offline sender codes no video rung: call with it (experiments.network --rungs video)"
NO_LARGER: Final = (
    f"a call's picture has {PICTURE_SIZE_PX} px: a larger source is made smaller before it is coded"
)

Picture = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Measured:
    """One point. wire: forward_kbps, back_kbps, kbps; None without a call. absent: why there is nothing, "": there is."""

    wire: dict[str, float] | None
    measures: dict[str, float | None]
    absent: str = ""

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Bench:
    """What all points share. every: each every-th picture is measured."""

    sender: OfflineSender
    backend: Backend
    tools: Tools
    coder: MotionEncoder
    faces: FaceModels
    every: int


class PointRunner:
    """All points of one clip."""

    def __init__(self, bench: Bench, material: Material) -> None:
        self._bench, self._material = bench, material
        self._coded: dict[tuple[int, Plan], Coded] = {}
        self._motion: ClipMotion | None = None

    def measure(self, settings: CallSettings, axis: str, seed: int) -> Measured:
        """Measure a point. axis: what the sweep varies. UserError for a clip that cannot be coded, or a link that lets nothing
        through."""
        if axis in CODER_SETTINGS:
            return self._by_coder(settings)
        if settings.rung == "video" or settings.source_px > PICTURE_SIZE_PX:
            return Measured(None, {}, NO_VIDEO if settings.rung == "video" else NO_LARGER)
        frames = self._seen(int(settings.source_px))
        coded = adapted(self._code(frames, settings), settings, self._material.pcm)
        live = LiveThumbnails(frames, settings.thumbnail_kbps) if settings.rung == "thumbnail" else None
        arrived = through_link(coded, link_of_settings(settings, seed), int(settings.bundle_ms), seed, live)
        if live is not None:
            live.close()
        rebuilt = rebuild_arrived(arrived, self._bench.backend, len(frames))
        return Measured(
            {
                name: round(value, 4)
                for name, value in (asdict(arrived.wire) | {"kbps": arrived.wire.kbps}).items()
            },
            self._pictures(rebuilt) | self._voice(rebuilt) | _call(arrived, rebuilt, coded),
        )

    def _seen(self, source_px: int) -> Sequence[Picture]:
        """What a camera of so many pixels would give."""
        frames = self._material.frames
        if source_px == PICTURE_SIZE_PX:
            return frames
        return [resized(resized(frame, source_px), PICTURE_SIZE_PX) for frame in frames]

    def _code(self, frames: Sequence[Picture], settings: CallSettings) -> Coded:
        plan = plan_of(settings)
        # Thumbnails are coded while the call goes on, so that the other rungs' motion and keyframes serve this one, too.
        key = int(settings.source_px), plan
        if key not in self._coded:
            self._coded[key] = self._bench.sender.code(frames, self._material.pcm, plan)
        return self._coded[key]

    def _pictures(self, rebuilt: Rebuilt) -> dict[str, float | None]:
        first = max(rebuilt.first, settled(len(rebuilt.pictures)))
        original, pictures = self._material.frames[first:], rebuilt.pictures[first:]
        quality = compare(original, pictures, self._bench.tools, self._bench.every)
        return {name: _rounded(value) for name, value in asdict(quality.means).items()}

    def _voice(self, rebuilt: Rebuilt) -> dict[str, float | None]:
        pcm = self._material.pcm
        if not self._material.speech:
            return {"pesq": None, "stoi": None}
        quality = compare_voice(pcm, rebuilt.voice, SAMPLE_RATE_HZ, OPUS_DELAY_SAMPLES)
        return {"pesq": _rounded(quality.pesq), "stoi": _rounded(quality.stoi)}

    def _by_coder(self, settings: CallSettings) -> Measured:
        if self._motion is None:
            frames = np.stack(self._material.frames)
            self._motion = motion_of_frames("clip", frames, *track_faces(frames), self._bench.coder)
        setting = Setting(int(settings.components), settings.step, round(FULL_FPS / settings.fps))
        row = motion_measure(setting, [self._motion])
        return Measured(None, {
            "motion_kbps": row.motion_kbps, "bits_per_frame": row.bits_per_frame, "error_px": row.error_px,
            "tracked_px": row.tracked_px,
        })  # fmt: skip


def plan_of(settings: CallSettings) -> Plan:
    """How the clip is coded; thumbnails come later, in the call."""
    return Plan(
        "voice" if settings.rung == "voice" else "motion",
        int(settings.keyframe_bytes),
        int(settings.references) if settings.keyframes == "pose" else 1,
        by_value=settings.keyframes == "value",
    )


def adapted(coded: Coded, settings: CallSettings, pcm: NDArray[np.int16]) -> Coded:
    """The same clip with the point's voice packets, frame rate and keypoints."""
    packet_ms = longest_packet_ms(int(settings.bundle_ms))
    voice = coded.voice if packet_ms == VOICE_MS else voice_packets(pcm, packet_ms)
    motion = [frame for frame in coded.motion if _sent(frame, coded, settings.fps)]
    return replace(
        coded, voice=voice, motion=tuple(_with_keypoints(frame, int(settings.keypoints)) for frame in motion)
    )


def voice_packets(pcm: NDArray[np.int16], packet_ms: int) -> tuple[VoicePacket, ...]:
    """The voice of `offline_call.code_voice` in packets of another length; none for no sound."""
    size = packet_ms * SAMPLES_PER_MS
    with OpusEncoder(VOICE_BPS, packet_ms) as encoder:
        blocks = pcm[: len(pcm) // size * size].reshape(-1, size)
        return tuple(
            VoicePacket(i * packet_ms, packet_ms, encoder.encode(block)) for i, block in enumerate(blocks)
        )


def _sent(frame: MotionFrame, coded: Coded, fps: float) -> bool:
    return (frame.media_ms - coded.motion[0].media_ms) % round(1000 / fps) == 0


def _with_keypoints(frame: MotionFrame, count: int) -> MotionFrame:
    """The frame with its first `count` learned keypoints; the others stay where the reference has them."""
    symbols = frame.symbols.copy()
    symbols[KEYPOINT_SLICE.start + 2 * count : KEYPOINT_SLICE.stop] = 0
    symbols.setflags(write=False)
    return replace(frame, symbols=symbols)


def _call(arrived: Arrived, rebuilt: Rebuilt, coded: Coded) -> dict[str, float | None]:
    """What the link did to the call."""
    return {
        "kbps": _rounded(arrived.wire.kbps),
        "motion_kbps": arrived.payload_kbps["motion"],
        "keyframes": float(len(coded.keyframes)),
        "keyframe_bytes": float(coded.keyframe_bytes),
        "concealed_share": _rounded(arrived.concealed_share),
        "voice_concealed_share": _rounded(arrived.voice_concealed_share) if coded.voice else None,
        "first_picture_ms": 1000 / FULL_FPS * rebuilt.first,
        "delay_p50_ms": _rounded(float(np.percentile(rebuilt.delays_ms, 50))),
        "delay_p95_ms": _rounded(float(np.percentile(rebuilt.delays_ms, 95))),
        "freezes": float(rebuilt.freezes),
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None or not np.isfinite(value) else round(value, 4)
