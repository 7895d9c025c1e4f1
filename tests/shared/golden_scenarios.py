"""Golden scenarios: what a decoder and a playout do with given arrivals, as JSON that the browser's tests read too.

`python -m tests.shared.golden_scenarios` writes tests/golden/scenarios anew. Invariant: coded runs are empty and no
symbols are written down, so that newly trained coder tables change nothing here; all numbers are integers.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np

from shared.coding.motion_layout import SYMBOLS
from shared.core.decoder import Decoder, DecoderConfig
from shared.core.keyframe_sender import split
from shared.core.playout import Playout
from shared.errors import RemoteError
from shared.frames import MotionFrame, VideoKind, VideoUnit, VoicePacket
from shared.wire import Bundle, MotionSection, VideoPart
from tests.shared.golden_wire import ACK, BLOB, FOLDER

SCENARIOS = FOLDER.parent / "scenarios"
STILL = np.zeros(SYMBOLS, np.int16)
POLL_US = 10_000

Arrival = tuple[int, bytes]
Media = tuple[int, str, int, int]
"""(arrival ms, "voice" | "motion" | "keyframe", media ms, duration ms or keyframe id)"""


def decoder_arrivals() -> list[Arrival]:
    """Messages with losses, a duplicate, reordering, a wrap of both clocks, a lost base, and a keyframe with a hole."""
    arrivals = []
    for index in range(40):
        media_ms = (16_776_416 + index * 80) % (1 << 24)
        section = MotionSection(None if index == 20 else 1, media_ms, 40, 2, 80 if index == 20 else 0, b"")
        voice = (VoicePacket(media_ms, 80, bytes([index])),)
        bundle = Bundle((65_520 + index) % 65_536, voice, (section,), None, _pictures(index, media_ms))
        if index not in (5, 6, 19):
            arrivals.append((index * 80_000 + (170_000 if index == 9 else 30_000), bytes(bundle)))
        if index == 12:
            arrivals.append((index * 80_000 + 40_000, bytes(bundle)))
    parts = [bytes(part) for part in split(1, BLOB)]
    arrivals += [
        (1_000_000, parts[0]),
        (1_500_000, b"\x17unknown"),
        (1_600_000, b"\x12\x80"),
        (1_700_000, bytes(ACK)),
    ]
    hole = [bytes(part) for part in split(2, bytes(2500))]
    arrivals += [(2_000_000, hole[0]), (2_090_000, hole[2])]
    # Queues that grow: each bundle later than the one before.
    arrivals = [(at + max(0, at - 2_200_000) // 2, data) for at, data in arrivals]
    for place, late in enumerate((0, 2, 1, 1, 3, 4, 5)):
        part = VideoPart(
            VideoKind.VIDEO, 5, 700, True, 256, late % 3, 3, 2201, bytes(1100 if late % 3 < 2 else 1)
        )
        older = VideoPart(VideoKind.VIDEO, 4, 660, False, 256, late % 2, 2, 3, bytes(2 - late % 2))
        arrivals += [(2_700_000 + 7_000 * place, bytes(part)), (2_650_000 + 25_000 * place, bytes(older))]
    return sorted(arrivals, key=lambda arrival: arrival[0])


def _pictures(index: int, media_ms: int) -> tuple[VideoUnit, ...]:
    """A thumbnail in every second bundle, one of them twice."""
    unit = VideoUnit(VideoKind.THUMBNAIL, index, media_ms, index % 8 == 0, 96, bytes([index + 1]) * 60)
    return (unit, unit)[: 1 + (index == 14)] if index % 2 == 0 else ()


def decoder_trace(arrivals: list[Arrival]) -> list[dict[str, Any]]:
    """What a decoder with the default interval reports for each arrival, and the acknowledgements it sends."""
    decoder, trace = Decoder(DecoderConfig()), []
    for kind in VideoKind:
        decoder.want_intra(kind)
    waiting = list(arrivals)
    for now_us in range(0, 4_500_000, POLL_US):
        while waiting and waiting[0][0] <= now_us:
            _, data = waiting.pop(0)
            try:
                events = [describe_event(event) for event in decoder.receive(data, now_us)]
            except RemoteError as error:
                events = [type(error).__name__]
            trace.append({"now_us": now_us, "received": data.hex(), "events": events})
        trace += [{"now_us": now_us, "sent": outgoing.data.hex()} for outgoing in decoder.poll(now_us)]
    return trace


def describe_event(event: Any) -> str:
    """An event's kind with the time or id that names it."""
    kind = type(event).__name__
    if hasattr(event, "frame"):
        return f"{kind} {event.frame.media_ms} keyframe {event.frame.keyframe_id}"
    if hasattr(event, "packet"):
        return f"{kind} {event.packet.media_ms} {event.packet.data.hex()}"
    if hasattr(event, "unit"):
        return (
            f"{kind} {int(event.unit.kind)} {event.unit.unit_id} {event.unit.media_ms} {len(event.unit.data)}"
        )
    return f"{kind} {event.keyframe.keyframe_id}" if hasattr(event, "keyframe") else kind


