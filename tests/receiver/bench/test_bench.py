"""receiver.bench: the numbers, the tape, and one short load for real."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from models.runtime.mesh_warp import MeshWarpBackend
from receiver.bench import calls, engines, machine, tape
from receiver.bench.__main__ import main
from receiver.bench.calls import SETTLE_S, Load, TapeTransport, run_calls
from receiver.bench.engines import Choice, Outcome, SpreadEngine, joined
from receiver.bench.machine import GpuMeter, parse_gpu, rss_mb
from receiver.bench.report import Row, max_calls, percentile, row_of
from receiver.bench.tape import TAPE_PATH, TapeMessage, read_tape, write_tape
from receiver.clock import monotonic_us
from receiver.render_worker import RenderWorker
from shared.core.decoder import Decoder
from shared.core.events import KeyframeReceived, MotionReceived, VoiceReceived
from shared.errors import UserError
from shared.frames import Channel
from shared.limits import RENDER_CALLS_MAX
from shared.transport.base import TransportClosed


def row(calls: int, fps: float = 25.0, p99_ms: float | None = 30.0) -> Row:
    return Row(calls, fps, p99_ms, p99_ms, p99_ms, None, None, None, 0)


def test_percentiles_are_of_the_pictures_that_were_made() -> None:
    values = [float(value) for value in range(100, 0, -1)]
    assert [percentile(values, share) for share in (50, 95, 99)] == [50.0, 95.0, 99.0]
    assert percentile([7.0], 99) == 7.0 and percentile([], 50) is None


def test_a_row_counts_pictures_a_call_and_a_second() -> None:
    made = row_of(Load(2, 5.0, tuple([10.0] * 200), 50), 100.0, None, None)
    assert (made.fps_per_call, made.latency_p99_ms, made.shed, made.rss_mb) == (20.0, 10.0, 50, 100.0)
    nothing = row_of(Load(2, 5.0, (), 250), None, None, None)
    assert nothing.fps_per_call == 0 and nothing.latency_p50_ms is None and not nothing.kept_up


def test_the_most_calls_are_those_that_kept_up_at_the_limits_and_were_run() -> None:
    assert max_calls([row(1), row(4, p99_ms=40.0), row(16, p99_ms=40.01), row(64, fps=24.7)]) == 4
    assert max_calls([row(16, fps=24.75), row(64, p99_ms=None)]) == 16
    assert max_calls([row(1, fps=10.0)]) == 0 and max_calls([]) == 0


def test_the_recorded_call_is_one_keyframe_and_25_poses_a_second_with_voice() -> None:
    found, decoder = read_tape(), Decoder()
    events = [e for one in found.messages for e in decoder.receive(one.data, one.at_ms * 1000)]
    counts = [
        sum(isinstance(e, kind) for e in events) for kind in (KeyframeReceived, MotionReceived, VoiceReceived)
    ]
    assert counts[0] >= 1 and counts[1] > 24 * found.seconds and counts[2] > 12 * found.seconds
    assert TAPE_PATH.stat().st_size < 200_000 and found.seconds > 29


def test_a_tape_is_read_as_it_was_written_and_other_files_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, messages = (
        tmp_path / "call.json",
        (TapeMessage(5, Channel.RT, b"\0\xff"), TapeMessage(9, Channel.CTL, b"x")),
    )
    write_tape(messages, path)
    assert read_tape(path).messages == messages and read_tape(path).seconds == 0.009
    monkeypatch.setattr(tape, "coding_identity", lambda: "other")
    with pytest.raises(UserError, match="other coding tables"):
        read_tape(path)
    for content in (
        "",
        "[]",
        '{"tables": "x", "messages": [[1]]}',
        '{"tables": "x", "messages": [[1, "?", "eA=="]]}',
    ):
        path.write_text(content)
        with pytest.raises(UserError, match="no recorded call"):
            read_tape(path)


async def test_a_tape_transport_gives_messages_at_their_time_and_ends_when_it_is_closed() -> None:
    messages = (TapeMessage(0, Channel.RT, b"a"), TapeMessage(30, Channel.CTL, b"b"))
    start_us = monotonic_us()
    transport = TapeTransport(tape.Tape("", messages), start_us)
    assert [await transport.receive() for _ in range(2)] == [(Channel.RT, b"a"), (Channel.CTL, b"b")]
    assert monotonic_us() - start_us >= 30_000
    waiting = asyncio.ensure_future(transport.receive())
    await transport.close()
    with pytest.raises(TransportClosed):
        await waiting


def test_memory_is_measured_where_the_system_tells_and_is_nothing_where_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = rss_mb()
    assert here is None or 10 < here < 100_000
    monkeypatch.setattr(machine, "_STATUS", tmp_path / "absent")
    assert rss_mb() is None


def test_a_gpu_is_read_from_its_tool_and_without_one_nothing_is_claimed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert parse_gpu("1234, 118.52") == (1234.0, 118.52)
    assert parse_gpu("1234, [N/A]") == (1234.0, None) and parse_gpu("rubbish") == (None, None)
    monkeypatch.setattr(machine.shutil, "which", lambda name: None)
    assert GpuMeter().close() == (None, None)


def test_the_gpus_memory_is_the_most_and_its_power_the_median(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\necho '2000, 300.5'\n")
    tool.chmod(0o755)
    monkeypatch.setattr(machine.shutil, "which", lambda name: str(tool))
    monkeypatch.setattr(machine, "SAMPLE_S", 0.01)
    meter = GpuMeter()
    while not meter._samples:
        meter._over.wait(0.01)
    assert meter.close() == (2000.0, 300.5)


async def test_calls_run_on_the_real_path_and_their_pictures_are_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(calls, "SETTLE_S", 1.0)
    worker = RenderWorker(MeshWarpBackend())
    load = await run_calls(worker, read_tape(), 2, 0.6)
    worker.close()
    assert load.calls == 2 and load.latency_ms and min(load.latency_ms) >= 0
    assert len(load.latency_ms) + load.shed >= 2 * 15


def result_of(*arguments: str) -> tuple[int, list[tuple[int, int]]]:
    """Exit status, and the loads that were run as (calls, batch_max)."""
    ran: list[tuple[int, int]] = []

    async def run(worker: RenderWorker, tape: Any, calls: int, seconds: float) -> Load:
        ran.append((calls, worker._renders._queue._batch_max))
        return Load(calls, seconds, tuple([12.0] * round(calls * seconds * 25)), 0)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engines, "run_calls", run)
        return main(arguments), ran


def test_the_file_says_what_was_asked_for(tmp_path: Path) -> None:
    out = tmp_path / "bench.json"
    status, ran = result_of("--backend", "mesh-warp", "--calls", "1,3", "--seconds", "2", "--out", str(out))
    assert status == 0 and ran == [(1, 1), (3, 1)]
    found = json.loads(out.read_text())
    assert (found["backend"], found["size"], found["max_calls_25fps_p99_40ms"]) == ("mesh-warp", "lite", 3)
    assert set(found["rows"][0]) == {
        *("calls", "fps_per_call", "latency_p50_ms", "latency_p95_ms", "latency_p99_ms"),
        *("rss_mb", "gpu_mb", "watts", "shed"),
    }
    assert found["one_by_one"] == found["rows"] and found["device"]


def test_an_engine_that_makes_batches_is_measured_one_by_one_as_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(MeshWarpBackend, "batch_max", 4)
    status, ran = result_of("--backend", "mesh-warp", "--calls", "1,3", "--out", str(tmp_path / "bench.json"))
    assert status == 0 and ran == [(1, 4), (3, 4), (1, 1), (3, 1)]


def test_what_cannot_be_measured_is_refused_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = str(tmp_path / "bench.json")
    longest = int(read_tape().seconds - SETTLE_S)
    assert main(["--seconds", str(longest + 1), "--out", out]) == 2
    assert f"1 to {longest}" in capsys.readouterr().err
    assert (
        result_of("--backend", "mesh-warp", "--calls", "1", "--out", str(tmp_path / "none" / "b.json"))[0]
        == 2
    )
    for flag, wrong in (("--calls", "0"), ("--calls", f"1,{RENDER_CALLS_MAX + 1}"), ("--processes", "65")):
        with pytest.raises(SystemExit):
            main([flag, wrong, "--out", out])


def test_what_several_processes_did_is_one_load() -> None:
    parts = [Outcome(Load(2, 5.0, (1.0, 2.0), 3), 100.0), Outcome(Load(1, 5.0, (4.0,), 0), 50.5)]
    whole = joined(parts)
    assert whole == Outcome(Load(3, 5.0, (1.0, 2.0, 4.0), 3), 150.5)
    assert joined([*parts, Outcome(Load(1, 5.0, (), 0), None)]).rss_mb is None


def test_a_process_that_cannot_open_the_backend_says_why() -> None:
    with pytest.raises(UserError, match="1 to 64"):
        SpreadEngine(Choice("onnx", "lite", 99, None), 1)


@pytest.mark.slow
def test_calls_are_spread_over_processes_and_all_are_served() -> None:
    engine = SpreadEngine(Choice("mesh-warp", "lite", 1, None), 2)
    outcome = engine.run(3, 1.0, 1)
    engine.close()
    assert engine.described.backend == "mesh-warp" and outcome.load.calls == 3 and outcome.load.latency_ms
