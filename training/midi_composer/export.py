"""Write ``model_repository/midi_composer/1`` from the training's checkpoint.

    python -m training.midi_composer.export [--run FOLDER] [--output FOLDER]

`encoder.onnx` makes `style` of what is asked, `decoder.onnx` is one token step over the cache; `generation.json` and
`grammar.json` tell `backends/autoregressive` how to use them.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import onnx
import torch
from torch import Tensor, nn

from luce.server.music.composing import tokens as vocabulary
from luce.server.music.composing.controls import CONTROL_SIZE
from luce.server.music.composing.score import METRES
from training.checkpoints import load_checkpoint
from training.midi_composer.context import FACTS, STATE_SIZE, Memory, facts
from training.midi_composer.folders import OUTPUT, RUN
from training.midi_composer.model import EMBEDDING_SIZE, EMOTION_SIZE, Block, Composer

LENGTHS = (128, 256, 512, vocabulary.CONTEXT)
"""Cache lengths."""
MOST_IN_BAR = 128
"""Tokens of one bar."""


class Asked(nn.Module):
    """What is asked, for the network and for the counts."""

    def __init__(self, composer: Composer) -> None:
        super().__init__()
        self.encoder = composer.encoder

    def forward(self, emotion: Tensor, controls: Tensor, embedding: Tensor) -> tuple[Tensor, Tensor]:
        """(B, 3), (B, controls), (B, 384) to `style` (B, width) and `facts` (B, facts) float32."""
        return self.encoder(emotion, controls, embedding), facts(controls).float()


class Step(nn.Module):
    """One token of each row, beside a cache that holds what came before."""

    def __init__(self, composer: Composer) -> None:
        super().__init__()
        self.composer = composer
        self.memory = Memory()

    def forward(
        self, tokens: Tensor, position: Tensor, style: Tensor, facts: Tensor, states: Tensor, *cache: Tensor
    ) -> tuple[Tensor, ...]:
        """(R, 1), (R,), (R, width), (R, facts), (R, time, STATE_SIZE), then keys and values by layer.

        Keys and values are (R, time, depth): what a step adds lies together. Returns logits (R, 1, V), the new state
        (R, STATE_SIZE), then the new key and value (R, depth) of each layer.
        """
        composer = self.composer
        token = tokens[:, 0]
        # What the step before left; at position 0 the cache is empty, which is zero.
        last = (position - 1).clamp(min=0)[:, None, None].expand(-1, 1, STATE_SIZE)
        features, state = self.memory(token, states.gather(1, last)[:, 0])
        x = composer.enter(features, style)
        cosine, sine = composer.cosine[position], composer.sine[position]
        seen = torch.arange(states.shape[1])[None] < position[:, None]
        entries: list[Tensor] = [state]
        for index, block in enumerate(composer.blocks):
            keys, values = cache[2 * index : 2 * index + 2]
            x, key, value = _attend(block, x, (cosine, sine), (keys, values), seen)  # type: ignore[arg-type]
            entries += [key, value]
        return composer.logits(x, composer.prior(features, facts.long()))[:, None], *entries


def _attend(
    block: Block, x: Tensor, turn: tuple[Tensor, Tensor], cache: tuple[Tensor, Tensor], seen: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    query, key, value = block.project(x, *turn)
    query = query * block.depth**-0.5
    past = torch.where(seen[:, None], query @ cache[0].transpose(1, 2), torch.tensor(-1e9))
    own = query @ key[:, :, None]
    weights = torch.softmax(torch.cat([past, own], dim=-1), dim=-1)
    attended = weights[..., :-1] @ cache[1] + weights[..., -1:] * value[:, None]
    return block.finish(x, attended.flatten(1)), key, value


def cache_tensors(layers: int, depth: int) -> list[dict[str, Any]]:
    """The cache as `generation.json` lists it."""
    state: dict[str, Any] = {"input": "state", "output": "new_state", "shape": ["time", STATE_SIZE]}
    return [
        state,
        *(
            {"input": f"{kind}{layer}", "output": f"new_{kind}{layer}", "shape": ["time", depth]}
            for layer in range(layers)
            for kind in ("keys", "values")
        ),
    ]


def write_decoder(composer: Composer, path: Path) -> None:
    """Write the step graph."""
    config = composer.config
    tensors = cache_tensors(config.layers, config.depth)
    example = [torch.zeros(2, *(7 if size == "time" else size for size in tensor["shape"])) for tensor in tensors]
    style = torch.zeros(2, config.width)
    inputs = ["tokens", "position", "style", "facts", *(tensor["input"] for tensor in tensors)]
    outputs = ["logits", *(tensor["output"] for tensor in tensors)]
    axes: dict[str, dict[int, str]] = {name: {0: "rows"} for name in (*inputs, *outputs)}
    for tensor in tensors:
        axes[tensor["input"]][1 + tensor["shape"].index("time")] = "time"
    arguments = (torch.zeros(2, 1, dtype=torch.int64), torch.full((2,), 3), style, torch.zeros(2, len(FACTS)), *example)
    _export(Step(composer), arguments, path, inputs, outputs, axes)


def write_encoder(composer: Composer, path: Path) -> None:
    """Write the graph that makes `style`."""
    arguments = (torch.zeros(1, EMOTION_SIZE), torch.zeros(1, CONTROL_SIZE), torch.zeros(1, EMBEDDING_SIZE))
    inputs = ["emotion", "controls", "embedding"]
    outputs = ["style", "facts"]
    axes = {name: {0: "rows"} for name in (*inputs, *outputs)}
    _export(Asked(composer), arguments, path, inputs, outputs, axes)


def _export(
    module: nn.Module,
    arguments: tuple[Tensor, ...],
    path: Path,
    inputs: list[str],
    outputs: list[str],
    axes: dict[str, dict[int, str]],
) -> None:
    torch.onnx.export(
        module.eval(),
        arguments,
        str(path),
        input_names=inputs,
        output_names=outputs,
        dynamic_axes=axes,
        opset_version=17,
        dynamo=False,
    )
    onnx.checker.check_model(str(path))


def grammar() -> dict[str, Any]:
    """What `backends.autoregressive.bar_grammar` reads."""
    return {
        "end": vocabulary.END,
        "metres": vocabulary.FIRST_METRE,
        "sizes": [metre.positions for metre in METRES],
        "bars": vocabulary.FIRST_BAR,
        "most_bars": vocabulary.MOST_BARS,
        "positions": vocabulary.FIRST_POSITION,
        "lengths": vocabulary.FIRST_LENGTH,
        "notes": vocabulary.FIRST_NOTE,
        "most_tokens": vocabulary.CONTEXT - 2,
        "most_in_bar": MOST_IN_BAR,
    }


def generation(composer: Composer) -> dict[str, Any]:
    """What the backend reads."""
    config = composer.config
    return {
        "version": 1,
        "vocabulary_size": vocabulary.VOCABULARY_SIZE,
        "bos": vocabulary.BEGIN,
        "eos": vocabulary.END,
        "encoder": {"graph": "encoder.onnx"},
        "decoder": {"graph": "decoder.onnx"},
        "condition_inputs": [
            {"name": "emotion", "shape": [EMOTION_SIZE], "optional": True},
            {"name": "controls", "shape": [CONTROL_SIZE], "optional": True},
            {"name": "embedding", "shape": [EMBEDDING_SIZE], "optional": True},
        ],
        "cache": {
            "lengths": list(LENGTHS),
            "update": "append",
            "tensors": cache_tensors(config.layers, config.depth),
        },
        "max_tokens": {"min": 1, "max": vocabulary.CONTEXT - 2, "default": vocabulary.CONTEXT - 2},
        "max_prefix": vocabulary.CONTEXT - 2,
        "guidance": {"min": 0, "max": 5, "default": 1.0, "unconditional": "zeros"},
        "sampling": {
            "temperature": {"min": 0, "max": 2, "default": 1.0},
            "top_k": {"min": 0, "max": vocabulary.VOCABULARY_SIZE, "default": 0},
            "top_p": {"min": 0.01, "max": 1, "default": 0.98},
        },
        "constraint": {"kind": "bars", "file": "grammar.json"},
    }


def export(composer: Composer, output: Path) -> None:
    """Write graphs and descriptions."""
    output.mkdir(parents=True, exist_ok=True)
    write_encoder(composer, output / "encoder.onnx")
    write_decoder(composer, output / "decoder.onnx")
    for name, document in (("generation", generation(composer)), ("grammar", grammar())):
        (output / f"{name}.json").write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def main() -> None:
    """Export the checkpoint, or random weights where there is none."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, default=RUN)
    parser.add_argument("--output", type=Path, default=OUTPUT)
    given = parser.parse_args()
    composer = Composer()
    found = load_checkpoint(given.run / "checkpoint")
    if found is None:
        raise SystemExit(f"{given.run} holds no checkpoint: train first")
    composer.load_state_dict({n[6:]: t for n, t in found[0].items() if n.startswith("model.")})
    export(composer, given.output)


if __name__ == "__main__":
    main()
