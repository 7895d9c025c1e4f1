"""One call's side of the renderer: what was received so far, and which picture that makes at a given moment.

    keyframes -> references --+
    voice -----> mouth -------+--> network --> reconstructed picture --+
    thumbnails -> shelf ------+                                        +--> Rendered
    video -----> shelf ------------------------ picture as sent -------+

Must not import asyncio. Invariant: a picture once shown is never followed by an empty one; what fails in one call reaches that
call only. `show`, `hear` and the `add` methods are for the session's thread, the others run in the worker's: of a call's
pictures one is finished before the next is begun.
"""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

import cv2
import numpy as np

from models.runtime.base import Array, Backend, Picture, ReferenceState, RenderRequest
from receiver.clock import monotonic_us
from receiver.disclosure import waiting_picture
from receiver.mouth import VoiceMouth
from receiver.picture_shelf import PictureShelf
from receiver.reference_store import ReferenceStore
from receiver.video_decoder import DecodedPicture, VideoDecoder
from receiver.voice_anchor import VoiceAnchor
from receiver.voice_features import VoiceFeatures
from shared.coding.motion_code import motion_vector
from shared.coding.motion_layout import MotionValues
from shared.core.due import PictureDue, PictureState
from shared.frames import Keyframe, VideoKind, VideoUnit, VoicePacket
from shared.limits import EARS_QUEUE, PICTURE_SIZE_PX, VIDEO_HOLD_MAX_MS, VIDEO_LEAVE_MS


@dataclass(frozen=True, slots=True)
class Rendered:
    """A finished picture, RGB uint8 (256, 256, 3). compute_ms: 0 when an earlier one is shown again.

    due: as asked for, its state VIDEO when the picture was sent as such. reconstructed: made by the network.
    """

    due: PictureDue
    picture: Picture
    compute_ms: float
    reconstructed: bool = True


@dataclass(frozen=True, slots=True)
class ReferenceDone:
    """A keyframe is ready, or error says why it never will be."""

    keyframe_id: int
    compute_ms: float
    error: Exception | None = None


@dataclass(frozen=True, slots=True)
class VideoBroken:
    """Pictures of this kind cannot be decoded any more until one comes that stands alone."""

    kind: VideoKind
    error: Exception


def _ignore(lower: bool) -> None:
    """For calls that follow the network's load by themselves."""


@dataclass(frozen=True, slots=True)
class CallCallbacks:
    """Called in the worker's threads; they must return at once and not raise.

    on_failure: one picture could not be rendered. on_video_broken: see `VideoBroken`; for each unit lost by it. on_lower: the
    network is overloaded and this call gets every second picture only (True) or all of them again (False); its peer could be
    asked for a lower rung. This one may also come from the thread that opens another call.
    """

    on_rendered: Callable[[Rendered], None]
    on_reference: Callable[[ReferenceDone], None]
    on_failure: Callable[[Exception], None]
    on_video_broken: Callable[[VideoBroken], None]
    on_lower: Callable[[bool], None] = _ignore


class Lanes(Protocol):
    """The worker's queues, one item of one call at a time; each returns whether an older item had to go."""

    backend: Backend

    def put_picture(self, call_id: int, due: PictureDue) -> bool:
        """Render a picture."""
        ...

    def put_reference(self, call_id: int, keyframe: Keyframe) -> bool:
        """Prepare a keyframe."""
        ...

    def put_video(self, call_id: int, unit: VideoUnit) -> bool:
        """Decode a thumbnail or video picture."""
        ...

    def close_call(self, call_id: int) -> None:
        """Forget a call and wait for the item at hand."""
        ...


@dataclass(frozen=True, slots=True)
class RenderJob:
    """A picture that the network has to make. start_s: when its making began, on the performance counter."""

    due: PictureDue
    request: RenderRequest
    start_s: float


