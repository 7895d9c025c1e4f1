"""Follows the network: what acknowledgements tell becomes a plan, and the encoder sends by it. Sans-IO.

    Encoder.take_arrivals --> RateControl --> Ladder --> Plan --> Encoder.follow; the session does the rest

Must not import asyncio or transports. Invariant: the encoder always sends by the newest plan; pictures that would only
lengthen a queue are not coded.
"""

from dataclasses import replace
from typing import Final

from sender.picture_rungs import PictureOrder
from sender.sources.base import PICTURE_INTERVAL_MS
from shared.control import FEATURE_VIDEO, Hello, MediaConfig
from shared.core.bundler import longest_packet_ms
from shared.core.encoder import Encoder
from shared.core.ladder import Ladder, LadderConfig, Plan
from shared.core.rate_control import RATE_MAX_KBPS, START_KBPS, LinkState, RateControl
from shared.frames import Rung, VideoKind

PACING: Final = 2.5
"""Parts of pictures leave at this many times the call's rate (section 5.1 of draft-ietf-rmcat-gcc-02 asks for a pacer)."""
FLIGHT_MS: Final = 350
FLIGHT_MIN_BYTES: Final = 4000
"""No picture is coded while more is under way than this time's worth of the estimate and a round trip, and than this many
bytes: what the receiver acknowledges at least (ACK_AFTER_BYTES, or half a second of motion), twice."""
PICTURE_QUEUE_MS: Final = 60
"""Nor while the last bundle was this late: a picture that is left out costs nothing, and the ladder needs a second bundle to
be sure of a queue."""
TELL_AFTER_MS: Final = 2000
RTT_UNKNOWN_MS: Final = 100.0
KEYFRAME_LEAST_KBPS: Final = 6.0
"""A keyframe gets at least this on a link that has nothing to spare: 2 KB in 3 s."""


class RateFollower:
    """One direction of a call. Call `acknowledged` after `Encoder.receive_ack`, and `update` now and then."""

    def __init__(self, encoder: Encoder, config: LadderConfig, voice_frame_ms: int | None = None) -> None:
        """voice_frame_ms: fixed length of voice packets; None: the longest that fill bundles evenly."""
        self._encoder = encoder
        self._voice_frame_ms = voice_frame_ms
        self._motion_ms: int | None = None
        self._ladder = Ladder(replace(config, pictures=False))
        self._rate = RateControl(max(START_KBPS, self._ladder.plan.wire_kbps()))
        self._may_send_pictures = config.pictures
        self.error: float | None = None
        self.plan = self._ladder.plan
        self._follow()
        self._told, self._changed_us = self.media_config, 0

    @property
    def link(self) -> LinkState:
        """What is known of the path."""
        return self._rate.state

    def greet(self, hello: Hello) -> None:
        """The peer said what it can show."""
        self._ladder.allow_pictures(self._may_send_pictures and FEATURE_VIDEO in hello.features)

    def pin(self, rung: Rung | None) -> None:
        """The peer wants this rung; None: free again."""
        self._ladder.pin(rung)

    def acknowledged(self, now_us: int) -> None:
        """The encoder took an acknowledgement in."""
        rtt_ms = RTT_UNKNOWN_MS if self._encoder.rtt_ms is None else self._encoder.rtt_ms
        self._rate.feedback(self._encoder.take_arrivals(), self._encoder.loss, rtt_ms, now_us)
        if self.link.limited:
            spare_kbps = self.link.estimate_kbps - self.plan.wire_kbps()
            self._encoder.pace_keyframes(max(KEYFRAME_LEAST_KBPS, spare_kbps))
        else:
            self._encoder.pace_keyframes(RATE_MAX_KBPS)

    def update(self, now_us: int) -> Plan | None:
        """The new plan if anything changed, already followed by the encoder; None: all stays as it is."""
        plan = self._ladder.decide(self._rate.state, self.error, now_us)
        if plan == self.plan:
            self._tell(now_us)
            return None
        if plan.wire_kbps() < self.plan.wire_kbps():
            self._rate.reduced(now_us)
        self.plan = plan
        self._follow()
        self._changed_us = now_us
        self._tell(now_us)
        return plan

    def _tell(self, now_us: int) -> None:
        """The peer hears of another rung at once, of the rest when it has settled: a message costs half a bundle."""
        config = self.media_config
        settled = now_us - self._changed_us >= TELL_AFTER_MS * 1000
        if config != self._told and (config.rung is not self._told.rung or settled):
            self._told = config
            self._encoder.push_control(config)

    @property
    def voice_packet_ms(self) -> int:
        """Length of the voice packets that the plan asks for."""
        return self._voice_frame_ms or longest_packet_ms(self.plan.bundle_ms)

    @property
    def media_config(self) -> MediaConfig:
        """The plan as the peer is told it; the first is the caller's to send, later ones are pushed by `update`."""
        fps_x10 = round(10 * self.plan.motion_fps)
        return MediaConfig(fps_x10, self.plan.bundle_ms, self.voice_packet_ms, self.plan.rung)

    def wants_motion(self, media_ms: int) -> bool:
        """Whether the plan has a place for motion of this time: at 12.5 fps every second frame is left out."""
        if not self.plan.motion_fps:
            return False
        due_ms = 0.0 if self._motion_ms is None else self._motion_ms + 1000 / self.plan.motion_fps
        if self._motion_ms is not None and media_ms < due_ms - PICTURE_INTERVAL_MS / 2:
            return False
        self._motion_ms = media_ms
        return True

    def has_room(self, kind: VideoKind) -> bool:
        """Whether a picture of this kind may be coded now: it is planned, and the path is not full of what was sent."""
        if self._rate.state.queue_ms > PICTURE_QUEUE_MS:
            return False
        rtt_ms = RTT_UNKNOWN_MS if self._encoder.rtt_ms is None else self._encoder.rtt_ms
        flight_bytes = self._rate.state.estimate_kbps * (FLIGHT_MS + rtt_ms) / 8
        return self._targets[kind] > 0 and self._encoder.in_flight_bytes <= max(
            flight_bytes, FLIGHT_MIN_BYTES
        )

    def picture_order(self) -> PictureOrder | None:
        """How the next picture shall be coded, None: not at all."""
        for kind, kbps in self._targets.items():
            if self.has_room(kind):
                return PictureOrder(kind, kbps, self._encoder.take_intra_wish(kind))
        return None

    @property
    def _targets(self) -> dict[VideoKind, float]:
        return {VideoKind.THUMBNAIL: self.plan.thumbnail_kbps, VideoKind.VIDEO: self.plan.video_kbps}

    def _follow(self) -> None:
        pace_kbps = PACING * self.plan.wire_kbps()
        self._encoder.follow(self.plan.bundle_ms, self.plan.redundancy, pace_kbps)
