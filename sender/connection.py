"""One connection of a call: encoder and rate control on the way out, the peer's answers on the way back.

    voice, motion, pictures, keyframes --push--> Encoder --poll--> transport --> Decoder --> acknowledgements, control
                                                    ^------------ RateFollower <------------------+

Must not import the source, the pipeline, aiortc or aiohttp (the transport is handed in). Invariant: whatever is pushed after
the end is dropped; how a connection ended is its result, and only mistakes of our own are raised.
"""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, Final

from sender.authentication import Authentication
from sender.call_end import CallEnd, EndReason
from sender.config import SenderConfig
from sender.rate_follower import RateFollower
from sender.reference_choice import KEYFRAME_WIRE_BYTES, Reference
from sender.sources.base import Clock
from sender.stats import CallStats, Traffic
from sender.tasks import cancelled
from shared.control import AuthCommit, AuthReveal, Bye, Disclosure, Hello, Pin
from shared.core.decoder import Decoder
from shared.core.encoder import Encoder, EncoderConfig
from shared.core.events import AckReceived, ControlReceived, Event
from shared.core.ladder import Plan
from shared.errors import RemoteError, UnsupportedVersion, UserError
from shared.frames import Keyframe, MotionFrame, Rung, VideoUnit, VoicePacket
from shared.limits import CALL_MALFORMED_MAX, GALLERY_SIZE, PEER_PROBE_MS
from shared.short_authentication import AuthenticationFailed
from shared.transport.base import Transport, TransportClosed, TransportState, WireSnapshot

DISCLOSURE_TEXT: Final = "The picture is rebuilt by a neural network from motion data; the voice is real."