@dataclass(frozen=True, slots=True)
class _Last:
    """The picture on show, and what it was made of; without a state it was not made by the network."""

    picture: Picture
    state: ReferenceState | None = None
    values: MotionValues | None = None
    thumbnail: Picture | None = None

    def shows(self, state: ReferenceState, values: MotionValues, thumbnail: Picture | None) -> bool:
        """Whether rendering these would give the same picture (but for the voice)."""
        if self.values is None or state is not self.state or thumbnail is not self.thumbnail:
            return False
        return np.array_equal(motion_vector(self.values), motion_vector(values))


class RenderCall:
    """Made by `RenderWorker.open_call`."""

    def __init__(
        self,
        call_id: int,
        lanes: Lanes,
        callbacks: CallCallbacks,
        ears: VoiceFeatures | None,
        before: Picture | None,
        now_us: Callable[[], int] = monotonic_us,
    ) -> None:
        """ears: this call's, closed with it. before: a picture to show instead of the card of a call that waits.

        now_us: by which coded pictures are counted against their limit.
        """
        self.dropped = 0
        self._id, self._lanes, self._callbacks, self._ears = call_id, lanes, callbacks, ears
        self._store = ReferenceStore(lanes.backend)
        self._mouth, self._anchor = VoiceMouth(), VoiceAnchor()
        self._heard: deque[VoicePacket] = deque(maxlen=EARS_QUEUE)
        self._decoders = {kind: VideoDecoder(now_us) for kind in VideoKind}
        self._shelves = {kind: PictureShelf() for kind in VideoKind}
        self._goes_on = before is not None
        self._last = _Last(waiting_picture(PICTURE_SIZE_PX) if before is None else before)

    def show(self, due: PictureDue) -> None:
        """Render this picture next."""
        self.dropped += self._lanes.put_picture(self._id, due)

    def hear(self, packet: VoicePacket) -> None:
        """Listen to this packet before the next picture; the mouth may need it."""
        if self._ears is not None:
            self._heard.append(packet)

    def add_reference(self, keyframe: Keyframe) -> None:
        """Prepare a keyframe; `on_reference` tells when it can be shown."""
        self._lanes.put_reference(self._id, keyframe)

    def add_video(self, unit: VideoUnit) -> None:
        """Decode a thumbnail or a video picture for its time; one that pushes out another breaks the chain by itself."""
        self._lanes.put_video(self._id, unit)

    def close(self) -> None:
        """Forget the call; no callback comes after this returns."""
        self._lanes.close_call(self._id)
        if self._ears is not None:
            self._ears.close()

    # --- in the worker's threads --------------------------------------------------------------------------------------

    def render(self, due: PictureDue) -> None:
        """A picture by itself, with the network at hand."""
        job = self.begin(due)
        if job is None:
            return
        outcome: Picture | Exception
        try:
            outcome = self._lanes.backend.render_batch([job.request])[0]
        except Exception as error:  # an engine may raise anything; the call decides what becomes of it
            outcome = error
        self.finish(job, outcome)

    def begin(self, due: PictureDue) -> RenderJob | None:
        """What the network has to do for a picture, which `finish` ends; None: nothing, the call has its answer already."""
        start_s = time.perf_counter()
        try:
            voice = self._listen(due)
            found = self._video(due) or self._request(due, voice)
        except Exception as error:  # the voice's network may raise anything
            self._callbacks.on_failure(error)
            return None
        if isinstance(found, RenderRequest):
            return RenderJob(due, found, start_s)
        self._callbacks.on_rendered(found)
        return None

    def finish(self, job: RenderJob, outcome: Picture | Exception) -> None:
        """outcome: the picture that was made, or why there is none."""
        if isinstance(outcome, Exception):
            self._callbacks.on_failure(outcome)
            return
        outcome.setflags(write=False)
        request = job.request
        self._last = _Last(outcome, request.state, request.motion, request.thumbnail)
        compute_ms = (time.perf_counter() - job.start_s) * 1000
        self._callbacks.on_rendered(Rendered(job.due, outcome, compute_ms))

    def lower(self, lower: bool) -> None:
        """The network is overloaded (True) or has room again (False): see `CallCallbacks`."""
        self._callbacks.on_lower(lower)

    def prepare(self, keyframe: Keyframe) -> None:
        """In the reference lane."""
        start_s = time.perf_counter()
        error: Exception | None = None
        try:
            self._store.add(keyframe)
        except Exception as caught:  # RemoteError from the picture, anything from an engine
            error = caught
        compute_ms = (time.perf_counter() - start_s) * 1000
        self._callbacks.on_reference(ReferenceDone(keyframe.keyframe_id, compute_ms, error))

    def decode(self, unit: VideoUnit) -> None:
        """In the video lane."""
        try:
            for found in self._decoders[unit.kind].decode(unit):
                whole = unit.kind is VideoKind.VIDEO
                self._shelves[unit.kind].put(_at_full_size(found) if whole else found)
        except Exception as error:  # RemoteError from the picture, anything from a codec
            self._callbacks.on_video_broken(VideoBroken(unit.kind, error))

    def _listen(self, due: PictureDue) -> Array | None:
        """Features (32,) of the voice around this picture, which also moves the mouth; None without voice."""
        if self._ears is None:
            return None
        while self._heard:
            self._ears.push(self._heard.popleft())
        heard = self._ears.listen(due.media_ms)
        now = (heard or self._ears.silence).expression
        taken_ms = None if due.keyframe_id is None else self._store.media_ms(due.keyframe_id)
        self._mouth.follow(now - self._anchor.held(due, taken_ms, now, self._said), due.media_ms)
        return None if heard is None else heard.features

    def _said(self, media_ms: int) -> Array:
        """The lips that the voice expects at another time than now; those of silence where it is not known any more."""
        assert self._ears is not None
        return (self._ears.listen(media_ms) or self._ears.silence).expression

    def _request(self, due: PictureDue, voice: Array | None) -> RenderRequest | Rendered:
        """What to ask of the network, or a picture that needs no asking."""
        state = None if due.keyframe_id is None else self._store.get(due.keyframe_id)
        if (
            state is None or due.values is None
        ):  # nothing yet, or it left the gallery while this picture waited
            return Rendered(self._waits(due), self._last.picture, 0.0)
        speaks = self._ears is not None and due.voice_share > 0.0
        values = self._mouth.move(due.values) if speaks else due.values
        small = self._shelves[VideoKind.THUMBNAIL].nearest(due.media_ms)
        thumbnail = None if small is None else small.picture
        still = due.state in (PictureState.HELD, PictureState.VOICE)
        if still and self._last.shows(state, values, thumbnail):
            return Rendered(due, self._last.picture, 0.0)
        return RenderRequest(state, values, voice, thumbnail)

    def _waits(self, due: PictureDue) -> PictureDue:
        """A call that goes on does not wait for its first picture: its last one is held."""
        waiting = due.state is PictureState.WAITING and self._goes_on
        return replace(due, state=PictureState.HELD) if waiting else due

    def _video(self, due: PictureDue) -> Rendered | None:
        """The picture as it was sent; None without one, and once the newest pose is newer by VIDEO_LEAVE_MS."""
        found = self._shelves[VideoKind.VIDEO].newest(due.media_ms)
        if found is None:
            return None
        age_ms, pose_ms = due.media_ms - found.media_ms, due.pose_ms
        stands = age_ms <= VIDEO_HOLD_MAX_MS
        motion_goes_on = pose_ms is not None and pose_ms - found.media_ms > VIDEO_LEAVE_MS
        if motion_goes_on or (due.state is PictureState.VOICE and not stands):
            return None
        self._last = _Last(found.picture)
        state = PictureState.VIDEO if stands else PictureState.HELD
        return Rendered(replace(due, state=state), found.picture, 0.0, reconstructed=False)


def _at_full_size(found: DecodedPicture) -> DecodedPicture:
    """As sinks take it: 256 px."""
    side = (PICTURE_SIZE_PX, PICTURE_SIZE_PX)
    if found.picture.shape[:2] == side:
        return found
    picture = np.asarray(cv2.resize(found.picture, side, interpolation=cv2.INTER_CUBIC), np.uint8)
    picture.setflags(write=False)
    return DecodedPicture(found.media_ms, picture)
