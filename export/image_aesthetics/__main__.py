"""Build the model ``image_aesthetics`` of the profile `full` from the two published files.

    python -m export.image_aesthetics --clip model.safetensors --head sac+logos+ava1-l14-linearMSE.pth --output FOLDER

The files come from ``openai/clip-vit-large-patch14`` (MIT) and ``christophschuhmann/improved-aesthetic-predictor``
(Apache-2.0). FOLDER becomes ``image_aesthetics`` of a model repository; set ``LUCE_AGENTS_AESTHETICS=true`` beside it.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Final

from export.image_aesthetics.graph import build
from export.image_aesthetics.weights import read_head, read_tower

CONFIG: Final = """\
name: "image_aesthetics"
backend: "onnxruntime"
max_batch_size: 16
input [ { name: "pixels" data_type: TYPE_UINT8 dims: [ 224, 224, 3 ] } ]
output [ { name: "score" data_type: TYPE_FP32 dims: [ 1 ] } ]
dynamic_batching { }
"""


def main() -> None:
    """Read, build, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clip", type=Path, required=True, help="model.safetensors of CLIP ViT-L/14")
    parser.add_argument("--head", type=Path, required=True, help="the predictor's .pth file")
    parser.add_argument("--output", type=Path, required=True, help="folder of the model")
    options = parser.parse_args()
    target = options.output / "1"
    target.mkdir(parents=True, exist_ok=True)
    model = build(read_tower(options.clip), read_head(options.head))
    (target / "model.onnx").write_bytes(model.SerializeToString())
    (options.output / "config.pbtxt").write_text(CONFIG, encoding="utf-8")
    print(f"{options.output}: {(target / 'model.onnx').stat().st_size / 1e6:.0f} MB")


if __name__ == "__main__":
    main()
