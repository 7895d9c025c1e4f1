"""Trains the audio mouth branch on real speech: log-mel of the decoded voice -> expression, judged on the lips alone.

    python -m models.training.voice_branch --cache DIR --out FILE.pt [--minutes N]

and then `voice_from: FILE.pt` in the settings of a training run.

The target is a clip's expression minus its mean over the clip, so that the branch learns how lips move, not how a face
looks; the error is measured where it is seen: on the lips, in pixels, their common shift removed. Prints the error on the
validation people beside that of a mouth held still.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.networks.mesh_maps import INNER_LIPS, LIPS
from models.networks.voice import VoiceEncoder
from models.training.checkpoint import UNREADABLE
from models.training.dataset import CachedClip, open_cache
from models.training.samples import voice_window
from shared.coding.mesh_basis import default_basis, fit_affine, fit_expression
from shared.coding.motion_layout import EXPRESSION, MESH_POINTS
from shared.errors import UserError

BATCH = 256
FACE_PX = 140.0
"""Width of a usual face in a 256-px picture: turns mesh widths into pixels."""
NOISE = 0.25
"""Standard deviation of noise on the mel columns: ten minutes of speech are soon learned by heart."""
HELD_OUT = 8
"""One training person in eight decides when to stop; validation people do not."""
CHECK_EVERY = 50


def lip_rows() -> Tensor:
    """Return (16, 80): how far each expression coefficient moves the lips, in pixels, their common shift removed."""
    rows = default_basis().expression.reshape(EXPRESSION, MESH_POINTS, 2)[:, list(LIPS + INNER_LIPS)]
    centred = rows - rows.mean(axis=1, keepdims=True)
    return torch.from_numpy(centred.reshape(EXPRESSION, -1) * FACE_PX)


def expression_track(clip: CachedClip) -> NDArray[np.float32]:
    """Return (T, 16): the clip's expression relative to its middle frame, minus its mean."""
    basis, points = default_basis(), np.array(clip.points)
    reference = points[len(points) // 2]
    track = np.stack(
        [fit_expression(reference, now, fit_affine(reference, now, basis.rigid), basis) for now in points]
    )
    return track - track.mean(axis=0)


def speech_samples(clips: list[CachedClip]) -> tuple[Tensor, Tensor]:
    """Return mel windows (N, 40, 32) and expressions (N, 16) of all frames with speech."""
    spoken = [clip for clip in clips if clip.voice is not None]
    if not spoken:
        raise UserError("No clip of the cache has its own speech: the voice branch cannot be trained on it.")
    mel = [voice_window(clip.voice, index) for clip in spoken for index in range(len(clip.points))]
    return torch.from_numpy(np.stack(mel)), torch.from_numpy(
        np.concatenate([expression_track(clip) for clip in spoken])
    )


def lip_error_px(predicted: Tensor, target: Tensor, rows: Tensor) -> Tensor:
    """Return the mean distance of the lips' points, in pixels."""
    moved = ((predicted - target) @ rows).reshape(len(target), -1, 2)
    return moved.norm(dim=2).mean()


def train(encoder: VoiceEncoder, spoken: list[CachedClip], minutes: float, seed: int = 0) -> None:
    """Train in place until the time is over, keeping the weights that were best on the held-out people."""
    people = sorted({clip.person for clip in spoken})
    apart = set(people[::HELD_OUT])
    mel, target = speech_samples([clip for clip in spoken if clip.person not in apart])
    judge = speech_samples([clip for clip in spoken if clip.person in apart])
    generator = torch.Generator().manual_seed(seed)
    optimiser = torch.optim.AdamW(encoder.parameters(), lr=1e-3, weight_decay=0.1)
    rows, end, step = lip_rows(), time.monotonic() + minutes * 60, 0
    best, kept = float("inf"), encoder.state_dict()
    while time.monotonic() < end:
        chosen = torch.randint(len(mel), (BATCH,), generator=generator)
        loss = lip_error_px(
            encoder.mouth(encoder.window(disturbed(mel[chosen], generator))), target[chosen], rows
        )
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        step += 1
        if step % CHECK_EVERY == 0 and (error := scores(encoder, *judge)["voice"]) < best:
            best, kept = error, {name: value.clone() for name, value in encoder.state_dict().items()}
    encoder.load_state_dict(kept)
    print(f"{step} steps; best on held-out training people: {best:.3f} px")


def disturbed(mel: Tensor, generator: torch.Generator) -> Tensor:
    """Return mel windows (B, 40, 32) with noise, another loudness and another spectral tilt: another room, another voice."""
    count = len(mel)
    level = 0.3 * torch.randn(count, 1, 1, generator=generator)
    tilt = (
        0.3
        * torch.randn(count, 1, 1, generator=generator)
        * torch.linspace(-1, 1, mel.shape[1])[None, :, None]
    )
    return mel + NOISE * torch.randn(mel.shape, generator=generator) + level + tilt


@torch.no_grad()
def scores(encoder: VoiceEncoder, mel: Tensor, target: Tensor) -> dict[str, float]:
    """Return lip errors in pixels: from voice, and of a mouth held at the clip's mean."""
    rows = lip_rows()
    encoder.eval()
    predicted = encoder.mouth(encoder.window(mel))
    encoder.train()
    return {
        "voice": float(lip_error_px(predicted, target, rows)),
        "held": float(lip_error_px(target * 0, target, rows)),
    }


def load_voice(path: Path) -> dict[str, Tensor]:
    """Return the voice branch's weights of a file made here, or of a training checkpoint (its moving average).

    Raises UserError when the file is missing, damaged, or holds no voice branch of this version.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        found = {
            name.removeprefix("voice."): value
            for name, value in state.get("average", state).items()
            if name.startswith("voice.") or "average" not in state
        }
        VoiceEncoder().load_state_dict(found)
    except FileNotFoundError as error:
        raise UserError(
            f"There is no voice branch {path}. Train one with `python -m models.training.voice_branch`."
        ) from error
    except UNREADABLE as error:
        raise UserError(
            f"The file {path} is damaged or holds no voice branch of this version ({type(error).__name__}). Train it anew."
        ) from error
    return found


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m models.training.voice_branch", description=__doc__.split("\n")[0]
    )
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=4.0)
    options = parser.parse_args()
    clips = open_cache(options.cache)
    torch.manual_seed(0)
    encoder = VoiceEncoder()
    train(
        encoder, [clip for clip in clips if clip.split == "train" and clip.voice is not None], options.minutes
    )
    for split in ("train", "val"):
        print(split, scores(encoder, *speech_samples([clip for clip in clips if clip.split == split])))
    options.out.parent.mkdir(parents=True, exist_ok=True)
    torch.save(encoder.state_dict(), options.out)


if __name__ == "__main__":
    main()
