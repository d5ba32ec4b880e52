#!/usr/bin/env python3
"""The command line's contract with scripts (README.md), on the built binary and the models in weights/."""
import array
import json
import math
import pathlib
import shutil
import struct
import tempfile
import unittest

from binary import WEIGHTS, berth, jsonl, lines, parse

TEXTS = ["A warm, funny film.", "", "  spaces  kept  ", "NUL \0 byte", "quotes \" and \\ and \t tab", "Ünïcödé 日本語 😀 e\u0301", "line separator \u2028 kept",
         "a film I will never watch again", "ok", "word " * 300]


def float_bits(value):
    return struct.pack("<f", value)


class Classify(unittest.TestCase):
    def test_keys_and_their_order(self):
        (row,) = lines("classify", "A warm, funny film.")
        self.assertEqual(list(row), ["text", "labels", "tokens", "truncated"])
        self.assertEqual(list(row["labels"][0]), ["label", "score"])
        self.assertEqual((row["text"], row["labels"][0]["label"], row["truncated"]), ("A warm, funny film.", "POSITIVE", False))
        self.assertEqual(row["tokens"], len(lines("tokenize", "A warm, funny film.")[0]["ids"]))

    def test_top_k(self):
        for arguments, count in [((), 1), (("--top-k", "1"), 1), (("--top-k", "3"), 3), (("-k", "0"), 28), (("--top-k=100",), 28)]:
            (row,) = lines("classify", "--model", WEIGHTS / "emotion", *arguments, "thank you so much")
            scores = [label["score"] for label in row["labels"]]
            self.assertEqual(len(scores), count)
            self.assertEqual(scores, sorted(scores, reverse=True))
            self.assertEqual(row["labels"][0]["label"], "gratitude")

    def test_raw_scores_and_function_to_apply(self):
        for model, many in [("sentiment", False), ("emotion", True)]:
            def scores(*extra):
                (row,) = lines("classify", "--model", WEIGHTS / model, "--top-k", "0", *extra, "thank you, what a film")
                return {label["label"]: label["score"] for label in row["labels"]}
            raw, cooked = scores("--raw-scores"), scores()
            total = sum(math.exp(value) for value in raw.values())
            for label, value in raw.items():
                expected = 1 / (1 + math.exp(-value)) if many else math.exp(value) / total
                self.assertAlmostEqual(cooked[label], expected, delta=2e-6)

    def test_pairs_are_echoed(self):
        (row,) = lines("classify", stdin=jsonl({"text": "a", "text_pair": "b", "other": 1}))
        self.assertEqual(list(row), ["text", "text_pair", "labels", "tokens", "truncated"])
        self.assertEqual((row["text"], row["text_pair"], row["tokens"]), ("a", "b", 5))

    def test_a_model_without_head(self):
        done = berth("classify", "--model", WEIGHTS / "intent", "x")
        self.assertEqual(done.returncode, 1)
        self.assertIn("head", done.stderr)


class Encode(unittest.TestCase):
    def test_keys_and_size(self):
        (row,) = lines("encode", "play some music")
        self.assertEqual(list(row), ["text", "embedding", "tokens", "truncated"])
        self.assertEqual(len(row["embedding"]), 192)
        self.assertAlmostEqual(sum(value * value for value in row["embedding"]), 1.0, delta=1e-5)

    def test_floats_read_back_to_the_same_bits(self):
        output = berth("encode", *[text.replace("\0", "") for text in TEXTS]).stdout.decode()
        written = json.loads("[" + ",".join(output.split("\n")[:-1]) + "]", parse_float=str)
        for row in written:
            for text in row["embedding"]:
                value = array.array("f", [float(text)])[0]
                # Shortest: one digit less would be another float.
                self.assertEqual(float_bits(float(text)), float_bits(value))
                mantissa = text.lower().split("e")[0].replace("-", "").replace(".", "").lstrip("0")
                self.assertLessEqual(len(mantissa), 9)

    def test_tokens(self):
        (row,) = lines("encode", "--tokens", "play some music")
        self.assertEqual(list(row), ["text", "embedding", "token_embeddings", "tokens", "truncated"])
        self.assertEqual(len(row["token_embeddings"]), row["tokens"])
        self.assertTrue(all(len(token) == 192 for token in row["token_embeddings"]))
        # weights/intent: mean of the tokens, normalised.
        mean = [sum(column) / row["tokens"] for column in zip(*row["token_embeddings"])]
        norm = math.sqrt(sum(value * value for value in mean))
        for expected, value in zip(mean, row["embedding"]):
            self.assertAlmostEqual(value, expected / norm, delta=2e-6)

    def test_without_modules_json_tokens_are_averaged(self):
        (row,) = lines("encode", "--model", WEIGHTS / "sentiment", "--tokens", "a fine film")
        for value, column in zip(row["embedding"], zip(*row["token_embeddings"])):
            self.assertAlmostEqual(value, sum(column) / row["tokens"], delta=2e-5)

    def test_results_depend_on_nothing_but_the_text(self):
        alone = [berth("encode", stdin=text + "\n").stdout for text in TEXTS]
        for arguments in [(), ("--threads", "1"), ("--threads", "3"), ("--threads", "8"), ("--batch-tokens", "1"), ("--batch-tokens", "100000"), ("--no-mmap",)]:
            together = berth("encode", *arguments, stdin="\n".join(TEXTS))
            self.assertEqual((together.stdout, together.stderr), (b"".join(alone), ""), arguments)
        backwards = berth("encode", stdin="\n".join(TEXTS[::-1])).stdout
        self.assertEqual(backwards, b"".join(alone[::-1]))


