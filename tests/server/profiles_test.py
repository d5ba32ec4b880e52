#!/usr/bin/env python3
"""/v1/classify by named profiles: the command line's bits, rules without a model, reloading, metrics. usage: profiles_test.py BERTH REPOSITORY"""
import json
import shutil
import signal
import threading
import time
import unittest

from harness import REPOSITORY, WEIGHTS, Server, cli, run, until

import profiles  # which harness makes known

TRIAGE = REPOSITORY / "examples/triage/triage.json"
MESSAGES = [line.split("\t")[1] for line in (REPOSITORY / "examples/triage/messages.tsv").read_text(encoding="utf-8").splitlines()[1:]]


def least(**fields):
    return profiles.least(**{"rules": [{"name": "stolen", "action": "raise", "label": "card", "phrases": ["stolen"]}], **fields})


class WithFolder(profiles.WithFolder):
    def classify(self, server, texts, **fields):
        response = server.post("/v1/classify", {"input": texts, **fields})
        self.assertEqual(response.status, 200, response)
        return response


class Answers(WithFolder):
    def test_the_command_lines_bits(self):
        shutil.copytree(TRIAGE.parent, self.folder / "triage")
        file = self.folder / "triage/triage.json"
        profile = json.loads(file.read_text(encoding="utf-8"))
        profile["model"] = str(WEIGHTS / "intent")
        file.write_text(json.dumps(profile), encoding="utf-8")
        self.assertGreater(len(MESSAGES), 100)
        texts = [*MESSAGES, "word " * 2000 + "I want to end my life", "Ünïcödé 日本語 😀 \"quoted\" \\ \n", "bunuh diri"]
        expected = cli("classify", "--profile", file, "--input", "-", "--threads", "2", stdin="".join(json.dumps({"text": text}) + "\n" for text in texts).encode())
        for row in expected:
            row.pop("text")
        self.assertGreaterEqual(len(set(row["decided_by"] for row in expected)), 2)
        small = self.write(least(), "small.json")
        with Server("--profile", file, "--profile", f"other={small}", "--model", WEIGHTS / "sentiment", "--threads", "2", "--max-batch-tokens", "200") as server:
            response = self.classify(server, texts, profile="triage")
            self.assertEqual([{"index": i, **row} for i, row in enumerate(expected)], response.json["data"])
            self.assertEqual([list(row) for row in response.json["data"]], [["index", *row] for row in expected])  # fields in their order
            tokens = sum(row["tokens"] for row in expected)
            self.assertEqual((response.json["model"], response.json["usage"]), ("triage", {"prompt_tokens": tokens, "total_tokens": tokens}))
            self.assertEqual(response.headers["x-compute-tokens"], str(tokens))
            self.assertEqual(response.headers["x-truncated-inputs"], str(sum(row["truncated"] for row in expected)))
            # The same from many connections at once, whose texts share batches; and by the name of a model.
            bad = []

            def ask(first):
                for i in range(first, len(texts), 4):
                    key = "model" if i % 2 else "profile"
                    if server.post("/v1/classify", {"input": texts[i], key: "triage"}).json["data"] != [{"index": 0, **expected[i]}]:
                        bad.append(texts[i])
            clients = [threading.Thread(target=ask, args=(i,)) for i in range(4)]
            for client in clients:
                client.start()
            for client in clients:
                client.join()
            self.assertEqual(bad, [])
            self.assertGreater(server.metrics()["te_batch_next_size_count"], 4)
            # The other profile, and the model, which is the first and answers where nothing is named.
            (row,) = cli("classify", "--profile", small, "my card was stolen")
            row.pop("text")
            self.assertEqual(self.classify(server, "my card was stolen", profile="other", model="whatever").json["data"], [{"index": 0, **row}])
            self.assertIn("labels", self.classify(server, "A fine film.").json["data"][0])

    def test_a_profile_alone(self):
        with Server("--profile", self.write(least()), "--threads", "1") as server:
            for fields in [{}, {"profile": "p"}, {"model": "p"}, {"model": "gpt"}]:
                self.assertEqual(self.classify(server, ["play some music"], **fields).json["data"][0]["label"], "music")
            (listed,) = server.request("GET", "/v1/models").json["data"]
            self.assertEqual((listed["id"], listed["kind"], listed["loaded"]), ("p", "profile", True))
            self.assertEqual(server.request("GET", "/info").json["model_type"]["classifier"]["id2label"], {"0": "card", "1": "music", "2": "other"})
            self.assertEqual(server.request("GET", "/health").status, 200)
            for path, body in [("/embed", {"inputs": "a"}), ("/embed_all", {"inputs": "a"}), ("/embed_sparse", {"inputs": "a"}), ("/predict", {"inputs": "a"}), ("/v1/tag", {"input": "a"}),
                               ("/rerank", {"query": "a", "texts": ["b"]}), ("/v1/embeddings", {"input": "a"}), ("/", {"inputs": "a"}), ("/v1/fill_mask", {"input": "a"}),
                               ("/v1/zero_shot", {"input": "a", "labels": ["b"]}), ("/similarity", {"inputs": {"source_sentence": "a", "sentences": ["b"]}})]:
                self.assertEqual(server.post(path, body).status, 424, path)
            for path, body in [("/tokenize", {"inputs": "a"}), ("/decode", {"ids": [5]})]:
                response = server.post(path, body)
                self.assertEqual((response.status, response.json["error"]), (424, "Backend error: a profile gives labels: /v1/classify"), path)
            self.assertTrue(server.alive())

    def test_refusals(self):
        model = ("--model", f"intent={WEIGHTS / 'intent'}", "--threads", "1")
        with Server(*model, "--profile", self.write(least()), "--openai-errors", "nested") as server:
            for body, status, words in [({"input": "a", "profile": "nobody"}, 404, "nobody"), ({"input": "a", "profile": "intent"}, 404, "intent"), ({"input": "a", "profile": ""}, 404, "profile"),
                                        ({"input": "a", "profile": 1}, 422, "profile"), ({"input": ["a", ["b", "c"]], "profile": "p"}, 422, "input"), ({"input": [], "profile": "p"}, 400, "empty"),
                                        ({"input": "", "profile": "p"}, 400, "empty"), ({"profile": "p"}, 422, "input"), ({"input": "a"}, 424, "profile"),
                                        *(({"input": "a", "profile": "p", key: value}, 422, key) for key, value in [("top_k", 1), ("raw_scores", True), ("truncate", True), ("long_text", "window")])]:
                response = server.post("/v1/classify", body)
                self.assertEqual(response.status, status, (body, response))
                self.assertIn(words, response.text)

    def test_cache(self):
        with Server("--profile", self.write(least()), "--threads", "1", "--cache", "1MB") as server:
            first = self.classify(server, ["play some music", "my card was stolen"])
            again = self.classify(server, ["play some music", "my card was stolen"])
            self.assertEqual(first.body, again.body)
            self.assertEqual(first.headers["x-compute-tokens"], again.headers["x-compute-tokens"])
            self.assertEqual(server.metrics()["berth_cache_hits_total"], 2)
            self.assertEqual(server.metrics()['berth_label_total{model="p",label="music"}'], 2)

    def test_settings_from_elsewhere(self):
        config = self.write({"profile": [f"a={self.write(least())}"], "model": [str(WEIGHTS / "intent")], "threads": 1, "precision": "int8"}, "berth.json")
        with Server("--config", config) as server:
            self.assertEqual([each["id"] for each in server.request("GET", "/v1/models").json["data"]], ["intent", "a"])
            (row,) = cli("classify", "--profile", self.folder / "p.json", "--precision", "int8", "I have lost a card")
            row.pop("text")
            self.assertEqual(self.classify(server, "I have lost a card", profile="a").json["data"], [{"index": 0, **row}])


