"""What Python makes of generated input, as JSON for tests/web/call: the page's sender, pictures and sound must agree.

`python -m tests.web.call_answers FILE` writes the file. Must not be kept in the repository: it follows the code, the
tables and the networks of the moment. Invariant: fixed seeds, so that a difference can be found again.
"""

import base64
import json
import random
import sys
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from experiments.sample import SAMPLE_PATH
from sender.crop import Crop, SteadyCrop, cut, face_extent, to_crop
from sender.face.detector import letterbox
from sender.face.models import load_prior
from sender.face.roi import Roi, crop
from sender.face.segmentation import PersonSegmenter
from sender.face.tracker import FaceModels, FaceTracker
from sender.keyframe_image import encode_keyframe_image
from sender.motion_encoder import MotionEncoder
from shared.av1_header import parse_sequence_header
from shared.control import Bye, Hello
from shared.core.encoder import Encoder, EncoderConfig
from shared.frames import Keyframe, MotionFrame, Outgoing, VoicePacket
from shared.log_mel import down_to_16k, log_mel
from shared.signaling_messages import parse, serialise
from shared.wire import Ack
from tests.shared.harness import Call, Pattern, clean, keyframe, losing, messy
from tests.web.described import mutated, outcome, plain
from tests.web.mouth_answers import mouth_answers
from tests.web.picture_answers import picture_answers
from tests.web.rate_answers import rate_answers
from tests.web.reference_answers import reference_answers

Json = dict[str, Any]
CALL_MS = 9000


@dataclass
class TapedEncoder:
    """An `Encoder` that writes down what is done with it and what it answers."""

    encoder: Encoder
    tape: list[list[Any]] = field(default_factory=list)

    def push_motion(self, frame: MotionFrame) -> None:
        self.tape.append(["motion", plain(frame)])
        self.encoder.push_motion(frame)

    def push_voice(self, packet: VoicePacket) -> None:
        self.tape.append(["voice", plain(packet)])
        self.encoder.push_voice(packet)

    def push_keyframe(self, picture: Keyframe) -> None:
        self.tape.append(["keyframe", plain(picture)])
        self.encoder.push_keyframe(picture)

    def push_ack(self, ack: Ack, now_us: int) -> None:
        self.tape.append(["own-ack", bytes(ack).hex(), now_us])
        self.encoder.push_ack(ack, now_us)

    def receive_ack(self, ack: Ack, now_us: int) -> None:
        self.encoder.receive_ack(ack, now_us)
        arrivals = [
            [one.number, one.sent_us, one.arrived_us, one.size_bytes] for one in self.encoder.take_arrivals()
        ]
        self.tape.append(["ack", bytes(ack).hex(), now_us, arrivals])

    def poll(self, now_us: int) -> list[Outgoing]:
        outgoing = self.encoder.poll(now_us)
        sent = [[message.channel.value, message.data.hex()] for message in outgoing]
        state = [[*self.encoder.usable_keyframe_ids], self.encoder.take_keyframe_wish()]
        self.tape.append(["poll", now_us, sent, self.encoder.next_poll_us(now_us), *state])
        return outgoing


def encoder_tapes() -> dict[str, list[list[Any]]]:
    """Calls of some seconds through links of several kinds, as seen by the sending end's encoder."""
    links: dict[str, tuple[Pattern, Pattern]] = {
        "clean": (clean, clean),
        "losing": (losing(1, 2, 5, every=9), clean),
        "messy": (messy, messy),
        "silent": (clean, lambda number: ()),
    }
    return {name: _taped(forward, backward, name) for name, (forward, backward) in links.items()}


def _taped(forward: Pattern, backward: Pattern, name: str) -> list[list[Any]]:
    taped = TapedEncoder(Encoder(EncoderConfig()))
    call = Call(forward, backward, encoder=taped, voice_ms=80)  # type: ignore[arg-type]  # answers as an Encoder does
    for message in (Hello(1, "m", "t"), Bye("end")):
        taped.encoder.push_control(message)
    while call.now_ms < CALL_MS:
        if call.now_ms in (400, 3000, 6000):
            call.keyframe_id = call.now_ms // 3000
            taped.push_keyframe(keyframe(call.keyframe_id))
        if name == "clean" and call.now_ms == 4000:
            call.decoder.want_keyframe()
        if name == "messy" and call.now_ms % 1000 == 0 and call.decoder._timer is not None:
            ack = call.decoder.take_ack(call.receiver_us)
            if ack is not None:
                taped.push_ack(ack, call.now_ms * 1000)
        call.voice_ms = 0 if 5000 <= call.now_ms < 5600 else 80
        call.run(call.now_ms + 5)
    return taped.tape


