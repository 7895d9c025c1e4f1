"""Records the call that `python -m receiver.bench` plays: `python -m tests.receiver.bench.make_tape`.

    sample.mp4 --sender--> keyframe, motion, voice --Encoder--> messages --> receiver/bench/call.json
                                                       ^-- acknowledgements of a Decoder 30 ms away

Everything real but the time: the sender's tracker, coder and Opus, and the state machines at both ends. The 10 s of the sample go
forth, back and forth again. Invariant: what is written is what left the encoder, in its order.
"""

from typing import Final

import av
import numpy as np
from numpy.typing import NDArray

from experiments.sample import SAMPLE_PATH
from models.evaluation.offline_call import FRAME_MS, Coded, OfflineSender
from receiver.bench.tape import TapeMessage, write_tape
from shared.core.decoder import Decoder
from shared.core.encoder import Encoder, EncoderConfig
from shared.core.events import AckReceived
from shared.frames import MotionFrame, Outgoing, VoicePacket

SECONDS: Final = 30
TRANSIT_MS: Final = 30
STEP_MS: Final = 10


def main() -> None:
    """Write the tape."""
    coded = OfflineSender().code(_pictures(), _voice())
    messages = record(coded)
    write_tape(messages)
    size = sum(len(one.data) for one in messages)
    print(f"{len(messages)} messages, {size} bytes, {size * 8 / 1000 / SECONDS:.1f} kbit/s without headers")


def record(coded: Coded) -> list[TapeMessage]:
    """What an encoder sends for SECONDS, played to a decoder that acknowledges."""
    encoder, decoder, events = Encoder(EncoderConfig()), Decoder(), Decoder()
    tape: list[TapeMessage] = []
    back: list[tuple[int, Outgoing]] = []
    frames, packets = _looped(coded)
    encoder.push_keyframe(coded.keyframes[0])
    for now_ms in range(0, SECONDS * 1000, STEP_MS):
        while frames and frames[0].media_ms <= now_ms:
            encoder.push_motion(frames.pop(0))
        while packets and packets[0].media_ms + packets[0].duration_ms <= now_ms:
            encoder.push_voice(packets.pop(0))
        while back and back[0][0] <= now_ms:
            for event in events.receive(back.pop(0)[1].data, now_ms * 1000):
                if isinstance(event, AckReceived):
                    encoder.receive_ack(event.ack, now_ms * 1000)
        for outgoing in encoder.poll(now_ms * 1000):
            tape.append(TapeMessage(now_ms + TRANSIT_MS, outgoing.channel, outgoing.data))
            decoder.receive(outgoing.data, (now_ms + TRANSIT_MS) * 1000)
        answers = decoder.poll((now_ms + TRANSIT_MS) * 1000)
        back += [(now_ms + 2 * TRANSIT_MS, answer) for answer in answers]
    return tape


def _looped(coded: Coded) -> tuple[list[MotionFrame], list[VoicePacket]]:
    """Motion forth and back, as a face cannot jump; voice again and again."""
    first = coded.motion[0].media_ms
    there_and_back = [*coded.motion, *coded.motion[-2:0:-1]]
    steps = range((SECONDS * 1000 - first) // FRAME_MS)
    frames = [
        MotionFrame(first + step * FRAME_MS, 0, there_and_back[step % len(there_and_back)].symbols)
        for step in steps
    ]
    duration_ms = coded.voice[0].duration_ms
    packets = [
        VoicePacket(place * duration_ms, duration_ms, coded.voice[place % len(coded.voice)].data)
        for place in range(SECONDS * 1000 // duration_ms)
    ]
    return frames, packets


def _pictures() -> list[NDArray[np.uint8]]:
    with av.open(str(SAMPLE_PATH)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def _voice() -> NDArray[np.int16]:
    with av.open(str(SAMPLE_PATH)) as container:
        resampler = av.AudioResampler(format="s16", layout="mono", rate=48_000)
        parts = [
            part.to_ndarray()[0] for frame in container.decode(audio=0) for part in resampler.resample(frame)
        ]
    return np.concatenate(parts).astype(np.int16)


if __name__ == "__main__":
    main()
