"""receiver.config."""

from pathlib import Path

import pytest

from receiver.config import ReceiverConfig, load_config, print_config
from shared.errors import UserError
from shared.limits import REJOIN_MAX_S


def test_flags_win_over_the_file_and_the_file_over_the_defaults(tmp_path: Path) -> None:
    file = tmp_path / "receiver.toml"
    file.write_text('size = "nano"\nthreads = 1\nsink = ["window", "mp4:a.mp4"]\nseconds = 5\n')
    config = load_config({"threads": 2}, file)
    assert (config.size, config.threads, config.backend, config.seconds) == ("nano", 2, "auto", 5)
    assert config.sink == ("window", "mp4:a.mp4")
    assert load_config({"sink": ["none"]}, file).sink == ("none",)


def test_what_is_printed_can_be_read_again(tmp_path: Path) -> None:
    config = ReceiverConfig(sink=('mp4:od"d\\name.mp4', "none"), threads=3, seconds=1.5, stats="x.json")
    file = tmp_path / "receiver.toml"
    file.write_text(print_config(config))
    assert load_config({}, file) == config


@pytest.mark.parametrize(
    "content",
    ["colour = 1", "threads = true", "threads = 'two'", "sink = 'none'", "sink = [1]", "= nonsense"],
)
def test_a_wrong_file_is_refused_with_its_name(tmp_path: Path, content: str) -> None:
    file = tmp_path / "receiver.toml"
    file.write_text(content)
    with pytest.raises(UserError, match=r"receiver\.toml"):
        load_config({}, file)


@pytest.mark.parametrize(
    "values",
    [
        {"threads": 0},
        {"threads": 65},
        {"seconds": 0.0},
        {"sink": []},
        {"rejoin_seconds": -1.0},
        {"rejoin_seconds": REJOIN_MAX_S + 1},
    ],
)
def test_values_out_of_range_are_refused(values: dict[str, object]) -> None:
    with pytest.raises(UserError, match=r"choose|needed"):
        load_config(values)


def test_waiting_for_a_lost_peer_may_be_switched_off_and_last_up_to_the_limit() -> None:
    for seconds in (0.0, REJOIN_MAX_S):
        assert load_config({"rejoin_seconds": seconds}).rejoin_seconds == seconds


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be read"):
        load_config({}, tmp_path / "none.toml")
