from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from luce.errors import MalformedMedia, PayloadTooLarge, RequestError, UnsupportedMediaType
from luce.server.media import MediaSettings, encode_png
from luce.server.media.image import decode

PIXELS = np.random.default_rng(1).integers(0, 256, (20, 30, 3), np.uint8)


def saved(kind: str, image: Image.Image | None = None, **options: object) -> bytes:
    target = io.BytesIO()
    (image or Image.fromarray(PIXELS)).save(target, kind, **options)
    return target.getvalue()


FILES = {"PNG": saved("PNG"), "JPEG": saved("JPEG"), "WEBP": saved("WEBP")}


def outcome(data: bytes) -> NDArray[np.uint8] | RequestError:
    """What comes of a file; any other error goes on."""
    try:
        return decode(data, MediaSettings(max_image_pixels=100_000))
    except RequestError as error:
        return error


def png_of_size(width: int, height: int) -> bytes:
    """A few bytes that claim to be a huge picture."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_every_format_decodes_to_rgb(kind: str) -> None:
    image = decode(FILES[kind])
    assert image.shape == (20, 30, 3)
    assert image.dtype == np.uint8


def test_png_is_lossless_both_ways() -> None:
    np.testing.assert_array_equal(decode(encode_png(PIXELS)), PIXELS)


def test_png_carries_its_provenance_and_is_deterministic() -> None:
    told = {"luce:seed": "7", "Description": "a café, 夜"}
    data = encode_png(PIXELS, told)
    assert data == encode_png(PIXELS, told)
    with Image.open(io.BytesIO(data)) as image:
        assert {key: str(image.info[key]) for key in told} == told


def test_only_rgb_bytes_are_encoded() -> None:
    with pytest.raises(ValueError, match="uint8"):
        encode_png(PIXELS.astype(np.float32))


def test_the_exif_orientation_is_followed() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = decode(saved("PNG", exif=exif))
    np.testing.assert_array_equal(turned, np.rot90(PIXELS, -1))


def test_what_is_transparent_lies_on_white() -> None:
    clear = Image.new("RGBA", (4, 4), (255, 0, 0, 0))
    np.testing.assert_array_equal(decode(saved("PNG", clear)), np.full((4, 4, 3), 255))


@pytest.mark.parametrize("mode", ["L", "P", "1", "LA", "I;16"])
def test_other_modes_become_rgb(mode: str) -> None:
    assert decode(saved("PNG", Image.new(mode, (5, 4)))).shape == (4, 5, 3)


@pytest.mark.parametrize("size", [(100_000, 100_000), (10_000, 6_000)])
def test_a_decompression_bomb_is_refused_before_it_is_decoded(size: tuple[int, int]) -> None:
    with pytest.raises(PayloadTooLarge) as caught:
        decode(png_of_size(*size))
    assert caught.value.limit == "50000000 pixels"


def test_too_many_bytes_are_refused() -> None:
    with pytest.raises(PayloadTooLarge):
        decode(FILES["PNG"], MediaSettings(max_image_bytes=1024))


def test_audio_is_an_unsupported_type() -> None:
    with pytest.raises(UnsupportedMediaType, match="audio/flac"):
        decode(b"fLaC" + bytes(99))


@pytest.mark.parametrize(
    "data", [b"", b"GIF89a", b"<svg/>", FILES["PNG"][:40], FILES["JPEG"][:300], FILES["WEBP"][:99]]
)
def test_what_is_no_whole_image_is_malformed(data: bytes) -> None:
    with pytest.raises(MalformedMedia) as caught:
        decode(data)
    assert caught.value.field == "image"


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_damaged_images_decode_or_are_refused_but_never_break(kind: str, data: st.DataObject) -> None:
    image = bytearray(FILES[kind])
    for _ in range(data.draw(st.integers(1, 10))):
        image[data.draw(st.integers(0, len(image) - 1))] = data.draw(st.integers(0, 255))
    found = outcome(bytes(image[: data.draw(st.integers(0, len(image)))]))
    if isinstance(found, RequestError):
        assert found.field == "image"
    else:
        assert found.shape[2] == 3
