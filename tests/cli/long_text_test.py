#!/usr/bin/env python3
"""Long texts and prompts on the command line: what berth makes of them against what it says of the parts."""
import json
import math
import pathlib
import shutil
import tempfile
import unittest

from binary import berth, jsonl, lines, parse
from reference import CASES, error

LONG = " ".join(["the quick brown fox, naïve as it is, jumps over the lazy dog; my package was late 😀"] * 8)


def tokens_of(model, **record):
    (tokens,) = lines("tokenize", "--model", model, stdin=jsonl(record))
    return tokens


def limit_of(model):
    (info,) = lines("info", "--json", "--model", model)
    return info["model"]["max_length"]


def windows_of(model, tokens, body, limit=None, stride=64):
    """The windows of a text as rows of ids: what is outside `body` is in all of them."""
    limit = limit or limit_of(model)
    room = limit - (len(tokens["ids"]) - len(body))
    begin, result = body.start, []
    while True:
        end = min(begin + room, body.stop)
        result.append({key: tokens[key][:body.start] + tokens[key][begin:end] + tokens[key][body.stop:] for key in ["ids", "type_ids"]})
        if end == body.stop:
            return result
        begin += room - min(stride, room // 2)


def single(tokens):
    return range(1, len(tokens["ids"]) - 1)


def mean(rows, weights):
    return [sum(weight * row[i] for row, weight in zip(rows, weights)) / sum(weights) for i in range(len(rows[0]))]


def unit(row):
    length = math.sqrt(sum(value * value for value in row))
    return [value / length for value in row]


class Encode(unittest.TestCase):
    def windows(self, model, **named):
        tokens = tokens_of(model, text=LONG)
        return windows_of(model, tokens, single(tokens), **named)

    def test_mean_of_windows(self):
        for name in ["st-mean", "st-max", "st-mean-sqrt-len"]:
            model = CASES / name
            for options, named in [(["--long-text", "window"], {}), (["--stride", "9"], {"stride": 9}), (["--long-text", "window", "--stride", "3", "--max-length", "20"], {"stride": 3, "limit": 20})]:
                parts = self.windows(model, **named)
                (row,) = lines("encode", "--model", model, *options, LONG)
                self.assertEqual(list(row), ["text", "embedding", "tokens", "truncated", "windows"])
                self.assertEqual((row["truncated"], row["windows"], row["tokens"]), (False, len(parts), sum(len(part["ids"]) for part in parts)))
                self.assertGreater(len(parts), 3)
                embeddings = [part["embedding"] for part in lines("encode", "--model", model, stdin=jsonl(*parts))]
                self.assertLess(error(mean(embeddings, [len(part["ids"]) for part in parts]), row["embedding"], 1), 2e-6, (name, options))

    def test_modules_behind_the_pooling(self):
        """With mean pooling a text of windows is what pooling over the tokens of all windows gives, and the other modules come after."""
        model = CASES / "st-mean-normalize"
        parts = self.windows(model)
        (row,) = lines("encode", "--model", model, "--long-text", "window", "--tokens", LONG)
        values = [vector for part in lines("encode", "--model", model, "--tokens", stdin=jsonl(*parts)) for vector in part["token_embeddings"]]
        self.assertEqual(row["token_embeddings"], values)
        self.assertLess(error(unit(mean(values, [1] * len(values))), row["embedding"], 1), 2e-6)

    def test_independent_of_the_batch(self):
        for name in ["st-dense-tanh", "st-mpnet-normalize", "st-cls-normalize"]:
            if not (CASES / name / "tokenizer.json").exists():
                continue
            model = CASES / name
            texts = ["short", LONG, "", LONG[7:] + LONG, "my package"]
            together = lines("encode", "--model", model, "--long-text", "window", stdin=jsonl(*({"text": text} for text in texts)))
            for text, row in zip(texts, together, strict=True):
                for extra in [[], ["--batch-tokens", "1"], ["--threads", "1"]]:
                    self.assertEqual(lines("encode", "--model", model, "--long-text", "window", *extra, stdin=jsonl({"text": text})), [row])
                if row["windows"] == 1:
                    (plain,) = lines("encode", "--model", model, stdin=jsonl({"text": text}))
                    self.assertEqual({**plain, "windows": 1}, row)

    def test_error_and_truncate(self):
        model = CASES / "st-mean"
        (cut,) = lines("encode", "--model", model, LONG)
        self.assertEqual(lines("encode", "--model", model, "--long-text", "truncate", LONG), [cut])
        self.assertEqual((cut["truncated"], cut["tokens"], "windows" in cut), (True, limit_of(model), False))
        done = berth("encode", "--model", model, "--long-text", "error", "--batch-tokens", "99", stdin=jsonl({"text": "short"}, {"text": LONG}, {"text": "x"}))
        self.assertEqual((done.returncode, len(parse(done.stdout))), (1, 1))
        self.assertIn(f"line 2: {len(tokens_of(model, text=LONG)['ids'])} tokens, but {limit_of(model)} are the limit", done.stderr)

    def test_ids_run_as_they_are(self):
        model = CASES / "st-mean"
        ids = tokens_of(model, text="the card was lost")["ids"]
        (plain,) = lines("encode", "--model", model, stdin=jsonl({"ids": ids}))
        self.assertEqual(lines("encode", "--model", model, "--long-text", "window", stdin=jsonl({"ids": ids})), [{**plain, "windows": 1}])
        self.assertEqual(berth("encode", "--model", model, "--long-text", "window", stdin=jsonl({"ids": ids * 30})).returncode, 1)

    def test_similarity(self):
        model = CASES / "st-mean"
        one, other = (row["embedding"] for row in lines("encode", "--model", model, "--long-text", "window", LONG, "short"))
        expected = sum(a * b for a, b in zip(unit(one), unit(other)))
        rows = lines("similarity", "--model", model, "--long-text", "window", LONG, "short")
        self.assertAlmostEqual(rows[0]["similarities"][1], expected, delta=1e-6)
        self.assertGreater(rows[0]["windows"], 1)
        (pair,) = lines("similarity", "--model", model, "--long-text", "window", stdin=jsonl({"text": LONG, "text_pair": "short"}))
        self.assertAlmostEqual(pair["similarity"], expected, delta=1e-6)
        self.assertEqual(pair["windows"], rows[0]["windows"] + 1)

    def test_misuse(self):
        model = CASES / "st-mean"
        for arguments, fragment in [(["--long-text", "cut"], "--long-text"), (["--long-text", "truncate", "--stride", "4"], "--stride"), (["--stride", "0"], "--stride")]:
            done = berth("encode", "--model", model, *arguments, "x")
            self.assertEqual(done.returncode, 2, arguments)
            self.assertIn(fragment, done.stderr)


class Scores(unittest.TestCase):
    def scores(self, model, *options, **stdin):
        return [{label["label"]: label["score"] for label in row["labels"]} for row in lines("classify", "--model", model, "--top-k", "0", *options, **stdin)]

    def test_windows_that_nobody_asked_for(self):
        for arguments in [["classify", "--model", CASES / "distilbert-seqcls"], ["rerank", "--model", CASES / "bert-crossencoder", "--query", "q"]]:
            done = berth(*arguments, "--window-scores", "max", "x")
            self.assertEqual((done.returncode, done.stdout), (2, b""), arguments)
            self.assertIn("--window-scores: there are no windows", done.stderr)

    def check(self, model, record, parts, options=()):
        for extra, merge in [([], lambda values: sum(values) / len(values)), (["--window-scores", "mean"], lambda values: sum(values) / len(values)), (["--window-scores", "max"], max)]:
            for raw in [[], ["--raw-scores"]]:
                (row,) = lines("classify", "--model", model, "--top-k", "0", "--long-text", "window", *options, *extra, *raw, stdin=jsonl(record))
                self.assertEqual((row["truncated"], row["windows"], row["tokens"]), (False, len(parts), sum(len(part["ids"]) for part in parts)))
                each = self.scores(model, *raw, stdin=jsonl(*parts))
                got = {label["label"]: label["score"] for label in row["labels"]}
                for label in got:
                    self.assertAlmostEqual(got[label], merge([scores[label] for scores in each]), delta=2e-6)

    def test_classify(self):
        model = CASES / "distilbert-seqcls"
        tokens = tokens_of(model, text=LONG)
        self.check(model, {"text": LONG}, windows_of(model, tokens, single(tokens)))

    def test_the_longer_text_of_a_pair(self):
        model = CASES / "bert-nli"
        for text, pair in [(LONG, "a short one"), ("a short one", LONG)]:
            tokens = tokens_of(model, text=text, text_pair=pair)
            end = tokens["ids"].index(3)
            body = range(1, end) if text == LONG else range(end + 1, len(tokens["ids"]) - 1)
            self.check(model, {"text": text, "text_pair": pair}, windows_of(model, tokens, body, limit=40, stride=5), ["--max-length", "40", "--stride", "5"])
        done = berth("classify", "--model", model, "--long-text", "window", stdin=jsonl({"text": LONG, "text_pair": LONG}))
        self.assertEqual(done.returncode, 1)
        self.assertIn("line 1: the ", done.stderr)

    def test_rerank(self):
        model = CASES / "bert-crossencoder"
        tokens = tokens_of(model, text="a query", text_pair=LONG)
        parts = windows_of(model, tokens, range(tokens["ids"].index(3) + 1, len(tokens["ids"]) - 1))
        each = [result["score"] for part in lines("rerank", "--model", model, stdin=jsonl(*({"ids": [part["ids"]], "type_ids": [part["type_ids"]]} for part in parts))) for result in part["results"]]
        record = jsonl({"query": "a query", "texts": [LONG, "short"]})
        for options, expected in [([], max(each)), (["--window-scores", "mean"], sum(each) / len(each))]:
            (row,) = lines("rerank", "--model", model, "--long-text", "window", *options, stdin=record)
            (score,) = (result["score"] for result in row["results"] if result["index"] == 0)
            self.assertAlmostEqual(score, expected, delta=2e-6)
            self.assertEqual((row["truncated"], row["windows"]), (False, len(parts) + 1))

    def test_other_commands(self):
        for command, model, *options in [("tag", "bert-tokencls"), ("classify", "bert-seqcls"), ("zero-shot", "bert-nli", "--labels", "a,b")]:
            (row,) = lines(command, "--model", CASES / model, *options, LONG)
            self.assertTrue(row["truncated"])
            done = berth(command, "--model", CASES / model, *options, "--long-text", "error", LONG)
            self.assertEqual(done.returncode, 1)
            self.assertIn("are the limit", done.stderr)
        for command in ["zero-shot", "fill-mask"]:
            self.assertEqual(berth(command, "--model", CASES / "bert-nli", "--labels", "a", "--long-text", "window", "x").returncode, 2)
        self.assertEqual(berth("tag", "--model", CASES / "bert-tokencls", "--long-text", "window", "x").returncode, 2)
        (row,) = lines("tag", "--model", CASES / "bert-tokencls", "--long-text", "window", "-a", "simple", LONG)
        self.assertGreater(row["windows"], 3)


class Prompts(unittest.TestCase):
    def setUp(self):
        self.model = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))

    def prepare(self, case, include=True, **config):
        shutil.rmtree(self.model, ignore_errors=True)
        shutil.copytree(CASES / case, self.model)
        (self.model / "config_sentence_transformers.json").write_text(json.dumps({"prompts": {"query": "the query is: ", "passage": "passage: "}, **config}))
        pooling = json.loads((self.model / "1_Pooling/config.json").read_text())
        (self.model / "1_Pooling/config.json").write_text(json.dumps({**pooling, "include_prompt": include}))

    def encode(self, *arguments):
        return [row["embedding"] for row in lines("encode", "--model", self.model, *arguments)]

    def test_names(self):
        self.prepare("st-mean")
        plain = self.encode("reset my password", "the query is: reset my password", "passage: reset my password")
        for options, expected in [([], 0), (["--prompt-name", "query"], 1), (["--prompt-name", "passage"], 2), (["--prompt", "passage: "], 2), (["--prompt", ""], 0)]:
            self.assertEqual(self.encode(*options, "reset my password"), [plain[expected]], options)
        self.prepare("st-mean", default_prompt_name="query")
        for options, expected in [([], 1), (["--prompt-name", "query"], 1), (["--prompt-name", "passage"], 2), (["--prompt", "passage: "], 2), (["--prompt", ""], 0)]:
            self.assertEqual(self.encode(*options, "reset my password"), [plain[expected]], options)
        (row, _) = lines("similarity", "--model", self.model, "--prompt-name", "passage", "reset", "my password")
        one, other = self.encode("--prompt-name", "passage", "reset", "my password")
        self.assertAlmostEqual(row["similarities"][1], sum(a * b for a, b in zip(unit(one), unit(other))), delta=1e-6)

    def test_not_pooled(self):
        """As in sentence-transformers: the tokens of the prompt alone, without the one that ends a text, are left out of the pooling."""
        merge = {"st-mean": lambda rows, skip: mean(rows[skip:], [1] * (len(rows) - skip)),
                 "st-max": lambda rows, skip: [max(column) for column in zip(*rows[skip:])],
                 "st-mean-sqrt-len": lambda rows, skip: [sum(column) / math.sqrt(len(rows) - skip) for column in zip(*rows[skip:])],
                 "st-weightedmean": lambda rows, skip: unit(mean(rows[skip:], range(skip + 1, len(rows) + 1))),
                 "st-lasttoken": lambda rows, _: unit(rows[-1]),
                 "st-cls-normalize": lambda rows, _: unit(rows[0])}
        for case, pool in merge.items():
            self.prepare(case, include=False)
            skip = len(tokens_of(self.model, text="the query is:")["ids"]) - 1
            texts = ["reset my password", "", "naïve 😀 text, and a longer one than the others"]
            rows = lines("encode", "--model", self.model, "--tokens", "--prompt-name", "query", *texts)
            for text, row in zip(texts, rows, strict=True):
                vectors = row["token_embeddings"]
                self.assertEqual(len(vectors), len(tokens_of(self.model, text=("the query is: " + text).strip())["ids"]))
                self.assertLess(error(pool(vectors, skip), row["embedding"], 1), 2e-6, case)
                (alone,) = lines("encode", "--model", self.model, "--prompt-name", "query", text)
                self.assertEqual(alone["embedding"], row["embedding"])
                # Without a prompt, and for ids, everything is pooled.
                (plain,) = lines("encode", "--model", self.model, "--tokens", text)
                self.assertLess(error(pool(plain["token_embeddings"], 0), plain["embedding"], 1), 2e-6, case)
                (ids,) = lines("encode", "--model", self.model, "--prompt-name", "query", stdin=jsonl({"ids": tokens_of(self.model, text=text)["ids"]}))
                self.assertEqual(ids["embedding"], plain["embedding"])

    def test_in_every_window(self):
        for include in [True, False]:
            self.prepare("st-mean", include=include)
            prompt = tokens_of(self.model, text="passage:")["ids"][:-1]
            tokens = tokens_of(self.model, text="passage: " + LONG)
            self.assertEqual(tokens["ids"][:len(prompt)], prompt)
            parts = windows_of(self.model, tokens, range(len(prompt), len(tokens["ids"]) - 1))
            (row,) = lines("encode", "--model", self.model, "--long-text", "window", "--prompt-name", "passage", LONG)
            self.assertEqual((row["windows"], row["tokens"]), (len(parts), sum(len(part["ids"]) for part in parts)))
            vectors = [part["token_embeddings"][0 if include else len(prompt):] for part in lines("encode", "--model", self.model, "--tokens", stdin=jsonl(*parts))]
            values = [vector for part in vectors for vector in part]
            self.assertLess(error(mean(values, [1] * len(values)), row["embedding"], 1), 2e-6)

    def test_misuse(self):
        self.prepare("st-mean", include=False)
        for arguments, status, fragments in [(["--prompt-name", "document", "x"], 2, ["\"document\"", "\"passage\", \"query\""]),
                                             (["--prompt-name", "query", "--prompt", "a", "x"], 2, ["--prompt"]),
                                             (["--prompt-name", "query", "--max-length", "4", "x"], 1, ["argument 1", "prompt"])]:
            done = berth("encode", "--model", self.model, *arguments)
            self.assertEqual(done.returncode, status, arguments)
            for fragment in fragments:
                self.assertIn(fragment, done.stderr)
        done = berth("encode", "--model", CASES / "bert", "--prompt-name", "query", "x")
        self.assertEqual(done.returncode, 2)
        self.assertIn("it has none", done.stderr)


if __name__ == "__main__":
    unittest.main()
