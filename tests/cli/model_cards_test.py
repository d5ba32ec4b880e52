#!/usr/bin/env python3
"""The figures in the model cards of weights/, and what BF16 and INT8 cost, by `berth eval`. Needs the data sets ($BERTH_SHARED/data, or shared/data
beside the repository; weights/training/README.md names their sources); without them the test is skipped."""
import json
import os
import pathlib
import re
import sys
import tempfile
import unittest

from binary import REPOSITORY, WEIGHTS, lines

DATA = pathlib.Path(os.environ.get("BERTH_SHARED", REPOSITORY.parent / "shared")) / "data"

# What docs/accuracy.md promises against FP32: least agreement of rows, largest loss of a score, least mean cosine.
BOUNDS = {"bf16": (0.995, 0.003, 0.9995), "int8": (0.985, 0.005, 0.999)}


def card(model):
    """Rows of the card's table of scores, {first cell: second cell}."""
    text = (WEIGHTS / model / "README.md").read_text()
    return dict(re.findall(r"^\| (.+?) \| (.+?) \|$", text, re.MULTILINE))


def evaluate(model, data, *arguments):
    (row,) = lines("eval", "--model", WEIGHTS / model, "--data", data, *arguments)
    return row


class ModelCards(unittest.TestCase):
    def expect(self, model, row, percent_or_fraction):
        cell = card(model)[row]
        self.assertIn(percent_or_fraction, cell, f"weights/{model}/README.md says {cell}")

    def expect_little_lost(self, model, data, score, *arguments):
        for precision, (agreement, loss, cosine) in BOUNDS.items():
            row = evaluate(model, data, "--precision", precision, *arguments)
            against = row["against"]
            self.assertEqual(against["precision"], "fp32")
            self.assertGreaterEqual(against["agreement"], agreement, (model, precision))
            self.assertGreaterEqual(row["scores"][score], against["scores"][score] - loss, (model, precision))
            self.assertEqual("cosine" in against, model == "intent")
            if model == "intent":
                self.assertGreaterEqual(against["cosine"]["mean"], cosine, precision)

    def test_sentiment(self):
        data = DATA / "sst2/sentence/test.tsv"
        row = evaluate("sentiment", data)
        self.assertEqual(row["rows"], 1821)
        self.expect("sentiment", "1,821 test sentences of the sentence-level SST-2 split", f"accuracy {100 * row['scores']['accuracy']:.1f}%")
        self.expect_little_lost("sentiment", data, "accuracy")

    def test_emotion(self):
        data = DATA / "goemotions/test.tsv"
        row = evaluate("emotion", data, "--threshold", "0.3")
        self.assertEqual(row["rows"], 5427)
        self.expect("emotion", "5,427 comments of the GoEmotions test split, threshold 0.3", f"micro-F1 {row['scores']['micro_f1']:.3f}")
        self.expect("emotion", "the same", f"macro-F1 {row['scores']['macro_f1']:.2f}")
        self.expect_little_lost("emotion", data, "micro_f1", "--threshold", "0.3")

    def test_intent(self):
        data = json.loads((DATA / "clinc150/data_full.json").read_text(encoding="utf-8"))
        names = sorted({label for _, label in data["train"]})
        self.assertEqual(len(names), 150)
        unseen = set(names[2::5])
        pools = [("the 30 intents whose labels were never seen in training, among themselves", unseen, 900),
                 ("the 120 intents seen in training, among themselves", set(names) - unseen, 3600), ("all 150", set(names), 4500)]
        with tempfile.TemporaryDirectory() as folder:
            tests, examples = pathlib.Path(folder, "test.tsv"), pathlib.Path(folder, "examples.tsv")
            for row, pool, size in pools:
                count, chosen = {}, []
                for text, label in data["train"]:
                    count[label] = count.get(label, 0) + 1
                    if label in pool and count[label] <= 10:
                        chosen.append((text, label))
                for path, pairs in [(tests, [pair for pair in data["test"] if pair[1] in pool]), (examples, chosen)]:
                    path.write_text("".join(f"{text}\t{label}\n" for text, label in pairs), encoding="utf-8")
                result = evaluate("intent", tests, "--examples", examples)
                self.assertEqual(result["rows"], size)
                self.expect("intent", row, f"{100 * result['scores']['nearest_accuracy']:.1f}%")
            self.expect_little_lost("intent", tests, "nearest_accuracy", "--examples", examples)


if __name__ == "__main__":
    if not DATA.is_dir():
        print(f"skipped: the data sets are not in {DATA}; set BERTH_SHARED")
        sys.exit(77)
    unittest.main()
