"""State machines under a stranger's bytes: what was refused leaves no trace, what is kept is bounded.

    honest messages ----> subject and twin: the same events, the same answers
    mutated messages ---> subject; to the twin only those that the subject took

Invariant: subject and twin never differ, so garbage that was refused changed nothing.
"""

import pickle
import random
from copy import deepcopy
from dataclasses import dataclass, field

from shared.core.decoder import Decoder
from shared.core.encoder import Encoder, EncoderConfig
from shared.core.events import AckReceived, Event
from shared.errors import RemoteError
from shared.frames import VoicePacket
from shared.wire import KeyframePart, VideoPart, parse
from tests.fuzz.mutate import mutated
from tests.shared.harness import frame_at, keyframe, motion_walk

KEPT_MAX_BYTES = 400_000
"""Both machines with everything that they remember, pickled."""
STEP_MS = 40
WALK = motion_walk(400, seed=3)
SEEDS_KEPT = 64


@dataclass
class Machines:
    """One call whose messages cross a link on which a stranger writes, too. `step` as often as wanted."""

    rng: random.Random
    encoder: Encoder = field(default_factory=lambda: Encoder(EncoderConfig()))
    decoder: Decoder = field(default_factory=Decoder)
    refused: int = 0
    taken: int = 0
    _index: int = 0
    _seeds: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.encoder.push_keyframe(keyframe(0))
        self._twin = deepcopy(self.decoder)

    @property
    def now_us(self) -> int:
        """Virtual time."""
        return self._index * STEP_MS * 1000

    def step(self) -> None:
        """One picture and its messages, and what a stranger says meanwhile. Raises AssertionError."""
        self._index += 1
        self.encoder.push_motion(frame_at(self._index, WALK, 0))
        if self._index % 2 == 0:
            self.encoder.push_voice(VoicePacket((self._index - 2) * STEP_MS, 80, self.rng.randbytes(60)))
        for outgoing in self.encoder.poll(self.now_us):
            self._forward(outgoing.data)
        answers = self.decoder.poll(self.now_us)
        assert answers == self._twin.poll(self.now_us), "a refused message left a trace in an acknowledgement"
        for outgoing in answers:
            self._back(outgoing.data)
        if self._index % 250 == 0:
            kept = len(pickle.dumps((self.decoder, self.encoder)))
            assert kept < KEPT_MAX_BYTES, f"{kept} bytes are kept after {self._index} steps"

    def _forward(self, data: bytes) -> None:
        self._remember(data)
        for _ in range(self.rng.randint(0, 3)):
            self._stranger(mutated(self.rng, self._seeds))
        self._same(self._heard(self.decoder, data), self._heard(self._twin, data))

    def _heard(self, decoder: Decoder, data: bytes) -> list[Event] | RemoteError:
        """What a message becomes. Honest ones may be refused, too, where a stranger's was taken before them."""
        try:
            return decoder.receive(data, self.now_us)
        except RemoteError as error:
            return error

    def _same(self, heard: list[Event] | RemoteError, wanted: list[Event] | RemoteError) -> None:
        assert repr(heard) == repr(wanted), f"a refused message left a trace: {heard!r} instead of {wanted!r}"

    def _stranger(self, data: bytes) -> None:
        heard = self._heard(self.decoder, data)
        self.refused += isinstance(heard, RemoteError)
        self.taken += not isinstance(heard, RemoteError)
        # A part that contradicts the others throws all of them away (PROTOCOL.md, section 5): its trace is meant.
        if not isinstance(heard, RemoteError) or _is_part(data):
            self._same(heard, self._heard(self._twin, data))

    def _back(self, data: bytes) -> None:
        """An acknowledgement of the receiver, after a few that nobody sent: those that name the future leave no trace."""
        for _ in range(self.rng.randint(0, 2)):
            self._acknowledge(mutated(self.rng, [data]))
        self._acknowledge(data)

    def _acknowledge(self, data: bytes) -> None:
        before = pickle.dumps(self.encoder)
        try:
            for event in Decoder().receive(data, self.now_us):
                if isinstance(event, AckReceived):
                    self.encoder.receive_ack(event.ack, self.now_us)
        except RemoteError:
            self.refused += 1
            assert pickle.dumps(self.encoder) == before, "a refused acknowledgement left a trace"

    def _remember(self, data: bytes) -> None:
        self._seeds.append(data)
        if len(self._seeds) > SEEDS_KEPT:
            del self._seeds[self.rng.randrange(SEEDS_KEPT)]


def _is_part(data: bytes) -> bool:
    try:
        return isinstance(parse(data), KeyframePart | VideoPart)
    except RemoteError:
        return False
