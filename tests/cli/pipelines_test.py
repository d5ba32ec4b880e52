#!/usr/bin/env python3
"""Zero-shot classification, fill-mask and question answering on the command line: logits against the reference cases, and what is made of them
against the rules of Hugging Face's pipelines restated here."""
import json
import math
import pathlib
import shutil
import tempfile
import unittest

from binary import berth, jsonl, lines, parse
from reference import CASES, TOLERANCE, Case, error


def softmax(logits):
    top = max(logits)
    values = [math.exp(value - top) for value in logits]
    return [value / sum(values) for value in values]


def tokens_of(model, **record):
    (tokens,) = lines("tokenize", "--model", model, stdin=jsonl(record))
    return tokens


class WithTokenizer:
    """A copy of a case without a tokenizer, with as much of another case's as its vocabulary holds."""

    def __init__(self, name, tokenizer, **changes):
        self._folder = tempfile.TemporaryDirectory()
        self.path = pathlib.Path(self._folder.name)
        for file in ["config.json", "model.safetensors"]:
            shutil.copy(CASES / name / file, self.path)
        size = json.loads((self.path / "config.json").read_text())["vocab_size"]
        description = json.loads((CASES / tokenizer / "tokenizer.json").read_text())
        model = description["model"]
        model["vocab"] = {token: index for token, index in model["vocab"].items() if index < size}
        (self.path / "tokenizer.json").write_text(json.dumps(description))
        config = json.loads((CASES / tokenizer / "tokenizer_config.json").read_text())
        (self.path / "tokenizer_config.json").write_text(json.dumps({**config, **changes}))

    def close(self):
        self._folder.cleanup()


