"""Whether virtual time may stand for real time: the same call of a clip made in both, and how far the two are apart.

    clip --OurArm--> what a rate carries --+--driver over MemoryLink, virtual time----------> numbers --+--> percent apart
                                           +--driver over WebRTC on loopback, real time-----> numbers --+
                                           +--the shipped programs (--programs), real time--> numbers, beside them

    python -m experiments.rates.equality --clips DIR --out FILE
    python -m experiments.rates.equality --clips DIR --out experiments/results/virtual_equality.json --limit 4 --programs

Needs a machine that has nothing else to do: a call of which a part came more than 30 ms late is made again, three times
at most, and then does not count. The exit status is 0 when every number is within 2 % in the mean, 1 when one is not, 2 for
something to mend.

Invariant: both calls are made by `experiments.rates.driver` from the same coded bytes, and are rebuilt and measured alike;
what is compared is decided before any call is made. May import everything of experiments.
"""

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from experiments.network.links import CLEAN, LINKS
from experiments.rates.clips import ClipFile, Material, find_clips, read_clip
from experiments.rates.measured import Measurer, MeasureTools, open_tools, settled
from experiments.rates.ours import OurArm, OurMet
from experiments.rates.real_call import real_cell
from experiments.rates.real_link import captured_wire, over_webrtc
from experiments.rates.settings import RunSettings, numbers
from experiments.rates.virtual_call import arrived, through_link
from experiments.rates.virtual_receiver import LATE_MS, Arrived, rebuild_arrived
from models.evaluation.offline_call import OfflineSender
from models.runtime.base import Backend
from models.runtime.choose import choose_backend
from sender.face.tracker import FaceModels
from shared.errors import UserError
from shared.provenance import commit, machine

WITHIN_PERCENT: Final = 2.0
PART_LATE_MS: Final = 30.0
"""Of 80 ms between bundles: what leaves later is acknowledged together with the next one, and the call was another."""
CALLS: Final = 3
EVERY: Final = 5
"""Each fifth picture is measured."""
JUDGED: Final = (
    "forward_kbps", "back_kbps", "kbps", "motion_kbps", "keyframe_kbps", "keyframes", "motion_frames", "psnr_y_db", "vgg",
)  # fmt: skip
"""Every one of these has to be within WITHIN_PERCENT in the mean over all calls."""

Json = dict[str, Any]
Numbers = dict[str, float | None]


