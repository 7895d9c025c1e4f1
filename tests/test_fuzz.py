"""The fuzzer, for a bounded time: nothing breaks, what would break is found, and comes back with its seed."""

import struct
from pathlib import Path

import pytest

from shared.core.decoder import Decoder
from shared.core.events import Event
from shared.errors import MalformedMessage, RemoteError
from tests.fuzz import __main__ as program
from tests.fuzz.parsers import parsers
from tests.fuzz.run import run

pytestmark = pytest.mark.fuzz
SECONDS = 4.0


def test_nothing_that_a_stranger_sends_breaks_anything() -> None:
    tally = run(SECONDS, seed=1)
    assert tally.failures == []
    assert set(tally.inputs) == {*parsers(), "machines"}
    for name, inputs in tally.inputs.items():
        assert 0 < tally.refused[name] <= inputs, name
    assert any(tally.refused[name] < tally.inputs[name] for name in ("wire", "coder", "opus", "machines"))


def fragile(data: bytes) -> None:
    if len(data) > 3:
        raise MalformedMessage("too long")
    struct.unpack(">H", data[:2])


def test_a_parser_that_breaks_is_found_and_the_input_and_its_seed_bring_it_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    known = {"fragile": ([b"abc"], fragile)}
    tally = run(0.0, 7, only="fragile", known=known)
    assert tally.failures and {failure.seed for failure in tally.failures} == {7}
    data = tally.failures[0].data
    assert data is not None and len(data) < 2
    with pytest.raises(struct.error):
        fragile(data)
    assert run(0.0, 7, only="fragile", known=known).failures == tally.failures
    monkeypatch.setattr(program, "run", lambda *given: tally)
    assert program.main(["--minutes", "0", "--out", str(tmp_path)]) == 1
    assert "FAILED fragile (--seed 7" in capsys.readouterr().out
    assert (tmp_path / "fragile-7.bin").read_bytes() == tally.failures[-1].data


def test_a_machine_that_keeps_a_trace_of_what_it_refused_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = Decoder.receive

    def careless(self: Decoder, data: bytes, now_us: int) -> list[Event]:
        try:
            return honest(self, data, now_us)
        except RemoteError:
            self.want_keyframe()
            raise

    monkeypatch.setattr(Decoder, "receive", careless)
    (failure,) = run(0.0, 1, only="machines").failures
    assert failure.target == "machines" and "left a trace" in failure.error


def test_a_round_without_failures_ends_with_status_0(capsys: pytest.CaptureFixture[str]) -> None:
    assert program.main(["--minutes", "0", "--only", "wire"]) == 0
    assert "wire: 200 inputs" in capsys.readouterr().out
