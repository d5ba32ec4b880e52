#!/usr/bin/env python3
"""The server's answers: the same bits as the command line's, the same routes as the document lists. usage: routes_test.py BERTH REPOSITORY"""
import base64
import json
import pathlib
import struct
import unittest

from harness import CASES, WEIGHTS, Server, cli, fill_mask_model, message, read_response, temporary_folder, with_tokenizer
from routers import LIMIT, dense_router, sparse_router  # which harness makes known

TEXTS = ["How do I change my PIN?", "I want to set a new pin code", "Play some jazz in the kitchen", "Ünïcödé 日本語 😀", "word " * 400, "x"]


def bits(values):
    return [struct.unpack("<I", struct.pack("<f", value))[0] for value in values]


class Shared(unittest.TestCase):
    """One server with a model of every kind."""

    @classmethod
    def setUpClass(cls):
        cls.folder = temporary_folder()
        cls.mlm = fill_mask_model(cls.folder.name)
        models = {"intent": WEIGHTS / "intent", "sentiment": WEIGHTS / "sentiment", "emotion": WEIGHTS / "emotion", "cross": CASES / "bert-crossencoder",
                  "nli": CASES / "bert-nli", "tagger": CASES / "bert-tokencls", "mlm": cls.mlm, "plain": CASES / "st-mean", "dense": CASES / "st-dense-tanh"}
        folder = pathlib.Path(cls.folder.name)
        models |= {"qa": with_tokenizer("bert-qa", folder / "qa"), "routed": dense_router(folder / "routed"), "routed-sparse": sparse_router(folder / "routed-sparse", cls.mlm)}
        cls.directories = models
        cls.server = Server(*[each for name, directory in models.items() for each in ("--model", f"{name}={directory}")])

    @classmethod
    def tearDownClass(cls):
        status = cls.server.stop()
        cls.folder.cleanup()
        assert status == 0, (status, cls.server.lines)

    def good(self, path, body):
        response = self.server.post(path, body)
        self.assertEqual(response.status, 200, response)
        return response


