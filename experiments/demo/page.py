"""`report.html`: one page about one call, readable without a network and in the dark.

Must import numpy, OpenCV and this package. Invariant: no request leaves the page (pictures are inside it, no
scripts), every rebuilt picture carries the mark, every text is escaped.
"""

import base64
from collections.abc import Mapping, Sequence
from html import escape
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from experiments.demo.charts import Line, line_chart
from experiments.demo.measure import Measured
from experiments.demo.report import QUALITY_ARMS, QUALITY_MEASURES, latency_series, skew_series
from receiver.disclosure import mark

STRIP_PICTURES: Final = 5
JPEG_QUALITY: Final = 88
ARM_NAMES: Final[Mapping[str, str]] = {
    "rebuilt": "facewire",
    "frozen": "first frame held",
    "av1_same_wire": "AV1, same wire rate",
}
ARM_COLOURS: Final[Mapping[str, str]] = {"rebuilt": "c0", "frozen": "c2", "av1_same_wire": "c1"}
BETTER: Final[Mapping[str, str]] = {
    "psnr_y_db": "PSNR, dB, higher is better",
    "ssim_y": "SSIM, higher is better",
    "ms_ssim": "MS-SSIM, higher is better",
    "vgg": "vgg, lower is better",
    "landmark_px": "468 face points, px, lower is better",
    "mouth_px": "mouth shape, px, lower is better",
}
STYLE: Final = """
:root{color-scheme:light dark;--ink:#1c1e21;--dim:#667;--paper:#fff;--line:#d8dbe0;--c0:#0b6bcb;--c1:#c2410c}
@media(prefers-color-scheme:dark){
:root{--ink:#e6e8eb;--dim:#9aa2ad;--paper:#15171a;--line:#343940;--c0:#6cb2ff;--c1:#ff9d66}}
body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper);max-width:860px;
margin:2rem auto;padding:0 1rem}
h1{font-size:1.5rem}h2{font-size:1.1rem;margin-top:2rem}table{border-collapse:collapse;width:100%}
td,th{padding:.25rem .6rem;border-bottom:1px solid var(--line);text-align:right}
td:first-child,th:first-child{text-align:left}
.strip{display:grid;grid-template-columns:repeat(5,1fr);gap:4px}.strip img{width:100%;display:block}
figure{margin:1rem 0}figcaption span{margin-left:.6rem}.unit,.dim{color:var(--dim)}svg{width:100%;height:auto}
path{fill:none;stroke-width:1.6}.grid{stroke:var(--line)}.tick{fill:var(--dim);font-size:11px}
span.c0{color:var(--c0)}span.c1{color:var(--c1)}span.c2{color:var(--dim)}
path.c0{stroke:var(--c0)}path.c1{stroke:var(--c1)}path.c2{stroke:var(--dim)}
.notice{border-left:4px solid var(--c1);padding:.4rem 1rem}
"""


def render_page(measured: Measured, source: str) -> str:
    """The whole page; `source` says what was sent."""
    report = measured.report
    headline = (
        f"{report.wire.forward_kbps:.1f} kbit/s forward and {report.wire.reverse_kbps:.1f} back on the wire, "
        f"everything counted; {report.frames.fps:.1f} pictures a second"
    )
    return "\n".join(
        [
            '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>facewire: one call</title>',
            '<meta name="viewport" content="width=device-width,initial-scale=1">',
            f"<style>{STYLE}</style></head><body>",
            f'<h1>One call of facewire</h1><p>{escape(headline)}. <span class="dim">Sent: {escape(source)}</span></p>',
            f'<p class="notice">{escape(_synthetic(measured))}</p>',
            "<h2>Pictures</h2>",
            _strip(measured),
            "<h2>Quality</h2>",
            _quality_table(measured),
            "<h2>Wire</h2>",
            _wire_tables(measured),
            "<h2>Over time</h2>",
            *_charts(measured),
            "<h2>Time and memory</h2>",
            _time_table(measured),
            "</body></html>",
            "",
        ]
    )


def _synthetic(measured: Measured) -> str:
    return (
        "What is synthetic: every picture in the row 'facewire' was drawn at the receiver by the network "
        f"{measured.report.model.name} from one keyframe and a few numbers per frame; it is a likeness, not a "
        "recording, and carries the mark 'reconstructed'. The voice is the sender's, coded with Opus. AV1's pictures "
        "are decoded video. The project's own sample is itself a puppet with a computer's voice."
    )


def _strip(measured: Measured) -> str:
    chosen = np.linspace(0, len(measured.joined.media_ms) - 1, STRIP_PICTURES).round().astype(int)
    rival = measured.rival.coded
    rows = (
        ("original", [measured.joined.original[i] for i in chosen]),
        ("facewire (rebuilt)", [mark(measured.joined.rebuilt[i]) for i in chosen]),
        (
            f"AV1, {rival.payload_kbps:.1f} kbit/s payload ({rival.size_px} px, {rival.fps:g} fps)",
            [rival.frames[i] for i in chosen],
        ),
    )
    return "".join(f"<p>{escape(name)}</p>{_pictures(name, pictures)}" for name, pictures in rows)


def _pictures(name: str, pictures: Sequence[NDArray[np.uint8]]) -> str:
    images = "".join(f'<img alt="{escape(name)}" src="{_data_url(picture)}">' for picture in pictures)
    return f'<div class="strip">{images}</div>'


