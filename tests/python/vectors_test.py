#!/usr/bin/env python3
"""Queries through a Router, against the command line, and late chunking, against token embeddings. usage: vectors_test.py BERTH REPOSITORY, with the package on the path."""
import pathlib
import pickle
import sys
import tempfile
import unittest

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "cli"))
from binary import WEIGHTS, lines  # noqa: E402
from adapters import peft_adapter  # noqa: E402
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


class Adapter(unittest.TestCase):
    def test_as_on_the_command_line(self):
        texts = ["play some music", "my card"]
        with tempfile.TemporaryDirectory() as folder:
            adapter = peft_adapter(pathlib.Path(folder) / "adapter")
            model = berth.Model(WEIGHTS / "intent", adapter=adapter)
            expected = [row["embedding"] for row in lines("encode", "--adapter", adapter, *texts)]
            np.testing.assert_array_equal(model.encode(texts), np.array(expected, dtype=np.float32))
            self.assertEqual(model.info["adapter"], str(adapter))
            np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).encode(texts), model.encode(texts))
            with self.assertRaisesRegex(berth.ArgumentError, "adapter_config.json"):
                berth.Model(WEIGHTS / "intent", adapter="retrieval.query")


class Chunks(unittest.TestCase):
    text = "I lost my card on the train. 😀 Please block it, and send a new one!"
    spans = [(0, 28), (29, len(text)), (10, 40), (28, 29)]

    def setUp(self):
        self.model = berth.Model(WEIGHTS / "intent", threads=2)

    def test_the_mean_of_their_tokens(self):
        chunks, counts = self.model.encode_chunks(self.text, self.spans, return_tokens=True)
        self.assertEqual((chunks.shape, chunks.dtype), ((4, 192), np.float32))
        tokens, offsets = self.model.encode(self.text, output_value="token_embeddings"), self.model.tokenize(self.text)["offsets"]
        for (begin, end), chunk, count in zip(self.spans, chunks, counts):
            own = [token for token, (first, last) in zip(tokens, offsets) if last > first and begin < last <= end]
            self.assertEqual(len(own), count)
            mean = np.mean(own, axis=0) if own else np.zeros(192)
            np.testing.assert_allclose(chunk, mean / max(np.linalg.norm(mean), 1e-12), atol=2e-6)  # the directory ends with Normalize
        self.assertEqual(counts[3], 0)

    def test_long_texts(self):
        text = self.text * 20
        last = [(len(text) - 10, len(text))]
        np.testing.assert_array_equal(self.model.encode_chunks(text, last), np.zeros((1, 192), dtype=np.float32))
        _, (count,) = self.model.encode_chunks(text, last, long_text="window", stride=16, return_tokens=True)
        self.assertGreater(count, 0)
        with self.assertRaises(berth.TooLongError):
            self.model.encode_chunks(text, last, long_text="error")

    def test_what_is_refused(self):
        for spans, error, words in [([(0, 1000)], ValueError, "spans\\[0\\].*67"), ([(3, 2)], ValueError, "span 0"), ([(-1, 2)], ValueError, "spans"),
                                    ([("a", 2)], TypeError, "spans"), ([(0, 1), 5], TypeError, "spans\\[1\\].*\\(begin, end\\), got int"),
                                    ([(0, 1, 2)], berth.ArgumentError, "spans\\[0\\].*3 values")]:
            with self.assertRaisesRegex(error, words):
                self.model.encode_chunks(self.text, spans)
        for text in [[self.text], None]:
            with self.assertRaisesRegex(TypeError, "text"):
                self.model.encode_chunks(text, [(0, 1)])
        self.assertEqual(self.model.encode_chunks(self.text, []).shape, (0, 192))


if __name__ == "__main__":
    unittest.main()
