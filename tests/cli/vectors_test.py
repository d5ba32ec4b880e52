#!/usr/bin/env python3
"""The vectors that the command line makes beyond one embedding of floats, on the built binary and the models in weights/ and tests/reference/."""
import json
import math
import pathlib
import shutil
import struct
import tempfile
import unittest

from binary import WEIGHTS, berth, jsonl, lines
from reference import CASES, Case
from adapters import peft_adapter
from routers import WORDS, dense_router, sparse_router, word_tokenizer

TEXTS = ["play some music", "what's my balance?", "", "please set a new pin code for my card"]


def f32(value):
    return struct.unpack("<f", struct.pack("<f", value))[0]


class Truncate(unittest.TestCase):
    def test_first_values(self):
        whole = lines("encode", *TEXTS)
        for extra in [(), ("--tokens",)]:
            for full, cut in zip(whole, lines("encode", "--truncate-dim", "7", *extra, *TEXTS)):
                self.assertEqual(cut["embedding"], full["embedding"][:7])
        self.assertEqual([row["embedding"] for row in lines("encode", "--truncate-dim", "192", *TEXTS)], [row["embedding"] for row in whole])

    def test_normalize_comes_after_the_cut(self):
        for row, cut in zip(lines("encode", "--truncate-dim", "7", "--normalize", *TEXTS), lines("encode", "--truncate-dim", "7", *TEXTS)):
            length = math.sqrt(sum(value * value for value in cut["embedding"]))
            for value, plain in zip(row["embedding"], cut["embedding"]):
                self.assertAlmostEqual(value, plain / length, delta=1e-6)

    def test_normalize_alone(self):
        plain, normal = (lines("encode", "--model", WEIGHTS / "sentiment", *extra, "a fine film")[0]["embedding"] for extra in [(), ("--normalize",)])
        length = math.sqrt(sum(value * value for value in plain))
        self.assertGreater(abs(length - 1), 0.1)
        for value, expected in zip(normal, plain):
            self.assertAlmostEqual(value, expected / length, delta=1e-6)

    def test_similarity(self):
        cut = [row["embedding"] for row in lines("encode", "--truncate-dim", "16", "--normalize", *TEXTS)]
        for row, a in zip(lines("similarity", "--truncate-dim", "16", *TEXTS), cut):
            for value, b in zip(row["similarities"], cut):
                self.assertAlmostEqual(value, sum(x * y for x, y in zip(a, b)), delta=1e-5)

    def test_the_directory_says_it(self):
        with tempfile.TemporaryDirectory() as folder:
            model = pathlib.Path(folder) / "model"
            shutil.copytree(WEIGHTS / "intent", model)
            config = model / "config_sentence_transformers.json"
            document = json.loads(config.read_text()) if config.exists() else {}
            config.write_text(json.dumps({**document, "truncate_dim": 5}))
            expected = lines("encode", "--truncate-dim", "5", *TEXTS)
            self.assertEqual(lines("encode", "--model", model, *TEXTS), expected)
            self.assertEqual(len(lines("encode", "--model", model, "--truncate-dim", "9", "x")[0]["embedding"]), 9)
            config.write_text(json.dumps({**document, "truncate_dim": 193}))
            done = berth("encode", "--model", model, "x")
            self.assertEqual(done.returncode, 1)
            for part in ["config_sentence_transformers.json", "truncate_dim", "1 to 192", "193"]:
                self.assertIn(part, done.stderr)

    def test_too_many(self):
        for command in ["encode", "similarity", "calibrate-ranges"]:
            done = berth(command, "--truncate-dim", "193", "x")
            self.assertEqual((done.returncode, done.stdout), (2, b""))
            self.assertIn("1 to 192", done.stderr)
        self.assertEqual(berth("encode", "--truncate-dim", "0", "x").returncode, 2)


