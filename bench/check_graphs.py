#!/usr/bin/python3
"""Checks the ONNX graphs against Hugging Face's outputs: every form, precision and way to lay out a batch, on recorded cases.

    check_graphs.py REFERENCE/bert REFERENCE/distilbert

A case is a model directory with an expected.safetensors (input_ids, attention_mask, token_type_ids, last_hidden_state). Without this, a
graph that is fast because it computes something else would look like a strong opponent.
"""

import argparse
import os
import sys

import numpy

import cells
import onnx_graph
import tensor_file
from driver import OrtDriver

# Largest error relative to max(1, largest value). INT8 has the quantisation's own error: tiny random models, one scale per tensor.
TOLERANCE = {"fp32": 2e-5, "int8": 0.05}


def load_case(directory, prefix):
    """Rows of ids and type ids without their padding, and the expected states [tokens, hidden] of each."""
    expected = tensor_file.read(os.path.join(directory, "expected.safetensors"))
    if f"{prefix}last_hidden_state" not in expected:
        raise SystemExit(f"{directory}: expected.safetensors has no {prefix}last_hidden_state")
    ids, states = expected[f"{prefix}input_ids"], expected[f"{prefix}last_hidden_state"]
    lengths = expected[f"{prefix}attention_mask"].sum(axis=1)
    types = expected.get(f"{prefix}token_type_ids", numpy.zeros_like(ids))
    cut = [list(zip(*(array[row, :length] for array in (ids, types)))) for row, length in enumerate(lengths)]
    return ([[int(pair[0]) for pair in row] for row in cut], [[int(pair[1]) for pair in row] for row in cut],
            [states[row, :length] for row, length in enumerate(lengths)])


def check(driver, directory, out, precision, form, prefix):
    """{strategy's name: the largest relative error}"""
    batch, types, expected = load_case(directory, prefix)
    hidden, errors = expected[0].shape[1], {}
    scale = max(1.0, max(float(abs(row).max()) for row in expected))
    for strategy in cells.strategies(batch, 2):
        graph = onnx_graph.export(directory, out, precision, form, strategy.masked)
        session = driver.load(graph, 2 if strategy.sessions == 1 else 1, strategy.sessions)
        for group in strategy.groups:
            longest = group.shape[1]
            group.type_ids = [t for row in group.rows for t in types[row] + [0] * (longest - len(types[row]))]
        plan = driver.prepare(session, strategy.groups, hidden)
        driver.run(plan, 0, 2)  # all lanes work
        states = driver.states(plan, strategy.groups, hidden)
        errors[strategy.name] = max(float(abs(mine - other).max()) for mine, other in zip(states, expected, strict=True)) / scale
        driver.unload()
    return errors


def main():
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    parser = argparse.ArgumentParser(description="Check the ONNX graphs against recorded outputs.")
    parser.add_argument("cases", nargs="+", metavar="DIR")
    parser.add_argument("--work", metavar="DIR", default=os.path.join(root, "build", "bench-data"))
    arguments = parser.parse_args()
    driver, failed = OrtDriver(os.path.join(arguments.work, "node_modules")), 0
    for directory in arguments.cases:
        for precision, forms in onnx_graph.FORMS.items():
            for form in forms:
                for prefix in ("", "long."):
                    errors = check(driver, directory, os.path.join(arguments.work, "onnx"), precision, form, prefix)
                    worst = max(errors, key=errors.get)
                    good = errors[worst] <= TOLERANCE[precision]
                    failed += not good
                    print(f"{'ok  ' if good else 'FAIL'} {os.path.basename(directory)} {precision} {form} {prefix or 'batch'}: "
                          f"{errors[worst]:.1e} in {worst}, {len(errors)} ways")
    driver.close()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
