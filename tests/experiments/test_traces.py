"""experiments.traces: the file format and its limits, the models, and links made of them."""

from pathlib import Path
from statistics import fmean

import pytest

from experiments.network.links import LINKS
from experiments.traces import trace as form
from experiments.traces.__main__ import main
from experiments.traces.link import impairment_of, link_of, open_link, shipped
from experiments.traces.models import MODELS, contention, make_trace
from experiments.traces.trace import COLUMNS, MAGIC, Trace, format_trace, parse_trace, read_trace
from shared.errors import UserError
from shared.transport.impairments import PathStep
from shared.transport.link_model import LinkModel

HEAD = f"{MAGIC}\n{COLUMNS}\n"


def parsed(text: str) -> Trace:
    return parse_trace(text, "mine", "mine.trace")


# --- the format


def test_a_trace_that_was_written_is_read_back() -> None:
    steps = (PathStep(0, 12.5, 30, 0.01), PathStep(250, 0, 31.5), PathStep(400, None, 0, 0.5))
    trace = Trace("a b", "what it is", steps, 700, 9000)
    assert parsed(format_trace(trace)) == trace


def test_what_a_recording_leaves_out_has_a_default() -> None:
    trace = parsed(f"{HEAD}0 100 20 0\n# a remark\n\n300 50 20 0\n")
    assert (trace.name, trace.about, trace.length_ms) == ("mine", "", 600)
    assert trace.queue_bytes == form.QUEUE_DEFAULT_BYTES
    assert parsed(f"{HEAD}0 100 20 0").length_ms == form.STEP_DEFAULT_MS


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "first line"),
        ("time rate\n0 1 2 3", "first line"),
        (f"{HEAD}0 1 2", "columns"),
        (f"{HEAD}0 1 2 3 4", "columns"),
        (f"{HEAD}5 1 2 0", "begins at 5"),
        (f"{HEAD}0 1 2 0\n0 1 2 0", "does not come after"),
        (f"{HEAD}0 x 2 0", "rate_kbps 'x'"),
        (f"{HEAD}0 nan 2 0", "rate_kbps"),
        (f"{HEAD}0 1 -2 0", "delay_ms"),
        (f"{HEAD}0 1 2 1.5", "loss"),
        (f"{HEAD}0.5 1 2 0", "whole number"),
        (f"{HEAD}0 0 2 0", "never carries"),
        (f"{HEAD}0 1 2 1", "loses everything"),
        (HEAD, "never carries"),
        (f"{MAGIC}\n# length_ms: 100\n{COLUMNS}\n0 1 2 0\n100 1 2 0", "length_ms"),
        (f"{MAGIC}\n# queue_bytes: -1\n{COLUMNS}\n0 1 2 0", "queue_bytes"),
    ],
)
def test_what_is_no_trace_is_refused_with_its_line(text: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        parsed(text)


@pytest.mark.parametrize(
    ("row", "name", "most"),
    [
        ("0 {} 2 0", "rate_kbps", form.RATE_MAX_KBPS),
        ("0 1 {} 0", "delay_ms", form.DELAY_MAX_MS),
        ("0 1 2 0\n{} 1 2 0", "time_ms", form.TIME_MAX_MS),
    ],
)
def test_numbers_are_taken_up_to_their_limit(row: str, name: str, most: float) -> None:
    text = f"{MAGIC}\n# length_ms: {form.TIME_MAX_MS}\n{COLUMNS}\n" + row
    assert parsed(text.format(int(most) - 1)).steps
    with pytest.raises(UserError, match=name):
        parsed(text.format(int(most) + 1))


def test_a_queue_and_texts_have_limits() -> None:
    text = f"{MAGIC}\n# queue_bytes: {{}}\n# name: {{}}\n{COLUMNS}\n0 1 2 0"
    longest = "n" * form.TEXT_MAX_CHARS
    assert parsed(text.format(form.QUEUE_MAX_BYTES, longest)).name == longest
    for queue, name in ((form.QUEUE_MAX_BYTES + 1, "n"), (0, longest + "n")):
        with pytest.raises(UserError, match=r"queue_bytes|longer than"):
            parsed(text.format(queue, name))


def test_steps_and_bytes_are_limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(form, "TRACE_MAX_STEPS", 3)
    rows = "\n".join(f"{i} 1 2 0" for i in range(4))
    assert len(parsed(HEAD + rows[: rows.rindex("\n")]).steps) == 3
    with pytest.raises(UserError, match="more than 3 steps"):
        parsed(HEAD + rows)
    file = tmp_path / "a.trace"
    file.write_text(f"{HEAD}0 1 2 0\n")
    monkeypatch.setattr(form, "TRACE_MAX_BYTES", file.stat().st_size)
    assert read_trace(file).name == "a"
    monkeypatch.setattr(form, "TRACE_MAX_BYTES", file.stat().st_size - 1)
    with pytest.raises(UserError, match="larger than"):
        read_trace(file)


def test_files_that_cannot_be_read_are_user_errors(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be read"):
        read_trace(tmp_path / "none")
    (tmp_path / "b.trace").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match="not text"):
        read_trace(tmp_path / "b.trace")


# --- the models


@pytest.mark.parametrize("name", MODELS)
def test_a_shipped_trace_is_what_its_model_makes_byte_for_byte(name: str) -> None:
    assert shipped()[name].read_bytes() == format_trace(make_trace(name)).encode()


@pytest.mark.parametrize("name", MODELS)
def test_a_model_makes_another_trace_of_another_seed_and_both_can_be_read(name: str) -> None:
    one, other = make_trace(name, 1), make_trace(name, 2)
    assert one.steps != other.steps
    assert all(parsed(format_trace(trace)) == trace for trace in (one, other))
    assert "ynthetic" in one.about


def test_shipped_traces_are_small() -> None:
    assert set(shipped()) == set(MODELS)
    assert all(path.stat().st_size < 8192 for path in shipped().values())


def test_each_model_has_what_its_kind_of_link_has() -> None:
    rates = {name: [step.kbps or 0.0 for step in make_trace(name).steps] for name in MODELS}
    delays = {name: fmean(step.delay_ms for step in make_trace(name).steps) for name in MODELS}
    losses = {name: fmean(step.loss for step in make_trace(name).steps) for name in MODELS}
    assert max(rates["2g-like"]) <= 42.8 and 0 in rates["2g-like"] and losses["2g-like"] == 0
    assert 260 <= delays["satellite-like"] <= 320
    assert 0 in rates["train-like"] and max(rates["train-like"]) <= 100
    assert min(rates["wifi-like"]) > 50 and 0.001 < losses["wifi-like"] < 0.2
    assert delays["2g-like"] > delays["satellite-like"] > delays["train-like"]


def test_more_stations_collide_more_and_get_less() -> None:
    few, many = contention(2), contention(40)
    assert 0 < few[0] < many[0] < 1
    assert few[1] > many[1] > 0


# --- links made of traces

SHORT = Trace("short", "", (PathStep(0, 8), PathStep(100, 16, 5, 0.1)), 300, 700)


def test_a_trace_begins_anew_at_its_end() -> None:
    way = impairment_of(SHORT, seconds=0.7)
    assert [step.start_ms for step in way.path] == [0, 100, 300, 400, 600]
    assert [step.kbps for step in way.path] == [8, 16, 8, 16, 8]
    assert way.queue_bytes == 700


def test_a_trace_may_begin_in_its_middle() -> None:
    way = impairment_of(SHORT, begin_ms=200, seconds=0.5)
    assert [(step.start_ms, step.kbps) for step in way.path] == [(0, 16), (100, 8), (200, 16), (400, 8)]
    assert impairment_of(SHORT, begin_ms=500, seconds=0.5) == way


def test_a_call_over_a_trace_is_the_same_for_the_same_seed() -> None:
    def fates(seed: int) -> list[tuple[int, ...]]:
        link = link_of(make_trace("wifi-like"), seed, begin_ms=None)
        return [LinkModel(link.forward, link.seed).offer(i * 40_000, 150) for i in range(50)]

    assert fates(3) == fates(3)
    assert fates(3) != fates(4)


def test_a_link_is_found_by_name_or_by_file(tmp_path: Path) -> None:
    file = tmp_path / "mine.trace"
    file.write_text(format_trace(SHORT))
    assert open_link("clean") is LINKS["clean"]
    assert open_link("2g-like").name == "2g-like"
    assert open_link(str(file)).name == "short"
    with pytest.raises(UserError, match="2g-like"):
        open_link("nothing of the kind")


# --- the command


def test_the_command_lists_makes_and_shows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "t.trace"
    assert main(["--list"]) == 0
    listed = capsys.readouterr().out
    assert all(name in listed for name in MODELS)
    assert main(["--make", "train-like", "--out", str(out)]) == 0
    assert out.read_bytes() == shipped()["train-like"].read_bytes()
    assert main(["--show", str(out)]) == 0
    assert "nothing at all" in capsys.readouterr().out


@pytest.mark.parametrize(
    "words", [["--make", "5g"], ["--make", "2g-like"], ["--make", "2g-like", "--out", "/"], ["--show", "/no"]]
)
def test_the_command_says_what_to_mend(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    assert capsys.readouterr().err.startswith("traces: ")