class Quantize(unittest.TestCase):
    def setUp(self):
        self.ranges = str(pathlib.Path(self.enterContext(tempfile.TemporaryDirectory())) / "ranges.json")

    def calibrate(self, *arguments, texts=TEXTS):
        done = berth("calibrate-ranges", *arguments, "--output", self.ranges, *texts)
        self.assertEqual((done.returncode, done.stdout), (0, b""))
        self.assertIn("4 texts only", done.stderr)
        return json.loads(pathlib.Path(self.ranges).read_text())

    def test_bits(self):
        for extra, size in [((), 24), (("--truncate-dim", "13"), 2)]:
            floats = [row["embedding"] for row in lines("encode", *extra, *TEXTS)]
            for name, offset in [("ubinary", 0), ("binary", 128)]:
                for row, values in zip(lines("encode", "--output-type", name, *extra, *TEXTS), floats):
                    self.assertEqual(list(row), ["text", "embedding", "tokens", "truncated"])
                    bits = "".join("1" if value > 0 else "0" for value in values).ljust(8 * size, "0")
                    self.assertEqual(row["embedding"], [int(bits[i:i + 8], 2) - offset for i in range(0, 8 * size, 8)])

    def test_bytes(self):
        document = self.calibrate("--truncate-dim", "20")
        floats = [row["embedding"] for row in lines("encode", "--truncate-dim", "20", *TEXTS)]
        self.assertEqual((document["dimensions"], document["texts"]), (20, 4))
        self.assertEqual(document["ranges"], [[min(column) for column in zip(*floats)], [max(column) for column in zip(*floats)]])
        other = lines("encode", "--truncate-dim", "20", "something else altogether")[0]["embedding"]
        for name, offset in [("uint8", 0), ("int8", 128)]:
            rows = lines("encode", "--truncate-dim", "20", "--output-type", name, "--ranges", self.ranges, *TEXTS, "something else altogether")
            for row, values in zip(rows, floats + [other]):
                for value, got, least, most in zip(values, row["embedding"], *document["ranges"]):
                    step = f32(f32(f32(most) - f32(least)) / 255)
                    bucket = math.floor(f32(f32(f32(value) - f32(least)) / step))
                    self.assertEqual(got, max(0, min(255, bucket)) - offset)
        # A bare array as numpy.tolist() gives it, and the file on standard output.
        pathlib.Path(self.ranges).write_text(json.dumps(document["ranges"]))
        self.assertEqual(lines("encode", "--truncate-dim", "20", "--output-type", "int8", "--ranges", self.ranges, *TEXTS, "something else altogether"), rows)
        self.assertEqual(json.loads(berth("calibrate-ranges", "--truncate-dim", "20", *TEXTS).stdout), document)

    def test_ranges_do_not_depend_on_batches(self):
        texts = "".join(f"text number {i}\n" for i in range(300))
        outputs = {berth("calibrate-ranges", *extra, stdin=texts).stdout for extra in [(), ("--batch-tokens", "10"), ("--threads", "3")]}
        self.assertEqual(len(outputs), 1)
        self.assertEqual(json.loads(outputs.pop())["texts"], 300)

    def test_usage(self):
        for arguments, parts in [(("--output-type", "int8"), ["--ranges", "calibrate-ranges"]), (("--output-type", "int4"), ["ubinary"]),
                                 (("--output-type", "binary", "--ranges", "x.json"), ["int8"]), (("--ranges", "x.json"), ["int8"])]:
            done = berth("encode", *arguments, "x")
            self.assertEqual((done.returncode, done.stdout), (2, b""), arguments)
            for part in parts:
                self.assertIn(part, done.stderr)
        done = berth("calibrate-ranges", stdin="")
        self.assertEqual(done.returncode, 1)
        self.assertIn("no texts", done.stderr)

    def test_bad_files_of_ranges(self):
        zeros = [0.0] * 192
        for content, part in [("{}", "has no"), ("[]", "minima"), ("[1,2]", "192 numbers"), ('{"ranges":[[1],[2]]}', "192 numbers"), ("nonsense", "ranges.json"),
                              (json.dumps([zeros, zeros[:-1] + ["x"]]), "numbers"), (json.dumps([zeros, zeros[:-1] + [1e99]]), "numbers"),
                              (json.dumps([zeros, zeros[:-1] + [-1.0]]), "dimension 191")]:
            pathlib.Path(self.ranges).write_text(content)
            done = berth("encode", "--output-type", "int8", "--ranges", self.ranges, "x")
            self.assertEqual((done.returncode, done.stdout), (1, b""), content[:40])
            self.assertIn("ranges.json", done.stderr)
            self.assertIn(part, done.stderr)
        self.assertEqual(berth("encode", "--output-type", "int8", "--ranges", self.ranges + ".absent", "x").returncode, 1)


