#!/usr/bin/env python3
"""Running the server: settings, logs, metrics, cache, reloading, memory. usage: operation_test.py BERTH REPOSITORY"""
import json
import os
import pathlib
import shutil
import signal
import socket
import struct
import subprocess
import threading
import time
import unittest

from harness import BERTH, CASES, WEIGHTS, Server, cli, environment, message, read_response, temporary_folder



def has_ipv6():
    try:
        with socket.socket(socket.AF_INET6) as one:
            one.bind(("::1", 0))
        return True
    except OSError:
        return False


HAS_IPV6 = has_ipv6()
INTENT = f"intent={WEIGHTS / 'intent'}"
CROSS = f"cross={CASES / 'bert-crossencoder'}"


def run(*arguments, env=None):
    return subprocess.run([BERTH, *map(str, arguments)], capture_output=True, text=True, env=env or environment(), timeout=60)


class Settings(unittest.TestCase):
    def test_command_line_then_environment_then_file(self):
        with temporary_folder() as folder:
            path = pathlib.Path(folder) / "berth.json"
            path.write_text(json.dumps({"model": [INTENT, CROSS], "max-client-batch-size": 3, "max_batch_tokens": 100, "threads": 1, "auto-truncate": False}))
            env = environment(BERTH_MAX_CLIENT_BATCH_SIZE="5", BERTH_MAX_BATCH_TOKENS="200", HOSTNAME="69a9402a2c94", PORT="1")
            with Server("--config", path, "--max-batch-tokens", "300", env=env) as server:
                info = server.request("GET", "/info").json
                self.assertEqual((info["max_batch_tokens"], info["max_client_batch_size"], info["auto_truncate"], info["threads"]), (300, 5, False, 1))
                self.assertEqual([each["id"] for each in server.request("GET", "/v1/models").json["data"]], ["intent", "cross"])
                printed = "\n".join(server.lines)
                for line in ["name=max-batch-tokens value=300", "name=max-client-batch-size value=5", "name=auto-truncate value=false"]:
                    self.assertIn(line, printed)

    def test_teis_variables(self):
        env = environment(MODEL_ID=str(WEIGHTS / "sentiment"), MAX_CLIENT_BATCH_SIZE="7", HOSTNAME="69a9402a2c94", API_KEY="secret-key")
        with Server("--tei-env", "--threads", "1", env=env) as server:
            self.assertEqual(server.request("GET", "/info").status, 401)
            info = server.request("GET", "/info", headers={"authorization": "Bearer secret-key"}).json
            self.assertEqual((info["served_model_name"], info["max_client_batch_size"]), ("sentiment", 7))

    def test_no_key_by_mistake(self):
        # A server that was to have keys does not start without any, nor with a word that others can guess.
        with temporary_folder() as folder:
            path = pathlib.Path(folder) / "berth.json"
            start = ("serve", "--model", INTENT, "--port", "0")
            for key, value, words in [("api-key", None, "got null"), ("api_key", None, "got null"), ("api-key", "", 'got ""'), ("api-key", " , ", 'got " , "'), ("api-key", ["a-key", ""], 'got ""'),
                                      ("api-key", ["a-key", None], "got null"), ("api-key", [], "an empty array"), ("api-key", [["a-key"]], "an array"), ("api-key", False, "got false"),
                                      ("api-key", {"a": "b"}, "an object"), ("api-key-file", "", 'got ""'), ("api-key-file", None, "got null"), ("host", None, "got null"), ("threads", None, "got null"),
                                      ("lazy", None, "got null"), ("model", [None], "got null"), ("auto-truncate", 1, "got 1")]:
                path.write_text(json.dumps({key: value}))
                done = run(*start, "--config", path)
                self.assertEqual(done.returncode, 2, (key, value, done.stderr))
                for each in ["berth.json", f'"{key}"', words]:
                    self.assertIn(each, done.stderr)
            for value in ["", " ", ",", " , "]:
                done = run(*start, "--api-key", value)
                self.assertEqual(done.returncode, 2, (value, done.stderr))
                self.assertIn("--api-key", done.stderr)
            done = run(*start, "--api-key-file", "")
            self.assertEqual((done.returncode, "--api-key-file" in done.stderr), (2, True), done.stderr)
            for name, value, more in [("BERTH_API_KEY", ",", ()), ("BERTH_API_KEY", " ", ()), ("BERTH_API_KEY", "", ()), ("BERTH_API_KEY_FILE", "", ()), ("API_KEY", "", ("--tei-env",))]:
                done = run(*start, *more, env=environment(**{name: value}))
                self.assertEqual(done.returncode, 2, (name, value, done.stderr))
                self.assertIn(f"{name}: ", done.stderr)
                self.assertIn("expected", done.stderr)
            # An empty variable is as good as none beside keys from elsewhere, and so is API_KEY where nobody asked for it.
            path.write_text(json.dumps({"api-key": ["a-key", 12345], "lazy": True, "auto-truncate": False, "threads": 1}))
            with Server("--config", path, "--model", INTENT, env=environment(BERTH_API_KEY="", BERTH_API_KEY_FILE="", BERTH_MAX_BATCH_TOKENS="")) as server:
                for key, status in [("a-key", 200), ("12345", 200), ("null", 401), ("", 401)]:
                    self.assertEqual(server.request("GET", "/v1/models", headers={"authorization": f"Bearer {key}"}).status, status, key)
            with Server("--model", INTENT, "--threads", "1", env=environment(API_KEY="")) as server:
                self.assertEqual(server.request("GET", "/v1/models").status, 200)

    def test_a_path_that_is_not_utf8(self):
        with temporary_folder() as folder:
            directory = os.fsdecode(os.fsencode(folder) + b"/n\xff")
            shutil.copytree(WEIGHTS / "intent", directory)
            with Server("--model", directory, "--threads", "1") as server:
                self.assertEqual([each["id"] for each in server.request("GET", "/v1/models").json["data"]], ["n\\xff"])
                for path in ["/info", "/health", "/metrics"]:
                    self.assertEqual(server.request("GET", path).status, 200, path)
                self.assertEqual(server.post("/embed", {"inputs": "ok"}).json, [cli("encode", "--model", WEIGHTS / "intent", "ok")[0]["embedding"]])

    def test_models_that_come_with_berth(self):
        with Server("--threads", "1") as server:
            self.assertEqual([each["id"] for each in server.request("GET", "/v1/models").json["data"]], ["intent", "sentiment", "emotion"])

    def test_mistakes(self):
        with temporary_folder() as folder:
            path = pathlib.Path(folder) / "berth.json"
            for text, words in [("{", "berth.json"), ('{"no-such": 1}', "no-such"), ("[]", "object"), ('{"port": "x"}', "port")]:
                path.write_text(text)
                done = run("serve", "--config", path)
                self.assertEqual(done.returncode, 2, done.stderr)
                self.assertIn(words, done.stderr)
        for arguments, status, words in [(("--port", "70000"), 2, "70000"), (("--model", "/no/such"), 1, "/no/such"), (("text",), 2, "text"), (("--api-key-file", "/no/such"), 2, "/no/such"),
                                         
                                         *((("--host", host), 2, f'expected an IP address or localhost, got "{host}"') for host in ["example", "localhost.example", "[127.0.0.1]", "::1::", "[::1", "256.1.1.1", "127.1", " "]),
                                         (("--model", "a=/x", "--model", "a=/y"), 2, "two models"), (("--config", "/no/such"), 2, "/no/such"),
                                         (("--payload-limit", "5XB"), 2, "unit")]:
            done = run("serve", *arguments)
            self.assertEqual(done.returncode, status, (arguments, done.stderr))
            self.assertIn(words, done.stderr)
        done = run("serve", "--port", "x", env=environment(BERTH_THREADS="x"))
        self.assertEqual(done.returncode, 2)

    def test_a_port_that_is_taken(self):
        with Server("--model", INTENT, "--threads", "1") as server:
            done = run("serve", "--model", INTENT, "--port", server.port)
            self.assertEqual(done.returncode, 1)
            self.assertIn(str(server.port), done.stderr)

    def test_addresses_as_people_write_them(self):
        for host, url in [("localhost", "http://127.0.0.1:"), ("LocalHost", "http://127.0.0.1:"), ("[::1]", "http://[::1]:"), ("0:0::0001", "http://[::1]:")]:
            if ":" in host and not HAS_IPV6:
                continue
            with Server("--model", INTENT, "--threads", "1", "--host", host) as server:
                self.assertIn(f"url={url}{server.port} ", server.lines[-1])
                self.assertEqual(run("health", "--host", host, "--port", server.port).returncode, 0)
                if ":" not in host:
                    self.assertEqual(server.request("GET", "/health", headers={"host": "rebound.example"}).status, 403)
        # A mistake is found before the models are looked at, and by its name.
        done = run("serve", "--model", "/no/such", env=environment(BERTH_HOST="example"))
        self.assertEqual(done.returncode, 2)
        self.assertIn("BERTH_HOST", done.stderr)
        self.assertNotIn("/no/such", done.stderr)

    def test_the_page_is_for_this_machine_unless_it_is_asked_for(self):
        html = {"accept": "text/html"}
        for arguments, page in [((), True), (("--host", "0.0.0.0"), False), (("--host", "0.0.0.0", "--page", "true"), True), (("--page", "false"), False)]:
            with Server("--model", INTENT, "--threads", "1", *arguments) as server:
                response = server.request("GET", "/", headers=html)
                self.assertEqual((response.status, "<!doctype html>" in response.text.lower()), (200, page), arguments)

    def test_pages_of_others_do_not_administer(self):
        # A POST of plain text is one that browsers send for any page, without asking the server first.
        plain = {"content-type": "text/plain"}
        for more in [("--host", "127.0.0.1"), ("--host", "0.0.0.0")]:
            with Server("--model", INTENT, "--threads", "1", "--admin", "--allow-host", "Berth.Example", *more) as server:
                own = f"localhost:{server.port}"
                for headers, status in [({}, 200), ({"host": own, "origin": f"http://{own}"}, 200), ({"host": f"BERTH.example:{server.port}", "origin": f"http://berth.example:{server.port}"}, 200),
                                        ({"host": own, "origin": "http://evil.example"}, 403), ({"host": own, "origin": "null"}, 403), ({"host": own, "origin": "http://localhost"}, 403),
                                        ({"host": own, "origin": f"http://127.0.0.1:{server.port}"}, 403), ({"host": "rebound.example", "origin": "http://rebound.example"}, 403)]:
                    for method, path in [("POST", "/admin/reload"), ("GET", "/admin/baseline")]:
                        self.assertEqual(server.request(method, path, "" if method == "POST" else None, {**plain, **headers}).status, status, (more, path, headers))
                # What is for everybody's pages stays so.
                self.assertEqual(server.post("/embed", {"inputs": "a"}, {"origin": "http://evil.example"}).headers["access-control-allow-origin"], "*")

    def test_unix_socket(self):
        with temporary_folder() as folder:
            path = os.path.join(folder, "berth.sock")
            left_over = socket.socket(socket.AF_UNIX)
            left_over.bind(path)
            left_over.close()
            with Server("--model", INTENT, "--uds-path", path, "--threads", "1") as server:
                with socket.socket(socket.AF_UNIX) as connection:
                    connection.connect(path)
                    connection.sendall(message("POST", "/embed", {"inputs": "ok"}))
                    self.assertEqual(read_response(connection.makefile("rb")).status, 200)
                self.assertEqual(os.stat(path).st_mode & 0o777, 0o660)
                self.assertEqual(run("health", "--uds-path", path).returncode, 0)
            self.assertFalse(os.path.exists(path))

    def test_health_command(self):
        with Server("--model", INTENT, "--threads", "1") as server:
            self.assertEqual(run("health", "--port", server.port).returncode, 0)
            self.assertEqual(run("health", "--live", "--port", server.port).returncode, 0)
            self.assertEqual(run("health", env=environment(BERTH_PORT=str(server.port), BERTH_HOST="0.0.0.0")).returncode, 0)
            port = server.port
        done = run("health", "--port", port)
        self.assertEqual(done.returncode, 1)
        self.assertIn("no server", done.stderr)


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
        self.assertGreater(request["bytes"], 1000)
        self.assertRegex(request["trace"], "^[0-9a-f]{32}$")
        self.assertRegex(request["time"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
        self.assertEqual([event["event"] for event in events][-2:], ["stopping", "stopped"])


class Numbers(unittest.TestCase):
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
