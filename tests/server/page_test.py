#!/usr/bin/env python3
"""The page at /, driven in headless Chromium as a person would: type, click, read. usage: page_test.py BERTH REPOSITORY [SCREENSHOTS]
Skips without Debian's chromium and chromium-driver."""
import base64
import http.client
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

SCREENSHOTS = pathlib.Path(sys.argv.pop(3)) if len(sys.argv) > 3 else None

from harness import REPOSITORY, WEIGHTS, Server, cli, until  # noqa: E402

DRIVER, BROWSER = shutil.which("chromedriver"), shutil.which("chromium")
if not DRIVER or not BROWSER:
    print("skipped: there is no chromedriver and chromium (packages chromium, chromium-driver)")
    sys.exit(77)
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # the key of WebDriver's references


class Browser:
    """W3C WebDriver, as far as it is needed."""

    def __init__(self, folder):
        self.process = subprocess.Popen([DRIVER, "--port=0"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.port = None
        for line in self.process.stdout:
            found = re.search(r"started successfully on port (\d+)", line)
            if found:
                self.port = int(found.group(1))
                break
        options = {"binary": BROWSER, "args": ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--window-size=1000,1400", f"--user-data-dir={folder}"]}
        session = self.call("POST", "/session", {"capabilities": {"alwaysMatch": {"browserName": "chrome", "goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}}})
        self.session = "/session/" + session["sessionId"]

    def call(self, method, path, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request(method, path, None if body is None else json.dumps(body), {"content-type": "application/json"})
        answer = json.loads(connection.getresponse().read())["value"]
        connection.close()
        if isinstance(answer, dict) and "error" in answer:
            raise AssertionError(answer)
        return answer

    def go(self, url):
        self.call("POST", self.session + "/url", {"url": url})

    def find(self, selector):
        return self.call("POST", self.session + "/element", {"using": "css selector", "value": selector})[ELEMENT]

    def click(self, selector):
        self.call("POST", f"{self.session}/element/{self.find(selector)}/click", {})

    def type(self, selector, text):
        element = self.find(selector)
        self.call("POST", f"{self.session}/element/{element}/clear", {})
        self.call("POST", f"{self.session}/element/{element}/value", {"text": text})

    def run(self, script, *arguments):
        return self.call("POST", self.session + "/execute/sync", {"script": script, "args": list(arguments)})

    def text(self, selector):
        return self.run("return document.querySelector(arguments[0])?.innerText ?? ''", selector)

    def develop(self, command, **parameters):
        return self.call("POST", self.session + "/goog/cdp/execute", {"cmd": command, "params": parameters})

    def log(self):
        return self.call("POST", self.session + "/se/log", {"type": "browser"})

    def screenshot(self, name):
        data = base64.b64decode(self.call("GET", self.session + "/screenshot"))
        if SCREENSHOTS:
            SCREENSHOTS.mkdir(parents=True, exist_ok=True)
            (SCREENSHOTS / f"{name}.png").write_bytes(data)
        return data

    def close(self):
        try:
            self.call("DELETE", self.session)
        finally:
            self.process.terminate()
            self.process.wait(20)
            self.process.stdout.close()


class Page(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        profile = pathlib.Path(cls.folder.name) / "cards.json"
        profile.write_text(json.dumps({"model": str(WEIGHTS / "intent"), "labels": {"card": {"examples": ["I lost my <b>card</b>"]}, "none": {"examples": []}},
                                       "rules": [{"name": "police", "action": "set", "label": "none", "phrases": ["the police"]}]}))
        cls.server = Server("--model", f"intent={WEIGHTS / 'intent'}", "--model", f"sentiment={WEIGHTS / 'sentiment'}", "--profile", profile, "--threads", "1")
        cls.browser = Browser(cls.folder.name)

    @classmethod
    def tearDownClass(cls):
        cls.browser.close()
        cls.server.stop()
        cls.folder.cleanup()

    def setUp(self):
        self.browser.go(f"http://127.0.0.1:{self.server.port}/")
        until(lambda: self.browser.run("return document.querySelectorAll('#model option').length") == 3, what="the list of models")

    def tearDown(self):
        wrong = [entry for entry in self.browser.log() if entry["level"] == "SEVERE" and "favicon" not in entry["message"] and self.expected not in entry["message"]]
        self.assertEqual(wrong, [])

    expected = "\0"

    def choose(self, model):
        self.browser.run("const s = document.getElementById('model'); s.value = arguments[0]; s.dispatchEvent(new Event('change'));", model)

    def test_labels(self):
        self.choose("sentiment")
        self.browser.type("#label-text", "Two hours of my life that I will never get back.")
        self.browser.click("#label-run")
        until(lambda: "tokens" in self.browser.text("#label-result"))
        (row,) = cli("classify", "--model", WEIGHTS / "sentiment", "--top-k", "0", "Two hours of my life that I will never get back.")
        shown = self.browser.text("#label-result")
        for label in row["labels"]:
            self.assertIn(label["label"], shown)
            self.assertIn(f"{label['score']:.3f}", shown)
        widths = self.browser.run("return [...document.querySelectorAll('#label-result .bar')].map(bar => bar.getBoundingClientRect().width)")
        self.assertGreater(widths[0], widths[1])
        self.browser.screenshot("labels")

    def test_a_profiles_decision(self):
        self.choose("cards")
        for section in ["compare", "tokens"]:
            self.assertFalse(self.browser.run(f"return document.getElementById('{section}-section').checkVisibility()"))
        self.browser.type("#label-text", "I have lost my card and called the police")
        self.browser.click("#label-run")
        until(lambda: "tokens" in self.browser.text("#label-result"))
        shown = self.browser.text("#label-result")
        for words in ["none", "rule", "police: the police", "I lost my <b>card</b> (card, "]:
            self.assertIn(words, shown)
        self.assertEqual(self.browser.run("return document.querySelectorAll('#label-result b').length"), 0, "texts are texts")
        self.browser.screenshot("profile")

    def test_similarity(self):
        self.choose("intent")
        self.assertFalse(self.browser.run("return document.getElementById('labels-section').checkVisibility()"))
        texts = ["How do I change my PIN?", "I want a new pin code", "Play some jazz"]
        self.browser.type("#compare-text", "\n".join(texts))
        self.browser.click("#compare-run")
        until(lambda: self.browser.run("return document.querySelectorAll('.heat td').length") >= 9)
        rows = cli("similarity", "--model", WEIGHTS / "intent", *texts)
        cells = self.browser.run("return [...document.querySelectorAll('.heat tr')].slice(1).map(row => [...row.querySelectorAll('td')].map(cell => Number(cell.innerText)))")
        for row, line in zip(rows, cells):
            for expected, got in zip(row["similarities"], line):
                self.assertAlmostEqual(expected, got, delta=1e-3)
        self.browser.screenshot("similarity")

    def test_tokens(self):
        text = "Unbelievably <b>bold</b> words"
        self.browser.type("#token-text", text)
        self.browser.click("#token-run")
        until(lambda: self.browser.run("return document.querySelectorAll('.token').length") > 3)
        (row,) = cli("tokenize", "--model", WEIGHTS / "intent", text)
        ids = self.browser.run("return [...document.querySelectorAll('.token small')].map(each => Number(each.innerText))")
        self.assertEqual(ids, row["ids"])
        self.assertEqual(self.browser.run("return document.querySelectorAll('#token-result b').length"), 0, "texts are texts")
        self.browser.screenshot("tokens")

    def test_errors_are_said(self):
        type(self).expected = "/embed"
        self.choose("intent")
        self.browser.type("#compare-text", "one")
        self.browser.click("#compare-run")
        until(lambda: "Two texts" in self.browser.text("#compare-result [role=alert]"))

    def test_charts_move(self):
        until(lambda: self.browser.run("return document.querySelectorAll('#rate-chart polyline').length") == 1, timeout=30)
        for _ in range(20):
            self.server.post("/embed", {"inputs": ["a", "b"]})
        until(lambda: re.search(r"\d ms", self.browser.text("#latency-now")), timeout=30, what="a latency")
        self.assertRegex(self.browser.text("#queue-now"), r"^\d+$")

    def test_light_and_dark(self):
        grounds = []
        for scheme in ["light", "dark"]:
            self.browser.develop("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
            grounds.append(self.browser.run("return getComputedStyle(document.body).backgroundColor"))
            self.browser.screenshot(scheme)
        self.assertEqual(grounds, ["rgb(255, 255, 255)", "rgb(18, 22, 29)"])

    def test_accessible_and_from_this_server_alone(self):
        unnamed = self.browser.run("""
            return [...document.querySelectorAll('textarea, select, input, button, svg[role=img], section')].filter(each => {
              const by = (each.getAttribute('aria-labelledby') ?? '').split(' ').filter(Boolean).map(id => document.getElementById(id)?.innerText ?? '').join('');
              return !(by || each.innerText || each.labels?.length || each.getAttribute('aria-label'));
            }).map(each => each.outerHTML.slice(0, 80));""")
        self.assertEqual(unnamed, [])
        self.assertEqual(self.browser.run("return document.documentElement.lang"), "en")
        loaded = self.browser.run("return performance.getEntriesByType('resource').map(each => each.name)")
        self.assertTrue(loaded)
        for name in loaded:
            self.assertTrue(name.startswith(f"http://127.0.0.1:{self.server.port}/"), name)
        self.browser.run("document.getElementById('model').focus()")
        self.assertEqual(self.browser.run("return document.activeElement.id"), "model")


class WithKeys(unittest.TestCase):
    def test_a_key_is_asked_for(self):
        with tempfile.TemporaryDirectory() as folder, Server("--model", f"intent={WEIGHTS / 'intent'}", "--threads", "1", "--api-key", "k3y") as server:
            browser = Browser(folder)
            try:
                browser.go(f"http://127.0.0.1:{server.port}/")
                until(lambda: browser.run("return document.getElementById('key').checkVisibility()"))
                browser.type("#key", "k3y\n")
                until(lambda: browser.run("return document.querySelectorAll('#model option').length") == 1)
                browser.click("#token-run")
                until(lambda: browser.run("return document.querySelectorAll('.token').length") > 3)
            finally:
                browser.close()


class Plain(unittest.TestCase):
    def test_who_gets_the_page(self):
        with Server("--model", f"intent={WEIGHTS / 'intent'}", "--threads", "1") as server:
            page = server.request("GET", "/", headers={"accept": "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"})
            self.assertEqual((page.status, page.headers["content-type"]), (200, "text/html; charset=utf-8"))
            self.assertEqual(page.text, (REPOSITORY / "apps/server/page.html").read_text())
            self.assertIn("default-src 'none'", page.headers["content-security-policy"])
            self.assertEqual(server.request("GET", "/", headers={"accept": "*/*"}).body, b"")
        with Server("--model", f"intent={WEIGHTS / 'intent'}", "--threads", "1", "--page", "false") as server:
            self.assertEqual(server.request("GET", "/", headers={"accept": "text/html"}).body, b"")


if __name__ == "__main__":
    unittest.main()