@dataclass(frozen=True, slots=True)
class Bench:
    """What all calls share."""

    sender: OfflineSender
    backend: Backend
    tools: MeasureTools
    faces: FaceModels


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; see the module's docstring for the exit status."""
    options = _parser().parse_args(arguments)
    try:
        rates = numbers(options.kbps, "--kbps")
        found = compare(options.clips, rates, options.seconds, options.limit, options.programs, _say)
        write(options.out, found)
    except UserError as error:
        print(f"equality: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("equality: stopped; nothing is written.", file=sys.stderr)
        return 130
    for name, mean in found["means"].items():
        print(
            f"{name:15} real {mean['real']:9.3f}  virtual {mean['virtual']:9.3f}  off {mean['off_percent']:5.2f} %"
        )
    print("equal" if found["equal"] else f"NOT equal within {WITHIN_PERCENT:g} %")
    return 0 if found["equal"] else 1


def _say(what: str) -> None:
    print(what, file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m experiments.rates.equality",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add(
        "--clips",
        type=Path,
        metavar="DIR",
        required=True,
        help="folder of video files, or one with a clips.csv",
    )
    add("--out", type=Path, metavar="FILE", required=True, help="JSON file of the results")
    add("--kbps", default="10,20,35", help="rates on the wire, kbit/s (default %(default)s)")
    add("--seconds", type=float, default=8.0, help="of each clip at most (default %(default)g)")
    add("--limit", type=int, metavar="N", help="the first N clips only")
    add(
        "--programs", action="store_true", help="the same with the shipped programs, beside it and not judged"
    )
    return parser


def compare(
    clips: Path,
    rates_kbps: Sequence[float],
    seconds: float,
    limit: int | None = None,
    programs: bool = False,
    say: Callable[[str], None] = lambda what: None,
) -> Json:
    """The content of the results' file. UserError for clips that cannot be used, and when no call was calm enough to count."""
    settings = RunSettings(
        clips, Path("."), ("facewire",), tuple(rates_kbps), seconds=seconds, every=EVERY, limit=limit
    )
    bench = Bench(
        OfflineSender(), choose_backend("auto", settings.size, 1), open_tools(()), FaceModels.load()
    )
    calls: list[Json] = []
    for clip in find_clips(clips, limit):
        material = read_clip(clip, seconds, bench.faces)
        arm = OurArm(bench.sender, material.frames, material.pcm)
        for kbps in rates_kbps:
            say(f"{clip.name}, {kbps:g} kbit/s")
            call = one_call(bench, material, arm.meet(kbps), say)
            if programs:
                call["programs"] = _by_programs(clip, arm.meet(kbps), kbps, settings, bench.tools)
            calls.append({"clip": clip.name, "target_kbps": kbps} | call)
    return judged(calls) | {
        "machine": machine(), "commit": commit(), "model": asdict(bench.backend.model),
        "settings": {"seconds": seconds, "every": EVERY, "clips": clips.name, "kbps": list(rates_kbps)},
    }  # fmt: skip


def one_call(
    bench: Bench, material: Material, met: OurMet, say: Callable[[str], None] = lambda what: None
) -> Json:
    """Both calls of one clip at one rate. counts: whether the real one was calm enough to be compared."""
    sent, bundle_ms = met.sent, met.step.bundle_ms
    measurer = Measurer(material.frames, bench.tools, EVERY, settled(len(material.frames)))
    virtual = numbers_of(through_link(sent, LINKS[CLEAN], bundle_ms), material, bench, measurer)
    made, late_ms = 0, float("inf")
    while made < CALLS and late_ms > PART_LATE_MS:
        call = asyncio.run(over_webrtc(sent, bundle_ms, LATE_MS))
        made, late_ms = made + 1, call.sent.late_ms
        say(f"  call {made}: a part of it came {late_ms:g} ms late at most")
    real = numbers_of(arrived(sent, call.sent, captured_wire(call, sent.seconds)), material, bench, measurer)
    return {
        "how": met.how(), "calls_made": made, "late_ms": late_ms, "counts": late_ms <= PART_LATE_MS, "real": real,
        "virtual": virtual, "off_percent": {name: off_percent(real[name], virtual[name]) for name in JUDGED},
    }  # fmt: skip


def numbers_of(came: Arrived, material: Material, bench: Bench, measurer: Measurer) -> Numbers:
    """What is compared of a call."""
    rebuilt = rebuild_arrived(came, bench.backend, len(material.frames))
    found = measurer.pictures(rebuilt.pictures, min(rebuilt.first, len(material.frames) - 1))
    return {
        "forward_kbps": round(came.wire.forward_kbps, 3), "back_kbps": round(came.wire.back_kbps, 3),
        "kbps": round(came.wire.kbps, 3), "motion_kbps": came.payload_kbps["motion"],
        "keyframe_kbps": came.payload_kbps["keyframe"], "keyframes": float(len(came.keyframes)),
        "motion_frames": float(len(came.motion)), "psnr_y_db": found["psnr_y_db"], "vgg": found["vgg"],
    }  # fmt: skip


def judged(calls: Sequence[Json]) -> Json:
    """Means over the calls that count, and whether all are within the limit. UserError when none counts."""
    good = [call for call in calls if call["counts"]]
    if not good:
        raise UserError(
            "No call was calm enough to be compared. Run it again while the machine has nothing else to do."
        )
    means: Json = {}
    for name in JUDGED:
        pairs = [(call["real"][name], call["virtual"][name]) for call in good]
        pairs = [pair for pair in pairs if None not in pair]
        if not pairs:
            continue
        real, virtual = (sum(values) / len(pairs) for values in zip(*pairs, strict=True))
        worst = max(off_percent(*pair) or 0.0 for pair in pairs)
        means[name] = {
            "real": round(real, 4), "virtual": round(virtual, 4), "off_percent": off_percent(real, virtual),
            "worst_percent": worst, "calls": len(pairs),
        }  # fmt: skip
    equal = all(
        mean["off_percent"] is not None and mean["off_percent"] <= WITHIN_PERCENT for mean in means.values()
    )
    return {"within_percent": WITHIN_PERCENT, "equal": equal, "means": means, "calls": list(calls)}


def off_percent(real: float | None, virtual: float | None) -> float | None:
    """By how much the two differ, of the virtual one; None where one of them is missing, or only one is nothing."""
    if real is None or virtual is None:
        return None
    if virtual == 0:
        return 0.0 if real == 0 else None
    return round(100 * abs(real / virtual - 1), 3)


def write(path: Path, found: Json) -> None:
    """The whole file or none of it. UserError when it cannot be written."""
    draft = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft.write_text(json.dumps(found, indent=1, allow_nan=False) + "\n", encoding="utf-8")
        draft.replace(path)
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror}. Give another --out.") from error
    finally:
        draft.unlink(missing_ok=True)


def _by_programs(
    clip: ClipFile, met: OurMet, kbps: float, settings: RunSettings, tools: MeasureTools
) -> Json:
    """The shipped sender and receiver with the same step: they track, code and choose keyframes themselves."""
    cell = real_cell(clip.path, met.step, kbps, settings, tools)
    return {
        **cell["wire"], "motion_kbps": cell["payload_kbps"]["motion"], "keyframe_kbps": cell["payload_kbps"]["keyframe"],
        "psnr_y_db": cell["measures"]["psnr_y_db"], "vgg": cell["measures"]["vgg"],
    }  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
