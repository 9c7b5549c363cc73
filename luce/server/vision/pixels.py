"""Pictures of any size as the image encoder reads them."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SIDE: Final = 224
"""Height and width of what the encoder reads, pixels."""

LONGEST: Final = 4 / 3
"""Longer pictures are cut to this ratio of their sides, in the middle; what is left is squeezed into the square."""


def prepare(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Fit a picture into the square of the encoder.

    Most of it stays: the encoder was trained on squeezed pictures of ratios up to 4:3, so only what is beyond is cut.

    Args:
        pixels: RGB, uint8 (height, width, 3), at least one pixel.

    Returns:
        RGB, uint8 (224, 224, 3).

    Raises:
        ValueError: The array has another shape or type.
    """
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or 0 in pixels.shape:
        raise ValueError(f"pixels must be uint8 (height, width, 3), not {pixels.dtype} {pixels.shape}")
    height, width = pixels.shape[:2]
    wide, high = min(width, height * LONGEST), min(height, width * LONGEST)
    left, top = (width - wide) / 2, (height - high) / 2
    box = (left, top, left + wide, top + high)
    # A gap of 3 lets large photographs shrink by whole factors first; the difference cannot be seen.
    shrunk = Image.fromarray(np.ascontiguousarray(pixels), "RGB").resize(
        (SIDE, SIDE), Image.Resampling.BICUBIC, box=box, reducing_gap=3.0
    )
    return np.asarray(shrunk, dtype=np.uint8).copy()
