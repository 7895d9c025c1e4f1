"""shared.config_file."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from shared.config_file import load_settings, print_settings
from shared.errors import UserError


@dataclass(frozen=True, slots=True)
class Settings:
    name: str = ""
    sinks: tuple[str, ...] = ("none",)
    loop: bool = False
    count: int | None = None
    seconds: float = 1.0


def load(flags: dict[str, object], file: Path | None = None) -> Settings:
    return load_settings(Settings(), flags, file, "python -m it")


def test_what_is_printed_is_read_again(tmp_path: Path) -> None:
    settings = Settings('a "b" \\c', ("x", "y"), True, 3, 2.5)
    file = tmp_path / "it.toml"
    file.write_text(print_settings(settings))
    assert load({}, file) == settings
    assert print_settings(Settings()) == 'sinks = ["none"]\nloop = false\nseconds = 1.0\n'


def test_flags_go_before_the_file_and_the_file_before_the_defaults(tmp_path: Path) -> None:
    file = tmp_path / "it.toml"
    file.write_text('count = 2\nseconds = 3\nsinks = ["a"]\n')
    assert load({"count": 5, "sinks": ["b", "c"]}, file) == Settings(count=5, seconds=3, sinks=("b", "c"))


@pytest.mark.parametrize(
    "line", ["colour = 1", "loop = 1", "count = true", "sinks = 'a'", "sinks = [1]", "="]
)
def test_a_wrong_line_is_refused_with_the_file_and_the_setting(tmp_path: Path, line: str) -> None:
    file = tmp_path / "it.toml"
    file.write_text(line)
    with pytest.raises(UserError, match=r"it\.toml"):
        load({}, file)
