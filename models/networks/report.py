"""Prints parameters and multiply-accumulates of every network, as the table of docs/MODELS.md.

    python -m models.networks.report

MACs are half of what torch's FlopCounterMode counts: convolutions and matrix products, the mesh maps' included; warps,
activations and resizes are not in it.
"""

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from models.networks.codec import Analyser
from models.networks.dense_motion import Driving
from models.networks.renderer import Renderer
from models.networks.sizes import CODES, FULL, KEYPOINTS, LITE, NANO, VOICE, Size
from models.networks.voice import COLUMNS, MELS, VoiceEncoder

LIMITS_GMAC = {"lite": 3.0, "nano": 0.8, "full": 40.0}
"""What one rendered frame may cost."""


def parameters(module: nn.Module) -> int:
    """Return the number of trained numbers."""
    return sum(value.numel() for value in module.parameters())


@torch.no_grad()
def macs(function: nn.Module, *inputs: object) -> int:
    """Return the multiply-accumulates of one call with a batch of one."""
    with FlopCounterMode(display=False) as counter:
        function(*inputs)
    return int(counter.get_total_flops()) // 2


def driving() -> Driving:
    """Return one frame's inputs, voice and thumbnail included."""
    points, keypoints, codes, one = (
        torch.zeros(1, 468, 2),
        torch.zeros(1, KEYPOINTS, 2),
        torch.zeros(1, CODES),
        torch.ones(1, 1),
    )
    return Driving(points, points, keypoints, keypoints, codes, codes, torch.zeros(1, VOICE), one,
                   torch.zeros(1, 3, 64, 64), one)  # fmt: skip


def analyser_row() -> tuple[str, str, int, int]:
    """Return name, when it runs, parameters and MACs of the sender's network."""
    analyser = Analyser().eval()
    inputs: tuple[Tensor, ...] = (
        torch.zeros(1, 3, 256, 256),
        torch.zeros(1, 468, 2),
        torch.zeros(1, 1, 64, 64),
    )
    return "analyser", "sender, every frame", parameters(analyser), macs(analyser, *inputs)


def voice_row() -> tuple[str, str, int, int]:
    """Return the row of the voice branch."""
    voice = VoiceEncoder().eval()
    return "voice", "receiver, every frame", parameters(voice), macs(voice, torch.zeros(1, MELS, COLUMNS))


@torch.no_grad()
def renderer_rows(size: Size) -> list[tuple[str, str, int, int]]:
    """Return the rows of one size of receiver."""
    renderer = Renderer(size).eval()
    image, mask = torch.zeros(1, 3, 256, 256), torch.ones(1, 1, 32, 32)
    reference = renderer.encode_reference(image, mask)
    motion = renderer.motion(reference, driving())
    parts = (
        ("reference encoder", "once a keyframe", renderer.reference, (image, mask)),
        (
            "dense motion",
            "every frame",
            renderer.dense_motion,
            (reference.picture, reference.motion, driving()),
        ),
        ("generator", "every frame", renderer.generator, (reference, motion, driving())),
    )
    return [
        (f"{size.name}: {name}", when, parameters(part), macs(part, *given))
        for name, when, part, given in parts
    ]


def main() -> None:
    """Print the table."""
    rows = [analyser_row(), voice_row()]
    for size in (NANO, LITE, FULL):
        part = renderer_rows(size)
        rows += part
        total = (sum(row[2] for row in part[1:]), sum(row[3] for row in part[1:]))
        rows.append((f"{size.name}: a frame", f"limit {LIMITS_GMAC[size.name]} GMAC", *total))
    print("| network | runs | parameters | MMAC |\n| --- | --- | ---: | ---: |")
    for name, when, count, cost in rows:
        print(f"| {name} | {when} | {count:,} | {cost / 1e6:,.1f} |")


if __name__ == "__main__":
    main()