class ZeroShot(unittest.TestCase):
    model = CASES / "bert-nli"  # its labels: entailment, neutral, contradiction

    def logits(self, text, hypotheses):
        rows = lines("classify", "--model", self.model, "--top-k", "0", "--raw-scores", stdin=jsonl(*({"text": text, "text_pair": each} for each in hypotheses)))
        return [{label["label"]: label["score"] for label in row["labels"]} for row in rows]

    def test_reference(self):
        """Scores of one label follow from the logits that Hugging Face gives for the pair."""
        case = Case("bert-nli")
        for (text, hypothesis), (entails, _, contradicts) in zip(case.texts, case.tensor("text.logits"), strict=True):
            if not hypothesis or len(hypothesis) > 100:  # the longest pair is cut elsewhere here: its first text alone
                continue
            (row,) = lines("zero-shot", "--model", self.model, "--labels", hypothesis, "--hypothesis-template", "{}", "--", text)
            self.assertEqual((row["sequence"], row["labels"]), (text, [hypothesis]))
            self.assertAlmostEqual(row["scores"][0], 1 / (1 + math.exp(contradicts - entails)), delta=TOLERANCE)

    def test_scores(self):
        texts, labels = ["my package was late", "how do i reset my password", "", "naïve 😀"], ["delivery", "password", "music"]
        for template in [None, "{} is what it is about"]:
            hypotheses = [(template or "This example is {}.").replace("{}", label) for label in labels]
            options = ["--model", self.model, "--labels", "delivery, password,,music ", *(["--hypothesis-template", template] if template else [])]
            one = lines("zero-shot", *options, stdin=jsonl(*({"text": text} for text in texts)))
            each = lines("zero-shot", *options, "--multi-label", stdin=jsonl(*({"text": text} for text in texts)))
            for text, row, multi in zip(texts, one, each, strict=True):
                self.assertEqual(list(row), ["sequence", "labels", "scores", "tokens", "truncated"])
                logits = self.logits(text, hypotheses)
                expected = dict(zip(labels, softmax([each["entailment"] for each in logits])))
                self.check(row, expected)
                self.check(multi, {label: softmax([each["contradiction"], each["entailment"]])[1] for label, each in zip(labels, logits)})
                self.assertEqual(row["tokens"], sum(len(tokens_of(self.model, text=text, text_pair=hypothesis)["ids"]) for hypothesis in hypotheses))
        (top,) = lines("zero-shot", *options, "--top-k", "1", texts[0])
        self.assertEqual(top["labels"], one[0]["labels"][:1])

    def check(self, row, expected):
        self.assertEqual(row["scores"], sorted(row["scores"], reverse=True))
        self.assertEqual(sorted(row["labels"]), sorted(expected))
        for label, score in zip(row["labels"], row["scores"]):
            self.assertAlmostEqual(score, expected[label], delta=2e-6)

    def test_ids(self):
        text, labels = "my package was late", "delivery,music"
        (by_text,) = lines("zero-shot", "--model", self.model, "--labels", labels, text)
        tokens = tokens_of(self.model, text=text)
        (by_ids,) = lines("zero-shot", "--model", self.model, "--labels", labels, stdin=jsonl({"ids": tokens["ids"]}))
        self.assertEqual(list(by_ids), ["labels", "scores", "tokens", "truncated"])
        self.assertEqual({**by_ids, "sequence": text}, by_text)

    def test_only_the_text_is_cut(self):
        long = "the cat sat on the mat " * 30
        (row,) = lines("zero-shot", "--model", self.model, "--labels", "a,b", "--max-length", "32", long)
        self.assertEqual((row["truncated"], row["tokens"]), (True, 64))
        # What is left of the text with whole hypotheses gives the same.
        words = tokens_of(self.model, text=long)["ids"][1:-1]
        frame = [tokens_of(self.model, text="", text_pair=f"This example is {label}.") for label in "ab"]
        pairs = [{"ids": each["ids"][:1] + words[:32 - len(each["ids"])] + each["ids"][1:],
                  "type_ids": each["type_ids"][:1] + [0] * (32 - len(each["ids"])) + each["type_ids"][1:]} for each in frame]
        logits = [{label["label"]: label["score"] for label in each["labels"]}
                  for each in lines("classify", "--model", self.model, "--top-k", "0", "--raw-scores", stdin=jsonl(*pairs))]
        self.check(row, dict(zip("ab", softmax([each["entailment"] for each in logits]))))
        done = berth("zero-shot", "--model", self.model, "--labels", "the cat sat on the mat " * 20, "x")
        self.assertEqual(done.returncode, 1)
        self.assertIn("argument 1", done.stderr)

    def test_other_labels(self):
        """Without a label of that name the last one stands for entailment, as in the pipeline, and berth says so."""
        with tempfile.TemporaryDirectory() as folder:
            shutil.copytree(self.model, folder, dirs_exist_ok=True)
            config = json.loads((self.model / "config.json").read_text())

            def scores(names):
                (pathlib.Path(folder) / "config.json").write_text(json.dumps({**config, "id2label": dict(enumerate(names)), "label2id": {name: i for i, name in enumerate(names)}}))
                done = berth("zero-shot", "--model", folder, "--labels", "music", "x")
                self.assertEqual(done.returncode, 0)
                return parse(done.stdout)[0]["scores"][0], done.stderr

            (logits,) = self.logits("x", ["This example is music."])
            columns = [logits["entailment"], logits["neutral"], logits["contradiction"]]
            for names, entailment, contradiction, said in [(["no", "maybe", "ENTAILMENT"], 2, 0, False), (["Entails", "b", "c"], 0, 2, False),
                                                           (["a", "entail", "c"], 1, 0, False), (["a", "b", "c"], 2, 0, True)]:
                score, message = scores(names)
                self.assertAlmostEqual(score, 1 / (1 + math.exp(columns[contradiction] - columns[entailment])), delta=2e-6)
                self.assertEqual('"c"' in message, said, message)

    def test_misuse(self):
        for arguments, status, fragment in [(["--model", self.model, "x"], 2, "labels"), (["--model", self.model, "--labels", " ,", "x"], 2, "labels"),
                                            (["--model", self.model, "--labels", "a", "--hypothesis-template", "none", "x"], 2, "{}"),
                                            (["--model", CASES / "bert-crossencoder", "--labels", "a", "x"], 1, "entailment"),
                                            (["--model", CASES / "bert", "--labels", "a", "x"], 1, "entailment")]:
            done = berth("zero-shot", *arguments)
            self.assertEqual(done.returncode, status, arguments)
            self.assertIn(fragment, done.stderr)
        done = berth("zero-shot", "--model", self.model, "--labels", "a", stdin=jsonl({"text": "a"}, {"text": "a", "text_pair": "b"}))
        self.assertEqual((done.returncode, len(parse(done.stdout))), (1, 1))
        self.assertIn("line 2: text_pair", done.stderr)


