"""signaling.keys: weak secrets are refused and never quoted."""

from pathlib import Path

import pytest

from shared import limits
from shared.errors import UserError
from signaling import keys

STRONG = "kJ8vQ2mZr5TxYw7BnD4cHs9LpEa3GfUi"


def test_a_new_secret_is_accepted_and_never_the_same() -> None:
    first, second = keys.new_secret(), keys.new_secret()
    assert keys.checked_secret(first, "test") == first != second


def test_a_secret_at_the_shortest_length_passes_and_one_shorter_does_not() -> None:
    assert len(STRONG) == limits.SIGNALING_SECRET_MIN_CHARS
    assert keys.checked_secret(f" {STRONG}\n", "test") == STRONG
    with pytest.raises(UserError, match="shorter"):
        keys.checked_secret(STRONG[:-1], "test")


@pytest.mark.parametrize(
    "text", ["", "  \n", "x" * 64, "changeme" * 8, f"CHANGE-ME-{STRONG}", f"{STRONG}-example"]
)
def test_a_guessable_secret_is_refused_and_not_quoted(text: str) -> None:
    with pytest.raises(UserError) as error:
        keys.checked_secret(text, "the test")
    assert "python -m signaling secret" in str(error.value)
    assert not text.strip() or text.strip() not in str(error.value)


def test_a_secret_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text(f"{STRONG}\n")
    assert keys.secret_from_file(path) == STRONG


def test_a_missing_or_binary_secret_file_is_a_user_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="FileNotFoundError"):
        keys.secret_from_file(tmp_path / "none")
    (tmp_path / "binary").write_bytes(b"\xff" * 40)
    with pytest.raises(UserError, match="UnicodeDecodeError"):
        keys.secret_from_file(tmp_path / "binary")


def test_an_environment_variable_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACEWIRE_TEST_SECRET", STRONG)
    assert keys.secret_from_environment("FACEWIRE_TEST_SECRET") == STRONG
    monkeypatch.delenv("FACEWIRE_TEST_SECRET")
    with pytest.raises(UserError, match="not set"):
        keys.secret_from_environment("FACEWIRE_TEST_SECRET")