class Similarity(unittest.TestCase):
    def test_matrix(self):
        texts = ["change my pin", "set a new pin code", "play jazz"]
        rows = lines("similarity", *texts)
        self.assertEqual([row["text"] for row in rows], texts)
        embeddings = [row["embedding"] for row in lines("encode", *texts)]
        for row, a in zip(rows, embeddings):
            self.assertEqual(list(row), ["text", "similarities", "tokens", "truncated"])
            for value, b in zip(row["similarities"], embeddings):
                self.assertAlmostEqual(value, sum(x * y for x, y in zip(a, b)), delta=2e-6)
        self.assertGreater(rows[0]["similarities"][1], rows[0]["similarities"][2])

    def test_pairs(self):
        rows = lines("similarity", stdin=jsonl({"text": "change my pin", "text_pair": "set a new pin code"}, {"text": "a", "text_pair": "a"}))
        self.assertEqual(list(rows[0]), ["text", "text_pair", "similarity", "tokens", "truncated"])
        (first, _) = lines("similarity", "change my pin", "set a new pin code")
        self.assertAlmostEqual(rows[0]["similarity"], first["similarities"][1], delta=1e-6)
        self.assertAlmostEqual(rows[1]["similarity"], 1.0, delta=1e-6)
        done = berth("similarity", stdin=jsonl({"text": "a", "text_pair": "b"}, {"text": "c"}))
        self.assertEqual((done.returncode, len(parse(done.stdout))), (1, 1))
        self.assertIn("line 2", done.stderr)


class Tokenize(unittest.TestCase):
    def test_keys_and_code_points(self):
        (row,) = lines("tokenize", "😀 Héllo")
        self.assertEqual(list(row), ["text", "ids", "type_ids", "tokens", "offsets"])
        self.assertEqual(row["tokens"], ["[CLS]", "[UNK]", "hello", "[SEP]"])
        self.assertEqual(row["offsets"], [[0, 0], [0, 1], [2, 7], [0, 0]])
        self.assertEqual(row["type_ids"], [0, 0, 0, 0])
        (pair,) = lines("tokenize", stdin=jsonl({"text": "a", "text_pair": "b"}))
        self.assertEqual(list(pair), ["text", "text_pair", "ids", "type_ids", "tokens", "offsets"])
        self.assertEqual(pair["type_ids"], [0, 0, 0, 1, 1])

    def test_cuts_only_when_asked(self):
        text = "word " * 300
        self.assertEqual(len(lines("tokenize", text)[0]["ids"]), 302)
        self.assertEqual(len(lines("tokenize", "--max-length", "10", text)[0]["ids"]), 10)
        self.assertEqual(lines("tokenize", "--no-special-tokens", "word")[0]["tokens"], ["word"])

    def test_needs_only_the_tokenizer(self):
        with tempfile.TemporaryDirectory() as folder:
            shutil.copy(WEIGHTS / "intent/tokenizer.json", folder)
            self.assertEqual(lines("tokenize", "--model", folder, "play music"), lines("tokenize", "play music"))
            self.assertEqual(berth("encode", "--model", folder, "x").returncode, 1)

    def test_ids_are_refused(self):
        done = berth("tokenize", stdin=jsonl({"text": "a"}, {"ids": [1]}))
        self.assertEqual((done.returncode, len(parse(done.stdout))), (1, 1))
        self.assertIn("line 2", done.stderr)