class SameAsTheCommandLine(Shared):
    def test_embed(self):
        for name in ["intent", "plain", "dense"]:
            texts = TEXTS if name == "intent" else ["the fox", "a quick brown dog", "over"]
            normalized = name == "intent"
            expected = cli("encode", "--model", self.directories[name], *([] if normalized else ["--normalize"]), *texts)
            got = self.good("/embed", {"inputs": texts, "model": name}).json
            for row, embedding in zip(expected, got):
                self.assertEqual(bits(row["embedding"]), bits(embedding), name)
            alone = self.good("/embed", {"inputs": texts[0], "model": name}).json
            self.assertEqual(alone, got[:1])
            expected = cli("encode", "--model", self.directories[name], "--truncate-dim", "16", "--normalize", *texts)
            got = self.good("/embed", {"inputs": texts, "model": name, "dimensions": 16}).json
            self.assertEqual([bits(row["embedding"]) for row in expected], [bits(row) for row in got])

    def test_embed_without_normalizing(self):
        (row,) = cli("encode", "--model", self.directories["plain"], "the fox")
        (got,) = self.good("/embed", {"inputs": "the fox", "model": "plain", "normalize": False}).json
        self.assertEqual(bits(row["embedding"]), bits(got))
        (got,) = self.good("/embed", {"inputs": TEXTS[0], "normalize": False}).json
        (unit,) = self.good("/embed", {"inputs": TEXTS[0]}).json
        length = sum(value * value for value in got) ** 0.5
        self.assertGreater(abs(length - 1), 0.01)
        for one, other in zip(got, unit):
            self.assertAlmostEqual(one / length, other, delta=1e-6)

    def test_embed_all(self):
        (row,) = cli("encode", "--model", self.directories["intent"], "--tokens", TEXTS[0])
        (got,) = self.good("/embed_all", {"inputs": TEXTS[0]}).json
        self.assertEqual([bits(token) for token in row["token_embeddings"]], [bits(token) for token in got])

    def test_sparse(self):
        (row,) = cli("encode", "--model", self.mlm, "--sparse", "the fox")
        (got,) = self.good("/embed_sparse", {"inputs": "the fox", "model": "mlm"}).json
        self.assertEqual([(each["index"], each["value"]) for each in row["sparse"]], [(each["index"], each["value"]) for each in got])

    def test_ollama(self):
        got = self.good("/api/embed", {"model": "intent", "input": TEXTS[:3], "keep_alive": "5m", "options": {}}).json
        self.assertEqual(list(got), ["model", "embeddings", "total_duration", "load_duration", "prompt_eval_count"])
        self.assertEqual((got["model"], got["embeddings"]), ("intent", self.good("/embed", {"inputs": TEXTS[:3]}).json))
        self.assertEqual(got["prompt_eval_count"], sum(row["tokens"] for row in cli("encode", "--model", self.directories["intent"], *TEXTS[:3])))
        self.assertGreater(got["total_duration"], 10_000)  # nanoseconds
        self.assertEqual(len(self.good("/api/embed", {"input": "x", "dimensions": 8}).json["embeddings"][0]), 8)
        long = self.server.post("/api/embed", {"input": TEXTS[4], "truncate": False})
        self.assertEqual((long.status, list(long.json)[0]), (422, "error"))

    def test_embed_chunks(self):
        text = "Play some music. 😀 My card is lost!"
        spans = [[0, 16], [17, len(text)], [16, 17]]
        ((first, second, space),) = self.good("/embed_chunks", {"inputs": text, "spans": spans}).json
        self.assertEqual([(each["start"], each["end"]) for each in (first, second, space)], [tuple(span) for span in spans])
        tokens = self.good("/embed_all", {"inputs": text}).json[0][1:1 + first["tokens"]]
        mean = [sum(values) / len(tokens) for values in zip(*tokens)]
        length = sum(value * value for value in mean) ** 0.5
        for value, expected in zip(first["embedding"], mean):
            self.assertAlmostEqual(value, expected / length, delta=2e-6)
        self.assertEqual((space["tokens"], set(space["embedding"])), (0, {0.0}))
        response = self.good("/embed_chunks", {"inputs": [{"text": TEXTS[0], "spans": [[0, 4]]}, {"text": text, "spans": spans}], "dimensions": 8, "normalize": False})
        self.assertEqual([len(row) for row in response.json], [1, 3])
        self.assertEqual(len(response.json[1][0]["embedding"]), 8)
        self.assertEqual(self.good("/embed_chunks", {"inputs": {"text": text, "spans": spans}}).json, [[first, second, space]])
        long = {"inputs": TEXTS[4] * 3, "spans": [[0, 4], [5900, 5904]]}
        cut = self.good("/embed_chunks", long)
        self.assertEqual((cut.json[0][1]["tokens"], cut.headers["x-truncated-inputs"]), (0, "1"))
        windows = self.good("/embed_chunks", {**long, "long_text": "window"})
        self.assertEqual((windows.json[0][1]["tokens"], windows.headers["x-truncated-inputs"]), (1, "0"))
        self.assertGreater(int(windows.headers["x-compute-windows"]), 1)
        for body, word in [({"spans": [[0, 99]]}, "beyond"), ({"spans": [[3, 2]]}, "stretch"), ({"spans": [[0]]}, "spans"), ({"spans": [[-1, 2]]}, "spans"), ({}, "spans"),
                           ({"inputs": [{"text": "x"}]}, "spans"), ({"inputs": ""}, ""),
                           ({"spans": spans, "truncation_direction": "Left"}, "truncation_direction"), ({**long, "truncate": False}, "tokens")]:
            refused = self.server.post("/embed_chunks", {"inputs": text, **body})
            self.assertIn(refused.status, (400, 422), (body, refused))
            self.assertIn(word.encode(), refused.body)

    def test_answer(self):
        question, context = "the fox", "the quick brown fox jumps over a dog"
        record = json.dumps({"question": question, "context": context}).encode() + b"\n"
        (row,) = cli("answer", "--model", self.directories["qa"], "--top-k", "3", "--input", "-", stdin=record)
        (got,) = self.good("/v1/answer", {"question": question, "context": context, "top_k": 3, "model": "qa"}).json["data"]
        for key in ["score", "start", "end", "answer", "answers", "tokens", "truncated", "windows"]:
            self.assertEqual(got[key], row[key], key)
        pairs = [{"question": question, "context": context}, {"question": "a dog", "context": context * 20}]
        several = self.good("/v1/answer", {"input": pairs, "model": "qa", "stride": 8}).json["data"]
        self.assertEqual(([each["index"] for each in several], "answers" in several[0]), ([0, 1], False))
        self.assertGreater(several[1]["windows"], 1)
        self.assertEqual(several[:1], self.good("/v1/answer", {"input": pairs[0], "model": "qa", "stride": 8}).json["data"])
        for body, status, word in [({"question": "x"}, 422, "context"), ({"input": [], "model": "qa"}, 400, ""), ({"question": "x", "context": "y"}, 424, "question-answering"),
                                   ({"input": ["x"], "model": "qa"}, 422, "input[0]"), ({**pairs[0], "model": "qa", "top_k": 0}, 422, "top_k"),
                                   ({**pairs[0], "model": "qa", "truncate": True}, 422, "truncate")]:
            refused = self.server.post("/v1/answer", body)
            self.assertEqual(refused.status, status, (body, refused))
            self.assertIn(word.encode(), refused.body)

    def test_queries_of_a_router(self):
        texts = ["play some music", "card", "nothing known"]
        for role in ["query", "document"]:  # those of documents end with Normalize
            expected = cli("encode", "--model", self.directories["routed"], "--role", role, *(["--normalize"] if role == "query" else []), *texts)
            got = self.good("/embed", {"inputs": texts, "model": "routed", "role": role}).json
            self.assertEqual([bits(row["embedding"]) for row in expected], [bits(row) for row in got], role)
            openai = self.good("/v1/embeddings", {"input": texts, "model": "routed", "role": role}).json
            self.assertEqual([each["embedding"] for each in openai["data"]], got)
            self.assertEqual(openai["usage"]["prompt_tokens"], sum(row["tokens"] for row in expected))
        self.assertNotEqual(got, self.good("/embed", {"inputs": texts, "model": "routed", "role": "query"}).json)
        for role in ["query", "document"]:
            expected = cli("encode", "--model", self.directories["routed-sparse"], "--role", role, *texts)
            got = self.good("/embed_sparse", {"inputs": texts, "model": "routed-sparse", "role": role}).json
            self.assertEqual([[(each["index"], each["value"]) for each in row["sparse"]] for row in expected],
                             [[(each["index"], each["value"]) for each in row] for row in got], role)
        ids = self.good("/embed", {"inputs": [[1, 2], [4]], "model": "routed", "role": "query"}).json
        self.assertEqual(ids, self.good("/embed", {"inputs": ["play music", "card"], "model": "routed", "role": "query"}).json)
        # Longer than the model for documents takes: the one for queries has another limit, and the end counts as well.
        text = "play " * 6400 + "music " * 6400
        (expected,) = cli("encode", "--model", self.directories["routed"], "--role", "query", "--normalize", text)
        (got,) = self.good("/embed", {"inputs": text, "model": "routed", "role": "query", "truncate": False}).json
        self.assertEqual(bits(expected["embedding"]), bits(got))
        # Ids have the same limit as texts, from either side.
        body = {"inputs": [[1] * LIMIT + [2]], "model": "routed-sparse", "role": "query"}
        for side, left in [("right", [1]), ("left", [1, 2])]:
            cut = self.good("/embed_sparse", {**body, "truncation_direction": side})
            self.assertEqual((cut.headers["x-truncated-inputs"], cut.headers["x-compute-tokens"]), ("1", str(LIMIT)))
            self.assertEqual([each["index"] for each in cut.json[0]], left)
        refused = self.server.post("/embed_sparse", {**body, "truncate": False})
        self.assertEqual(refused.status, 422, refused)
        self.assertIn(f"less than {LIMIT} tokens", refused.json["error"])
        loaded = {line.split("model=")[1].split()[0]: int(line.split("bytes=")[1].split()[0]) for line in self.server.lines if "model loaded" in line}
        self.assertEqual(loaded["routed"], loaded["intent"] + 4 * 5 * 192, "with the weights of queries")
        # Of a model that does not tell them apart it says nothing.
        self.assertEqual(self.good("/embed", {"inputs": "x", "role": "query"}).json, self.good("/embed", {"inputs": "x"}).json)
        for path, body, word in [("/embed", {"role": "other"}, "role"), ("/embed_all", {"role": "query"}, "role"), ("/embed", {"inputs": [[9]], "role": "query"}, "token id 9"),
                                 ("/embed", {"role": "query", "truncation_direction": "Left"}, "truncation_direction")]:
            refused = self.server.post(path, {"inputs": "play", "model": "routed", **body})
            self.assertEqual(refused.status, 422, refused)
            self.assertIn(word.encode(), refused.body)

    def test_ids_are_used_as_they_are(self):
        ids = cli("tokenize", "--model", self.directories["intent"], TEXTS[0])[0]["ids"]
        self.assertEqual(self.good("/embed", {"inputs": ids}).json, self.good("/embed", {"inputs": TEXTS[0]}).json)
        several = self.good("/embed", {"inputs": [ids, TEXTS[1]]}).json
        self.assertEqual(several, self.good("/embed", {"inputs": TEXTS[:2]}).json)
        shuffled = [ids[0], *reversed(ids[1:-1]), ids[-1]]
        self.assertNotEqual(self.good("/embed", {"inputs": shuffled}).json, several[:1])

    def test_openai(self):
        plain = self.good("/v1/embeddings", {"input": TEXTS[:3], "model": "intent"}).json
        self.assertEqual(list(plain), ["object", "data", "model", "usage"])
        self.assertEqual([each["embedding"] for each in plain["data"]], self.good("/embed", {"inputs": TEXTS[:3]}).json)
        self.assertEqual([each["index"] for each in plain["data"]], [0, 1, 2])
        tokens = sum(row["tokens"] for row in cli("encode", "--model", self.directories["intent"], *TEXTS[:3]))
        self.assertEqual(plain["usage"], {"prompt_tokens": tokens, "total_tokens": tokens})
        coded = self.good("/v1/embeddings", {"input": TEXTS[:3], "model": "intent", "encoding_format": "base64"}).json
        for one, other in zip(plain["data"], coded["data"]):
            raw = base64.b64decode(other["embedding"], validate=True)
            self.assertEqual(list(struct.unpack(f"<{len(raw) // 4}I", raw)), bits(one["embedding"]))
        short = self.good("/v1/embeddings", {"input": TEXTS[0], "model": "intent", "dimensions": 8}).json
        self.assertEqual([short["data"][0]["embedding"]], self.good("/embed", {"inputs": TEXTS[0], "dimensions": 8}).json)

    def test_predict_and_classify(self):
        for name in ["sentiment", "emotion"]:
            texts = ["A warm, funny film.", "Two hours of my life", "ok"]
            expected = cli("classify", "--model", self.directories[name], "--top-k", "0", *texts)
            got = self.good("/predict", {"inputs": [[text] for text in texts], "model": name}).json
            self.assertEqual([[(each["label"], each["score"]) for each in row["labels"]] for row in expected],
                             [[(each["label"], each["score"]) for each in row] for row in got])
            ours = self.good("/v1/classify", {"input": texts, "model": name}).json
            self.assertEqual([row["labels"] for row in expected], [row["labels"] for row in ours["data"]])
            self.assertEqual([row["tokens"] for row in expected], [row["tokens"] for row in ours["data"]])
            raw = cli("classify", "--model", self.directories[name], "--top-k", "0", "--raw-scores", texts[0])[0]["labels"]
            got = self.good("/predict", {"inputs": texts[0], "raw_scores": True, "model": name}).json
            self.assertEqual([(each["label"], each["score"]) for each in raw], [(each["label"], each["score"]) for each in got])
        one = self.good("/v1/classify", {"input": "ok", "model": "emotion", "top_k": 2}).json["data"][0]["labels"]
        self.assertEqual(len(one), 2)

    def test_rerank(self):
        query, texts = "the fox", ["a dog", "the quick brown fox", "jumps", ""]
        lines = json.dumps({"query": query, "texts": texts}).encode()
        (row,) = cli("rerank", "--model", self.directories["cross"], "--return-texts", "--input", "-", stdin=lines)
        got = self.good("/rerank", {"query": query, "texts": texts, "return_text": True, "model": "cross"}).json
        self.assertEqual([(each["index"], each["score"], each["text"]) for each in row["results"]], [(each["index"], each["score"], each["text"]) for each in got])
        jina = self.good("/v1/rerank", {"query": query, "documents": texts, "top_n": 2, "return_documents": True, "model": "cross"}).json
        self.assertEqual([(each["index"], each["relevance_score"], each["document"]["text"]) for each in jina["results"]],
                         [(each["index"], each["score"], each["text"]) for each in got[:2]])
        self.assertEqual(jina["usage"]["total_tokens"], row["tokens"])

    def test_similarity(self):
        expected = cli("similarity", "--model", self.directories["intent"], *TEXTS[:4])[0]["similarities"][1:]
        got = self.good("/similarity", {"inputs": {"source_sentence": TEXTS[0], "sentences": TEXTS[1:4]}}).json
        self.assertEqual(bits(expected), bits(got))

    def test_tag(self):
        text = "the quick brown fox jumps over the lazy dog"
        for aggregation in ["none", "simple"]:
            (row,) = cli("tag", "--model", self.directories["tagger"], "--aggregation", aggregation, text)
            got = self.good("/v1/tag", {"input": text, "model": "tagger", "aggregation": aggregation}).json["data"][0]
            self.assertEqual((row["entities"], row["tokens"]), (got["entities"], got["tokens"]))
            self.assertTrue(row["entities"])

    def test_zero_shot(self):
        (row,) = cli("zero-shot", "--model", self.directories["nli"], "--labels", "dog,fox,tree", "the fox")
        got = self.good("/v1/zero_shot", {"input": "the fox", "labels": ["dog", "fox", "tree"], "model": "nli"}).json["data"][0]
        self.assertEqual((row["labels"], row["scores"]), (got["labels"], got["scores"]))

    def test_fill_mask(self):
        for text in ["the [MASK] of time", "the [MASK] [MASK]"]:
            (row,) = cli("fill-mask", "--model", self.mlm, text)
            got = self.good("/v1/fill_mask", {"input": text, "model": "mlm"}).json["data"][0]
            self.assertEqual(row["fills"], got["fills"])

    def test_tokenize_and_decode(self):
        text = "How  do I change my Ünïcödé PIN?"
        (row,) = cli("tokenize", "--model", self.directories["intent"], text)
        (got,) = self.good("/tokenize", {"inputs": text}).json
        self.assertEqual(row["ids"], [token["id"] for token in got])
        for token, offsets, name in zip(got, row["offsets"], row["tokens"]):
            if token["special"]:
                self.assertEqual((token["start"], token["stop"], token["text"]), (None, None, name))
            else:
                self.assertEqual(token["text"], text[offsets[0]:offsets[1]])
                self.assertEqual(text.encode()[token["start"]:token["stop"]].decode(), token["text"])
        self.assertEqual(self.good("/decode", {"ids": row["ids"]}).json, ["how do i change my unicode pin?"])
        self.assertTrue(self.good("/decode", {"ids": [row["ids"]], "skip_special_tokens": False}).json[0].startswith("[CLS]"))
        (bare,) = self.good("/tokenize", {"inputs": [text], "add_special_tokens": False}).json
        self.assertEqual([token["id"] for token in bare], row["ids"][1:-1])

    def test_cut_texts_are_told(self):
        response = self.good("/embed", {"inputs": [TEXTS[4], TEXTS[0]]})
        rows = cli("encode", "--model", self.directories["intent"], TEXTS[4], TEXTS[0])
        self.assertTrue(rows[0]["truncated"])
        self.assertEqual(response.headers["x-truncated-inputs"], "1")
        self.assertEqual(response.headers["x-compute-tokens"], str(rows[0]["tokens"] + rows[1]["tokens"]))
        self.assertEqual(response.headers["x-compute-type"], "cpu")
        for name in ["x-compute-time", "x-total-time", "x-tokenization-time", "x-queue-time", "x-inference-time", "x-compute-characters"]:
            self.assertRegex(response.headers[name], r"^\d+$")
        limit = rows[0]["tokens"]
        refused = self.server.post("/embed", {"inputs": TEXTS[4], "truncate": False})
        count = len(cli("tokenize", "--model", self.directories["intent"], TEXTS[4])[0]["ids"])
        self.assertEqual((refused.status, refused.json), (422, {"error": f"Input validation error: `inputs` must have less than {limit} tokens. Given: {count}", "error_type": "Validation"}))
        left = self.good("/embed", {"inputs": "first " + TEXTS[4] + "last", "truncation_direction": "left"}).json
        right = self.good("/embed", {"inputs": "first " + TEXTS[4] + "last", "truncation_direction": "Right"}).json
        self.assertNotEqual(left, right)
        self.assertEqual(left, self.good("/embed", {"inputs": TEXTS[4] + "last", "truncation_direction": "Left"}).json)

    def test_many_at_once(self):
        texts = [f"{TEXTS[i % 4]} number {i}" for i in range(300)]
        rows = cli("encode", "--model", self.directories["intent"], "--input", "-", stdin="\n".join(texts).encode())
        self.assertEqual([row["embedding"] for row in rows], self.good("/embed", {"inputs": texts}).json)

    def test_pipelining(self):
        requests = [message("POST", "/embed", {"inputs": text}) for text in TEXTS[:4]] + [message("GET", "/health")] + [message("POST", "/embed", {"inputs": TEXTS[0]})]
        expected = self.good("/embed", {"inputs": TEXTS[:4]}).json
        with self.server.connect() as connection:
            connection.sendall(b"".join(requests))
            stream = connection.makefile("rb")
            for embedding in expected:
                self.assertEqual(read_response(stream).json, [embedding])
            self.assertEqual(read_response(stream).status, 200)
            self.assertEqual(read_response(stream).json, expected[:1])


