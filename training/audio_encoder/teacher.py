"""YAMNet (Plakal & Ellis 2019, AudioSet) as a teacher: read from the data folder, neither shipped nor converted.

Needs ``ai-edge-litert``, which only the making of the clips uses.
"""

from __future__ import annotations

import csv
import importlib
from pathlib import Path

import numpy as np

from luce.server.music.spectra import FloatArray

#: Samples of a YAMNet frame at 16 kHz.
FRAME = 15600
#: Frames heard of a ten-second window, side by side from its start.
FRAMES = 10
FEATURES, CLASSES = 1024, 521

_POOLED = "yamnet_frames/global_average_pooling2d/Mean"


class Teacher:
    """YAMNet over windows.

    Args:
        data: folder that holds ``teachers``.

    Attributes:
        names: AudioSet's names of the classes.
    """

    def __init__(self, data: Path) -> None:
        # Imported here, and by name, since nothing else needs it.
        interpreter = importlib.import_module("ai_edge_litert.interpreter").Interpreter
        self.names = class_names(data)
        path = data / "teachers" / "yamnet_audioset.tflite"
        self._network = interpreter(str(path), num_threads=1, experimental_preserve_all_tensors=True)
        self._network.allocate_tensors()
        self._input = self._network.get_input_details()[0]["index"]
        self._scores = next(
            item["index"] for item in self._network.get_output_details() if item["shape"][-1] == CLASSES
        )
        self._features = next(item["index"] for item in self._network.get_tensor_details() if item["name"] == _POOLED)

    def __call__(self, samples: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Mean pooled features (1024,) and mean class scores (521,) of a window of mono samples at 16 kHz."""
        padded = np.zeros(FRAME * FRAMES, np.float32)
        padded[: min(samples.size, padded.size)] = samples[: padded.size]
        features, scores = [], []
        for frame in padded.reshape(FRAMES, FRAME):
            self._network.set_tensor(self._input, frame[None])
            self._network.invoke()
            features.append(self._network.get_tensor(self._features).reshape(-1))
            scores.append(self._network.get_tensor(self._scores).reshape(-1))
        return np.mean(features, axis=0, dtype=np.float32), np.mean(scores, axis=0, dtype=np.float32)


def class_names(data: Path) -> list[str]:
    """AudioSet's names of the 521 classes, in the order of the scores."""
    with (data / "teachers" / "yamnet_class_map.csv").open(encoding="utf-8", newline="") as file:
        return [row["display_name"] for row in csv.DictReader(file)]
