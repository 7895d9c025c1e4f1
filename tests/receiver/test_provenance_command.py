"""receiver.provenance_command: `python -m receiver provenance-verify` and `provenance-key`."""

from pathlib import Path

import pytest

from receiver import provenance
from receiver.__main__ import main
from receiver.provenance_identity import AUTHORITY_FILE, load_identity
from tests.receiver.test_provenance import record

pytestmark = pytest.mark.skipif(not provenance.available(), reason="c2pa-python is not installed")


def test_make_a_key_record_with_it_verify(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    keys = tmp_path / "keys"
    assert main(["provenance-key", "--out", str(keys), "--name", "Room 4"]) == 0
    film = record(tmp_path / "a.mp4", load_identity(keys))
    assert main(["provenance-verify", str(film)]) == 0
    assert "Room 4 (facewire), not known to be trusted" in capsys.readouterr().out
    assert main(["provenance-verify", str(film), "--trust", str(keys / AUTHORITY_FILE)]) == 0
    said = capsys.readouterr().out
    assert "Room 4 (facewire), trusted" in said and "reconstructed by a neural network" in said


def test_a_changed_film_another_signer_and_no_manifest_are_status_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("mine", "other"):
        assert main(["provenance-key", "--out", str(tmp_path / name)]) == 0
    film = record(tmp_path / "a.mp4", load_identity(tmp_path / "mine"))
    assert main(["provenance-verify", str(film), "--trust", str(tmp_path / "other" / AUTHORITY_FILE)]) == 1
    content = bytearray(film.read_bytes())
    content[content.index(b"mdat") + 200] ^= 1
    film.write_bytes(content)
    capsys.readouterr()
    assert main(["provenance-verify", str(film)]) == 1
    assert "CHANGED since it was signed (assertion.bmffHash.mismatch)" in capsys.readouterr().out
    assert main(["provenance-verify", str(record(tmp_path / "b.mp4", None))]) == 1
    assert "not signed" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [
        ["provenance-verify", "missing.mp4"],
        ["provenance-verify", "missing.mp4", "--trust", "missing.pem"],
        ["provenance-key", "--out", ".", "--name", "x" * 65],
        ["provenance-key", "--out", ".", "--name", ""],
    ],
)
def test_what_one_can_mend_is_one_line_and_status_2(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    assert capsys.readouterr().err.count("\n") == 1
