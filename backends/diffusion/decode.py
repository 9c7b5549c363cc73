"""From latents to what the client gets: pixels as uint8, or an embedding as it is."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from backends.diffusion.errors import RequestFailed
from backends.diffusion.graphs import OnnxFunction
from backends.diffusion.noise import FloatArray
from backends.diffusion.pipeline import DecoderSpec, PreviewSpec

Pixels = npt.NDArray[np.uint8]


def to_pixels(image: FloatArray) -> Pixels:
    """(3, H, W) in [-1, 1] to (H, W, 3) in 0..255, rounded to nearest; what lies outside is cut."""
    scaled = np.clip(image * np.float32(0.5) + np.float32(0.5), 0.0, 1.0) * np.float32(255.0)
    pixels: Pixels = np.ascontiguousarray(np.rint(scaled).astype(np.uint8).transpose(1, 2, 0))
    return pixels


class Decoder:
    """Decodes finished samples, one at a time, so that company cannot change a bit.

    Args:
        spec: scale of the latents; None where latents are the picture already.
        graph: `latents` (1, C, h, w) to an image (1, 3, H, W) in [-1, 1]; None as for `spec`.
        preview: linear map from latent channels to RGB, where there are not three channels already.
    """

    def __init__(self, spec: DecoderSpec | None, graph: OnnxFunction | None, preview: PreviewSpec | None) -> None:
        if graph is not None:
            graph.require(["latents"])
        self._spec = spec
        self._graph = graph
        self._preview = preview

    def image(self, latents: FloatArray) -> Pixels:
        """The finished picture, uint8 (H, W, 3). Raises `RequestFailed` (INTERNAL) when the sample is not finite."""
        image = latents
        if self._graph is not None and self._spec is not None:
            scaled = latents[None] / np.float32(self._spec.scaling_factor)
            image = self._graph({"latents": scaled})[0][0]
        if not np.isfinite(image).all():
            raise RequestFailed("INTERNAL", "the model produced values that are not finite")
        return to_pixels(image)

    def embedding(self, sample: FloatArray) -> FloatArray:
        """The finished embedding, float32: the sample itself, or what the graph makes of it.

        Raises:
            RequestFailed: INTERNAL, the sample is not finite.
        """
        found = self._graph({"latents": sample[None]})[0][0] if self._graph is not None else sample
        if not np.isfinite(found).all():
            raise RequestFailed("INTERNAL", "the model produced values that are not finite")
        return found

    def preview(self, clean: FloatArray) -> Pixels | None:
        """A picture of the estimate at latent size, uint8 (h, w, 3); None where latents cannot be shown."""
        if not np.isfinite(clean).all():
            return None
        if self._preview is not None:
            factors = np.array(self._preview.factors, dtype=np.float32)
            bias = np.array(self._preview.bias, dtype=np.float32)
            return to_pixels(np.einsum("chw,cr->rhw", clean, factors) + bias[:, None, None])
        return to_pixels(clean) if clean.ndim == 3 and clean.shape[0] == 3 else None
