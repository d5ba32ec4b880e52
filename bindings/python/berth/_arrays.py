"""numpy arrays that the library reads and writes."""

import ctypes

import numpy as np

from ._errors import ArgumentError
from ._library import lib

PRECISIONS = {"float32": 0, "int8": 1, "uint8": 2, "binary": 3, "ubinary": 4}  # berth_output_type
_TYPES = {"int8": np.int8, "uint8": np.uint8, "binary": np.int8, "ubinary": np.uint8}


def buffer(out, shape, single):
    """The array that results are written to: the caller's, or a new one."""
    if out is None:
        return np.empty(shape, dtype=np.float32)
    wanted = shape[1:] if single else shape
    if not isinstance(out, np.ndarray) or out.dtype != np.float32 or out.shape != wanted or not out.flags.c_contiguous or not out.flags.writeable:
        raise ArgumentError(f"out: expected a writable C-contiguous float32 array of shape {wanted}")
    return out.reshape(shape)


def copied(address, shape, dtype):
    """An array of its own of values that belong to a handle."""
    result = np.empty(shape, dtype=dtype)
    if result.nbytes > 0:
        ctypes.memmove(result.ctypes.data, address, result.nbytes)
    return result


def quantized(values, precision):
    """As sentence-transformers' quantize_embeddings(); the ranges of int8 and uint8 are those of these embeddings."""
    kind, (count, dimensions) = PRECISIONS[precision], values.shape
    out = np.empty((count, lib.berth_quantized_size(kind, dimensions)), dtype=_TYPES[precision])
    ranges = None
    if count > 0 and precision in ("int8", "uint8"):  # no embeddings have no ranges
        ranges = np.empty((2, dimensions), dtype=np.float32)
        lib.berth_find_ranges(values.ctypes.data, count, dimensions, 0, ranges.ctypes.data)
    if count > 0:
        lib.berth_quantize(values.ctypes.data, count, dimensions, kind, None if ranges is None else ranges.ctypes.data, out.ctypes.data)
    return out
