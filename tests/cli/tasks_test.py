#!/usr/bin/env python3
"""Tasks on the command line: against the reference cases, and against the rules of Hugging Face's pipelines restated here."""
import json
import math
import shutil
import statistics
import tempfile
import unittest

from binary import REPOSITORY, berth, jsonl, lines, parse
from reference import CASES, TOLERANCE, Case, error

NAMES = ["Angela Merkel met Tim Cook in New York City.", "the card was lost", "Unbelievably naïve 中国 😀 order, order!", "", "cat"]


def softmax(logits):
    top = max(logits)
    values = [math.exp(value - top) for value in logits]
    return [value / sum(values) for value in values]


class Tag(unittest.TestCase):
    model = CASES / "bert-tokencls"
    labels = [label for _, label in sorted(json.loads((CASES / "bert-tokencls/config.json").read_text())["id2label"].items(), key=lambda item: int(item[0]))]

    def test_logits_of_texts_and_ids(self):
        for name in ["bert-tokencls", "deberta-v2-tokencls", "distilbert-tokencls", "roberta-tokencls", "electra-tokencls", "modernbert-tokencls"]:
            case = Case(name)
            sets = ["", "long."] + (["text."] if "texts" in case.description and (case.directory / "tokenizer.json").exists() else [])
            for prefix in sets:
                records = [{"text": text} for text in case.texts] if prefix == "text." else case.records(prefix)
                found = lines("tag", "--model", case.directory, "--raw-scores", stdin=jsonl(*records))
                expected = case.tensor(prefix + "logits")
                for row, (ids, _), logits in zip(found, case.rows(prefix), expected, strict=True):
                    self.assertEqual(row["tokens"], len(ids), name)
                    self.assertLessEqual(error(logits[:len(ids)], row["logits"], case.scale(prefix + "logits")), TOLERANCE, (name, prefix))

    def test_keys(self):
        (row,) = lines("tag", "--model", self.model, "--ignore-labels", "", "the card")
        self.assertEqual(list(row), ["text", "entities", "tokens", "truncated"])
        self.assertEqual(list(row["entities"][0]), ["entity", "score", "index", "word", "start", "end"])
        self.assertEqual([entity["index"] for entity in row["entities"]], list(range(1, row["tokens"] - 1)))
        (row,) = lines("tag", "--model", self.model, "--ignore-labels", "", "-a", "simple", "the card")
        self.assertEqual(list(row["entities"][0]), ["entity_group", "score", "word", "start", "end"])
        (tokens,) = lines("tokenize", "--model", self.model, "the card")
        (row,) = lines("tag", "--model", self.model, "--ignore-labels", "", stdin=jsonl({"ids": tokens["ids"]}))
        self.assertEqual(list(row), ["entities", "tokens", "truncated"])
        self.assertEqual([(entity["word"], entity["start"], entity["end"]) for entity in row["entities"]], [("the", None, None), ("card", None, None)])

    def pieces(self, text):
        """Tokens of the text with the probabilities of their labels, from what berth says of tokens and logits."""
        (row,) = lines("tag", "--model", self.model, "--raw-scores", "--", text)
        (tokens,) = lines("tokenize", "--model", self.model, "--", text)
        result = []
        for index in range(1, len(tokens["ids"]) - 1):
            (start, end), word = tokens["offsets"][index], tokens["tokens"][index]
            subword = len(word) != end - start
            if word == "[UNK]":
                word, subword = text[start:end], False
            result.append({"word": word, "start": start, "end": end, "index": index, "subword": subword, "scores": softmax(row["logits"][index])})
        return result

    @staticmethod
    def join(words):
        text = words[0] if words else ""
        for word in words[1:]:
            text += word[2:] if word.startswith("##") else " " + word
        for old, new in [(" .", "."), (" ?", "?"), (" !", "!"), (" ,", ",")]:
            text = text.replace(old, new)
        return text

    def expected(self, text, aggregation):
        words = []
        for piece in self.pieces(text):
            if piece["subword"] and words and aggregation in ("first", "average", "max"):
                words[-1].append(piece)
            else:
                words.append([piece])
        parts = []
        for word in words:
            scores = {"average": lambda: [statistics.fmean(column) for column in zip(*(piece["scores"] for piece in word))],
                      "max": lambda: max(word, key=lambda piece: max(piece["scores"]))["scores"]}.get(aggregation, lambda: word[0]["scores"])()
            best = max(range(len(scores)), key=scores.__getitem__)
            name = self.join([piece["word"] for piece in word]) if aggregation in ("first", "average", "max") else word[0]["word"]
            parts.append({"entity": self.labels[best], "score": scores[best], "index": word[0]["index"], "word": name, "start": word[0]["start"], "end": word[-1]["end"]})
        if aggregation == "none":
            return [part for part in parts if part["entity"] != "O"]
        groups = []
        for part in parts:
            tag = part["entity"].removeprefix("B-").removeprefix("I-")
            if groups and groups[-1][0] == tag and not part["entity"].startswith("B-"):
                groups[-1][1].append(part)
            else:
                groups.append((tag, [part]))
        return [{"entity_group": tag, "score": statistics.fmean(part["score"] for part in group), "word": self.join([part["word"] for part in group]),
                 "start": group[0]["start"], "end": group[-1]["end"]} for tag, group in groups if tag != "O"]

    def test_aggregation(self):
        texts = NAMES + [text for text in Case("bert-tokencls").texts if len(text) < 200]
        found = set()
        for aggregation in ["none", "simple", "first", "average", "max"]:
            for text in texts:
                (row,) = lines("tag", "--model", self.model, "--aggregation", aggregation, "--", text)
                expected = self.expected(text, aggregation)
                self.assertEqual([{**entity, "score": 0} for entity in row["entities"]], [{**entity, "score": 0} for entity in expected], (aggregation, text))
                for got, want in zip(row["entities"], expected):
                    self.assertAlmostEqual(got["score"], want["score"], delta=2e-6)
                found.add((aggregation, json.dumps(row["entities"])))
        self.assertGreater(len(found), 4 * len(NAMES))  # the strategies differ

    def test_windows(self):
        text = " ".join(["the quick brown fox jumps over the lazy dog and the cat"] * 20)
        (cut,) = lines("tag", "--model", self.model, "-a", "first", text)
        (whole,) = lines("tag", "--model", self.model, "-a", "first", "--stride", "16", "--raw-scores", text)
        self.assertEqual((cut["truncated"], cut["tokens"], whole["truncated"]), (True, 64, False))
        self.assertEqual(len(whole["logits"]), whole["tokens"])
        ends = [entity["end"] for entity in whole["entities"]]
        self.assertGreater(max(ends), len(text) * 3 / 4)
        for one, other in zip(whole["entities"], whole["entities"][1:]):
            self.assertLessEqual(one["end"], other["start"])
        for entity in whole["entities"]:
            self.assertIn(entity["word"], text)

    def test_misuse(self):
        self.assertEqual(berth("tag", "x").returncode, 2)  # there is no default model
        self.assertEqual(berth("tag", "--model", self.model, "--stride", "4", "x").returncode, 2)
        self.assertEqual(berth("tag", "--model", self.model, "--aggregation", "last", "x").returncode, 2)
        for arguments, stdin, fragment in [(["--model", REPOSITORY / "weights/sentiment"], "x", "token-classification"),
                                           (["--model", self.model], jsonl({"text": "a", "text_pair": "b"}), "text_pair")]:
            done = berth("tag", *arguments, stdin=stdin)
            self.assertEqual(done.returncode, 1)
            self.assertIn(fragment, done.stderr)


