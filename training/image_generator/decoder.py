"""The decoder: a small convolutional upscaler from the denoiser's 64 x 64 pictures to 256 x 256.

It takes the place of a VAE decoder in the pipeline: "latents" in, an image four times as large out.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

SCALE = 4


class Decoder(nn.Module):
    """Residual convolutions at the small size, then one pixel shuffle (Shi et al. 2016) on top of plain enlargement."""

    def __init__(self, width: int = 48, blocks: int = 6) -> None:
        super().__init__()
        self.enter = nn.Conv2d(3, width, 3, padding=1)
        self.first = nn.ModuleList(
            nn.Conv2d(width, width, 3, padding=1 + i % 2, dilation=1 + i % 2) for i in range(blocks)
        )
        self.second = nn.ModuleList(nn.Conv2d(width, width, 3, padding=1) for _ in range(blocks))
        self.leave = nn.Conv2d(width, 3 * SCALE * SCALE, 3, padding=1)
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)  # type: ignore[arg-type]
        for conv in self.second:
            nn.init.zeros_(conv.weight)  # type: ignore[arg-type]

    def forward(self, latents: Tensor) -> Tensor:
        """Latents (B, 3, h, w) in about [-1, 1] -> image (B, 3, 4h, 4w) in [-1, 1]."""
        plain = functional.interpolate(latents, scale_factor=float(SCALE), mode="bilinear", align_corners=False)
        x = self.enter(latents)
        for one, two in zip(self.first, self.second, strict=True):
            x = x + two(functional.relu(one(functional.relu(x))))
        detail = functional.pixel_shuffle(self.leave(functional.relu(x)), SCALE)
        return (plain + detail).clamp(-1.0, 1.0)
