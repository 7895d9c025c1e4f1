"""Writes the manifest that `models.weights` verifies files against."""

import json
from pathlib import Path

from models.weights import INT8, WEIGHTS_DIR, sha256_of

OWN_LICENCE = "MIT code; weights for research (see MODEL_CARD.md)"
PRIOR_LICENCE = "Apache-2.0 (MediaPipe, converted by models/priors/convert.py)"


def write_manifest(runs: dict[str, str], folder: Path = WEIGHTS_DIR) -> Path:
    """List every ONNX file below the weights folder. `runs` says, by first folder, which run made the files."""
    path = folder / "manifest.json"
    old = json.loads(path.read_text())["files"] if path.exists() else {}
    files = {}
    for file in sorted(folder.rglob("*.onnx")):
        name = file.relative_to(folder).as_posix()
        group = name.split("/")[0]
        known = old.get(name) or old.get(name.replace(INT8, ".onnx"), {})
        run = runs.get(group) or known.get("run", "models/priors/convert.py")
        licence = PRIOR_LICENCE if group == "priors" else OWN_LICENCE
        files[name] = {
            "sha256": sha256_of(file),
            "bytes": file.stat().st_size,
            "licence": licence,
            "run": run,
        }
    temporary = path.with_suffix(".part")
    temporary.write_text(json.dumps({"files": files}, indent=1) + "\n")
    temporary.replace(path)
    return path
