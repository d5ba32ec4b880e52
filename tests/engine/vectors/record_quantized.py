#!/usr/bin/env python3
"""Writes quantized.json: what numpy makes of some embeddings by the definition of sentence-transformers' quantize_embeddings (6.0).

    buckets  floor((x - min) / step) with step = (max - min) / 255, or 1 where that is 0, all in float32; kept in [0, 255]; int8 is that minus 128
    bits     packbits(x > 0) along a row, the first value in the highest bit; binary is that minus 128
"""
import json
import pathlib

import numpy as np

def shortest(matrix):
    return [[float(str(value)) for value in row] for row in matrix]


random = np.random.default_rng(20)
cases = []
for rows, dimensions, calibration_rows in [(5, 13, 40), (3, 16, 3), (1, 1, 2), (4, 33, 30), (2, 8, 1)]:
    calibration = random.normal(0, 0.3, (calibration_rows, dimensions)).astype(np.float32)
    x = random.normal(0, 0.4, (rows, dimensions)).astype(np.float32)  # some beyond the ranges
    x[0, 0] = calibration[:, 0].max()  # the end of a range
    x[-1, -1] = calibration[:, -1].min()
    if dimensions > 8:
        calibration[:, 3] = 0.25  # a dimension that never varies
        x[0, 5] = 0.0
        x[0, 6] = -0.0
    ranges = np.vstack((calibration.min(axis=0), calibration.max(axis=0)))
    steps = (ranges[1] - ranges[0]) / np.float32(255)
    steps = np.where(steps == 0, np.float32(1), steps)
    assert steps.dtype == np.float32
    buckets = np.clip(np.floor((x - ranges[0]) / steps), 0, 255)
    bits = np.packbits(x > 0, axis=-1)
    cases.append({
        "calibration": shortest(calibration), "embeddings": shortest(x), "ranges": shortest(ranges),
        "uint8": buckets.astype(np.uint8).tolist(), "int8": (buckets - 128).astype(np.int8).tolist(),
        "ubinary": bits.tolist(), "binary": (bits.astype(np.int16) - 128).astype(np.int8).tolist(),
    })
lines = ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases)
(pathlib.Path(__file__).parent / "quantized.json").write_text(f"[\n{lines}\n]\n")
