#!/usr/bin/env python3
"""berth.Classifier against the command line's answers. usage: classifier_test.py BERTH REPOSITORY, with the package on the path."""
import json
import pathlib
import pickle
import subprocess
import sys
import tempfile
import unittest

import berth

BERTH, REPOSITORY = sys.argv.pop(1), pathlib.Path(sys.argv.pop(1)).resolve()
PROFILE = {"model": str(REPOSITORY / "weights/intent"), "default": "other", "without_model": "rules-only", "labels": {
    "card": {"examples": ["I lost my card", "my card was stolen"], "priority": 1}, "music": {"examples": ["play some music"]}, "other": {"examples": []}},
    "rules": [{"name": "phone", "action": "set", "label": "other", "phrases": ["call me"]}]}
TEXTS = ["play some music", "my card was stolen", "please CALL me", "colourless green ideas", "", "naïve 😀"]


class Classifier(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.path = pathlib.Path(temporary.name) / "p.json"
        self.path.write_text(json.dumps(PROFILE), encoding="utf-8")

    def test_the_answers_of_the_command_line(self):
        told = subprocess.run([BERTH, "classify", "--profile", self.path, "--json", "--", *TEXTS], capture_output=True, check=True, text=True).stdout
        expected = [json.loads(line) for line in told.split("\n")[:-1]]
        classifier = berth.Classifier(self.path)
        self.assertEqual(classifier.labels, ["card", "music", "other"])
        self.assertIsNone(classifier.model_error)
        for text, answer, row in zip(TEXTS, classifier.classify(TEXTS), expected):
            self.assertEqual(row.pop("text"), text)
            scores = answer.pop("scores")
            self.assertEqual(list(scores), classifier.labels)
            self.assertIsNone(scores["other"])
            for field in ["score", "margin"]:
                self.assertEqual(answer[field] is None, row[field] is None)
                if row[field] is not None:
                    self.assertAlmostEqual(answer.pop(field), row.pop(field), places=6)
            if row["nearest"]:
                self.assertAlmostEqual(answer["nearest"].pop("similarity"), row["nearest"].pop("similarity"), places=6)
            self.assertEqual(answer, row)

    def test_a_single_text_and_many(self):
        classifier = berth.Classifier(str(self.path), cache=False, threads=1)
        one = classifier.classify("my card was stolen")
        self.assertEqual((one["label"], one["decided_by"]), ("card", "model"))
        self.assertEqual([answer["label"] for answer in classifier.classify(["my card was stolen"] * 1500)], ["card"] * 1500)
        self.assertEqual(classifier.classify([]), [])
        self.assertEqual(pickle.loads(pickle.dumps(classifier)).classify("my card was stolen"), one)

    def test_without_the_model(self):
        classifier = berth.Classifier(self.path, model="no/such")
        self.assertIn("no/such", classifier.model_error)
        answer = classifier.classify("call me")
        self.assertEqual((answer["label"], answer["decided_by"], answer["model"], answer["scores"]["card"]), ("other", "rule", False, None))

    def test_how_it_shows_itself(self):
        self.assertEqual(repr(berth.Classifier(self.path)), f"berth.Classifier({str(self.path)!r}, labels=['card', 'music', 'other'], model=True)")
        self.assertIn("model=False", repr(berth.Classifier(self.path, rules_only=True)))
        self.assertIn("model=False", repr(berth.Classifier(self.path, model="no/such/directory")))

    def test_errors(self):
        berth.Classifier.check(self.path)
        self.path.write_text(json.dumps({**PROFILE, "defualt": "x"}), encoding="utf-8")
        with self.assertRaisesRegex(berth.CorruptFileError, "defualt: there is no such field"):
            berth.Classifier.check(self.path)
        with self.assertRaises(berth.NotFoundError):
            berth.Classifier("no/such/profile.json")
        with self.assertRaises(TypeError):
            berth.Classifier(self.path.with_name("p.json"), threads="two")


if __name__ == "__main__":
    unittest.main()
