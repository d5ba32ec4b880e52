"""Similarities between embeddings, by the names that sentence-transformers has for them."""

import numpy as np

from ._errors import ArgumentError


def _normalized(rows):
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), np.float32(1e-12))


def _distances(rows, others, order):
    return np.stack([np.linalg.norm(others - row, ord=order, axis=1) for row in rows]) if len(rows) else np.empty((0, len(others)), np.float32)


_FUNCTIONS = {
    "cosine": lambda rows, others: _normalized(rows) @ _normalized(others).T,
    "dot": lambda rows, others: rows @ others.T,
    "euclidean": lambda rows, others: -_distances(rows, others, 2),
    "manhattan": lambda rows, others: -_distances(rows, others, 1),
}


def similarity_matrix(name, rows, others):
    """[n, m] of rows [n, dimensions] and others [m, dimensions]; larger is more alike."""
    if name not in _FUNCTIONS:
        raise ArgumentError(f"similarity_fn_name: expected one of {', '.join(_FUNCTIONS)}, got {name!r}")
    if rows.shape[1] != others.shape[1]:
        raise ArgumentError(f"similarity: embeddings have {rows.shape[1]} and {others.shape[1]} values")
    return _FUNCTIONS[name](rows, others)