class Sparse(unittest.TestCase):
    model = CASES / "bert-mlm"

    def test_against_the_logits_of_the_reference(self):
        case = Case("bert-mlm")
        for prefix in ["", "long."]:
            rows = lines("encode", "--model", self.model, "--sparse", stdin=jsonl(*case.records(prefix)))
            for row, (ids, _), logits in zip(rows, case.rows(prefix), case.tensor(prefix + "logits"), strict=True):
                self.assertEqual(list(row), ["sparse", "tokens", "truncated"])
                expected = [math.log1p(max(0, max(column))) for column in zip(*logits[:len(ids)])]
                got = {entry["index"]: entry["value"] for entry in row["sparse"]}
                self.assertEqual(list(got), sorted(got))
                for index, value in enumerate(expected):
                    self.assertAlmostEqual(got.get(index, 0.0), value, delta=1e-4)

    def test_keys_and_tokens(self):
        model = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory())) / "model"
        shutil.copytree(self.model, model)
        vocabulary = {"the": 7, "cat": 8, **{f"w{i}": i for i in range(210) if i not in (7, 8)}}
        (model / "tokenizer.json").write_text(json.dumps(word_tokenizer(vocabulary, "w1")))
        (row,) = lines("encode", "--model", model, "--sparse", "the cat")
        self.assertEqual(list(row), ["text", "sparse", "tokens", "truncated"])
        for entry in row["sparse"]:
            self.assertEqual(list(entry), ["index", "token", "value"])
            self.assertEqual(vocabulary[entry["token"]], entry["index"])
        (few,) = lines("encode", "--model", model, "--sparse", "--max-active-dims", "3", "the cat")
        largest = sorted(row["sparse"], key=lambda entry: -entry["value"])[:3]
        self.assertEqual(few["sparse"], sorted(largest, key=lambda entry: entry["index"]))
        (both,) = lines("encode", "--model", model, "--sparse", "--dense", "the cat")
        self.assertEqual(list(both), ["text", "embedding", "sparse", "tokens", "truncated"])
        self.assertEqual(both["sparse"], row["sparse"])
        self.assertEqual(both["embedding"], lines("encode", "--model", model, "the cat")[0]["embedding"])
        self.assertIn(str(len(row["sparse"])) + " values}", berth("encode", "--model", model, "--sparse", "--table", "the cat").stdout.decode())

    def test_a_model_without_the_head(self):
        done = berth("encode", "--sparse", "x")
        self.assertEqual((done.returncode, done.stdout), (1, b""))
        self.assertIn("masked-language-model", done.stderr)
        done = berth("encode", "--sparse", "--tokens", "x")
        self.assertEqual(done.returncode, 2)


