"""Golden vectors of the security number and of the binding of keyframes: `python -m tests.shared.golden_authentication`."""

import json
from hashlib import sha256
from pathlib import Path

from shared.keyframe_binding import binding
from shared.keyframe_blob import pack_keyframe
from shared.short_authentication import commitment, digits
from tests.shared.harness import keyframe

_FOLDER = Path(__file__).resolve().parent.parent / "golden" / "authentication"
FILE = _FOLDER / "digits.json"
BINDING_FILE = _FOLDER / "binding.json"
VECTORS = 8


def vectors() -> list[dict[str, str]]:
    """Made-up ends, what each commits itself to, and the digits that both must see."""
    rows = []
    for number in range(VECTORS):
        parts = [
            sha256(f"{name} {number}".encode()).digest() for name in ("fp a", "nonce a", "fp b", "nonce b")
        ]
        row = dict(
            zip(("fingerprint_a", "nonce_a", "fingerprint_b", "nonce_b"), map(bytes.hex, parts), strict=True)
        )
        row["commitment_a"], row["commitment_b"] = commitment(*parts[:2]).hex(), commitment(*parts[2:]).hex()
        rows.append({**row, "digits": digits((parts[0], parts[1]), (parts[2], parts[3]))})
    return rows


def bindings() -> list[dict[str, str | int]]:
    """Keyframes of `a` for `b`, with the ends of the rows above, and what binds them."""
    rows: list[dict[str, str | int]] = []
    for number, row in enumerate(vectors()[:3]):
        ends = [
            tuple(bytes.fromhex(row[f"{part}_{end}"]) for part in ("fingerprint", "nonce")) for end in "ab"
        ]
        one = keyframe(85 * number, image_bytes=300)
        tag = binding((ends[0][0], ends[0][1]), (ends[1][0], ends[1][1]), one)
        rows.append(
            {
                "keyframe_id": one.keyframe_id,
                "blob": pack_keyframe(one).hex(),
                "ends": number,
                "tag": tag.hex(),
            }
        )
    return rows


def main() -> None:
    """Write the files."""
    FILE.parent.mkdir(parents=True, exist_ok=True)
    for file, rows in ((FILE, vectors()), (BINDING_FILE, bindings())):
        file.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
