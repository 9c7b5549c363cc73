"""NumPy arrays as raw tensors of the Open Inference Protocol, both ways."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from luce.errors import Internal, InvalidArgument

Array = NDArray[np.generic]

_NAMES: Final[dict[np.dtype[Any], str]] = {
    np.dtype(np.bool_): "BOOL",
    np.dtype(np.uint8): "UINT8",
    np.dtype(np.uint16): "UINT16",
    np.dtype(np.uint32): "UINT32",
    np.dtype(np.uint64): "UINT64",
    np.dtype(np.int8): "INT8",
    np.dtype(np.int16): "INT16",
    np.dtype(np.int32): "INT32",
    np.dtype(np.int64): "INT64",
    np.dtype(np.float16): "FP16",
    np.dtype(np.float32): "FP32",
    np.dtype(np.float64): "FP64",
    np.dtype(np.object_): "BYTES",
}
_DTYPES: Final = {name: dtype for dtype, name in _NAMES.items()}
_LENGTH: Final = struct.Struct("<I")


def datatype(array: Array) -> str:
    """The protocol's name of an array's type; object arrays hold `bytes` or `str` and are BYTES.

    Raises:
        InvalidArgument: a type that the protocol does not have.
    """
    name = _NAMES.get(array.dtype)
    if name is None:
        raise InvalidArgument(f"tensors of type {array.dtype} cannot be sent", limit=", ".join(_DTYPES))
    return name


def to_raw(array: Array) -> bytes:
    """Little-endian bytes in C order; BYTES elements follow their length as 4 bytes."""
    if array.dtype != np.object_:
        return array.tobytes()
    pieces = []
    element: Any
    for element in array.ravel():
        encoded = element.encode() if isinstance(element, str) else bytes(element)
        pieces += [_LENGTH.pack(len(encoded)), encoded]
    return b"".join(pieces)


def from_raw(name: str, kind: str, shape: Iterable[int], raw: bytes) -> Array:
    """The array of a raw tensor, read-only and without a copy where it is numeric.

    Raises:
        Internal: the server sent a type, or a number of bytes, that does not fit.
    """
    shape = tuple(shape)
    dtype = _DTYPES.get(kind)
    if dtype is None:
        raise Internal(f"the model server answered {name!r} as {kind}")
    try:
        if dtype == np.object_:
            elements = np.empty(int(np.prod(shape)), dtype=np.object_)
            elements[:] = _split(raw)
            return elements.reshape(shape)
        return np.frombuffer(raw, dtype=dtype).reshape(shape)
    except (ValueError, struct.error) as error:
        raise Internal(f"the model server answered {len(raw)} bytes for {name!r} of shape {list(shape)}") from error


def _split(raw: bytes) -> list[bytes]:
    elements, at = [], 0
    while at < len(raw):
        (length,) = _LENGTH.unpack_from(raw, at)
        at += _LENGTH.size
        elements.append(raw[at : at + length])
        at += length
    return elements


def add_inputs(request: Any, inputs: Mapping[str, Array]) -> None:
    """Put arrays into a `ModelInferRequest`, as raw bytes."""
    for name, array in inputs.items():
        request.inputs.add(name=name, datatype=datatype(array), shape=array.shape)
        request.raw_input_contents.append(to_raw(array))


def read_outputs(response: Any) -> dict[str, Array]:
    """The arrays of a `ModelInferResponse`. Raises `Internal` where they do not come as raw bytes."""
    if len(response.outputs) != len(response.raw_output_contents):
        raise Internal(f"model {response.model_name} answered tensors that are not raw bytes")
    return {
        tensor.name: from_raw(tensor.name, tensor.datatype, tensor.shape, raw)
        for tensor, raw in zip(response.outputs, response.raw_output_contents, strict=True)
    }