class Router(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))

    def test_sparse_queries(self):
        model = sparse_router(self.folder / "model", CASES / "bert-mlm")
        rows = lines("encode", "--model", model, "--role", "query", "play some music, play", "")
        self.assertEqual([[(each["index"], each["value"]) for each in row["sparse"]] for row in rows], [[(0, 0.25), (1, 1.5), (2, 2.0)], []])
        self.assertEqual([row["tokens"] for row in rows], [5, 0])
        (few,) = lines("encode", "--model", model, "--role", "query", "--max-active-dims", "1", "play some music")
        self.assertEqual([(each["index"], each["value"]) for each in few["sparse"]], [(2, 2.0)])
        ids = json.dumps({"ids": [5, 6, 7]}) + "\n"
        plain = lines("encode", "--model", CASES / "bert-mlm", "--sparse", stdin=ids)
        self.assertEqual(lines("encode", "--model", model, stdin=ids), plain)
        self.assertEqual(lines("encode", "--model", model, "--role", "document", stdin=ids), plain)
        self.assertEqual(lines("info", "--json", "--model", model)[0]["model"]["queries"]["model_type"], "SparseStaticEmbedding")

    def test_dense_queries(self):
        model = dense_router(self.folder / "model")
        self.assertEqual(lines("encode", "--model", model, *TEXTS), lines("encode", *TEXTS))
        (row,) = lines("encode", "--model", model, "--role", "query", "music card")
        first, second = WORDS.index("music"), WORDS.index("card")
        self.assertEqual(row["embedding"], [(first + second) / 2 + i for i in range(192)])
        done = berth("encode", "--model", model, "--role", "query", "--tokens", "music")
        self.assertEqual((done.returncode, done.stdout), (1, b""))
        self.assertIn("queries", done.stderr)

    def test_one_model_for_both(self):
        done = berth("encode", "--role", "query", "x")
        self.assertEqual((done.returncode, done.stdout), (2, b""))
        self.assertIn("--role", done.stderr)


class LateInteraction(unittest.TestCase):
    def setUp(self):
        self.model = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory())) / "model"
        shutil.copytree(CASES / "bert", self.model)
        (self.model / "modules.json").write_text(json.dumps([{"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"}]))
        (self.model / "config_sentence_transformers.json").write_text(json.dumps({
            "similarity_fn_name": "MaxSim", "query_prefix": "#", "document_prefix": "$", "query_length": 12, "document_length": 20, "skiplist_words": ["!"]}))

    def vectors(self, role, *texts):
        return [row["multi_vector"] for row in lines("encode", "--model", self.model, "--multi-vector", "--role", role, *texts)]

    def test_vectors(self):
        (row,) = lines("encode", "--model", self.model, "the cat!")  # what the directory is made for
        self.assertEqual(list(row), ["text", "multi_vector", "tokens", "truncated"])
        self.assertEqual(len(row["multi_vector"]), row["tokens"] - 1)
        for vector in row["multi_vector"]:
            self.assertAlmostEqual(sum(value * value for value in vector), 1, delta=1e-5)
        self.assertEqual(self.vectors("document", "the cat!"), [row["multi_vector"]])
        (query,) = lines("encode", "--model", self.model, "--multi-vector", "--role", "query", "the cat!")
        self.assertEqual((query["tokens"], len(query["multi_vector"])), (12, 12))
        self.assertIn("[12 x 48]", berth("encode", "--model", self.model, "--role", "query", "--table", "cat").stdout.decode())

    def test_rerank(self):
        texts = ["the cat sat on the mat!", "", "what is the weather in the city today?"]
        (query,) = self.vectors("query", "weather today")
        scores = [sum(max(sum(a * b for a, b in zip(q, d)) for d in text) for q in query) for text in self.vectors("document", *texts)]
        for extra in [(), ("--maxsim",)]:
            (row,) = lines("rerank", "--model", self.model, *extra, "--query", "weather today", "--return-texts", stdin=jsonl({"texts": texts}))
            self.assertEqual(list(row), ["query", "results", "tokens", "truncated"])
            self.assertEqual([entry["index"] for entry in row["results"]], sorted(range(3), key=lambda i: -scores[i]))
            for entry in row["results"]:
                self.assertAlmostEqual(entry["score"], scores[entry["index"]], delta=1e-4)
                self.assertEqual(entry["text"], texts[entry["index"]])
        pairs = [{"query": "cat", "texts": texts}, {"query": "dog", "texts": texts[::-1]}]
        together = lines("rerank", "--model", self.model, stdin=jsonl(*pairs))
        self.assertEqual(together, [line for pair in pairs for line in lines("rerank", "--model", self.model, stdin=jsonl(pair))])

    def test_what_is_refused(self):
        done = berth("rerank", "--model", self.model, stdin=jsonl({"query": "a", "texts": ["b"]}, {"ids": [[2, 3]]}))
        self.assertEqual(done.returncode, 1)
        self.assertEqual(len(done.stdout.splitlines()), 1)
        self.assertIn("line 2", done.stderr)
        for arguments, status in [(("encode", "--role", "other", "x"), 2), (("encode", "--output-type", "binary", "x"), 2), (("encode", "--max-active-dims", "2", "x"), 2),
                                  (("encode", "--dense", "--role", "query", "x"), 2), (("similarity", "x"), 1)]:
            done = berth(arguments[0], "--model", self.model, *arguments[1:])
            self.assertEqual((done.returncode, done.stdout), (status, b""), arguments)
        done = berth("rerank", "--model", WEIGHTS / "intent", "--maxsim", "--query", "a", "b")
        self.assertEqual(done.returncode, 1)
        self.assertIn("late-interaction", done.stderr)


