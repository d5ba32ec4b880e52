#!/usr/bin/env python3
"""The models of a running server: broken, reloaded, loaded on demand, within a budget. usage: models_test.py BERTH REPOSITORY"""
import json
import os
import pathlib
import shutil
import signal
import struct
import subprocess
import threading
import time
import unittest

from harness import BERTH, CASES, WEIGHTS, Server, cli, temporary_folder
from adapters import peft_adapter  # which harness makes known

INTENT = f"intent={WEIGHTS / 'intent'}"


class Adapters(unittest.TestCase):
    def test_one_directory_twice(self):
        with temporary_folder() as folder:
            adapter = peft_adapter(pathlib.Path(folder) / "adapter")
            server = Server("--model", f"plain={WEIGHTS / 'intent'}", "--model", f"adapted={WEIGHTS / 'intent'}", "--adapter", f"adapted={adapter}")
            for name, option in [("plain", ()), ("adapted", ("--adapter", adapter))]:
                (expected,) = cli("encode", "--model", WEIGHTS / "intent", *option, "play some music")
                self.assertEqual(server.post("/embed", {"inputs": "play some music", "model": name}).json, [expected["embedding"]])
            self.assertEqual(server.stop(), 0)

    def test_what_is_refused(self):
        for options, word in [(("--model", f"a={WEIGHTS / 'intent'}", "--model", f"b={WEIGHTS / 'intent'}", "--adapter", "x"), "NAME=ADAPTER"),
                              (("--model", WEIGHTS / "intent", "--adapter", "x", "--adapter", "y"), "two"),
                              (("--model", WEIGHTS / "intent", "--adapter", "intent="), "got nothing"),
                              (("--model", WEIGHTS / "intent", "--adapter", "nowhere"), "adapter_config.json")]:
            done = subprocess.run([BERTH, "serve", "--port", "0", *options], capture_output=True, text=True, timeout=60)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn(word, done.stderr)


class BrokenModels(unittest.TestCase):
    """Weights too large to compute with: in one row of the embeddings a text's own misfortune, in a layer every text's."""

    def copy(self, folder, tensor, row):
        model = pathlib.Path(folder) / "broken"
        shutil.copytree(CASES / "bert", model)
        file = model / "model.safetensors"
        data = bytearray(file.read_bytes())
        length = int.from_bytes(data[:8], "little")
        header = json.loads(data[8:8 + length])
        entry = header[next(name for name in header if name.endswith(tensor))]
        count = entry["shape"][-1]
        begin = 8 + length + entry["data_offsets"][0] + 4 * row * count
        data[begin:begin + 4 * count] = struct.pack("<f", 3e38) * count
        file.write_bytes(data)
        return model

    def test_one_bad_text_is_no_bad_model(self):
        with temporary_folder() as folder:
            with Server("--model", self.copy(folder, "word_embeddings.weight", 7), "--threads", "1") as server:
                for bad in [[[5, 7, 6]], [[5, 7, 6], [5, 6]]]:  # alone, and beside a good one
                    self.assertEqual(server.post("/v1/embeddings", {"model": "broken", "input": bad}).status, 424, bad)
                    self.assertEqual(server.request("GET", "/health").status, 200)
                    self.assertEqual(server.post("/v1/embeddings", {"model": "broken", "input": [[5, 6]]}).status, 200)

    def test_a_bad_model_is_not_healthy(self):
        with temporary_folder() as folder, Server("--model", self.copy(folder, "embeddings.LayerNorm.weight", 0), "--threads", "1") as server:
            for bad in [[[5, 7, 6]], [[5, 7, 6], [5, 6]]]:
                self.assertEqual(server.post("/v1/embeddings", {"model": "broken", "input": bad}).status, 424, bad)
                self.assertEqual(server.request("GET", "/health").status, 503)
            self.assertEqual(server.request("GET", "/health/live").status, 200)


