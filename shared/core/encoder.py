"""One direction of a call: frames, voice, keyframes and control in, messages out. Sans-IO: `now_us` is handed in.

    push_voice ---> Bundler ---+--> bundle (rt) every bundle_ms      1. voice and motion, never behind anything else
    push_motion --> Bundler ---+        ^ prediction base
    receive_ack --> AckHistory ---------+
    push_control -> queue ------> control frame (ctl)                 2.
    push_keyframe > KeyframeSender > keyframe parts (rt), paced       3.
    push_video ---> VideoQueue --+--> in the bundles, as far as they have room
                                 +--> parts of larger pictures (rt), paced       4.

Must not import transports, clocks or asyncio. Invariant: motion is predicted only from frames that the receiver is
known to have (while no loss is seen, also from those on their way), and names only keyframes that it holds (or the
first, once sent); a peer's acknowledgement can make the encoder send more carefully, never wrongly.
"""

from collections import deque
from dataclasses import dataclass, replace

from shared.coding.quantiser import checked_symbols
from shared.coding.tables import load_tables
from shared.control import ControlMessage, pack_control
from shared.core.ack_history import AckHistory, Arrival
from shared.core.bundler import Bundler
from shared.core.compose import compose, with_repeated_motion, with_repeated_voice
from shared.core.keyframe_sender import KeyframeSender
from shared.core.video_queue import VideoQueue
from shared.errors import UserError
from shared.frames import Channel, Keyframe, MotionFrame, Outgoing, VideoKind, VideoUnit, VoicePacket
from shared.keyframe_blob import pack_keyframe
from shared.limits import (
    BUNDLE_MAX_MS,
    BUNDLE_MIN_MS,
    CONTROL_QUEUE_MESSAGES,
    MESSAGE_MAX_BYTES,
    PACKET_WIRE_BYTES,
)
from shared.wire import BUNDLE_HEADER_BYTES, VOICE_HEADER_BYTES, Ack, Bundle, ControlFrame
from shared.wire_video import UNIT_HEADER_BYTES

EARLY_FRAMES = 8
"""Frames that wait for the first keyframe to be sent: 320 ms at 25 fps, and as many as fit one bundle."""
IDLE_POLL_US = 1_000_000
"""How long `next_poll_us` looks ahead when nothing waits."""


@dataclass(frozen=True, slots=True)
class EncoderConfig:
    """bundle_ms: 40..200. keyframe_kbps: pace of the parts, 1..10000. redundancy: None follows the measured loss."""

    bundle_ms: int = 80
    keyframe_kbps: float = 100.0
    redundancy: bool | None = None

    def __post_init__(self) -> None:
        """Raises UserError for values outside their ranges."""
        if not BUNDLE_MIN_MS <= self.bundle_ms <= BUNDLE_MAX_MS:
            raise UserError(
                f"Bundles every {self.bundle_ms} ms are not possible: choose {BUNDLE_MIN_MS} to {BUNDLE_MAX_MS} ms."
            )
        if not 1 <= self.keyframe_kbps <= 10_000:
            raise UserError(
                f"Keyframes at {self.keyframe_kbps} kbit/s are not possible: choose 1 to 10000 kbit/s."
            )


@dataclass(frozen=True, slots=True)
class EncoderStats:
    """Payload bytes handed out so far, by part, and what did not go. Packet headers are counted at the socket, not
    here.

    audio: Opus packets with their headers, repeats included. motion: coded symbols with their headers. keyframe: parts.
    control: control messages, acknowledgements and the bundles' own 6 bytes. thumbnail, video: pictures with their
    headers.
    """

    audio_bytes: int = 0
    motion_bytes: int = 0
    keyframe_bytes: int = 0
    control_bytes: int = 0
    thumbnail_bytes: int = 0
    video_bytes: int = 0
    bundles: int = 0
    motion_frames: int = 0
    motion_held_back: int = 0
    stale_dropped: int = 0
    parts_resent: int = 0
    pictures_dropped: int = 0


