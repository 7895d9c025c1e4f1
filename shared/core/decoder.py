"""One direction of a call, received: bytes in, events out, acknowledgements back. Sans-IO: `now_us` is handed in.

Must not import transports, clocks or asyncio. Invariant: any bytes whatever leave the memory bounded and raise only
`RemoteError`s, and a message that raises has changed nothing but a keyframe's reassembly.
"""

from collections import deque
from dataclasses import dataclass, replace

from shared.control import parse_control
from shared.core.ack_timer import AckTimer
from shared.core.events import (
    AckReceived,
    ControlReceived,
    Event,
    KeyframeReceived,
    MotionReceived,
    VideoReceived,
    VoiceReceived,
)
from shared.core.keyframe_assembly import KeyframeAssembly
from shared.core.motion_history import MotionHistory
from shared.core.sequence_window import SequenceWindow
from shared.core.video_assembly import VideoReceiver
from shared.errors import MalformedMessage, UserError
from shared.frames import Channel, MotionFrame, Outgoing, VideoKind, VideoUnit, VoicePacket
from shared.limits import (
    ACK_AFTER_BYTES,
    ACK_DELAY_GROWTH_MS,
    ACK_INTERVAL_MS,
    ACK_URGENT_INTERVAL_MS,
    VOICE_SEEN,
)
from shared.media_time import unwrap_ms, wrap_ms
from shared.wire import Ack, Bundle, BundleReport, ControlFrame, KeyframePart, VideoPart, parse

IDLE_POLL_US = 1_000_000


@dataclass(frozen=True, slots=True)
class DecoderConfig:
    """ack_interval_ms: distance of acknowledgements while nothing is missing, 100..5000."""

    ack_interval_ms: int = ACK_INTERVAL_MS

    def __post_init__(self) -> None:
        """Raises UserError for values outside their ranges."""
        if not ACK_URGENT_INTERVAL_MS <= self.ack_interval_ms <= 5000:
            raise UserError(
                f"Acknowledging every {self.ack_interval_ms} ms is not possible: choose 100 to 5000 ms."
            )


@dataclass(frozen=True, slots=True)
class DecoderStats:
    """Counters since the start. repeated: duplicate or too old bundles. undecodable: bundles with an unknown base.

    video_units: complete thumbnails and video pictures.
    """

    bundles: int = 0
    repeated: int = 0
    motion_frames: int = 0
    voice_packets: int = 0
    undecodable: int = 0
    keyframes: int = 0
    video_units: int = 0


