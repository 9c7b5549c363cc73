"""Train the decoder on painted pictures at 256 x 256 and their reductions to 64 x 64.

Half of the inputs are not clean reductions but what the trained denoiser makes of them: noised to a random time and
predicted back in one step. So the decoder learns to clear up the denoiser's own softness.

`python -m training.image_generator.train_decoder` (after the denoiser; run it again to resume).
"""

from __future__ import annotations

import argparse
import math
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from training.checkpoints import load_checkpoint, save_checkpoint
from training.image_generator.data import wish_of
from training.image_generator.decoder import SCALE, Decoder
from training.image_generator.folders import DATA, RUN
from training.image_generator.model import Denoiser
from training.image_generator.sampler import padded
from training.image_generator.text import TextEncoder
from training.painter import paint

FIRST_SEED = 900_000_000
"""Seeds of the decoder's pictures; the denoiser's lie below."""


def large_pictures(folder: Path, count: int) -> npt.NDArray[np.uint8]:
    """`count` pictures of 256 x 256, drawn once and kept as one array: uint8 (count, 256, 256, 3), memory-mapped."""
    path = folder / f"large_{count}.npy"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part.npy")
        pictures = np.lib.format.open_memmap(part, mode="w+", dtype=np.uint8, shape=(count, 256, 256, 3))
        for row in range(count):
            pictures[row] = paint(wish_of(FIRST_SEED + row)[0], FIRST_SEED + row, 256)
        pictures.flush()
        part.rename(path)
    return np.load(path, mmap_mode="r")  # type: ignore[no-any-return]


def gradients(image: Tensor) -> Tensor:
    """Differences of neighbours, both ways, flattened."""
    across, down = image[..., 1:] - image[..., :-1], image[..., 1:, :] - image[..., :-1, :]
    return torch.cat([across.flatten(), down.flatten()])


class Softener:
    """What the denoiser makes of a clean small picture: noised to a time in [0.35, 0.95], predicted back."""

    def __init__(self, run: Path, device: torch.device) -> None:
        found = load_checkpoint(run / "checkpoint")
        if found is None:
            raise FileNotFoundError(f"{run / 'checkpoint'}: train the denoiser first")
        self.model = Denoiser().eval().to(device)
        self.model.load_state_dict({n[8:]: t.float() for n, t in found[0].items() if n.startswith("average.")})
        self.encoder, self.device = TextEncoder(), device

    @torch.no_grad()
    def __call__(self, small: Tensor, captions: list[str]) -> Tensor:
        """Clean pictures (N, 3, h, w) and their captions -> softened pictures of the same shape."""
        tokens, mask, pooled = padded(self.encoder(captions), self.device)
        t = torch.rand(len(captions), device=self.device) * 0.6 + 0.35
        at = t.view(-1, 1, 1, 1)
        x = (1 - at) * torch.randn_like(small) + at * small
        with torch.autocast(self.device.type, torch.bfloat16):
            velocity = self.model(x, t, tokens, mask, pooled)
        return x + (1 - at) * velocity.float()  # type: ignore[no-any-return]


def main() -> None:
    """Train for a number of steps or seconds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, default=RUN)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--pictures", type=int, default=1500)
    parser.add_argument("--steps", type=int, default=6000, help="of 16 crops of 128 x 128")
    parser.add_argument("--seconds", type=float, default=float("inf"))
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--plain", action="store_true", help="clean inputs with mild noise only (no denoiser needed)")
    arguments = parser.parse_args()
    start = time.monotonic()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    pictures = large_pictures(arguments.data, arguments.pictures)
    softener = None if arguments.plain else Softener(arguments.run, device)
    decoder = Decoder().to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimiser = torch.optim.Adam(decoder.parameters(), lr=1e-3)
    done = 0
    found = load_checkpoint(arguments.run / "decoder")
    if found is not None:
        decoder.load_state_dict(found[0])
        done = int(found[1]["steps"])
    rng = np.random.default_rng(done)
    losses: list[float] = []
    while done < arguments.steps and time.monotonic() - start < arguments.seconds:
        for group in optimiser.param_groups:
            group["lr"] = 1e-3 * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * done / arguments.steps)))
        losses.append(_step(decoder, optimiser, pictures, softener, rng, device))
        done += 1
        if done % 100 == 0:
            print(f"{done} loss {np.mean(losses):.4f} {time.monotonic() - start:.0f}s", flush=True)
            losses = []
    save_checkpoint(arguments.run / "decoder", dict(decoder.state_dict()), {"steps": done})


def _step(
    decoder: Decoder,
    optimiser: torch.optim.Optimizer,
    pictures: npt.NDArray[np.uint8],
    softener: Softener | None,
    rng: np.random.Generator,
    device: torch.device,
) -> float:
    rows = [int(rng.integers(len(pictures))) for _ in range(4)]
    large = torch.from_numpy(np.stack([pictures[row] for row in rows])).to(device)
    large = large.permute(0, 3, 1, 2).float().div(127.5).sub(1.0)
    small = functional.avg_pool2d(large, SCALE)
    if softener is not None and rng.random() < 0.5:
        small = softener(small, [wish_of(FIRST_SEED + row)[1] for row in rows])
    small = small + torch.randn_like(small) * float(rng.uniform(0.0, 0.05))
    crops = [(i, int(y), int(x)) for i in range(4) for y, x in rng.integers(0, 33, (4, 2))]
    inputs = torch.stack([small[i, :, y : y + 32, x : x + 32] for i, y, x in crops])
    wanted = torch.stack([large[i, :, 4 * y : 4 * y + 128, 4 * x : 4 * x + 128] for i, y, x in crops])
    with torch.autocast(device.type, torch.bfloat16):
        out = decoder(inputs.contiguous(memory_format=torch.channels_last))
    out = out.float()
    loss = (out - wanted).abs().mean() + 0.5 * (gradients(out) - gradients(wanted)).abs().mean()
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    optimiser.step()
    return float(loss.item())


if __name__ == "__main__":
    main()
