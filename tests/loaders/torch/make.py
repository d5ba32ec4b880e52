"""Writes the checkpoints in this folder, with PyTorch (these are of 1.13): python3 make.py

Each holds the same numbers: tensor "t" has shape s and, in C order, the values 0, 1, 2, …; "weight.by_columns" is one whose storage is the transposed matrix.
"""

import collections
import numpy
import torch


def counting(*shape, dtype=torch.float32):
    return torch.arange(int(numpy.prod(shape))).reshape(shape).to(dtype)


def by_columns(rows, columns, dtype=torch.float32):
    """As a matrix comes out of a TensorFlow checkpoint: numpy's transpose of a stored one."""
    stored = numpy.ascontiguousarray(counting(rows, columns).numpy().T)
    return torch.from_numpy(stored.T).to(dtype)


whole = counting(6, 4)
state = collections.OrderedDict()
state["weight"] = counting(3, 5)
state["weight.by_columns"] = by_columns(3, 5)
state["half"] = counting(2, 3, dtype=torch.float16)
state["half.by_columns"] = by_columns(20, 3, dtype=torch.float16)
state["bfloat16"] = counting(4, dtype=torch.bfloat16)
state["double"] = counting(2, dtype=torch.float64)
state["ids"] = counting(7, dtype=torch.int64).expand(1, -1)
state["bool"] = torch.tensor([True, False, True])
state["scalar"] = torch.tensor(0.0)
state["empty"] = torch.empty(0, 4)
state["whole"] = whole
state["rows"] = whole[2:4]  # 8, 9, …: shares its storage
state["column"] = whole[:, 1]  # 1, 5, 9, …
state["cube.by_columns"] = counting(2, 3, 4).permute(2, 0, 1).contiguous().permute(1, 2, 0)
state["parameter"] = torch.nn.Parameter(counting(2, 2))
state["steps"] = 12  # no tensor
state._metadata = {"": {"version": 1}}

torch.save(state, "archive.bin")
torch.save(state, "legacy.bin", _use_new_zipfile_serialization=False)
torch.save(dict(state), "protocol4.bin", pickle_protocol=4)
torch.save(torch.nn.Linear(2, 2), "module.bin")
torch.save({"epoch": 3, "model": state}, "nested.bin")
