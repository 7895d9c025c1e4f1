"""Audio mouth branch: log-mel of the decoded voice -> features for the generator and mouth motion from voice alone.

    log-mel (40, T), 10 ms columns -> three causal convolutions -> 32 features every column -> every 4th (25 fps)
                                                     features -> linear -> expression (16): lips from voice alone

Causal in its columns; the 80 ms of look-ahead are a delay: the features of a frame are read 8 columns after it. The
receptive field is 32 columns (320 ms), so a window of 32 columns gives exactly what streaming gives.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.networks.sizes import VOICE

MELS = 40
COLUMNS = 32
MOUTH = 16
DROPOUT = 0.3
LAYERS = ((4, 1), (4, 4), (5, 4))
"""(kernel, dilation) of each convolution; the receptive field is 1 + 3 + 12 + 16 = 32 columns."""


class VoiceState(NamedTuple):
    """What streaming keeps between calls: the last columns each layer still needs."""

    layers: tuple[Tensor, ...]


class VoiceEncoder(nn.Module):
    """mel (B, 40, T >= 32) -> features (B, 32, T - 31)."""

    def __init__(self, width: int = 48) -> None:
        super().__init__()
        channels = (MELS, width, width, VOICE)
        self.layers = nn.ModuleList(
            nn.Conv1d(channels[index], channels[index + 1], kernel, dilation=dilation)
            for index, (kernel, dilation) in enumerate(LAYERS)
        )
        self.mouth = nn.Linear(VOICE, MOUTH)
        self.dropout = nn.Dropout1d(DROPOUT)

    def forward(self, mel: Tensor) -> Tensor:
        """Return features for every column that has its whole past."""
        x = mel
        for layer in self.layers:
            x = self._activated(layer, x)
        return x

    def _activated(self, layer: nn.Module, x: Tensor) -> Tensor:
        return torch.tanh(layer(x)) if layer is self.layers[-1] else self.dropout(F.leaky_relu(layer(x), 0.2))

    def window(self, mel: Tensor) -> Tensor:
        """mel (B, 40, 32) -> features (B, 32)."""
        return self(mel)[:, :, 0]

    def start(self, batch: int = 1) -> VoiceState:
        """Return the state of a stream that was silent (zeros) before."""
        device = self.mouth.weight.device
        return VoiceState(tuple(
            torch.zeros(batch, layer.in_channels, (kernel - 1) * dilation, device=device)
            for layer, (kernel, dilation) in zip(self.layers, LAYERS, strict=True)
        ))  # fmt: skip

    def stream(self, mel: Tensor, state: VoiceState) -> tuple[Tensor, VoiceState]:
        """mel (B, 40, T), any T >= 1 -> features (B, 32, T) and the state to hand in next."""
        x, kept = mel, []
        for layer, past in zip(self.layers, state.layers, strict=True):
            x = torch.cat((past, x), dim=2)
            kept.append(x[:, :, x.shape[2] - past.shape[2] :])
            x = self._activated(layer, x)
        return x, VoiceState(tuple(kept))
