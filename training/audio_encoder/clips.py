"""Windows of sound with all that is known of them, made once and kept in packed files.

A clip holds a log-mel in steps of 0.4 dB, its labels (NaN where unknown), YAMNet's features, and where it comes from.
They are made by ``training.audio_encoder.make_clips``.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import numpy.typing as npt

from luce.server.music.log_mel import BANDS, FRAMES
from luce.server.music.spectra import FloatArray
from luce.server.music.tags import tags

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / "training" / "cache" / "audio_encoder"
_STEP = 2.5
#: Greatest feature of YAMNet, whose activations end at 6.
FEATURE_MAX = 6.0

Bytes = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Clips:
    """Clips, side by side.

    Attributes:
        mel: (N, 500, 64) uint8, see :func:`pack` and :func:`unpack`.
        labels: (N, k) float16, from 0 to 1, NaN where unknown.
        features: (N, 1024) uint8, the teacher's pooled features in 255ths of 6; zeros where it was not asked.
        name: (N,) the piece, or the sound.
        source: (N,) data set, with the kind of arrangement or the font after a slash.
        split: (N,) "train", "dev" (thresholds, stopping) or "test"; no piece is in two of them.
    """

    mel: Bytes
    labels: npt.NDArray[np.float16]
    features: Bytes
    name: npt.NDArray[np.str_]
    source: npt.NDArray[np.str_]
    split: npt.NDArray[np.str_]

    def __len__(self) -> int:
        return len(self.mel)

    def select(self, chosen: npt.NDArray[np.bool_] | npt.NDArray[np.int64]) -> Clips:
        """The clips of a mask or of indices."""
        return Clips(*(getattr(self, field.name)[chosen] for field in fields(self)))


def pack(mel: FloatArray) -> Bytes:
    """Log-mel in dB to steps of 0.4 dB from -100 dB."""
    result: Bytes = np.clip(np.rint((mel + 100) * _STEP), 0, 255).astype(np.uint8)
    return result


def unpack(mel: Bytes) -> FloatArray:
    """The inverse of :func:`pack`."""
    result: FloatArray = mel.astype(np.float32) / _STEP - 100
    return result


def load(folder: Path = CACHE) -> Clips:
    """All clips of a folder. Raises FileNotFoundError where there are none."""
    paths = sorted(folder.glob("*.npz"))
    if not paths:
        raise FileNotFoundError(f"no clips in {folder}: run python -m training.audio_encoder.make_clips")
    shards = []
    for path in paths:
        with np.load(path) as stored:
            shards.append(Clips(*(stored[field.name] for field in fields(Clips))))
    result = Clips(*(np.concatenate([getattr(shard, field.name) for shard in shards]) for field in fields(Clips)))
    if result.mel.shape[1:] != (FRAMES, BANDS) or result.labels.shape[1] != len(tags().entries):
        raise ValueError(f"the clips of {folder} were made for other windows or labels: delete them")
    return result
