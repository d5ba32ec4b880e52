#!/usr/bin/env python3
"""What the server is told and by whom: options, environment, file, addresses, keys, pages. usage: settings_test.py BERTH REPOSITORY"""
import json
import os
import pathlib
import shutil
import socket
import unittest

from harness import CASES, WEIGHTS, Server, cli, environment, message, read_response, run, temporary_folder


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
            with Server("--model", INTENT, "--uds-path", path, "--threads", "1"):
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


if __name__ == "__main__":
    unittest.main()
