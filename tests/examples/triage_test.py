#!/usr/bin/env python3
"""examples/triage: its profile is good, its figures are those the command prints, and nothing in danger is called ordinary. usage: triage_test.py BERTH REPOSITORY"""
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

BERTH, REPOSITORY = pathlib.Path(sys.argv.pop(1)).resolve(), pathlib.Path(sys.argv.pop(1)).resolve()
FOLDER = REPOSITORY / "examples/triage"
ROWS = [line.split("\t") for line in (FOLDER / "messages.tsv").read_text(encoding="utf-8").splitlines()][1:]
PROFILE = json.loads((FOLDER / "triage.json").read_text(encoding="utf-8"))


def berth(*arguments):
    done = subprocess.run([BERTH, *arguments], capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "2"})
    assert done.returncode == 0, done.stderr
    return done.stdout


class Triage(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        folder = pathlib.Path(cls.temporary.name)  # so that no file of embeddings is left in the repository
        cls.profile = folder / "triage.json"
        cls.profile.write_text(json.dumps({**PROFILE, "model": str(REPOSITORY / "weights/intent")}), encoding="utf-8")
        cls.folder = folder

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    def counts(self, languages, *extra):
        """{wanted: {given: rows}} of these languages."""
        data = self.folder / "data.tsv"
        data.write_text("text\tlabel\n" + "".join(f"{text}\t{label}\n" for label, language, text in ROWS if language in languages), encoding="utf-8")
        result = json.loads(berth("profile", "eval", self.profile, "--data", data, "--json", *extra))
        names = [label["label"] for label in result["labels"]]
        return {wanted: dict(zip([*names, None], row)) for wanted, row in zip(names, result["confusion"])}, result

    def test_the_messages(self):
        self.assertGreaterEqual(len(ROWS), 200)
        self.assertEqual({language for _, language, _ in ROWS}, {"en", "id"})
        self.assertEqual(len({text.lower() for _, _, text in ROWS}), len(ROWS))
        examples = {example.lower() for label in PROFILE["labels"].values() for example in label["examples"]}
        self.assertEqual([text for _, _, text in ROWS if text.lower() in examples], [])

    def test_the_profile(self):
        berth("profile", "check", FOLDER / "triage.json")
        self.assertEqual((PROFILE["default"], PROFILE["without_model"], PROFILE["default_without_model"]), ("review", "rules-only", "review"))

    def test_nothing_in_danger_is_ordinary(self):
        for extra in [[], ["--rules-only"]]:
            counts, _ = self.counts(("en", "id"), *extra)
            self.assertEqual((counts["crisis"]["ordinary"], counts["distress"]["ordinary"]), (0, 0))
            self.assertEqual(sum(counts[wanted]["crisis"] for wanted in ["distress", "ordinary"]), 0)

    def test_the_figures_of_the_page(self):
        page = (FOLDER / "README.md").read_text(encoding="utf-8")
        columns = [self.counts(("en",))[0], self.counts(("id",))[0], self.counts(("en", "id"))[0], self.counts(("en", "id"), "--rules-only")[0]]
        told = {re.sub("`", "", cells[0].strip()): [cell.strip() for cell in cells[1:-1]] for cells in (line[2:].split("|") for line in page.splitlines() if line.startswith("| "))}
        for row, wanted, given in [("crisis taken for ordinary", "crisis", "ordinary"), ("crisis not called crisis, left to review", "crisis", "review"),
                                   ("distress taken for ordinary", "distress", "ordinary"), ("distress left to review", "distress", "review"),
                                   ("ordinary messages left to review", "ordinary", "review")]:
            self.assertEqual(told[row], [f"{counts[wanted][given]} of {sum(counts[wanted].values())}" for counts in columns], row)
        crisis = next(label for label in self.counts(("en", "id"))[1]["labels"] if label["label"] == "crisis")["recall"]
        none_of_60 = 1.959963984540054**2 / (60 + 1.959963984540054**2)  # Wilson's upper bound where nothing was counted
        self.assertIn(f"a true rate of 1 in {1 / none_of_60:.0f} leaves, with 95% confidence ({100 * none_of_60:.0f}%)", page)
        self.assertIn(f"recall {100 * crisis['value']:.0f}% ({100 * crisis['low']:.0f} to {100 * crisis['high']:.0f}% with 95% confidence)", page)

    def test_sayings_do_not_outweigh_danger(self):
        answers = berth("classify", "--profile", self.profile, "--json", "just to kill time", "cuma bunuh waktu, aku ingin mati", "Don\u2019t want to LIVE any more").splitlines()
        self.assertEqual([json.loads(answer)["label"] for answer in answers], ["review", "crisis", "crisis"])


if __name__ == "__main__":
    unittest.main()