class Reloading(unittest.TestCase):
    def test_no_request_fails(self):
        with temporary_folder() as folder:
            directory = pathlib.Path(folder) / "model"
            shutil.copytree(WEIGHTS / "intent", directory)
            with Server("--model", f"intent={directory}", "--threads", "1", "--cache", "1MB", "--admin") as server:
                expected = server.post("/embed", {"inputs": "ok"}).json
                bad, stop = [], threading.Event()

                def ask():
                    while not stop.is_set():
                        response = server.post("/embed", {"inputs": ["ok", f"{time.monotonic()}"]})
                        if response.status != 200 or response.json[:1] != expected:
                            bad.append(response)
                clients = [threading.Thread(target=ask) for _ in range(3)]
                for client in clients:
                    client.start()
                for _ in range(3):
                    server.process.send_signal(signal.SIGHUP)
                    server.wait_for("reloading")
                    server.wait_for("model loaded")
                for _ in range(2):
                    self.assertEqual(server.post("/admin/reload", None).json, {"reloaded": True})
                stop.set()
                for client in clients:
                    client.join()
                self.assertEqual(bad, [])
                # A broken directory leaves the old model in place, and says so.
                (directory / "config.json").write_text("{")
                refused = server.post("/admin/reload", None)
                self.assertEqual(refused.status, 424)
                self.assertEqual(server.post("/embed", {"inputs": "ok"}).json, expected)
                self.assertIn("config.json", server.request("GET", "/v1/models").json["data"][0]["error"])
                # Another model is what the next requests get, not the cache of the old one.
                shutil.copytree(CASES / "st-mean", directory, dirs_exist_ok=True)
                self.assertEqual(server.post("/admin/reload", None).status, 200)
                got = server.post("/embed", {"inputs": "ok", "normalize": False}).json
                self.assertEqual(got, [cli("encode", "--model", directory, "ok")[0]["embedding"]])

    def test_weights_that_are_cut_short_in_use(self):
        with temporary_folder() as folder:
            directory = pathlib.Path(folder) / "model"
            shutil.copytree(WEIGHTS / "intent", directory)
            texts = {"inputs": ["zebra quantum music", "please reset my password", "why was I charged twice"]}
            with Server("--model", f"intent={directory}", "--threads", "1", "--admin") as server:
                expected = server.post("/embed", texts).json
                os.truncate(directory / "model.safetensors", 4096)
                refused = server.post("/embed", {"inputs": ["a different text, whose words are on other pages"]})
                self.assertEqual(refused.status, 424)
                self.assertIn("cut short", refused.json["error"])
                self.assertIn("model.safetensors", refused.json["error"])
                self.assertEqual(server.request("GET", "/health").status, 503)
                # Whole again, it is loaded again.
                shutil.copy(WEIGHTS / "intent" / "model.safetensors", directory / "new")
                os.rename(directory / "new", directory / "model.safetensors")
                self.assertEqual(server.post("/admin/reload", None).json, {"reloaded": True})
                self.assertEqual(server.post("/embed", texts).json, expected)
                self.assertEqual(server.request("GET", "/health").status, 200)

    def test_models_on_demand_within_a_memory_budget(self):
        names = ["intent", "sentiment", "emotion"]
        models = [each for name in names for each in ("--model", f"{name}={WEIGHTS / name}")]
        with Server(*models, "--lazy", "--model-memory", "25MB", "--threads", "1") as server:
            loaded = lambda: [each["id"] for each in server.request("GET", "/v1/models").json["data"] if each["loaded"]]
            self.assertEqual(loaded(), [])
            self.assertEqual(server.request("GET", "/health").status, 200)
            results, threads = [], []
            for _ in range(4):  # the first requests wait for the model together
                threads.append(threading.Thread(target=lambda: results.append(server.post("/embed", {"inputs": "a"}).status)))
                threads[-1].start()
            for thread in threads:
                thread.join()
            self.assertEqual(results, [200] * 4)
            self.assertEqual(loaded(), ["intent"])
            self.assertEqual(server.post("/predict", {"inputs": "a", "model": "sentiment"}).status, 200)
            self.assertEqual(loaded(), ["intent", "sentiment"])
            self.assertEqual(server.post("/embed", {"inputs": "b"}).status, 200)
            self.assertEqual(server.post("/predict", {"inputs": "a", "model": "emotion"}).status, 200)
            self.assertEqual(loaded(), ["intent", "emotion"])  # sentiment was idle longest
            self.assertEqual(server.post("/predict", {"inputs": "a", "model": "sentiment"}).status, 200)

    # What each route that takes a model answers first, by a server that has loaded nothing yet.
    FIRST = [("/tokenize", {"inputs": "a"}), ("/decode", {"ids": [5, 6]}), ("/vertex", {"instances": [{"inputs": "a"}]}), ("/embed", {"inputs": "a"}), ("/", {"inputs": "a"})]

    def test_every_route_loads_what_it_needs(self):
        models = ("--model", INTENT, "--model", f"emotion={WEIGHTS / 'emotion'}", "--lazy", "--threads", "1")
        with Server(*models) as eager:
            eager.post("/embed", {"inputs": "a"})
            expected = {path: eager.post(path, body).body for path, body in self.FIRST}
        for path, body in self.FIRST:
            with Server(*models) as server:
                response = server.post(path, body)
                self.assertEqual((response.status, response.body), (200, expected[path]), path)
        with Server(*models, "--model-memory", "1MB") as server:  # room for one at a time
            for _ in range(2):
                for name in ["intent", "emotion"]:
                    self.assertEqual(server.post("/tokenize", {"inputs": "a", "model": name}).status, 200)
                    self.assertEqual(server.post("/decode", {"ids": [5], "model": name}).status, 200)
            # Instances of several models, none of them the one that is there.
            response = server.post("/vertex", {"instances": [{"inputs": "a", "model": name} for name in ["emotion", "intent", "emotion"]]})
            self.assertEqual((response.status, len(response.json["predictions"])), (200, 3))

    def test_a_model_named_beside_instances_is_theirs(self):
        with Server("--model", INTENT, "--model", f"emotion={WEIGHTS / 'emotion'}", "--threads", "1") as server:
            for instances in [[{"inputs": "a"}], [{"inputs": "a", "model": None}, {"inputs": "a"}, {"inputs": "b", "model": "emotion"}, {"inputs": "c", "model": "intent"}]]:
                expected = [server.post("/", {**instance, "model": instance.get("model") or "emotion"}).json for instance in instances]
                self.assertEqual(server.post("/vertex", {"model": "emotion", "instances": instances}).json, {"predictions": expected})
            self.assertIn("inputs", server.post("/vertex", {"model": "emotion", "instances": [{}]}).text)

    def test_a_model_that_cannot_be_loaded(self):
        with Server("--model", "broken=/no/such/directory", "--model", INTENT, "--lazy", "--threads", "1") as server:
            for path, body in [*self.FIRST, ("/vertex", {"model": "intent", "instances": [{"inputs": "a", "model": "broken"}]})]:
                response = server.post(path, body)
                self.assertEqual((response.status, response.json["error_type"]), (503, "Unhealthy"), path)
                self.assertIn("/no/such/directory", response.json["error"])
            # Who names a model does not ask for the first one.
            self.assertEqual(server.post("/vertex", {"instances": [{"inputs": "a", "model": "intent"}]}).status, 200)


if __name__ == "__main__":
    unittest.main()
