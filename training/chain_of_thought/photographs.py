"""Embed the photographs that triples are about, by the image encoder that serves.

Run ``python -m training.chain_of_thought.photographs --data FOLDER``, where FOLDER holds ``flickr8k_1000`` and
``oasis``; it writes ``pictures.npz`` beside the triples. Run it again after any change of ``image_encoder``.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime

from training.chain_of_thought.build import CACHE
from training.image_encoder import pictures

ENCODER = Path("model_repository/image_encoder/1/model.onnx")
BATCH = 16


def main() -> None:
    """Embed and store."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of the data sets")
    parser.add_argument("--cache", type=Path, default=CACHE)
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = given.threads
    session = onnxruntime.InferenceSession(str(ENCODER), options, ["CPUExecutionProvider"])
    known = [*pictures.flickr8k(given.data), *pictures.oasis(given.data)]
    found: list[npt.NDArray[np.float32]] = []
    for start in range(0, len(known), BATCH):
        pixels = np.stack([picture.open() for picture in known[start : start + BATCH]])
        found.append(session.run(["embedding"], {"pixels": pixels})[0])
    embedding = np.concatenate(found).astype(np.float16)
    np.savez(given.cache / "pictures.npz", key=np.array([picture.name for picture in known]), embedding=embedding)
    print(f"{len(known)} photographs embedded")


if __name__ == "__main__":
    main()
