#!/usr/bin/env python3
"""Replays golden.jsonl: requests with the status, headers and body that clients of text-embeddings-inference 1.9 and of OpenAI expect. They were derived
by reading TEI's source and OpenAI's reference, not by recording those servers. usage: golden_test.py BERTH REPOSITORY

A line: {"name", "server", "method", "path", "headers"?, "body"? (JSON) or "raw"? (the body's text), "status", "expect_headers"?, "expect" (JSON) or
"expect_text"}. In "expect", numbers that are no integers may differ by 1e-4, {"$vector": n} is a list of n numbers, {"$any": true} anything, and
{"$contains": text} a string with this in it; in "expect_headers" a value is a regular expression."""
import json
import pathlib
import unittest

from harness import CASES, REPOSITORY, WEIGHTS, Server, fill_mask_model, temporary_folder

LINES = [json.loads(line) for line in (REPOSITORY / "tests/server/golden.jsonl").read_text().splitlines()]


def difference(expected, got, where="body"):
    """What is other than expected, or None."""
    if isinstance(expected, dict) and "$vector" in expected:
        good = isinstance(got, list) and len(got) == expected["$vector"] and all(isinstance(value, (int, float)) for value in got)
        return None if good else f"{where}: no vector of {expected['$vector']}"
    if isinstance(expected, dict) and "$any" in expected:
        return None
    if isinstance(expected, dict) and "$contains" in expected:
        return None if isinstance(got, str) and expected["$contains"] in got else f"{where}: {got!r} lacks {expected['$contains']!r}"
    if isinstance(expected, float) or isinstance(got, float):
        good = isinstance(got, (int, float)) and not isinstance(got, bool) and abs(expected - got) <= 1e-4
        return None if good else f"{where}: {got!r}, not {expected!r}"
    if type(expected) is not type(got):
        return f"{where}: {got!r}, not {expected!r}"
    if isinstance(expected, dict):
        if list(expected) != list(got):
            return f"{where}: keys {list(got)}, not {list(expected)}"
        return next(filter(None, (difference(expected[key], got[key], f"{where}.{key}") for key in expected)), None)
    if isinstance(expected, list):
        if len(expected) != len(got):
            return f"{where}: {len(got)} entries, not {len(expected)}"
        return next(filter(None, (difference(one, other, f"{where}[{i}]") for i, (one, other) in enumerate(zip(expected, got)))), None)
    return None if expected == got else f"{where}: {got!r}, not {expected!r}"


def as_json_schema(schema):
    """OpenAPI 3.0 says `nullable` where JSON Schema has a type."""
    if isinstance(schema, list):
        return [as_json_schema(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    changed = {key: as_json_schema(value) for key, value in schema.items() if key != "nullable"}
    return {"anyOf": [changed, {"type": "null"}]} if schema.get("nullable") is True else changed


class Golden(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = temporary_folder()
        mlm = fill_mask_model(cls.folder.name)
        profile = pathlib.Path(cls.folder.name) / "cards.json"
        profile.write_text(json.dumps({"model": str(WEIGHTS / "intent"), "default": "other", "rules": [{"name": "police", "action": "set", "label": "other", "phrases": ["the police"]}],
                                       "labels": {"card": {"examples": ["I lost my card", "my card was stolen"], "threshold": 0.6}, "other": {"examples": []}}}))
        small = ("--max-client-batch-size", "4", "--payload-limit", "4096", "--threads", "1")
        keys = pathlib.Path(cls.folder.name) / "keys"
        keys.write_text("\ufefffirst-key\r\n# of the test\nsecond-key\n", encoding="utf-8", newline="")  # as Notepad would
        cls.servers = {
            "embed": Server("--model", f"intent={WEIGHTS / 'intent'}", *small),
            "classify": Server("--model", f"sentiment={WEIGHTS / 'sentiment'}", *small),
            "labels": Server("--model", f"emotion={WEIGHTS / 'emotion'}", "--tei-strict", *small),
            "rerank": Server("--model", f"cross={CASES / 'bert-crossencoder'}", *small),
            "tasks": Server("--model", f"nli={CASES / 'bert-nli'}", "--model", f"tagger={CASES / 'bert-tokencls'}", "--model", f"mlm={mlm}", "--profile", profile, "--openai-errors", "nested", *small),
            "keys": Server("--model", f"intent={WEIGHTS / 'intent'}", "--api-key-file", keys, "--cors-allow-origin", "https://app.example", "--admin", *small),
        }

    @classmethod
    def tearDownClass(cls):
        for server in cls.servers.values():
            server.stop()
        cls.folder.cleanup()

    def test_there_are_enough(self):
        self.assertGreaterEqual(len(LINES), 80)
        self.assertEqual(len(LINES), len({line["name"] for line in LINES}))

    def test_all(self):
        for line in LINES:
            with self.subTest(line["name"]):
                body = line["raw"].encode() if "raw" in line else line.get("body")
                response = self.servers[line["server"]].request(line["method"], line["path"], body, line.get("headers"))
                self.assertEqual(response.status, line["status"], response)
                for name, pattern in line.get("expect_headers", {}).items():
                    if pattern is None:
                        self.assertNotIn(name, response.headers)
                    else:
                        self.assertRegex(response.headers.get(name, ""), "^(?:" + pattern + ")$", name)
                if "expect_text" in line:
                    self.assertEqual(response.text, line["expect_text"])
                else:
                    problem = difference(line["expect"], response.json)
                    self.assertIsNone(problem, response)

    def test_the_document_describes_the_answers(self):
        """Bodies of responses against their schemas in /openapi.json, as far as jsonschema is there."""
        try:
            import jsonschema
        except ImportError:
            self.skipTest("there is no module jsonschema (Debian's python3-jsonschema)")
        document = self.servers["embed"].request("GET", "/openapi.json").json
        schemas = {"components": {"schemas": as_json_schema(document["components"]["schemas"])}}
        checked = set()
        for line in LINES:
            operation = document["paths"].get(line["path"].split("?")[0], {}).get(line["method"].lower())
            schema = (operation or {}).get("responses", {}).get(str(line["status"]), {}).get("content", {}).get("application/json", {}).get("schema")
            nested = line["status"] != 200 and line["server"] == "tasks"  # --openai-errors nested is another form
            if schema is None or nested or "expect" not in line:
                continue
            with self.subTest(line["name"]):
                body = line["raw"].encode() if "raw" in line else line.get("body")
                response = self.servers[line["server"]].request(line["method"], line["path"], body, line.get("headers"))
                jsonschema.validate(response.json, {**schemas, **schema})
                if line["status"] == 200 and isinstance(line.get("body"), dict):
                    request = operation["requestBody"]["content"]["application/json"]["schema"]
                    jsonschema.validate(line["body"], {**schemas, **request})
                checked.add((line["path"], line["status"]))
        self.assertGreaterEqual(len(checked), 25, checked)

    def test_differences_are_found(self):
        for expected, got in [({"a": 1}, {"a": 2}), ({"a": 1}, {"b": 1}), ([1], [1, 1]), (0.5, 0.6), ("a", "b"), ({"$vector": 2}, [1.0]), (None, 0), (True, 1),
                              ({"$contains": "x"}, "y"), ({"a": 1, "b": 2}, {"b": 2, "a": 1})]:
            self.assertIsNotNone(difference(expected, got), (expected, got))


if __name__ == "__main__":
    unittest.main()