class WithoutTheModel(WithFolder):
    def test_rules_answer(self):
        rules_only = least(model="nowhere", without_model="rules-only", default_without_model="music")
        with Server("--profile", self.write(rules_only), "--threads", "1", "--cache", "1MB") as server:
            self.assertTrue(any("only its rules decide" in line and "nowhere" in line for line in server.lines), server.lines)
            self.assertEqual(server.request("GET", "/health").status, 200)
            rows = self.classify(server, ["it was stolen", "hm"]).json["data"]
            self.assertEqual([(row["label"], row["decided_by"], row["model"], row["score"], row["nearest"], row["tokens"]) for row in rows],
                             [("card", "rule", False, None, None, 0), ("music", "default", False, None, None, 0)])
            (listed,) = server.request("GET", "/v1/models").json["data"]
            self.assertIn("nowhere", listed["error"])
            values = server.metrics()
            self.assertEqual(values['berth_profile_model{profile="p"}'], 0)
            self.assertEqual(values['berth_decisions_total{profile="p",decided_by="rule",model="false"}'], 1)
            self.assertEqual(values["berth_cache_entries"], 0)
            # The model comes: a reload takes it.
            shutil.copytree(WEIGHTS / "intent", self.folder / "nowhere")
            server.process.send_signal(signal.SIGHUP)
            until(lambda: server.metrics()['berth_profile_model{profile="p"}'] == 1, what="the model")
            (row,) = self.classify(server, "play some music").json["data"]
            self.assertEqual((row["label"], row["model"], row["decided_by"]), ("music", True, "model"))
            # It goes: what is loaded stays, and says so.
            shutil.rmtree(self.folder / "nowhere")
            server.process.send_signal(signal.SIGHUP)
            until(lambda: 'error' in server.request("GET", "/v1/models").json["data"][0], what="an error")
            self.assertIn("lose its model", server.request("GET", "/v1/models").json["data"][0]["error"])
            self.assertTrue(self.classify(server, "play some music").json["data"][0]["model"])

    def test_a_profile_that_wants_its_model(self):
        done = run("serve", "--profile", self.write(least(model="nowhere")), "--port", "0")
        self.assertEqual(done.returncode, 1)
        self.assertIn("nowhere", done.stderr)
        with Server("--profile", self.folder / "p.json", "--lazy", "--threads", "1") as server:
            response = server.post("/v1/classify", {"input": "a"})
            self.assertEqual(response.status, 503)
            self.assertIn("nowhere", response.text)