class Document(Shared):
    def test_every_route_of_the_document_exists(self):
        document = self.server.request("GET", "/openapi.json")
        self.assertEqual(document.headers["content-type"], "application/json")
        self.assertEqual(document.body, self.server.request("GET", "/api-doc/openapi.json").body)
        paths = document.json["paths"]
        self.assertGreaterEqual(len(paths), 25)
        references = json.dumps(document.json)
        for name in set(part.split('"')[0] for part in references.split("#/components/schemas/")[1:]):
            self.assertIn(name, document.json["components"]["schemas"])
        for path, methods in paths.items():
            for method, operation in methods.items():
                if path.startswith("/admin/"):
                    continue
                response = self.server.request(method.upper(), path, None if method == "get" else b"{")
                self.assertEqual(response.status, 200 if method == "get" else 400, (path, response))
                self.assertIn("summary", operation)
            wrong = self.server.request("DELETE", path)
            if not path.startswith("/admin/"):
                self.assertEqual((wrong.status, wrong.body), (405, b""), path)
                self.assertIn("GET" if "get" in methods else "POST", wrong.headers["allow"])
        self.assertIn("/v1/embeddings", self.server.request("GET", "/docs").text)

    def test_info_and_models(self):
        info = self.server.request("GET", "/info").json
        self.assertEqual(info["served_model_name"], "intent")
        self.assertEqual(info["model_type"], {"embedding": {"pooling": "mean"}})
        self.assertEqual(info["max_input_length"], cli("info", "--model", self.directories["intent"])[0]["model"]["max_length"])
        models = self.server.request("GET", "/v1/models").json
        self.assertEqual([each["id"] for each in models["data"]], list(self.directories))
        self.assertTrue(all(each["loaded"] for each in models["data"]))

    def test_unknown_models(self):
        response = self.server.post("/v1/embeddings", {"input": "x", "model": "text-embedding-3-small"})
        self.assertEqual((response.status, response.json["code"], response.json["type"]), (404, 404, "NotFound"))

    def test_head(self):
        head = self.server.request("HEAD", "/openapi.json")
        self.assertEqual((head.status, head.body), (200, b""))
        self.assertEqual(int(head.headers["content-length"]), len(self.server.request("GET", "/openapi.json").body))

    def test_ids_and_traces(self):
        trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
        response = self.server.request("GET", "/health", headers={"x-request-id": "abc-1", "traceparent": trace})
        self.assertEqual(response.headers["x-request-id"], "abc-1")
        self.assertRegex(response.headers["traceparent"], r"^00-0af7651916cd43dd8448eb211c80319c-[0-9a-f]{16}-01$")
        self.assertNotIn("b7ad6b7169203331", response.headers["traceparent"])
        other = self.server.request("GET", "/health", headers={"traceparent": "00-zz"})
        self.assertRegex(other.headers["x-request-id"], r"^[0-9a-f]{32}$")
        self.assertRegex(other.headers["traceparent"], r"^00-[0-9a-f]{32}-[0-9a-f]{16}-00$")


if __name__ == "__main__":
    unittest.main()