def signaling_answers() -> list[Json]:
    """Messages that a page may get, whole and damaged."""
    rng = random.Random(5)
    whole = [
        '{"type":"joined","role":"peer","peer_present":true,"polite":false,"ice_servers":[{"urls":["stun:a.b:1"],'
        '"username":"","credential":""},{"urls":["turn:c:2?transport=udp","turns:d:3"],"username":"u","credential":"p"}]}',
        '{"type":"peer-joined","role":"sender"}',
        '{"type":"offer","sdp":"v=0\\r\\no=- 1 1 IN IP4 0.0.0.0\\r\\n"}',
        '{"type":"answer","sdp":"v=0\\u0000\\u202e\\r\\n"}',
        '{"type":"candidate","candidate":"candidate:1 1 udp 1 1.2.3.4 5 typ host","mid":"0","line_index":0}',
        '{"type":"peer-left","reason":"hung up <img src=x onerror=alert(1)>"}',
        '{"type":"bye","reason":"\\ud83d\\ude00"}',
        '{"type":"candidate","candidate":"","mid":"0","line_index":256}',
        '{"type":"offer"}',
        '{"type":"offer","sdp":"x","more":1}',
        '{"type":"peer-left","reason":"' + "a" * 257 + '"}',
        '{"type":"peer-left","reason":"' + "a" * 256 + '"}',
        "[]",
        "{}",
        '{"type":7}',
        '{"type":"toString"}',
        '{"type":"joined","role":"king","peer_present":true,"polite":false,"ice_servers":[]}',
        '{"type":"joined","role":"peer","peer_present":1,"polite":false,"ice_servers":[]}',
        '{"type":"joined","role":"peer","peer_present":true,"polite":false,"ice_servers":[{"urls":["http://x"],'
        '"username":"","credential":""}]}',
    ]
    damaged = [mutated(rng, rng.choice(whole[:7]).encode()).decode("utf-8", "replace") for _ in range(800)]
    # A key that occurs twice is refused by Python only: JSON.parse cannot see it, and the last one counts.
    return [{"data": text, "outcome": outcome(partial(_read, text))} for text in [*whole, *damaged]]


def _read(text: str) -> Json:
    values: Json = json.loads(serialise(parse(text)))
    return values


def av1_answers(rgb: NDArray[np.uint8]) -> list[Json]:
    """A real keyframe picture, damaged, through the header parser."""
    rng = random.Random(6)
    image = encode_keyframe_image(rgb, 2048)
    data = [image, *(image[:40][: rng.randrange(40)] for _ in range(40))]
    data += [mutated(rng, image[:30]) + image[30:] for _ in range(400)]
    return [{"data": item.hex(), "outcome": outcome(partial(parse_sequence_header, item))} for item in data]


def sound_answers() -> Json:
    """Half a second of a rising tone, at 48 kHz, and its log-mel columns."""
    rng = np.random.default_rng(7)
    at = np.arange(24_000) / 48_000
    pcm = (9000 * np.sin(2 * np.pi * (200 + 2000 * at) * at) + 300 * rng.normal(size=at.size)).astype(
        np.int16
    )
    return {"pcm": pcm.tolist(), "columns": log_mel(down_to_16k(pcm)).tolist()}


def image_answers(rgb: NDArray[np.uint8]) -> Json:
    """A picture cut, resized and turned as the sender does it."""
    wide = np.ascontiguousarray(np.concatenate((rgb, rgb[:, :90]), axis=1))
    crops = [Crop(0, 0, 256), Crop(20, 10, 200), Crop(-40, -30, 330), Crop(60, -5, 256)]
    roi = Roi(150.3, 120.7, 180.5, 0.21)
    tensor, step, left, top = letterbox(wide)
    return {
        "picture": _bytes(wide),
        "size": [wide.shape[1], wide.shape[0]],
        "cuts": [{"crop": [c.x_px, c.y_px, c.side_px], "rgb": _bytes(cut(wide, c))} for c in crops],
        "roi": [roi.center_x_px, roi.center_y_px, roi.side_px, roi.angle_rad],
        "region": _floats(crop(wide, roi, 192)),
        "letterbox": _floats(tensor),
        "step": [step, left, top],
    }


def face_answers(pictures: list[NDArray[np.uint8]]) -> list[Json]:
    """Face, crop and motion symbols of a few pictures of the project's own sample."""
    tracker, crops, coder = FaceTracker(FaceModels.load()), SteadyCrop(), MotionEncoder()
    segmenter = PersonSegmenter(load_prior("segmentation"))
    reference, answers = None, []
    for rgb in pictures:
        face = tracker.update(rgb)
        assert face is not None
        place = crops.update(rgb.shape[1], rgb.shape[0], face_extent(face.landmarks))
        square, mesh = cut(rgb, place.crop), to_crop(face.landmarks, place.crop)
        mask = segmenter.mask(square)
        reference = reference or coder.make_reference(square, mesh, mask)
        symbols = coder.encode(square, mesh, mask, reference)
        answers.append(
            {
                "picture": _bytes(rgb),
                "landmarks": face.landmarks.reshape(-1).tolist(),
                "crop": [place.crop.x_px, place.crop.y_px, place.crop.side_px],
                "mask": mask.reshape(-1).tolist(),
                "shape": reference.shape.tolist(),
                "anchors": reference.anchors.tolist(),
                "symbols": symbols.tolist(),
            }
        )
    return answers


def _bytes(array: NDArray[np.uint8]) -> str:
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()


def _floats(array: NDArray[np.float32]) -> str:
    return base64.b64encode(np.ascontiguousarray(array, np.float32).tobytes()).decode()


def sample_pictures(count: int, step: int) -> list[NDArray[np.uint8]]:
    """Pictures of the sample, RGB uint8 (256, 256, 3)."""
    import av

    with av.open(str(SAMPLE_PATH)) as clip:
        frames = [frame.to_ndarray(format="rgb24") for frame in clip.decode(video=0)]
    return [np.asarray(frame, np.uint8) for frame in frames[: count * step : step]]


def answers() -> Json:
    """Everything, by the name of the test that reads it."""
    pictures = sample_pictures(6, 12)
    return {
        "encoder": encoder_tapes(),
        "mouth": mouth_answers(),
        "pictures": picture_answers(),
        "rates": rate_answers(),
        "references": reference_answers(),
        "signaling": signaling_answers(),
        "av1": av1_answers(pictures[0]),
        "sound": sound_answers(),
        "image": image_answers(pictures[0]),
        "face": face_answers(pictures),
    }


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(json.dumps(answers()))
