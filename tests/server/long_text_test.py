#!/usr/bin/env python3
"""Texts that are too long, and prompts: windows, cuts on the left, the command line's bits. usage: long_text_test.py BERTH REPOSITORY"""
import json
import pathlib
import shutil
import unittest

from harness import CASES, WEIGHTS, Server, cli, fill_mask_model, temporary_folder

LONG = " ".join(["the quick brown fox, naïve as it is, jumps over the lazy dog"] * 12)
PROMPT = "query of the fox: "


def prompted(folder, name, include):
    """st-mean with a prompt; `include`: whether the pooling has the prompt's tokens."""
    target = pathlib.Path(folder) / name
    shutil.copytree(CASES / "st-mean", target)
    for path, fields in [(target / "config_sentence_transformers.json", {"prompts": {"query": PROMPT, "none": ""}}), (target / "1_Pooling/config.json", {"include_prompt": include})]:
        path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))
    return target


class LongTexts(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = temporary_folder()
        cls.models = {"plain": CASES / "st-mean", "included": prompted(cls.folder.name, "included", True), "left-out": prompted(cls.folder.name, "left-out", False),
                      "labels": CASES / "bert-seqcls", "cross": CASES / "bert-crossencoder", "nli": CASES / "bert-nli", "tagger": CASES / "bert-tokencls",
                      "mlm": fill_mask_model(cls.folder.name), "intent": WEIGHTS / "intent"}
        cls.server = Server(*[each for name, model in cls.models.items() for each in ("--model", f"{name}={model}")], "--threads", "2", "--cache", "1MB")

    @classmethod
    def tearDownClass(cls):
        status = cls.server.stop()
        cls.folder.cleanup()
        assert status == 0, cls.server.lines

    def good(self, path, **body):
        response = self.server.post(path, body)
        self.assertEqual(response.status, 200, response)
        return response

    def refused(self, path, words, status=422, **body):
        response = self.server.post(path, body)
        self.assertEqual(response.status, status, (body, response))
        self.assertIn(words, response.text)

    def test_windows_of_embeddings(self):
        texts = [LONG, "the fox", LONG + " the end"]
        for options, fields in [(["--long-text", "window"], {}), (["--stride", "9"], {"stride": 9})]:
            rows = cli("encode", "--model", self.models["plain"], *options, *texts)
            self.assertGreater(rows[0]["windows"], 1)
            for _ in range(2):  # the second time from the cache
                response = self.good("/embed", inputs=texts, model="plain", normalize=False, long_text="window", **fields)
                self.assertEqual([row["embedding"] for row in rows], response.json)
                self.assertEqual(response.headers["x-compute-tokens"], str(sum(row["tokens"] for row in rows)))
                self.assertEqual(response.headers["x-compute-windows"], str(sum(row["windows"] for row in rows)))
                self.assertEqual(response.headers["x-truncated-inputs"], "0")
        rows = cli("encode", "--model", self.models["plain"], "--normalize", "--long-text", "window", *texts)
        openai = self.good("/v1/embeddings", input=texts, model="plain", long_text="window").json
        self.assertEqual([row["embedding"] for row in rows], [each["embedding"] for each in openai["data"]])
        self.assertEqual(openai["usage"]["total_tokens"], sum(row["tokens"] for row in rows))
        cut = self.good("/embed", inputs=texts, model="plain", normalize=False)
        self.assertEqual(cut.headers["x-truncated-inputs"], "2")
        self.assertNotIn("x-compute-windows", cut.headers)
        self.assertNotEqual(cut.json[0], self.good("/embed", inputs=LONG, model="plain", normalize=False, long_text="window").json[0])
        self.assertEqual(cut.body, self.good("/embed", inputs=texts, model="plain", normalize=False, long_text="truncate").body)

    def test_windows_of_labels_and_scores(self):
        for options, fields in [([], {}), (["--window-scores", "max", "--stride", "5"], {"window_scores": "max", "stride": 5})]:
            rows = cli("classify", "--model", self.models["labels"], "--top-k", "0", "--long-text", "window", *options, LONG, "the fox")
            ours = self.good("/v1/classify", input=[LONG, "the fox"], model="labels", long_text="window", **fields).json["data"]
            for i, row in enumerate(rows):
                row.pop("text")
                self.assertEqual({"index": i, **row}, ours[i])
            tei = self.good("/predict", inputs=[[LONG], ["the fox"]], model="labels", long_text="window", **fields).json
            self.assertEqual([[(each["label"], each["score"]) for each in row["labels"]] for row in rows], [[(each["label"], each["score"]) for each in row] for row in tei])
        line = json.dumps({"query": "the fox", "texts": [LONG, "a dog"]}).encode()
        (row,) = cli("rerank", "--model", self.models["cross"], "--long-text", "window", "--input", "-", stdin=line)
        got = self.good("/rerank", query="the fox", texts=[LONG, "a dog"], model="cross", long_text="window").json
        self.assertEqual([(each["index"], each["score"]) for each in row["results"]], [(each["index"], each["score"]) for each in got])
        (row,) = cli("tag", "--model", self.models["tagger"], "--aggregation", "simple", "--long-text", "window", LONG)
        got = self.good("/v1/tag", input=LONG, model="tagger", aggregation="simple", long_text="window").json["data"][0]
        self.assertEqual((row["entities"], row["tokens"], row["windows"]), (got["entities"], got["tokens"], got["windows"]))

    def test_what_has_no_windows(self):
        self.refused("/embed_all", "windows are for", inputs="a", model="plain", long_text="window")
        self.refused("/embed_sparse", "windows are for", inputs="a", model="mlm", long_text="window")
        self.refused("/v1/fill_mask", "windows are for", input="the [MASK]", model="mlm", long_text="window")
        self.refused("/v1/zero_shot", "windows are for", input="a", labels=["b"], model="nli", long_text="window")
        self.refused("/v1/tag", "windows are for", input="a", model="tagger", long_text="window")
        ids = cli("tokenize", "--model", self.models["plain"], LONG)[0]["ids"]
        self.refused("/embed", "ids run as they are", inputs=[ids], model="plain", long_text="window")
        self.refused("/embed", "long_text", inputs="a", long_text="sideways")
        self.refused("/embed", "truncate", inputs="a", long_text="window", truncate=False)
        self.refused("/embed", "stride", inputs="a", stride=3)
        self.refused("/embed", "stride", inputs="a", long_text="window", stride=-3)
        self.refused("/predict", "window_scores", inputs="a", model="labels", long_text="window", window_scores="median")
        self.refused("/embed", "less than", inputs=LONG, model="plain", long_text="error")

    def test_masks_and_words_count_as_memory(self):
        with Server("--model", self.models["mlm"], "--threads", "1", "--result-memory", "1MB") as server:
            for body in [{"input": "[MASK] " * 60, "top_k": 0}, {"input": ["[MASK] " * 60] * 64, "top_k": 2 ** 59}]:
                response = server.post("/v1/fill_mask", body)
                self.assertEqual(response.status, 422, response)
                self.assertIn("MB", response.text)
            for top_k in [0, 5, 100000]:
                self.assertEqual(server.post("/v1/fill_mask", {"input": "the [MASK]", "top_k": top_k}).status, 200)

    def test_error_is_truncate_false(self):
        one, other = ({"inputs": LONG, "model": "plain", **fields} for fields in [{"truncate": False}, {"long_text": "error"}])
        self.assertEqual(self.server.post("/embed", one).body, self.server.post("/embed", other).body)

    def test_cut_on_the_left_with_a_prompt(self):
        """What a prompt and a text are together is cut as one text."""
        left = {"truncation_direction": "left", "normalize": False}
        for name in ["included", "left-out"]:
            for text in ["the fox", LONG]:
                (row,) = cli("encode", "--model", self.models[name], "--prompt-name", "query", text)
                got = self.good("/embed", inputs=text, model=name, prompt_name="query", normalize=False)
                self.assertEqual([row["embedding"]], got.json, (name, text))
                self.assertEqual(got.headers["x-compute-tokens"], str(row["tokens"]))
        whole = self.good("/embed", inputs=PROMPT + LONG, model="plain", **left)
        got = self.good("/embed", inputs=LONG, model="included", prompt_name="query", **left)
        self.assertEqual(whole.json, got.json)
        self.assertEqual(got.headers["x-truncated-inputs"], "1")
        self.assertNotEqual(got.json, self.good("/embed", inputs=LONG, model="included", prompt_name="query", normalize=False).json)
        # Where the pooling leaves the prompt out, what is not too long is the same on either side, and the rest is refused.
        short = self.good("/embed", inputs="the fox", model="left-out", prompt_name="query", **left)
        self.assertEqual(short.json, self.good("/embed", inputs="the fox", model="left-out", prompt_name="query", normalize=False).json)
        self.refused("/embed", "truncation_direction", inputs=LONG, model="left-out", prompt_name="query", **left)
        self.refused("/embed", "less than", inputs=LONG, model="left-out", prompt_name="query", truncate=False)
        # Tokens and sparse vectors with prompts.
        (row,) = cli("encode", "--model", self.models["included"], "--prompt-name", "query", "--tokens", "the fox")
        self.assertEqual([row["token_embeddings"]], self.good("/embed_all", inputs="the fox", model="included", prompt_name="query").json)
        # A window has its prompt.
        (row,) = cli("encode", "--model", self.models["included"], "--prompt-name", "query", "--long-text", "window", LONG)
        self.assertEqual([row["embedding"]], self.good("/embed", inputs=LONG, model="included", prompt_name="query", normalize=False, long_text="window").json)

    def test_tokens_of_tasks_are_the_librarys(self):
        for command, path, model, arguments, fields in [("tag", "/v1/tag", "tagger", [], {}), ("zero-shot", "/v1/zero_shot", "nli", ["--labels", "dog,fox"], {"labels": ["dog", "fox"]}),
                                                        ("fill-mask", "/v1/fill_mask", "mlm", [], {})]:
            texts = ["the [MASK] of time", "the [MASK] [MASK]" + " fox" * 400]
            rows = cli(command, "--model", self.models[model], *arguments, *texts)
            response = self.good(path, input=texts, model=model, **fields)
            self.assertEqual([(row["tokens"], row["truncated"]) for row in rows], [(row["tokens"], row["truncated"]) for row in response.json["data"]], command)
            self.assertTrue(rows[1]["truncated"])
            self.assertEqual(response.headers["x-truncated-inputs"], "1")
            self.refused(path, "less than", input=texts, model=model, truncate=False, **fields)
            self.refused(path, "truncation_direction", input=texts, model=model, truncation_direction="left", **fields)
            self.good(path, input=texts[:1], model=model, truncate=False, truncation_direction="left", **fields)


if __name__ == "__main__":
    unittest.main()
