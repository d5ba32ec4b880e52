#!/usr/bin/env python3
"""Running the server: logs, metrics, cache, drift. usage: operation_test.py BERTH REPOSITORY"""
import json
import os
import pathlib
import re
import shutil
import time
import unittest

from harness import REPOSITORY, WEIGHTS, Server, environment, run, temporary_folder

INTENT = f"intent={WEIGHTS / 'intent'}"


class Logs(unittest.TestCase):
    def test_json_without_texts_and_keys(self):
        with Server("--model", INTENT, "--threads", "1", "--log-format", "json", "--log-requests", "--api-key", "very-secret", env=environment(BERTH_API_KEY_FILE="")) as server:
            head = {"authorization": "Bearer very-secret"}
            server.post("/embed", {"inputs": "a private matter"}, {**head, "x-request-id": "id-7"})
            server.request("GET", "/private/path?with=query")
            server.post("/embed", {"inputs": "another private one"}, {"authorization": "Bearer nearly-secret"})
            server.stop()
            events = [json.loads(line) for line in server.lines]
        everything = "\n".join(server.lines)
        for word in ["private", "very-secret", "nearly-secret"]:
            self.assertNotIn(word, everything)
        (request,) = [event for event in events if event.get("id") == "id-7"]
        self.assertEqual((request["event"], request["path"], request["status"], request["method"]), ("request", "/embed", 200, "POST"))
        self.assertEqual((request["inputs"], request["tokens"]), (1, 5))
        self.assertGreater(request["bytes"], 1000)
        self.assertRegex(request["trace"], "^[0-9a-f]{32}$")
        self.assertRegex(request["time"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
        self.assertEqual([event["event"] for event in events][-2:], ["stopping", "stopped"])

    def test_tokens_of_all_instances(self):
        with Server("--model", INTENT, "--threads", "1", "--log-format", "json", "--log-requests") as server:
            server.post("/vertex", {"instances": [{"inputs": "one"}, {"inputs": ["one", "one"]}]})
            line = json.loads(server.wait_for('"request"'))
        self.assertEqual((line["path"], line["inputs"], line["tokens"]), ("/vertex", 3, 9))

    def test_requests_that_are_not_read(self):
        with Server("--model", INTENT, "--threads", "1", "--log-format", "json", "--log-requests", "--payload-limit", "1000") as server:
            self.assertEqual(server.post("/embed", {"inputs": "private " * 200}).status, 413)
            line = json.loads(server.wait_for('"request refused"'))
            self.assertEqual(line["status"], 413)
            self.assertEqual(server.metrics()['berth_http_refused_total{status="413"}'], 1)

    def test_a_model_that_fails(self):
        with temporary_folder() as folder:
            model = pathlib.Path(folder) / "model"
            shutil.copytree(WEIGHTS / "intent", model)
            with Server("--model", f"cut={model}", "--threads", "1", "--log-format", "json") as server:
                self.assertEqual(server.post("/embed", {"inputs": "one"}).status, 200)
                os.truncate(model / "model.safetensors", 4096)
                for _ in range(20):
                    self.assertEqual(server.post("/embed", {"inputs": "a private matter"}).status, 424)
                line = json.loads(server.wait_for('"model failed"'))
                server.stop()
                events = [json.loads(each)["event"] for each in server.lines]
            self.assertEqual((line["level"], line["model"]), ("error", "cut"))
            self.assertIn("model.safetensors", line["error"])
            self.assertNotIn("private", "\n".join(server.lines))
            self.assertLess(events.count("model failed"), 10)  # not one a request


def families(text):
    """Metrics by name as (type, help, samples), of Prometheus' text format 0.0.4, strictly: what is not as it has to be raises."""
    found, name = {}, None
    for line in text.removesuffix("\n").split("\n"):
        kind, _, rest = line.partition(" ") if not line.startswith("# ") else (line[2:6], None, line[7:])
        if kind == "HELP":
            name, _, about = rest.partition(" ")
            assert about and name not in found, line
            found[name] = [None, about, {}]
        elif kind == "TYPE":
            assert rest.split(" ")[0] == name and found[name][0] is None and not found[name][2], line
            found[name][0] = rest.split(" ")[1]
        else:
            sample = re.fullmatch(r'([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{((?:[a-zA-Z_]\w*="(?:[^"\\\n]|\\["\\n])*",?)+)\})? (\S+)', line)
            assert sample, line
            own, labels, value = sample[1], sample[2] or "", float(sample[3])
            endings = ["_bucket", "_sum", "_count"] if found[name][0] == "histogram" else [""]
            assert own in [name + ending for ending in endings] and (own, labels) not in found[name][2], line
            found[name][2][own, labels] = value
    return found


class Numbers(unittest.TestCase):
    def test_the_format_of_metrics(self):
        with Server("--model", INTENT, "--model", f"sentiment={WEIGHTS / 'sentiment'}", "--profile", f"triage={REPOSITORY / 'examples/triage/triage.json'}", "--threads", "1") as server:
            server.post("/embed", {"inputs": ["one", "two"]})
            score = server.post("/predict", {"inputs": "one", "model": "sentiment"}).json[0]["score"]
            server.post("/v1/classify", {"input": "one", "profile": "triage"})
            server.post("/embed", {"inputs": 1})
            found = families(server.request("GET", "/metrics").text)
        self.assertGreater(len(found), 45)
        for name, (kind, _, samples) in found.items():
            if name.startswith("berth_"):
                self.assertEqual(kind == "counter", name.endswith("_total"), name)
            if kind != "histogram":
                continue
            for own, labels in list(samples):
                if own == f"{name}_count":
                    self.assertIn((f"{name}_sum", labels), samples)
                    begin = labels + "," if labels else ""
                    buckets = [(each[len(begin) + 4:-1], value) for (which, each), value in samples.items() if which == f"{name}_bucket" and each.startswith(begin + "le=")]
                    self.assertEqual(buckets, sorted(buckets, key=lambda each: (float(each[0].replace("+Inf", "inf")), each[1])), name)
                    self.assertEqual([value for _, value in buckets], sorted(value for _, value in buckets), name)
                    self.assertEqual(buckets[-1], ("+Inf", samples[own, labels]))
        self.assertAlmostEqual(found["berth_best_score"][2]["berth_best_score_sum", 'model="sentiment"'], score, 5)
        self.assertEqual(found["berth_input_tokens"][2]["berth_input_tokens_sum", 'model="intent"'], 6)
        accepted, refused = (found[f"berth_connections{which}_total"][2][f"berth_connections{which}_total", ""] for which in ["", "_refused"])
        self.assertEqual((accepted, refused), (5, 0))

    def test_metrics(self):
        with Server("--model", INTENT, "--threads", "1") as server:
            server.post("/embed", {"inputs": "one"})
            server.post("/embed", {"inputs": ["one", "two", "word " * 400]})
            server.post("/embed", {"inputs": ""})
            server.post("/rerank", {"query": "a", "texts": ["b"]})
            values = server.metrics()
            text = server.request("GET", "/metrics")
        self.assertTrue(text.headers["content-type"].startswith("text/plain; version=0.0.4"))
        expected = {'te_request_count{method="single"}': 1, 'te_request_count{method="batch"}': 1, 'te_request_success{method="batch"}': 1, "te_embed_count": 4, "te_embed_success": 4,
                    'te_request_failure{err="validation"}': 1, 'te_request_failure{err="model_type"}': 1, "te_queue_size": 0, "te_request_duration_count": 2,
                    "te_request_inference_duration_count": 2, "te_request_input_length_count": 4, "te_batch_next_size_sum": 4, "berth_truncated_inputs_total": 1,
                    "berth_inputs_total": 4, 'berth_http_requests_total{route="/embed",method="POST",status="200"}': 2}
        for name, value in expected.items():
            self.assertEqual(values.get(name), value, name)
        self.assertGreater(values["process_resident_memory_bytes"], 1 << 20)
        self.assertEqual(sum(1 for name in values if name.startswith("te_request_duration_bucket")), 36)
        for name in ["te_request_queue_duration", "te_request_tokenization_duration", "te_embed_duration", "te_predict_duration", "berth_batch_fill", "berth_batch_seconds"]:
            self.assertIn(f"{name}_count", values)
            self.assertGreaterEqual(values[f'{name}_bucket{{le="+Inf"}}'], values[f"{name}_count"])
        names = [line.split()[2] for line in text.text.splitlines() if line.startswith("# TYPE")]
        self.assertEqual(len(names), len(set(names)))

    def test_cache(self):
        with Server("--model", INTENT, "--model", f"emotion={WEIGHTS / 'emotion'}", "--threads", "1", "--cache", "2MB") as server, Server("--model", INTENT, "--threads", "1") as plain:
            first = server.post("/embed", {"inputs": ["one", "two"]})
            again = server.post("/embed", {"inputs": ["two", "three", "one"]})
            values = server.metrics()
            self.assertEqual((values["berth_cache_hits_total"], values["berth_cache_misses_total"], values["berth_cache_entries"]), (2, 3, 3))
            self.assertEqual([again.json[2], again.json[0]], first.json)
            self.assertEqual(again.body, plain.post("/embed", {"inputs": ["two", "three", "one"]}).body)
            self.assertEqual(again.headers["x-compute-tokens"], plain.post("/embed", {"inputs": ["two", "three", "one"]}).headers["x-compute-tokens"])
            # Other options and models, errors, and cut texts.
            for body in [{"inputs": "one", "dimensions": 8}, {"inputs": "one", "normalize": False}]:
                self.assertEqual(server.post("/embed", body).body, plain.post("/embed", body).body)
            self.assertEqual(server.post("/predict", {"inputs": "one", "model": "emotion"}).status, 200)
            self.assertEqual(server.metrics()["berth_cache_entries"], 6)
            self.assertEqual(server.post("/embed", {"inputs": "word " * 400}).headers["x-truncated-inputs"], "1")
            self.assertEqual(server.post("/embed", {"inputs": "word " * 400}).headers["x-truncated-inputs"], "1")
            for _ in range(2):
                self.assertEqual(server.post("/embed", {"inputs": "word " * 400, "truncate": False}).status, 422)
            for i in range(30):
                server.post("/embed", {"inputs": [f"text {i} {j}" for j in range(100)]})
                self.assertLessEqual(server.metrics()["berth_cache_bytes"], 2 << 20)
            self.assertGreater(server.metrics()["berth_cache_evictions_total"], 0)

    def test_drift(self):
        with temporary_folder() as folder:
            baseline = pathlib.Path(folder) / "baseline.json"
            model = ("--model", f"sentiment={WEIGHTS / 'sentiment'}", "--threads", "1", "--admin")
            good = ["A warm, funny film.", "Beautifully acted and moving.", "I loved every minute of it."]
            bad = ["Two hours of my life that I will never get back.", "A dull and tired mess that nobody should have to sit through, least of all twice in a row."]
            with Server(*model) as server:
                for text in good * 5 + bad:
                    server.post("/predict", {"inputs": text})
                baseline.write_bytes(server.request("GET", "/admin/baseline").body)
                self.assertNotIn('berth_drift{model="sentiment",of="labels"}', server.metrics())
            stored = json.loads(baseline.read_text())["models"]["sentiment"]
            self.assertEqual((sum(stored["scores"]), sum(stored["lengths"]), sum(stored["labels"].values())), (17, 17, 17))
            with Server(*model, "--baseline", baseline) as server:
                for text in good * 5 + bad:
                    server.post("/predict", {"inputs": text})
                same = server.metrics()
                self.assertEqual([same[f'berth_drift{{model="sentiment",of="{of}"}}'] for of in ["labels", "scores", "lengths"]], [0, 0, 0])
                self.assertEqual(same['berth_label_total{model="sentiment",label="NEGATIVE"}'], stored["labels"]["NEGATIVE"])
                for text in bad * 20:
                    server.post("/predict", {"inputs": text})
                other = server.metrics()
                for of in ["labels", "lengths"]:
                    self.assertGreater(other[f'berth_drift{{model="sentiment",of="{of}"}}'], 0.25)
            baseline.write_text('{"models": {"sentiment": {"labels": {}, "scores": [1], "lengths": []}}}')
            done = run("serve", *model, "--baseline", baseline)
            self.assertEqual(done.returncode, 1)
            self.assertIn("scores", done.stderr)

    def test_cached_results_age(self):
        with Server("--model", INTENT, "--threads", "1", "--cache", "2MB", "--cache-ttl", "0.2") as server:
            server.post("/embed", {"inputs": "one"})
            time.sleep(0.4)
            server.post("/embed", {"inputs": "one"})
            self.assertEqual(server.metrics()["berth_cache_hits_total"], 0)


if __name__ == "__main__":
    unittest.main()
