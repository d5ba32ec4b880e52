#!/usr/bin/env python3
"""A million lines through real pipes: each is answered once, in order, in memory that does not grow; and the same file interrupted several times."""
import json
import os
import pathlib
import signal
import subprocess
import tempfile
import threading
import time
import unittest

from binary import COMMAND, WEIGHTS, environment

LINES = 1_000_000
PROFILE = {"model": str(WEIGHTS / "intent"), "default": "other", "precision": "int8", "labels": {
    "card": {"examples": ["I lost my card", "my card was stolen"]}, "music": {"examples": ["play some music"]}, "other": {"examples": []}}}


def line(i):
    return b'{"id":%d,"text":"%s %d"%s}\n' % (i, (b"play song", b"lost card", b"hello")[i % 3], i % 1000, b"" if i % 1000 else b',"wrong":true,"text_pair":"x"')


class MillionLines(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        (self.folder / "p.json").write_text(json.dumps(PROFILE))

    def command(self, *arguments):
        return [str(word) for word in [*COMMAND, "classify", "--profile", self.folder / "p.json", "--keep-fields", *arguments]]

    def test_a_pipe(self):
        errors = self.folder / "bad"
        process = subprocess.Popen(self.command("--errors", errors), stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment())

        def feed():
            with process.stdin:
                for begin in range(0, LINES, 1000):
                    process.stdin.write(b"".join(map(line, range(begin, begin + 1000))))
        feeder = threading.Thread(target=feed)
        started = time.monotonic()
        feeder.start()
        expected = (i for i in range(LINES) if i % 1000)
        for answer in process.stdout:
            wanted = next(expected)
            if not answer.startswith(b'{"id":%d,"text":"' % wanted) or not answer.endswith(b'"truncated":false}}\n'):
                self.fail(f"in the place of line {wanted}: {answer[:200]!r}")
        self.assertIsNone(next(expected, None))
        feeder.join()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        process.stdout.close()
        self.assertEqual(process.returncode, 0)
        bad = [json.loads(each)["line"] for each in errors.read_text().splitlines()]
        self.assertEqual(bad, list(range(1, LINES + 1, 1000)))
        print(f"{LINES / (time.monotonic() - started):.0f} lines a second, {usage.ru_maxrss / 1024:.0f} MiB at most")
        self.assertLess(usage.ru_maxrss / 1024, 120)

    def test_many_interruptions(self):
        count = 200_000
        source, output = self.folder / "in.jsonl", self.folder / "out.jsonl"
        with open(source, "wb") as file:
            for i in range(count):
                file.write(line(i))
        arguments = self.command("--input", source, "--output", output, "--errors", self.folder / "bad")
        runs, resume = 0, []
        while True:
            process = subprocess.Popen(arguments + resume, stderr=subprocess.DEVNULL, env=environment())
            try:
                if process.wait(timeout=1.5 + 0.1 * (runs % 7)) == 0:
                    break
            except subprocess.TimeoutExpired:
                process.send_signal((signal.SIGINT, signal.SIGKILL, signal.SIGTERM)[runs % 3])
                process.wait(timeout=60)
            runs, resume = runs + 1, ["--resume"]
            self.assertLess(runs, 400)
        ids = [json.loads(each)["id"] for each in output.read_text().splitlines()]
        self.assertEqual(ids, [i for i in range(count) if i % 1000])
        self.assertEqual(len((self.folder / "bad").read_text().splitlines()), count // 1000)
        print(f"interrupted {runs} times")
        self.assertGreater(runs, 1)


if __name__ == "__main__":
    unittest.main()
