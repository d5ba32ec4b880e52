#!/usr/bin/env python3
"""Classifying by a profile: berth classify --profile, berth profile check, and the schema that ships."""
import json
import unittest

from binary import REPOSITORY, WEIGHTS, berth, jsonl, lines
from profiles import WithFolder, least

try:
    import jsonschema
except ImportError:
    jsonschema = None

SCHEMA = json.loads((REPOSITORY / "docs/profile.schema.json").read_text(encoding="utf-8"))


class Classify(WithFolder):
    def test_fields(self):
        rules = [{"name": "phone", "action": "set", "label": "other", "phrases": ["Call me"]}]
        model, rule, default = lines("classify", "--profile", self.write(least(rules=rules)), "play some music", "please CALL  me", "colourless green ideas")
        self.assertEqual(list(model), ["text", "label", "score", "margin", "nearest", "rule", "decided_by", "model", "tokens", "truncated"])
        self.assertEqual((model["label"], model["decided_by"], model["model"], model["rule"]), ("music", "model", True, None))
        self.assertAlmostEqual(model["score"], 1, places=5)
        self.assertAlmostEqual(model["margin"], 0.4, places=5)
        self.assertEqual((model["nearest"]["label"], model["nearest"]["text"]), ("music", "play some music"))
        self.assertEqual((rule["label"], rule["decided_by"], rule["rule"]), ("other", "rule", {"name": "phone", "match": "call me"}))
        self.assertEqual((rule["score"], rule["margin"], list(rule["nearest"])), (None, None, ["label", "text", "similarity"]))
        self.assertEqual((default["label"], default["decided_by"], default["truncated"]), ("other", "default", False))

    def test_lines_of_every_kind_in_order(self):
        profile = self.write(least())
        texts = ["play some music", "", "my card was stolen", "  x  "] * 30
        rows = lines("classify", "--profile", profile, "--input-format", "lines", stdin="".join(text + "\n" for text in texts))
        self.assertEqual([row["text"] for row in rows], texts)
        self.assertEqual([row["label"] for row in rows[:3]], ["music", "other", "card"])
        self.assertEqual(lines("classify", "--profile", profile, "--batch-tokens", "9", stdin=jsonl(*({"text": text} for text in texts))), rows)

    def test_the_file_of_embeddings(self):
        profile, cache = self.write(least()), self.folder / "p.embeddings"
        first = lines("classify", "--profile", profile, "--no-cache", "my card")
        self.assertFalse(cache.exists())
        self.assertEqual(lines("classify", "--profile", profile, "my card"), first)
        written = cache.read_bytes()
        self.assertEqual(lines("classify", "--profile", profile, "my card"), first)
        self.assertEqual(cache.read_bytes(), written)
        self.assertEqual([path.name for path in self.folder.iterdir() if path.suffix == ".part"], [])

    def test_without_the_model(self):
        fields = {"model": "nowhere", "rules": [{"action": "raise", "label": "card", "phrases": ["stolen"]}]}
        done = berth("classify", "--profile", self.write(least(**fields)), "it was stolen")
        self.assertEqual((done.returncode, done.stdout), (1, b""))
        self.assertIn("nowhere", done.stderr)
        done = berth("classify", "--profile", self.write(least(**fields, without_model="rules-only", default_without_model="music")), "it was stolen", "hm")
        self.assertEqual(done.returncode, 0)
        self.assertIn("the model is unavailable, only the rules decide: ", done.stderr)
        rows = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual([(row["label"], row["decided_by"], row["model"], row["score"], row["nearest"], row["tokens"]) for row in rows],
                         [("card", "rule", False, None, None, 0), ("music", "default", False, None, None, 0)])
        (row,) = lines("classify", "--rules-only", "--profile", self.write(least()), "my card was stolen")
        self.assertEqual((row["label"], row["model"]), ("other", False))

    def test_another_model_or_precision(self):
        profile = self.write(least(model="nowhere"))
        (row,) = lines("classify", "--profile", profile, "--model", WEIGHTS / "intent", "--precision", "int8", "play some music")
        self.assertEqual(row["label"], "music")

    def test_options_that_the_profile_says(self):
        for arguments in [["--max-length", "5"], ["--stride", "2"], ["--raw-scores"], ["--top-k", "2"], ["--window-scores", "max"]]:
            done = berth("classify", "--profile", self.write(least()), *arguments, "x")
            self.assertEqual(done.returncode, 2)
            self.assertIn(arguments[0], done.stderr)
        self.assertEqual(berth("classify", "--no-cache", "x").returncode, 2)

    def test_ids_are_refused_with_their_line(self):
        done = berth("classify", "--profile", self.write(least()), stdin=jsonl({"text": "a"}, {"ids": [2, 3]}))
        self.assertEqual((done.returncode, len(done.stdout.splitlines())), (1, 1))
        self.assertIn("line 2: ids: a profile's rules need text", done.stderr)

    def test_table(self):
        done = berth("classify", "--table", "--profile", self.write(least()), "play some music", "hm")
        self.assertRegex(done.stdout.decode(), r"^music  1\.000  model     play some music\nother      -  default   hm\n$")


