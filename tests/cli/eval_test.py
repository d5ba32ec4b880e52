#!/usr/bin/env python3
"""berth eval and berth verify on the models in weights/ and the reference cases; figures are worked out here from what the other commands print."""
import json
import math
import pathlib
import tempfile
import unittest

from binary import WEIGHTS, berth, jsonl, lines
from reference import CASES

FILMS = [("A warm, funny film.", 1), ("Two hours of my life I will never get back.", 0), ("dull", 0), ("a delight", 1), ("utterly boring and long", 1)]


def tsv(*rows):
    return "".join("\t".join(map(str, row)) + "\n" for row in rows)


def evaluate(model, data, *arguments):
    (row,) = lines("eval", "--model", model, "--data", "-", *arguments, stdin=data)
    return row


def cosine(a, b):
    return sum(x * y for x, y in zip(a, b)) / math.sqrt(sum(x * x for x in a) * sum(y * y for y in b))


def pearson(a, b):
    a, b = [x - sum(a) / len(a) for x in a], [y - sum(b) / len(b) for y in b]
    return cosine(a, b)


class Eval(unittest.TestCase):
    def test_accuracy(self):
        answers = [row["labels"][0]["label"] for row in lines("classify", stdin=jsonl(*({"text": text} for text, _ in FILMS)))]
        right = sum(answer == ("NEGATIVE", "POSITIVE")[label] for answer, (_, label) in zip(answers, FILMS))
        self.assertTrue(0 < right < len(FILMS))  # or the test could not tell a right answer from a wrong one
        for data in [tsv(*FILMS), tsv(("sentence", "label"), *FILMS), tsv(*((text, ("negative", "POSITIVE")[label]) for text, label in FILMS))]:
            row = evaluate(WEIGHTS / "sentiment", data)
            self.assertEqual(list(row), ["rows", "truncated", "isa", "precision", "scores"])
            self.assertEqual((row["rows"], row["truncated"], row["precision"]), (5, 0, "fp32"))
            self.assertAlmostEqual(row["scores"]["accuracy"], right / len(FILMS))

    def test_agreement_and_differences(self):
        row = evaluate(WEIGHTS / "sentiment", tsv(*FILMS), "--precision", "int8", "--differences", "2")
        against = row["against"]
        self.assertEqual(list(against), ["precision", "scores", "agreement", "largest_difference", "differences"])
        self.assertEqual((row["precision"], against["precision"], against["agreement"], len(against["differences"])), ("int8", "fp32", 1.0, 2))
        first = against["differences"][0]
        self.assertEqual(list(first), ["where", "text", "expected", "answer", "against", "difference"])
        self.assertEqual(first["difference"], against["largest_difference"])
        for key, precision in [("answer", "int8"), ("against", "fp32")]:
            (told,) = lines("classify", "--precision", precision, first["text"])
            self.assertEqual(told["labels"][0]["label"], first[key][0]["label"])
            self.assertAlmostEqual(told["labels"][0]["score"], first[key][0]["score"], delta=1e-6)
        self.assertEqual(first["expected"], [("NEGATIVE", "POSITIVE")[dict(FILMS)[first["text"]]]])
        # A model against itself, and against another precision than fp32.
        same = evaluate(WEIGHTS / "sentiment", tsv(*FILMS), "--precision", "int8", "--against", "bf16")["against"]
        self.assertEqual(same["precision"], "bf16")
        self.assertGreater(same["largest_difference"], 0)

    def test_several_labels(self):
        data = [("Thank you so much, this made my day!", "gratitude,joy"), ("Why would anyone do that?", "7"), ("ok", "neutral"), ("hm", "")]
        scores = [{label["label"]: label["score"] for label in row["labels"]}
                  for row in lines("classify", "--model", WEIGHTS / "emotion", "-k", "0", stdin=jsonl(*({"text": text} for text, _ in data)))]
        names = [label for _, label in sorted(json.loads((WEIGHTS / "emotion/config.json").read_text())["id2label"].items(), key=lambda item: int(item[0]))]
        for threshold in [0.05, 0.3]:
            both, either = dict.fromkeys(names, 0), dict.fromkeys(names, 0)
            for row, (_, wanted) in zip(scores, data):
                wanted = {names[7] if name == "7" else name for name in wanted.split(",")} - {""}
                for name in names:
                    both[name] += row[name] > threshold and name in wanted
                    either[name] += (row[name] > threshold) + (name in wanted)
            got = evaluate(WEIGHTS / "emotion", tsv(*data), "--threshold", str(threshold), "--columns", "text,label")["scores"]
            self.assertAlmostEqual(got["micro_f1"], 2 * sum(both.values()) / sum(either.values()))
            self.assertAlmostEqual(got["macro_f1"], sum(2 * both[name] / max(1, either[name]) for name in names) / len(names))

    def test_similarity(self):
        pairs = [(4.5, "change my pin", "set a new pin"), (0.5, "play some music", "is my card lost"), (3, "play jazz", "play music"), (1, "hello", "goodbye")]
        told = [row["similarity"] for row in lines("similarity", stdin=jsonl(*({"text": a, "text_pair": b} for _, a, b in pairs)))]
        row = evaluate(WEIGHTS / "intent", tsv(*pairs), "--columns=score,text,text_pair", "--precision", "bf16")
        self.assertAlmostEqual(row["against"]["scores"]["pearson"], pearson(told, [pair[0] for pair in pairs]), delta=1e-5)
        rank = lambda values: [sorted(values).index(value) for value in values]
        self.assertAlmostEqual(row["against"]["scores"]["spearman"], pearson(rank(told), rank([pair[0] for pair in pairs])), delta=1e-9)
        self.assertGreater(row["against"]["cosine"]["min"], 0.999)
        self.assertNotIn("agreement", row["against"])

    def test_nearest(self):
        data = [("change my pin", "pin"), ("I want a new pin code", "pin"), ("play some jazz", "music"), ("put on some music", "music"), ("my card is lost", "card")]
        vectors = [row["embedding"] for row in lines("encode", stdin=jsonl(*({"text": text} for text, _ in data)))]
        right = 0
        for i, vector in enumerate(vectors):
            best = max((j for j in range(len(data)) if j != i), key=lambda j: cosine(vector, vectors[j]))
            right += data[best][1] == data[i][1]
        self.assertAlmostEqual(evaluate(WEIGHTS / "intent", tsv(*data))["scores"]["nearest_accuracy"], right / len(data))
        with tempfile.TemporaryDirectory() as folder:
            examples = pathlib.Path(folder, "examples.tsv")
            examples.write_text(tsv(("lost card", "card"), ("music please", "music")))
            row = evaluate(WEIGHTS / "intent", tsv(*data[2:]), "--examples", examples, "--precision", "int8")
            self.assertEqual(row["scores"]["nearest_accuracy"], 1.0)
            self.assertEqual(row["against"]["agreement"], 1.0)
            self.assertEqual(berth("eval", "--model", WEIGHTS / "sentiment", "--data", examples, "--examples", examples).returncode, 2)

    def test_without_labels(self):
        row = evaluate(WEIGHTS / "intent", "one\ntwo\n" + "long " * 300 + "\n", "--precision", "int8")
        self.assertEqual((row["rows"], row["truncated"], row["scores"]), (3, 1, {}))
        self.assertGreater(row["against"]["cosine"]["mean"], 0.999)
        self.assertEqual(list(row["against"]["differences"][0]), ["where", "text", "difference"])

    def test_bad_data(self):
        for data, fragments in [("a\t1\nb\t2\n", ["standard input: line 2", '"2"', "NEGATIVE, POSITIVE"]), ("a\t1\nb\n", ["line 2", "column 2"]), ("", ["no rows"]),
                                (b"a\t1\n\xff\t1\n", ["line 2", "UTF-8"])]:
            done = berth("eval", "--model", WEIGHTS / "sentiment", "--data", "-", stdin=data)
            self.assertEqual((done.returncode, done.stdout), (1, b""), done.stderr)
            for fragment in fragments:
                self.assertIn(fragment, done.stderr)
        done = berth("eval", "--model", WEIGHTS / "intent", "--data", "-", "--columns", "text,text_pair,score", stdin="a\tb\tc\n")
        self.assertEqual(done.returncode, 1)
        self.assertIn("line 1: expected a number", done.stderr)

    def test_bad_usage(self):
        for arguments in [("--data", "-"), ("--model", WEIGHTS / "sentiment"), ("--model", WEIGHTS / "sentiment", "--data", "-", "--columns", "label"),
                          ("--model", WEIGHTS / "sentiment", "--data", "-", "--threshold", "2"), ("--model", WEIGHTS / "sentiment", "--data", "-", "extra"),
                          ("--model", WEIGHTS / "sentiment", "--data", "-", "--against", "int3", "--precision", "int8")]:
            done = berth("eval", *arguments, stdin="a\t1\n")
            self.assertEqual((done.returncode, done.stdout), (2, b""), (arguments, done.stderr))
        done = berth("eval", "--model", WEIGHTS / "sentiment", "--data", "-", stdin="a text without a label\n")
        self.assertEqual(done.returncode, 2)  # nothing to score, nothing to compare with

    def test_table(self):
        done = berth("eval", "--model", WEIGHTS / "sentiment", "--data", "-", "--table", "--precision", "int8", stdin=tsv(*FILMS))
        for fragment in ["accuracy", "agreement", "100.00%", "largest differences from fp32", "instead of", "(expected "]:
            self.assertIn(fragment, done.stdout.decode())


