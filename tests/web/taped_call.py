"""A call in virtual time whose receiving end is written down: what it was told, and what it made of that.

Invariant: the tape holds every call of a method that changes something, in order, so that playing it back to another
implementation must give the same answers.
"""

import random
from typing import Any

from shared.core.decoder import Decoder
from shared.core.events import Event
from shared.core.playout import PictureDue, Playout, VoiceDue
from shared.frames import MotionFrame, Outgoing, VoicePacket
from tests.shared.harness import DELAY_MS, Call, Pattern, keyframe
from tests.web.described import mutated, outcome, plain

CALL_MS = 8000
DAMAGED_EVERY = 7
HEAD_BYTES = 6
"""Left whole in damaged messages: with another number the sender would refuse the acknowledgement and the call end."""
Tape = list[list[Any]]
"""[method, arguments, answer], answers as JSON or as the name of an error."""


def late(number: int) -> tuple[int, ...]:
    """Delays that grow by 400 ms for a while, then fall back."""
    return (DELAY_MS + (400 if 30 <= number % 90 < 60 else 0),)


class TapedDecoder(Decoder):
    """Writes down what it is told; before every seventh message it is told a damaged copy."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.tape: Tape = []
        self._rng = random.Random(seed)
        self._told = 0

    def receive(self, data: bytes, now_us: int) -> list[Event]:
        self._told += 1
        if self._told % DAMAGED_EVERY == 0:
            damaged = data[:HEAD_BYTES] + mutated(self._rng, data[HEAD_BYTES:])
            self._note(damaged, now_us, outcome(lambda: super(TapedDecoder, self).receive(damaged, now_us)))
        events = super().receive(data, now_us)
        self._note(data, now_us, plain(events))
        return events

    def poll(self, now_us: int) -> list[Outgoing]:
        sent = super().poll(now_us)
        self.tape.append(["poll", [now_us], [outgoing.data.hex() for outgoing in sent]])
        self.tape.append(["next_poll_us", [now_us], self.next_poll_us(now_us)])
        return sent

    def _note(self, data: bytes, now_us: int, answer: Any) -> None:
        self.tape.append(["receive", [data.hex(), now_us], answer])


class TapedPlayout(Playout):
    """Writes down what it is told and asked."""

    def __init__(self) -> None:
        super().__init__()
        self.tape: Tape = []

    def push_motion(self, frame: MotionFrame, now_us: int) -> None:
        super().push_motion(frame, now_us)
        self.tape.append(["push_motion", [plain(frame), now_us], None])

    def push_voice(self, packet: VoicePacket, now_us: int) -> None:
        super().push_voice(packet, now_us)
        self.tape.append(["push_voice", [plain(packet), now_us], None])

    def push_still(self, media_ms: int, now_us: int) -> None:
        super().push_still(media_ms, now_us)
        self.tape.append(["push_still", [media_ms, now_us], None])

    def add_keyframe(self, keyframe_id: int) -> None:
        super().add_keyframe(keyframe_id)
        self.tape.append(["add_keyframe", [keyframe_id], None])

    def push_video(self, media_ms: int, now_us: int) -> None:
        super().push_video(media_ms, now_us)
        self.tape.append(["push_video", [media_ms, now_us], None])

    def expect_motion(self, expected: bool) -> None:
        super().expect_motion(expected)
        self.tape.append(["expect_motion", [expected], None])

    def picture_at(self, now_us: int) -> PictureDue | None:
        due = super().picture_at(now_us)
        self.tape.append(["picture_at", [now_us], due and {**plain(due), "state": due.state.value}])
        return due

    def voice_at(self, now_us: int) -> VoiceDue | None:
        due = super().voice_at(now_us)
        self.tape.append(["voice_at", [now_us], plain(due)])
        self.tape.append(["next_due_us", [], self.next_due_us()])
        return due


def taped_call(seed: int, forward: Pattern, **settings: Any) -> dict[str, Any]:
    """Both tapes of a call of CALL_MS that changes its keyframe in the middle, and what was counted."""
    decoder, playout = TapedDecoder(seed), TapedPlayout()
    call = Call(forward=forward, decoder=decoder, playout=playout, **settings)
    call.encoder.push_keyframe(keyframe(0, 1500))
    call.run(CALL_MS // 2)
    call.encoder.push_keyframe(keyframe(1, 1200, call.now_ms))
    call.keyframe_id = 1
    call.run(CALL_MS)
    counted = {"late": playout.late, "skipped_pictures": playout.skipped_pictures}
    return {
        "decoder": decoder.tape,
        "stats": plain(decoder.stats),
        "playout": playout.tape,
        "counted": counted,
    }