class FillMask(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.copy = WithTokenizer("bert-mlm", "bert")
        cls.model = cls.copy.path
        cls.vocabulary = json.loads((cls.model / "tokenizer.json").read_text())["model"]["vocab"]

    @classmethod
    def tearDownClass(cls):
        cls.copy.close()

    def test_reference(self):
        for name in ["bert-mlm", "roberta-mlm", "modernbert-mlm"]:
            case = Case(name)
            compared = 0
            for prefix in ["", "long."]:
                logits = case.tensor(prefix + "logits")
                for mask in {case.rows(prefix)[0][0][0], case.rows(prefix)[0][0][-1], 209}:
                    records = [(record, expected) for record, expected in zip(case.records(prefix), logits, strict=True) if mask in record["ids"]]
                    found = lines("fill-mask", "--model", case.directory, "--raw-scores", "--top-k", "0", "--mask-id", str(mask), stdin=jsonl(*(record for record, _ in records)))
                    for row, (record, expected) in zip(found, records, strict=True):
                        self.assertEqual(list(row), ["logits", "tokens", "truncated"])
                        masked = [expected[i] for i, token in enumerate(record["ids"]) if token == mask]
                        self.assertLessEqual(error(masked, row["logits"], case.scale(prefix + "logits")), TOLERANCE, (name, prefix))
                        compared += len(masked)
            self.assertGreater(compared, 8)

    def logits(self, text):
        (row,) = lines("fill-mask", "--model", self.model, "--raw-scores", "--top-k", "0", text)
        return row["logits"]

    def test_one_mask(self):
        text = "the quick [MASK] fox"
        (logits,) = self.logits(text)
        scores = softmax(logits)
        ids = sorted(range(len(scores)), key=lambda i: (-scores[i], i))
        (row,) = lines("fill-mask", "--model", self.model, text)
        self.assertEqual(list(row), ["text", "fills", "tokens", "truncated"])
        self.assertEqual([fill["token"] for fill in row["fills"]], ids[:5])
        tokens = tokens_of(self.model, text=text)
        place = tokens["tokens"].index("[MASK]")
        names = {index: token for token, index in self.vocabulary.items()}
        for fill in row["fills"]:
            self.assertEqual(list(fill), ["score", "token", "token_str", "sequence"])
            self.assertAlmostEqual(fill["score"], scores[fill["token"]], delta=2e-6)
            self.assertEqual(fill["token_str"].replace(" ", ""), names[fill["token"]])
            special = names[fill["token"]].startswith("[")  # such a token is left out of the sequence with the others
            words = tokens["tokens"][1:place] + ([] if special else [names[fill["token"]]]) + tokens["tokens"][place + 1:-1]
            self.assertEqual(fill["sequence"].replace(" ", ""), "".join(word.removeprefix("##") for word in words))
        (all_of_them,) = lines("fill-mask", "--model", self.model, "--top-k", "0", text)
        self.assertEqual([fill["token"] for fill in all_of_them["fills"]], ids)
        (raw,) = lines("fill-mask", "--model", self.model, "--raw-scores", text)
        self.assertEqual([(fill["token"], fill["score"]) for fill in raw["fills"]], [(i, logits[i]) for i in ids[:5]])

    def test_several_masks(self):
        text = "the [MASK] brown [MASK]"
        logits = self.logits(text)
        (row,) = lines("fill-mask", "--model", self.model, "-k", "2", text)
        self.assertEqual((len(logits), [len(fills) for fills in row["fills"]]), (2, [2, 2]))
        for fills, each in zip(row["fills"], logits):
            scores = softmax(each)
            self.assertEqual([fill["token"] for fill in fills], sorted(range(len(scores)), key=lambda i: (-scores[i], i))[:2])
        # The sequence keeps the special tokens, so that the other mask is seen.
        for fills, kept in zip(row["fills"], ["brown [MASK] [SEP]", "[CLS] the [MASK] brown"]):
            for fill in fills:
                self.assertIn(kept, fill["sequence"])

    def test_targets(self):
        text = "the quick [MASK] fox"
        (logits,) = self.logits(text)
        scores = softmax(logits)
        unknown = "thequick"  # no token: its first one stands for it
        first = tokens_of(self.model, text=unknown)["ids"][1]
        expected = sorted({self.vocabulary["the"], self.vocabulary["a"], first}, key=lambda i: -scores[i])
        (row,) = lines("fill-mask", "--model", self.model, "--targets", "the, a," + unknown, "--top-k", "9", text)
        self.assertEqual([fill["token"] for fill in row["fills"]], expected)
        for fill in row["fills"]:
            self.assertAlmostEqual(fill["score"], scores[fill["token"]], delta=2e-6)

    def test_ids(self):
        text = "the quick [MASK] fox"
        (by_text,) = lines("fill-mask", "--model", self.model, text)
        (by_ids,) = lines("fill-mask", "--model", self.model, stdin=jsonl({"ids": tokens_of(self.model, text=text)["ids"]}))
        self.assertEqual({**by_ids, "text": text}, by_text)
        (nameless,) = lines("fill-mask", "--model", CASES / "bert-mlm", "--mask-id", "4", stdin=jsonl({"ids": tokens_of(self.model, text=text)["ids"]}))
        self.assertEqual([(fill["token"], fill["token_str"], fill["sequence"]) for fill in nameless["fills"]],
                         [(fill["token"], None, None) for fill in by_text["fills"]])

    def test_misuse(self):
        for model, arguments, status, fragment in [(self.model, ["no mask here"], 1, "argument 1: has no mask token ([MASK]"),
                                                   (self.model, ["--max-length", "4", "the the the the [MASK]"], 1, "after cutting"),
                                                   (CASES / "bert-nli", ["[MASK]"], 1, "masked-language-model"),
                                                   (CASES / "bert-mlm", ["--targets", "x", "--mask-id", "4", "[MASK]"], 1, "tokenizer"),
                                                   (self.model, ["--table", "--raw-scores", "--top-k", "0", "[MASK]"], 2, "--json")]:
            done = berth("fill-mask", "--model", model, *arguments)
            self.assertEqual(done.returncode, status, arguments)
            self.assertIn(fragment, done.stderr)
        done = berth("fill-mask", "--model", CASES / "bert-mlm", stdin=jsonl({"ids": [2, 4, 3]}))
        self.assertEqual(done.returncode, 1)
        self.assertIn("mask", done.stderr)


class Answer(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.copy = WithTokenizer("bert-qa", "bert")
        cls.model = cls.copy.path

    @classmethod
    def tearDownClass(cls):
        cls.copy.close()

    def test_reference(self):
        for name in ["bert-qa", "distilbert-qa"]:
            case = Case(name)
            for prefix in ["", "long."]:
                found = lines("answer", "--model", case.directory, "--raw-scores", stdin=jsonl(*case.records(prefix)))
                for row, (ids, _), start, end in zip(found, case.rows(prefix), case.tensor(prefix + "start_logits"), case.tensor(prefix + "end_logits"), strict=True):
                    self.assertEqual(list(row), ["score", "start", "end", "answer", "start_logits", "end_logits", "tokens", "truncated", "windows"])
                    self.assertEqual(row["tokens"], len(ids))
                    for which, expected in [("start_logits", start), ("end_logits", end)]:
                        self.assertLessEqual(error(expected[:len(ids)], row[which], case.scale(prefix + which)), TOLERANCE, (name, prefix))

    def expected(self, question, context, top_k=1, longest=15, impossible=False, limit=64, stride=32):
        """The pipeline's answers, from what berth says of tokens and logits of each window."""
        whole = tokens_of(self.model, text=question, text_pair=context)
        asked = whole["ids"].index(3) + 1  # [CLS] question [SEP]
        body = range(asked, len(whole["ids"]) - 1)
        room = limit - asked - 1
        answers, null = [], 1e6
        for begin in range(body.start, max(body.stop, body.start + 1), room - min(stride, room // 2)):
            kept = [*range(asked), *range(begin, min(begin + room, body.stop)), body.stop]
            ids, types, offsets, tokens = ([whole[key][i] for i in kept] for key in ["ids", "type_ids", "offsets", "tokens"])
            (row,) = lines("answer", "--model", self.model, "--raw-scores", stdin=jsonl({"ids": ids, "type_ids": types}))
            allowed = [0] + list(range(asked, len(ids) - 1))
            start, end = ([0.0] * len(ids), [0.0] * len(ids))
            for values, key in [(start, "start_logits"), (end, "end_logits")]:
                for i, value in zip(allowed, softmax([row[key][i] for i in allowed])):
                    values[i] = value
            null = min(null, start[0] * end[0])
            spans = sorted(((start[i] * end[j], i, j) for i in allowed[1:] for j in allowed[1:] if i <= j < i + longest), key=lambda span: -span[0])[:top_k]
            for score, i, j in spans:
                while i > asked and (tokens[i].startswith("##")):  # to the word's begin and end, as far as the window has them
                    i -= 1
                while j + 1 < len(ids) - 1 and tokens[j + 1].startswith("##"):
                    j += 1
                answers.append({"score": score, "start": offsets[i][0], "end": offsets[j][1], "answer": context[offsets[i][0]:offsets[j][1]]})
            if begin + room >= body.stop:
                break
        if impossible:
            answers.append({"score": null, "start": 0, "end": 0, "answer": ""})
        return sorted(answers, key=lambda answer: -answer["score"])[:top_k]

    CONTEXT = "The quick brown fox, naïve as it is, 😀 jumps over the lazy dog; unbelievably, the cat sat on the mat."

    def check(self, got, expected):
        self.assertEqual(len(got), len(expected))
        for one, other in zip(got, expected):
            self.assertAlmostEqual(one["score"], other["score"], delta=2e-6)
            self.assertEqual({**one, "score": 0}, {**other, "score": 0})

    def test_answers(self):
        long = " ".join([self.CONTEXT] * 5)
        for question, context in [("who jumps?", self.CONTEXT), ("", "cat"), ("where?", long), ("what is the password", "my package was late " * 40)]:
            record = jsonl({"question": question, "context": context})
            (row,) = lines("answer", "--model", self.model, stdin=record)
            self.assertEqual(list(row), ["question", "context", "score", "start", "end", "answer", "tokens", "truncated", "windows"])
            self.assertFalse(row["truncated"])
            self.check([{key: row[key] for key in ["score", "start", "end", "answer"]}], self.expected(question, context))
            for options, named in [(["-k", "4"], {"top_k": 4}), (["-k", "3", "--max-answer-length", "2"], {"top_k": 3, "longest": 2}),
                                   (["-k", "5", "--allow-no-answer"], {"top_k": 5, "impossible": True}),
                                   (["-k", "3", "--max-length", "40", "--stride", "7"], {"top_k": 3, "limit": 40, "stride": 7})]:
                (row,) = lines("answer", "--model", self.model, *options, stdin=record)
                expected = self.expected(question, context, **named)
                self.check(row["answers"], expected)
                self.assertEqual(row["answers"][0], {key: row[key] for key in ["score", "start", "end", "answer"]})

    def test_forms(self):
        (by_line,) = lines("answer", "--model", self.model, stdin=jsonl({"question": "who?", "context": self.CONTEXT}))
        self.assertEqual(lines("answer", "--model", self.model, "--question", "who?", self.CONTEXT), [by_line])
        self.assertEqual(lines("answer", "--model", self.model, "-q", "who?", stdin=jsonl({"context": self.CONTEXT})), [by_line])
        tokens = tokens_of(self.model, text="who?", text_pair="the cat sat on the mat")
        (by_text,) = lines("answer", "--model", self.model, stdin=jsonl({"question": "who?", "context": "the cat sat on the mat"}))
        (by_ids,) = lines("answer", "--model", self.model, stdin=jsonl({"ids": tokens["ids"], "type_ids": tokens["type_ids"]}))
        self.assertEqual((by_ids["score"], by_ids["answer"], by_ids["start"]), (by_text["score"], by_text["answer"], None))
        (none,) = lines("answer", "--model", self.model, stdin=jsonl({"question": "who?", "context": ""}))
        self.assertEqual([none[key] for key in ["score", "start", "end", "answer"]], [None] * 4)

    def test_misuse(self):
        for stdin, arguments, status, fragment in [(jsonl({"question": "a"}), [], 1, "context"), (jsonl({"context": "a"}), [], 1, "question"),
                                                   ("a text\n", [], 1, "--question"), ("", ["--top-k", "0"], 2, "--top-k"),
                                                   (jsonl({"question": "the cat " * 90, "context": "a"}), [], 1, "line 1: the 183 tokens")]:
            done = berth("answer", "--model", self.model, *arguments, stdin=stdin)
            self.assertEqual(done.returncode, status, (stdin, done.stderr))
            self.assertIn(fragment, done.stderr)
        done = berth("answer", "--model", CASES / "bert-nli", "--question", "a", "b")
        self.assertEqual(done.returncode, 1)
        self.assertIn("question-answering", done.stderr)


class ForPeople(unittest.TestCase):
    def shown(self, *arguments, **options):
        done = berth(*arguments, "--table", **options)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout.decode().split("\n")[:-1]

    def test_tables(self):
        text = "the cat\tsat"
        head, *rows = self.shown("zero-shot", "--model", CASES / "bert-nli", "--labels", "music,a delivery", text)
        self.assertEqual((head, len(rows)), ("the cat sat", 2))
        self.assertEqual(sorted(row[10:] for row in rows), ["a delivery", "music"])
        masked = WithTokenizer("bert-mlm", "bert")
        head, *rows = self.shown("fill-mask", "--model", masked.path, "-k", "2", "the [MASK] cat")
        self.assertEqual((head, len(rows)), ("the [MASK] cat", 2))
        head, *rows = self.shown("fill-mask", "--model", masked.path, "-k", "2", "the [MASK] [MASK]")
        self.assertEqual((rows[0], rows[3], len(rows)), ("  mask 1", "  mask 2", 6))
        masked.close()
        asked = WithTokenizer("bert-qa", "bert")
        head, row = self.shown("answer", "--model", asked.path, "-q", "who?", text)
        self.assertEqual(head, "who? | the cat sat")
        self.assertIn(row[10:], "the cat sat")
        self.assertEqual(self.shown("answer", "--model", asked.path, "-q", "who?", "")[1], "  (the context is empty)")
        self.assertIn(" windows)", self.shown("answer", "--model", asked.path, "-q", "who?", text * 40)[0])
        asked.close()


if __name__ == "__main__":
    unittest.main()
