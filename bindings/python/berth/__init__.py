"""berth: inference for BERT-style encoders on CPUs.

    import berth

    model = berth.Model("path/to/all-MiniLM-L6-v2")
    embeddings = model.encode(["How do I change my PIN?"], normalize_embeddings=True)  # numpy float32 [1, 384]

Takes a Hugging Face or sentence-transformers directory as it is. No PyTorch, no ONNX export.
"""

import json as _json

from ._classifier import Classifier
from ._errors import (ArgumentError, CorruptFileError, Error, InternalError, NonFiniteError, NotFoundError, OutOfMemoryError, TooLongError,
                      UnsupportedError)
from ._library import c_char_p as _c_char_p
from ._library import lib as _lib
from ._model import Model

SentenceTransformer = Model  # for code that changes nothing but its import
__version__ = _lib.berth_version().decode()


def system_info():
    """What this machine offers: {"cpu", "isa", "isas", "threads"}."""
    text = _c_char_p()
    _lib.berth_system_info(text)
    return _json.loads(text.value)


__all__ = ["ArgumentError", "Classifier", "CorruptFileError", "Error", "InternalError", "Model", "NonFiniteError", "NotFoundError", "OutOfMemoryError",
           "SentenceTransformer", "TooLongError", "UnsupportedError", "system_info"]