class Adapter(unittest.TestCase):
    def test_one_beside_the_model(self):
        with tempfile.TemporaryDirectory() as folder:
            adapter = peft_adapter(pathlib.Path(folder) / "adapter")
            nothing = peft_adapter(pathlib.Path(folder) / "nothing", strength=0.0)
            plain, with_nothing, adapted = (lines("encode", *option, *TEXTS) for option in [(), ("--adapter", nothing), ("--adapter", adapter)])
            self.assertEqual(plain, with_nothing)
            for before, after in zip(plain, adapted):
                self.assertLess(sum(a * b for a, b in zip(before["embedding"], after["embedding"])), 0.999)
            (info,) = lines("info", "--model", WEIGHTS / "intent", "--adapter", adapter)
            self.assertEqual(info["model"]["adapter"], str(adapter))
            done = berth("encode", "--model", WEIGHTS / "intent", "--adapter", folder, "text")
            self.assertEqual((done.returncode, done.stdout), (2, b""))
            self.assertIn("adapter_config.json", done.stderr)
            self.assertEqual(berth("encode", "--adapter", "", "text").returncode, 2)
            done = berth("classify", "--profile", "none.toml", "--adapter", adapter, "text")
            self.assertEqual((done.returncode, done.stdout), (2, b""))
            self.assertIn("--adapter", done.stderr)


class Static(unittest.TestCase):
    def test_a_model2vec_directory(self):
        with tempfile.TemporaryDirectory() as folder:
            model = pathlib.Path(folder)
            vocabulary = {"[UNK]": 0, "cat": 1, "sat": 2}
            (model / "tokenizer.json").write_text(json.dumps(word_tokenizer(vocabulary, "[UNK]")))
            (model / "config.json").write_text(json.dumps({"model_type": "model2vec", "normalize": False}))
            # As model2vec saves it, with a path that means the directory itself and a folder that is not there.
            (model / "modules.json").write_text(json.dumps([{"idx": 0, "name": "0", "path": ".", "type": "sentence_transformers.models.StaticEmbedding"},
                                                            {"idx": 1, "name": "1", "path": "1_Normalize", "type": "sentence_transformers.models.Normalize"}]))
            values = struct.pack("<6f", 9, 9, 1, 2, 3, 6)
            header = json.dumps({"embeddings": {"dtype": "F32", "shape": [3, 2], "data_offsets": [0, 24]}}).encode()
            header += b" " * (-len(header) % 8)
            (model / "model.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + values)
            rows = lines("encode", "--model", model, "Cat sat, cat", "", "dog")
            self.assertEqual([row["tokens"] for row in rows], [3, 0, 0])
            for value, expected in zip(rows[0]["embedding"], [5 / 3, 10 / 3]):
                self.assertAlmostEqual(value, expected, delta=1e-6)
            self.assertEqual(rows[1]["embedding"], [0, 0])
            self.assertEqual([round(x, 6) for x in lines("similarity", "--model", model, "cat", "sat", "")[0]["similarities"]], [1, 1, 0])
            (info,) = lines("info", "--model", model)
            self.assertEqual((info["model"]["model_type"], info["model"]["embedding_size"]), ("model2vec", 2))


if __name__ == "__main__":
    unittest.main()