class Decoder:
    """See the module's docstring. Hand every message to `receive`; call `poll` when `next_poll_us` says so."""

    def __init__(self, config: DecoderConfig | None = None) -> None:
        config = config or DecoderConfig()
        self._window = SequenceWindow()
        self._history = MotionHistory()
        self._keyframes = KeyframeAssembly()
        self._video = VideoReceiver()
        self._timer = AckTimer(config.ack_interval_ms)
        self._voice_seen: deque[int] = deque(maxlen=VOICE_SEEN)
        self._media_ms: int | None = None
        self._newest_motion_ms: int | None = None
        self._usable_us = 0
        self._transit_us: int | None = None
        self._jitter_ms = 0.0
        self._told_transit_us: int | None = None
        self._untold_bytes = 0
        self._named_keyframe: int | None = None
        self._bases_lost = False
        self._wants_keyframe = False
        self.stats = DecoderStats()

    def receive(self, data: bytes, now_us: int) -> list[Event]:
        """The events in one message. Raises RemoteError subclasses only."""
        match parse(data):
            case Bundle() as bundle:
                return self._receive_bundle(bundle, len(data), now_us)
            case KeyframePart() as part:
                return self._receive_part(part, now_us)
            case VideoPart() as part:
                return self._receive_video_part(part, len(data))
            case Ack() as ack:
                return [AckReceived(ack)]
            case ControlFrame(payload):
                message = parse_control(payload)
                return [] if message is None else [ControlReceived(message)]
            case _:
                return []

    def poll(self, now_us: int) -> list[Outgoing]:
        """The acknowledgement that is due, if any, as a message of its own."""
        ack = self.take_ack(now_us)
        return [] if ack is None else [Outgoing(Channel.RT, bytes(ack))]

    def take_ack(self, now_us: int) -> Ack | None:
        """The acknowledgement that is due, if any: two-way calls hand it to `Encoder.push_ack` instead of polling."""
        request = self._keyframes.request(self._named_keyframe, now_us)
        due_us = self._timer.due_us(request)
        if due_us is None or now_us < due_us:
            return None
        self._timer.sent(request, now_us)
        self._told_transit_us, self._untold_bytes = self._transit_us, 0
        newest = self._newest_motion_ms
        return Ack(
            self._report(now_us),
            None if newest is None else wrap_ms(newest),
            self._keyframes.held,
            request,
            self._wants_keyframe,
            self._bases_lost,
            self._video.wanted,
        )

    def next_poll_us(self, now_us: int) -> int:
        """When to poll again, unless something is received before."""
        request = self._keyframes.request(self._named_keyframe, now_us)
        waits = (self._timer.due_us(request), self._keyframes.quiet_us(now_us), now_us + IDLE_POLL_US)
        return max(now_us, min(wait for wait in waits if wait is not None))

    def want_keyframe(self) -> None:
        """Ask the sender for a new reference, until one is complete."""
        self._wants_keyframe = True
        self._timer.arrived(urgent=True)

    def want_intra(self, kind: VideoKind) -> None:
        """Ask for a picture of this kind that stands alone, until one is complete: a reference picture is missing."""
        self._video.want_intra(kind)
        self._timer.arrived(urgent=True)

    def refuse_keyframe(self, keyframe_id: int) -> None:
        """The picture of a received keyframe cannot be decoded: forget it and ask for another reference."""
        self._keyframes.forget(keyframe_id)
        self.want_keyframe()

    # --- bundles ----------------------------------------------------------------------------------------------------

    def _receive_bundle(self, bundle: Bundle, size_bytes: int, now_us: int) -> list[Event]:
        if not self._window.is_fresh(bundle.seq):
            self._count(repeated=1)
            return []
        media_ms = unwrap_ms(bundle.media_ms, self._media_ms)
        if media_ms < 0:
            raise MalformedMessage("bundle before the start of the media clock")
        frames, complete = self._history.decode(bundle.motion, media_ms)
        self._note_arrival(bundle, media_ms, complete, now_us)
        self._note_bytes(size_bytes)
        self._note_motion(bundle, frames, complete)
        packets = self._fresh_voice(bundle, media_ms)
        pictures = self._fresh_pictures(bundle.video, media_ms)
        self._count(
            bundles=1,
            motion_frames=len(frames),
            voice_packets=len(packets),
            video_units=len(pictures),
            undecodable=not complete,
        )
        acks: list[Event] = [] if bundle.ack is None else [AckReceived(bundle.ack)]
        spoken: list[Event] = [*map(VoiceReceived, packets)]
        return [*acks, *spoken, *map(MotionReceived, frames), *map(VideoReceived, pictures)]

    def _note_arrival(self, bundle: Bundle, media_ms: int, usable: bool, now_us: int) -> None:
        newest = self._window.add(bundle.seq, usable, now_us)
        if newest and usable:
            self._usable_us = now_us
        if newest:
            self._media_ms = max(media_ms, self._media_ms or 0)
        self._note_transit(now_us - media_ms * 1000)
        self._timer.arrived(urgent=self._queue_grows(now_us - media_ms * 1000))

    def _note_bytes(self, size_bytes: int) -> None:
        self._untold_bytes += size_bytes
        self._timer.arrived(urgent=self._untold_bytes >= ACK_AFTER_BYTES)

    def _note_transit(self, transit_us: int) -> None:
        """Interarrival jitter, RFC 3550, section 6.4.1."""
        if self._transit_us is not None:
            self._jitter_ms += (abs(transit_us - self._transit_us) / 1000 - self._jitter_ms) / 16
        self._transit_us = transit_us

    def _queue_grows(self, transit_us: int) -> bool:
        """Whether the sender should hear of the transit now: it grew since the last acknowledgement, beyond jitter."""
        if self._told_transit_us is None:
            return False
        return transit_us - self._told_transit_us >= (ACK_DELAY_GROWTH_MS + 2 * self._jitter_ms) * 1000

    def _note_motion(self, bundle: Bundle, frames: list[MotionFrame], complete: bool) -> None:
        self._history.add(frames)
        if not complete:
            self._bases_lost = True
            self._timer.arrived(urgent=True)
        elif any(section.base_distance_ms == 0 for section in bundle.motion):
            self._bases_lost = False
        if frames and frames[-1].media_ms > (self._newest_motion_ms or -1):
            self._newest_motion_ms = frames[-1].media_ms
            self._named_keyframe = frames[-1].keyframe_id

    def _fresh_voice(self, bundle: Bundle, near_ms: int) -> list[VoicePacket]:
        packets = []
        for packet in bundle.voice:
            media_ms = unwrap_ms(packet.media_ms, near_ms)
            if media_ms not in self._voice_seen:
                self._voice_seen.append(media_ms)
                packets.append(replace(packet, media_ms=media_ms))
        return packets

    def _fresh_pictures(self, units: tuple[VideoUnit, ...], near_ms: int) -> list[VideoUnit]:
        placed = (replace(unit, media_ms=unwrap_ms(unit.media_ms, near_ms)) for unit in units)
        return [unit for unit in map(self._video.add_unit, placed) if unit is not None]

    # --- keyframes, parts of pictures, acknowledgements ------------------------------------------------------------

    def _receive_part(self, part: KeyframePart, now_us: int) -> list[Event]:
        keyframe = self._keyframes.add(part, now_us)
        self._timer.arrived(urgent=keyframe is not None)
        if keyframe is None:
            return []
        self._wants_keyframe = False
        self._count(keyframes=1)
        return [KeyframeReceived(keyframe)]

    def _receive_video_part(self, part: VideoPart, size_bytes: int) -> list[Event]:
        media_ms = unwrap_ms(part.media_ms, self._media_ms)
        if media_ms < 0:
            raise MalformedMessage("picture before the start of the media clock")
        self._note_bytes(size_bytes)
        unit = self._video.add_part(part, media_ms)
        self._count(video_units=unit is not None)
        return [] if unit is None else [VideoReceived(unit)]

    def _report(self, now_us: int) -> BundleReport | None:
        arrived = self._window.report()
        if arrived is None:
            return None
        age_ms = (now_us - self._usable_us) // 1000
        return BundleReport(*arrived, max(0, age_ms), round(self._jitter_ms), *self._window.arrivals())

    def _count(self, **more: int) -> None:
        self.stats = replace(
            self.stats, **{name: getattr(self.stats, name) + value for name, value in more.items()}
        )
