"""experiments.demo.processes: children are heard, watched and always ended."""

import sys
import time
from pathlib import Path

import pytest

from experiments.demo.processes import Child, Children, wait_until

pytestmark = pytest.mark.e2e


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A module `talker` that children can run."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return tmp_path / "talker.py"


def test_json_lines_are_heard_and_others_ignored(program: Path) -> None:
    program.write_text("print('hello'); print('{\"fps\": 25}'); print('[1]')")
    heard: list[dict[str, object]] = []
    child = Child("talker", ["talker"], heard.append)
    assert child.wait(20)
    child.stop()
    assert heard == [{"fps": 25}]
    assert child.status == 0


def test_the_last_line_of_stderr_is_kept_and_a_silent_failure_says_its_status(program: Path) -> None:
    program.write_text("import sys; sys.exit('talker: no camera')")
    child = Child("talker", ["talker"], lambda _: None)
    child.wait(20)
    child.stop()
    assert (child.status, child.last_words) == (1, "talker: no camera")
    program.write_text("import sys; sys.exit(3)")
    silent = Child("talker", ["talker"], lambda _: None)
    silent.wait(20)
    silent.stop()
    assert "status 3" in silent.last_words


def test_processor_time_is_told_for_the_last_seconds_only(
    program: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("experiments.demo.processes.CORES_WINDOW_S", 0.5)
    program.write_text(
        "import time\nend = time.process_time() + 1.0\nwhile time.process_time() < end: pass\nprint('{}')\ntime.sleep(30)"
    )
    heard: list[dict[str, object]] = []

    def sampled() -> float | None:
        child.sample_use()
        return child.cores

    with Children() as children:
        child = children.start("talker", ["talker"], heard.append)
        assert sampled() is None, "one sample tells nothing"
        assert wait_until(lambda: sampled() is not None and bool(heard), 20)
        busy = sampled()
        assert wait_until(lambda: (sampled() or 0) < 0.1, 20)
    assert busy is not None and busy > 0.1


def test_memory_is_watched(program: Path) -> None:
    program.write_text("import time; block = bytearray(60_000_000); print('{}'); time.sleep(30)")
    heard: list[dict[str, object]] = []
    with Children() as children:
        child = children.start("talker", ["talker"], heard.append)
        assert wait_until(lambda: bool(heard), 20)
        child.sample_use()
        assert child.peak_rss_bytes > 60_000_000


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_a_child_that_ignores_sigint_is_ended_all_the_same(
    program: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("experiments.demo.processes.INTERRUPT_GRACE_S", 0.2)
    program.write_text(
        "import signal, time\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nprint('{}')\ntime.sleep(60)"
    )
    heard: list[dict[str, object]] = []
    started = time.monotonic()
    with Children() as children:
        child = children.start("talker", ["talker"], heard.append)
        assert wait_until(lambda: bool(heard), 20)
    assert child.status is not None
    assert time.monotonic() - started < 20


def test_waiting_gives_up() -> None:
    assert not wait_until(lambda: False, 0.05, 0.01)