class Mistakes(WithFolder):
    def test_all_of_all_profiles_are_named_at_the_start(self):
        one, other = least(treshold=1), least(rules=[{"action": "sett", "label": "card", "patterns": ["("]}])
        one["labels"]["card"]["threshold"] = 7
        one, other = self.write(one, "one.json"), self.write(other, "other.json")
        for more in [(), ("--lazy",)]:
            done = run("serve", "--profile", one, "--profile", other, "--profile", self.write(least(), "good.json"), "--profile", "x=/no/such.json", "--port", "0", *more)
            self.assertEqual(done.returncode, 1)
            for words in ["one.json: 2 mistakes", "labels.card.threshold", "treshold", "other.json", "rules[0].action", "rules[0].patterns[0]", "/no/such.json"]:
                self.assertIn(words, done.stderr)
            self.assertNotIn("good.json", done.stderr.split("\nberth: ")[1])
        good = self.folder / "good.json"
        for arguments in [("--profile", good, "--profile", good), ("--model", f"good={WEIGHTS / 'intent'}", "--profile", good)]:
            done = run("serve", *arguments)
            self.assertEqual(done.returncode, 2)
            self.assertIn("two models are called good", done.stderr)


class Reloading(WithFolder):
    def test_no_request_fails_and_the_new_profile_answers(self):
        file = self.write(least())
        with Server("--profile", file, "--threads", "1", "--cache", "1MB", "--admin") as server:
            bad, labels, stop = [], set(), threading.Event()

            def ask():
                while not stop.is_set():
                    response = server.post("/v1/classify", {"input": ["play some music", f"{time.monotonic()} was stolen"], "profile": "p"})
                    if response.status != 200 or response.json["data"][1]["label"] != "card":
                        bad.append(response)
                    labels.add(response.json["data"][0]["label"])
            clients = [threading.Thread(target=ask) for _ in range(3)]
            for client in clients:
                client.start()
            until(lambda: "music" in labels, what="music")
            for name in ["song", "tune"]:
                changed = least()
                changed["labels"][name] = changed["labels"].pop("music")
                self.write(changed)
                server.process.send_signal(signal.SIGHUP)
                server.wait_for("profile loaded")
                until(lambda: name in labels, what=name)
            self.write("{")
            refused = server.post("/admin/reload", None)
            self.assertEqual(refused.status, 424)
            self.assertIn("p.json", server.request("GET", "/v1/models").json["data"][0]["error"])
            self.write(changed)
            self.assertEqual(server.post("/admin/reload", None).json, {"reloaded": True})
            stop.set()
            for client in clients:
                client.join()
            self.assertEqual(bad, [])
            self.assertEqual(labels, {"music", "song", "tune"})


class Numbers(WithFolder):
    def test_labels_and_what_decided(self):
        model = ("--profile", self.write(least()), "--threads", "1", "--admin")
        with Server(*model) as server:
            self.classify(server, ["play some music", "play music", "purple hills and a stolen sunset", "colourless green ideas"])
            self.assertEqual(server.post("/v1/classify", {"input": "", "profile": "p"}).status, 400)
            values = server.metrics()
            expected = {'berth_label_total{model="p",label="music"}': 2, 'berth_label_total{model="p",label="card"}': 1, 'berth_label_total{model="p",label="other"}': 1,
                        'berth_decisions_total{profile="p",decided_by="model",model="true"}': 2, 'berth_decisions_total{profile="p",decided_by="rule",model="true"}': 1,
                        'berth_decisions_total{profile="p",decided_by="default",model="true"}': 1, 'berth_profile_model{profile="p"}': 1, "te_predict_count": 4, "berth_inputs_total": 4,
                        'berth_input_tokens_count{model="p"}': 4, 'berth_http_requests_total{route="/v1/classify",method="POST",status="200"}': 1}
            for name, value in expected.items():
                self.assertEqual(values.get(name), value, name)
            baseline = self.folder / "baseline.json"
            baseline.write_bytes(server.request("GET", "/admin/baseline").body)
        with Server(*model, "--baseline", baseline) as server:
            self.classify(server, ["it was stolen"] * 50)
            self.assertGreater(server.metrics()['berth_drift{model="p",of="labels"}'], 0.25)


if __name__ == "__main__":
    unittest.main()
