"""Reading and writing model.safetensors: an 8-byte little-endian header length, a JSON header, then the tensors' bytes."""

import json
import os
import struct

import numpy

_NUMPY_TYPES = {"F32": numpy.float32, "F16": numpy.float16, "I64": numpy.int64, "I32": numpy.int32}


def write(path, tensors):
    """tensors: a list of (name, shape, make); make() returns the float32 array, so that only one is in memory at a time."""
    header, offset = {"__metadata__": {"format": "pt"}}, 0
    for name, shape, _ in tensors:
        size = 4 * int(numpy.prod(shape))
        header[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # the data starts on a multiple of 8
    partial = f"{path}.partial"
    with open(partial, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for name, shape, make in tensors:
            array = numpy.ascontiguousarray(make(), dtype="<f4")
            if array.shape != tuple(shape):
                raise ValueError(f"{name}: made {array.shape}, declared {tuple(shape)}")
            file.write(array.tobytes())
    os.replace(partial, path)


def read(path):
    """The file's tensors by name, as read-only views of a memory map."""
    with open(path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
    data = numpy.memmap(path, dtype=numpy.uint8, mode="r", offset=8 + length)
    tensors = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        begin, end = entry["data_offsets"]
        tensors[name] = data[begin:end].view(_NUMPY_TYPES[entry["dtype"]]).reshape(entry["shape"])
    return tensors