def _data_url(picture: NDArray[np.uint8]) -> str:
    _, data = cv2.imencode(".jpg", picture[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    return "data:image/jpeg;base64," + base64.b64encode(data.tobytes()).decode()


def _quality_table(measured: Measured) -> str:
    quality = measured.report.quality
    rows = [
        [BETTER[name], *(number(getattr(quality[arm], name), 3) for arm in QUALITY_ARMS)]
        for name in QUALITY_MEASURES
    ]
    sharp = [number(measured.quality[arm].means.sharp_ratio, 2) for arm in QUALITY_ARMS]
    flicker = [number(measured.quality[arm].means.flicker, 2) for arm in QUALITY_ARMS]
    rows += [
        ["sharpness over the original's", *sharp],
        ["frame-to-frame change over the original's", *flicker],
    ]
    notes = [
        f"Against the sender's crop; AV1 (SVT-AV1, low delay) had {measured.rival.target_kbps:.1f} kbit/s, what our "
        "wire rate leaves after the same voice and the headers of as many packets, and used "
        f"{measured.rival.coded.payload_kbps:.1f}."
    ]
    if not measured.rival.reached:
        notes.append("No size and frame rate of AV1 comes within 5 % of that rate: the nearest one is shown.")
    if measured.vgg_absent:
        notes.append(
            "vgg was not measured: its weights are not here (--vgg-weights); AV1 was chosen by SSIM."
        )
    missed = measured.quality["rebuilt"].faces_missed
    if missed:
        notes.append(
            f"In {missed} measured frames no face was found in the rebuilt picture; they have no face distances."
        )
    return table(["", *ARM_NAMES.values()], rows) + f'<p class="dim">{escape(" ".join(notes))}</p>'


def _wire_tables(measured: Measured) -> str:
    wire, payload, frames = measured.report.wire, measured.report.payload_kbps, measured.report.frames
    rows = [
        ["forward", f"{wire.forward_kbps:.2f} kbit/s", f"{wire.forward_packets} packets"],
        ["back", f"{wire.reverse_kbps:.2f} kbit/s", f"{wire.reverse_packets} packets"],
        ["set-up, both ways", f"{wire.setup_bytes} bytes", ""],
        ["payload: voice", f"{payload.audio:.2f} kbit/s", ""],
        ["payload: motion", f"{payload.motion:.2f} kbit/s", ""],
        ["payload: keyframe", f"{payload.keyframe:.2f} kbit/s", ""],
        ["payload: control", f"{payload.control:.2f} kbit/s", ""],
        [
            "pictures",
            f"{frames.captured} captured",
            f"{frames.rendered} shown, {frames.concealed} of them repeats",
        ],
    ]
    return table(["counted at the UDP socket, + 28 bytes a packet", "", ""], rows)


def _time_table(measured: Measured) -> str:
    latency, skew, compute = (
        measured.report.latency_ms,
        measured.report.av_skew_ms,
        measured.report.compute_ms,
    )
    rows = [
        ["first picture after joining, ms", number(latency.first_picture, 0), ""],
        [
            "glass to glass, ms",
            number(latency.glass_to_glass_p50, 0),
            number(latency.glass_to_glass_p95, 0),
        ],
        ["voice against picture, ms", number(skew.p50, 0), number(skew.p95, 0)],
        [
            "sender's work per picture, ms",
            number(compute.sender_frame_p50, 1),
            number(compute.sender_frame_p95, 1),
        ],
        [
            "receiver's work per picture, ms",
            number(compute.receiver_frame_p50, 1),
            number(compute.receiver_frame_p95, 1),
        ],
        ["sender's memory, MB (peak)", "", f"{measured.memory.sender_mb:.0f}"],
        ["receiver's memory, MB (peak)", "", f"{measured.memory.receiver_mb:.0f}"],
    ]
    return table(["", "median", "95th percentile"], rows)


def _charts(measured: Measured) -> list[str]:
    history = measured.sender.history
    start_ms = measured.joined.media_ms[0]

    def seconds(series: Sequence[tuple[int, float]]) -> list[tuple[float, float]]:
        return [((ms - start_ms) / 1000, value) for ms, value in series if ms >= start_ms]

    latency = latency_series(measured.sender.pictures, measured.receiver.pictures)
    skew = [
        (ms, abs(value)) for ms, value in skew_series(measured.receiver.pictures, measured.receiver.voice)
    ]
    charts = [
        line_chart(
            "On the wire, per second, set-up included",
            "kbit/s",
            [
                Line("forward", "c0", [(row.second, row.forward_bytes * 8 / 1000) for row in history]),
                Line("back", "c1", [(row.second, row.reverse_bytes * 8 / 1000) for row in history]),
            ],
        ),
        line_chart(
            "Latency",
            "ms",
            [
                Line("glass to glass", "c0", seconds(latency)),
                Line("voice against picture", "c1", seconds(skew)),
            ],
        ),
    ]
    return charts + [
        _quality_chart(measured, name) for name in ("psnr_y_db", "vgg", "landmark_px", "mouth_px")
    ]


def _quality_chart(measured: Measured, name: str) -> str:
    start_ms = measured.joined.media_ms[0]
    lines = []
    for arm in QUALITY_ARMS:
        result = measured.quality[arm]
        values = getattr(result, name)
        kept = (
            ~np.isnan(values) if name == "vgg" else np.ones(len(values), bool)
        )  # vgg is taken on a few frames only
        times = [(measured.joined.media_ms[i] - start_ms) / 1000 for i in result.index[kept]]
        lines.append(
            Line(ARM_NAMES[arm], ARM_COLOURS[arm], list(zip(times, values[kept].tolist(), strict=True)))
        )
    return line_chart(BETTER[name], "", lines)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """An HTML table of texts, which are escaped."""
    top = "".join(f"<th>{escape(cell)}</th>" for cell in head)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><tr>{top}</tr>{body}</table>"


def number(value: float | None, digits: int) -> str:
    """The number as text; says so when there is none."""
    return "not measured" if value is None else f"{value:.{digits}f}"