def playout_media() -> dict[str, list[Media]]:
    """Arrivals of media for each playout scenario."""

    def stream(jitter_ms: list[int], step_ms: int = 40, until_ms: int = 6000) -> list[Media]:
        voice = [
            (media_ms + 110 + jitter_ms[media_ms // 80 % len(jitter_ms)], "voice", media_ms, 80)
            for media_ms in range(0, until_ms, 80)
        ]
        motion = [
            (media_ms // 80 * 80 + 110 + jitter_ms[media_ms // 80 % len(jitter_ms)], "motion", media_ms, 0)
            for media_ms in range(0, until_ms, step_ms)
        ]
        return sorted([(250, "keyframe", 0, 0), *voice, *motion], key=lambda media: media[0])

    clean = stream([0])
    return {
        "clean": clean,
        "jitter": stream([0, 30, 5, 60, 0, 15, 90]),
        "half_frame_rate": stream([0], step_ms=80),
        "losses": [media for media in clean if media[1] == "keyframe" or media[2] // 80 % 9 not in (3, 4)],
        "blackout": [media for media in clean if not 2000 <= media[0] < 5000],
        "delay_jump": [(at + (300 if at > 2000 else 0), kind, ms, n) for at, kind, ms, n in clean],
        "late_keyframe": [
            (at, kind, ms, int(kind == "motion" and ms >= 2000) or n) for at, kind, ms, n in clean
        ]
        + [(5000, "keyframe", 0, 1)],
        "motion_only": [media for media in stream([0, 20, 40]) if media[1] != "voice"],
    }


def playout_trace(media: list[Media]) -> list[list[Any]]:
    """What is due: ["picture", media_ms, due_us, state, keyframe_id], ["voice", media_ms, due_us, duration_ms, how]."""
    playout, trace = Playout(), list[list[Any]]()
    waiting = sorted(media, key=lambda item: item[0])
    for now_us in range(0, 7_000_000, POLL_US):
        while waiting and waiting[0][0] * 1000 <= now_us:
            _, kind, media_ms, number = waiting.pop(0)
            if kind == "voice":
                playout.push_voice(VoicePacket(media_ms, number, bytes(60)), now_us)
            elif kind == "motion":
                playout.push_motion(MotionFrame(media_ms, number, STILL), now_us)
            else:
                playout.add_keyframe(number)
        if (picture := playout.picture_at(now_us)) is not None:
            trace.append(
                ["picture", picture.media_ms, picture.due_us, picture.state.value, picture.keyframe_id]
            )
        while (voice := playout.voice_at(now_us)) is not None:
            how = "stretch" if voice.stretch else "conceal" if voice.packet is None else "packet"
            trace.append(["voice", voice.media_ms, voice.due_us, voice.duration_ms, how])
    return trace


def scenarios() -> dict[str, Any]:
    """File name without ending -> contents."""
    files: dict[str, Any] = {"decoder": {"poll_us": POLL_US, "trace": decoder_trace(decoder_arrivals())}}
    for name, media in playout_media().items():
        files[f"playout_{name}"] = {
            "poll_us": POLL_US,
            "media": [list(item) for item in media],
            "due": playout_trace(media),
        }
    return files


def write(folder: Path) -> None:
    """One JSON file for each scenario, one item a line."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, contents in scenarios().items():
        text = json.dumps(contents).replace("], [", "],\n[").replace("}, {", "},\n{")
        (folder / f"{name}.json").write_text(text + "\n")


if __name__ == "__main__":
    write(SCENARIOS)
