#!/usr/bin/env python3
"""The figures in the model cards of weights/, as berth itself gives them. Needs the data sets ($BERTH_SHARED/data, or shared/data beside the
repository; weights/training/README.md names their sources); without them the test is skipped."""
import json
import operator
import os
import pathlib
import re
import sys
import unittest

from binary import REPOSITORY, WEIGHTS, jsonl, lines

DATA = pathlib.Path(os.environ.get("BERTH_SHARED", REPOSITORY.parent / "shared")) / "data"


def card(model):
    """Rows of the card's table of scores, {first cell: second cell}."""
    text = (WEIGHTS / model / "README.md").read_text()
    return dict(re.findall(r"^\| (.+?) \| (.+?) \|$", text, re.MULTILINE))


def tab_separated(path):
    return [line.split("\t") for line in (DATA / path).read_text(encoding="utf-8").split("\n") if "\t" in line]


def run(command, model, texts, *arguments):
    return lines(command, "--model", WEIGHTS / model, *arguments, stdin=jsonl(*({"text": text} for text in texts)))


class ModelCards(unittest.TestCase):
    def expect(self, model, row, percent_or_fraction):
        cell = card(model)[row]
        self.assertIn(percent_or_fraction, cell, f"weights/{model}/README.md says {cell}")

    def test_sentiment(self):
        rows = [(row[0].strip(), int(row[1])) for row in tab_separated("sst2/sentence/test.tsv")]
        self.assertEqual(len(rows), 1821)
        answers = run("classify", "sentiment", [text for text, _ in rows])
        right = sum(answer["labels"][0]["label"] == ("NEGATIVE", "POSITIVE")[label] for answer, (_, label) in zip(answers, rows))
        self.expect("sentiment", "1,821 test sentences of the sentence-level SST-2 split", f"accuracy {100 * right / len(rows):.1f}%")

    def test_emotion(self):
        names = (DATA / "goemotions/emotions.txt").read_text().split()
        rows = [(text, {names[int(label)] for label in labels.split(",")}) for text, labels, _ in tab_separated("goemotions/test.tsv")]
        self.assertEqual(len(rows), 5427)
        answers = run("classify", "emotion", [text for text, _ in rows], "--top-k", "0")
        true_positive, found, wanted = ({name: 0 for name in names} for _ in range(3))
        for answer, (_, truth) in zip(answers, rows):
            marked = {label["label"] for label in answer["labels"] if label["score"] > 0.3}
            for name in names:
                true_positive[name] += name in marked and name in truth
                found[name] += name in marked
                wanted[name] += name in truth
        micro = 2 * sum(true_positive.values()) / (sum(found.values()) + sum(wanted.values()))
        macro = sum(2 * true_positive[name] / max(1, found[name] + wanted[name]) for name in names) / len(names)
        self.expect("emotion", "5,427 comments of the GoEmotions test split, threshold 0.3", f"micro-F1 {micro:.3f}")
        self.expect("emotion", "the same", f"macro-F1 {macro:.2f}")

    def test_intent(self):
        data = json.loads((DATA / "clinc150/data_full.json").read_text(encoding="utf-8"))
        names = sorted({label for _, label in data["train"]})
        self.assertEqual(len(names), 150)
        unseen = set(names[2::5])
        examples, count = [], {}
        for text, label in data["train"]:
            count[label] = count.get(label, 0) + 1
            if count[label] <= 10:
                examples.append((text, label))
        tests = data["test"]
        texts = [text for text, _ in examples + tests]
        vectors = [answer["embedding"] for answer in run("encode", "intent", texts)]
        candidates = [(vector, label) for vector, (_, label) in zip(vectors, examples)]
        pools = [("the 30 intents whose labels were never seen in training, among themselves", unseen),
                 ("the 120 intents seen in training, among themselves", set(names) - unseen), ("all 150", set(names))]
        right, total = [0] * len(pools), [0] * len(pools)
        for vector, (_, label) in zip(vectors[len(examples):], tests):
            # The embeddings are normalised: the largest product is the largest cosine.
            scored = sorted(((sum(map(operator.mul, vector, other)), name) for other, name in candidates), reverse=True)
            for i, (_, pool) in enumerate(pools):
                if label in pool:
                    total[i] += 1
                    right[i] += next(name for _, name in scored if name in pool) == label
        self.assertEqual(total, [900, 3600, 4500])
        for (row, _), good, all_of_them in zip(pools, right, total):
            self.expect("intent", row, f"{100 * good / all_of_them:.1f}%")


if __name__ == "__main__":
    if not DATA.is_dir():
        print(f"skipped: the data sets are not in {DATA}; set BERTH_SHARED")
        sys.exit(77)
    unittest.main()
