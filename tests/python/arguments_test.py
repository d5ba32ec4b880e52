#!/usr/bin/env python3
"""The Python package: what callers may give, what is refused, and calls that take long. usage: arguments_test.py BERTH REPOSITORY, with the package on the path."""
import copy
import json
import os
import pathlib
import pickle
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "cli"))
from binary import WEIGHTS  # noqa: E402
from pipelines_test import WithTokenizer  # noqa: E402
from reference import CASES  # noqa: E402

import berth  # noqa: E402


class Texts(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.model = berth.Model(WEIGHTS / "intent", threads=2)
        cls.pairs = berth.Model(CASES / "bert-crossencoder")

    def test_arrays(self):
        expected = self.model.encode(["one", "two"])
        np.testing.assert_array_equal(self.model.encode(np.array(["one", "two"], dtype=object)), expected)
        np.testing.assert_array_equal(self.model.encode(np.array("one")), expected[0])
        pairs = np.array([["a", "b"], ["c", "d"]])
        np.testing.assert_array_equal(self.pairs.predict(pairs), self.pairs.predict([("a", "b"), ("c", "d")]))

    def test_a_str_is_not_several_texts(self):
        with self.assertRaisesRegex(TypeError, "texts: expected several, got str"):
            self.pairs.rerank("query", "text")
        for texts in ["text", ["a", "b", "c"], [("a", "b"), "c"]]:
            with self.assertRaisesRegex(TypeError, "input [01]: expected a pair of texts, got str"):
                self.pairs.predict(texts)
        with self.assertRaisesRegex(TypeError, "got NoneType"):
            self.pairs.predict(None)

    def test_a_str_is_one_word(self):
        model = berth.Model(CASES / "bert-nli")
        self.assertEqual(model.zero_shot("text", "music, late delivery,"), model.zero_shot("text", ["music", "late delivery"]))
        model = berth.Model(CASES / "bert-tokencls")
        self.assertEqual(model.tag("the fox", ignore_labels="I-ORG"), model.tag("the fox", ignore_labels=["I-ORG"]))
        self.assertEqual(model.tag("the fox", None), model.tag("the fox"))
        copied = WithTokenizer("bert-mlm", "bert")
        self.addCleanup(copied.close)
        model = berth.Model(copied.path)
        self.assertEqual(model.fill_mask("the [MASK]", targets="fox"), model.fill_mask("the [MASK]", targets=["fox"]))

    def test_similarity_of_what_iterates(self):
        expected = self.model.similarity(["one", "two"])
        for texts in [iter(["one", "two"]), np.array(["one", "two"]), np.array(["one", "two"], dtype=object)]:
            np.testing.assert_array_equal(self.model.similarity(texts), expected)
        embeddings = self.model.encode(["one", "two"])
        np.testing.assert_array_equal(self.model.similarity([tuple(row) for row in embeddings]), self.model.similarity(embeddings))
        for none in [[], np.empty((0, self.model.embedding_size), np.float32)]:
            self.assertEqual(self.model.similarity(none, embeddings).shape, (0, 2))
            self.assertEqual(self.model.similarity(embeddings, none).shape, (2, 0))
        with self.assertRaisesRegex(ValueError, "similarity: expected embeddings"):
            self.model.similarity(np.zeros((2, 2, 2)))

    def test_no_texts(self):
        for precision, columns in [("int8", 192), ("uint8", 192), ("binary", 24), ("ubinary", 24)]:
            found = self.model.encode([], precision=precision)
            self.assertEqual((found.shape, found.dtype), ((0, columns), np.uint8 if precision.startswith("u") else np.int8))
        with self.assertRaises(berth.UnsupportedError):
            self.model.scores([])


class Options(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.model = berth.Model(WEIGHTS / "intent")

    def test_nothing_is_ignored(self):
        out = np.zeros((1, self.model.embedding_size), np.float32)
        for options, message in [({"precision": "int8", "out": out}, "out: only"), ({"output_value": "token_embeddings", "out": out}, "out: only"),
                                 ({"output_value": "token_embeddings", "precision": "int8"}, "precision: token"), ({"batch_size": 0}, "batch_size: expected at least 1")]:
            with self.assertRaisesRegex(berth.ArgumentError, message):
                self.model.encode(["one"], **options)
        self.assertFalse(out.any())

    def test_numbers_do_not_wrap(self):
        for make in [berth.Model, berth.Classifier]:
            with self.assertRaisesRegex(ValueError, "threads: expected at most 2147483647, got 4294967297"):
                make(WEIGHTS / "intent", threads=2**32 + 1)
        with self.assertRaisesRegex(ValueError, "max_length: expected at most"):
            self.model.encode("one two three", max_length=2**64 + 3)
        with self.assertRaisesRegex(ValueError, "truncate_dim: expected at least 1"):
            berth.Model(WEIGHTS / "intent", truncate_dim=0)

    def test_strings_do_not_end_at_a_nul(self):
        for make in [berth.Model, berth.Classifier]:
            with self.assertRaisesRegex(ValueError, "path: has a NUL character"):
                make(f"{WEIGHTS}/intent\0junk")
            with self.assertRaisesRegex(ValueError, "precision: has a NUL character"):
                make(WEIGHTS / "intent", precision="int8\0junk")
        with self.assertRaisesRegex(TypeError, "precision: expected str, got int"):
            berth.Model(WEIGHTS / "intent", precision=8)

    def test_copies_are_like_the_model(self):
        model = berth.Model(WEIGHTS / "intent")
        model.max_seq_length, model.truncate_dim, model.similarity_fn_name = 4, 8, "dot"
        model.prompts["query"] = "find: "
        for other in [pickle.loads(pickle.dumps(model)), copy.copy(model)]:
            np.testing.assert_array_equal(other.encode_query("one two three four"), model.encode_query("one two three four"))
            self.assertEqual((other.max_seq_length, other.truncate_dim, other.similarity_fn_name, other.prompts), (4, 8, "dot", {"query": "find: "}))
            other.prompts.clear()
            self.assertEqual(model.prompts, {"query": "find: "})


    def test_copies_of_a_subclass(self):
        model = pickle.loads(pickle.dumps(Named("intent")))
        self.assertEqual((type(model), model.name), (Named, "intent"))
        self.assertEqual(model.encode("one").shape, (192,))
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "profile.json")
            path.write_text(json.dumps({"model": str(WEIGHTS / "intent"), "labels": {"x": {"examples": ["word"]}}}))
            self.assertEqual(type(pickle.loads(pickle.dumps(NamedClassifier(path)))), NamedClassifier)


class Named(berth.SentenceTransformer):
    def __init__(self, name):
        super().__init__(WEIGHTS / name)
        self.name = name


class NamedClassifier(berth.Classifier):
    def __init__(self, path):
        super().__init__(path, cache=False)


class LongCalls(unittest.TestCase):
    """They run in parts."""

    TEXTS = [("word " * (i % 50) + str(i)) for i in range(3000)]

    def test_results_are_those_of_single_texts(self):
        model = berth.Model(CASES / "bert-tokencls")
        found = model.tag(self.TEXTS, "simple")
        self.assertEqual(len(found), len(self.TEXTS))
        tokens = model.encode(self.TEXTS, output_value="token_embeddings")
        for i in [0, 1, 777, 2999]:
            self.assertEqual(found[i], model.tag(self.TEXTS[i], "simple"))
            np.testing.assert_array_equal(tokens[i], model.encode(self.TEXTS[i], output_value="token_embeddings"))
        model = berth.Model(CASES / "bert-nli")
        found = model.zero_shot(self.TEXTS, ["a", "b"])
        self.assertEqual([found[i] for i in [0, 2999]], [model.zero_shot(self.TEXTS[i], ["a", "b"]) for i in [0, 2999]])
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "profile.json")
            path.write_text(json.dumps({"model": str(WEIGHTS / "intent"), "labels": {"x": {"examples": ["word"]}}}))
            classifier = berth.Classifier(path)
            found = classifier.classify(self.TEXTS)
            self.assertEqual([found[i] for i in [0, 2999]], [classifier.classify(self.TEXTS[i]) for i in [0, 2999]])

    def test_errors_name_the_row(self):
        model = berth.Model(CASES / "bert-tokencls")
        with self.assertRaisesRegex(berth.ArgumentError, "^input 2990: text_pair"):
            model.tag([*self.TEXTS[:2990], ("a", "b"), *self.TEXTS[2991:]])

    def test_an_interrupt_ends_them_soon(self):
        model = berth.Model(CASES / "bert-tokencls", threads=1)
        other = berth.Model(WEIGHTS / "intent", threads=1)
        texts = ["how do I change my pin " * 25] * 20000
        for call in [lambda: other.encode(texts), lambda: other.encode(texts, output_value="token_embeddings"), lambda: model.tag(texts * 20)]:
            sent = []

            def interrupt():
                sent.append(time.monotonic())
                os.kill(os.getpid(), signal.SIGINT)

            timer = threading.Timer(1, interrupt)
            timer.start()
            with self.assertRaises(KeyboardInterrupt):
                call()
                timer.join()
            self.assertLess(time.monotonic() - sent[0], 2)


class Libraries(unittest.TestCase):
    def test_one_that_is_not_there(self):
        with tempfile.NamedTemporaryFile(suffix=".so") as empty:
            for path, told in [("/no/such/libberth.so", "/no/such/libberth.so: cannot open"), (empty.name, "file too short"), (sys.executable, "")]:
                code = "try:\n import berth\nexcept ImportError as error:\n print(error)"
                done = subprocess.run([sys.executable, "-c", code], env={**os.environ, "BERTH_LIBRARY": path}, capture_output=True, text=True, check=True)
                self.assertIn("berth cannot load its library: ", done.stdout)
                self.assertIn(told, done.stdout)


if __name__ == "__main__":
    unittest.main()
