"""`python -m receiver provenance-verify FILE` and `provenance-key --out DIR`: read and make signatures of recordings.

Must not import codecs. Invariant: exit status 0 means that the film has a manifest and is unchanged since, 1 that it has none or
was changed, 2 that it could not be read.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from receiver.provenance import Provenance, read_provenance
from receiver.provenance_identity import AUTHORITY_FILE, new_identity, write_identity
from shared.errors import UserError

EXIT_INTACT, EXIT_NOT_INTACT, EXIT_USER = 0, 1, 2
_VERIFY: Final = """\
examples:
  python -m receiver provenance-verify call.mp4
  python -m receiver provenance-verify call.mp4 --trust authority.pem

Intact means that nobody changed the film since it was signed. By whom says the signer's certificate, and only --trust makes
that name worth anything: without it anybody may have signed. A film without a manifest proves nothing either way.
Exit status: 0 intact, 1 changed or without a manifest (with --trust also: another signer), 2 cannot be read.
"""
_KEY: Final = f"""\
examples:
  python -m receiver provenance-key --out keys --name "Room 4"
  python -m receiver --signaling ... --sink mp4:call.mp4 --provenance-key keys

Give {AUTHORITY_FILE} to those who verify; keep the rest. Without a key of your own each run signs with one that it forgets.
"""


def verify(arguments: Sequence[str]) -> int:
    """`provenance-verify`; returns the exit status."""
    parser = _parser("provenance-verify", "Reads the C2PA manifest of a recording and checks it.", _VERIFY)
    parser.add_argument("file", type=Path, metavar="FILE", help="an mp4 file")
    parser.add_argument("--trust", type=Path, metavar="FILE.pem", help="certificates of authorities to trust")
    options = parser.parse_args(arguments)
    try:
        provenance = read_provenance(options.file, _read(options.trust) if options.trust else None)
    except UserError as error:
        return _refuse("provenance-verify", error)
    if provenance is None:
        print("no manifest: this film is not signed")
        return EXIT_NOT_INTACT
    print(as_text(provenance))
    good = provenance.intact and (provenance.trusted or options.trust is None)
    return EXIT_INTACT if good else EXIT_NOT_INTACT


def make_key(arguments: Sequence[str]) -> int:
    """`provenance-key`; returns the exit status."""
    parser = _parser("provenance-key", "Makes a key that signs recordings.", _KEY)
    parser.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="folder for key and certificates"
    )
    parser.add_argument("--name", default="recordings", metavar="TEXT", help="who signs, for people")
    options = parser.parse_args(arguments)
    try:
        if not 1 <= len(options.name) <= 64:
            raise UserError("A name in a certificate has 1 to 64 characters: choose another --name.")
        write_identity(options.out, new_identity(options.name, kept=True))
    except UserError as error:
        return _refuse("provenance-key", error)
    print(f"made {options.out}; give {options.out / AUTHORITY_FILE} to those who verify")
    return EXIT_INTACT


def as_text(provenance: Provenance) -> str:
    """What was read, for people, one fact a line."""
    state = (
        "intact" if provenance.intact else f"CHANGED since it was signed ({', '.join(provenance.problems)})"
    )
    trust = "trusted" if provenance.trusted else "not known to be trusted"
    lines = [state, f"signer: {provenance.signer}, {trust}", f"made by: {provenance.generator}"]
    if provenance.facts is not None:
        lines += ["says: pictures reconstructed by a neural network", f"signed at: {provenance.signed_at}"]
        lines += [f"model: {provenance.facts.model} (sha256 {provenance.facts.model_sha256})"]
    return "\n".join(lines)


def _parser(name: str, description: str, epilog: str) -> argparse.ArgumentParser:
    return argparse.ArgumentParser(
        prog=f"python -m receiver {name}",
        description=description,
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"Cannot read {path}: {error.strerror}. Name a PEM file.") from error


def _refuse(command: str, error: UserError) -> int:
    print(f"{command}: {error}", file=sys.stderr)
    return EXIT_USER
