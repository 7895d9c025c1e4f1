"""receiver.provenance and receiver.provenance_setup: recordings that say what they are, signed."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from models.runtime.base import ModelInfo
from receiver import provenance, provenance_setup
from receiver.provenance import Facts, read_provenance, recording_signer, sign_recording
from receiver.provenance_identity import (
    AUTHORITY_FILE,
    CHAIN_FILE,
    KEY_FILE,
    Identity,
    load_identity,
    new_identity,
    write_identity,
)
from receiver.provenance_setup import signer_of
from receiver.sinks.base import PictureState, SinkFailed
from receiver.sinks.open import open_sinks
from shared.errors import UserError
from tests.receiver.sinks.media import beep, flat, pictures_of, voice_of

signs = pytest.mark.skipif(not provenance.available(), reason="c2pa-python is not installed")
FACTS = Facts("lite", "ab" * 32, "0.1.0")


@pytest.fixture(scope="module")
def identity() -> Identity:
    return new_identity("a test", kept=True)


def record(path: Path, identity: Identity | None) -> Path:
    sinks = open_sinks([f"mp4:{path}"], recording_signer(identity, FACTS) if identity else None)
    for tick in range(30):
        sinks.write_picture(flat(tick * 4), tick * 40, PictureState.FRESH)
        sinks.write_voice(beep(40), tick * 40)
    sinks.close()
    assert sinks.failures == []
    return path


@signs
def test_a_recording_says_that_it_is_reconstructed_by_which_model_and_when(
    tmp_path: Path, identity: Identity
) -> None:
    read = read_provenance(record(tmp_path / "a.mp4", identity))
    assert read is not None and read.intact and not read.trusted and read.problems == ()
    assert read.facts == FACTS and read.generator == "facewire 0.1.0" and read.signer == "a test (facewire)"
    assert read.signed_at.startswith("20") and read.signed_at.endswith("+00:00")


@signs
def test_a_signed_recording_plays_as_before(tmp_path: Path, identity: Identity) -> None:
    bare, signed = record(tmp_path / "a.mp4", None), record(tmp_path / "b.mp4", identity)
    assert [time for time, _ in pictures_of(bare)] == [time for time, _ in pictures_of(signed)]
    assert np.array_equal(pictures_of(bare)[-1][1], pictures_of(signed)[-1][1])
    assert np.array_equal(voice_of(bare), voice_of(signed))
    assert sorted(tmp_path.iterdir()) == [bare, signed], "nothing else is left behind"


@signs
def test_one_changed_byte_of_sound_or_picture_is_noticed(tmp_path: Path, identity: Identity) -> None:
    film = record(tmp_path / "a.mp4", identity)
    content = bytearray(film.read_bytes())
    at = content.index(b"mdat") + 200
    content[at] ^= 1
    film.write_bytes(content)
    read = read_provenance(film)
    assert read is not None and not read.intact and read.problems == ("assertion.bmffHash.mismatch",)


@signs
def test_the_signer_is_trusted_by_those_who_hold_the_authority(tmp_path: Path, identity: Identity) -> None:
    film = record(tmp_path / "a.mp4", identity)
    write_identity(tmp_path / "mine", identity)
    write_identity(tmp_path / "others", new_identity("another"))
    mine, others = ((tmp_path / name / AUTHORITY_FILE).read_bytes() for name in ("mine", "others"))
    trusted, untrusted = read_provenance(film, mine), read_provenance(film, others)
    assert trusted is not None and trusted.trusted and trusted.intact
    assert untrusted is not None and not untrusted.trusted


@signs
def test_a_film_without_a_manifest_has_none_and_what_is_no_film_says_so(tmp_path: Path) -> None:
    assert read_provenance(record(tmp_path / "a.mp4", None)) is None
    (tmp_path / "text.mp4").write_text("no film")
    for name in ("text.mp4", "missing.mp4"):
        with pytest.raises(UserError, match="Name an mp4 file"):
            read_provenance(tmp_path / name)


@signs
def test_a_film_that_cannot_be_signed_stays_whole(tmp_path: Path, identity: Identity) -> None:
    film = record(tmp_path / "a.mp4", None)
    before = film.read_bytes()
    with pytest.raises(UserError, match="has no manifest"):
        sign_recording(film, replace(identity, key=new_identity("another").key[:50]), FACTS)
    assert film.read_bytes() == before and list(tmp_path.iterdir()) == [film]


def test_a_signature_that_fails_is_reported_as_the_sinks_failure(tmp_path: Path) -> None:
    def fail(path: Path) -> None:
        raise UserError("no signature today")

    sinks = open_sinks([f"mp4:{tmp_path / 'a.mp4'}"], fail)
    sinks.write_picture(flat(9), 0, PictureState.FRESH)
    sinks.close()
    assert "no signature today" in sinks.failures[0] and len(pictures_of(tmp_path / "a.mp4")) == 1
    assert issubclass(SinkFailed, UserError)


def test_a_kept_key_is_its_owners_alone_and_is_never_overwritten(tmp_path: Path, identity: Identity) -> None:
    write_identity(tmp_path / "keys", identity)
    assert (tmp_path / "keys" / KEY_FILE).stat().st_mode & 0o077 == 0
    assert load_identity(tmp_path / "keys") == identity
    with pytest.raises(UserError, match="Name another folder"):
        write_identity(tmp_path / "keys", identity)
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="Cannot write a key"):
        write_identity(tmp_path / "file" / "keys", identity)


def test_a_key_that_cannot_sign_is_refused(tmp_path: Path, identity: Identity) -> None:
    with pytest.raises(UserError, match="provenance-key --out"):
        load_identity(tmp_path)
    (tmp_path / KEY_FILE).write_bytes(identity.key)
    (tmp_path / CHAIN_FILE).write_bytes(new_identity("another").chain)
    with pytest.raises(UserError, match="do not belong together"):
        load_identity(tmp_path)


def test_who_signs_is_settled_before_the_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    model = ModelInfo("lite", "ab" * 32)
    assert signer_of(False, "", model) is None, "nothing is recorded"
    with pytest.raises(UserError, match="provenance-key --out"):
        signer_of(True, str(tmp_path), model)
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(provenance_setup, "available", lambda: False)
    assert signer_of(True, "", model) is None
    assert "no signed manifest" in capsys.readouterr().err


@signs
def test_a_run_without_a_key_of_its_own_signs_with_a_passing_one(tmp_path: Path) -> None:
    sign = signer_of(True, "", ModelInfo("lite", "ab" * 32))
    film = record(tmp_path / "a.mp4", None)
    assert sign is not None
    sign(film)
    read = read_provenance(film)
    assert read is not None and read.intact and read.facts is not None and read.facts.model == "lite"


def test_without_the_package_the_message_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provenance, "PACKAGE", "no_such_package_of_this_name")
    assert not provenance.available()
    with pytest.raises(UserError, match="pip install"):
        recording_signer(Identity(b"", b"", True), FACTS)
