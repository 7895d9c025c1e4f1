"""Decoded motion frames, kept as prediction bases.

Must not import the wire's bytes or clocks. Invariant: at most MOTION_HISTORY_FRAMES frames; a media time is decoded
once and keeps its symbols, so that both ends predict from the same numbers.
"""

from collections import OrderedDict
from collections.abc import Sequence

from shared.coding.motion_code import decode_motion, frame_distance
from shared.errors import MalformedMessage, UnknownReference
from shared.frames import MotionFrame
from shared.limits import MOTION_HISTORY_FRAMES
from shared.media_time import unwrap_ms
from shared.wire import MotionSection


class MotionHistory:
    """The newest decoded frames by media time."""

    def __init__(self) -> None:
        self._frames: OrderedDict[int, MotionFrame] = OrderedDict()

    def __len__(self) -> int:
        return len(self._frames)

    def __contains__(self, media_ms: int) -> bool:
        return media_ms in self._frames

    def decode(
        self, sections: Sequence[MotionSection], near_ms: int | None
    ) -> tuple[list[MotionFrame], bool]:
        """New frames of a bundle's sections, and whether every section's base was known. Changes nothing.

        near_ms: newest media time known, for unwrapping. Raises MalformedMessage.
        """
        fresh: dict[int, MotionFrame] = {}
        complete = True
        for section in sections:
            try:
                frames = self._decode_section(section, near_ms, fresh)
            except UnknownReference:
                complete = False
                continue
            for frame in frames:
                if frame.media_ms not in self._frames:
                    fresh.setdefault(frame.media_ms, frame)
        return list(fresh.values()), complete

    def add(self, frames: Sequence[MotionFrame]) -> None:
        """Keep new frames; the oldest leave."""
        for frame in frames:
            self._frames[frame.media_ms] = frame
            if len(self._frames) > MOTION_HISTORY_FRAMES:
                self._frames.popitem(last=False)

    def _decode_section(
        self, section: MotionSection, near_ms: int | None, fresh: dict[int, MotionFrame]
    ) -> list[MotionFrame]:
        first_ms = unwrap_ms(section.media_ms, near_ms)
        if first_ms < 0:
            raise MalformedMessage("motion before the start of the media clock")
        keyframe_id, base_symbols, distance = section.keyframe_id, None, 1
        if keyframe_id is None:
            base_ms = first_ms - section.base_distance_ms
            base = fresh.get(base_ms) or self._frames.get(base_ms)
            if base is None:
                raise UnknownReference(
                    f"motion predicted from a frame {section.base_distance_ms} ms before it"
                )
            keyframe_id, base_symbols = base.keyframe_id, base.symbols
            distance = frame_distance(base_ms, first_ms)
        rows = decode_motion(section.coded, section.count, base_symbols, distance)
        times = range(first_ms, first_ms + section.count * section.step_ms, section.step_ms)
        return [MotionFrame(ms, keyframe_id, row) for ms, row in zip(times, rows, strict=True)]