class Check(WithFolder):
    def test_good(self):
        (row,) = lines("profile", "check", self.write(least()))
        self.assertEqual((row["examples"], row["rules"], len(row["labels"]), row["default"]), (3, 0, 3, "other"))
        self.assertFalse((self.folder / "p.embeddings").exists())

    def test_every_mistake(self):
        bad = least(treshold=1, rules=[{"action": "sett", "label": "card", "patterns": ["("]}])
        bad["labels"]["card"]["threshold"] = 7
        done = berth("profile", "check", self.write(bad))
        self.assertEqual((done.returncode, done.stdout), (1, b""))
        lines_of = (self.folder / "p.json").read_text().splitlines()
        for field, problem in [("labels.card.threshold", "expected a number from -1 to 1, got 7"), ("treshold", "there is no such field"),
                               ("rules[0].action", "expected \"set\", \"raise\" or \"exclude\", got \"sett\""), ("rules[0].patterns[0]", "\"(\": missing )")]:
            self.assertRegex(done.stderr, rf"(?m)^  line \d+: {__import__('re').escape(field)}: {__import__('re').escape(problem)}")
        place = int(done.stderr.split(": labels.card.threshold")[0].rsplit(" ", 1)[1])
        self.assertIn('"threshold": 7', lines_of[place - 1])
        self.assertIn("4 mistakes", done.stderr)

    def test_the_model(self):
        profile = self.write(least(model="nowhere", without_model="rules-only"))
        done = berth("profile", "check", profile)
        self.assertEqual(done.returncode, 1)
        self.assertIn("model: ", done.stderr)
        self.assertIn("nowhere", done.stderr)
        self.assertEqual(len(lines("profile", "check", "--no-model", profile)), 1)

    def test_usage(self):
        for arguments in [[], ["check"], ["chek", "x"], ["check", "a", "b"], ["check", "--wrong", "a"]]:
            self.assertEqual(berth("profile", *arguments).returncode, 2, arguments)
        self.assertEqual(berth("profile", "check", self.folder / "none.json").returncode, 1)


class Schema(WithFolder):
    """The schema and the command agree on what is good. Debian: python3-jsonschema."""

    def setUp(self):
        super().setUp()
        if jsonschema is None:
            self.skipTest("python3-jsonschema is not installed")
        jsonschema.Draft202012Validator.check_schema(SCHEMA)
        self.validator = jsonschema.Draft202012Validator(SCHEMA)

    def test_examples_of_the_repository(self):
        found = [path for path in (REPOSITORY / "examples").rglob("*.json") if "labels" in json.loads(path.read_text(encoding="utf-8"))]
        for path in found:
            self.validator.validate(json.loads(path.read_text(encoding="utf-8")))
            self.assertEqual(len(lines("profile", "check", "--no-model", path)), 1)

    def test_the_same_verdicts(self):
        full = least(threshold=0.1, combine="centroid", k=2, precision="int8", prompt="", example_prompt="x", max_length=9, long_text="window",
                     without_model="rules-only", default_without_model="card", description="d", rules=[{"action": "set", "label": "card", "patterns": ["a+"], "name": "n"}])
        rule = {"action": "set", "label": "card", "phrases": ["p"]}
        good = [least(), full]
        bad = [{}, least(model=""), least(model=3), least(labels={}), least(labels={"a": {}}), least(labels={"other": {"examples": [""]}}), least(threshold=2), least(k=0),
               least(k=1.5), least(combine="mean"), least(precision="fp8"), least(unknown=1), least(rules={}), least(rules=[{**rule, "action": "drop"}]),
               least(rules=[{"action": "set", "label": "card"}]), least(rules=[{**rule, "phrases": []}]), least(rules=[{**rule, "also": 1}]), least(without_model="panic"),
               least(default_without_model="card"), least(long_text="error"), least(max_length=0), least(labels={"other": {"examples": ["a", "a"]}})]
        for profile, expected in [(each, True) for each in good] + [(each, False) for each in bad]:
            path = self.write(profile)
            self.assertEqual(self.validator.is_valid(profile), expected, profile)
            self.assertEqual(berth("profile", "check", "--no-model", path).returncode, 0 if expected else 1, profile)


if __name__ == "__main__":
    unittest.main()
