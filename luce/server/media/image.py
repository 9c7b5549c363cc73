"""Images in and out: jpeg, png and webp to RGB, RGB to png with its provenance."""

from __future__ import annotations

import io
import struct
import warnings
from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError
from PIL.PngImagePlugin import PngInfo

from luce.errors import MalformedMedia, PayloadTooLarge, UnsupportedMediaType
from luce.server.media.settings import MIB, MediaSettings
from luce.server.media.sniffing import HEAD_BYTES, IMAGE_TYPES, sniff

FORMATS: Final = "jpeg, png, webp"
_PILLOW_FORMATS: Final = {"image/jpeg": "JPEG", "image/png": "PNG", "image/webp": "WEBP"}


def decode(data: bytes, settings: MediaSettings | None = None, *, field: str = "image") -> NDArray[np.uint8]:
    """Decode the first frame of an image, turned as its EXIF orientation says, on white where it is transparent.

    Args:
        data: The whole file.
        settings: The limits; the pixels are counted before anything is decoded.
        field: Name of the request's field, for messages.

    Returns:
        RGB, uint8, shape (height, width, 3).

    Raises:
        PayloadTooLarge: More bytes or pixels than the limit.
        UnsupportedMediaType: A known medium, but no image that is read.
        MalformedMedia: Empty, no image, cut short or damaged.
    """
    settings = settings or MediaSettings()
    media_type = _check_bytes(data, settings, field)
    try:
        with warnings.catch_warnings():
            # Pillow warns of what it takes for a bomb, and of damaged metadata; our own limit decides.
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(data), formats=[_PILLOW_FORMATS[media_type]]) as image:
                _check_pixels(image.width * image.height, settings, field)
                return _to_rgb(ImageOps.exif_transpose(image))
    except UnidentifiedImageError as error:
        raise MalformedMedia(f"{field} is no {media_type} file", field=field, limit=FORMATS) from error
    except Image.DecompressionBombError as error:
        raise _too_many_pixels(str(error), settings, field) from error
    except (OSError, SyntaxError, ValueError, EOFError, IndexError, TypeError, struct.error) as error:
        raise MalformedMedia(f"{field} does not decode: {error}", field=field, limit="a complete file") from error


def encode_png(pixels: NDArray[np.uint8], metadata: Mapping[str, str] | None = None) -> bytes:
    """A PNG file of RGB pixels, uint8 (height, width, 3), with text chunks (keys of 1..79 Latin-1 characters).

    The same pixels and metadata give the same bytes.

    Raises:
        ValueError: The array has another shape or type.
    """
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or 0 in pixels.shape:
        raise ValueError(f"pixels must be uint8 (height, width, 3), not {pixels.dtype} {pixels.shape}")
    info = PngInfo()
    for key, value in (metadata or {}).items():
        info.add_itxt(key, value)
    target = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels), "RGB").save(target, "PNG", pnginfo=info)
    return target.getvalue()


def _check_bytes(data: bytes, settings: MediaSettings, field: str) -> str:
    if not data:
        raise MalformedMedia(f"{field} is empty", field=field, limit="at least one byte")
    if len(data) > settings.max_image_bytes:
        limit = f"{settings.max_image_bytes / MIB:g} MiB"
        raise PayloadTooLarge(f"{field} has {len(data) / MIB:.1f} MiB; at most {limit}", field=field, limit=limit)
    media_type = sniff(data[:HEAD_BYTES])
    if media_type is None:
        raise MalformedMedia(f"{field} is no image file that is read here ({FORMATS})", field=field, limit=FORMATS)
    if media_type not in IMAGE_TYPES:
        raise UnsupportedMediaType(f"{field} is {media_type}, not an image ({FORMATS})", field=field, limit=FORMATS)
    return media_type


def _check_pixels(pixels: int, settings: MediaSettings, field: str) -> None:
    if pixels > settings.max_image_pixels:
        raise _too_many_pixels(f"{pixels} pixels", settings, field)


def _too_many_pixels(found: str, settings: MediaSettings, field: str) -> PayloadTooLarge:
    limit = f"{settings.max_image_pixels} pixels"
    return PayloadTooLarge(f"{field} has {found}; at most {limit}", field=field, limit=limit)


def _to_rgb(image: Image.Image) -> NDArray[np.uint8]:
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return np.asarray(image.convert("RGB"), dtype=np.uint8).copy()
