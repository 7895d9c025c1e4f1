"""The table of the images that were really built, for docs/CONTAINERS.md.

    experiments/results/images.json (tests.containers.build_images) --images_table--> Markdown

Must import the standard library and the table writer only. Invariant: an image whose checks did not all pass is named as such.
"""

from typing import Any, Final

from models.evaluation.table import table

_SHOWN: Final = 4


def images_table(result: dict[str, Any]) -> str:
    """One row per image: size, what is ours in it, its largest packages, checks passed."""
    rows = []
    for name, image in result["images"].items():
        largest = list(image["largest_mb"].items())[:_SHOWN]
        passed = sum(check["ok"] for check in image["checks"])
        rows.append([
            name,
            f"{image['unpacked_mb']:.0f}",
            f"{image['ours_mb']:.0f}",
            ", ".join(f"{package} {size:.0f}" for package, size in largest),
            f"{image['build_s']:.0f}",
            f"{passed} of {len(image['checks'])}",
        ])  # fmt: skip
    head = [
        "image",
        "MB unpacked",
        "of that facewire and its packages",
        "largest, MB",
        "build, s",
        "checks passed",
    ]
    return f"{table(head, rows)}\n\nBase: {result['base']}."
