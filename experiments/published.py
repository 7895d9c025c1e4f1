"""The tables of README and docs, written from the published results, so that no number in them was typed.

    python -m experiments.published [--check]

A page says `<!-- made from: NAME -->`, and what stands from there to `<!-- end -->` is replaced by the table of that name.
`--check` writes nothing and exits with 1 when a page is not what it would be. Results are the JSON files that the measuring
programs wrote; each table ends with the file, the commit and the machine that it comes from.
"""

import argparse
import json
import re
import statistics
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from experiments import (
    published_browser,
    published_endurance,
    published_images,
    published_network,
    published_rates,
    published_scaling,
)
from models.evaluation.table import means, table
from models.training import ablation_table
from shared.errors import UserError

ROOT: Final = Path(__file__).resolve().parents[1]
PAGES: Final = (
    "README.md", "docs/MODELS.md", "docs/MODEL_CARD.md", "docs/NETWORK.md", "docs/SCALING.md", "docs/EXPERIMENTS.md",
    "docs/CONTAINERS.md", "docs/BROWSER.md",
)  # fmt: skip
CALLS: Final = "experiments/results/calls.json"
SAMPLE_CALL: Final = "experiments/results/sample_call.json"
RECEIVER_BENCH: Final = "experiments/results/receiver_bench.json"
ROOMS: Final = "experiments/results/rooms.json"
SOAK: Final = "experiments/results/soak.json"
CHAOS: Final = "experiments/results/chaos.json"
IMAGES: Final = "experiments/results/images.json"
BROWSER: Final = "experiments/results/browser.json"
NETWORK: Final = "experiments/results/network.json"
MOTION: Final = "experiments/results/motion_table.json"
RATES: Final = "experiments/results/rates.json"
EQUALITY: Final = "experiments/results/virtual_equality.json"
EVALUATIONS: Final = "models/evaluation/results"
_BLOCK: Final = re.compile(r"(<!-- made from: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)

RUNG_MEASURES: Final = (("psnr_y_db", 1), ("vgg", 3), ("landmark_px", 2), ("mouth_px", 2))

Row = tuple[str, Callable[[dict[str, Any]], float | None], int]
CALL_ROWS: Final[tuple[Row, ...]] = (
    ("wire forward, kbit/s (keyframes included)", lambda call: call["wire"]["forward_kbps"], 1),
    ("wire back, kbit/s", lambda call: call["wire"]["reverse_kbps"], 1),
    ("motion payload, kbit/s", lambda call: call["payload_kbps"]["motion"], 2),
    ("pictures a second", lambda call: call["frames"]["fps"], 1),
    ("pictures never shown, % of captured", lambda call: 100 * (1 - _shown(call)), 1),
    ("pictures held or guessed, % of shown", lambda call: 100 * _made_up(call), 1),
    ("first picture after joining, ms", lambda call: call["latency_ms"]["first_picture"], 0),
    ("glass to glass p50, ms", lambda call: call["latency_ms"]["glass_to_glass_p50"], 0),
    ("glass to glass p95, ms", lambda call: call["latency_ms"]["glass_to_glass_p95"], 0),
    ("voice and picture apart p95, ms (clips with speech)", lambda call: call["av_skew_ms"]["p95"], 0),
    ("sender, ms a picture p50", lambda call: call["compute_ms"]["sender_frame_p50"], 1),
    ("receiver, ms a picture p50", lambda call: call["compute_ms"]["receiver_frame_p50"], 1),
    ("calls made until a calm one", lambda call: call.get("calls_made", 1), 0),
    ("processor time that the host gave to others, %", lambda call: _stolen(call), 1),
    ("processor cores sender (calls over 3 s)", lambda call: call.get("cores", {}).get("sender"), 2),
    ("processor cores receiver (calls over 3 s)", lambda call: call.get("cores", {}).get("receiver"), 2),
    ("memory sender, MB", lambda call: call["memory_mb"]["sender"], 0),
    ("memory receiver, MB", lambda call: call["memory_mb"]["receiver"], 0),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status: 0, 1 when a page is not up to date, 2 for a missing result."""
    parser = argparse.ArgumentParser(
        prog="python -m experiments.published", description=__doc__.split("\n")[0]
    )
    parser.add_argument("--check", action="store_true", help="write nothing; say which pages are out of date")
    options = parser.parse_args(arguments)
    try:
        stale = [page for page in PAGES if refresh(ROOT / page, write=not options.check)]
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    for page in stale:
        print(
            f"{page} is out of date: run python -m experiments.published"
            if options.check
            else f"wrote {page}"
        )
    return int(options.check and bool(stale))


def refresh(page: Path, *, write: bool) -> bool:
    """Whether a page's tables are other than the results say; with `write` they no longer are. Raises UserError."""
    before = page.read_text(encoding="utf-8")
    after = _BLOCK.sub(lambda block: block[1] + made(block[2]) + "\n" + block[3], before)
    if write and after != before:
        page.write_text(after, encoding="utf-8")
    return after != before


def made(name: str) -> str:
    """The Markdown of one table. Raises UserError for a name or a result that is not there."""
    if name not in TABLES:
        raise UserError(f"There is no table {name!r}. Known: {', '.join(TABLES)}.")
    return TABLES[name]()


def calls() -> str:
    """Mean, lowest and highest of the real calls with the validation clips."""
    result = _read(CALLS)
    good = [call for call in result["calls"] if "error" not in call]
    rows = []
    for title, value, digits in CALL_ROWS:
        found = [number for call in good if (number := value(call)) is not None]
        if not found:
            continue
        rows.append(
            [title, *(f"{number:.{digits}f}" for number in (statistics.mean(found), min(found), max(found)))]
        )
    networks = Counter(call["model"]["name"] for call in good)
    used = ", ".join(f"{name} in {count}" for name, count in sorted(networks.items()))
    shown = table([f"{len(good)} calls", "mean", "lowest", "highest"], rows)
    return f"{shown}\n\nNetwork: {used}.\n{_source(CALLS, result)}"


def sample_call() -> str:
    """One sentence about the call with the project's sample."""
    result = _read(SAMPLE_CALL)
    call = result["calls"][0]
    wire, latency = call["wire"], call["latency_ms"]
    return (
        f"This call: {wire['forward_kbps']:.1f} kbit/s forward and {wire['reverse_kbps']:.1f} back with all headers, "
        f"{call['frames']['rendered']} of {call['input']['frames']} pictures at {call['frames']['fps']:.1f} a second, "
        f"the first {latency['first_picture']:.0f} ms after joining, {latency['glass_to_glass_p50']:.0f} ms from camera "
        f"to screen.\n{_source(SAMPLE_CALL, result)}"
    )


def pictures() -> str:
    """Every arm of the evaluation of `lite`, and in how many clips it wins."""
    path = f"{EVALUATIONS}/lite.json"
    result = _read(path)
    return f"{means(result)}\n\n{wins(result)}\n{_source(path, result)}"


def wins(result: dict[str, Any]) -> str:
    """In how many clips the rebuilt picture is the better one, by arm and measure."""
    rows = [row for row in result["clips"] if "error" not in row]
    parts = []
    for arm in (arm for arm in ("frozen", "mesh_warp", "av1_4", "av1_8", "av1_12") if arm in result["mean"]):
        counts = ", ".join(
            f"{name} {sum(row['rebuilt'][name] < row[arm][name] for row in rows)}"
            for name in ("vgg", "landmark_px", "mouth_px")
        )
        parts.append(f"against {arm} {counts}")
    return f"Of {len(rows)} clips *rebuilt* has the better: {'; '.join(parts)}."


def sizes() -> str:
    """The rebuilt picture of each size, on the same clips."""
    rows = []
    for size in ("lite", "nano"):
        result = _read(f"{EVALUATIONS}/{size}.json")
        rows.append([size, *means(result).splitlines()[2].strip("| ").split(" | ")[1:]])
    head = means(result).splitlines()[0].strip("| ").split(" | ")[1:]
    return f"{table(['size', *head], rows)}\n\n{_source(f'{EVALUATIONS}/nano.json', result)}"


def rungs() -> str:
    """The rebuilt picture on the rungs beside motion, and with a gallery, as far as they were evaluated."""
    lines, sources = [], []
    for title, name in (
        ("motion, one keyframe", "lite"),
        ("motion, up to four keyframes", "lite_references4"),
        ("motion, keyframes by value", "lite_value"),
        ("motion and thumbnail", "lite_thumbnail"),
        ("voice", "lite_voice"),
    ):
        path = f"{EVALUATIONS}/{name}.json"
        if not (ROOT / path).is_file():
            continue
        result = _read(path)
        mean = result["mean"]
        sources.append(_source(path, result))
        parts = " + ".join(f"{key} {value:.1f}" for key, value in mean["payload_kbps"].items())
        for arm in (arm for arm in ("rebuilt", "held_mouth") if arm in mean):
            numbers = [f"{mean[arm][key]:.{digits}f}" for key, digits in RUNG_MEASURES]
            lines.append([f"{title}{', mouth held' * (arm == 'held_mouth')}", parts, *numbers])
    head = ["rung", "payload, kbit/s", *(key for key, _ in RUNG_MEASURES)]
    return f"{table(head, lines)}\n\n" + "\n".join(sources)


def int8() -> str:
    """What int8 costs."""
    path = f"{EVALUATIONS}/int8_loss.json"
    result = _read(path)
    lost = result["loss"]
    return (
        f"int8 against fp32 (`{result['size']}`): {lost['psnr_db']:+.3f} dB lost, vgg {100 * lost['vgg']:+.2f} %, over "
        f"{len(result['clips'])} clips.\n{_source(path, result)}"
    )


def bench() -> str:
    """Milliseconds of every network: p50 of warm calls, on one thread and on two."""
    path = f"{EVALUATIONS}/bench.json"
    result = _read(path)
    rows = [
        [f"{size}: {title}", *_times(entry[part])]
        for size, entry in result["sizes"].items()
        for title, part in (("a keyframe", "encode_reference"), ("a picture, fp32", "render.onnx"),
                            ("a picture, int8", "render.int8.onnx"))
    ]  # fmt: skip
    rows += [
        [f"sender: {part.replace('_', ' ')}", *_times(times)] for part, times in result["sender"].items()
    ]
    marks = "; ".join(
        f"{name} {mark['found_ms']:.1f} ms, wanted at most {mark['most_ms']:g}"
        for name, mark in result["marks"].items()
    )
    return f"{table(['p50, ms', '1 thread', '2 threads'], rows)}\n\nMarks (2 threads): {marks}.\n{_source(path, result)}"


def _times(entry: dict[str, Any]) -> list[str]:
    return [f"{entry[count]['p50_ms']:.1f}" for count in ("1", "2")]


def ablation() -> str:
    """What each part brings."""
    path = f"{EVALUATIONS}/ablation.json"
    result = _read(path)
    return f"{ablation_table.table(result['rows'])}\n\n{_source(path, result)}"


def training_speed() -> str:
    """Samples a second of a training step, where its time goes and what the arithmetic allows."""
    path = f"{EVALUATIONS}/throughput.json"
    result = _read(path)
    stages = ", ".join(f"{name} {spent:.0f}" for name, spent in result["stages_ms"].items())
    rows = [
        ["samples/s", f"{result['samples_per_s']:.1f}"],
        [f"a step of {result['samples_a_step']} samples", f"{result['step_ms']:.0f} ms: {stages}"],
        ["multiply-accumulates of a step, forward and backward", f"{result['gmac_a_step']:.1f} G"],
        ["a 2048 x 2048 bfloat16 product here", f"{result['gemm_gmac_per_s']:.0f} GMAC/s"],
        ["so at most", f"{result['bound_samples_per_s']:.1f} samples/s"],
        ["bound / reached", f"{result['bound_samples_per_s'] / result['samples_per_s']:.2f}"],
    ]
    shown = table([f"`{result['size']}`, {result['threads']} threads", ""], rows)
    return f"{shown}\n\n{_source(path, result)}"


def network_marks() -> str:
    """What calls over impaired links have to reach, and whether they do."""
    result = _read(NETWORK)
    return f"{published_network.marks_table(result)}\n\n{_source(NETWORK, result)}"


def network_links() -> str:
    """Means of the calls over each link."""
    result = _read(NETWORK)
    return f"{published_network.links_table(result)}\n\n{_source(NETWORK, result)}"


def unit_costs() -> str:
    """What one call costs, by docs/SCALING.md."""
    paths = (CALLS, RECEIVER_BENCH, ROOMS)
    results = [_read(path) for path in paths]
    sources = "\n".join(_source(path, result) for path, result in zip(paths, results, strict=True))
    return f"{published_scaling.unit_costs(*results)}\n\n{sources}"


def three_sizes() -> str:
    """What that comes to for a hundred, ten thousand and a million calls."""
    return published_scaling.three_sizes(_read(CALLS), _read(RECEIVER_BENCH))


def soak() -> str:
    """What one call that goes on for long has to reach, and whether it does."""
    result = _read(SOAK)
    return f"{published_endurance.soak_table(result)}\n\n{_source(SOAK, result)}"


def chaos() -> str:
    """What became of many calls while everything was killed by turns."""
    result = _read(CHAOS)
    return f"{published_endurance.chaos_table(result)}\n\n{_source(CHAOS, result)}"


def images() -> str:
    """The container images that were built and run."""
    result = _read(IMAGES)
    return f"{published_images.images_table(result)}\n\n{_source(IMAGES, result)}"


def browser() -> str:
    """What the page has to reach in a browser, and whether it does."""
    result = _read(BROWSER)
    return f"{published_browser.browser_table(result)}\n\n{_source(BROWSER, result)}"


def motion() -> str:
    """What the motion bitstream costs and how exact it is."""
    result = _read(MOTION)
    return f"{published_network.motion_table(result)}\n\n{_source(MOTION, result)}"


def rates() -> str:
    """Where our arm wins and loses beside ordinary codecs at equal rate."""
    result = _read(RATES)
    return f"{published_rates.rates_block(result)}\n\n{_source(RATES, result)}"


def equality() -> str:
    """How far calls in virtual time are from the same calls in real time."""
    result = _read(EQUALITY)
    return f"{published_rates.equality_table(result)}\n\n{_source(EQUALITY, result)}"


TABLES: Final[dict[str, Callable[[], str]]] = {
    made_by.__name__: made_by
    for made_by in (
        calls, sample_call, pictures, sizes, rungs, int8, bench, ablation, training_speed, network_marks, network_links, motion,
        rates, equality,
        unit_costs, three_sizes, soak, chaos, images, browser,
    )
}  # fmt: skip


def _read(path: str) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads((ROOT / path).read_text())
    except (OSError, ValueError) as error:
        raise UserError(
            f"{path} cannot be read ({error}). Its program's --help says how it is made."
        ) from error
    return found


def _source(path: str, result: dict[str, Any]) -> str:
    return f"(`{path}`, commit {result['commit']}, {result['machine']})"


def _shown(call: dict[str, Any]) -> float:
    return float(call["frames"]["rendered"] / call["input"]["frames"])


def _stolen(call: dict[str, Any]) -> float | None:
    share = call.get("cpu_stolen_share")
    return None if share is None else 100 * float(share)


def _made_up(call: dict[str, Any]) -> float:
    return float(call["frames"]["concealed"] / max(1, call["frames"]["rendered"]))


if __name__ == "__main__":
    sys.exit(main())
