#!/usr/bin/env python3
"""The Python package: against what the Hugging Face code gives for the reference cases, and against the command line, bit by bit.
usage: model_test.py BERTH REPOSITORY, with the package on the path."""
import json
import multiprocessing
import pathlib
import pickle
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import warnings

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "cli"))
from binary import WEIGHTS, jsonl, lines  # noqa: E402
from pipelines_test import WithTokenizer  # noqa: E402
from reference import CASES, TOLERANCE, Case  # noqa: E402

import berth  # noqa: E402

TEXTS = ["How do I change my PIN?", "", "Play some jazz in the kitchen", "naïve café 中国 😀", "a " * 400]


def cli_embeddings(model, texts):
    return np.array([row["embedding"] for row in lines("encode", "--model", model, stdin=jsonl(*({"text": text} for text in texts)))], dtype=np.float32)


class Encode(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.model = berth.Model(WEIGHTS / "intent", threads=2)

    def test_reference(self):
        for name in ["st-mean-normalize", "st-dense-tanh", "st-cls-mean-max", "st-max"]:
            case = Case(name)
            expected = np.array(case.tensor("text.sentence_embedding"), dtype=np.float32)
            found = berth.Model(case.directory).encode(case.texts)
            self.assertEqual((found.dtype, found.shape), (np.float32, expected.shape))
            self.assertLessEqual(np.abs(found - expected).max() / max(1, np.abs(expected).max()), TOLERANCE, name)

    def test_same_bits_as_the_command_line(self):
        found = self.model.encode(TEXTS)
        np.testing.assert_array_equal(found, cli_embeddings(WEIGHTS / "intent", TEXTS))
        for i, text in enumerate(TEXTS):
            np.testing.assert_array_equal(self.model.encode(text), found[i])
        np.testing.assert_array_equal(self.model.encode(iter(TEXTS)), found)
        np.testing.assert_array_equal(self.model.encode(np.array(TEXTS)), found)

    def test_shapes(self):
        size = self.model.embedding_size
        self.assertEqual(self.model.encode("one").shape, (size,))
        self.assertEqual(self.model.encode(["one"]).shape, (1, size))
        self.assertEqual(self.model.encode([]).shape, (0, size))
        self.assertEqual(self.model.get_sentence_embedding_dimension(), size)
        rows = self.model.encode(["one", "two"], convert_to_numpy=False)
        self.assertIsInstance(rows, list)
        self.assertEqual(rows[1].shape, (size,))

    def test_many_rows(self):
        texts = [f"{i} {TEXTS[i % 3]}" for i in range(2500)]  # more than run between two looks at signals
        found = self.model.encode(texts)
        for i in [0, 1023, 1024, 2047, 2048, 2499]:
            np.testing.assert_array_equal(found[i], self.model.encode(texts[i]))

    def test_the_callers_buffer(self):
        out = np.full((len(TEXTS), self.model.embedding_size), np.nan, dtype=np.float32)
        self.assertIs(self.model.encode(TEXTS, out=out), out)
        np.testing.assert_array_equal(out, self.model.encode(TEXTS))
        one = np.empty(self.model.embedding_size, dtype=np.float32)
        self.assertIs(self.model.encode(TEXTS[0], out=one), one)
        np.testing.assert_array_equal(one, out[0])
        for bad in [np.empty((2, 3), np.float32), out.astype(np.float64), np.asfortranarray(out), "text"]:
            with self.assertRaisesRegex(berth.ArgumentError, "out: expected"):
                self.model.encode(TEXTS, out=bad)

    def test_options_of_sentence_transformers(self):
        plain = self.model.encode(TEXTS)
        unit = self.model.encode(TEXTS, normalize_embeddings=True)
        np.testing.assert_allclose(np.linalg.norm(unit, axis=1), 1, atol=1e-5)
        np.testing.assert_array_equal(self.model.encode(TEXTS, truncate_dim=16), plain[:, :16])
        short = self.model.encode(TEXTS, truncate_dim=16, normalize_embeddings=True)
        np.testing.assert_allclose(short, plain[:, :16] / np.linalg.norm(plain[:, :16], axis=1, keepdims=True), atol=1e-6)
        np.testing.assert_array_equal(berth.Model(WEIGHTS / "intent", truncate_dim=16).encode(TEXTS), plain[:, :16])
        np.testing.assert_array_equal(self.model.encode(TEXTS, batch_size=1, convert_to_numpy=True, device="cpu"), plain)
        self.assertIs(berth.SentenceTransformer, berth.Model)

    def test_progress_bar(self):
        code = f"import berth; m = berth.Model({str(WEIGHTS / 'intent')!r}); m.encode(['a'] * 5, batch_size=2, show_progress_bar=True)"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
        self.assertEqual((done.stdout, done.stderr), (b"", b"\rBatches: 1/3\rBatches: 2/3\rBatches: 3/3\n"))

    def test_prompts(self):
        prompts = {"query": "find: ", "passage": ""}
        model = berth.Model(WEIGHTS / "intent", prompts=prompts)
        prompted = self.model.encode("find: my card")
        np.testing.assert_array_equal(model.encode("my card", prompt_name="query"), prompted)
        np.testing.assert_array_equal(model.encode("my card", prompt="find: "), prompted)
        np.testing.assert_array_equal(model.encode_query("my card"), prompted)
        np.testing.assert_array_equal(model.encode_document("my card"), self.model.encode("my card"))
        default = berth.Model(WEIGHTS / "intent", prompts=prompts, default_prompt_name="query")
        np.testing.assert_array_equal(default.encode("my card"), prompted)
        np.testing.assert_array_equal(default.encode("my card", prompt=""), self.model.encode("my card"))
        with self.assertRaisesRegex(ValueError, "no 'other' among the model's prompts \\('query', 'passage'\\)"):
            model.encode("my card", prompt_name="other")
        with self.assertRaisesRegex(berth.Error, "'query' among the model's prompts \\(none\\)"):
            berth.Model(WEIGHTS / "intent", default_prompt_name="query")

    def test_the_directorys_prompts(self):
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run(["cp", "-rL", f"{WEIGHTS}/intent/.", folder], check=True)
            (pathlib.Path(folder) / "config_sentence_transformers.json").write_text(
                json.dumps({"prompts": {"query": "find: ", "plain": ""}, "default_prompt_name": "query", "similarity_fn_name": "dot"}))
            model = berth.Model(folder)
            self.assertEqual((model.prompts, model.default_prompt_name, model.similarity_fn_name), ({"query": "find: ", "plain": ""}, "query", "dot"))
            np.testing.assert_array_equal(model.encode("my card"), self.model.encode("find: my card"))
            np.testing.assert_array_equal(model.encode("my card", prompt_name="plain"), self.model.encode("my card"))
            a, b = model.encode(TEXTS[:2]), model.encode(TEXTS[2:])
            np.testing.assert_array_equal(model.similarity(a, b), a @ b.T)

    def test_quantised(self):
        values = self.model.encode(TEXTS)
        bits = np.packbits(values > 0, axis=1)
        np.testing.assert_array_equal(self.model.encode(TEXTS, precision="ubinary"), bits)
        signed = self.model.encode(TEXTS, precision="binary")
        self.assertEqual(signed.dtype, np.int8)
        np.testing.assert_array_equal(signed.astype(int), bits.astype(int) - 128)
        low, high = values.min(axis=0), values.max(axis=0)
        expected = np.clip(np.floor((values - low) / ((high - low) / np.float32(255))), 0, 255).astype(int)
        found = self.model.encode(TEXTS, precision="uint8")
        self.assertEqual(found.dtype, np.uint8)
        np.testing.assert_array_equal(found.astype(int), expected)
        np.testing.assert_array_equal(self.model.encode(TEXTS, precision="int8").astype(int), expected - 128)
        self.assertEqual(self.model.encode("one", precision="ubinary").shape, bits.shape[1:])

    def test_token_embeddings(self):
        rows = self.model.encode(TEXTS, output_value="token_embeddings")
        expected = lines("encode", "--tokens", "--model", WEIGHTS / "intent", stdin=jsonl(*({"text": text} for text in TEXTS)))
        for found, row in zip(rows, expected, strict=True):
            np.testing.assert_array_equal(found, np.array(row["token_embeddings"], dtype=np.float32))

    def test_what_became_of_rows(self):
        _, rows = self.model.encode(TEXTS, return_rows=True)
        expected = lines("encode", "--model", WEIGHTS / "intent", stdin=jsonl(*({"text": text} for text in TEXTS)))
        self.assertEqual(rows["tokens"].tolist(), [row["tokens"] for row in expected])
        self.assertEqual(rows["truncated"].tolist(), [int(row["truncated"]) for row in expected])
        self.assertTrue(rows["truncated"][-1])
        _, row = self.model.encode(TEXTS[0], max_length=5, return_rows=True)
        self.assertEqual((row["tokens"], row["truncated"]), (5, 1))
        model = berth.Model(WEIGHTS / "intent")
        model.max_seq_length = 4
        self.assertEqual((model.get_max_seq_length(), model.encode(TEXTS[0], return_rows=True)[1]["tokens"]), (4, 4))

    def test_precisions(self):
        exact = self.model.encode(TEXTS, normalize_embeddings=True)
        for precision in ["int8", "bf16", "auto"]:
            found = berth.Model(WEIGHTS / "intent", precision=precision).encode(TEXTS, normalize_embeddings=True)
            self.assertGreater((found * exact).sum(axis=1).min(), 0.99, precision)

    def test_similarity(self):
        embeddings = self.model.encode(TEXTS)
        matrix = self.model.similarity(TEXTS)
        expected = [row["similarities"] for row in lines("similarity", "--model", WEIGHTS / "intent", stdin=jsonl(*({"text": text} for text in TEXTS)))]
        np.testing.assert_allclose(matrix, expected, atol=1e-5)
        np.testing.assert_array_equal(matrix, self.model.similarity(embeddings, embeddings))
        self.assertEqual(self.model.similarity(embeddings[0], TEXTS[1:]).shape, (1, len(TEXTS) - 1))
        with self.assertRaisesRegex(ValueError, "similarity: embeddings have"):
            self.model.similarity(embeddings, embeddings[:, :3])


class Tasks(unittest.TestCase):
    def test_scores_of_the_reference(self):
        for name in ["bert-seqcls", "bert-nli", "roberta-seqcls", "distilbert-seqcls"]:
            case, model = Case(name), berth.Model(CASES / name)
            texts = [tuple(text) if isinstance(text, list) else text for text in case.texts]
            found = model.scores(texts)
            self.assertEqual(found.shape, (len(texts), len(model.labels)))
            np.testing.assert_allclose(found, case.tensor("text.scores"), atol=TOLERANCE)
            np.testing.assert_allclose(model.scores(texts, raw_scores=True), case.tensor("text.logits"), atol=TOLERANCE * case.scale("text.logits"))

    def test_classify(self):
        model = berth.Model(WEIGHTS / "emotion")
        texts = ["Thank you so much, this made my day!", "Why would anyone do that?", ""]
        for top_k in [1, 3, None]:
            expected = lines("classify", "--top-k", str(top_k or 0), "--model", WEIGHTS / "emotion", stdin=jsonl(*({"text": text} for text in texts)))
            found = model.classify(texts, top_k=top_k)
            self.assertEqual([[label["label"] for label in row] for row in found], [[label["label"] for label in row["labels"]] for row in expected])
            np.testing.assert_array_equal(np.float32([[each["score"] for each in row] for row in found]),
                                          np.float32([[each["score"] for each in row["labels"]] for row in expected]))
        self.assertEqual(model.classify(texts[0])[0]["label"], "gratitude")
        json.dumps(found)

    def test_pairs_and_rerank(self):
        case, model = Case("bert-crossencoder"), berth.Model(CASES / "bert-crossencoder")
        pairs = [tuple(pair) for pair in case.texts]
        logits = np.array(case.tensor("text.logits")).reshape(-1)
        found = model.predict(pairs, raw_scores=True)
        np.testing.assert_allclose(found, logits, atol=TOLERANCE * case.scale("text.logits"))
        self.assertEqual(model.predict(pairs[0], raw_scores=True), found[0])
        texts = [text for _, text in pairs]
        ranked = model.rerank(pairs[0][0], texts)
        self.assertEqual(sorted(row["corpus_id"] for row in ranked), list(range(len(texts))))
        self.assertEqual([row["score"] for row in ranked], sorted((row["score"] for row in ranked), reverse=True))
        self.assertTrue(all(row["text"] == texts[row["corpus_id"]] for row in ranked))
        self.assertEqual(model.rerank(pairs[0][0], texts, top_k=2, return_documents=False), [{k: row[k] for k in ["corpus_id", "score"]} for row in ranked[:2]])

    def test_tag(self):
        model, text = berth.Model(CASES / "bert-tokencls"), "Angela Merkel met Tim Cook in naïve 中国 😀."
        for strategy in ["none", "simple", "first", "average", "max"]:
            (expected,) = lines("tag", "--model", CASES / "bert-tokencls", "-a", strategy, text)
            found = model.tag([text, ""], strategy)
            self.assertEqual(found[1], [])
            self.assert_same(found[0], expected["entities"])
        (expected,) = lines("tag", "--model", CASES / "bert-tokencls", "--ignore-labels", "", text)
        self.assert_same(model.tag(text, ignore_labels=[]), expected["entities"])
        with self.assertRaisesRegex(ValueError, "aggregation"):
            model.tag(text, "other")

    def test_fill_mask(self):
        copy = WithTokenizer("bert-mlm", "bert")
        self.addCleanup(copy.close)
        model = berth.Model(copy.path)
        for text in ["the quick [MASK] fox", "the [MASK] brown [MASK]"]:
            (expected,) = lines("fill-mask", "--model", copy.path, text)
            found = model.fill_mask(text)
            if text.count("[MASK]") == 1:
                self.assert_same(found, expected["fills"])
                self.assert_same(model.fill_mask(text, top_k=2), expected["fills"][:2])
                self.assertEqual(model.fill_mask([text, text]), [found, found])
                wanted = [found[3]["token_str"], found[1]["token_str"]]
                self.assertEqual([fill["token_str"] for fill in model.fill_mask(text, targets=wanted)], [wanted[1], wanted[0]])
            else:
                self.assertEqual([len(mask) for mask in found], [5, 5])
                for mask, other in zip(found, expected["fills"], strict=True):
                    self.assert_same(mask, other)

    def test_answer(self):
        copy = WithTokenizer("bert-qa", "bert")
        self.addCleanup(copy.close)
        question, context = "what was lost", "the card was lost and the order was late"
        (expected,) = lines("answer", "--model", copy.path, stdin=jsonl({"question": question, "context": context}))
        found = berth.Model(copy.path).answer(question, context)
        self.assert_same(found, [expected])
        self.assertEqual(context[found[0]["start"]:found[0]["end"]], found[0]["answer"])
        self.assertEqual(len(berth.Model(copy.path).answer(question, context, top_k=3)), 3)

    def test_zero_shot(self):
        model, labels = berth.Model(CASES / "bert-nli"), ["delivery", "password", "music"]
        texts = ["my package was late", "naïve 😀"]
        for options, arguments in [({}, []), ({"multi_label": True, "hypothesis_template": "about {}"}, ["--multi-label", "--hypothesis-template", "about {}"])]:
            expected = lines("zero-shot", "--model", CASES / "bert-nli", "--labels", ",".join(labels), *arguments, stdin=jsonl(*({"text": text} for text in texts)))
            found = model.zero_shot(texts, labels, **options)
            self.assertEqual([row["labels"] for row in found], [row["labels"] for row in expected])
            np.testing.assert_array_equal(np.float32([row["scores"] for row in found]), np.float32([row["scores"] for row in expected]))
            self.assertEqual(model.zero_shot(texts[0], labels, **options), found[0])

    def test_tokenize(self):
        model = berth.Model(WEIGHTS / "intent")
        for text in TEXTS:
            found, (expected,) = model.tokenize(text), lines("tokenize", "--model", WEIGHTS / "intent", stdin=jsonl({"text": text}))
            for key in ["ids", "type_ids", "offsets"]:
                self.assertEqual(found[key].tolist(), expected[key], key)
            self.assertEqual(found["tokens"], expected["tokens"])
        self.assertEqual(len(model.tokenize("one two three", max_length=3)["ids"]), 3)
        self.assertTrue(model.tokenize("one two three", max_length=3)["truncated"])
        self.assertEqual(model.tokenize("one", "two")["type_ids"].max(), 1)

    def assert_same(self, found, expected):
        """Dicts of the same values, floats to the bits of a float."""
        self.assertEqual(len(found), len(expected))
        for mine, other in zip(found, expected):
            self.assertEqual(np.float32(mine["score"]), np.float32(other["score"]))
            self.assertEqual({k: v for k, v in mine.items() if k != "score"}, {k: other[k] for k in mine if k != "score"})


class Errors(unittest.TestCase):
    def test_classes(self):
        with self.assertRaisesRegex(berth.NotFoundError, "no/such/directory") as caught:
            berth.Model("no/such/directory")
        self.assertIsInstance(caught.exception, berth.Error)
        self.assertIsInstance(caught.exception, FileNotFoundError)
        with self.assertRaisesRegex(ValueError, "precision.*fp7"):
            berth.Model(WEIGHTS / "intent", precision="fp7")
        with tempfile.TemporaryDirectory() as folder:
            (pathlib.Path(folder) / "config.json").write_text("{")
            with self.assertRaisesRegex(berth.CorruptFileError, "config.json"):
                berth.Model(folder)
        model = berth.Model(WEIGHTS / "intent")
        with self.assertRaises(berth.UnsupportedError) as caught:
            model.classify(["one"])
        self.assertIsInstance(caught.exception, RuntimeError)
        with self.assertRaisesRegex(ValueError, "truncate_dim"):
            model.encode("one", truncate_dim=100000)

    def test_arguments(self):
        model = berth.Model(WEIGHTS / "intent")
        for bad, message in [(["a", 1], "input 1: expected str, got int"), ([None], "input 0"), (5, "got int"), (b"bytes", "got bytes"), ([("a", 1)], "input 0, second")]:
            with self.assertRaisesRegex(TypeError, message):
                model.encode(bad)
        with self.assertRaisesRegex(ValueError, "input 1: not valid Unicode text: character 2"):
            model.encode(["fine", "ab\ud800"])
        for options in [{"precision": "int4"}, {"output_value": "other"}, {"convert_to_tensor": True}, {"device": "cuda"}, {"truncate_dim": 0}, {"max_length": 0},
                        {"batch_size": 0, "show_progress_bar": True}]:
            with self.assertRaisesRegex(berth.ArgumentError, next(iter(options))):
                model.encode("one", **options)
        with self.assertRaisesRegex(ValueError, "device"):
            berth.Model(WEIGHTS / "intent", device="cuda")
        with self.assertRaisesRegex(ValueError, "threads: expected at least 0"):
            berth.Model(WEIGHTS / "intent", threads=-1)
        self.assertEqual(model.encode("a\0b").shape, (model.embedding_size,))


class Hosts(unittest.TestCase):
    """Threads and processes around a model."""

    def setUp(self):
        self.model = berth.Model(WEIGHTS / "intent", threads=2)
        self.expected = self.model.encode(TEXTS)

    def test_the_lock_of_python_is_released(self):
        texts = ["a " * 500] * 200
        took = []

        def encode():
            begin = time.monotonic()
            self.model.encode(texts, max_length=128)
            took.append(time.monotonic() - begin)

        thread = threading.Thread(target=encode)
        longest, before = 0, time.monotonic()
        thread.start()
        while thread.is_alive():
            time.sleep(0.0005)
            now = time.monotonic()
            longest, before = max(longest, now - before), now
        self.assertLess(longest, 0.6 * took[0], "this thread stood still while the other was in a call")

    def test_many_threads(self):
        results = [None] * 6

        def encode(i):
            results[i] = [self.model.encode(TEXTS) for _ in range(5)]

        threads = [threading.Thread(target=encode, args=(i,)) for i in range(len(results))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for result in sum(results, []):
            np.testing.assert_array_equal(result, self.expected)

    def test_forked_workers(self):
        with multiprocessing.get_context("fork").Pool(3, initializer=_use, initargs=(self.model,)) as pool:
            for result in pool.map(_encode, range(9)):
                np.testing.assert_array_equal(result, self.expected)
            np.testing.assert_array_equal(self.model.encode(TEXTS), self.expected)

    def test_a_forked_child_ends_in_order(self):
        code = """
import os, sys, threading
import berth
model = berth.Model(sys.argv[1], threads=2)
expected = model.encode("one").tobytes()
busy = threading.Thread(target=lambda: [model.encode("two") for _ in range(300)])
busy.start()
children = []
for _ in range(4):
    child = os.fork()
    if child == 0:
        sys.exit(0 if model.encode("one").tobytes() == expected else 3)
    children.append(child)
busy.join()
print([os.waitpid(child, 0)[1] for child in children])
"""
        done = subprocess.run([sys.executable, "-c", code, WEIGHTS / "intent"], capture_output=True, text=True, timeout=120)
        self.assertEqual((done.stdout, done.stderr, done.returncode), ("[0, 0, 0, 0]\n", "", 0))

    def test_pickled(self):
        model = pickle.loads(pickle.dumps(berth.Model(WEIGHTS / "intent", threads=1, prompts={"q": "find: "})))
        np.testing.assert_array_equal(model.encode(TEXTS), self.expected)
        self.assertEqual((model.prompts, model.info["threads"]), ({"q": "find: "}, 1))


def _use(model):
    global shared
    shared = model


def _encode(_):
    return shared.encode(TEXTS)


class Package(unittest.TestCase):
    def test_facts(self):
        self.assertEqual(berth.__version__, subprocess.run([sys.executable, "-c", "import berth; print(berth.__version__)"], capture_output=True,
                                                           text=True, check=True).stdout.strip())
        self.assertIn("isas", berth.system_info())
        self.assertIn("intent", repr(berth.Model(WEIGHTS / "intent")))

    def test_no_resource_warnings(self):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            berth.Model(WEIGHTS / "intent").encode("one")


if __name__ == "__main__":
    unittest.main()
