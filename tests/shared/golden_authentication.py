"""The golden vectors of the short authentication string, for JavaScript too: `python -m tests.shared.golden_authentication`."""

import json
from hashlib import sha256
from pathlib import Path

from shared.short_authentication import commitment, digits

FILE = Path(__file__).resolve().parent.parent / "golden" / "authentication" / "digits.json"
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


def main() -> None:
    """Write the file."""
    FILE.parent.mkdir(parents=True, exist_ok=True)
    FILE.write_text(json.dumps(vectors(), indent=1) + "\n")


if __name__ == "__main__":
    main()