class Ids(unittest.TestCase):
    def test_ids_are_used_as_they_are(self):
        (tokens,) = lines("tokenize", "play some music")
        (text,) = lines("encode", "play some music")
        ids, typed, swapped = lines("encode", stdin=jsonl({"ids": tokens["ids"]}, {"ids": tokens["ids"], "type_ids": [0] * len(tokens["ids"])},
                                                          {"ids": tokens["ids"], "type_ids": [1] * len(tokens["ids"])}))
        self.assertEqual(list(ids), ["embedding", "tokens", "truncated"])
        self.assertEqual(ids["embedding"], text["embedding"])
        self.assertEqual(typed, ids)
        self.assertNotEqual(swapped["embedding"], ids["embedding"])

    def test_without_any_tokenizer_file(self):
        with tempfile.TemporaryDirectory() as folder:
            for name in ["config.json", "model.safetensors"]:
                shutil.copy(WEIGHTS / "sentiment" / name, folder)
            (row,) = lines("classify", "--model", folder, stdin=jsonl({"ids": [2, 100, 3]}))
            self.assertEqual(row["tokens"], 3)
            done = berth("classify", "--model", folder, "a text")
            self.assertEqual(done.returncode, 1)
            self.assertIn("tokenizer", done.stderr)

    def test_bad_ids_are_errors_after_the_good_lines(self):
        for bad, fragment in [({"ids": [2] * 129}, "128"), ({"ids": [2, 8192, 3]}, "8192"), ({"ids": [-1]}, "-1"), ({"ids": [2, 3], "type_ids": [0, 2]}, "2")]:
            done = berth("encode", stdin=jsonl({"ids": [2, 3]}, {"ids": [2, 7, 3]}, bad, {"ids": [2, 3]}))
            self.assertEqual(done.returncode, 1, bad)
            self.assertEqual([row["tokens"] for row in parse(done.stdout)], [2, 3])
            self.assertIn("line 3", done.stderr)
            self.assertNotIn("input 0", done.stderr)  # the library's number of it in a call
            self.assertIn(fragment, done.stderr)


class Input(unittest.TestCase):
    def test_one_line_in_one_line_out_in_order_exactly_echoed(self):
        for command in ["classify", "encode", "tokenize"]:
            self.assertEqual([row["text"] for row in lines(command, stdin="\n".join(TEXTS))], TEXTS)
            self.assertEqual([row["text"] for row in lines(command, stdin=jsonl(*({"text": text} for text in TEXTS)))], TEXTS)
            arguments = [text for text in TEXTS if "\0" not in text]
            self.assertEqual([row["text"] for row in lines(command, *arguments)], arguments)

    def test_many_lines_keep_their_order(self):
        texts = [f"number {i} " + "x " * (i * 7919 % 40) for i in range(3000)]
        self.assertEqual([row["text"] for row in lines("classify", stdin="\n".join(texts) + "\n")], texts)

    def test_from_a_file(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "texts")
            path.write_text("one\r\n\ntwo")
            self.assertEqual([row["text"] for row in lines("encode", "--input", path)], ["one", "", "two"])
            path.write_text('\n {"text":"one"}\n')
            self.assertEqual([row["text"] for row in lines("encode", "--input", path)], ["one"])
            self.assertEqual([row["text"] for row in lines("encode", "--input", path, "--input-format", "lines")], ["", ' {"text":"one"}'])
        self.assertEqual([row["text"] for row in lines("encode", "--input", "-", stdin="x\n")], ["x"])
        done = berth("encode", "--input", "no/such/file")
        self.assertEqual(done.returncode, 1)
        self.assertIn("no/such/file", done.stderr)

    def test_nothing_in_nothing_out(self):
        for command in ["classify", "encode", "similarity", "tokenize"]:
            self.assertEqual(lines(command, stdin=""), [])

    def test_empty_text_is_its_special_tokens(self):
        (row,) = lines("classify", "")
        self.assertEqual((row["text"], row["tokens"], row["truncated"]), ("", 2, False))
        self.assertEqual(len(lines("encode", stdin="\n\n")), 2)

    def test_a_bad_line_ends_the_run_after_the_lines_before_it(self):
        for bad in [b"b\xff", b"\xc0\x80", b"\xed\xa0\x80"]:
            done = berth("classify", stdin=b"a\n\n" + bad + b"\nafter\n")
            self.assertEqual((done.returncode, [row["text"] for row in parse(done.stdout)]), (1, ["a", ""]))
            self.assertIn("line 3", done.stderr)
        for bad in ['{"text":', '{"text":"a"', "text", '{"text":3}', '{"tex":"a"}', '["a"]']:
            done = berth("encode", stdin='{"text":"a"}\n' + bad + '\n{"text":"b"}\n')
            self.assertEqual((done.returncode, len(parse(done.stdout))), (1, 1), bad)
            self.assertIn("line 2", done.stderr)
        self.assertEqual(berth("classify", b"\xff").returncode, 1)

    def test_long_texts_are_cut_and_say_so(self):
        (row,) = lines("classify", "word " * 300)
        self.assertEqual((row["tokens"], row["truncated"]), (128, True))
        (row,) = lines("classify", "--max-length", "7", "word " * 300)
        self.assertEqual((row["tokens"], row["truncated"]), (7, True))
        (row,) = lines("classify", "--max-length", "5000", "word " * 300)
        self.assertEqual((row["tokens"], row["truncated"]), (128, True))
        (row,) = lines("classify", "--max-length", "9999999999", "--batch-tokens", "9223372036854775807", "--top-k", "9999999999", "word " * 300)
        self.assertEqual((row["tokens"], row["truncated"], len(row["labels"])), (128, True, 2))
        (row,) = lines("classify", "--max-length", "128", "word " * 126)
        self.assertEqual((row["tokens"], row["truncated"]), (128, False))


if __name__ == "__main__":
    unittest.main()