class Encoder:
    """See the module's docstring. Push what there is, then `poll`; `next_poll_us` says when to poll again."""

    def __init__(self, config: EncoderConfig) -> None:
        self.config = config
        self._bundler = Bundler(config.bundle_ms)
        self._history = AckHistory()
        self._keyframes = KeyframeSender(config.keyframe_kbps)
        self._control: deque[ControlMessage] = deque(maxlen=CONTROL_QUEUE_MESSAGES)
        self._ack: tuple[Ack, int] | None = None
        self._last_voice: VoicePacket | None = None
        self._last_motion: tuple[MotionFrame, ...] = ()
        self._early: deque[MotionFrame] = deque(maxlen=EARLY_FRAMES)
        self._stats = EncoderStats()
        self._keyframe_wanted = False
        self._video = VideoQueue()
        self._redundancy = config.redundancy
        self._pace_kbps = config.keyframe_kbps
        self._unrecorded_bytes = 0
        self._picture_us: int | None = None

    def follow(self, bundle_ms: int, redundancy: bool | None, pace_kbps: float) -> None:
        """Send so from the next bundle on. redundancy: as in EncoderConfig. pace_kbps: of the parts of large pictures.

        Raises UserError for values outside their ranges.
        """
        self.config = replace(self.config, bundle_ms=bundle_ms, redundancy=redundancy)
        self._bundler.bundle_ms, self._redundancy, self._pace_kbps = (
            bundle_ms,
            redundancy,
            max(1.0, pace_kbps),
        )

    def pace_keyframes(self, kbps: float) -> None:
        """Send keyframe parts at this rate, never faster than the configuration allows. kbps: at least 1."""
        self._keyframes.pace(min(max(1.0, kbps), self.config.keyframe_kbps))

    # --- what goes in ------------------------------------------------------------------------------------------------

    def push_motion(self, frame: MotionFrame) -> None:
        """Queue a frame, newest last. While no keyframe is usable, frames wait for the first one to be sent.

        After that a frame of a keyframe that is not usable is dropped and counted. Raises UserError for symbols outside
        the coder's ranges.
        """
        checked_symbols(frame.symbols, load_tables().motion)
        if not self._keyframes.all_usable():
            self._count(motion_held_back=len(self._early) == self._early.maxlen)
            self._early.append(frame)
        elif self._keyframes.usable(frame.keyframe_id):
            self._bundler.push_motion(frame)
        else:
            self._count(motion_held_back=1)

    def push_voice(self, packet: VoicePacket) -> None:
        """Queue an Opus packet, newest last."""
        self._bundler.push_voice(packet)

    def push_video(self, unit: VideoUnit) -> None:
        """Queue a thumbnail or video picture, newest last."""
        self._video.push(unit)

    def push_keyframe(self, keyframe: Keyframe) -> None:
        """Start delivering a keyframe. Raises ValueError when it is too large."""
        self._keyframes.push(keyframe.keyframe_id, pack_keyframe(keyframe))
        self._keyframe_wanted = False

    def push_control(self, message: ControlMessage) -> None:
        """Queue a control message. Raises ValueError when a peer would refuse it."""
        pack_control(message)
        self._control.append(message)

    def push_ack(self, ack: Ack, now_us: int) -> None:
        """Two-way calls: the local decoder's acknowledgement, to travel in the next bundle instead of alone."""
        self._ack = (ack, now_us)

    def receive_ack(self, ack: Ack, now_us: int) -> None:
        """The peer's acknowledgement. Raises MalformedMessage, with nothing changed, when it names the future."""
        if ack.report is not None:
            self._history.check(ack.report)
        if ack.bases_lost:
            self._history.forget_bases()
        newest = self._history.acknowledge(ack.report, now_us) if ack.report else self._history.rtt_ms is None
        if not newest:
            return
        self._keyframes.take_held(ack.keyframes_held)
        self._keyframe_wanted |= ack.wants_keyframe
        self._video.wish(ack.wants_intra, now_us, self._history.rtt_ms)
        if ack.request is not None:
            self._keyframes.take_request(ack.request, now_us, self._history.rtt_ms)

    # --- what comes out ---------------------------------------------------------------------------------------------

    def poll(self, now_us: int) -> list[Outgoing]:
        """Everything that should be sent now, most urgent first."""
        outgoing = []
        due_us = self._due_us(now_us)
        while due_us is not None and due_us <= now_us:
            outgoing.append(self._next_bundle(now_us))
            due_us = self._due_us(now_us)
        behind = [self._next_control() for _ in range(len(self._control))]
        behind += [*self._next_parts(now_us), *self._next_video_parts(now_us)]
        self._unrecorded_bytes += sum(len(message.data) + PACKET_WIRE_BYTES for message in behind)
        self._release_early()
        return outgoing + behind

    def next_poll_us(self, now_us: int) -> int:
        """When to poll again, unless something is pushed before."""
        if self._control:
            return now_us
        due_us, parts_us = self._due_us(now_us), (self._keyframes.next_us(), self._video.next_us())
        waits = (due_us, *parts_us, now_us + IDLE_POLL_US)
        return max(now_us, min(wait for wait in waits if wait is not None))

    @property
    def stats(self) -> EncoderStats:
        """Counters up to now."""
        return replace(
            self._stats,
            stale_dropped=self._bundler.dropped,
            parts_resent=self._keyframes.parts_resent,
            pictures_dropped=self._video.dropped,
        )

    @property
    def usable_keyframe_ids(self) -> tuple[int, ...]:
        """The keyframes that motion may name now, oldest first; none: hold motion, send voice."""
        return self._keyframes.all_usable()

    @property
    def rtt_ms(self) -> float | None:
        """Smoothed round trip, None until the first acknowledgement."""
        return self._history.rtt_ms

    @property
    def loss(self) -> float:
        """Share of the last (up to 32) reported bundles that did not arrive, 0..1."""
        return self._history.loss

    def take_keyframe_wish(self) -> bool:
        """Whether the receiver asked for a new reference since the last call or the last push_keyframe."""
        wanted, self._keyframe_wanted = self._keyframe_wanted, False
        return wanted

    def _release_early(self) -> None:
        """The first keyframe is out: what was coded against it meanwhile may follow."""
        while self._early and self._keyframes.all_usable():
            self.push_motion(self._early.popleft())

    def take_intra_wish(self, kind: VideoKind) -> bool:
        """Whether the next picture of this kind must stand alone; asked for once until the receiver wishes it again."""
        return self._video.take_wish(kind)

    def take_arrivals(self) -> list[Arrival]:
        """Bundles whose arrival the receiver reported since the last call, oldest first."""
        return self._history.take_arrivals()

    @property
    def in_flight_bytes(self) -> int:
        """Wire bytes sent in and before the bundles that are not known to have arrived."""
        return self._history.in_flight_bytes

    # --- bundles ----------------------------------------------------------------------------------------------------

    def _next_bundle(self, now_us: int) -> Outgoing:
        voice, frames = self._bundler.take()
        ack = self._take_ack(now_us)
        repeating = self._repeating
        sent_voice = with_repeated_voice(self._last_voice, voice) if repeating else voice
        sent_frames = with_repeated_motion(self._last_motion, frames) if repeating else frames
        carried: tuple[MotionFrame, ...] = ()
        if not voice and not frames:
            bundle = self._pictures_alone(ack, now_us)
        else:
            bundle, carried = compose(sent_voice, sent_frames, ack, self._history)
            media_ms = sent_voice[0].media_ms if sent_voice else sent_frames[0].media_ms
            bundle = replace(bundle, video=self._pictures_beside(bundle, media_ms, now_us))
        fresh = max(0, len(carried) - (len(sent_frames) - len(frames)))
        self._bundler.put_back(frames[fresh:])
        data = bytes(bundle)
        size_bytes = len(data) + PACKET_WIRE_BYTES + self._unrecorded_bytes
        self._history.record(now_us, carried, size_bytes)
        self._unrecorded_bytes = 0
        self._last_voice = voice[-1] if voice else self._last_voice
        self._last_motion = frames[:fresh]
        self._count_bundle(bundle, len(data), fresh)
        return Outgoing(Channel.RT, data)

    def _due_us(self, now_us: int) -> int | None:
        """When the next bundle is due: for its voice and motion, or for pictures that nothing else would take along."""
        due_us, oldest_ms = self._bundler.due_us(now_us), self._video.oldest_ms
        if oldest_ms is None:
            self._picture_us = None
            return due_us
        if self._picture_us is None:
            self._picture_us = now_us
        picture_us = self._picture_us + self.config.bundle_ms * 1250
        return picture_us if due_us is None else min(due_us, picture_us)

    def _pictures_beside(self, bundle: Bundle, media_ms: int, now_us: int) -> tuple[VideoUnit, ...]:
        self._picture_us = None
        return self._video.take_small(media_ms, MESSAGE_MAX_BYTES - len(bytes(bundle)), now_us)

    def _pictures_alone(self, ack: Ack | None, now_us: int) -> Bundle:
        self._picture_us = None
        head_bytes = BUNDLE_HEADER_BYTES + (0 if ack is None else len(ack.body()))
        video = self._video.take_small(None, MESSAGE_MAX_BYTES - head_bytes, now_us)
        return Bundle(self._history.next_seq, ack=ack, video=video)

    @property
    def _repeating(self) -> bool:
        return self._history.careful if self._redundancy is None else self._redundancy

    def _take_ack(self, now_us: int) -> Ack | None:
        """The waiting acknowledgement, its age counted up to now."""
        if self._ack is None:
            return None
        (ack, since_us), self._ack = self._ack, None
        if ack.report is None:
            return ack
        age_ms = ack.report.age_ms + (now_us - since_us) // 1000
        return replace(ack, report=replace(ack.report, age_ms=age_ms))

    def _count_bundle(self, bundle: Bundle, size_bytes: int, fresh_frames: int) -> None:
        audio = sum(VOICE_HEADER_BYTES + len(packet.data) for packet in bundle.voice)
        ack = 0 if bundle.ack is None else len(bundle.ack.body())
        pictures = {kind: _pictures_bytes(bundle.video, kind) for kind in VideoKind}
        motion = size_bytes - BUNDLE_HEADER_BYTES - audio - ack - sum(pictures.values())
        self._count(
            audio_bytes=audio,
            motion_bytes=motion,
            thumbnail_bytes=pictures[VideoKind.THUMBNAIL],
            video_bytes=pictures[VideoKind.VIDEO],
            control_bytes=BUNDLE_HEADER_BYTES + ack,
            bundles=1,
            motion_frames=fresh_frames,
        )

    # --- control and keyframes --------------------------------------------------------------------------------------

    def _next_control(self) -> Outgoing:
        data = bytes(ControlFrame(pack_control(self._control.popleft())))
        self._count(control_bytes=len(data))
        return Outgoing(Channel.CTL, data)

    def _next_parts(self, now_us: int) -> list[Outgoing]:
        parts = [bytes(part) for part in self._keyframes.poll(now_us)]
        self._count(keyframe_bytes=sum(map(len, parts)))
        return [Outgoing(Channel.RT, data) for data in parts]

    def _next_video_parts(self, now_us: int) -> list[Outgoing]:
        part = self._video.take_part(now_us, self._pace_kbps)
        if part is None:
            return []
        data = bytes(part)
        thumbnail = part.kind is VideoKind.THUMBNAIL
        self._count(**{"thumbnail_bytes" if thumbnail else "video_bytes": len(data)})
        return [Outgoing(Channel.RT, data)]

    def _count(self, **more: int) -> None:
        self._stats = replace(
            self._stats, **{name: getattr(self._stats, name) + value for name, value in more.items()}
        )


def _pictures_bytes(units: tuple[VideoUnit, ...], kind: VideoKind) -> int:
    return sum(UNIT_HEADER_BYTES + len(unit.data) for unit in units if unit.kind is kind)