class Verify(unittest.TestCase):
    def run_on(self, model, stored, *arguments):
        """(exit status, report)"""
        done = berth("verify", "--model", model, "--against", "-", *arguments, stdin=stored if isinstance(stored, (str, bytes)) else jsonl(*stored))
        return done.returncode, json.loads(done.stdout) if done.stdout else None, done.stderr

    def test_what_berth_prints_is_what_it_finds(self):
        texts = [text for text, _ in FILMS]
        for command, model, arguments, flags in [
                ("classify", WEIGHTS / "sentiment", (), ()), ("classify", WEIGHTS / "emotion", ("-k", "0"), ()), ("classify", WEIGHTS / "emotion", ("-k", "3", "--raw-scores"), ("--raw-scores",)),
                ("encode", WEIGHTS / "intent", (), ()), ("encode", WEIGHTS / "intent", ("--tokens",), ()), ("tag", CASES / "bert-tokencls", ("--raw-scores",), ())]:
            printed = berth(command, "--model", model, *arguments, "--json", *texts)
            status, report, _ = self.run_on(model, printed.stdout, *flags, "--tolerance", "0")
            self.assertEqual((status, report["rows"], report["beyond"], report["largest_absolute"], report["differences"]), (0, 5, 0, 0, []), command)
            self.assertEqual(report["compared"]["tokens"], 5)

    def test_reference_outputs(self):
        for name, tensor in [("bert-seqcls", "logits"), ("bert-tokencls", "logits"), ("roberta-seqcls", "logits")]:
            from reference import Case
            case = Case(name)
            rows = []
            for record, logits in zip(case.records(), case.tensor(tensor)):
                nested = isinstance(logits[0], list)
                rows.append({**record, "logits": logits[:len(record["ids"])] if nested else logits})
            status, report, error = self.run_on(case.directory, rows, "--tolerance", "2e-5")
            self.assertEqual((status, report["beyond"]), (0, 0), (name, error))
            self.assertGreater(report["cosine"]["min"], 0.999999)

    def test_beyond_the_tolerance(self):
        rows = lines("encode", "--model", WEIGHTS / "intent", "one", "two", "three")
        rows[1]["embedding"][7] += 0.01
        status, report, error = self.run_on(WEIGHTS / "intent", rows)
        self.assertEqual((status, report["beyond"]), (1, 1))
        self.assertAlmostEqual(report["largest_absolute"], 0.01, delta=1e-5)
        largest = max(abs(value) for value in rows[1]["embedding"])
        self.assertAlmostEqual(report["largest_relative"], 0.01 / largest, delta=1e-3)
        (worst,) = report["differences"]
        self.assertEqual((worst["where"], worst["field"], worst["beyond"]), ("standard input: line 2", "embedding", True))
        self.assertIn("line 2", error)
        self.assertEqual(self.run_on(WEIGHTS / "intent", rows, "--tolerance", "0.02")[0], 0)
        self.assertEqual(self.run_on(WEIGHTS / "intent", rows, "--min-cosine", "0.999")[0], 0)
        self.assertEqual(self.run_on(WEIGHTS / "intent", rows, "--min-cosine", "0.99999")[0], 1)
        self.assertEqual(self.run_on(WEIGHTS / "intent", rows, "--min-cosine", "0.9", "--tolerance", "0.001")[0], 1)
        rows[1]["embedding"][7] -= 0.01
        rows[2]["tokens"] += 1
        status, report, _ = self.run_on(WEIGHTS / "intent", rows)
        self.assertEqual((status, report["differences"][0]["field"], report["differences"][0]["where"]), (1, "tokens", "standard input: line 3"))

    def test_low_precision(self):
        rows = lines("encode", "--model", WEIGHTS / "intent", *(text for text, _ in FILMS))
        status, report, _ = self.run_on(WEIGHTS / "intent", rows, "--precision", "int8")
        self.assertEqual(status, 1)
        self.assertGreater(report["largest_absolute"], 1e-4)
        self.assertEqual(self.run_on(WEIGHTS / "intent", rows, "--precision", "int8", "--min-cosine", "0.999")[0], 0)

    def test_bad_lines(self):
        good = {"text": "a", "embedding": [0.5] * 192}
        for bad, fragments in [({"text": "a"}, ["line 2", "none of"]), ({"embedding": [1]}, ["line 2", '"text"']), ({"text": "a", "embedding": [1, 2]}, ["line 2", "has 2 values", "192"]),
                               ({"text": "a", "embedding": ["x"]}, ["line 2", "embedding", "numbers"]), ({"text": "a", "embedding": {}}, ["line 2", "array"]),
                               ({"text": "a", "embedding": [1e99] * 192}, ["line 2", "embedding"]), ({**good, "tokens": -1}, ["line 2", "tokens"])]:
            status, report, error = self.run_on(WEIGHTS / "intent", [good, bad])
            self.assertEqual((status, report), (1, None), (bad, error))
            for fragment in fragments:
                self.assertIn(fragment, error)
        for bad in [{"text": "a", "labels": [{"label": "frob", "score": 1}]}, {"text": "a", "labels": ["POSITIVE"]}, {"text": "a", "labels": 1}]:
            status, _, error = self.run_on(WEIGHTS / "sentiment", [bad])
            self.assertEqual(status, 1)
            self.assertIn("line 1", error)
            self.assertIn("labels", error)
        self.assertEqual(self.run_on(WEIGHTS / "sentiment", "")[0], 1)
        self.assertEqual(self.run_on(WEIGHTS / "intent", [{"text": "a", "labels": []}])[0], 1)  # no head
        self.assertEqual(berth("verify", "--model", WEIGHTS / "intent").returncode, 2)


if __name__ == "__main__":
    unittest.main()