class Connection:
    """What belongs to one transport and to nobody after it. `run` once."""

    def __init__(
        self,
        config: SenderConfig,
        transport: Transport,
        hello: Hello,
        authentication: Authentication,
        stats: CallStats,
        clock: Clock,
        on_plan: Callable[[Plan], None],
    ) -> None:
        """hello: what this end says first. stats: the call's, to be counted into. on_plan: told every plan, the first too."""
        self.transport = transport
        self.encoder = Encoder(EncoderConfig(keyframe_kbps=config.keyframe_kbps))
        self.follower = RateFollower(self.encoder, config.ladder, config.voice_frame_ms)
        self.over = False
        self._hello, self._authentication = hello, authentication
        self._stats, self._clock, self._on_plan = stats, clock, on_plan
        self._decoder = Decoder()
        self._references: dict[int, Reference] = {}
        self._begun_us = self._heard_us = clock.now_us()
        self._wire_at_end: WireSnapshot | None = None
        self._malformed = 0
        self._wake = asyncio.Event()
        self._end: asyncio.Future[CallEnd] = asyncio.get_running_loop().create_future()

    async def run(self) -> CallEnd:
        """From the first message to the last; why there are no more. Cancel it to end the connection from this end."""
        for message in (self._hello, Disclosure(DISCLOSURE_TEXT), self.follower.media_config):
            self.encoder.push_control(message)
        for commit in self._authentication.commits:
            self.encoder.push_control(commit)
        self._on_plan(self.follower.plan)
        parts = [
            asyncio.ensure_future(self._guard(part))
            for part in (self._send(), self._receive(), self._probe())
        ]
        try:
            return await asyncio.shield(self._end)
        finally:
            self.over = True
            await cancelled(parts)

    # --- what goes out ----------------------------------------------------------------------------------------------

    def push_voice(self, packet: VoicePacket) -> None:
        """For the next bundle."""
        if not self.over:
            self.encoder.push_voice(packet)
            self._wake.set()

    def push_picture(self, motion: MotionFrame | None, unit: VideoUnit | None) -> None:
        """What one picture became; the unit is a thumbnail or a part of video."""
        if self.over:
            return
        if motion is not None:
            self.encoder.push_motion(motion)
        if unit is not None:
            self.encoder.push_video(unit)
        self._wake.set()

    def push_keyframe(self, keyframe: Keyframe, reference: Reference, motion: MotionFrame | None) -> None:
        """reference: what later motion needs of it. motion: of the picture that it was made of."""
        if self.over:
            return
        self._references[keyframe.keyframe_id] = reference
        while len(self._references) > GALLERY_SIZE:
            self._references.pop(next(iter(self._references)))
        self.encoder.push_keyframe(keyframe)
        for bound in self._authentication.bind(keyframe):
            self.encoder.push_control(bound)
        self.push_picture(motion, None)

    async def say_goodbye(self, reason: str) -> None:
        """Sends what is still waiting, then Bye. A peer that is gone does not hear it."""
        self._wake.set()
        if self.over or self.transport.state is not TransportState.OPEN:
            return
        await asyncio.sleep(self.follower.plan.bundle_ms * 1.5 / 1000)  # the last bundle's own time
        self.encoder.push_control(Bye(reason))
        with suppress(TransportClosed):
            for outgoing in self.encoder.poll(self._clock.now_us()):
                await self.transport.send(outgoing)

    # --- what motion can be coded against ---------------------------------------------------------------------------

    @property
    def has_reference(self) -> bool:
        """Whether a keyframe was sent."""
        return bool(self._references)

    @property
    def usable(self) -> list[Reference]:
        """What motion may be coded against, oldest first: keyframes that are usable, or the first one while it is on its way."""
        if self.over:
            return []
        keys = self.encoder.usable_keyframe_ids or tuple(self._references)[-1:]
        return [self._references[key] for key in keys if key in self._references]

    @property
    def delivering(self) -> bool:
        """Whether a keyframe is under way: the receiver repeats its wish until it has one."""
        newest = next(reversed(self._references), None)
        return newest is not None and newest not in self.encoder.usable_keyframe_ids

    @property
    def may_build(self) -> bool:
        """Whether a keyframe that nobody asked for has its time: on the voice rung, where nothing moves, the first is enough."""
        moves = self.follower.plan.rung is not Rung.VOICE
        return not self.over and (moves or not self._references)

    @property
    def has_spare(self) -> bool:
        """Whether the call keeps to its plan's rate on the average when a keyframe goes out that is only worth it."""
        return self.transport.counter.snapshot().keeps_within(
            self.follower.plan.wire_kbps(), KEYFRAME_WIRE_BYTES
        )

    # --- the network ------------------------------------------------------------------------------------------------

    async def _send(self) -> None:
        """Sends what the encoder wants sent, when it wants to be asked."""
        while True:
            self._wake.clear()
            now_us = self._clock.now_us()
            if (plan := self.follower.update(now_us)) is not None:
                self._on_plan(plan)
            for outgoing in self.encoder.poll(now_us):
                await self.transport.send(outgoing)
            wait_us = self.encoder.next_poll_us(now_us) - self._clock.now_us()
            # Not wait_for: before Python 3.12 it swallows a cancellation that meets the event.
            with suppress(TimeoutError):
                async with asyncio.timeout(max(wait_us, 0) / 1_000_000):
                    await self._wake.wait()

    async def _receive(self) -> None:
        while True:
            _, data = await self.transport.receive()
            now_us = self._heard_us = self._clock.now_us()
            try:
                for event in self._decoder.receive(data, now_us):
                    self._answer(event, now_us)
            except (UnsupportedVersion, AuthenticationFailed) as error:
                self._finish(EndReason.PEER_REFUSED, error)
            except RemoteError as error:
                self._count_malformed(error)

    async def _probe(self) -> None:
        """Say something harmless to a peer that says nothing, so that its transport must answer or be found dead."""
        while True:
            await asyncio.sleep(PEER_PROBE_MS / 1000)
            if self._clock.now_us() - self._heard_us >= PEER_PROBE_MS * 1000:
                self.encoder.push_control(Pin(None))
                self._wake.set()

    def _answer(self, event: Event, now_us: int) -> None:
        match event:
            case AckReceived(ack):
                self.encoder.receive_ack(ack, now_us)
                self.follower.acknowledged(now_us)
                self._wake.set()
            case ControlReceived(Hello() as hello):
                self._compare(hello)
                self.follower.greet(hello)
            case ControlReceived(Pin(rung)):
                self.follower.pin(rung)
                self._wake.set()
            case ControlReceived(AuthCommit() | AuthReveal() as message):
                for answer in self._authentication.take(message):
                    self.encoder.push_control(answer)
                    self._wake.set()
            case ControlReceived(Bye()):
                self._finish(EndReason.PEER_LEFT)
            case _:
                self._stats.counts["ignored_events"] += 1

    def _compare(self, hello: Hello) -> None:
        """Other tables or another model would turn motion into nonsense, so the call ends with a reason."""
        if hello.tables != self._hello.tables or hello.model != self._hello.model:
            message = (
                "The other end uses another motion model: install the same version of facewire at both ends."
            )
            self._finish(EndReason.PEER_REFUSED, UserError(message))

    def _count_malformed(self, error: RemoteError) -> None:
        self._stats.counts["malformed"] += 1
        self._malformed += 1
        if self._malformed > CALL_MALFORMED_MAX:
            self._finish(EndReason.PEER_REFUSED, error)

    # --- the end ----------------------------------------------------------------------------------------------------

    async def close(self) -> None:
        """Closes the transport. Its numbers are final before: a drawn-out close would make the mean rates look smaller."""
        self._wire_at_end = self._wire_at_end or self.transport.counter.snapshot()
        await self.transport.close()

    @property
    def traffic(self) -> Traffic:
        """What this connection took."""
        counter = self.transport.counter
        wire = self._wire_at_end or counter.snapshot()
        return Traffic(wire, counter.history(), self.encoder.stats, self._begun_us)

    async def _guard(self, work: Coroutine[Any, Any, None]) -> None:
        """Runs one of the parts; what breaks it ends the connection, with its reason."""
        try:
            await work
        except TransportClosed as closed:
            if isinstance(closed.__cause__, RemoteError):
                self._finish(EndReason.PEER_REFUSED, closed.__cause__)
            self._finish(EndReason.PEER_LOST, closed)
        except Exception as error:
            if not self._end.done():
                self._end.set_exception(error)

    def _finish(self, reason: EndReason, error: Exception | None = None) -> None:
        if not self._end.done():
            self._end.set_result(CallEnd(reason, error))
