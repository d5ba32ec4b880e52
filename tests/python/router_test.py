#!/usr/bin/env python3
"""The Python package on directories with a Router, against the command line. usage: router_test.py BERTH REPOSITORY, with the package on the path."""
import pathlib
import sys
import tempfile
import unittest

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "cli"))
from binary import WEIGHTS, lines  # noqa: E402
from routers import dense_router  # noqa: E402

import berth  # noqa: E402


class Router(unittest.TestCase):
    def test_queries_and_documents(self):
        texts = ["play some music", "my card"]
        with tempfile.TemporaryDirectory() as folder:
            directory = dense_router(pathlib.Path(folder) / "model")
            model = berth.Model(directory, threads=2)
            documents = model.encode(texts)
            np.testing.assert_array_equal(documents, berth.Model(WEIGHTS / "intent").encode(texts))
            np.testing.assert_array_equal(model.encode_document(texts), documents)
            queries = np.array([row["embedding"] for row in lines("encode", "--model", directory, "--role", "query", *texts)], dtype=np.float32)
            np.testing.assert_array_equal(model.encode_query(texts), queries)
            np.testing.assert_array_equal(model.encode(texts, task="query"), queries)
            self.assertFalse(np.array_equal(queries, documents))
            with self.assertRaisesRegex(ValueError, "task"):
                model.encode(texts, task="passage")
            with self.assertRaisesRegex(berth.UnsupportedError, "queries"):
                model.encode_query(texts, output_value="token_embeddings")


if __name__ == "__main__":
    unittest.main()
