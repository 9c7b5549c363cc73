"""What image_generator reads in a prompt: its frozen attribute reader, cut out of the denoiser's graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx.utils import Extractor
from tokenizers import Tokenizer

from luce.server.vocabulary import KINDS, vocabulary

REPOSITORY: Final = Path(__file__).parents[1] / "model_repository"
_LOGITS: Final = "/condition/reader/Reshape_5_output_0"
_TOKENS: Final = 64
_NAMES: Final = {kind: (None, *vocabulary().entries(kind)) for kind in KINDS}


class ReadBack:
    """Reads prompts as the picture model does, on one thread of this process."""

    def __init__(self, repository: Path = REPOSITORY) -> None:
        denoiser = onnx.load(str(repository / "image_generator" / "1" / "denoiser.onnx"))
        denoiser.graph.value_info.append(onnx.helper.make_tensor_value_info(_LOGITS, onnx.TensorProto.FLOAT, None))
        reader = Extractor(denoiser).extract_model(["encoder_hidden_states", "encoder_attention_mask"], [_LOGITS])
        encoder = repository / "text_encoder" / "1"
        self._reader = _session(reader.SerializeToString())
        self._encoder = _session(str(encoder / "model.onnx"))
        self._mask_type = _dtype(self._reader.get_inputs()[1].type)
        self._tokenizer = Tokenizer.from_file(str(encoder / "tokenizer.json"))
        self._tokenizer.enable_truncation(_TOKENS)
        self._tokenizer.enable_padding(length=_TOKENS)

    def __call__(self, prompts: Sequence[str]) -> list[Mapping[str, str | None]]:
        """Kind to the name that each prompt says; None: it says none."""
        encoded = self._tokenizer.encode_batch(list(prompts))
        ids = np.array([one.ids for one in encoded], np.int64)
        mask = np.array([one.attention_mask for one in encoded], np.int64)
        read: list[Mapping[str, str | None]] = []
        for row in range(len(prompts)):
            feeds = {"input_ids": ids[row : row + 1], "attention_mask": mask[row : row + 1]}
            states = self._encoder.run(["token_states"], feeds)[0].astype(np.float32)
            logits: NDArray[np.float32] = self._reader.run(
                None,
                {
                    "encoder_hidden_states": states,
                    "encoder_attention_mask": mask[row : row + 1].astype(self._mask_type),
                },
            )[0][0]
            read.append(
                {kind: _NAMES[kind][int(logits[k, : len(_NAMES[kind])].argmax())] for k, kind in enumerate(KINDS)}
            )
        return read


def agrees(kind: str, said: str, read: str | None) -> bool:
    """Whether what was read is what was said; of moods, whether they lie within 0.35 of each other in the plane."""
    if read is None or kind != "mood":
        return read == said
    one, other = vocabulary().entry(kind, said), vocabulary().entry(kind, read)
    return one.distance(other.valence, other.arousal) < 0.35


def _session(model: str | bytes) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(model, options, ["CPUExecutionProvider"])


def _dtype(name: str) -> Any:
    return {"tensor(int64)": np.int64, "tensor(float)": np.float32}[name]