class Rerank(unittest.TestCase):
    model = CASES / "bert-crossencoder"

    def groups(self, case):
        """Pairs of the case as lines of a query with its texts."""
        groups = {}
        for index, pair in enumerate(case.texts):
            query, text = pair if isinstance(pair, list) else (pair, None)
            if text is not None:
                groups.setdefault(query, []).append((text, index))
        return groups

    def test_scores_and_order(self):
        for name in ["bert-crossencoder", "xlm-roberta-seqcls"]:
            case = Case(name)
            logits = [row[0] for row in case.tensor("text.logits")]
            groups = self.groups(case)
            self.assertTrue(groups)
            identity = "sbert_ce_default_activation_function" in json.loads((case.directory / "config.json").read_text())
            for raw in [True, False]:
                extra = ["--raw-scores"] if raw else []
                records = [{"query": query, "texts": [text for text, _ in texts]} for query, texts in groups.items()]
                for row, (query, texts) in zip(lines("rerank", "--model", case.directory, *extra, stdin=jsonl(*records)), groups.items(), strict=True):
                    self.assertEqual(list(row), ["query", "results", "tokens", "truncated"])
                    self.assertEqual(row["query"], query)
                    scores = [result["score"] for result in row["results"]]
                    self.assertEqual(scores, sorted(scores, reverse=True))
                    self.assertEqual(sorted(result["index"] for result in row["results"]), list(range(len(texts))))
                    for result in row["results"]:
                        logit = logits[texts[result["index"]][1]]
                        expected = logit if raw or identity else 1 / (1 + math.exp(-logit))
                        self.assertLessEqual(abs(expected - result["score"]), TOLERANCE * case.scale("text.logits"), name)

    def test_activation_of_newer_directories(self):
        with tempfile.TemporaryDirectory() as folder:
            shutil.copytree(self.model, folder, dirs_exist_ok=True)
            config = json.loads((self.model / "config.json").read_text())
            del config["sbert_ce_default_activation_function"]
            record = jsonl({"query": "a", "texts": ["b"]})

            def score(config, *extra, own=None):
                (self.__class__.path(folder) / "config.json").write_text(json.dumps(config))
                if own is not None:
                    (self.__class__.path(folder) / "config_sentence_transformers.json").write_text(json.dumps(own))
                done = berth("rerank", "--model", folder, *extra, stdin=record)
                return parse(done.stdout)[0]["results"][0]["score"] if done.returncode == 0 else done.stderr

            logit = score(config, "--raw-scores")
            sigmoid = 1 / (1 + math.exp(-logit))
            self.assertAlmostEqual(score(config), sigmoid, delta=1e-6)
            for path, expected in [("torch.nn.modules.linear.Identity", logit), ("torch.nn.modules.activation.Sigmoid", sigmoid)]:
                self.assertAlmostEqual(score({**config, "sentence_transformers": {"activation_fn": path}}), expected, delta=1e-6)
            self.assertIn("my.Module", score({**config, "sentence_transformers": {"activation_fn": "my.Module"}}))
            self.assertAlmostEqual(score(config, own={"activation_fn": "torch.nn.modules.linear.Identity"}), logit, delta=1e-6)

    @staticmethod
    def path(folder):
        import pathlib
        return pathlib.Path(folder)

    def test_other_inputs(self):
        query, texts = "Hello world!", ["the card was lost", "I want to cancel my order.", ""]
        (row,) = lines("rerank", "--model", self.model, stdin=jsonl({"query": query, "texts": texts}))
        (given,) = lines("rerank", "--model", self.model, "--query", query, *texts)
        self.assertEqual(given, row)
        self.assertEqual(lines("rerank", "--model", self.model, "--query", query, stdin=jsonl({"texts": texts})), [row])
        (top,) = lines("rerank", "--model", self.model, "--top-k", "1", "--return-texts", stdin=jsonl({"query": query, "texts": texts}))
        self.assertEqual(top["results"], [{**row["results"][0], "text": texts[row["results"][0]["index"]]}])
        tokens = lines("tokenize", "--model", self.model, stdin=jsonl(*({"text": query, "text_pair": text} for text in texts)))
        ids = {"ids": [each["ids"] for each in tokens], "type_ids": [each["type_ids"] for each in tokens]}
        (by_ids,) = lines("rerank", "--model", self.model, stdin=jsonl(ids))
        self.assertEqual(list(by_ids), ["results", "tokens", "truncated"])
        self.assertEqual(by_ids["results"], row["results"])
        (one,) = lines("rerank", "--model", self.model, stdin=jsonl({"ids": ids["ids"][0], "type_ids": ids["type_ids"][0]}))
        self.assertEqual([result["score"] for result in one["results"]], [result["score"] for result in row["results"] if result["index"] == 0])
        (none,) = lines("rerank", "--model", self.model, stdin=jsonl({"query": query, "texts": []}))
        self.assertEqual((none["results"], none["tokens"]), ([], 0))

    def test_misuse(self):
        for record, fragment in [({"query": "a"}, "texts"), ({"texts": ["a"]}, "query"), ({"query": "a", "texts": "b"}, "array"),
                                 ({"query": "a", "texts": [1]}, "array"), ({"ids": [[1, 2], [3]], "type_ids": [[0, 0]]}, "type_ids")]:
            done = berth("rerank", "--model", self.model, stdin=jsonl({"query": "a", "texts": ["b"]}, record))
            self.assertEqual((done.returncode, len(parse(done.stdout))), (1, 1), record)
            self.assertIn("line 2", done.stderr)
            self.assertIn(fragment, done.stderr)
        done = berth("rerank", "--model", self.model, "a text")
        self.assertEqual(done.returncode, 1)
        self.assertIn("--query", done.stderr)
        done = berth("rerank", "--model", CASES / "bert-nli", "--query", "a", "b")
        self.assertEqual(done.returncode, 1)
        self.assertIn("one label", done.stderr)


class Pairs(unittest.TestCase):
    def test_classification_of_pairs(self):
        case = Case("bert-nli")
        pairs = [pair for pair in enumerate(case.texts) if isinstance(pair[1], list)]
        self.assertTrue(pairs)
        rows = lines("classify", "--model", case.directory, "--top-k", "0", "--raw-scores", stdin=jsonl(*({"text": a, "text_pair": b} for _, (a, b) in pairs)))
        labels = json.loads((case.directory / "config.json").read_text())["id2label"]
        for row, (index, _) in zip(rows, pairs, strict=True):
            got = {label["label"]: label["score"] for label in row["labels"]}
            expected = case.tensor("text.logits")[index]
            self.assertLessEqual(error(expected, [got[labels[str(i)]] for i in range(len(expected))], case.scale("text.logits")), TOLERANCE)


if __name__ == "__main__":
    unittest.main()
