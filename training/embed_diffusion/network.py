"""The denoiser over embeddings, and its graphs in 8 bits.

Like the prior of DALL-E 2 (Ramesh et al. 2022) it predicts the clean embedding, from a noisy one, the time and the
conditions. CoT-VTM predicts the noise; with the clean embedding a solver of few steps ends on the network's own answer.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import onnx
import torch
from torch import Tensor, nn

from export.text_encoder.graph import GraphBuilder
from training.embed_diffusion.schedule import TRAIN_STEPS
from training.latent_mapper.network import WIDTH, Shape, finish

_EPSILON = 1e-5


class Block(nn.Module):
    """A perceptron beside the stream, shifted, scaled and gated by the condition (adaLN: Peebles & Xie 2023)."""

    def __init__(self, width: int, hidden: int, condition: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width, eps=_EPSILON, elementwise_affine=False)
        self.modulation = nn.Linear(condition, 3 * width)
        self.widen = nn.Linear(width, hidden)
        self.narrow = nn.Linear(hidden, width)
        self.dropout = nn.Dropout(0.1)
        nn.init.zeros_(self.modulation.weight)
        nn.init.zeros_(self.modulation.bias)

    def forward(self, stream: Tensor, condition: Tensor) -> Tensor:
        """(n, width) to (n, width)."""
        shift, scale, gate = self.modulation(condition).chunk(3, dim=-1)
        values = self.norm(stream) * (1.0 + scale) + shift
        values = self.narrow(self.dropout(nn.functional.silu(self.widen(values))))
        found: Tensor = stream + gate * values
        return found


class Denoiser(nn.Module):
    """``sample`` (n, 384) with noise, ``timestep`` (n,) 0..999 and the conditions to the clean embedding (n, 384).

    Samples are standardised embeddings of music. Conditions of zeros mean none.
    """

    def __init__(self, width: int = 256, hidden: int = 512, blocks: int = 2, condition: int = 128) -> None:
        super().__init__()
        self.waves = torch.from_numpy(time_waves())
        self.time = nn.Sequential(nn.Linear(128, condition), nn.SiLU(), nn.Linear(condition, condition))
        self.from_visual = nn.Linear(WIDTH, condition)
        self.from_rationale = nn.Linear(WIDTH, condition)
        self.enter = nn.Linear(3 * WIDTH, width)
        self.blocks = nn.ModuleList([Block(width, hidden, condition) for _ in range(blocks)])
        self.norm = nn.LayerNorm(width, eps=_EPSILON)
        self.leave = nn.Linear(width, WIDTH)

    def forward(self, sample: Tensor, timestep: Tensor, visual: Tensor, rationale: Tensor) -> Tensor:
        """The clean sample."""
        seen, reason = visual * WIDTH**0.5, rationale * WIDTH**0.5
        time = self.time(self.waves[timestep.long()])
        condition = nn.functional.silu(time + self.from_visual(seen) + self.from_rationale(reason))
        stream = self.enter(torch.cat([sample, seen, reason], dim=-1))
        for block in self.blocks:
            stream = block(stream, condition)
        found: Tensor = self.leave(self.norm(stream))
        return found


def time_waves() -> npt.NDArray[np.float32]:
    """Sines and cosines of each time step, (1000, 128): periods from 2π to 20000π (Vaswani et al. 2017)."""
    rates = np.exp(-math.log(10_000.0) * np.arange(64) / 64)
    angles = np.arange(TRAIN_STEPS)[:, None] * rates
    return np.concatenate([np.sin(angles), np.cos(angles)], axis=1).astype(np.float32)


def denoiser_graph(model: Denoiser) -> onnx.ModelProto:
    """The denoiser for ``backends/diffusion``. The time's part is a table, looked up by the step."""
    build = GraphBuilder(quantize=True)
    root = build.constant(np.array(WIDTH**0.5, dtype=np.float32))
    seen, reason = build.op("Mul", "visual", root), build.op("Mul", "rationale", root)
    with torch.no_grad():
        table = model.time(model.waves).numpy().astype(np.float16)
    index = build.op("Cast", "timestep", to=onnx.TensorProto.INT64)
    time = build.op("Cast", build.op("Gather", build.constant(table, "times"), index), to=onnx.TensorProto.FLOAT)
    both = build.op(
        "Add",
        _linear(build, seen, model.from_visual, "visual_"),
        _linear(build, reason, model.from_rationale, "reason_"),
    )
    condition = _silu(build, build.op("Add", time, both))
    stream = _linear(build, build.op("Concat", "sample", seen, reason, axis=-1), model.enter, "enter")
    one = build.constant(np.array(1.0, dtype=np.float32))
    width = model.enter.out_features
    plain = (np.ones(width, dtype=np.float32), np.zeros(width, dtype=np.float32))
    for place in range(len(model.blocks)):
        block = model.blocks.get_submodule(str(place))
        modulation = _linear(build, condition, block.get_submodule("modulation"), f"modulation{place}")
        shift, scale, gate = build.split(modulation, 3, -1)
        normal = build.layer_norm(stream, *plain, f"norm{place}", _EPSILON)
        values = build.op("Add", build.op("Mul", normal, build.op("Add", scale, one)), shift)
        values = _silu(build, _linear(build, values, block.get_submodule("widen"), f"widen{place}"))
        values = _linear(build, values, block.get_submodule("narrow"), f"narrow{place}")
        stream = build.op("Add", stream, build.op("Mul", gate, values))
    weight, bias = model.norm.weight.detach().numpy(), model.norm.bias.detach().numpy()
    stream = build.layer_norm(stream, weight, bias, "norm", _EPSILON)
    product = _linear(build, stream, model.leave, "leave")
    build.op("Identity", product, name="prediction")
    wide: Shape = ["rows", WIDTH]
    inputs: dict[str, Shape] = {"sample": wide, "timestep": ["rows"], "visual": wide, "rationale": wide}
    return finish(build, "embed_diffusion", inputs, {"prediction": wide})


def decoder_graph(mean: npt.NDArray[np.float32], deviation: npt.NDArray[np.float32]) -> onnx.ModelProto:
    """From standardised samples ``latents`` (B, 384) to ``embedding`` (B, 384) of length 1."""
    build = GraphBuilder(quantize=False)
    scaled = build.op("Mul", "latents", build.constant(deviation, "deviation"))
    build.op("LpNormalization", build.op("Add", scaled, build.constant(mean, "mean")), name="embedding", axis=-1, p=2)
    return finish(build, "embedding", {"latents": ["rows", WIDTH]}, {"embedding": ["rows", WIDTH]})


def _linear(build: GraphBuilder, value: str, layer: nn.Module, name: str) -> str:
    weight, bias = layer.get_parameter("weight"), layer.get_parameter("bias")
    return build.linear(value, weight.detach().numpy(), bias.detach().numpy(), name)


def _silu(build: GraphBuilder, value: str) -> str:
    return build.op("Mul", value, build.op("Sigmoid", value))
